"""Resumable uploads: tus 1.0.0, each upload being a PENDING file that lies on its canvas already."""

import hashlib
import math
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from starlette.exceptions import HTTPException

from canvas_demo.contracts.canvases.v1 import canvases_pb2
from canvas_demo.contracts.files.v1 import files_pb2 as pb
from canvas_demo.gateway import tus_headers as tus
from canvas_demo.gateway.callers import Caller, IdempotencyKey, Metadata
from canvas_demo.gateway.clients import Clients, Modules
from canvas_demo.gateway.content import media_type_of
from canvas_demo.gateway.edge import ANSWER_HEADERS, BODY_LIMIT
from canvas_demo.gateway.placing import is_final, place_item, withdraw
from canvas_demo.gateway.problems import documented
from canvas_demo.gateway.sending import Sending
from canvas_demo.kernel.errors import Conflict, DomainError, Gone, Invalid, NotFound, Rejected, TooLarge
from canvas_demo.kernel.rpc import ask


class ChecksumMismatch(DomainError):
    """What came is not what its checksum says (tus 1.0.0, extension checksum)."""

    grpc_status, http_status, title = "INVALID_ARGUMENT", 460, "Checksum Mismatch"


async def _protocol(
    request: Request,
    version: Annotated[str | None, Header(alias="Tus-Resumable", description="1.0.0")] = None,
) -> None:
    """Every answer says the version; every request but OPTIONS has to. Raises 412."""
    request.scope[ANSWER_HEADERS] = {"Tus-Resumable": tus.VERSION, "Cache-Control": "no-store"}
    if request.method != "OPTIONS" and version != tus.VERSION:
        raise HTTPException(412, f"Send Tus-Resumable: {tus.VERSION}.", {"Tus-Version": tus.VERSION})


router = APIRouter(prefix="/api/uploads", tags=["uploads"], dependencies=[Depends(_protocol)])

UploadId = Annotated[str, Path(json_schema_extra={"format": "uuid"})]
Offset = Annotated[str | None, Header(alias="Upload-Offset", description="Bytes that are before this.")]
ChecksumHeader = Annotated[
    str | None, Header(alias="Upload-Checksum", description=f"Of this body: one of {tus.ALGORITHMS}, and Base64.")
]
LENGTH = Header(alias="Upload-Length", description="Bytes that the content will have.")
METADATA = Header(
    alias="Upload-Metadata",
    description="`filename` and `canvas_id`; optional `filetype`, `x`, `y`; each value in Base64.",
)


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


OFFSET = {"Upload-Offset": _header("Bytes that are stored.")}
SAID = {
    "Upload-Length": _header("Bytes that the content will have."),
    "Upload-Metadata": _header("As it was said when the upload began, as long as that can be read."),
}
EXPIRES = {"Upload-Expires": _header("When an upload that nobody goes on with is given up.")}
LOCATION = {"Location": _header("The upload; its last part is the id of the file.")}
BODY: dict[str, Any] = {"requestBody": {"content": {tus.BODY_TYPE: {"schema": {"type": "string", "format": "binary"}}}}}
MISMATCH: dict[int | str, dict[str, Any]] = {
    ChecksumMismatch.http_status: {"description": ChecksumMismatch.title, "content": documented(400)[400]["content"]}
}


@router.options("", status_code=204, summary="Ask what tus can do here", responses=documented())
@router.options("/{upload_id}", status_code=204, include_in_schema=False)
async def tus_options(request: Request) -> Response:
    """The version and the extensions of tus, and how large a file may be."""
    headers = {
        "Tus-Version": tus.VERSION,
        "Tus-Extension": tus.EXTENSIONS,
        "Tus-Checksum-Algorithm": tus.ALGORITHMS,
        "Tus-Max-Size": str(request.app.state.settings.file_size_limit),
    }
    return Response(status_code=204, headers=headers)


