"""Data keys of organisations, on the real stack."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import grpc
import psycopg
import pytest
from psycopg.rows import dict_row

from canvas_demo.contracts.keys.v1 import keys_pb2 as pb
from canvas_demo.contracts.keys.v1 import keys_pb2_grpc as pb_grpc
from canvas_demo.kernel.database import open_pool
from canvas_demo.kernel.errors import Gone, NotFound, Unauthenticated
from canvas_demo.kernel.rpc import Channels, ask
from canvas_demo.kernel.settings import SettingError
from canvas_demo.modules.keys.domain import CreateKey
from canvas_demo.modules.keys.store import change_keys, check_master_key
from canvas_demo.modules.keys.wrapping import KeyWrapper
from tests.integration.kafka import headers, read_until
from tests.integration.people import Person, register

DEADLINE = 30.0


@pytest.fixture
async def channels(stack: Any) -> AsyncIterator[Channels]:
    channels = Channels(stack.settings, "files")
    yield channels
    await channels.close()


def keys(channels: Channels) -> Any:
    return pb_grpc.KeysStub(channels.to("keys"))


def of(person: Person) -> pb.DestroyKeyRequest:
    return pb.DestroyKeyRequest(organization_id=person.organization_id)


async def data_key(channels: Channels, organization_id: str, key_version: int = 0) -> pb.DataKey:
    request = pb.GetDataKeyRequest(organization_id=organization_id, key_version=key_version)
    answer: pb.DataKey = await ask(keys(channels).GetDataKey(request))
    return answer


def rows(stack: Any, statement: str, *parameters: Any) -> list[dict[str, Any]]:
    with psycopg.connect(stack.settings.database_url("keys"), row_factory=dict_row) as connection:
        return connection.execute(statement, parameters).fetchall()  # type: ignore[call-overload, no-any-return]


def events_of(stack: Any, organization_id: str) -> list[str]:
    found = rows(
        stack, "SELECT event_type FROM outbox WHERE aggregate_id = %s ORDER BY aggregate_version", organization_id
    )
    return [row["event_type"] for row in found]


async def until(look: Callable[[], Any], enough: Callable[[Any], bool]) -> Any:
    end = time.monotonic() + DEADLINE
    while not enough(seen := await asyncio.to_thread(look)):
        assert time.monotonic() < end, f"last seen: {seen}"
        await asyncio.sleep(0.05)
    return seen


async def test_an_organisation_that_registers_gets_one_key_in_the_same_conversation(
    stack: Any, channels: Channels
) -> None:
    """Its first user's name is sealed under the key, which is made for that."""
    ada = await register(channels)
    await until(lambda: events_of(stack, ada.organization_id), bool)
    [event] = rows(stack, "SELECT * FROM outbox WHERE aggregate_id = %s", ada.organization_id)
    assert event["event_type"] == "OrganizationKeyRotated"
    assert event["payload"] == {"organization_id": ada.organization_id, "key_version": 1}
    with psycopg.connect(stack.settings.database_url("identity")) as connection:
        registered = connection.execute(
            "SELECT correlation_id FROM outbox WHERE aggregate_id = %s", [ada.organization_id]
        ).fetchone()
    assert (event["correlation_id"],) == registered


async def test_a_key_is_there_for_an_upload_right_after_registration_and_is_the_only_one(
    stack: Any, channels: Channels
) -> None:
    people = [await register(channels) for _ in range(5)]
    wanted = [person.organization_id for person in people for _ in range(4)]
    answers = await asyncio.gather(*(data_key(channels, each) for each in wanted))
    for person in people:
        got = {answer.key for each, answer in zip(wanted, answers, strict=True) if each == person.organization_id}
        assert len(got) == 1

    def handled() -> int:
        ids = [person.organization_id for person in people]
        with psycopg.connect(stack.settings.database_url("identity")) as connection:
            registered = connection.execute("SELECT event_id FROM outbox WHERE aggregate_id = ANY(%s)", [ids])
            events = [row[0] for row in registered]
        [row] = rows(
            stack, "SELECT count(*) AS n FROM inbox WHERE consumer = 'keys' AND event_id = ANY(%s::uuid[])", events
        )
        return int(row["n"])

    await until(handled, lambda count: count == len(people))
    for person in people:
        assert events_of(stack, person.organization_id) == ["OrganizationKeyRotated"]


async def test_the_reaction_and_uploads_that_want_the_first_key_at_once_make_one(stack: Any) -> None:
    organization_id, wrapper = str(uuid4()), KeyWrapper.of(stack.settings)
    async with open_pool(stack.settings, "keys") as pool:

        async def create() -> int:
            async with pool.connection() as connection:
                command = CreateKey(organization_id)
                return len((await change_keys(connection, wrapper, organization_id, command, datetime.now(UTC))).events)

        assert sum(await asyncio.gather(*(create() for _ in range(8)))) == 1


async def test_a_data_key_stays_the_same_and_is_kept_wrapped(stack: Any, channels: Channels) -> None:
    ada, bob = await register(channels), await register(channels)
    key = await data_key(channels, ada.organization_id)
    assert (key.key_version, len(key.key)) == (1, 32)
    assert await data_key(channels, ada.organization_id) == await data_key(channels, ada.organization_id, 1) == key
    assert (await data_key(channels, bob.organization_id)).key != key.key
    [row] = rows(stack, "SELECT wrapped FROM data_key WHERE organization_id = %s", ada.organization_id)
    assert key.key not in row["wrapped"]
    assert KeyWrapper.of(stack.settings).unwrap(row["wrapped"], ada.organization_id, 1) == key.key


