"""What Binder builds and starts is what this repository holds; `make binder-check` shows that it runs."""

import json
import os
import re
import runpy
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"
PINS = re.compile(r"^([\w.-]+)==([^ ;\\]+)", re.MULTILINE)


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_a_script_can_be_run_and_is_sound(name: str) -> None:
    assert os.access(BINDER / name, os.X_OK)
    assert subprocess.run(["bash", "-n", str(BINDER / name)], check=False).returncode == 0
    assert "set -euo pipefail" in (BINDER / name).read_text()


def test_binder_installs_the_versions_that_are_tested() -> None:
    ours = set(PINS.findall((ROOT / "requirements.lock").read_text()))
    binders = set(PINS.findall((BINDER / "requirements.lock").read_text()))
    assert binders
    assert binders - ours == set()


def test_every_file_that_binder_installs_is_held_by_a_hash() -> None:
    text = (BINDER / "requirements.lock").read_text()
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=[\w.-]+==)", text.strip()))


def test_a_session_begins_with_its_own_command_after_the_stack_was_started(tmp_path: Path) -> None:
    """``start`` goes on at once, and hands over to what it was given."""
    said = tmp_path / "said"
    fake = tmp_path / "bin" / "canvas-demo"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "$@" > {said}.part && mv {said}.part {said}\n')
    fake.chmod(0o755)
    environment = {"PATH": f"{fake.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    waits = f"while ! [ -e {said} ]; do sleep 0.01; done; cat {said}; echo $JUPYTER_CONFIG_PATH"
    command = [str(BINDER / "start"), "timeout", "30", "sh", "-c", waits]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["up --detach --websocket-hosts 2", str(ROOT / "jupyter")]


def test_jupyter_opens_with_the_table_of_contents() -> None:
    workspace = json.loads((ROOT / "jupyter" / "course.jupyterlab-workspace").read_text())
    assert workspace["data"]["layout-restorer:data"]["left"]["current"] == "@jupyterlab/toc:plugin"
    json.loads((ROOT / "jupyter" / "labconfig" / "default_setting_overrides.json").read_text())


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["java", "-cp", "a.jar", "kafka.Kafka", "server.properties"], "Kafka"),
        (["java", "-cp", "a.jar", "org.apache.kafka.connect.cli.ConnectDistributed", "w.properties"], "Connect"),
        (["postgres: canvases canvas_demo 127.0.0.1(1) idle"], "PostgreSQL"),
        (["/env/bin/python", "-m", "ipykernel_launcher", "-f", "/home/b/.local/share/jupyter/kernel.json"], "kernel"),
        (["/env/bin/python", "/env/bin/jupyter-lab", "--no-browser"], "Jupyter"),
        (["/env/bin/python", "-m", "canvas_demo", "serve", "--modules", "websockets"], "modules"),
        (["/env/bin/python", "-m", "canvas_demo", "up", "--detach"], "supervisor"),
        (["python", "-m", "canvas_demo.course", "one", "notebooks/00.ipynb"], "what runs the notebooks here"),
        (["python", "binder/measure.py"], "this measuring"),
        (["bash", "-c", "setup"], "others"),
    ],
)
def test_memory_is_told_by_what_a_process_is(command: list[str], name: str) -> None:
    assert runpy.run_path(str(BINDER / "measure.py"))["name_of"](command) == name


@pytest.mark.parametrize(("kafka", "fails"), [(1_200_000_000, False), (1_400_000_000, True)])
def test_a_session_that_takes_more_than_it_may_fails_the_check(
    monkeypatch: pytest.MonkeyPatch, kafka: int, *, fails: bool
) -> None:
    measure = runpy.run_path(str(BINDER / "measure.py"))
    parts = Counter({"Kafka": kafka, "this measuring": 1_000_000_000})
    monkeypatch.setitem(measure["main"].__globals__, "used", lambda: os.kill(os.getpid(), signal.SIGTERM) or parts)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        measure["main"]()
    signal.signal(signal.SIGTERM, before)
    assert bool(ended.value.code) is fails
