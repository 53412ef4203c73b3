"""From each kind of failure until the next event arrives at a websocket subscriber.

The clock starts when the fault has been done; from then on a canvas is renamed every 50 ms, by two
writers, until one of these events is seen. The faults are those of `canvas-demo chaos`, without its load.
"""

import asyncio
import json
from collections.abc import Sequence

from canvas_demo.chaos.faults import DO, Target
from canvas_demo.chaos.load import Api
from canvas_demo.chaos.plan import FAULTS, Fault
from canvas_demo.chaos.probe import Probe
from canvas_demo.chaos.run import addresses_of
from canvas_demo.kernel.settings import Settings
from canvas_demo.stack.addresses import of_running
from canvas_demo.stack.home import load_settings


def print_recovery(among: Sequence[Fault], *, as_json: bool) -> None:
    """Measure on the stack that runs, and print a line for each fault, or JSON."""
    figures = asyncio.run(measure(load_settings(), among))
    if as_json:
        print(json.dumps({"recovery_s": {fault: round(seconds, 2) for fault, seconds in figures.items()}}, indent=2))
        return
    for fault, seconds in figures.items():
        print(f"{FAULTS[fault]:85} {seconds:7.2f} s")


async def measure(settings: Settings, among: Sequence[Fault]) -> dict[Fault, float]:
    """Seconds for each fault, one after the other."""
    environment = of_running(settings)
    figures: dict[Fault, float] = {}
    async with Api(environment["WEB_URL"], addresses_of(settings, environment, "canvases")) as api:
        target = Target(settings, api, await api.register(1))
        async with Probe(api, environment["WS_URLS"]) as probe:
            await probe.next_event()
            for fault in among:
                writing = asyncio.create_task(probe.write())  # for the faults that want to hit the middle of it
                try:
                    await DO[fault](target)
                finally:
                    writing.cancel()
                    await asyncio.gather(writing, return_exceptions=True)
                figures[fault] = await probe.next_event()
    return figures
