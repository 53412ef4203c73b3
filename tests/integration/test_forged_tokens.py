"""Tokens that nobody may take, at every door of the running system: all meet the same refusal."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import httpx
import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from canvas_demo.contracts.canvases.v1 import canvases_pb2, canvases_pb2_grpc
from canvas_demo.kernel.database import open_pool
from canvas_demo.kernel.tokens import NOT_VALID
from canvas_demo.modules.identity.rotation import SigningKeyTable
from canvas_demo.modules.identity.signing import SigningKey
from tests.forged_tokens import FORGERIES, signed
from tests.integration.websocket_clients import Person, someone

Forge = Callable[[SigningKey, dict[str, Any]], str]


@pytest.fixture
async def person(stack: Any) -> Person:
    return await someone(stack.env["WEB_URL"])


@pytest.fixture
async def key(stack: Any) -> AsyncIterator[SigningKey]:
    """The very key that signs now."""
    async with open_pool(stack.settings, "identity") as pool:
        yield (await SigningKeyTable(pool, stack.settings).current()).signer(datetime.now(UTC))


async def over_http(stack: Any, token: str) -> tuple[int, str]:
    async with httpx.AsyncClient(base_url=stack.env["WEB_URL"], timeout=30) as http:
        answer = await http.get("/api/canvases", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json().get("detail", "")


async def with_a_cookie(stack: Any, token: str) -> tuple[int, str]:
    async with httpx.AsyncClient(base_url=stack.env["WEB_URL"], timeout=30) as http:
        answer = await http.get("/api/canvases", headers={"Cookie": f"canvas_demo_token={token}"})
    return answer.status_code, answer.json().get("detail", "")


async def over_grpc(stack: Any, token: str) -> tuple[int, str]:
    async with grpc.aio.insecure_channel(stack.settings.grpc_address("canvases")) as channel:
        call = canvases_pb2_grpc.CanvasesStub(channel).ListCanvases(
            canvases_pb2.ListCanvasesRequest(), metadata=(("authorization", f"Bearer {token}"),)
        )
        try:
            await call
        except grpc.aio.AioRpcError as error:
            unauthenticated = error.code() is grpc.StatusCode.UNAUTHENTICATED
            return 401 if unauthenticated else 500, error.details() or ""
    return 200, ""


async def over_a_websocket(stack: Any, token: str) -> tuple[int, str]:
    try:
        async with connect(stack.env["WS_URLS"][0], additional_headers={"Authorization": f"Bearer {token}"}):
            return 200, ""
    except InvalidStatus as error:
        return error.response.status_code, json.loads(error.response.body or b"{}").get("detail", "")


DOORS = (over_http, with_a_cookie, over_grpc, over_a_websocket)


async def test_what_the_key_itself_signs_is_let_in_at_every_door(stack: Any, person: Person, key: SigningKey) -> None:
    """So that what is refused below is not refused for another reason."""
    token = signed(key, jwt.decode(person.token, options={"verify_signature": False}))
    assert await asyncio.gather(*(door(stack, token) for door in DOORS)) == [(200, "")] * len(DOORS)


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
async def test_any_other_token_meets_the_same_refusal_at_every_door(
    stack: Any, person: Person, key: SigningKey, forge: Forge
) -> None:
    token = forge(key, jwt.decode(person.token, options={"verify_signature": False}))
    refusals = await asyncio.gather(*(door(stack, token) for door in DOORS))
    assert refusals == [(401, NOT_VALID)] * len(DOORS)