@router.post(
    "",
    status_code=201,
    summary="Begin an upload",
    response_class=Response,
    openapi_extra=BODY,
    responses={
        201: {"headers": {**LOCATION, **OFFSET, **EXPIRES}},
        **MISMATCH,
        **documented(400, 401, 404, 409, 410, 412, 413, 415, 422, 507),
    },
)
async def begin_upload(
    caller: Caller,
    key: IdempotencyKey,
    modules: Modules,
    request: Request,
    length: Annotated[str | None, LENGTH] = None,
    metadata: Annotated[str | None, METADATA] = None,
    checksum: ChecksumHeader = None,
) -> Response:
    """Makes a PENDING file and places its item; the beginning of the content may come with it.

    The second time, with the same `Idempotency-Key`, it is not stored again: `Upload-Offset` says from
    where to go on. Of an upload that was deleted since it says what the file had, or 0, and nothing goes on.
    """
    size = tus.size_of("Upload-Length", length)
    wanted = tus.wanted_of(tus.metadata_of(metadata))
    append = pb.Append(checksum=tus.checksum_of(checksum))
    with_upload = _has_body(request)
    await ask(modules.canvases.GetCanvas(canvases_pb2.GetCanvasRequest(canvas_id=wanted.canvas_id), metadata=caller))
    file = await _created(modules, caller + key, wanted, size, metadata or "")
    append.file_id = file.id
    try:
        await place_item(modules, caller, wanted.canvas_id, file.id, wanted.x, wanted.y)
        upload = await _begun(modules, caller, key, file.id)
        if with_upload and upload.file.status == "PENDING" and upload.offset == 0:
            upload = await _received(modules, caller, append, request)
    except BaseException as error:
        # Whoever gets no Location can't go on with it, unless a key leads there.
        if is_final(error, key):
            await withdraw(modules, caller, file.id)
        raise
    headers = {"Location": f"/api/uploads/{file.id}", **_progress(upload)}
    return Response(status_code=201, headers=headers)


@router.head(
    "/{upload_id}",
    summary="Ask how far an upload has come",
    response_class=Response,
    responses={200: {"headers": {**OFFSET, **SAID, **EXPIRES}}, **documented(401, 404, 410, 412)},
)
async def get_upload(caller: Caller, upload_id: UploadId, modules: Modules) -> Response:
    """How many bytes are stored; 410 when the upload was ended or given up."""
    upload = await _upload(modules, caller, upload_id)
    described = {"filename": upload.file.name, "filetype": upload.file.media_type}
    headers = {
        **_progress(upload),
        "Upload-Length": str(upload.size),
        "Upload-Metadata": upload.metadata or tus.metadata_header(described),
    }
    return Response(status_code=200, headers=headers)


@router.patch(
    "/{upload_id}",
    status_code=204,
    summary="Go on with an upload",
    openapi_extra=BODY,
    responses={
        204: {"headers": {**OFFSET, **EXPIRES}},
        **MISMATCH,
        **documented(400, 401, 404, 409, 410, 412, 413, 415, 507),
    },
)
async def append_to_upload(
    caller: Caller,
    upload_id: UploadId,
    modules: Modules,
    request: Request,
    offset: Offset = None,
    checksum: ChecksumHeader = None,
) -> Response:
    """Stores what comes, and what came of a body that breaks off; of one with a checksum all or nothing.

    With the last byte the file is UPLOADED. `POST` with `X-HTTP-Method-Override: PATCH` (or `HEAD`, or `DELETE`)
    does the same; it knows no `Idempotency-Key`, since `Upload-Offset` keeps a second one from having an effect.
    """
    if not _has_body(request, required=True):
        raise HTTPException(415, f"Send the content as {tus.BODY_TYPE}.")
    start = tus.size_of("Upload-Offset", offset)
    append = pb.Append(file_id=upload_id, offset=start, checksum=tus.checksum_of(checksum))
    upload = await _upload(modules, caller, upload_id)
    if upload.file.status == "PENDING":
        upload = await _received(modules, caller, append, request)
    elif start != upload.offset:
        raise Rejected(f"All {upload.offset} bytes are stored.", current_offset=upload.offset)
    else:
        await _check_nothing(append.checksum, start, request)
    return Response(status_code=204, headers=_progress(upload))


@router.delete("/{upload_id}", status_code=204, summary="End an upload", responses=documented(401, 404, 409, 410, 412))
async def end_upload(caller: Caller, upload_id: UploadId, modules: Modules) -> Response:
    """What came of it is removed, and its item leaves the canvas."""
    await _found(modules, caller, upload_id)
    await ask(modules.files.DeleteFile(pb.DeleteFileRequest(file_id=upload_id), metadata=caller))
    return Response(status_code=204)


