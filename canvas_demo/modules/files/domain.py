"""What may happen to a file descriptor."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from canvas_demo.contracts.files.v1.events_pb2 import FileDescriptorChanged
from canvas_demo.kernel.errors import AlreadyExists, Invalid, NotFound, Rejected
from canvas_demo.kernel.values import checked_name, checked_text

NAME_LIMIT = 255
TYPE_LIMIT = 127
ATTRIBUTES_LIMIT, KEY_LIMIT, VALUE_LIMIT = 32, 100, 1000
MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(; charset=[\w.:+-]+)?", re.ASCII)
"""Without parameters that say what people write, such as a name: it is not sealed."""
ATTRIBUTE = re.compile(r"[a-z0-9._-]+")
"""The name of an attribute: likewise, its value is what is sealed."""
METADATA_LIMIT = 8192
"""Characters of what an uploader wants to read again."""
DEFAULT_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class File:
    """The state of a descriptor: ``size`` in bytes and ``sha256`` in hex digits, once UPLOADED."""

    file_id: str
    organization_id: str
    status: str
    name: str
    media_type: str
    created_by: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    sha256: str = ""
    key_version: int = 0


@dataclass(frozen=True)
class CreateFile:
    file_id: str
    organization_id: str
    name: str
    media_type: str
    attributes: Mapping[str, str]
    created_by: str


@dataclass(frozen=True)
class FinishUpload:
    size: int
    sha256: str
    key_version: int
    media_type: str = ""
    """What the content shows itself to be; empty: as it was declared."""


@dataclass(frozen=True)
class ExpireFile:
    """Give up waiting for the content."""


@dataclass(frozen=True)
class DeleteFile:
    pass


FileCommand = CreateFile | FinishUpload | ExpireFile | DeleteFile


def decide(file: File | None, command: FileCommand) -> Sequence[FileDescriptorChanged]:
    """PENDING → UPLOADED → DELETED, or PENDING → DELETED.

    Raises `Invalid`, `NotFound`, `AlreadyExists` and `Rejected`.
    """
    if isinstance(command, CreateFile):
        if file is not None:
            raise AlreadyExists(f"File {command.file_id} exists already.", field="file_id")
        return [_changed(_created(command))]
    if file is None:
        raise NotFound("There is no such file.")
    if isinstance(command, DeleteFile):
        return [] if file.status == "DELETED" else [_changed(replace(file, status="DELETED"))]
    if isinstance(command, ExpireFile):
        return [_changed(replace(file, status="DELETED"))] if file.status == "PENDING" else []
    if file.status != "PENDING":
        raise Rejected(f"File {file.file_id} is {file.status}: it takes no content.")
    done = replace(
        file,
        status="UPLOADED",
        size=command.size,
        sha256=command.sha256,
        key_version=command.key_version,
        media_type=command.media_type or file.media_type,
    )
    return [_changed(done)]


def checked_metadata(text: str) -> str:
    """What an uploader wants to read again, if anything. Raises `Invalid`."""
    return checked_text(text, "metadata", METADATA_LIMIT) if text else text


def _created(command: CreateFile) -> File:
    media_type = command.media_type or DEFAULT_TYPE
    if len(media_type) > TYPE_LIMIT or not MEDIA_TYPE.fullmatch(media_type):
        raise Invalid("media_type", "must be a media type such as image/png, or text/plain; charset=utf-8")
    if len(command.attributes) > ATTRIBUTES_LIMIT:
        raise Invalid("attributes", f"must be at most {ATTRIBUTES_LIMIT}")
    for key, value in command.attributes.items():
        if len(key) > KEY_LIMIT or not ATTRIBUTE.fullmatch(key):
            raise Invalid("attributes", f"must have names of 1 to {KEY_LIMIT} letters a to z, digits, and any of . _ -")
        checked_name(value, "attributes", VALUE_LIMIT)
    return File(
        command.file_id,
        command.organization_id,
        "PENDING",
        _checked_file_name(command.name),
        media_type,
        command.created_by,
        dict(command.attributes),
    )


def _checked_file_name(name: str) -> str:
    """``name`` as it is, white space around it among it, but of one line. Raises `Invalid`."""
    if any(character in "\n\r\t" for character in name):
        raise Invalid("name", "must not hold control characters")
    return checked_text(name, "name", NAME_LIMIT)


def _changed(file: File) -> FileDescriptorChanged:
    return FileDescriptorChanged(**vars(file))


def evolve(_: File | None, event: FileDescriptorChanged) -> File:
    """The descriptor as the event says it."""
    return File(
        file_id=event.file_id,
        organization_id=event.organization_id,
        status=event.status,
        name=event.name,
        media_type=event.media_type,
        created_by=event.created_by,
        attributes=dict(event.attributes),
        size=int(event.size),
        sha256=event.sha256,
        key_version=event.key_version,
    )
