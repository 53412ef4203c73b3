"""Canvases; what lies on them is in items.py."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from canvas_demo.contracts.canvases.v1 import canvases_pb2 as pb
from canvas_demo.contracts.notifications.v1.notifications_pb2 import ListPresenceRequest
from canvas_demo.gateway.callers import Caller, IdempotencyKey
from canvas_demo.gateway.changing import change
from canvas_demo.gateway.clients import Modules
from canvas_demo.gateway.models import (
    Canvas,
    CanvasList,
    CanvasName,
    CanvasPage,
    PresenceList,
    PresentPerson,
    canvas_of,
    summary_of,
)
from canvas_demo.gateway.preconditions import NEVER, ExpectedVersions, IfAsked, etag
from canvas_demo.gateway.problems import documented
from canvas_demo.kernel.rpc import ask
from canvas_demo.kernel.values import checked_id

router = APIRouter(prefix="/api/canvases", tags=["canvases"])

CanvasId = Annotated[str, Path(json_schema_extra={"format": "uuid"})]
ETAG = {"ETag": {"description": "The canvas's version.", "schema": {"type": "string"}}}
LOCATION = {"Location": {"description": "Where it is.", "schema": {"type": "string", "format": "uri-reference"}}}


@router.post(
    "",
    status_code=201,
    summary="Create a canvas",
    responses={201: {"headers": {**LOCATION, **ETAG}}, **documented(401, 410, 422)},
)
async def create_canvas(
    caller: Caller, key: IdempotencyKey, new: CanvasName, modules: Modules, response: Response
) -> Canvas:
    """An empty canvas of the caller's organisation."""
    request = pb.CreateCanvasRequest(name=new.name)
    canvas = await ask(modules.canvases.CreateCanvas(request, metadata=caller + key))
    response.headers["Location"] = f"/api/canvases/{canvas.id}"
    response.headers["ETag"] = etag(canvas.version)
    return canvas_of(canvas)


@router.get("", summary="List canvases", responses=documented(401, 422))
async def list_canvases(caller: Caller, page: Annotated[CanvasPage, Query()], modules: Modules) -> CanvasList:
    """Those of the caller's organisation, a page at a time."""
    request = pb.ListCanvasesRequest(
        page_size=page.page_size, page_token=page.page_token, order_by=page.order_by, archived=page.archived
    )
    answer = await ask(modules.canvases.ListCanvases(request, metadata=caller))
    canvases = [summary_of(canvas) for canvas in answer.canvases]
    return CanvasList(canvases=canvases, next_page_token=answer.next_page_token or None)


@router.get(
    "/{canvas_id}",
    summary="Get a canvas",
    response_model=Canvas,
    responses={
        200: {"headers": ETAG},
        304: {"description": "Not Modified", "headers": ETAG},
        **documented(401, 404, 412, 422),
    },
)
async def get_canvas(
    caller: Caller,
    canvas_id: CanvasId,
    conditions: IfAsked,
    modules: Modules,
    response: Response,
    version: Annotated[int, Query(ge=0, lt=NEVER, description="As it was at this version; 0: as it is.")] = 0,
) -> Canvas | Response:
    """A canvas with its items and its version, archived or not."""
    request = pb.GetCanvasRequest(canvas_id=canvas_id, version=version)
    canvas = await ask(modules.canvases.GetCanvas(request, metadata=caller))
    tag = etag(canvas.version)
    if conditions.is_kept(tag) and not canvas.forgotten:
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return canvas_of(canvas)


@router.patch(
    "/{canvas_id}",
    summary="Rename a canvas",
    responses={200: {"headers": ETAG}, **documented(401, 404, 409, 410, 412, 422)},
)
async def rename_canvas(
    caller: Caller,
    canvas_id: CanvasId,
    wanted: CanvasName,
    expected: ExpectedVersions,
    modules: Modules,
    response: Response,
) -> Canvas:
    """412 when it is no longer at the version of `If-Match`; 409 when another change always came at the same time."""
    request = pb.RenameCanvasRequest(canvas_id=canvas_id, name=wanted.name)
    canvas = await change(modules.canvases.RenameCanvas, request, caller, expected)
    response.headers["ETag"] = etag(canvas.version)
    return canvas_of(canvas)


@router.delete("/{canvas_id}", status_code=204, summary="Archive a canvas", responses=documented(401, 404, 409, 412))
async def archive_canvas(caller: Caller, canvas_id: CanvasId, expected: ExpectedVersions, modules: Modules) -> None:
    """It is no longer listed and can't be changed; its events, and so its state, remain."""
    request = pb.ArchiveCanvasRequest(canvas_id=canvas_id)
    await change(modules.canvases.ArchiveCanvas, request, caller, expected)


@router.get("/{canvas_id}/presence", summary="Who has a canvas open", responses=documented(401, 404))
async def list_presence(caller: Caller, canvas_id: CanvasId, modules: Modules) -> PresenceList:
    """Who is subscribed to it over a websocket, on any host; websockets are told of each change."""
    request = ListPresenceRequest(subject=f"canvas/{checked_id(canvas_id, 'canvas')}")
    answer = await ask(modules.notifications.ListPresence(request, metadata=caller))
    people = [
        PresentPerson(user_id=each.user_id, username=each.username, connections=each.connections)
        for each in answer.present
    ]
    return PresenceList(present=people)


@router.post(
    "/{canvas_id}/restore",
    summary="Restore an archived canvas",
    responses={200: {"headers": ETAG}, **documented(401, 404, 409, 412, 422)},
)
async def restore_canvas(
    caller: Caller,
    key: IdempotencyKey,
    canvas_id: CanvasId,
    expected: ExpectedVersions,
    modules: Modules,
    response: Response,
) -> Canvas:
    """It is listed again and can be changed; one that is not archived stays as it is."""
    request = pb.RestoreCanvasRequest(canvas_id=canvas_id)
    canvas = await change(modules.canvases.RestoreCanvas, request, caller + key, expected)
    response.headers["ETag"] = etag(canvas.version)
    return canvas_of(canvas)
