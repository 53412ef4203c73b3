"""A content on its way to the module files."""

import asyncio
from collections.abc import AsyncIterator
from typing import Self

from grpc.aio import StreamUnaryCall
from starlette.requests import ClientDisconnect

from canvas_demo.contracts.files.v1 import files_pb2 as pb
from canvas_demo.gateway.callers import Metadata
from canvas_demo.gateway.clients import Clients
from canvas_demo.kernel.errors import Unavailable
from canvas_demo.kernel.rpc import ask
from canvas_demo.kernel.streams import Stopped

MESSAGE = 1024 * 1024
"""Bytes of content that are sent at once, where they come in smaller pieces."""
PIECES = 1024
"""Pieces after which they are sent all the same: each of them takes room of its own, however small it is."""


class Sending:
    """One AppendContent call; what is sent is collected into large messages."""

    def __init__(self, call: "StreamUnaryCall[pb.AppendContentRequest, pb.Upload]") -> None:
        self._call = call
        self._stopped = Stopped(call)
        self._waiting: list[bytes | memoryview] = []
        self._waiting_size = 0
        self.size = 0
        """Bytes so far."""

    @classmethod
    async def begin(cls, modules: Clients, metadata: Metadata, append: pb.Append) -> Self:
        """Begin the call. Raises what the module answers, here and in all that follows."""
        sending = cls(modules.files.AppendContent(metadata=metadata))
        await sending._write(pb.AppendContentRequest(append=append))
        return sending

    async def send(self, piece: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._waiting.append(piece)
        self._waiting_size += len(piece)
        self.size += len(piece)
        if self._waiting_size >= MESSAGE or len(self._waiting) >= PIECES:
            await self._flush()

    async def send_all(self, body: AsyncIterator[bytes], *, keep: bool) -> pb.Upload:
        """Send a whole body; with ``keep`` what came of one that breaks off is stored all the same."""
        try:
            async for piece in body:
                await self.send(piece)
            return await self.end()
        except ClientDisconnect:
            if keep:
                await self.end()
            raise
        finally:
            self.cancel()

    async def end(self, *, say_size: bool = False) -> pb.Upload:
        """Send what is left, and how much it was if that is not known yet; how far the upload has come then."""
        await self._flush()
        if say_size:
            await self._write(pb.AppendContentRequest(size=self.size))
        return await self._answer()

    def cancel(self) -> None:
        """Break off, if it is not over."""
        self._call.cancel()
        self._stopped.forget()

    async def _flush(self) -> None:
        if self._waiting:
            chunk, self._waiting, self._waiting_size = b"".join(self._waiting), [], 0
            await self._write(pb.AppendContentRequest(chunk=chunk))

    async def _write(self, request: pb.AppendContentRequest) -> None:
        if self._stopped:
            await self._refused()
        try:
            await self._call.write(request)
        except asyncio.InvalidStateError:  # the module has ended the call already
            await self._refused()

    async def _refused(self) -> None:
        await self._answer()
        raise Unavailable("The module files ended an upload before it had all of it; try again.")

    async def _answer(self) -> pb.Upload:
        await self._call.done_writing()
        answer = await ask(self._call)
        self._stopped.forget()
        return answer
