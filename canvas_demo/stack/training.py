"""Make the AOT caches: run the real thing once, in a home of its own, and let it end."""

import sys
import tempfile
from pathlib import Path

from canvas_demo.kernel.settings import Settings
from canvas_demo.stack import show
from canvas_demo.stack.commands import take_down
from canvas_demo.stack.component import Layout
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.files import locked
from canvas_demo.stack.home import choose_ports, load_settings, prepare_home
from canvas_demo.stack.jars import Jars
from canvas_demo.stack.java import AotCache, aot_cache

JVMS = ("kafka", "connect")
COMPONENTS = ("postgres", "kafka", "migrations", "connect", "outbox")


def train(cache: Path, jars: Jars) -> None:
    """Make what is missing of the AOT caches; says what it does.

    :raises StackError: the stack did not start, or the JVMs wrote no cache.
    """
    aot = aot_cache(cache, jars)
    with locked(aot.folder / ".lock"):
        if all(aot.has(program) for program in JVMS):
            print(f"AOT caches: there, in {aot.folder}", file=sys.stderr)
            return
        print("AOT caches: running Kafka and Connect once to record what they load", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="canvas-demo-training-") as folder:
            _run_once(choose_ports(prepare_home(load_settings(Path(folder)))))
        for program in JVMS:
            _keep(aot, program)


def _run_once(settings: Settings) -> None:
    from canvas_demo.stack.up import start

    notes = ["a run to make the AOT caches"]
    last = show.follow(start(settings, Layout(only=COMPONENTS, train=True), detach=False, notes=notes), until_up=True)
    if last["failure"]:
        raise StackError(last["failure"])
    print("AOT caches: being written", file=sys.stderr)
    take_down(settings.home)


def _keep(aot: AotCache, program: str) -> None:
    if not aot.draft(program).exists():
        message = f"the JVM of {program} wrote no AOT cache. `up` works without, a few seconds slower."
        raise StackError(message)
    aot.keep(program)
    print(f"AOT caches: {aot.file(program)}, {aot.file(program).stat().st_size / 1e6:.0f} MB", file=sys.stderr)
