"""Calls between modules: who may call, what an error becomes on the way, how long a call may take."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import REGISTRY
from psycopg.errors import IdleInTransactionSessionTimeout
from psycopg_pool import PoolTimeout

from canvas_demo.contracts.canvases.v1 import canvases_pb2, canvases_pb2_grpc
from canvas_demo.contracts.identity.v1 import identity_pb2, identity_pb2_grpc
from canvas_demo.contracts.keys.v1 import keys_pb2, keys_pb2_grpc
from canvas_demo.kernel import tokens, trace
from canvas_demo.kernel.errors import ERRORS, DomainError, Invalid, TimedOut, Unauthenticated, Unavailable
from canvas_demo.kernel.rpc import DEADLINE, Channels, Service, ask, serve_rpc
from canvas_demo.kernel.settings import MODULES, Settings

KEY = Ed25519PrivateKey.generate()


class Identity(identity_pb2_grpc.IdentityServicer):
    async def GetJwks(self, request: Any, context: Any) -> identity_pb2.GetJwksResponse:
        jwk = {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(KEY.public_key())), "kid": "1", "alg": "EdDSA"}
        return identity_pb2.GetJwksResponse(jwks=json.dumps({"keys": [jwk]}))

    async def GetEndedTokens(self, request: Any, context: Any) -> identity_pb2.GetEndedTokensResponse:
        return identity_pb2.GetEndedTokensResponse()


@dataclass
class Canvases(canvases_pb2_grpc.CanvasesServicer):
    """Raises what it was told to; otherwise says who called, in which trace, with how much time."""

    channels: Channels
    error: Exception | None = None
    stuck: bool = False

    async def GetCanvas(self, request: Any, context: Any) -> canvases_pb2.Canvas:
        if self.error:
            raise self.error
        if self.stuck:
            await asyncio.Event().wait()
        name = tokens.current_caller().username
        if request.canvas_id:  # ask once more, as one module asks another
            nested = canvases_pb2_grpc.CanvasesStub(self.channels.to("canvases"))
            return await nested.GetCanvas(canvases_pb2.GetCanvasRequest())
        return canvases_pb2.Canvas(
            name=name,
            id=trace.current_trace().correlation_id,
            created_at=trace.current_trace().causation_id,
            version=int(context.time_remaining() * 1000),
        )


class Keys(keys_pb2_grpc.KeysServicer):
    async def GetDataKey(self, request: Any, context: Any) -> keys_pb2.DataKey:
        return keys_pb2.DataKey(key_version=7)


@dataclass
class World:
    channels: Channels
    canvases: Canvases

    @property
    def stub(self) -> Any:
        return canvases_pb2_grpc.CanvasesStub(self.channels.to("canvases"))

    async def get(self, canvas_id: str = "", **metadata: str) -> Any:
        request = canvases_pb2.GetCanvasRequest(canvas_id=canvas_id)
        return await ask(self.stub.GetCanvas(request, metadata=tuple(metadata.items())))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = Settings(grpc_addresses=dict.fromkeys(MODULES, address))
    channels = Channels(settings, "files")
    world = World(channels, Canvases(channels))
    services = [
        Service(identity_pb2_grpc.add_IdentityServicer_to_server, Identity(), "canvas_demo.identity.v1.Identity"),
        Service(canvases_pb2_grpc.add_CanvasesServicer_to_server, world.canvases, "canvas_demo.canvases.v1.Canvases"),
        Service(keys_pb2_grpc.add_KeysServicer_to_server, Keys(), "canvas_demo.keys.v1.Keys"),
    ]
    async with serve_rpc(address, services, channels):
        yield world
        await channels.close()


def token(**changed: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": "canvas-demo",
        "aud": "canvas-demo",
        "sub": "u",
        "org": "o",
        "name": "ada",
        "iat": now,
        "nbf": now,
        "exp": now + 60,
        "jti": str(uuid4()),
        "gen": 0,
        "auth_time": now,
        **changed,
    }
    return jwt.encode(claims, KEY, "EdDSA", {"kid": "1", "typ": tokens.TOKEN_TYPE})


async def test_without_a_token_nothing_is_answered(world: World) -> None:
    with pytest.raises(Unauthenticated):
        await world.get()


async def test_the_caller_is_whom_the_token_names_also_one_module_further(world: World) -> None:
    bearer = f"Bearer {token()}"
    assert (await world.get(authorization=bearer)).name == "ada"
    assert (await world.get("again", authorization=bearer)).name == "ada"


@pytest.mark.parametrize(
    "changed",
    [{"aud": "other"}, {"iss": "other"}, {"exp": 1}, {"nbf": time.time() + 86_400}, {"org": None}, {"sub": 1}],
)
async def test_a_token_that_does_not_hold_is_none(world: World, changed: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        await world.get(authorization=f"Bearer {token(**changed)}")


@pytest.mark.parametrize("error", [*ERRORS.values(), DomainError])
async def test_an_error_arrives_as_what_it_was(world: World, error: type[DomainError]) -> None:
    world.canvases.error = error("says wh\u00fc", current_version=3)
    with pytest.raises(error) as caught:
        await world.get(authorization=f"Bearer {token()}")
    assert type(caught.value) is error
    assert (caught.value.detail, caught.value.metadata) == ("says wh\u00fc", {"current_version": "3"})


async def test_an_invalid_value_arrives_with_its_field(world: World) -> None:
    world.canvases.error = Invalid("name", "must not be empty")
    with pytest.raises(Invalid) as caught:
        await world.get(authorization=f"Bearer {token()}")
    assert caught.value.metadata == {"field": "name"}


@pytest.mark.parametrize(
    "error",
    [psycopg.OperationalError("gone"), IdleInTransactionSessionTimeout("stood still"), PoolTimeout("none is free")],
    ids=lambda error: type(error).__name__,
)
async def test_a_database_that_does_not_answer_is_told_to_be_unavailable(world: World, error: Exception) -> None:
    world.canvases.error = error
    with pytest.raises(Unavailable, match="try again"):
        await world.get(authorization=f"Bearer {token()}")


async def test_a_mistake_of_ours_tells_nothing_of_the_inside(world: World) -> None:
    world.canvases.error = ZeroDivisionError("secret")
    with pytest.raises(DomainError, match="Internal error") as caught:
        await world.get(authorization=f"Bearer {token()}")
    assert "secret" not in str(caught.value)


async def test_what_is_for_modules_is_refused_to_people(world: World) -> None:
    answer = await keys_pb2_grpc.KeysStub(world.channels.to("keys")).GetDataKey(keys_pb2.GetDataKeyRequest())
    assert answer.key_version == 7
    async with grpc.aio.insecure_channel(world.channels.address("keys")) as outside:
        for metadata in ((), (("authorization", f"Bearer {token()}"),), (("service-authorization", token()),)):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await keys_pb2_grpc.KeysStub(outside).GetDataKey(keys_pb2.GetDataKeyRequest(), metadata=metadata)
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_credential_that_was_shown_is_not_checked_again_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials, checks, decode = tokens.ServiceCredentials(Settings(), "files"), [], jwt.decode
    monkeypatch.setattr(jwt, "decode", lambda *asked, **options: checks.append(asked) or decode(*asked, **options))
    credential, expires_at = credentials.token(), time.time() + tokens.SERVICE_LIFETIME
    assert [credentials.verify(credential) for _ in range(3)] == ["files"] * 3
    assert len(checks) == 1
    monkeypatch.setattr(time, "time", lambda: expires_at)
    credentials.verify(credential)
    assert len(checks) == 2


async def test_every_call_has_a_deadline_and_a_nested_one_no_later(world: World) -> None:
    bearer = f"Bearer {token()}"
    assert 0 < (await world.get(authorization=bearer)).version < DEADLINE * 1000 * 1.1  # gRPC rounds up
    request = canvases_pb2.GetCanvasRequest(canvas_id="nested")
    answer = await world.stub.GetCanvas(request, metadata=(("authorization", bearer),), timeout=2)
    assert 0 < answer.version < DEADLINE * 1000 / 2


async def test_the_trace_goes_along(world: World) -> None:
    trace.set_trace(trace.Trace.start(correlation_id="conversation"))
    assert (await world.get("nested", authorization=f"Bearer {token()}")).id == "conversation"


async def test_what_led_to_a_call_is_believed_of_modules_alone(world: World) -> None:
    trace.set_trace(trace.Trace("conversation", "event", trace.new_traceparent()))
    assert (await world.get("nested", authorization=f"Bearer {token()}")).created_at == "event"
    said = (("authorization", f"Bearer {token()}"), ("x-correlation-id", "talk"), ("x-causation-id", "event"))
    async with grpc.aio.insecure_channel(world.channels.address("canvases")) as outside:
        for credential in ((), (("service-authorization", f"Bearer {token()}"),)):
            stub: Any = canvases_pb2_grpc.CanvasesStub(outside)
            answer = await stub.GetCanvas(
                canvases_pb2.GetCanvasRequest(), metadata=(*said, *credential), timeout=DEADLINE
            )
            assert (answer.id, answer.created_at) == ("talk", "talk")


async def test_health_and_reflection_answer_anyone(world: World) -> None:
    assert await world.channels.serving("canvases")
    async with grpc.aio.insecure_channel(world.channels.address("keys")) as outside:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(outside)
        call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        names = [service.name async for answer in call for service in answer.list_services_response.service]
    assert "canvas_demo.keys.v1.Keys" in names


def counted(status: str) -> float:
    of = {"service": "canvas_demo.canvases.v1.Canvases", "method": "GetCanvas", "status": status}
    return REGISTRY.get_sample_value("canvas_demo_commands_total", of) or 0


async def test_answers_are_counted_by_their_status(world: World) -> None:
    before = {status: counted(status) for status in ("OK", "UNAUTHENTICATED", "CANCELLED")}
    await world.get(authorization=f"Bearer {token()}")
    with pytest.raises(Unauthenticated):
        await world.get()
    wanted = {"OK": 1, "UNAUTHENTICATED": 1, "CANCELLED": 0}
    async with asyncio.timeout(DEADLINE):
        # A refusal is sent before it is counted.
        while {status: counted(status) - before[status] for status in before} != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_call_that_nobody_waits_for_any_more_is_not_counted_as_answered(world: World) -> None:
    world.canvases.stuck = True
    before = {status: counted(status) for status in ("OK", "CANCELLED")}
    metadata = (("authorization", f"Bearer {token()}"),)
    with pytest.raises(TimedOut):
        await ask(world.stub.GetCanvas(canvases_pb2.GetCanvasRequest(), metadata=metadata, timeout=0.3))
    async with asyncio.timeout(DEADLINE):
        while counted("CANCELLED") == before["CANCELLED"]:  # noqa: ASYNC110  (the server notices on its own)
            await asyncio.sleep(0.01)
    assert counted("OK") == before["OK"]


async def test_a_server_that_ends_gives_calls_the_time_that_they_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    class Server:
        """Of grpc.aio, but for its end."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._server = made(*arguments, **options)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._server, name)

        async def stop(self, grace: float | None) -> None:
            given.append(grace)
            await self._server.stop(grace)

    made = grpc.aio.server
    monkeypatch.setattr(grpc.aio, "server", Server)
    async with Channels(Settings(), "files") as channels, serve_rpc("127.0.0.1:0", [], channels):
        pass
    assert given == [DEADLINE]


async def test_an_instance_in_ones_own_process_is_asked_before_others() -> None:
    addresses = {"websockets": "127.0.0.1:1,127.0.0.1:2", "keys": "127.0.0.1:3,127.0.0.1:4", "files": "files:5"}
    own = {"websockets": "127.0.0.1:2", "files": "0.0.0.0:5"}
    async with Channels(Settings(grpc_addresses=addresses, grpc_listen=own), "files") as channels:
        assert channels.address("websockets") == "127.0.0.1:2"
        assert channels.address("keys") == addresses["keys"]
        assert channels.address("files") == "files:5"