@router.post("/{upload_id}", status_code=204, summary="Do what X-HTTP-Method-Override says", include_in_schema=False)
async def overridden(
    caller: Caller,
    upload_id: UploadId,
    modules: Modules,
    request: Request,
    method: Annotated[str | None, Header(alias="X-HTTP-Method-Override")] = None,
    offset: Offset = None,
    checksum: ChecksumHeader = None,
) -> Response:
    """For clients that can send neither PATCH nor DELETE. It is that method, and so knows no `Idempotency-Key`."""
    match (method or "").upper():
        case "PATCH":
            return await append_to_upload(caller, upload_id, modules, request, offset, checksum)
        case "DELETE":
            return await end_upload(caller, upload_id, modules)
        case "HEAD":
            return await get_upload(caller, upload_id, modules)
        case _:
            raise HTTPException(405)


async def _created(modules: Clients, metadata: Metadata, wanted: tus.Wanted, size: int, said: str) -> pb.File:
    new = pb.CreateFileRequest(name=wanted.name, media_type=media_type_of(wanted.media_type), size=size, metadata=said)
    try:
        return await ask(modules.files.CreateFile(new, metadata=metadata))
    except Invalid as error:
        if error.metadata["field"] != "name":
            raise
        raise Invalid("filename", error.detail) from error


async def _begun(modules: Clients, caller: Metadata, key: Metadata, file_id: str) -> pb.Upload:
    """The upload that a creation has made. One with a key may come again when it has ended, and is answered, too."""
    try:
        return await _upload(modules, caller, file_id)
    except Gone:
        if not key:
            raise
        ended = pb.GetUploadRequest(file_id=file_id, though_ended=True)
        return await ask(modules.files.GetUpload(ended, metadata=caller))


async def _received(modules: Clients, metadata: Metadata, append: pb.Append, request: Request) -> pb.Upload:
    """How far the upload has come with the body. Raises `ChecksumMismatch`, and what the module answers."""
    request.scope[BODY_LIMIT] = math.inf
    sending = await Sending.begin(modules, metadata, append)
    try:
        return await sending.send_all(request.stream(), keep=not append.HasField("checksum"))
    except Invalid as error:
        if error.metadata["field"] != "checksum":
            raise
        raise ChecksumMismatch(error.detail) from error


async def _check_nothing(checksum: pb.Checksum, size: int, request: Request) -> None:
    """Whether the body is empty, as behind the end of an upload it has to be. Raises `TooLarge` and the like."""
    async for piece in request.stream():
        if piece:
            raise TooLarge(f"All {size} bytes are stored; more came.", limit=size)
    if checksum.algorithm and hashlib.new(checksum.algorithm, usedforsecurity=False).digest() != checksum.digest:
        raise ChecksumMismatch("Nothing came, and the checksum is of something else.")


async def _found(modules: Clients, caller: Metadata, upload_id: str) -> pb.Upload:
    """The upload. Raises `NotFound` for a file whose size was not said when it began (one-shot), and `Gone`."""
    upload = await ask(modules.files.GetUpload(pb.GetUploadRequest(file_id=upload_id), metadata=caller))
    if not upload.HasField("size"):
        raise NotFound(f"There is no upload {upload_id}.")
    return upload


async def _upload(modules: Clients, caller: Metadata, upload_id: str) -> pb.Upload:
    """The same, for whoever goes on with it.

    One of which all has come, while the call that brought the last of it ended too early, is finished now:
    its client takes it for complete, and would send nothing more.
    """
    upload = await _found(modules, caller, upload_id)
    if upload.file.status == "PENDING" and upload.offset == upload.size:
        sending = await Sending.begin(modules, caller, pb.Append(file_id=upload_id, offset=upload.offset))
        try:
            return await sending.end()
        except (Conflict, Rejected):  # somebody else has finished it, or is about to
            return await _found(modules, caller, upload_id)
        finally:
            sending.cancel()
    return upload


def _progress(upload: pb.Upload) -> dict[str, str]:
    return {"Upload-Offset": str(upload.offset), **tus.expires_of(upload)}


def _has_body(request: Request, *, required: bool = False) -> bool:
    """Whether content comes with the request. Raises 415 where it is of another type."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == tus.BODY_TYPE:
        return True
    if required or request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers:
        raise HTTPException(415, f"Send the content as {tus.BODY_TYPE}.")
    return False
