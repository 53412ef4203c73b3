"""The peer of `files`: the least that takes a body over HTTP to a file, and gives it back; nothing is encrypted."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

CHUNK = 1024 * 1024


def main() -> None:
    """Serve the file named by the first argument on a free port, printed first."""
    path = Path(sys.argv[1])

    async def put(request: Request) -> Response:
        with await asyncio.to_thread(path.open, "wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        return Response(status_code=201)

    async def get(_: Request) -> Response:
        size = (await asyncio.to_thread(path.stat)).st_size
        return StreamingResponse(_pieces(path), headers={"Content-Length": str(size)})

    app = Starlette(routes=[Route("/", put, methods=["POST"]), Route("/", get)])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        asyncio.run(server.serve([listener]))


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk


if __name__ == "__main__":
    main()
