"""A disk that is full takes no content, loses none, and goes on when there is room again."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import Stack
from tests.integration.api import Person, file_statuses, newcomer, problem_of, until
from tests.integration.uploading import MIB, offset_of, uploader

ONLY = ("--only", "postgres,migrations,kafka,backend")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 9 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk can't be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def small(tmp_path: Path, small_disk: Path) -> Iterator[Stack]:
    own = Stack(tmp_path / "home", {"CANVAS_DEMO_FILES_URL": small_disk.as_uri()})
    own.cli("up", "--detach", *ONLY)
    yield own
    own.cli("down")


def test_a_full_disk_is_507_leaves_nothing_uploaded_and_takes_contents_again_when_there_is_room(small: Stack) -> None:
    person = newcomer(small.env["WEB_URL"])
    canvas_id, first, second = person.new_canvas(), random.randbytes(6 * MIB), random.randbytes(6 * MIB)

    def send(content: bytes) -> httpx.Response:
        return person.call("POST", f"/api/canvases/{canvas_id}/files", files={"file": ("large.bin", content)})

    file_id = send(first).json()["file"]["id"]
    assert "full" in problem_of(send(second), 507)["detail"]
    refused = person.canvas(canvas_id)["items"][1]["file_id"]  # its item goes with the event that Debezium would carry
    assert file_statuses(small.env["DATABASE_URL"], refused) == ["PENDING", "DELETED"]

    upload = uploader(person, canvas_id, second)
    upload.set_url(upload.create_url())
    assert patched(person, str(upload.url), second).status_code == 507
    resumable_id = str(upload.url).rpartition("/")[2]
    assert file_statuses(small.env["DATABASE_URL"], resumable_id) == ["PENDING"]
    assert person.call("GET", f"/api/files/{file_id}/content", 200).content == first

    person.call("DELETE", f"/api/files/{file_id}", 204)
    assert offset_of(person, str(upload.url)) < 6 * MIB
    until(lambda: patched(person, str(upload.url), second).status_code, lambda status: status == 204)
    assert person.call("GET", f"/api/files/{resumable_id}/content", 200).content == second


def patched(person: Person, url: str, content: bytes) -> httpx.Response:
    """The answer to what is left of an upload."""
    offset = offset_of(person, url)
    headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return person.http.patch(url, content=content[offset:], headers={"Tus-Resumable": "1.0.0", **headers})
