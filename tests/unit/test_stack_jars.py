"""Jars are what the lock says, or they are not used."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from canvas_demo.stack import jars
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.files import connectors

CONTENT = b"a jar"
LOCKED = jars.Jar("org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest())


def serve(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Have Maven Central answer with this content."""

    def download(jar: jars.Jar, repository: Path) -> Path:
        repository.mkdir(parents=True)
        file = repository / jar.file_name
        file.write_bytes(content)
        return file

    monkeypatch.setattr(jars, "download", download)


def test_a_jar_is_fetched_checked_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, CONTENT)
    wanted, fetched = jars.Jars(tmp_path, (LOCKED,)), []
    jars.fetch(wanted, fetched.append)
    assert fetched == [LOCKED]
    assert wanted.missing() == []
    assert jars.verify(wanted) == []


def test_another_file_than_the_locked_one_is_refused_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, b"something else")
    wanted = jars.Jars(tmp_path, (LOCKED,))
    with pytest.raises(StackError) as refused:
        jars.fetch(wanted)
    assert LOCKED.coordinates in str(refused.value)
    assert LOCKED.sha256 in str(refused.value)
    assert hashlib.sha256(b"something else").hexdigest() in str(refused.value)
    assert wanted.missing() == [LOCKED]
    assert not list(tmp_path.rglob("*.jar"))


def test_a_jar_that_was_changed_in_the_cache_is_found_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, CONTENT)
    wanted = jars.Jars(tmp_path, (LOCKED,))
    jars.fetch(wanted)
    wanted.path(LOCKED).write_bytes(b"broken")
    assert "is not the file" in jars.verify(wanted)[0]
    assert wanted.missing() == [LOCKED]


def test_no_network_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jgo.maven._core.DEFAULT_REMOTE_REPOS", {"central": "http://127.0.0.1:1"})
    with pytest.raises(StackError, match=r"org\.example:thing:1\.0.*can't be reached.*try again"):
        jars.fetch(jars.Jars(tmp_path, (LOCKED,)))


def test_plugins_lie_apart_from_the_class_path(tmp_path: Path) -> None:
    found = jars.jars_of(tmp_path)
    plugins = {jar.group for jar in found.locked if str(found.path(jar)).startswith(str(found.plugin_path))}
    assert plugins == jars.PLUGIN_GROUPS
    assert "debezium" not in found.classpath


def test_the_lock_holds_every_coordinate_asked_for_with_a_checksum() -> None:
    asked = tomllib.loads((connectors() / "jgo.toml").read_text())["dependencies"]["coordinates"]
    locked = jars.read_lock(connectors() / "jgo.lock.toml")
    assert {each.rstrip("!") for each in asked} <= {jar.coordinates for jar in locked}
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in locked)


def test_the_lock_names_no_host_and_no_folder_of_a_machine() -> None:
    text = (connectors() / "jgo.lock.toml").read_text() + (connectors() / "jgo.toml").read_text()
    assert not re.search(r"https?://|/home/|/root/|/tmp/", text)


def test_debezium_is_one_that_keeps_rows_of_overlapping_transactions() -> None:
    """dbz#76: 3.6.0 to 3.6.3 lose them."""
    versions = {j.version for j in jars.read_lock(connectors() / "jgo.lock.toml") if j.group == "io.debezium"}
    assert len(versions) == 1
    assert tuple(int(part) for part in versions.pop().split(".")[:2]) >= (3, 7)
