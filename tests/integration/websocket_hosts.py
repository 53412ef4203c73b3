"""Websocket hosts of a test's own, on the stack's database, with an identity that signs what the test wants."""

import json
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette

from canvas_demo.contracts.identity.v1 import identity_pb2, identity_pb2_grpc
from canvas_demo.contracts.websockets.v1 import websockets_pb2_grpc
from canvas_demo.kernel.module import run_module
from canvas_demo.kernel.rpc import Channels, Service, serve_rpc
from canvas_demo.kernel.settings import Settings
from canvas_demo.kernel.tokens import TOKEN_TYPE
from canvas_demo.modules.websockets import MODULE
from canvas_demo.serve import _web_server
from tests.integration.websocket_clients import Person

KEY = Ed25519PrivateKey.generate()


_given: set[int] = set()
_random = random.SystemRandom()


def free_port() -> int:
    """One that was not given before, and from below the range of connections: none takes it before it is used."""
    while True:
        port = _random.randrange(20_000, 32_000)
        if port in _given:
            continue
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            _given.add(port)
            return port


class _Identity(identity_pb2_grpc.IdentityServicer):
    async def GetJwks(self, request: Any, context: Any) -> identity_pb2.GetJwksResponse:
        jwk = {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(KEY.public_key())), "kid": "test", "alg": "EdDSA"}
        return identity_pb2.GetJwksResponse(jwks=json.dumps({"keys": [jwk]}))

    async def GetEndedTokens(self, request: Any, context: Any) -> identity_pb2.GetEndedTokensResponse:
        return identity_pb2.GetEndedTokensResponse()


def person(seconds: float = 600) -> Person:
    """Somebody new, whose token holds for ``seconds``."""
    now = time.time()
    user = {"id": str(uuid4()), "username": "ada", "organization_id": str(uuid4())}
    claims = {
        "iss": "canvas-demo",
        "aud": "canvas-demo",
        "sub": user["id"],
        "org": user["organization_id"],
        "name": user["username"],
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now + seconds),
        "jti": str(uuid4()),
        "gen": 0,
        "auth_time": int(now),
    }
    return Person("", jwt.encode(claims, KEY, "EdDSA", {"kid": "test", "typ": TOKEN_TYPE}), user)


@dataclass
class RunningHost:
    """A host that runs."""

    name: str
    url: str
    grpc_address: str
    identity: str
    stub: Any


@asynccontextmanager
async def hosts(stack: Any, *names: str, **own: Any) -> AsyncIterator[list[RunningHost]]:
    """A host of each name, with settings of its ``own``; all know each other through the database alone."""
    if not names:
        yield []
        return
    identity = f"127.0.0.1:{free_port()}"
    settings = _settings(stack.settings, names[0], identity, own)
    channels = Channels(settings, "notifications")
    services = [
        Service(identity_pb2_grpc.add_IdentityServicer_to_server, _Identity(), "canvas_demo.identity.v1.Identity")
    ]
    address = settings.grpc_listen_address("websockets")
    async with (
        serve_rpc(identity, services, channels),
        run_module(MODULE, settings) as running,
        _web_server(settings, Starlette(routes=running.routes), (settings.host, settings.port_web)),
        hosts(stack, *names[1:], **own) as further,
    ):
        stub = websockets_pb2_grpc.WebSocketsStub(channels.at(address))
        yield [RunningHost(names[0], f"ws://127.0.0.1:{settings.port_web}/ws", address, identity, stub), *further]
        await channels.close()


def _settings(settings: Settings, name: str, identity: str, own: dict[str, Any]) -> Settings:
    of_this_host = {
        "host": "127.0.0.1",
        "port_web": free_port(),
        "websocket_host_name": name,
        "grpc_addresses": {"identity": identity},
        "grpc_listen": {"websockets": f"127.0.0.1:{free_port()}"},
    }
    return Settings(**(settings.model_dump() | of_this_host | own))
