"""Organisations, users and sign-in, on the real stack."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import grpc
import jwt
import psycopg
import pytest
from psycopg.rows import dict_row
from pydantic import SecretStr

from canvas_demo.contracts.identity.v1 import identity_pb2 as pb
from canvas_demo.contracts.identity.v1 import identity_pb2_grpc as pb_grpc
from canvas_demo.kernel.database import open_pool
from canvas_demo.kernel.errors import AlreadyExists, Invalid, Unauthenticated
from canvas_demo.kernel.rpc import Channels, ask
from canvas_demo.kernel.settings import SettingError
from canvas_demo.kernel.tokens import TokenVerifier
from canvas_demo.modules.identity.rotation import SigningKeyTable
from tests.integration.kafka import headers, read_until
from tests.integration.people import PASSWORD, Person, a_name, identity, register, sign_in


@pytest.fixture
async def channels(stack: Any) -> AsyncIterator[Channels]:
    channels = Channels(stack.settings, "files")
    yield channels
    await channels.close()


def rows(stack: Any, statement: str, *parameters: Any) -> list[dict[str, Any]]:
    with psycopg.connect(stack.settings.database_url("identity"), row_factory=dict_row) as connection:
        return connection.execute(statement, parameters).fetchall()  # type: ignore[call-overload, no-any-return]


async def test_the_first_user_is_there_and_is_of_the_organisation_demo(channels: Channels) -> None:
    admin = await sign_in(channels, "admin", "changeme")
    me = await ask(identity(channels).GetMe(pb.GetMeRequest(), metadata=admin.metadata))
    assert (me.user.username, me.organization.name) == ("admin", "Demo")
    assert (me.user.id, me.organization.id) == (admin.user_id, admin.organization_id)


async def test_a_new_organisation_s_first_user_signs_in_and_adds_another(channels: Channels) -> None:
    ada = await register(channels)
    username = a_name()
    request = pb.AddUserRequest(username=username, password=PASSWORD)
    added = await ask(identity(channels).AddUser(request, metadata=ada.metadata))
    bob = await sign_in(channels, username)
    assert (bob.user_id, bob.organization_id) == (added.id, ada.organization_id)
    assert bob.user_id != ada.user_id


async def test_a_token_of_identity_is_one_for_every_module(channels: Channels) -> None:
    ada = await register(channels)
    caller = await TokenVerifier(channels.to("identity")).verify(ada.token)
    assert (caller.user_id, caller.organization_id, caller.username) == (
        ada.user_id,
        ada.organization_id,
        ada.username,
    )
    assert jwt.get_unverified_header(ada.token)["typ"] == "at+jwt"


async def test_what_is_for_people_is_refused_to_modules_without_one(channels: Channels) -> None:
    for call in (
        identity(channels).GetMe(pb.GetMeRequest()),
        identity(channels).AddUser(pb.AddUserRequest(username=a_name(), password=PASSWORD)),
    ):
        with pytest.raises(Unauthenticated):
            await ask(call)


@pytest.mark.parametrize(
    "change", [lambda name: name, str.upper, lambda name: f"  {name} ", lambda name: name.replace("a", "\uff41")]
)
async def test_a_username_is_one_however_it_is_written(channels: Channels, change: Any) -> None:
    ada = await register(channels)
    assert (await sign_in(channels, change(ada.username))).user_id == ada.user_id
    other = pb.RegisterOrganizationRequest(name="Other", username=change(ada.username), password=PASSWORD)
    with pytest.raises(AlreadyExists) as taken:
        await ask(identity(channels).RegisterOrganization(other))
    assert taken.value.metadata["field"] == "username"


async def test_of_two_who_want_a_name_at_once_one_gets_it_and_the_other_leaves_no_trace(
    stack: Any, channels: Channels
) -> None:
    username, organization = a_name(), f"Both {uuid4()}"
    request = pb.RegisterOrganizationRequest(name=organization, username=username, password=PASSWORD)
    calls = (ask(identity(channels).RegisterOrganization(request)) for _ in range(4))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == [
        "AlreadyExists",
        "AlreadyExists",
        "AlreadyExists",
        "RegisterOrganizationResponse",
    ]
    assert len(rows(stack, "SELECT FROM organization WHERE name = %s", organization)) == 1
    [winner] = (each for each in answers if isinstance(each, pb.RegisterOrganizationResponse))
    assert len(rows(stack, "SELECT FROM outbox WHERE organization_id = %s", winner.organization.id)) == 2


async def test_who_does_not_know_the_password_hears_the_same_as_who_does_not_exist(channels: Channels) -> None:
    ada = await register(channels)
    said = set()
    for username, password in (
        (ada.username, "wrong"),
        (ada.username, ""),
        (ada.username, "x" * 100_000),
        (ada.username, PASSWORD + "\0"),
        (a_name(), PASSWORD),
        ("", PASSWORD),
        ("a\0b", PASSWORD),
        ("x" * 100_000, PASSWORD),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await identity(channels).Login(pb.LoginRequest(username=username, password=password))
        said.add((refused.value.code(), refused.value.details(), str(refused.value.trailing_metadata())))
    assert len(said) == 1, said
    assert next(iter(said))[0] == grpc.StatusCode.UNAUTHENTICATED


GOOD = {"name": "Garden", "username": "", "password": PASSWORD}


@pytest.mark.parametrize("field", ["name", "username", "password"])
@pytest.mark.parametrize("value", ["", "a\0bcdefghi", "x" * 1001])
async def test_what_can_not_be_taken_is_refused_with_its_field(channels: Channels, field: str, value: str) -> None:
    request = pb.RegisterOrganizationRequest(**{**GOOD, "username": a_name(), field: value})
    with pytest.raises(Invalid) as refused:
        await ask(identity(channels).RegisterOrganization(request))
    assert refused.value.metadata == {"field": field}


async def test_what_is_refused_leaves_nothing_behind(stack: Any, channels: Channels) -> None:
    name = f"Half {uuid4()}"
    request = pb.RegisterOrganizationRequest(name=name, username="a\0b", password=PASSWORD)
    with pytest.raises(Invalid):
        await ask(identity(channels).RegisterOrganization(request))
    assert rows(stack, "SELECT FROM organization WHERE name = %s", name) == []


ORPHANS = """
SELECT organization_id FROM keys.key_ring EXCEPT SELECT organization_id FROM identity.organization ORDER BY 1
"""


async def test_for_an_organisation_that_is_refused_no_key_is_made(stack: Any, channels: Channels) -> None:
    ada = await register(channels)
    good = {"name": "Garden", "username": a_name(), "password": PASSWORD}
    refused = {"username": [ada.username, ada.username.upper(), "a\0b"], "name": ["a\0b"], "password": ["short"]}
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        before = database.execute(ORPHANS).fetchall()
        for field, value in [(field, value) for field, values in refused.items() for value in values]:
            request = pb.RegisterOrganizationRequest(**{**good, field: value})
            with pytest.raises((AlreadyExists, Invalid)) as error:
                await ask(identity(channels).RegisterOrganization(request))
            assert error.value.metadata == {"field": field}
        assert database.execute(ORPHANS).fetchall() == before


async def test_no_password_nor_hash_nor_private_key_is_in_events_or_in_clear(stack: Any, channels: Channels) -> None:
    ada = await register(channels)
    events = rows(stack, "SELECT event_type, payload FROM outbox WHERE organization_id = %s", ada.organization_id)
    assert {(event["event_type"], frozenset(event["payload"])) for event in events} == {
        ("OrganizationRegistered", frozenset({"organization_id", "name"})),
        ("UserAdded", frozenset({"user_id", "organization_id", "username"})),
    }
    [credential] = rows(stack, "SELECT password_hash FROM credential WHERE user_id = %s", ada.user_id)
    assert credential["password_hash"].startswith("$argon2id$")
    for row in rows(stack, "SELECT private_key FROM signing_key"):
        assert len(row["private_key"]) == 12 + 32 + 16  # nonce, key, tag


async def test_another_secret_does_not_open_the_signing_keys_and_says_so(stack: Any) -> None:
    other = stack.settings.model_copy(update={"secret": SecretStr("another")})
    async with open_pool(stack.settings, "identity") as pool:
        with pytest.raises(SettingError, match="CANVAS_DEMO_SECRET is not the one"):
            await SigningKeyTable(pool, other).current()


async def test_both_events_of_a_registration_arrive_as_one_conversation(stack: Any, channels: Channels) -> None:
    ada = await register(channels)

    def of_ada(record: Any) -> bool:
        return headers(record).get("ce_organizationid") == ada.organization_id

    found = {}
    for topic, key, event_type in (
        ("canvas-demo.organization", ada.organization_id, "OrganizationRegistered"),
        ("canvas-demo.user", ada.user_id, "UserAdded"),
    ):
        records = await asyncio.to_thread(
            read_until, stack.settings.bootstrap, topic, lambda seen: any(map(of_ada, seen))
        )
        [record] = filter(of_ada, records)
        assert (record.key().decode(), headers(record)["ce_type"]) == (key, event_type)
        found[topic] = headers(record)["ce_correlationid"]
    assert len(set(found.values())) == 1, found


async def test_the_events_of_the_first_user_arrive_too(stack: Any, channels: Channels) -> None:
    admin = await sign_in(channels, "admin", "changeme")
    await asyncio.to_thread(
        read_until,
        stack.settings.bootstrap,
        "canvas-demo.user",
        lambda seen: any(record.key().decode() == admin.user_id for record in seen),
    )


def test_the_tables_agree_with_the_events(stack: Any) -> None:
    stack.cli("verify", "identity")


async def test_a_token_whose_organisation_was_changed_is_refused(channels: Channels) -> None:
    """Once through a whole server; the other forgeries are tried on the verifier itself."""
    ada, bob = await register(channels), await register(channels)
    header, _, signature = ada.token.split(".")
    for forged in (f"{header}.{bob.token.split('.')[1]}.{signature}", ada.token[:-4] + "AAAA", "", "null"):
        person = Person("", "", "", forged)
        with pytest.raises(Unauthenticated):
            await ask(identity(channels).GetMe(pb.GetMeRequest(), metadata=person.metadata))


async def test_the_jwk_set_is_for_anyone(stack: Any) -> None:
    async with grpc.aio.insecure_channel(stack.settings.grpc_address("identity")) as outside:
        answer = await pb_grpc.IdentityStub(outside).GetJwks(pb.GetJwksRequest())
    [*keys] = json.loads(answer.jwks)["keys"]
    assert keys
    assert all({"kty", "crv", "x", "kid"} <= set(key) and "d" not in key for key in keys)


async def test_tokens_expire(channels: Channels) -> None:
    answer = await ask(identity(channels).Login(pb.LoginRequest(username="admin", password="changeme")))
    claims = jwt.decode(answer.token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == answer.expires_in == 8 * 60 * 60
    assert abs(claims["iat"] - datetime.now(UTC).timestamp()) < 60


async def test_writing_the_tables_anew_keeps_everyone_s_password(stack: Any, channels: Channels) -> None:
    ada = await register(channels)
    await asyncio.to_thread(stack.cli, "rebuild", "identity")
    assert (await sign_in(channels, ada.username)).user_id == ada.user_id
    await asyncio.to_thread(stack.cli, "verify", "identity")
