"""A run: the load, the faults at their moments, and what must hold afterwards."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from canvas_demo.chaos import evidence as reading
from canvas_demo.chaos.checks import Verdict, judge
from canvas_demo.chaos.evidence import Evidence
from canvas_demo.chaos.faults import DO, Target
from canvas_demo.chaos.load import Api, Ledger, Organization, Pace, Writer
from canvas_demo.chaos.plan import FAULTS, Choices, Fault, Moment, moments
from canvas_demo.chaos.probe import Probe
from canvas_demo.chaos.subscriber import Subscriber
from canvas_demo.kernel.replay import verify
from canvas_demo.kernel.settings import MODULES, Settings
from canvas_demo.serve import replay
from canvas_demo.stack import channel
from canvas_demo.stack.addresses import of_running

CATCH_UP = 300.0
"""Seconds within which every subscriber has seen all that there is."""
STALLED_AFTER = 120.0
"""Seconds without an accepted command after which a run is given up."""
UPLOAD_EVERY = 2.0
UPLOAD_SIZE = 200_000


@dataclass(frozen=True)
class Plan:
    """What is asked of a run."""

    seed: int
    events: int
    kills: int
    rate: float
    among: Sequence[Fault] = tuple(FAULTS)
    organizations: int = 4
    canvases: int = 4


@dataclass(frozen=True)
class Happened:
    """A fault that was done: what exactly, and seconds until the next event reached a subscriber."""

    fault: Fault
    what: str
    recovered_after: float


@dataclass
class Outcome:
    """All of a run."""

    plan: Plan
    evidence: Evidence
    seconds: float
    happened: list[Happened] = field(default_factory=list)

    @property
    def verdicts(self) -> Mapping[str, Verdict]:
        """What each check says."""
        return judge(self.evidence)


Say = Callable[[str], None]


async def run(settings: Settings, plan: Plan, say: Say) -> Outcome:
    """Do as planned to the stack that runs in the settings' home."""
    environment = of_running(settings)
    began = time.monotonic()
    ledger = Ledger()
    async with Api(environment["WEB_URL"], addresses_of(settings, environment, "canvases")) as api:
        organizations = [await api.register(plan.canvases) for _ in range(plan.organizations)]
        say(f"{plan.organizations} organisations with {plan.canvases} canvases each, {plan.rate:g} commands a second")
        urls = environment["WS_URLS"]
        subscribers = {
            f"subscriber {number + 1} of organisation {at + 1}": _subscriber(urls, of, number)
            for at, of in enumerate(organizations)
            for number in range(2)
        }
        async with _running(*(each.run() for each in subscribers.values())):
            await _ready(subscribers)
            target = Target(settings, api, organizations[0])
            happened = await _load(api, organizations, plan, ledger, target, environment, say)
            say(f"{len(ledger.commands)} commands sent; reading what they left")
            ids = [of.organization_id for of in organizations]
            found = await asyncio.to_thread(reading.read, settings, ids, ledger.commands, ledger.uploads)
            await _caught_up(subscribers, found)
        views = {name: dict(each.views) for name, each in subscribers.items()}
    differences = await _differences(settings)
    found = replace(found, views=views, differences=differences, parked=reading.count_parked(settings))
    return Outcome(plan, found, time.monotonic() - began, happened)


def addresses_of(settings: Settings, environment: Mapping[str, Any], module: str) -> str:
    """Where the module's instances answer, with commas between."""
    parts = next(channel.ask(settings.home, "status"))["components"]
    apart = [part["address"] for part in parts if part["name"].partition("-")[0] == module and part["address"]]
    return ",".join(apart) or str(environment[f"GRPC_{module.upper()}"])


def _subscriber(urls: Sequence[str], of: Organization, number: int) -> Subscriber:
    own_first = [*urls[number % len(urls) :], *urls[: number % len(urls)]]
    return Subscriber(own_first, of.token, [f"canvas/{canvas_id}" for canvas_id in of.canvases])


@asynccontextmanager
async def _running(*works: Any) -> AsyncIterator[None]:  # noqa: ANN401  (coroutines that end by cancellation)
    """Run them besides."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
        for task in tasks:
            if task.done():
                await task  # raises what ended it
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _all_of(*works: Any) -> AsyncIterator[None]:  # noqa: ANN401  (coroutines that end by themselves)
    """The same, waiting for their end; the first error ends it all, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for work in works:
                tasks.create_task(work)
            yield
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors


