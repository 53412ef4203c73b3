"""What a home remembers, and what wins over it."""

import os
import tempfile
from pathlib import Path

import pytest

from canvas_demo.kernel.settings import Settings
from canvas_demo.stack import channel, files, home
from canvas_demo.stack.errors import StackError


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that names a home and nothing else."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CANVAS_DEMO_{name.upper()}", raising=False)
    monkeypatch.setenv("CANVAS_DEMO_HOME", str(tmp_path / "home"))


def test_the_first_use_makes_secrets_that_only_their_owner_reads() -> None:
    made = home.prepare_home(home.load_settings())
    again = home.prepare_home(home.load_settings())
    assert len(bytes.fromhex(made.secret.get_secret_value())) == 32
    assert again.secret == made.secret
    assert again.master_key == made.master_key
    assert (made.home / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_chosen_ports_are_remembered_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = home.prepare_home(home.load_settings())
    chosen = home.choose_ports(settings)
    assert home.load_settings().port_kafka == chosen.port_kafka != Settings().port_kafka
    monkeypatch.setenv("CANVAS_DEMO_PORT_KAFKA", "4444")
    assert home.load_settings().port_kafka == 4444


def test_the_ports_of_a_running_stack_win_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = home.prepare_home(home.load_settings())
    home.record_running(settings.model_copy(update={"port_web": 5555}), {})
    monkeypatch.setenv("CANVAS_DEMO_PORT_WEB", "4444")
    assert home.load_settings().port_web == 4444
    with channel.listen(settings.home):
        assert home.load_settings().port_web == 5555


def test_a_supervisor_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "PATIENCE", 0.05)
    home.record_children(tmp_path, {})
    with channel.listen(tmp_path), pytest.raises(StackError, match=f"pid {os.getpid()}.*has not answered"):
        next(channel.ask(tmp_path, "status"))


def test_a_home_may_lie_deeper_than_a_socket_address_is_long(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 6)
    deep.mkdir(parents=True)
    assert not channel.is_running(deep)
    with channel.listen(deep):
        assert channel.is_running(deep)


def test_only_the_owner_may_talk_to_the_supervisor(tmp_path: Path) -> None:
    with channel.listen(tmp_path):
        assert channel.socket_path(tmp_path).stat().st_mode & 0o077 == 0


def test_without_a_stack_one_is_told_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"No stack runs in .*; start it with: canvas-demo up"):
        next(channel.ask(tmp_path, "status"))


def test_a_relative_home_means_the_folder_one_stands_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CANVAS_DEMO_HOME", "here")
    assert home.load_settings().home == tmp_path / "here"


def test_a_part_that_was_told_the_secret_asks_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = home.prepare_home(home.load_settings())
    assert home.told_settings().secret == settings.secret
    monkeypatch.setenv("CANVAS_DEMO_SECRET", "of a container")
    assert home.told_settings().secret.get_secret_value() == "of a container"


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(StackError, match=r"secrets\.json"):
        files.recall(tmp_path / "secrets.json")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    files.remember(tmp_path / "a.json", {"a": 1})
    files.remember(tmp_path / "a.json", {"a": 2})
    assert files.recall(tmp_path / "a.json") == {"a": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_home_that_cannot_be_made_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CANVAS_DEMO_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(StackError, match="CANVAS_DEMO_HOME"):
        home.prepare_home(home.load_settings())


def test_a_master_key_is_made_once_and_that_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    home.prepare_home(home.load_settings())
    assert "Made a master key for the demo" in capsys.readouterr().err
    home.prepare_home(home.load_settings())
    assert capsys.readouterr().err == ""


def test_a_master_key_of_a_file_is_not_copied_into_the_home_and_reaches_the_stack_s_parts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CANVAS_DEMO_MASTER_KEY_FILE", "master.key")
    settings = home.prepare_home(home.load_settings())
    assert capsys.readouterr().err == ""
    assert files.recall(settings.home / "secrets.json").keys() == {"secret"}
    assert home.children_environment(settings)["CANVAS_DEMO_MASTER_KEY_FILE"] == str(tmp_path / "master.key")


def test_a_folder_for_temporary_files_that_is_no_folder_of_ours_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = files.own_temporary_folder()
    assert own == files.own_temporary_folder()
    assert own.stat().st_mode & 0o077 == 0
    own.rename(tmp_path / "elsewhere")
    own.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StackError, match="TMPDIR"):
        files.own_temporary_folder()
