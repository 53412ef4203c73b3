"""Write the Python of every file under proto/ to canvas_demo/contracts (or to the folder given).

The generators import by the path of the .proto file; the code lives one package deeper, so the
imports are rewritten: ``canvas_demo.keys.v1`` becomes ``canvas_demo.contracts.keys.v1``.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

PROTO = Path(__file__).parent
CONTRACTS = PROTO.parent / "canvas_demo" / "contracts"
IMPORT = re.compile(r"^((?:from|import) )canvas_demo\.(?=\w+\.v\d+)", re.MULTILINE)
QUALIFIED = re.compile(r"(?<![\w.\"'/])canvas_demo\.(?=\w+\.v\d+\.\w+_pb2)")


def generate(target: Path) -> None:
    """Fill ``target`` with the generated packages; what was there is replaced."""
    protos = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        scripts = sysconfig.get_path("scripts")
        subprocess.run(
            [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}"]
            + [f"--{kind}_out={folder}" for kind in ("python", "grpc_python")]
            + [f"--{kind}_out=quiet:{folder}" for kind in ("mypy", "mypy_grpc")]
            + [f"--plugin=protoc-gen-{kind}={scripts}/protoc-gen-{kind}" for kind in ("mypy", "mypy_grpc")]
            + protos,
            check=True,
        )
        source = Path(folder) / "canvas_demo"
        for path in sorted(source.rglob("*_pb2*.py*")):
            if "_pb2_grpc." in path.name and "Servicer" not in path.read_text():
                path.unlink()  # a file of messages alone
                continue
            text = path.read_text()
            path.write_text(QUALIFIED.sub("canvas_demo.contracts.", IMPORT.sub(r"\1canvas_demo.contracts.", text)))
        for package in [path for path in source.rglob("*") if path.is_dir()]:
            (package / "__init__.py").touch()
        for module in source.iterdir():
            shutil.rmtree(target / module.name, ignore_errors=True)
            shutil.copytree(module, target / module.name)
    (target / "__init__.py").write_text('"""Generated from proto/ by `make contracts`; not edited by hand."""\n')


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else CONTRACTS)