async def test_rotating_gives_a_new_key_and_keeps_the_old_ones(channels: Channels) -> None:
    ada = await register(channels)
    first = await data_key(channels, ada.organization_id)
    rotated = await ask(keys(channels).RotateKey(pb.RotateKeyRequest(), metadata=ada.metadata))
    newest = await data_key(channels, ada.organization_id)
    assert rotated.key_version == newest.key_version == 2
    assert newest.key != first.key
    assert await data_key(channels, ada.organization_id, 1) == first
    known = await ask(keys(channels).ListKeys(pb.ListKeysRequest(), metadata=ada.metadata))
    assert [key.key_version for key in known.keys] == [1, 2]
    assert known.keys[1].created_at == rotated.created_at
    assert not known.destroyed


async def test_whoever_rotates_at_once_gets_a_version_of_their_own(channels: Channels) -> None:
    ada = await register(channels)
    calls = (ask(keys(channels).RotateKey(pb.RotateKeyRequest(), metadata=ada.metadata)) for _ in range(5))
    versions = sorted(answer.key_version for answer in await asyncio.gather(*calls))
    assert versions == list(range(versions[0], versions[0] + 5))


async def test_destroyed_keys_are_gone_and_stay_gone(stack: Any, channels: Channels) -> None:
    ada, bob = await register(channels), await register(channels)
    await data_key(channels, bob.organization_id)
    await ask(keys(channels).RotateKey(pb.RotateKeyRequest(), metadata=ada.metadata))
    for _ in range(2):
        await ask(keys(channels).DestroyKey(of(ada), metadata=ada.metadata))
    for version in (0, 1, 2, 3):
        with pytest.raises(Gone, match="destroyed"):
            await data_key(channels, ada.organization_id, version)
    with pytest.raises(Gone):
        await ask(keys(channels).RotateKey(pb.RotateKeyRequest(), metadata=ada.metadata))
    assert rows(stack, "SELECT FROM data_key WHERE organization_id = %s", ada.organization_id) == []
    assert events_of(stack, ada.organization_id)[-1] == "OrganizationKeyDestroyed"
    assert events_of(stack, ada.organization_id).count("OrganizationKeyDestroyed") == 1
    known = await ask(keys(channels).ListKeys(pb.ListKeysRequest(), metadata=ada.metadata))
    assert known == pb.ListKeysResponse(destroyed=True)
    assert (await data_key(channels, bob.organization_id)).key_version == 1


async def test_that_keys_were_destroyed_is_published(stack: Any, channels: Channels) -> None:
    ada = await register(channels)
    await ask(keys(channels).DestroyKey(of(ada), metadata=ada.metadata))

    def destroyed(record: Any) -> bool:
        mine = record.key().decode() == ada.organization_id
        return mine and headers(record)["ce_type"] == "OrganizationKeyDestroyed"

    await asyncio.to_thread(
        read_until, stack.settings.bootstrap, "canvas-demo.key", lambda seen: any(map(destroyed, seen))
    )


@pytest.mark.parametrize("key_version", [2, -1, 2**31 - 1])
async def test_a_version_that_there_is_not_is_not_found(channels: Channels, key_version: int) -> None:
    ada = await register(channels)
    await data_key(channels, ada.organization_id)
    with pytest.raises(NotFound):
        await data_key(channels, ada.organization_id, key_version)


async def test_asking_for_a_version_makes_no_key(stack: Any, channels: Channels) -> None:
    nobody = str(uuid4())
    with pytest.raises(NotFound):
        await data_key(channels, nobody, 1)
    assert events_of(stack, nobody) == []


@pytest.mark.parametrize("organization_id", ["", "demo", "a\0b", "x" * 10_000])
async def test_what_is_no_organisation_is_not_found(channels: Channels, organization_id: str) -> None:
    with pytest.raises(NotFound):
        await data_key(channels, organization_id)


async def test_data_keys_are_for_modules_and_their_list_for_people(stack: Any, channels: Channels) -> None:
    ada = await register(channels)
    async with grpc.aio.insecure_channel(stack.settings.grpc_address("keys")) as outside:
        stub = pb_grpc.KeysStub(outside)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.GetDataKey(pb.GetDataKeyRequest(organization_id=ada.organization_id), metadata=ada.metadata)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    for call in (
        keys(channels).ListKeys(pb.ListKeysRequest()),
        keys(channels).RotateKey(pb.RotateKeyRequest()),
        keys(channels).DestroyKey(pb.DestroyKeyRequest()),
    ):
        with pytest.raises(Unauthenticated):
            await ask(call)


async def test_a_start_with_another_master_key_is_refused(stack: Any, channels: Channels) -> None:
    await data_key(channels, (await register(channels)).organization_id)
    async with open_pool(stack.settings, "keys") as pool, pool.connection() as connection:
        await check_master_key(connection, KeyWrapper.of(stack.settings))
        with pytest.raises(SettingError, match="Start with the former master key"):
            await check_master_key(connection, KeyWrapper(secrets.token_bytes(32)))


def test_the_tables_agree_with_the_events(stack: Any) -> None:
    stack.cli("verify", "keys")


async def test_writing_the_tables_anew_neither_loses_keys_nor_brings_any_back(stack: Any, channels: Channels) -> None:
    ada, bob = await register(channels), await register(channels)
    key = await data_key(channels, ada.organization_id)
    await ask(keys(channels).DestroyKey(of(bob), metadata=bob.metadata))
    await asyncio.to_thread(stack.cli, "rebuild", "keys")
    assert await data_key(channels, ada.organization_id) == key
    with pytest.raises(Gone):
        await data_key(channels, bob.organization_id)
