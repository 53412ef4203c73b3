"""What the home folder of a stack remembers: its secrets, its ports and what runs."""

import base64
import contextlib
import os
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from canvas_demo.kernel.settings import Settings
from canvas_demo.stack.channel import is_running
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.files import own_temporary_folder, recall, remember
from canvas_demo.stack.ports import Book, choose

PORT_SETTINGS = frozenset(name for name in Settings.model_fields if name.startswith("port_"))


def load_settings(home: Path | None = None) -> Settings:
    """The settings of the environment, completed by what ``home`` remembers, or the environment's own home.

    While a stack runs in that home, its ports are the ones it runs on. Otherwise a port of the
    environment wins over one chosen earlier by ``CANVAS_DEMO_PORTS=auto``, and that over the default.
    """
    given = Settings()
    given = given.model_copy(update={"home": absolute(home or given.home), "cache": absolute(given.cache)})
    remembered: dict[str, Any] = {**recall(given.home / "ports.json"), **recall(given.home / "secrets.json")}
    known = {name: value for name, value in remembered.items() if name not in given.model_fields_set}
    if is_running(given.home):
        known.update(recall(given.home / "running.json").get("ports", {}))
    if given.master_key_file:
        given = given.model_copy(update={"master_key_file": absolute(given.master_key_file)})
    own = given.model_fields_set | {"home", "cache"}
    return Settings(**(given.model_dump(include=own) | known))


def told_settings() -> Settings:
    """The settings of a part of the stack: as it was told, where whoever started it told it the secret."""
    given = Settings()
    return given if "secret" in given.model_fields_set else load_settings()


def absolute(path: Path) -> Path:
    """The path as the stack's processes, which run in another folder, can use it."""
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - resolve() would follow links


def prepare_home(settings: Settings) -> Settings:
    """Make the folder and, on first use, its secrets; the settings that hold them."""
    for folder in (settings.home, settings.home / "logs", settings.home / "run"):
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as error:
            message = f"cannot make {folder}: {error.strerror}. Name another folder with CANVAS_DEMO_HOME."
            raise StackError(message) from error
    if not (settings.home / "secrets.json").exists():
        remember(settings.home / "secrets.json", _new_secrets(settings), mode=0o600)
    return load_settings(settings.home)


def _new_secrets(settings: Settings) -> dict[str, str]:
    """The secrets of a home; a master key too, with a warning, where nobody has told one."""
    made = {"secret": secrets.token_hex(32)}
    if settings.master_key_file is None and not settings.master_key.get_secret_value():
        made["master_key"] = base64.b64encode(secrets.token_bytes(32)).decode()
        print(
            f"Made a master key for the demo and wrote it to {settings.home / 'secrets.json'}: whoever reads that file "
            "can read every organisation's data, and without it nobody can. Elsewhere, keep the key apart from the "
            "data: CANVAS_DEMO_MASTER_KEY or CANVAS_DEMO_MASTER_KEY_FILE.",
            file=sys.stderr,
        )
    return made


def children_environment(settings: Settings) -> dict[str, str]:
    """The variables that tell a Python child of the stack the same settings."""
    plain = {name: str(getattr(settings, name)) for name in ("home", "cache", "host", *sorted(PORT_SETTINGS))}
    names = ("secret", "master_key", "postgres_password", "cdc_password")
    hidden = {name: getattr(settings, name).get_secret_value() for name in names}
    file = {"master_key_file": str(settings.master_key_file)} if settings.master_key_file else {}
    return {f"CANVAS_DEMO_{name.upper()}": value for name, value in {**plain, **hidden, **file}.items()}


def choose_ports(settings: Settings, names: Iterable[str] = PORT_SETTINGS) -> Settings:
    """The settings with free ports, the same as last time where they are free; the home remembers them."""
    book = Book(own_temporary_folder() / "ports.json", str(settings.home))
    chosen = choose(settings.host, tuple(names), recall(settings.home / "ports.json"), book)
    remember(settings.home / "ports.json", chosen)
    return Settings(**(settings.model_dump() | chosen))


def record_running(settings: Settings, what: dict[str, Any]) -> None:
    """Write down the ports, and what else commands have to know, of the stack that starts."""
    ports = {name: getattr(settings, name) for name in PORT_SETTINGS}
    remember(settings.home / "running.json", {"ports": ports, **what})


def record_children(home: Path, pids: dict[str, int]) -> None:
    """Write down the processes of the stack, each with its time of birth, which tells it from a later one."""
    import psutil

    children = {}
    for name, pid in {"supervisor": os.getpid(), **pids}.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            children[name] = {"pid": pid, "created": psutil.Process(pid).create_time()}
    remember(home / "processes.json", children)


def end_leftovers(home: Path) -> list[str]:
    """End what a supervisor that was killed has left; their names."""
    import psutil

    found = []
    for name, known in recall(home / "processes.json").items():
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(known["pid"])
            if abs(process.create_time() - known["created"]) < 1:
                family = [process, *process.children(recursive=True)]
                for member in family:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        member.kill()
                psutil.wait_procs(family, timeout=10)
                found.append(name)
    (home / "processes.json").unlink(missing_ok=True)
    return found
