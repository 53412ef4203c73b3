"""What any stack on this machine can use once it is there: the jars, and word of the AOT caches."""

from pathlib import Path

from canvas_demo.stack.jars import Jars, fetch, jars_of


def fetch_jars(cache: Path) -> Jars:
    """The jars in the cache; fetches what is missing, with a progress bar."""
    jars = jars_of(cache)
    missing = jars.missing()
    if not missing:
        return jars
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("Fetching Kafka and Debezium", total=len(missing))
        fetch(jars, lambda _jar: progress.advance(bar))
    return jars


def aot_note(cache: Path, jars: Jars) -> str:
    """What ``status`` says of the JVMs' caches."""
    from canvas_demo.stack.java import aot_cache

    aot = aot_cache(cache, jars)
    lacking = [program for program in ("kafka", "connect") if not aot.has(program)]
    if lacking:
        return f"no AOT cache for {' and '.join(lacking)}: starts take longer; make it with canvas-demo prepare"
    return "the JVMs start from their AOT caches"
