"""SQL lives in ``.sql`` files, a statement after each line ``-- name: …``."""

import re
from functools import cached_property
from importlib.resources import files
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


class Queries:
    """The statements of one file of a package, read when the first is asked for."""

    def __init__(self, package: str, file: str = "queries.sql") -> None:
        self._package = package
        self._file = file

    @cached_property
    def _statements(self) -> dict[str, LiteralString]:
        text = files(self._package).joinpath(self._file).read_text()
        parts = _NAME.split(text)[1:]
        return {name: cast("LiteralString", body.strip()) for name, body in zip(parts[::2], parts[1::2], strict=True)}

    def __getitem__(self, name: str) -> LiteralString:
        return self._statements[name]