async def _ready(subscribers: Mapping[str, Subscriber]) -> None:
    """Wait for all of them. Raises TimeoutError."""
    try:
        async with asyncio.timeout(CATCH_UP):
            for each in subscribers.values():
                await each.ready.wait()
    except TimeoutError as error:
        raise TimeoutError(f"not every subscriber was ready within {CATCH_UP:.0f} s") from error


async def _load(
    api: Api,
    organizations: Sequence[Organization],
    plan: Plan,
    ledger: Ledger,
    target: Target,
    environment: Mapping[str, Any],
    say: Say,
) -> list[Happened]:
    """Write at the planned rate, with the faults at their moments, until all were done and enough is accepted."""
    pace, enough = Pace(plan.rate), asyncio.Event()
    planned = moments(plan.seed, plan.events, plan.kills, plan.among)
    # While a fault is being healed the load goes on, but not so far that the later ones come after it.
    share = max(plan.events // (plan.kills + 1), 1)
    limit = 3 * share
    writers = [
        Writer(api, of, canvas_id, Choices(plan.seed, at * plan.canvases + number), ledger)
        for at, of in enumerate(organizations)
        for number, canvas_id in enumerate(of.canvases)
    ]

    async def write(writer: Writer) -> None:
        while not enough.is_set():
            await pace.step()
            if ledger.outcomes["accepted"] < limit:
                await writer.write()

    async def upload() -> None:
        while not enough.is_set():
            for of in organizations:
                await _upload(api, of, ledger)
                await asyncio.sleep(UPLOAD_EVERY / len(organizations))

    happened = []
    async with Probe(api, environment["WS_URLS"]) as probe, _all_of(upload(), *map(write, writers)):
        for moment in planned:
            limit = moment.accepted + 2 * share
            await await_accepted(ledger, moment.accepted)
            happened.append(await _fault(moment, ledger, target, probe, say))
        limit = plan.events
        await await_accepted(ledger, plan.events)
        enough.set()
    return happened


async def _upload(api: Api, of: Organization, ledger: Ledger) -> None:
    with contextlib.suppress(OSError, api.unreachable):
        answer = await api.upload(of, UPLOAD_SIZE)
        if answer.is_success:
            ledger.uploads.append(answer.json()["file"]["id"])


async def _fault(moment: Moment, ledger: Ledger, target: Target, probe: Probe, say: Say) -> Happened:
    what = await DO[moment.fault](target)
    seconds = await probe.next_event()
    say(f"{ledger.outcomes['accepted']:7} accepted: {what}; the next event arrived after {seconds:.1f} s")
    return Happened(moment.fault, what, seconds)


async def _caught_up(subscribers: Mapping[str, Subscriber], found: Evidence) -> None:
    """Wait until every subscriber has seen all, or time is up: then its check tells."""

    def behind() -> bool:
        return any(
            view.cursor < found.cursors.get(subject, 0)
            for each in subscribers.values()
            for subject, view in each.views.items()
        )

    end = time.monotonic() + CATCH_UP
    while behind() and time.monotonic() < end:  # noqa: ASYNC110  (what many tasks count has no one event)
        await asyncio.sleep(0.05)


async def await_accepted(ledger: Ledger, wanted: int, stalled_after: float = STALLED_AFTER) -> None:
    """Wait until so many commands were accepted. Raises TimeoutError where no more are."""
    before, end = -1, 0.0
    while (accepted := ledger.outcomes["accepted"]) < wanted:
        if accepted > before:
            before, end = accepted, time.monotonic() + stalled_after
        if time.monotonic() > end:
            last = ledger.commands[-1] if ledger.commands else "none was answered"
            before_that = f"{accepted} of {wanted} were before; the last answer: {last}"
            raise TimeoutError(f"no command was accepted for {stalled_after:.0f} s; {before_that}")
        await asyncio.sleep(0.05)


async def _differences(settings: Settings) -> list[str]:
    return [difference async for _, done in replay(settings, MODULES, verify) for difference in done.differences]


def as_json(outcome: Outcome) -> str:
    """The outcome for a program."""
    return json.dumps(
        {
            "seed": outcome.plan.seed,
            "seconds": round(outcome.seconds, 1),
            "commands": len(outcome.evidence.commands),
            "faults": [vars(each) for each in outcome.happened],
            "checks": {name: vars(verdict) for name, verdict in outcome.verdicts.items()},
            "holds": not any(verdict.faults for verdict in outcome.verdicts.values()),
        },
        indent=2,
    )
