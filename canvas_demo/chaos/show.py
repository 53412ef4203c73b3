"""A run as a person follows it."""

import asyncio
import time
from datetime import UTC, datetime

from canvas_demo.chaos.evidence import saved
from canvas_demo.chaos.plan import FAULTS
from canvas_demo.chaos.run import Outcome, Plan, as_json, run
from canvas_demo.kernel.settings import Settings
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.home import load_settings

SHOWN = 10
"""Faults of a check that are printed; all are in the file."""


def chaos(plan: Plan, *, as_json_text: bool) -> None:
    """Run, and print what was done and a line for each check.

    :raises StackError: something did not hold, and the evidence lies in the stack's home; or the run came to a stop.
    """
    settings = load_settings()
    began = time.monotonic()

    def say(line: str) -> None:
        if not as_json_text:
            print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True)

    say(f"seed {plan.seed}: {plan.events} events, {plan.kills} faults")
    try:
        outcome = asyncio.run(run(settings, plan, say))
    except TimeoutError as error:
        raise StackError(f"The run was given up: {error}") from error
    if as_json_text:
        print(as_json(outcome))
    else:
        print_outcome(outcome)
    if any(verdict.faults for verdict in outcome.verdicts.values()):
        raise StackError(f"something was lost or came twice; the evidence: {keep(outcome, settings)}")


def print_outcome(outcome: Outcome) -> None:
    """The table of faults and the table of checks."""
    from rich.console import Console
    from rich.table import Table

    faults = Table("fault", "what was done", "next event after", box=None, pad_edge=False)
    for each in outcome.happened:
        faults.add_row(FAULTS[each.fault], each.what, f"{each.recovered_after:.1f} s")
    checks = Table("check", "holds", "counted", box=None, pad_edge=False)
    for name, verdict in outcome.verdicts.items():
        checks.add_row(name, "NO" if verdict.faults else "yes", verdict.counted)
    console = Console()
    console.print(faults, checks)
    for name, verdict in outcome.verdicts.items():
        for fault in verdict.faults[:SHOWN]:
            console.print(f"{name}: {fault}", markup=False, highlight=False)
        if len(verdict.faults) > SHOWN:
            console.print(f"{name}: {len(verdict.faults) - SHOWN} more", highlight=False)


def keep(outcome: Outcome, settings: Settings) -> str:
    """Write the evidence down; where."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    path = settings.home / "logs" / f"chaos-{outcome.plan.seed}-{stamp}.json"
    path.write_text(saved(outcome.evidence))
    return str(path)
