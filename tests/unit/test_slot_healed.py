"""A lost slot is healed whatever becomes of the process that heals it; who stopped the connector is told apart."""

from functools import partial
from typing import Any

import httpx
import pytest

from canvas_demo.kernel import slot
from canvas_demo.kernel.settings import Settings
from canvas_demo.kernel.slot import QUERIES, SlotState

LOST = SlotState(there=False, active=False, wal_status="missing", retained=0, lag=0, limit=-1)
INTACT = SlotState(there=True, active=True, wal_status="reserved", retained=0, lag=0, limit=-1)


class Killed(BaseException):
    """The process ends."""


class Connect:
    """Kafka Connect's REST, as far as a slot is healed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state, self.task = "RUNNING", "RUNNING"
        self.offsets = True
        self.killed_before = ""
        transport = httpx.MockTransport(self.answer)
        monkeypatch.setattr(slot.httpx, "AsyncClient", partial(httpx.AsyncClient, transport=transport))

    def answer(self, request: httpx.Request) -> httpx.Response:
        what = request.url.path.rpartition("/")[2]
        if what == self.killed_before:
            raise Killed
        if what == "status":
            tasks = [{"state": self.task}] if self.task else []
            return httpx.Response(200, json={"connector": {"state": self.state}, "tasks": tasks})
        if what == "stop":
            self.state, self.task = "STOPPED", ""
        elif what == "offsets":
            self.offsets = False
        elif what == "resume":
            self.state, self.task = "RUNNING", "RUNNING"
        elif what == "restart" and request.url.params["onlyFailed"] == "true":
            self.task = "RUNNING"
        return httpx.Response(200)


class Database:
    """Remembers the note, and nothing else."""

    def __init__(self) -> None:
        self.noted = False
        self.state = LOST

    async def execute(self, query: str, _: Any) -> Any:
        if query == QUERIES["note_stopped"]:
            self.noted = True
        elif query == QUERIES["drop_slot"]:
            self.noted = False
        self._found = vars(self.state) if query == QUERIES["slot"] else self.noted or None
        return self

    async def fetchone(self) -> Any:
        return self._found


class World:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.connect, self.database = Connect(monkeypatch), Database()
        self._monkeypatch = monkeypatch

    async def life(self, looks: int = 2, **settings: Any) -> None:
        """A process that looks so often, or until it is killed."""

        async def sleep(_: float) -> None:
            nonlocal looks
            looks -= 1
            if not looks:
                raise Killed

        self._monkeypatch.setattr(slot.asyncio, "sleep", sleep)
        database: Any = self.database
        with pytest.raises(Killed):
            await slot._Watch(Settings(**settings)).run(database)
        self.connect.killed_before = ""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


async def test_a_lost_slot_is_healed_and_the_connector_goes_on(world: World) -> None:
    await world.life()
    assert (world.connect.state, world.connect.offsets, world.database.noted) == ("RUNNING", False, False)


@pytest.mark.parametrize("killed_before", ["stop", "offsets", "resume"])
@pytest.mark.parametrize("found", [LOST, INTACT], ids=["lost", "intact"])
async def test_what_a_killed_process_has_begun_to_heal_the_next_one_ends(
    world: World, killed_before: str, found: SlotState
) -> None:
    world.connect.killed_before = killed_before
    await world.life()
    world.database.state = found
    await world.life()
    assert (world.connect.state, world.connect.offsets, world.database.noted) == ("RUNNING", False, False)


async def test_a_connector_that_somebody_stopped_stays_so_in_every_life(world: World) -> None:
    world.connect.state = "STOPPED"
    world.connect.killed_before = "offsets"
    await world.life()
    await world.life()
    assert (world.connect.state, world.connect.offsets) == ("STOPPED", False)


@pytest.mark.parametrize(("restarts", "then"), [(True, "RUNNING"), (False, "FAILED")])
async def test_a_task_that_has_failed_is_restarted_where_no_supervisor_does(
    world: World, *, restarts: bool, then: str
) -> None:
    world.database.state, world.connect.task = INTACT, "FAILED"
    await world.life(connector_restarts=restarts)
    assert world.connect.task == then
