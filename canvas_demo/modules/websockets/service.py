"""The gRPC services of websockets."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from canvas_demo.contracts.websockets.v1 import websockets_pb2 as pb
from canvas_demo.contracts.websockets.v1 import websockets_pb2_grpc as pb_grpc
from canvas_demo.kernel.errors import NotFound, TimedOut, Unavailable
from canvas_demo.kernel.module import Runtime
from canvas_demo.kernel.rpc import Service, ask
from canvas_demo.kernel.tokens import current_caller
from canvas_demo.kernel.values import rfc3339
from canvas_demo.modules.websockets.domain import text_frame
from canvas_demo.modules.websockets.host import Host
from canvas_demo.modules.websockets.live import Live
from canvas_demo.modules.websockets.store import QUERIES

log = structlog.get_logger(__name__)

ANSWERS_WITHIN = 1.0
"""Seconds within which another host answers, or is taken for gone."""
SILENCE = 2.0
"""Seconds for which a host that did not answer is not asked again."""


@dataclass(frozen=True)
class Routes:
    """Where connections live: those ``here``, those ``elsewhere`` by address, and those that are ``gone``."""

    here: Sequence[str]
    elsewhere: Mapping[str, Sequence[str]]
    gone: Sequence[str]


class WebSocketsService(pb_grpc.WebSocketsServicer):
    """Speaks to connections, on this host or on the one that owns them."""

    def __init__(self, runtime: Runtime, host: Host) -> None:
        self._pool = runtime.pool
        self._channels = runtime.channels
        self._host = host
        self._silent: dict[str, float] = {}

    async def Send(self, request: pb.SendRequest, context: Any) -> pb.SendResponse:
        routes = await self._routes(request.connection_ids, request.user_ids)
        answer = self._deliver(request, routes.here)
        answers = [answer, *await asyncio.gather(*(self._send_to(*of, request) for of in routes.elsewhere.items()))]
        return pb.SendResponse(
            gone=[*routes.gone, *(connection_id for each in answers for connection_id in each.gone)],
            already=[connection_id for each in answers for connection_id in each.already],
        )

    async def Deliver(self, request: pb.SendRequest, context: Any) -> pb.SendResponse:
        return self._deliver(request, request.connection_ids)

    async def GetConnection(self, request: pb.GetConnectionRequest, context: Any) -> pb.Connection:
        if live := self._host.find(request.connection_id):
            return self._message(live)
        for address, ids in (await self._routes([request.connection_id])).elsewhere.items():
            answer: pb.Connection | None = await self._call(address, ids, "GetLocalConnection", request)
            if answer:
                return answer
        raise _no_connection(request.connection_id)

    async def GetLocalConnection(self, request: pb.GetConnectionRequest, context: Any) -> pb.Connection:
        if live := self._host.find(request.connection_id):
            return self._message(live)
        raise _no_connection(request.connection_id)

    async def ListConnections(self, request: pb.ListConnectionsRequest, context: Any) -> pb.ListConnectionsResponse:
        caller = current_caller()
        async with self._pool.connection() as connection:
            cursor = await connection.execute(QUERIES["list_connections"], [caller.organization_id, caller.user_id])
            rows = await cursor.fetchall()
        return pb.ListConnectionsResponse(
            connections=[
                pb.Connection(
                    id=row["connection_id"],
                    user_id=row["user_id"],
                    organization_id=row["organization_id"],
                    host=row["host"],
                    connected_at=rfc3339(row["connected_at"]),
                )
                for row in rows
            ]
        )

    def _deliver(self, request: pb.SendRequest, ids: Sequence[str]) -> pb.SendResponse:
        """Send the texts to connections that are here, each text encoded once."""
        frames = [text_frame(text) for text in (request.text, *request.further)] if ids else []
        answer = pb.SendResponse()
        for connection_id in ids:
            live = self._host.find(connection_id)
            if live is None:
                answer.gone.append(connection_id)
            elif not live.deliver(frames, request.stream, request.position):
                answer.already.append(connection_id)
        return answer

    async def _send_to(self, address: str, ids: Sequence[str], request: pb.SendRequest) -> pb.SendResponse:
        """Hand the texts to another host. What it does not take in time its connections have missed."""
        part = pb.SendRequest()
        part.CopyFrom(request)
        part.ClearField("connection_ids")
        part.ClearField("user_ids")
        part.connection_ids.extend(ids)
        answer = await self._call(address, ids, "Deliver", part)
        return answer or pb.SendResponse(gone=ids)

    async def _call(self, address: str, ids: Sequence[str], method: str, request: Any) -> Any:
        """The answer of another host for its connections ``ids``; None where it gives none: then they are given up."""
        if self._silent.get(address, 0) <= time.monotonic():
            stub = pb_grpc.WebSocketsStub(self._channels.at(address))
            try:
                return await ask(getattr(stub, method)(request, timeout=ANSWERS_WITHIN))
            except (Unavailable, TimedOut) as error:
                if isinstance(error, TimedOut):
                    self._silent[address] = time.monotonic() + SILENCE
                log.warning("host does not answer", grpc_address=address, connections=len(ids), error=error.detail)
        async with self._pool.connection() as connection:
            await connection.execute(QUERIES["mark_missed"], [list(ids)])
        return None

    async def _routes(self, connection_ids: Sequence[str], user_ids: Sequence[str] = ()) -> Routes:
        """Where the connections named live, and all of the people named."""
        here = dict.fromkeys(each for each in connection_ids if self._host.find(each))
        unknown = [each for each in dict.fromkeys(connection_ids) if each not in here]
        if not unknown and not user_ids:
            return Routes([*here], {}, [])
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(QUERIES["owners"], [unknown, list(user_ids)])).fetchall()
        elsewhere: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            if row["grpc_address"] != self._host.grpc_address:
                elsewhere[row["grpc_address"]].append(row["connection_id"])
            elif self._host.find(row["connection_id"]):
                here[row["connection_id"]] = None
        routed = {*here, *(each for ids in elsewhere.values() for each in ids)}
        return Routes([*here], elsewhere, [each for each in unknown if each not in routed])

    def _message(self, live: Live) -> pb.Connection:
        return pb.Connection(
            id=live.connection_id,
            user_id=live.caller.user_id,
            organization_id=live.caller.organization_id,
            host=self._host.name,
            connected_at=rfc3339(live.connected_at),
            token=live.caller.token,
            username=live.caller.username,
        )


def _no_connection(connection_id: str) -> NotFound:
    return NotFound(f"There is no connection {connection_id[:80]!r}.")


def services(runtime: Runtime, host: Host) -> list[Service]:
    """What websockets answers."""
    servicer = WebSocketsService(runtime, host)
    return [Service(pb_grpc.add_WebSocketsServicer_to_server, servicer, "canvas_demo.websockets.v1.WebSockets")]
