"""The import contracts of pyproject.toml hold, and each of them can fail."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

VIOLATIONS = {
    "one-way": ("kernel/values.py", "import canvas_demo.stack"),
    "modules": ("modules/canvases/store.py", "import canvas_demo.modules.files"),
    "observer": ("lab/__init__.py", "import canvas_demo.gateway"),
    "pure": ("modules/canvases/domain.py", "import psycopg"),
}


def lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--no-logo", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__", "node_modules", "static")
    shutil.copytree(ROOT / "canvas_demo", tmp_path / "canvas_demo", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_holds(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("contract", [contract["id"] for contract in CONTRACTS])
def test_a_planted_violation_is_refused(contract: str, copy: Path) -> None:
    file, violation = VIOLATIONS[contract]
    planted = copy / "canvas_demo" / file
    planted.write_text(f"{planted.read_text()}\n{violation}\n")
    result = lint(copy, "--contract", contract)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "BROKEN" in result.stdout


@pytest.mark.parametrize("contract", ["one-way", "modules"])
def test_a_package_under_no_rule_is_refused(contract: str, copy: Path) -> None:
    container = next(each["containers"][0] for each in CONTRACTS if each["id"] == contract)
    package = copy / container.replace(".", "/") / "unruled"
    package.mkdir()
    (package / "__init__.py").touch()
    result = lint(copy, "--contract", contract)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "unruled" in result.stdout
