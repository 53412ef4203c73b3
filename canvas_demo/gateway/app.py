"""The gateway, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.routing import WebSocketRoute
from starlette.staticfiles import StaticFiles

from canvas_demo.gateway import (
    canvases,
    files,
    health,
    items,
    organization_keys,
    pages,
    people,
    sessions,
    tus,
    uploads,
)
from canvas_demo.gateway.clients import clients_over
from canvas_demo.gateway.edge import Edge
from canvas_demo.gateway.head import Head
from canvas_demo.gateway.openapi import describe
from canvas_demo.gateway.problems import answer_with_problems
from canvas_demo.gateway.relay import Relay
from canvas_demo.kernel.rpc import Channels
from canvas_demo.kernel.settings import Settings


@asynccontextmanager
async def run_gateway(settings: Settings) -> AsyncIterator[FastAPI]:
    """The ASGI application that answers HTTP, and its channels to the modules, until the block ends."""
    channels = Channels(settings, "gateway")
    try:
        app = _application(settings, channels)
        if settings.websocket_urls:
            app.router.routes.insert(0, WebSocketRoute("/ws", Relay(settings.websocket_urls).serve, name="websocket"))
        yield app
    finally:
        await channels.close()


def _application(settings: Settings, channels: Channels) -> FastAPI:
    app = FastAPI(
        title="Canvas Demo",
        version=version("canvas-demo"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.settings = settings
    app.state.clients = clients_over(channels)
    operations = (sessions, people, organization_keys, canvases, items, uploads, tus, files, health, pages)
    routers = [each.router for each in operations]
    for router in routers:
        app.include_router(router)
    app.state.operations = [route for router in routers for route in router.routes]
    app.mount("/static", StaticFiles(directory=pages.STATIC))
    answer_with_problems(app)
    describe(app)
    app.add_middleware(Head, operations=app.state.operations)
    app.add_middleware(Edge, origins=settings.origins)
    return app
