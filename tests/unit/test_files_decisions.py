"""What may happen to a file."""

import pytest

from canvas_demo.contracts.files.v1.events_pb2 import FileDescriptorChanged
from canvas_demo.kernel.errors import AlreadyExists, Invalid, NotFound, Rejected
from canvas_demo.modules.files.domain import CreateFile, DeleteFile, FinishUpload
from canvas_demo.modules.files.store import FILE
from tests.unit.given_when_then import given

BASE = {"file_id": "f", "organization_id": "o", "name": "plan.pdf", "media_type": "application/pdf", "created_by": "u"}
CREATE = CreateFile("f", "o", "plan.pdf", "application/pdf", {}, "u")
pending = FileDescriptorChanged(**BASE, status="PENDING")
uploaded = FileDescriptorChanged(**BASE, status="UPLOADED", size=7, sha256="ab", key_version=2)
deleted = FileDescriptorChanged(**BASE, status="DELETED", size=7, sha256="ab", key_version=2)


def test_a_file_is_pending_until_its_content_is_there() -> None:
    given(FILE).when(CREATE).then(pending)
    given(FILE, pending).when(FinishUpload(7, "ab", 2)).then(uploaded)


@pytest.mark.parametrize("name", [" lead.txt", "trail .txt ", "\u3000x", 'C:\\50%22 "%0A.png', "\u202ex\u2028"])
def test_a_name_is_kept_as_it_is(name: str) -> None:
    created = FileDescriptorChanged(**{**BASE, "name": name}, status="PENDING")
    given(FILE).when(CreateFile("f", "o", name, "application/pdf", {}, "u")).then(created)


def test_a_file_is_created_once_and_takes_one_content() -> None:
    given(FILE, pending).when(CREATE).raises(AlreadyExists)
    given(FILE, pending, uploaded).when(FinishUpload(7, "ab", 2)).raises(Rejected)
    given(FILE).when(FinishUpload(7, "ab", 2)).raises(NotFound)


def test_a_file_is_deleted_once() -> None:
    given(FILE, pending, uploaded).when(DeleteFile()).then(deleted)
    given(FILE, pending, uploaded, deleted).when(DeleteFile()).then()


@pytest.mark.parametrize(
    ("field", "command"),
    [
        ("name", CreateFile("f", "o", "x" * 256, "", {}, "u")),
        ("name", CreateFile("f", "o", "a\0b", "", {}, "u")),
        ("name", CreateFile("f", "o", "\na", "", {}, "u")),
        ("name", CreateFile("f", "o", " \u3000", "", {}, "u")),
        ("media_type", CreateFile("f", "o", "a", "pdf", {}, "u")),
        ("media_type", CreateFile("f", "o", "a", "text/é", {}, "u")),
        ("attributes", CreateFile("f", "o", "a", "", {str(n): "x" for n in range(33)}, "u")),
        ("attributes", CreateFile("f", "o", "a", "", {"key": "x" * 1001}, "u")),
        ("attributes", CreateFile("f", "o", "a", "", {"Ada Lovelace": "x"}, "u")),
    ],
)
def test_what_can_not_be_taken_is_refused_and_the_field_named(field: str, command: CreateFile) -> None:
    error = given(FILE).when(command).raises(Invalid)
    assert error.value.metadata == {"field": field}  # type: ignore[attr-defined]
