"""The Java archives of Kafka, Connect and Debezium: exactly those the lock file names, checked.

jgo writes ``connectors/jgo.lock.toml`` from ``connectors/jgo.toml`` and fetches from Maven Central;
here each file is held to the lock's SHA-256 before it gets its name in the cache.
"""

import hashlib
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from canvas_demo.stack.errors import StackError
from canvas_demo.stack.files import connectors, locked

# What Kafka Connect loads apart from its own classes; the rest is the class path of both programs.
PLUGIN_GROUPS = frozenset({"io.debezium", "org.postgresql", "com.google.protobuf", "com.datadoghq"})
FETCHES_AT_ONCE = 8


@dataclass(frozen=True)
class Jar:
    """One line of the lock: Maven coordinates and the SHA-256 of the file, in hex."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """As in a Maven repository."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinates(self) -> str:
        """As people write them."""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def is_plugin(self) -> bool:
        """Whether it belongs to the connector and not to Kafka."""
        return self.group in PLUGIN_GROUPS


@dataclass(frozen=True)
class Jars:
    """The files in a cache: Kafka's class path, and the folder for Connect's ``plugin.path``."""

    folder: Path
    locked: tuple[Jar, ...]

    @property
    def plugin_path(self) -> Path:
        """For Connect's setting of that name."""
        return self.folder / "plugins"

    def path(self, jar: Jar) -> Path:
        """Where the jar lies, or is to lie."""
        return self.folder / ("plugins/debezium" if jar.is_plugin else "classpath") / jar.file_name

    @property
    def classpath(self) -> str:
        """In the lock's order, always the same: an AOT cache is valid for one class path only."""
        return ":".join(str(self.path(jar)) for jar in self.locked if not jar.is_plugin)

    def missing(self) -> list[Jar]:
        """What has to be fetched."""
        return [jar for jar in self.locked if not self.path(jar).exists()]


def read_lock(path: Path) -> tuple[Jar, ...]:
    """The jars that ``jgo.lock.toml`` names."""
    entries = tomllib.loads(path.read_text())["dependencies"]
    return tuple(Jar(e["groupId"], e["artifactId"], e["version"], e["sha256"]) for e in entries)


def jars_of(cache: Path, lock: Path | None = None) -> Jars:
    """The jars' places in ``cache``, of which some may be missing. A changed lock gets a new folder."""
    lock = lock or connectors() / "jgo.lock.toml"
    entries = read_lock(lock)
    names = "\n".join(f"{jar.coordinates} {jar.sha256}" for jar in entries)
    return Jars(cache / "jars" / hashlib.sha256(names.encode()).hexdigest()[:16], entries)


def fetch(jars: Jars, fetched: Callable[[Jar], None] = lambda _jar: None) -> None:
    """Bring what is missing; ``fetched`` is told of each file. Safe beside other processes.

    :raises StackError: a file could not be had, or is not what the lock says; it is not kept.
    """
    try:
        with locked(jars.folder / ".lock"):
            _fetch_all(jars, jars.missing(), fetched)
    except OSError as error:
        message = f"cannot write jars to {jars.folder}: {error}. Name another folder with CANVAS_DEMO_CACHE."
        raise StackError(message) from error


def _fetch_all(jars: Jars, wanted: Iterable[Jar], fetched: Callable[[Jar], None]) -> None:
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=jars.folder) as draft:
        pool = ThreadPoolExecutor(FETCHES_AT_ONCE)
        try:
            for jar in pool.map(lambda jar: _fetch_one(jars, jar, Path(draft)), wanted):
                fetched(jar)
        finally:
            pool.shutdown(cancel_futures=True)


def _fetch_one(jars: Jars, jar: Jar, draft: Path) -> Jar:
    file = download(jar, draft / jar.coordinates.replace(":", "/"))
    check(jar, file)
    target = jars.path(jar)
    target.parent.mkdir(parents=True, exist_ok=True)
    file.replace(target)
    return jar


def download(jar: Jar, repository: Path) -> Path:
    """The jar's file, fetched by jgo into the local Maven repository ``repository``."""
    import requests
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=repository, timeout=60)
    try:
        return context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    except requests.ConnectionError as error:
        message = (
            f"cannot fetch {jar.coordinates}: Maven Central can't be reached from here. "
            "Connect this machine to the network and try again: what has been fetched is kept."
        )
        raise StackError(message) from error
    except (requests.RequestException, RuntimeError) as error:
        raise StackError(f"cannot fetch {jar.coordinates} from Maven Central: {error}. Try again.") from error


def check(jar: Jar, file: Path) -> None:
    """Hold the file to the lock; remove it where it differs."""
    with file.open("rb") as opened:
        got = hashlib.file_digest(opened, "sha256").hexdigest()
    if got != jar.sha256:
        file.unlink()
        message = (
            f"{jar.coordinates} is not the file that connectors/jgo.lock.toml names: its SHA-256 is {got}, "
            f"not {jar.sha256}. It was removed. Try again; if it stays so, do not use the network it came from."
        )
        raise StackError(message)


def verify(jars: Jars) -> list[str]:
    """Hold every file in the cache to the lock again, removing what differs; what was wrong."""
    wrong = []
    for jar in jars.locked:
        try:
            check(jar, jars.path(jar))
        except StackError as error:
            wrong.append(str(error))
        except FileNotFoundError:
            wrong.append(f"{jar.coordinates} is missing")
    return wrong


def link_to(jars: Jars, cache: Path) -> None:
    """Give another cache folder the same files, without a second download."""
    target = Jars(cache / "jars" / jars.folder.name, jars.locked)
    shutil.copytree(jars.folder, target.folder, symlinks=True, copy_function=_link)


def _link(source: str, target: str) -> str:
    Path(target).hardlink_to(source)
    return target
