"""The contract of the events, in a copy to change: what would be accepted, and what is refused."""

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from canvas_demo.lab.commands import CHECKOUT, PACKAGE, Ran, run_in

READ = """
import json, sys
from canvas_demo.kernel.events import SOURCE_PREFIX, event_of, message_type, payload_of
module, event, payload = sys.argv[1:]
message = message_type(SOURCE_PREFIX + module, event)
print(json.dumps(payload_of(event_of(message, json.loads(payload)))))
"""


class EventsCopy:
    """proto/ and the package in a folder of their own, which goes with `close` or the end of a ``with`` block."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="canvas-demo-events-")
        self._root = Path(self._folder.name)
        ignored = shutil.ignore_patterns("__pycache__", "node_modules", "static")
        for folder in (PACKAGE, CHECKOUT / "proto"):
            shutil.copytree(folder, self._root / folder.name, ignore=ignored)

    def __repr__(self) -> str:
        return f"EventsCopy: {len(self.accepted)} messages accepted"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the copy; a second time does nothing."""
        self._folder.cleanup()

    @property
    def accepted(self) -> dict[str, Any]:
        """What proto/accepted.json says: full name of a message → its ``schema_version`` and ``fields``."""
        found: dict[str, Any] = json.loads((self._root / "proto" / "accepted.json").read_text())
        return found

    def edit(self, module: str, before: str, after: str) -> None:
        """Replace a text, that is there once, in the .proto file of the events of a module. Raises ValueError."""
        path = self._path(module)
        text = path.read_text()
        if text.count(before) != 1:
            raise ValueError(f"{before!r} is {text.count(before)} times in proto/canvas_demo/{module}/v1/events.proto")
        path.write_text(text.replace(before, after))

    def definition(self, module: str, event: str) -> str:
        """The lines that define an event in the .proto file of a module. Raises ValueError."""
        text = self._path(module).read_text()
        found = re.search(rf"^message {re.escape(event)} {{$.*?^}}$", text, re.MULTILINE | re.DOTALL)
        if found is None:
            raise ValueError(f"there is no message {event} in proto/canvas_demo/{module}/v1/events.proto")
        return found.group()

    def check(self) -> Ran:
        """``make contracts``: generate the code, and say what in it would break a reader."""
        return self._generated() or self._run("accept.py")

    def accept(self) -> Ran:
        """The same, and ``make accept-events``: accept what breaks nobody."""
        return self._generated() or self._run("accept.py", "--write")

    def read(self, module: str, event: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What the program of the copy makes of an event that is stored as ``payload``, once it was generated."""
        said = self._ran([sys.executable, "-c", READ, module, event, json.dumps(payload)])
        if said.code:
            raise ValueError(said.text)
        made: dict[str, Any] = json.loads(said.text)
        return made

    def _path(self, module: str) -> Path:
        return self._root / "proto" / "canvas_demo" / module / "v1" / "events.proto"

    def _generated(self) -> Ran | None:
        """What the generator says where it fails."""
        done = self._run("generate.py")
        return done if done.code else None

    def _run(self, script: str, *arguments: str) -> Ran:
        return self._ran([sys.executable, str(Path("proto") / script), *arguments])

    def _ran(self, command: list[str]) -> Ran:
        return run_in(self._root, command, {**os.environ, "PYTHONPATH": str(self._root)})
