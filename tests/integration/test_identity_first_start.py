"""What identity does when it starts, on a database of its own that nothing has used yet."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from canvas_demo.contracts.identity.v1 import identity_pb2 as pb
from canvas_demo.kernel.database import open_pool
from canvas_demo.kernel.idempotency import Requests
from canvas_demo.kernel.migrate import KERNEL_MIGRATIONS
from canvas_demo.kernel.module import Runtime
from canvas_demo.kernel.rpc import Channels
from canvas_demo.kernel.settings import Settings
from canvas_demo.modules.identity import MODULE
from canvas_demo.modules.identity.rotation import SigningKeyTable

INSTANCES = 5


@pytest.fixture
def fresh(stack: Any) -> Iterator[Settings]:
    """Settings of an empty database with identity's tables."""
    settings = stack.settings.model_copy(update={"postgres_database": f"test_{uuid4().hex}"})
    database = sql.Identifier(settings.postgres_database)
    with psycopg.connect(stack.settings.database_url("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(database))
        with psycopg.connect(settings.database_url("postgres")) as owner:
            owner.execute("CREATE SCHEMA identity")
            owner.execute("GRANT USAGE ON SCHEMA identity TO identity")
            owner.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA identity GRANT ALL ON TABLES TO identity")
            owner.execute("SET search_path TO identity")
            for folder in (KERNEL_MIGRATIONS, MODULE.migrations):
                for file in sorted(folder.glob("*.sql")):
                    owner.execute(file.read_bytes())
        yield settings
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))


@pytest.fixture
async def running(fresh: Settings) -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as running:
        yield running


async def started(running: AsyncExitStack, settings: Settings) -> Any:
    """What an instance answers with, once it has started."""
    channels = Channels(settings, "identity")
    running.push_async_callback(channels.close)
    pool = await running.enter_async_context(open_pool(settings, "identity"))
    module = await running.enter_async_context(
        MODULE.start(Runtime(settings, pool, channels, Requests(pool, settings)))
    )
    return module.services[0].servicer


def rows(settings: Settings, statement: str) -> list[Any]:
    with psycopg.connect(settings.database_url("identity")) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[call-overload, no-any-return]


async def test_instances_that_start_at_once_make_one_first_user_and_one_signing_key(
    fresh: Settings, running: AsyncExitStack
) -> None:
    instances = await asyncio.gather(*(started(running, fresh) for _ in range(INSTANCES)))
    sets = {(await instance.GetJwks(pb.GetJwksRequest(), None)).jwks for instance in instances}
    assert [len(json.loads(each)["keys"]) for each in sets] == [1]
    assert rows(fresh, "SELECT username, name FROM account JOIN organization USING (organization_id)") == [
        ("admin", "Demo")
    ]
    assert rows(fresh, "SELECT event_type FROM outbox ORDER BY position") == [
        ("OrganizationRegistered",),
        ("UserAdded",),
    ]


async def test_instances_that_want_a_signing_key_at_the_same_moment_make_one(
    fresh: Settings, running: AsyncExitStack
) -> None:
    pools = [await running.enter_async_context(open_pool(fresh, "identity")) for _ in range(INSTANCES)]
    keys = await asyncio.gather(*(SigningKeyTable(pool, fresh).current() for pool in pools))
    assert len({each.jwks for each in keys}) == 1
    assert rows(fresh, "SELECT count(*) FROM signing_key") == [(1,)]


async def test_starting_again_changes_nothing(fresh: Settings, running: AsyncExitStack) -> None:
    first = await started(running, fresh)
    again = await started(running, fresh)
    assert await first.GetJwks(pb.GetJwksRequest(), None) == await again.GetJwks(pb.GetJwksRequest(), None)
    assert rows(fresh, "SELECT count(*) FROM outbox") == [(2,)]


async def test_what_is_done_at_the_start_belongs_to_no_later_work(fresh: Settings, running: AsyncExitStack) -> None:
    """The first user's conversation ends with it: nothing that runs later carries it on."""
    from canvas_demo.kernel.trace import current_trace

    await started(running, fresh)
    [(correlation_id,)] = rows(fresh, "SELECT DISTINCT correlation_id FROM outbox")
    assert current_trace().correlation_id != correlation_id
