"""How long until an event reaches a subscriber again."""

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from uuid import uuid4

from grpc.aio import AioRpcError

from canvas_demo.chaos.load import Api, Organization
from canvas_demo.chaos.subscriber import Subscriber
from canvas_demo.contracts.canvases.v1 import canvases_pb2 as pb

EVERY = 0.05
GIVES_UP_AFTER = 600.0


class Probe:
    """Writes to a canvas of its own, and has subscribers there, one that begins at each websocket host."""

    def __init__(self, api: Api, urls: Sequence[str]) -> None:
        self._api = api
        self._urls = urls
        self._arrived: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._of: Organization = await self._api.register(1)
        subjects = [f"canvas/{self._of.canvases[0]}"]
        subscribers = [
            Subscriber([*self._urls[at:], *self._urls[:at]], self._of.token, subjects, self._note)
            for at in range(len(self._urls))
        ]
        self._tasks = [asyncio.create_task(each.run()) for each in subscribers]
        for each in subscribers:
            await asyncio.wait_for(each.ready.wait(), GIVES_UP_AFTER)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _note(self, correlation_id: str) -> None:
        self._arrived.setdefault(correlation_id, time.monotonic())

    async def next_event(self) -> float:
        """Seconds until an event that is written from now on has reached a subscriber. Raises TimeoutError."""
        began = time.monotonic()
        sent: list[str] = []
        sends = [asyncio.create_task(self._send(sent)) for _ in range(2)]
        try:
            while time.monotonic() < began + GIVES_UP_AFTER:
                first = min((self._arrived[id_] for id_ in sent if id_ in self._arrived), default=None)
                if first is not None:
                    return first - began
                await asyncio.sleep(0.01)
        finally:
            for send in sends:
                send.cancel()
            await asyncio.gather(*sends, return_exceptions=True)
        raise TimeoutError(f"no event reached a subscriber within {GIVES_UP_AFTER:.0f} s")

    async def write(self) -> None:
        """Write until cancelled, whoever sees it."""
        await self._send([])

    async def _send(self, sent: list[str]) -> None:
        while True:
            correlation_id = str(uuid4())
            sent.append(correlation_id)
            metadata = [("authorization", f"Bearer {self._of.token}"), ("x-correlation-id", correlation_id)]
            rename = pb.RenameCanvasRequest(canvas_id=self._of.canvases[0], name=correlation_id)
            try:
                await self._api.canvases.RenameCanvas(rename, metadata=metadata, timeout=2)
            except AioRpcError:
                sent.remove(correlation_id)
            await asyncio.sleep(EVERY)
