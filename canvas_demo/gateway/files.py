"""File descriptors and contents."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Path, Response
from fastapi.responses import StreamingResponse
from grpc.aio import AioRpcError, UnaryStreamCall

from canvas_demo.contracts.files.v1 import files_pb2 as pb
from canvas_demo.gateway.callers import Caller, Metadata
from canvas_demo.gateway.changing import change
from canvas_demo.gateway.clients import Clients, Modules
from canvas_demo.gateway.content import content_disposition, media_type_of
from canvas_demo.gateway.head import HeadAlone
from canvas_demo.gateway.models import File, file_of
from canvas_demo.gateway.preconditions import ExpectedVersions, IfAsked, etag
from canvas_demo.gateway.problems import documented
from canvas_demo.gateway.ranges import Span, span_of
from canvas_demo.kernel.errors import Rejected
from canvas_demo.kernel.rpc import ask, error_of

router = APIRouter(prefix="/api/files", tags=["files"])

FileId = Annotated[str, Path(json_schema_extra={"format": "uuid"})]
ETAG = {"ETag": {"description": "The SHA-256 of the content, in hex digits.", "schema": {"type": "string"}}}
AS_FILE = {
    "Accept-Ranges": {"description": "`bytes`", "schema": {"type": "string"}},
    "Content-Disposition": {
        "description": "An attachment of the file's name (RFC 6266).",
        "schema": {"type": "string"},
    },
}
CONTENT_RANGE = {
    "Content-Range": {"description": "Which bytes these are, and of how many.", "schema": {"type": "string"}}
}
BINARY = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
Content = UnaryStreamCall[pb.ReadContentRequest, pb.ReadContentResponse]


@router.get("/{file_id}", summary="Get a file's descriptor", responses=documented(401, 404))
async def get_file(caller: Caller, file_id: FileId, modules: Modules) -> File:
    """What is known of a file; its content is beside it."""
    return file_of(await ask(modules.files.GetFile(pb.GetFileRequest(file_id=file_id), metadata=caller)))


@router.delete("/{file_id}", status_code=204, summary="Delete a file", responses=documented(401, 404, 409, 412))
async def delete_file(caller: Caller, file_id: FileId, expected: ExpectedVersions, modules: Modules) -> None:
    """Its content is gone at once, and its items leave their canvases. `If-Match` names the descriptor's `version`."""
    await change(modules.files.DeleteFile, pb.DeleteFileRequest(file_id=file_id), caller, expected)


@router.get(
    "/{file_id}/content",
    summary="Get a file's content",
    response_class=Response,
    responses={
        200: {"description": "The whole content", "content": BINARY, "headers": {**ETAG, **AS_FILE}},
        206: {
            "description": "The bytes that `Range` asks for",
            "content": BINARY,
            "headers": {**ETAG, **AS_FILE, **CONTENT_RANGE},
        },
        304: {"description": "Not Modified", "headers": ETAG},
        **documented(401, 404, 409, 410, 412, 416),
    },
)
async def get_content(
    caller: Caller,
    file_id: FileId,
    conditions: IfAsked,
    head_alone: HeadAlone,
    modules: Modules,
    if_range: Annotated[str | None, Header(description="The ETag that `Range` holds for.")] = None,
    range_: Annotated[str | None, Header(alias="Range", description="One range of bytes.")] = None,
) -> Response:
    """The content, or one range of it; 409 while it is not complete. Its ETag is its SHA-256."""
    file = await ask(modules.files.GetFile(pb.GetFileRequest(file_id=file_id), metadata=caller))
    if file.status != "UPLOADED":
        raise Rejected(f"File {file.id} is {file.status}: it has no content yet.")
    tag = etag(file.sha256)
    is_kept = conditions.is_kept(tag)
    if head_alone or is_kept:
        # Where its keys were destroyed, nothing that was kept of it is confirmed.
        await _begun(modules, caller, pb.ReadContentRequest(file_id=file.id, offset=file.size))
    if is_kept:
        return Response(status_code=304, headers={"ETag": tag})
    if head_alone:
        return Response(headers=_headers(file, None), media_type=media_type_of(file.media_type))
    span = span_of(range_, file.size) if if_range is None or if_range.strip() == tag else None
    content = await _opened(modules, caller, file, span)
    return StreamingResponse(content, 206 if span else 200, _headers(file, span), media_type_of(file.media_type))


def _headers(file: pb.File, span: Span | None) -> dict[str, str]:
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": content_disposition(file.name),
        "Content-Length": str(span.length if span else file.size),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "ETag": etag(file.sha256),
    }
    return {**headers, "Content-Range": span.content_range(file.size)} if span else headers


async def _opened(modules: Clients, caller: Metadata, file: pb.File, span: Span | None) -> AsyncIterator[bytes]:
    """The content, once its first chunk is there: what can't be read is said before the answer begins."""
    request = pb.ReadContentRequest(file_id=file.id)
    if span:
        request.offset, request.length = span.first, span.length
    return _chunks(*await _begun(modules, caller, request))


async def _begun(
    modules: Clients, caller: Metadata, request: pb.ReadContentRequest
) -> tuple[Content, pb.ReadContentResponse | None, AsyncIterator[pb.ReadContentResponse]]:
    """The call, its first answer, and the others. Raises what the module answers instead."""
    call = modules.files.ReadContent(request, metadata=caller)
    chunks = aiter(call)
    try:
        return call, await anext(chunks, None), chunks
    except AioRpcError as error:
        raise error_of(error) from error


async def _chunks(
    call: Content, first: pb.ReadContentResponse | None, rest: AsyncIterator[pb.ReadContentResponse]
) -> AsyncIterator[bytes]:
    try:
        if first is not None:
            yield first.chunk
        async for answer in rest:
            yield answer.chunk
    finally:
        call.cancel()
