"""What may happen to an organisation and to a user."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from canvas_demo.contracts.identity.v1.events_pb2 import OrganizationRegistered, PasswordChanged, UserAdded
from canvas_demo.kernel.errors import AlreadyExists, Invalid, NotFound
from canvas_demo.kernel.values import checked_name

UserEvent = UserAdded | PasswordChanged

PASSWORD_LENGTH = range(8, 1001)
"""Characters that a password may have."""


@dataclass(frozen=True)
class Organization:
    """The state of an organisation."""

    organization_id: str
    name: str


@dataclass(frozen=True)
class User:
    """The state of a user; their password is no part of it, since it is no part of any event.

    Tokens of an earlier ``generation`` have ended.
    """

    user_id: str
    organization_id: str
    username: str
    generation: int = 0


# --- commands ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RegisterOrganization:
    organization_id: str
    name: str


@dataclass(frozen=True)
class AddUser:
    user_id: str
    organization_id: str
    username: str


@dataclass(frozen=True)
class ChangePassword:
    """Whoever gives it has proved to be the user; the password itself is not told."""


UserCommand = AddUser | ChangePassword


# --- decisions ---------------------------------------------------------------------------------------------


def decide_organization(
    organization: Organization | None, command: RegisterOrganization
) -> Sequence[OrganizationRegistered]:
    """The events that ``command`` leads to. Raises `Invalid` and `AlreadyExists`."""
    if organization is not None:
        raise AlreadyExists(f"Organisation {command.organization_id} exists already.", field="organization_id")
    return [OrganizationRegistered(organization_id=command.organization_id, name=checked_name(command.name))]


def decide_user(user: User | None, command: UserCommand) -> Sequence[UserEvent]:
    """The events that ``command`` leads to. Raises `Invalid`, `AlreadyExists` and `NotFound`."""
    match command:
        case AddUser(user_id, organization_id, username):
            if user is not None:
                raise AlreadyExists(f"User {user_id} exists already.", field="user_id")
            name = checked_username(username)
            return [UserAdded(user_id=user_id, organization_id=organization_id, username=name)]
        case ChangePassword():
            if user is None:
                raise NotFound("There is no such user.")
            of = {"user_id": user.user_id, "organization_id": user.organization_id}
            return [PasswordChanged(**of, generation=user.generation + 1)]
        case _:
            assert_never(command)


def checked_username(value: str) -> str:
    """``value`` as a username: trimmed, in Unicode's form NFC. Raises `Invalid`."""
    username = checked_name(unicodedata.normalize("NFC", value), "username")
    checked_name(unicodedata.normalize("NFKC", username), "username")  # the form that is compared must be a name too
    return username


def checked_password(value: str, field: str = "password") -> str:
    """``value``, fit for a new password. Raises `Invalid` with ``field``."""
    if len(value) < PASSWORD_LENGTH.start:
        raise Invalid(field, f"must have at least {PASSWORD_LENGTH.start} characters")
    if len(value) not in PASSWORD_LENGTH:
        raise Invalid(field, f"must have at most {PASSWORD_LENGTH[-1]} characters, has {len(value)}")
    if "\0" in value:
        raise Invalid(field, "must not hold the character NUL")
    return value


# --- evolution ---------------------------------------------------------------------------------------------


def evolve_organization(organization: Organization | None, event: OrganizationRegistered) -> Organization:  # noqa: ARG001
    """The organisation after ``event``."""
    return Organization(event.organization_id, event.name)


def evolve_user(user: User | None, event: UserEvent) -> User:
    """The user after ``event``."""
    match event:
        case UserAdded():
            return User(event.user_id, event.organization_id, event.username)
        case PasswordChanged():
            user = user or User(event.user_id, event.organization_id, "")
            return replace(user, generation=event.generation)
        case _:
            assert_never(event)
