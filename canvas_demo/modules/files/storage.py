"""Where contents lie: a folder."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from canvas_demo.kernel.settings import Settings


class Draft:
    """A content that is being written; it is there, whole, when `commit` has returned, or not at all."""

    def __init__(self, file: BinaryIO, target: Path) -> None:
        self._file = file
        self._target = target

    def write(self, data: bytes) -> None:
        """Add bytes; blocks."""
        self._file.write(data)

    def commit(self) -> None:
        """Make it the content, safe from a crash; blocks."""
        self._file.flush()
        os.fsync(self._file.fileno())
        Path(self._file.name).replace(self._target)


class LocalFileStorage:
    """Contents by key, each a file in a folder; a key is made of ids alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def draft(self, key: str) -> AsyncIterator[Draft]:
        """A new content for ``key``; what was not committed is removed at the end."""
        target = self._path(key)
        temporary = target.with_name(f"{target.name}.{secrets.token_hex(6)}.part")
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        file = await asyncio.to_thread(temporary.open, "xb")
        try:
            yield Draft(file, target)
        finally:
            await asyncio.to_thread(file.close)
            await asyncio.to_thread(temporary.unlink, missing_ok=True)

    def size(self, key: str) -> int:
        """Bytes of a content; blocks. Raises FileNotFoundError."""
        return self._path(key).stat().st_size

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Bytes of a content; blocks. Raises FileNotFoundError."""
        with self._path(key).open("rb") as file:
            file.seek(offset)
            return file.read(length)

    async def delete(self, key: str) -> None:
        """Remove a content, if it is there."""
        await asyncio.to_thread(self._path(key).unlink, missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / key[-2:] / key


def open_storage(settings: Settings) -> LocalFileStorage:
    """The storage that the settings name."""
    return LocalFileStorage(
        Path(settings.files_url.removeprefix("file://")) if settings.files_url else settings.home / "files"
    )
