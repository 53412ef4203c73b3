"""Changing a password, staying signed in, and failing to sign in too often, on the real stack."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import httpx
import jwt
import psycopg
import pytest
from websockets.exceptions import ConnectionClosedError

from canvas_demo.contracts.canvases.v1 import canvases_pb2, canvases_pb2_grpc
from canvas_demo.contracts.identity.v1 import identity_pb2 as pb
from canvas_demo.contracts.identity.v1 import identity_pb2_grpc as pb_grpc
from canvas_demo.kernel.database import open_pool
from canvas_demo.kernel.errors import Invalid, TooManyAttempts, Unauthenticated
from canvas_demo.kernel.rpc import CLIENT_ADDRESS, Channels, ask
from canvas_demo.modules.identity.domain import User
from canvas_demo.modules.identity.rotation import SigningKeyTable
from canvas_demo.modules.identity.signing import SESSION_LIFETIME
from canvas_demo.modules.identity.throttle import ACCOUNT, ADDRESS, Throttle
from tests.integration import websocket_clients
from tests.integration.people import PASSWORD, Person, a_name, identity, register, sign_in

DEADLINE = 30.0
NEW_PASSWORD = "battery staple"


@pytest.fixture
async def channels(stack: Any) -> AsyncIterator[Channels]:
    async with Channels(stack.settings, "gateway") as channels:
        yield channels


def changed(current: str = PASSWORD, new: str = NEW_PASSWORD) -> pb.ChangePasswordRequest:
    return pb.ChangePasswordRequest(current_password=current, new_password=new)


def of(answer: pb.LoginResponse) -> Person:
    return Person(answer.user.id, answer.user.organization_id, answer.user.username, answer.token)


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


async def until_refused(call: Any) -> None:
    end = time.monotonic() + DEADLINE
    while True:
        try:
            await ask(call())
        except Unauthenticated:
            return
        assert time.monotonic() < end, "the old token still holds"
        await asyncio.sleep(0.1)


# --- passwords ---------------------------------------------------------------------------------------------


async def test_a_changed_password_ends_every_older_token_in_every_module_and_the_new_one_holds(
    channels: Channels,
) -> None:
    ada = await register(channels)
    elsewhere = await sign_in(channels, ada.username)
    answer = of(await ask(identity(channels).ChangePassword(changed(), metadata=ada.metadata)))
    canvases = canvases_pb2_grpc.CanvasesStub(channels.to("canvases"))
    for old in (ada, elsewhere):
        await until_refused(lambda old=old: identity(channels).GetMe(pb.GetMeRequest(), metadata=old.metadata))
        await until_refused(
            lambda old=old: canvases.ListCanvases(canvases_pb2.ListCanvasesRequest(), metadata=old.metadata)
        )
    for new in (answer, await sign_in(channels, ada.username, NEW_PASSWORD)):
        await ask(canvases.ListCanvases(canvases_pb2.ListCanvasesRequest(), metadata=new.metadata))
    with pytest.raises(Unauthenticated):
        await sign_in(channels, ada.username)


async def test_an_ended_token_is_not_refreshed_not_even_at_once(channels: Channels) -> None:
    ada = await register(channels)
    await ask(identity(channels).ChangePassword(changed(), metadata=ada.metadata))
    with pytest.raises(Unauthenticated):
        await ask(identity(channels).RefreshToken(pb.RefreshTokenRequest(), metadata=ada.metadata))


async def test_the_current_password_must_be_given(channels: Channels) -> None:
    ada = await register(channels)
    with pytest.raises(Invalid) as refused:
        await ask(identity(channels).ChangePassword(changed(current="wrong"), metadata=ada.metadata))
    assert refused.value.metadata["field"] == "current_password"
    with pytest.raises(Invalid) as refused:
        await ask(identity(channels).ChangePassword(changed(new="short"), metadata=ada.metadata))
    assert refused.value.metadata["field"] == "new_password"
    assert (await sign_in(channels, ada.username)).user_id == ada.user_id


async def test_whoever_lost_the_answer_to_a_change_has_it_again_with_the_token_that_it_ended_and_nothing_else(
    channels: Channels,
) -> None:
    ada, key = await register(channels), (("idempotency-key", str(uuid4())),)
    client = identity(channels)
    first = await ask(client.ChangePassword(changed(), metadata=ada.metadata + key))
    await until_refused(lambda: client.GetMe(pb.GetMeRequest(), metadata=ada.metadata))
    assert await ask(client.ChangePassword(changed(), metadata=ada.metadata + key)) == first
    other_key = (("idempotency-key", str(uuid4())),)
    again = changed(NEW_PASSWORD, PASSWORD)
    for refused, error in (
        (client.ChangePassword(again, metadata=ada.metadata), Unauthenticated),
        (client.ChangePassword(again, metadata=ada.metadata + other_key), Unauthenticated),
        (client.ChangePassword(changed(), metadata=ada.metadata + other_key), Unauthenticated),
        (client.ChangePassword(again, metadata=ada.metadata + key), Invalid),
        (client.RefreshToken(pb.RefreshTokenRequest(), metadata=ada.metadata + key), Unauthenticated),
    ):
        with pytest.raises(error):
            await ask(refused)
    assert (await sign_in(channels, ada.username, NEW_PASSWORD)).user_id == ada.user_id


async def test_of_two_changes_at_once_one_counts(channels: Channels) -> None:
    ada = await register(channels)
    wanted = [f"{NEW_PASSWORD} {number}" for number in range(4)]
    calls = [ask(identity(channels).ChangePassword(changed(new=new), metadata=ada.metadata)) for new in wanted]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    [winner] = [new for new, answer in zip(wanted, answers, strict=True) if isinstance(answer, pb.LoginResponse)]
    assert all(isinstance(each, pb.LoginResponse | Unauthenticated) for each in answers), answers
    assert (await sign_in(channels, ada.username, winner)).user_id == ada.user_id


async def test_a_sign_in_under_way_when_its_account_goes_gets_no_session(channels: Channels, stack: Any) -> None:
    """As when the keys of its organisation are destroyed meanwhile."""
    ada = await register(channels)
    async with await psycopg.AsyncConnection.connect(stack.env["DATABASE_URL"]) as database:
        await database.execute("DELETE FROM identity.credential WHERE user_id = %s", [ada.user_id])
        signing_in = asyncio.create_task(sign_in(channels, ada.username))
        await websocket_clients.until_async(lambda: waits(database), lambda waiting: waiting or signing_in.done())
    with pytest.raises(Unauthenticated):
        await signing_in


async def waits(database: psycopg.AsyncConnection[Any]) -> bool:
    """Whether somebody waits for what is done here."""
    query = "SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    return await (await database.execute(query)).fetchone() is not None


async def test_a_changed_password_closes_the_websockets_of_older_tokens_and_no_others(stack: Any) -> None:
    env = stack.env
    ada, bob = [await websocket_clients.someone(env["WEB_URL"]) for _ in range(2)]
    async with asyncio.timeout(DEADLINE), ada.api() as http:
        for url in env["WS_URLS"]:
            async with websocket_clients.opened(url, ada) as socket, websocket_clients.opened(url, bob) as other:
                answer = await http.post(
                    "/api/me/password", json={"current_password": ada.password, "new_password": ada.password}
                )
                assert answer.status_code == 200, answer.text
                with pytest.raises(ConnectionClosedError) as closed:
                    await socket.frame()
                assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "the token ended")
                ada = websocket_clients.Person(ada.web, answer.json()["token"], ada.user, password=ada.password)
                http.headers["authorization"] = f"Bearer {ada.token}"
                await other.subscribe(await bob.canvas())


# --- refresh -----------------------------------------------------------------------------------------------


async def test_a_refreshed_token_holds_longer_and_remembers_when_the_password_was_given(channels: Channels) -> None:
    ada = await register(channels)
    old, end = claims_of(ada.token), time.monotonic() + DEADLINE
    while True:  # a token's times are whole seconds
        refreshed = of(await ask(identity(channels).RefreshToken(pb.RefreshTokenRequest(), metadata=ada.metadata)))
        new = claims_of(refreshed.token)
        if new["exp"] > old["exp"]:
            break
        assert time.monotonic() < end, "no token holds longer"
    assert (new["auth_time"], new["sub"], new["org"]) == (old["auth_time"], old["sub"], old["org"])
    for person in (ada, refreshed):
        await ask(identity(channels).GetMe(pb.GetMeRequest(), metadata=person.metadata))


@pytest.mark.parametrize(("age", "holds"), [(timedelta(minutes=-1), True), (timedelta(minutes=1), False)])
async def test_a_token_is_refreshed_for_as_long_as_a_session_may_last(
    stack: Any, channels: Channels, age: timedelta, *, holds: bool
) -> None:
    ada, now = await register(channels), datetime.now(UTC)
    async with open_pool(stack.settings, "identity") as pool:
        keys = await SigningKeyTable(pool, stack.settings).current()
    user = User(ada.user_id, ada.organization_id, ada.username, 0)
    token = keys.token(user, now, now - SESSION_LIFETIME - age)
    call = identity(channels).RefreshToken(pb.RefreshTokenRequest(), metadata=[("authorization", f"Bearer {token}")])
    if holds:
        assert of(await ask(call)).user_id == ada.user_id
    else:
        with pytest.raises(Unauthenticated, match="too long ago"):
            await ask(call)


async def test_over_http_refresh_and_password_set_the_cookie_and_sign_out_clears_it(stack: Any) -> None:
    ada = await websocket_clients.someone(stack.env["WEB_URL"])
    account = {"username": ada.user["username"], "password": ada.password}
    async with httpx.AsyncClient(base_url=stack.env["WEB_URL"], timeout=DEADLINE) as http:
        await http.post("/api/login", json=account)
        seen = [http.cookies["canvas_demo_token"]]
        for path, body in (
            ("/api/refresh", None),
            ("/api/me/password", {"current_password": ada.password, "new_password": NEW_PASSWORD}),
        ):
            answer = await http.post(path, json=body)
            assert answer.status_code == 200, answer.text
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.json()["token"] == http.cookies["canvas_demo_token"]
            seen.append(answer.json()["token"])
            assert (await http.get("/api/me")).json()["id"] == ada.user["id"]
        assert len(set(seen)) == 3
        assert (await http.post("/api/logout")).status_code == 204
        assert (await http.get("/api/me")).status_code == 401


# --- too many failures -------------------------------------------------------------------------------------


def an_address() -> str:
    """One of its own: in a network that a test alone is in."""
    return f"2001:db8:{secrets.randbelow(2**16):x}:{secrets.randbelow(2**16):x}::1"


async def fail(channels: Channels, username: str, address: str, password: str = "wrong") -> str:
    """What a sign-in meets: the name of its error."""
    request = pb.LoginRequest(username=username, password=password)
    try:
        await ask(identity(channels).Login(request, metadata=((CLIENT_ADDRESS, address),)))
    except (Unauthenticated, TooManyAttempts) as error:
        return type(error).__name__
    return "signed in"


@pytest.mark.parametrize("whose", ["somebody's", "nobody's"])
async def test_an_account_takes_so_many_failures_from_wherever_even_at_once_and_then_none(
    channels: Channels, whose: str
) -> None:
    username = (await register(channels)).username if whose == "somebody's" else a_name()
    calls = (fail(channels, username, an_address()) for _ in range(ACCOUNT.burst + 10))
    outcomes = await asyncio.gather(*calls)
    assert outcomes.count("TooManyAttempts") >= 9, outcomes  # one more is let in each half minute
    assert outcomes.count("Unauthenticated") >= ACCOUNT.burst, outcomes
    assert await fail(channels, username.upper(), an_address(), PASSWORD) == "TooManyAttempts"
    assert await fail(channels, a_name(), an_address()) == "Unauthenticated"


def outlined(text: str) -> str:
    """The letters of ``text`` as those that came with Unicode 16: PostgreSQL folds them, Python may not."""
    return "".join(chr(0x1CCD6 + ord(each) - ord("a")) if "a" <= each <= "z" else each for each in text)


@pytest.mark.parametrize("whose", ["somebody's", "nobody's"])
async def test_failures_of_an_account_count_together_however_its_name_is_written(
    channels: Channels, whose: str
) -> None:
    username = (await register(channels)).username if whose == "somebody's" else a_name()
    spellings = (username, outlined(username), username.upper(), f" {username}")
    calls = [fail(channels, spelling, an_address()) for spelling in spellings for _ in range(ACCOUNT.burst // 2)]
    outcomes = await asyncio.gather(*calls)  # of 40; one more is let in each half minute
    assert outcomes.count("TooManyAttempts") >= ACCOUNT.burst // 2, outcomes


async def test_an_address_takes_so_many_failures_for_whichever_account_and_a_success_does_not_count(
    stack: Any, channels: Channels
) -> None:
    address, ada = an_address(), await register(channels)
    subject = Throttle(None, stack.settings).address(address)  # type: ignore[arg-type]
    for _ in range(3):
        assert await fail(channels, ada.username, address, PASSWORD) == "signed in"
    with psycopg.connect(stack.settings.database_url("identity")) as connection:
        used = connection.execute("SELECT free_at <= clock_timestamp() FROM attempt WHERE subject = %s", [subject])
        assert used.fetchone() in {(True,), None}
        # As if it had failed all the time: more of it than any test has time for.
        connection.execute(
            "INSERT INTO attempt (subject, free_at) VALUES (%s, %s) "
            "ON CONFLICT (subject) DO UPDATE SET free_at = excluded.free_at",
            [subject, datetime.now(UTC) + 2 * ADDRESS.every * ADDRESS.burst],
        )
    neighbour = address.removesuffix("1") + "2"
    for each in (address, neighbour):
        assert await fail(channels, a_name(), each) == "TooManyAttempts"
    assert await fail(channels, ada.username, an_address(), PASSWORD) == "signed in"


async def test_only_a_module_may_say_where_a_call_comes_from(stack: Any) -> None:
    address = an_address()
    async with grpc.aio.insecure_channel(stack.settings.grpc_address("identity")) as outside:
        request = pb.LoginRequest(username=a_name(), password="wrong")
        with pytest.raises(grpc.aio.AioRpcError):
            await pb_grpc.IdentityStub(outside).Login(request, metadata=((CLIENT_ADDRESS, address),))
    async with httpx.AsyncClient(base_url=stack.env["WEB_URL"], timeout=DEADLINE) as http:
        headers = {"X-Forwarded-For": address, "X-Client-Address": address, "Forwarded": f'for="[{address}]"'}
        await http.post("/api/login", json={"username": a_name(), "password": "wrong"}, headers=headers)
    subject = Throttle(None, stack.settings).address(address)  # type: ignore[arg-type]
    with psycopg.connect(stack.settings.database_url("identity")) as connection:
        assert connection.execute("SELECT FROM attempt WHERE subject = %s", [subject]).fetchall() == []


async def test_over_http_it_is_429_that_says_when_to_try_again(stack: Any) -> None:
    account = {"username": f"nobody-{uuid4()}", "password": "wrong"}
    async with httpx.AsyncClient(base_url=stack.env["WEB_URL"], timeout=DEADLINE) as http:
        end = time.monotonic() + DEADLINE
        while (answer := await http.post("/api/login", json=account)).status_code == 401:
            assert time.monotonic() < end, "it is never too much"
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
    problem = answer.json()
    assert problem["type"] == "urn:canvas-demo:too-many-attempts"
    assert int(answer.headers["Retry-After"]) == problem["retry_after"] <= ACCOUNT.every.total_seconds()
