"""A stack, as a notebook holds it: its state, a client for every interface, and what a notebook makes of its own."""

import atexit
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Self, TypeVar

from canvas_demo.lab.api import Person
from canvas_demo.lab.bugs import Bug
from canvas_demo.lab.cdc import CdcLab, RawCdc
from canvas_demo.lab.checks import assert_no_background_errors
from canvas_demo.lab.connectors import setting_of
from canvas_demo.lab.dual_write import DualWriter
from canvas_demo.lab.facts import Facts
from canvas_demo.lab.following import Follower
from canvas_demo.lab.groups import Group
from canvas_demo.lab.journey import Journey, gather
from canvas_demo.lab.kafka import KafkaRecord, Tail
from canvas_demo.lab.load import Load
from canvas_demo.lab.mending import URGENT, mend
from canvas_demo.lab.outage import Outage
from canvas_demo.lab.people import Organization
from canvas_demo.lab.records import Record, table_of
from canvas_demo.lab.relay import PollingRelay
from canvas_demo.lab.scratch import Scratch, Transaction
from canvas_demo.lab.slots import SlotHistory
from canvas_demo.lab.sockets import Socket
from canvas_demo.lab.stored import StoredContent
from canvas_demo.lab.topics import OwnTopic, repeat
from canvas_demo.lab.turns import Turn, turns_on
from canvas_demo.lab.wal import PUBLICATION, Wal
from canvas_demo.stack.unit import READY

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from canvas_demo.lab.views import Views
    from canvas_demo.lab.widgets import Selection, SystemMap

HIDDEN = {"DATABASE_URL", "CANVAS_DEMO_HOME"}
"""Not shown: a password, and where somebody keeps their files."""
SLOT = "canvas_demo_outbox"
Opened = TypeVar("Opened", bound="AbstractContextManager[object]")


