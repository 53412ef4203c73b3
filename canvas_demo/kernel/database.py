"""PostgreSQL: a pool of connections per module, under a role that can touch that module's schema alone."""

import time
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import psycopg
from psycopg import AsyncPipeline
from psycopg.errors import InFailedSqlTransaction
from psycopg.generators import send
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from canvas_demo.kernel.keyring import KeyRing
from canvas_demo.kernel.rpc import Channels
from canvas_demo.kernel.settings import Settings


class Connection(psycopg.AsyncConnection[DictRow]):
    """A module's connection, with the keys that open what is personal in its events."""

    keys: KeyRing
    seen_at: float = float("-inf")
    """When the server was last known to answer, on the monotonic clock."""

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[AsyncPipeline]:
        """Send statements together; see `_Pipeline`."""
        async with self.lock:
            self._check_connection_ok()
            self._pipeline = self._pipeline or _Pipeline(self)
        async with super().pipeline() as pipeline:
            yield pipeline

    @asynccontextmanager
    async def _pipeline_nolock(self) -> AsyncIterator[AsyncPipeline]:
        """The same for ``executemany``."""
        pipeline = self._pipeline = _Pipeline(self, _no_lock=True)
        try:
            async with pipeline:
                yield pipeline
        finally:
            self._pipeline = None

    def _start_query(self) -> Generator[Any, Any, None]:
        """Begin a transaction where there is none; in a pipeline, without waiting for the answer."""
        if self._pipeline is None or self.info.transaction_status is not TransactionStatus.IDLE:
            yield from super()._start_query()
        elif not self.autocommit:
            yield from self._exec_command(self._get_tx_start_command())
            yield from self._pipeline._communicate_gen()  # noqa: SLF001  (what is overridden is psycopg's own)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the transaction; where its work was cancelled, the connection with it.

        Nobody knows then which answers of a pipeline are still to come: whoever got this connection
        next would take them for his own, and do his work outside of a transaction.

        Raises InFailedSqlTransaction where one of its statements had failed, and nobody heard of it:
        PostgreSQL would take the COMMIT, and roll back, and psycopg would count on statements that were not prepared.
        """
        unheard = kind is None and self.info.transaction_status is TransactionStatus.INERROR
        ended = False
        try:
            if unheard:
                await self.rollback()
            if kind is None or issubclass(kind, Exception):
                await super().__aexit__(kind, error, trace)
                ended = True
        except Exception:
            ended = True
            raise
        finally:
            if not ended:
                await self.close()
        if unheard:
            raise InFailedSqlTransaction("a statement of this transaction had failed: nothing of it is stored")


class _Pipeline(AsyncPipeline):
    """A pipeline that sends together all it was given, when an answer is wanted or it ends.

    psycopg's own makes a write of each statement, and waits for the answer to BEGIN first.

    Its last word is a Sync message each time, where psycopg's own asks for answers with a Flush. Only the answer to
    a Sync tells the client that it is in a transaction; and where a Flush arrives after the Sync, PostgreSQL has
    heard from its client once more, and no longer counts for how long the transaction is left alone: what a frozen
    process holds would be held for good.
    """

    def _communicate_gen(self) -> Generator[Any, Any, None]:
        """Give libpq the statements, which keeps them."""
        while self.command_queue:
            self.command_queue.popleft()()
        yield from ()

    def _fetch_gen(self, *, flush: bool) -> Generator[Any, Any, None]:
        if self.result_queue:
            if flush:
                self._enqueue_sync()
            yield from self._communicate_gen()
            yield from send(self.pgconn)
            yield from super()._fetch_gen(flush=False)

    def _exit_gen(self) -> Generator[Any, Any, None]:
        if self.result_queue or self.pgconn.transaction_status == TransactionStatus.ACTIVE:
            yield from self._sync_gen()


Pool = AsyncConnectionPool[Connection]

MAX_CONNECTIONS = 8
"""Connections of one module in one process."""
TRUSTED = 1.0
"""Seconds for which a connection that was just used is not asked whether it is still there."""


@asynccontextmanager
async def open_pool(settings: Settings, module: str) -> AsyncIterator[Pool]:
    """A pool under the module's role; ``search_path`` is the module's schema.

    ``async with pool.connection() as connection`` is one transaction: committed at the end,
    rolled back by an exception. Connections that the server closed are replaced.
    """
    kwargs: dict[str, Any] = {
        "row_factory": dict_row,
        "application_name": f"canvas-demo {module}",
        "connect_timeout": 5,
        # What a frozen process holds is not held for good: whoever takes over goes on.
        "options": f"-c idle_in_transaction_session_timeout={int(settings.transaction_idle * 1000)}",
    }
    async with Channels(settings, module) as channels:
        keys = KeyRing(channels)

        async def configure(connection: Connection) -> None:
            connection.keys = keys

        pool: Pool = AsyncConnectionPool(
            settings.database_url(module),
            connection_class=Connection,
            configure=configure,
            kwargs=kwargs,
            min_size=1,
            max_size=MAX_CONNECTIONS,
            timeout=5,
            check=_check,
            open=False,
            name=module,
        )
        await pool.open(wait=True, timeout=30)
        try:
            yield pool
        finally:
            await pool.close()


async def _check(connection: Connection) -> None:
    """Ask the server, unless it answered a moment ago: a busy connection is not worth a round trip each time."""
    now = time.monotonic()
    if now - connection.seen_at > TRUSTED:
        await AsyncConnectionPool.check_connection(connection)
        connection.seen_at = now
