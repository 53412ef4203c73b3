"""How every reader of events reads them: what is personal unsealed, what is old as the newest version.

Folds, consumers and feeds take this way, so none of them meets a sealed text or an old version.
"""

from dataclasses import dataclass
from typing import Any

from canvas_demo.kernel.events import message_type
from canvas_demo.kernel.keyring import KeyRing
from canvas_demo.kernel.personal import unseal
from canvas_demo.kernel.upcasting import schema_version_of, upcast


@dataclass(frozen=True)
class Written:
    """An event as it was written: who wrote it, which event it is, and its JSON."""

    source: str
    event_type: str
    schema_version: int
    organization_id: str
    event_id: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class Readable:
    """The JSON of an event as those may read it who hold the organisation's key."""

    schema_version: int
    payload: dict[str, Any]


async def read(event: Written, keys: KeyRing) -> Readable:
    """The event as its newest version; one that proto/ does not name as it is."""
    message = message_type(event.source, event.event_type)
    if message is None:
        return Readable(event.schema_version, event.payload)
    opened = await unseal(event.payload, message, keys, event.organization_id, event.event_id)
    newest = max(event.schema_version, schema_version_of(message))
    return Readable(newest, upcast(message, event.schema_version, opened))
