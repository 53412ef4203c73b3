"""An upload whose server is killed half way goes on from what was stored, with limits of a stack of its own."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conftest import Stack
from tests.integration.api import Person, anybody, file_statuses, newcomer, problem_of, until
from tests.integration.uploading import MIB, half_a_patch, offset_of, resumed, uploader

ONLY = ("--only", "postgres,migrations,kafka,backend")
LIMITS = {"CANVAS_DEMO_FILE_SIZE_LIMIT": str(12 * MIB), "CANVAS_DEMO_ORGANIZATION_SIZE_LIMIT": str(14 * MIB)}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Stack]:
    own = Stack(tmp_path / "home", LIMITS)
    own.cli("up", "--detach", *ONLY)
    yield own
    own.cli("down")


def answers(web_url: str) -> bool:
    try:
        with anybody(web_url) as http:
            return http.get("/api/health").status_code == 200
    except httpx.HTTPError:
        return False


def restarts(stack: Stack) -> int:
    return int(stack.status()["backend"]["restarts"])


def test_a_backend_that_was_killed_half_way_goes_on_from_what_it_had_stored(small: Stack) -> None:
    web_url = small.env["WEB_URL"]
    person, content = newcomer(web_url), random.randbytes(12 * MIB)
    upload = uploader(person, person.new_canvas(), content)
    upload.set_url(upload.create_url())
    with half_a_patch(person, upload.url, content, 10 * MIB):
        before = until(lambda: offset_of(person, upload.url), lambda offset: offset >= 4 * MIB)
        small.cli("kill", "backend")
    until(lambda: restarts(small) >= 1 and answers(web_url), bool)
    assert before <= offset_of(person, upload.url) <= 10 * MIB
    resumed(person, upload.url, content).upload()
    file_id = urlsplit(upload.url).path.rpartition("/")[2]
    assert person.call("GET", f"/api/files/{file_id}/content", 200).content == content
    assert file_statuses(small.env["DATABASE_URL"], file_id) == ["PENDING", "UPLOADED"]
    _check_limits(small, person, file_id)


def _check_limits(small: Stack, person: Person, file_id: str) -> None:
    """413 for a file that is too large, 507 where the organisation has no room; what was refused is not there."""
    canvas_id = person.new_canvas()

    def send(size: int) -> Any:
        return person.call("POST", f"/api/canvases/{canvas_id}/files", files={"file": ("large.bin", b"x" * size)})

    problem_of(send(3 * MIB), 507)
    person.call("DELETE", f"/api/files/{file_id}", 204)
    problem_of(send(13 * MIB), 413)
    assert send(3 * MIB).status_code == 201
    folder = small.home / "files" / person.user["organization_id"]
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert 3 * MIB < stored < 4 * MIB
