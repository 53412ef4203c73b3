"""What may happen to the keys of an organisation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from canvas_demo.contracts.keys.v1.events_pb2 import OrganizationKeyDestroyed, OrganizationKeyRotated
from canvas_demo.kernel.errors import Gone

KeyEvent = OrganizationKeyRotated | OrganizationKeyDestroyed


@dataclass(frozen=True)
class KeyRing:
    """The state of an organisation's keys: versions 1 to ``newest``, or none any more."""

    organization_id: str
    newest: int = 0
    destroyed: bool = False


# --- commands ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CreateKey:
    """Have a first key, whoever asks first."""

    organization_id: str


@dataclass(frozen=True)
class RotateKey:
    organization_id: str


@dataclass(frozen=True)
class DestroyKey:
    """For good: a destroyed ring takes no key again."""

    organization_id: str


KeyCommand = CreateKey | RotateKey | DestroyKey


# --- decisions ---------------------------------------------------------------------------------------------


def decide(ring: KeyRing | None, command: KeyCommand) -> Sequence[KeyEvent]:
    """The events that ``command`` leads to; none where nothing would change. Raises `Gone`."""
    match command:
        case CreateKey():
            return [] if ring else [_rotated(command.organization_id, 1)]
        case RotateKey():
            check_not_destroyed(ring)
            return [_rotated(command.organization_id, ring.newest + 1 if ring else 1)]
        case DestroyKey():
            if ring and ring.destroyed:
                return []
            return [OrganizationKeyDestroyed(organization_id=command.organization_id)]
        case _:
            assert_never(command)


def check_not_destroyed(ring: KeyRing | None) -> None:
    """Raises `Gone` where the keys were destroyed."""
    if ring and ring.destroyed:
        raise Gone(
            f"The keys of organisation {ring.organization_id} were destroyed: "
            "what was encrypted under them can't be read any more."
        )


def _rotated(organization_id: str, key_version: int) -> OrganizationKeyRotated:
    return OrganizationKeyRotated(organization_id=organization_id, key_version=key_version)


# --- evolution ---------------------------------------------------------------------------------------------


def evolve(ring: KeyRing | None, event: KeyEvent) -> KeyRing:
    """The ring after ``event``."""
    ring = ring or KeyRing(event.organization_id)
    match event:
        case OrganizationKeyRotated():
            return replace(ring, newest=event.key_version)
        case OrganizationKeyDestroyed():
            return replace(ring, destroyed=True)
        case _:
            assert_never(event)
