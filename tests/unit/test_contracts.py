"""The generated code is what the generator makes of proto/."""

import filecmp
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "canvas_demo" / "contracts"


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*.py*") if "__pycache__" not in path.parts}


def test_the_generated_code_is_current(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "proto" / "generate.py", tmp_path], check=True)
    assert files(CONTRACTS) == files(tmp_path)
    _, different, unreadable = filecmp.cmpfiles(CONTRACTS, tmp_path, map(str, files(tmp_path)), shallow=False)
    assert not different, "run: make contracts"
    assert not unreadable
