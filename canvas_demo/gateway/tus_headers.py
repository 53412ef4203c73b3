"""The headers of tus 1.0.0 (https://tus.io/protocols/resumable-upload), read and written."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from starlette.exceptions import HTTPException

from canvas_demo.contracts.files.v1 import files_pb2 as pb
from canvas_demo.gateway.placing import coordinate
from canvas_demo.kernel.errors import Invalid

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
ALGORITHMS = "sha1,sha256,sha512"
BODY_TYPE = "application/offset+octet-stream"
_SIZE = re.compile(r"\d{1,18}", re.ASCII)


def size_of(name: str, text: str | None) -> int:
    """The number of bytes that a header says. Raises 400."""
    if text is None or not _SIZE.fullmatch(text):
        raise HTTPException(400, f"{name} must be a number of bytes.")
    return int(text)


def checksum_of(text: str | None) -> pb.Checksum | None:
    """What ``Upload-Checksum`` says; None where it says nothing. Raises 400."""
    if text is None:
        return None
    algorithm, _, encoded = text.partition(" ")
    digest = _decoded(encoded)
    if algorithm not in ALGORITHMS.split(",") or not digest:
        raise HTTPException(400, f"Upload-Checksum must be one of {ALGORITHMS}, a space, and the hash in Base64.")
    return pb.Checksum(algorithm=algorithm, digest=digest)


def metadata_of(text: str | None) -> dict[str, bytes]:
    """The pairs of ``Upload-Metadata``. Raises 400."""
    pairs: dict[str, bytes] = {}
    for pair in (text or "").split(",") if text and text.strip() else ():
        key, _, encoded = pair.strip().partition(" ")
        value = _decoded(encoded)
        if not key or key in pairs or value is None:
            raise HTTPException(400, "Upload-Metadata must be pairs of a key and, after a space, a value in Base64.")
        pairs[key] = value
    return pairs


def metadata_header(values: Mapping[str, str]) -> str:
    """``values`` as ``Upload-Metadata``."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


@dataclass(frozen=True)
class Wanted:
    """What the metadata of an upload say: what the file is, and where it is to lie."""

    name: str
    media_type: str
    canvas_id: str
    x: float
    y: float


def wanted_of(pairs: Mapping[str, bytes]) -> Wanted:
    """What ``pairs`` say. Raises `Invalid` with the key that can't be taken."""
    texts = {}
    for key in ("filename", "filetype", "canvas_id", "x", "y"):
        try:
            texts[key] = pairs.get(key, b"").decode()
        except UnicodeDecodeError as error:
            raise Invalid(key, "must be UTF-8") from error
    for key in ("filename", "canvas_id"):
        if not texts[key]:
            raise Invalid(key, "is missing in Upload-Metadata")
    place = [coordinate(texts[key] or "0", key) for key in ("x", "y")]
    return Wanted(texts["filename"], texts["filetype"], texts["canvas_id"], *place)


def expires_of(upload: pb.Upload) -> dict[str, str]:
    """``Upload-Expires`` of an upload that waits (RFC 9110, 5.6.7)."""
    if not upload.expires_at:
        return {}
    return {"Upload-Expires": format_datetime(datetime.fromisoformat(upload.expires_at), usegmt=True)}


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
