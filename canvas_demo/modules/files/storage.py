"""Where contents lie: a folder or an S3 bucket, named by a URL."""

import asyncio
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from canvas_demo.kernel.errors import StorageFull, Unavailable
from canvas_demo.kernel.settings import SettingError, Settings

PROBE = ".probe"


class FileStorage:
    """Objects by name, each written once and whole; a name is made of ids alone."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder

    async def put(self, name: str, data: bytes | bytearray) -> None:
        """Store an object, safe from a crash. Raises `StorageFull` and `Unavailable`."""
        try:
            with _said("written"):
                await obstore.put_async(self._store, name, data, use_multipart=False)
                if self._folder:
                    await asyncio.to_thread(_sync, self._folder / name)
        except FileNotFoundError as error:
            raise Unavailable(f"Contents can't be written now: {_line(error)}") from error

    async def read(self, name: str, start: int, length: int) -> memoryview:
        """``length`` bytes of an object, or as many as there are. Raises FileNotFoundError and `Unavailable`."""
        with _said("read"):
            try:
                return memoryview(await obstore.get_range_async(self._store, name, start=start, length=length))
            except BaseError:
                if (await obstore.head_async(self._store, name))["size"] <= start:
                    return memoryview(b"")
                raise

    async def delete(self, name: str) -> None:
        """Remove an object, if it is there."""
        with _said("removed"):
            await self._delete(name)

    async def delete_all(self, folder: str, but: Collection[str] = ()) -> None:
        """Remove every object in a folder; those whose names are in ``but`` stay."""
        with _said("removed"):
            async for listed in obstore.list(self._store, prefix=folder):
                names = {each["path"] for each in listed} - set(but)
                await asyncio.gather(*(self._delete(name) for name in names))

    async def check(self) -> None:
        """Write and remove an object. Raises `SettingError` where that can't be done."""
        try:
            await self.put(PROBE, b"canvas-demo")
            await self._delete(PROBE)
        except (StorageFull, Unavailable) as error:
            raise SettingError(f"CANVAS_DEMO_FILES_URL: {error.detail}") from error

    async def _delete(self, name: str) -> None:
        try:
            await obstore.delete_async(self._store, name)
        except FileNotFoundError:
            return


def open_storage(settings: Settings) -> FileStorage:
    """The storage that the settings name. Raises `SettingError` where they name none."""
    url = settings.files_url or (settings.home / "files").resolve().as_uri()
    scheme = urlsplit(url).scheme
    try:
        if scheme == "file":
            folder = Path(unquote(urlsplit(url).path))
            return FileStorage(LocalStore(folder, mkdir=True), folder)
        options: Any = settings.files_options
        plain = options.get("endpoint", "").startswith("http://")
        return FileStorage(from_url(url, config=options, client_options={"allow_http": plain}))
    except (BaseError, ValueError, OSError) as error:
        raise SettingError(
            f"CANVAS_DEMO_FILES_URL={url!r} can't be used ({error}). Give file:///folder or s3://bucket/prefix, "
            "and what the bucket needs in CANVAS_DEMO_FILES_OPTIONS."
        ) from error


@contextmanager
def _said(done: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        if "No space left" in str(error) or "Disk quota exceeded" in str(error):
            raise StorageFull("The storage of contents is full.") from error
        raise Unavailable(f"Contents can't be {done} now: {_line(error)}") from error


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _sync(path: Path) -> None:
    """Have the disk hold the file and its name (fsync(2))."""
    for each, flags in ((path, os.O_RDONLY), (path.parent, os.O_RDONLY | os.O_DIRECTORY)):
        descriptor = os.open(each, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