class Lab(Facts):
    """One running stack, looked at from outside. What is made by way of it is unmade by `close`."""

    _turn: Turn | None = None

    def __repr__(self) -> str:
        rows = self.status()
        return f"Lab of a stack with {len(rows)} components, {rows['state'].isin(READY).sum()} of them ready"

    def _repr_html_(self) -> str:
        shown = {name: value for name, value in self.environment.items() if name not in HIDDEN}
        return f"<p>{self!r}</p>{table_of(shown)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened, remove what was made, and mend what was broken by way of this lab."""
        self._opened.close()
        atexit.unregister(self.close)

    @cached_property
    def _names(self) -> Counter[str]:
        return Counter()

    def _new_name(self, wanted: str) -> str:
        """A name that no other client of this lab has: by its name each is told from the others."""
        self._names[wanted] += 1
        return wanted if self._names[wanted] == 1 else f"{wanted}, {self._names[wanted]}"

    def on_close(self, call: Callable[[], object]) -> None:
        """Have this called too when the lab is closed."""
        self._opened.callback(call)

    def _own(self, made: Opened) -> Opened:
        self._opened.enter_context(made)
        return made

    # --- people and their connections ----------------------------------------------------------------------

    def person(self, name: str = "") -> Person:
        """Somebody of a fresh organisation, signed in."""
        return self.api.sign_up(name)

    def organization(self, *names: str) -> Organization:
        """A fresh organisation with people of these names, all signed in: ``ada, grace = lab.organization(…)``."""
        return Organization(self.api, *names)

    def websocket(self, who: Person | str, name: str = "", host: int = 0) -> Socket:
        """An open websocket of somebody (or of whose token it is), on the host of this number."""
        token = who if isinstance(who, str) else who.token
        title = name or self._new_name("client" if isinstance(who, str) else who.username)
        return self._own(Socket(title, self.environment["WS_URLS"][host], token))

    def stored(self, file_id: str) -> StoredContent:
        """The content of a file as it lies on the disk. Raises FileNotFoundError where it lies elsewhere."""
        return self._own(StoredContent(self.database, self._home / "files", file_id))

    def follower(self, who: Person, *subjects: str, name: str = "", host: int = 0) -> Follower:
        """A websocket client that comes back: at first to the host of this number, with its cursors to the next."""
        urls = self.environment["WS_URLS"]
        return self._own(Follower(name or who.username, [*urls[host:], *urls[:host]], who.token, subjects))

    # --- a database, topics, groups and connectors of one's own --------------------------------------------

    def scratch(self) -> Scratch:
        """A schema of one's own in the stack's database."""
        return self._own(Scratch(self.database, self.leftovers))

    def transaction(self) -> Transaction:
        """A transaction of the superuser, that stays open until it is ended."""
        transaction = Transaction(self.database)
        self._opened.callback(transaction.close)
        return transaction

    def topic(self, partitions: int = 3, name: str = "topic", **config: str) -> OwnTopic:
        """A topic of one's own; ``config`` are the topic's settings, with underscores for dots."""
        settings = {key.replace("_", "."): value for key, value in config.items()}
        return self._own(OwnTopic(self.kafka, self.leftovers, partitions, name, **settings))

    def group(self, topic: str) -> Group:
        """A consumer group of one's own on a topic, without members yet."""
        return self._own(Group(self.kafka, topic))

    def repeat(self, record: KafkaRecord, value: str | None = None, event_id: str = "") -> KafkaRecord:
        """Write a record to its topic and partition again; with another value (a text), or as another event.

        Debezium may do so after a crash; with another value, it is an accident of one's own making.
        """
        return repeat(self.kafka, record, value, event_id)

    def relay(self, scratch: Scratch, topic: OwnTopic) -> PollingRelay:
        """A polling relay from a scratch schema's outbox to a topic."""
        return PollingRelay(scratch, topic)

    def dual_writer(self, scratch: Scratch, topic: OwnTopic) -> DualWriter:
        """A program that writes orders to a table and to a topic, and can be killed in between."""
        writer = DualWriter(self.database, self.kafka, scratch, topic)
        self._opened.callback(writer.close)
        return writer

    def tail(self, topic: str) -> Tail:
        """Follow a topic from its end as it is now, as one more consumer."""
        return self._own(self.kafka.tail(topic))

    def wal(self, publication: str = PUBLICATION) -> Wal:
        """The write-ahead log from here on, decoded by a temporary slot of the lab's own."""
        return self._own(Wal(self.database, publication))

    def slot_history(self, slot: str = SLOT, every: float = 0.25) -> SlotHistory:
        """Look at a slot every so many seconds from now on."""
        return self._own(SlotHistory(self.database, slot, every))

    def raw_cdc(self, scratch: Scratch | None = None, **options: str | None) -> RawCdc:
        """A second connector without the EventRouter: Debezium's envelopes as they are.

        It reads the modules' outboxes, or the tables of a scratch schema.
        """
        return self._connector(scratch, options, router=False)

    def cdc(self, scratch: Scratch | None = None, **options: str | None) -> RawCdc:
        """A second connector with the EventRouter, and topics of its own; options with ``__`` for a dot."""
        return self._connector(scratch, options, router=True)

    def _connector(self, scratch: Scratch | None, options: Mapping[str, str | None], *, router: bool) -> RawCdc:
        given = {setting_of(name): value for name, value in options.items()}
        if scratch is not None:
            source = {"table.include.list": f"{scratch.schema}\\..*", "publication.name": scratch.publication()}
            given = {**source, **given}
        return self._own(self.connector_lab.start(router=router, options=given))

    @cached_property
    def connector_lab(self) -> CdcLab:
        """What makes and removes second connectors; `raw_cdc` and `cdc` use it."""
        return CdcLab(self.connect_rest, self.kafka, self.database, self.leftovers)

    @contextmanager
    def connector_settings(self, **settings: str | None) -> Iterator[Record]:
        """Settings of the stack's own connector, changed while the block runs; ``poll__interval__ms="500"``.

        Whoever else wants to break or change something waits.
        """
        with self.faults.alone():
            own = self.connect_rest.config("outbox")
            before = {name: own.get(name) for name in map(setting_of, settings)}
            forget = self.leftovers.note("settings", before=before)
            try:
                self.connect_rest.change("outbox", **settings)
                yield self.connect_rest.config("outbox")
            finally:
                self.connect_rest.change("outbox", **before)
                forget()

    # --- load ----------------------------------------------------------------------------------------------

    def load(self, rate: float, seconds: float, canvases: int = 8) -> Load:
        """Send ``rate`` commands a second for so many seconds, and wait until each event has arrived."""
        return self._own(Load(self, rate, canvases, seconds)).settle()

    def loading(self, rate: float, canvases: int = 8, subscribers: int = 1) -> Load:
        """Send ``rate`` commands a second from now on, until `Load.stop` or the end of a ``with`` block.

        The subscribers are spread over the websocket hosts.
        """
        return self._own(Load(self, rate, canvases, None, subscribers))

    def outage(
        self, component: str, rate: float = 20, commands: int = 100, reaching: str = "", *, frozen: bool = True
    ) -> Outage:
        """Freeze a component under load while so many commands are sent, then kill it, and see what is lost.

        It stays frozen until half of the outage's events are at the place ``reaching``, say "in Kafka", or with
        "subscribers" at every subscriber, or with "sent again" until a client has had to send its command once more.
        Where it is not to be ``frozen``, it is killed at once, and kept away meanwhile. Whoever else wants to break
        something waits.
        """
        with self.faults.alone():
            return Outage.of(self, component, rate, commands, reaching, frozen=frozen)

    # --- one event -----------------------------------------------------------------------------------------

    def journey(
        self,
        event_id: str,
        *,
        raw: RawCdc | None = None,
        sockets: Sequence[Socket] = (),
        tails: Sequence[Tail] = (),
        command: Record | None = None,
    ) -> Journey:
        """The evidence of every hop of one event; ``command`` is the answer of the call that led to it.

        Waits for it. Raises `NotYet` for the first that does not come.
        """
        return gather(self, event_id, raw, sockets, tails, command)

    # --- faults --------------------------------------------------------------------------------------------

    def turn(self) -> Turn:
        """Be the only one, over several cells, who breaks something or writes tables anew: others wait for its `end`.

        Waits for whoever has the turn. Raises `NotYet` with who it is, where they do not give it back.
        """
        if self._turn is None or self._turn.is_over:
            self._turn = self._own(Turn(turns_on(self._home)))
            mend(self, URGENT)
        return self._turn

    def paused(self, component: str) -> "AbstractContextManager[None]":
        """Freeze a component (SIGSTOP) while the block runs; another notebook that breaks something waits."""
        return self.faults.paused(component)

    def bug(self, canvas_id: str) -> Bug:
        """A bug in notifications, which from now on can handle no event of this canvas; `Bug.mend` takes it away."""
        return self._own(Bug(self.database, self.leftovers, canvas_id))

    # --- widgets -------------------------------------------------------------------------------------------

    def map(self) -> "SystemMap":
        """The components and modules drawn, with their live state and what moves between them.

        `status`, `modules` and `traffic` say the same.
        """
        from canvas_demo.lab.widgets import SystemMap

        return SystemMap(self)

    @cached_property
    def views(self) -> "Views":
        """The widgets that show events, slots, deliveries and faults."""
        from canvas_demo.lab.views import Views

        return Views(self, self._opened)

    @property
    def selection(self) -> "Selection":
        """The event that is selected in all views."""
        return self.views.selection

    def select(self, event_id: str) -> None:
        """Mark an event in every view; an empty id: none."""
        self.selection.event_id = event_id

    assert_no_background_errors = staticmethod(assert_no_background_errors)
