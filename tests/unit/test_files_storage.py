"""What every storage of contents does: one contract, in a folder and in a bucket (S3, as moto's server plays it)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from moto.server import ThreadedMotoServer
from obstore.exceptions import GenericError

from canvas_demo.kernel.errors import StorageFull, Unavailable
from canvas_demo.kernel.settings import SettingError, Settings
from canvas_demo.modules.files.storage import FileStorage, open_storage

OPTIONS = {"region": "us-east-1", "access_key_id": "test", "secret_access_key": "test"}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "folder":
        return Settings(files_url=(tmp_path / "fil es").as_uri())
    endpoint, bucket = request.getfixturevalue("s3"), f"bucket-{uuid4()}"
    httpx.put(f"{endpoint}/{bucket}", timeout=60).raise_for_status()
    return Settings(files_url=f"s3://{bucket}/some/prefix", files_options={**OPTIONS, "endpoint": endpoint})


@pytest.fixture
async def storage(settings: Settings) -> FileStorage:
    opened = open_storage(settings)
    await opened.check()
    return opened


async def test_what_was_put_comes_back_whole_or_in_part(storage: FileStorage) -> None:
    data = bytes(range(256)) * 1000
    await storage.put("o/f/1", data)
    assert bytes(await storage.read("o/f/1", 0, len(data))) == data
    assert bytes(await storage.read("o/f/1", 1000, 500)) == data[1000:1500]
    assert bytes(await storage.read("o/f/1", len(data) - 10, 500)) == data[-10:]
    assert bytes(await storage.read("o/f/1", len(data), 10)) == b""


async def test_it_is_still_there_when_it_is_opened_again(storage: FileStorage, settings: Settings) -> None:
    await storage.put("o/f/1", b"content")
    assert bytes(await open_storage(settings).read("o/f/1", 0, 7)) == b"content"


async def test_what_was_never_put_or_was_removed_is_not_found(storage: FileStorage) -> None:
    await storage.put("o/f/1", b"content")
    await storage.delete("o/f/1")
    await storage.delete("o/f/1")
    for name in ("o/f/1", "o/f/2"):
        with pytest.raises(FileNotFoundError):
            await storage.read(name, 0, 1)


async def test_a_folder_goes_and_its_neighbours_stay(storage: FileStorage) -> None:
    names = ["o/f/1", "o/f/2", "o/f/3", "o/f2/1", "o2/f/1"]
    await asyncio.gather(*(storage.put(name, name.encode()) for name in names))
    await storage.delete_all("o/f", but={"o/f/2"})
    assert await _there(storage, names) == ["o/f/2", "o/f2/1", "o2/f/1"]
    await storage.delete_all("o/f")
    await storage.delete_all("o/nothing")
    assert await _there(storage, names) == ["o/f2/1", "o2/f/1"]


async def _there(storage: FileStorage, names: list[str]) -> list[str]:
    found = []
    for name in names:
        try:
            assert bytes(await storage.read(name, 0, 100)) == name.encode()
        except FileNotFoundError:
            continue
        found.append(name)
    return found


async def test_a_bucket_that_there_is_not_is_said_when_it_is_opened(s3: str) -> None:
    options = {**OPTIONS, "endpoint": s3}
    with pytest.raises(SettingError, match="CANVAS_DEMO_FILES_URL"):
        await open_storage(Settings(files_url=f"s3://none-{uuid4()}", files_options=options)).check()


@pytest.mark.parametrize("url", ["ftp://host/folder", "nonsense", "file:///dev/null/folder"])
def test_a_url_that_names_no_storage_is_said_with_what_to_do(url: str) -> None:
    with pytest.raises(SettingError, match="Give file:///folder or s3://bucket/prefix"):
        open_storage(Settings(files_url=url))


@pytest.mark.parametrize(
    ("said", "error"),
    [("No space left on device (os error 28)", StorageFull), ("Disk quota exceeded", StorageFull), ("?", Unavailable)],
)
async def test_a_disk_that_is_full_is_told_from_one_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, error: type[Exception]
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise GenericError(f"Generic LocalFileSystem error: Unable to copy data to file: {said}")

    storage = open_storage(Settings(files_url=tmp_path.as_uri()))
    monkeypatch.setattr("obstore.put_async", refuse)
    with pytest.raises(error):
        await storage.put("o/f/1", b"content")
