"""What is personal in an event is encrypted with the organisation's data key before it is stored.

The fields are those that proto/ marks `personal`. In the JSON of the event, in the outbox row, in
the WAL, in Kafka, the text of such a field is ``sealed:<key version>:<base64>``, bound to its
organisation, event and field. Whoever holds the key opens it; once the key is destroyed, everyone
reads a text that stands for it, and streams still fold.
"""

import base64
from copy import deepcopy
from functools import cache
from typing import Any

from google.protobuf.message import Message

from canvas_demo.contracts.kernel.v1 import options_pb2
from canvas_demo.kernel.keyring import KeyRing

SEALED = "sealed:"
Path = tuple[str, ...]


def personal_fields(message: type[Message]) -> tuple[Path, ...]:
    """The paths of the fields of a message, and of those in it, that are marked personal: texts, and maps of texts."""
    return _personal_fields(message.DESCRIPTOR)


@cache
def _personal_fields(message: Any) -> tuple[Path, ...]:  # noqa: ANN401  (protobuf has two classes of descriptors)
    paths: list[Path] = []
    for field in message.fields:
        if field.GetOptions().Extensions[options_pb2.personal]:
            paths.append((field.name,))
        elif field.message_type and not field.is_repeated:
            paths += ((field.name, *path) for path in _personal_fields(field.message_type))
    return tuple(paths)


async def seal(
    payload: dict[str, Any], message: type[Message], keys: KeyRing, organization_id: str, event_id: str
) -> dict[str, Any]:
    """``payload`` with what is personal sealed under the newest key. Raises `Gone` where there is none any more."""
    paths = [path for path in _paths_in(payload, message) if _holder(payload, path)]
    if not paths:
        return payload
    version, sealer = await keys.newest(organization_id)
    sealed = deepcopy(payload)
    for path in paths:
        holder = _holder(sealed, path) or {}
        text = sealer.seal(holder[path[-1]].encode(), _context(organization_id, event_id, path))
        holder[path[-1]] = f"{SEALED}{version}:{base64.urlsafe_b64encode(text).decode()}"
    return sealed


async def unseal(
    payload: dict[str, Any], message: type[Message], keys: KeyRing, organization_id: str, event_id: str
) -> dict[str, Any]:
    """``payload`` with what is personal readable, or with texts that stand for it where the key was destroyed.

    Raises `cryptography.exceptions.InvalidTag` where a sealed text is not what was stored there.
    """
    opened = payload
    for path in _paths_in(payload, message):
        holder = _holder(payload, path)
        if holder is None or not holder[path[-1]].startswith(SEALED):
            continue
        opened = deepcopy(payload) if opened is payload else opened
        version, text = holder[path[-1]].removeprefix(SEALED).split(":")
        sealer = await keys.sealer(organization_id, int(version))
        (_holder(opened, path) or {})[path[-1]] = (
            sealer.open(base64.urlsafe_b64decode(text), _context(organization_id, event_id, path)).decode()
            if sealer
            else f"destroyed-{event_id[-12:]}"
        )
    return opened


def _paths_in(payload: dict[str, Any], message: type[Message]) -> list[Path]:
    """The paths of all texts in ``payload`` that are personal: of a map, one for each of its entries."""
    paths: list[Path] = []
    for path in personal_fields(message):
        found = (_holder(payload, path) or {}).get(path[-1])
        paths += [(*path, key) for key in found] if isinstance(found, dict) else [path]
    return paths


def _holder(payload: dict[str, Any], path: Path) -> dict[str, Any] | None:
    """The object that has the field at ``path`` with a text in it."""
    found: Any = payload
    for name in path[:-1]:
        found = found.get(name) or {}
    return found if found.get(path[-1]) else None


def _context(organization_id: str, event_id: str, path: Path) -> str:
    return f"{organization_id}/{event_id}/{'.'.join(path)}"
