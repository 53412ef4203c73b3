"""Ports in use, and ports to choose."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from canvas_demo.stack import ports
from canvas_demo.stack.errors import StackError

HOST = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def book(tmp_path: Path) -> ports.Book:
    return ports.Book(tmp_path / "ports.json", "this stack")


def test_a_port_in_use_is_named_with_its_holder_and_the_way_out(taken: int) -> None:
    with pytest.raises(StackError) as refused:
        ports.check_free(HOST, [("kafka", "port_kafka", taken)])
    message = str(refused.value)
    assert f"port {taken}" in message
    assert "kafka" in message
    assert f"process {os.getpid()} (" in message
    assert "CANVAS_DEMO_PORT_KAFKA=" in message
    assert "--ports auto" in message


def test_a_port_counted_from_a_setting_names_the_setting(taken: int) -> None:
    assert "CANVAS_DEMO_PORT_GRPC=" in ports.conflict(HOST, "backend", "port_grpc+3", taken)


def test_a_port_that_was_just_given_up_counts_as_free(taken: int) -> None:
    with socket.create_connection((HOST, taken)):
        pass
    assert not ports.is_free(HOST, taken)


def test_ports_are_chosen_apart_from_each_other(book: ports.Book) -> None:
    chosen = ports.choose(HOST, ("port_web", "port_grpc", "port_websockets", "port_kafka"), {}, book)
    used = [port + at for name, port in chosen.items() for at in range(ports.BLOCKS.get(name, 1))]
    assert len(used) == len(set(used))
    assert all(ports.is_free(HOST, port) for port in used)


def test_a_port_of_last_time_is_kept_while_it_is_free(taken: int, book: ports.Book) -> None:
    first = ports.choose(HOST, ("port_web",), {}, book)
    assert ports.choose(HOST, ("port_web",), first, book) == first
    assert ports.choose(HOST, ("port_web",), {"port_web": taken}, book) != {"port_web": taken}


def test_two_stacks_that_start_at_once_choose_different_ports(
    monkeypatch: pytest.MonkeyPatch, book: ports.Book, tmp_path: Path
) -> None:
    """Neither listens yet."""
    first = ports.choose(HOST, ("port_web", "port_grpc"), {}, book)
    other = ports.Book(tmp_path / "ports.json", "another stack")
    second = ports.choose(HOST, ("port_web", "port_grpc"), first, other)
    assert not set(first.values()) & set(second.values())
    monkeypatch.setattr(ports, "RESERVED", -1.0)
    assert ports.choose(HOST, ("port_web", "port_grpc"), first, other) == first


def test_no_free_port_is_said(monkeypatch: pytest.MonkeyPatch, book: ports.Book) -> None:
    monkeypatch.setattr(ports, "is_free", lambda host, port: False)
    with pytest.raises(StackError, match="no free port"):
        ports.choose(HOST, ("port_web",), {}, book)
