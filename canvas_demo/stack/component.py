"""What a declaration is made of. Nothing here starts, reads or connects to anything."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Layout:
    """What was asked of ``up``."""

    split: bool = False
    websocket_hosts: int = 1
    # Module → how many processes of it, where that is not one; only with ``split``.
    instances: Mapping[str, int] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    # The JVMs write their AOT caches as they end.
    train: bool = False


@dataclass(frozen=True)
class Listens:
    """Ready when a TCP connection to the port is accepted."""

    port: int


@dataclass(frozen=True)
class Answers:
    """Ready when HTTP GET answers 200."""

    url: str


@dataclass(frozen=True)
class AcceptsQueries:
    """Ready when PostgreSQL lets clients in and the database exists."""

    port: int


@dataclass(frozen=True)
class Ends:
    """Ready when it has ended with exit code 0; not started again."""


@dataclass(frozen=True)
class Streams:
    """Ready when its task is RUNNING and reads the replication slot."""

    connector: str


Ready = Listens | Answers | AcceptsQueries | Ends | Streams
Program = Literal["postgres", "kafka", "connect", "migrate", "serve", "connector"]


@dataclass(frozen=True)
class Component:
    """One part of the stack: what it is and needs, not how it is started."""

    name: str
    program: Program
    ready: Ready
    needs: tuple[str, ...] = ()
    # Started beside what it needs, because it tries again until that is there.
    eager: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)
    address: str = ""
    # Where its process tells its metrics.
    metrics: str = ""
    config: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    trains: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    ready_seconds: float = 180.0
