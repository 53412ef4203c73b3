"""A new key begins to sign on the running stack, and nobody notices."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import jwt
import psycopg
import pytest

from canvas_demo.contracts.canvases.v1 import canvases_pb2, canvases_pb2_grpc
from canvas_demo.contracts.identity.v1 import identity_pb2 as pb
from canvas_demo.kernel.rpc import Channels, ask
from canvas_demo.modules.identity.rotation import ROTATE_AFTER, SHOWN_BEFORE
from tests.integration.people import Person, identity, register, sign_in

DEADLINE = SHOWN_BEFORE.total_seconds() + 60


@pytest.fixture
async def channels(stack: Any) -> AsyncIterator[Channels]:
    async with Channels(stack.settings, "gateway") as channels:
        yield channels


def kid_of(person: Person) -> str:
    return str(jwt.get_unverified_header(person.token)["kid"])


async def is_let_in(channels: Channels, person: Person) -> None:
    """By the module that signed the token, and by one that only knows the JWK Set. Raises what they answer."""
    await ask(identity(channels).GetMe(pb.GetMeRequest(), metadata=person.metadata))
    canvases = canvases_pb2_grpc.CanvasesStub(channels.to("canvases"))
    await ask(canvases.ListCanvases(canvases_pb2.ListCanvasesRequest(), metadata=person.metadata))


async def test_rotating_the_signing_key_signs_nobody_out(stack: Any, channels: Channels) -> None:
    """Not before, not while, and not after the new key begins to sign; its first tokens hold at once too."""
    ada = await register(channels)
    printed = await asyncio.to_thread(stack.cli, "rotate-signing-key")
    end = time.monotonic() + DEADLINE
    while True:
        again = await sign_in(channels, ada.username)
        await is_let_in(channels, ada)
        await is_let_in(channels, again)
        if kid_of(again) in printed:
            break
        assert time.monotonic() < end, f"still signed by {kid_of(again)}; {printed}"
        await asyncio.sleep(0.2)
    assert kid_of(ada) not in printed


async def test_a_key_that_has_signed_for_long_enough_gets_a_successor_by_itself(stack: Any, channels: Channels) -> None:
    ada, now = await register(channels), datetime.now(UTC)
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        database.execute("UPDATE identity.signing_key SET created_at = %s", [now - ROTATE_AFTER])
    end = time.monotonic() + DEADLINE
    while kid_of(again := await sign_in(channels, ada.username)) == kid_of(ada):
        assert time.monotonic() < end, f"still signed by {kid_of(again)}"
        await is_let_in(channels, ada)
        await asyncio.sleep(0.2)
    await is_let_in(channels, ada)
    await is_let_in(channels, again)
