"""What can go wrong, said once: each error's gRPC status and HTTP status.

A module raises one of these; its gRPC server answers with the status and the details
(`google.rpc.ErrorInfo`, `google.rpc.BadRequest`); the gateway answers with the HTTP status and
`application/problem+json` (RFC 9457).
"""

from typing import ClassVar


class DomainError(Exception):
    """An error that a caller can do something about.

    ``detail`` is a sentence for a person; ``metadata`` holds facts for a program.
    """

    grpc_status: ClassVar[str] = "INTERNAL"
    http_status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, **metadata: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.metadata = {key: str(value) for key, value in metadata.items()}


class Invalid(DomainError):
    """A value that can't be taken; ``metadata["field"]`` names the field."""

    grpc_status, http_status, title = "INVALID_ARGUMENT", 422, "Invalid input"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail, field=field)


class Unauthenticated(DomainError):
    """No token, or one that does not hold."""

    grpc_status, http_status, title = "UNAUTHENTICATED", 401, "Not signed in"


class Forbidden(DomainError):
    """Signed in, but not allowed."""

    grpc_status, http_status, title = "PERMISSION_DENIED", 403, "Not allowed"


class NotFound(DomainError):
    """Not there, or another organisation's, which is the same."""

    grpc_status, http_status, title = "NOT_FOUND", 404, "Not found"


class AlreadyExists(DomainError):
    """The name or id is taken; ``metadata["field"]`` names the field."""

    grpc_status, http_status, title = "ALREADY_EXISTS", 409, "Already there"


class Conflict(DomainError):
    """Another writer of the same aggregate was quicker; ``metadata["current_version"]``."""

    grpc_status, http_status, title = "ABORTED", 409, "Changed meanwhile"


class Stale(DomainError):
    """The version that the caller saw is not the current one; ``metadata["current_version"]``."""

    grpc_status, http_status, title = "FAILED_PRECONDITION", 412, "Precondition failed"


class Rejected(DomainError):
    """What is asked for makes no sense in the present state."""

    grpc_status, http_status, title = "OUT_OF_RANGE", 409, "Not possible now"


class TooLarge(DomainError):
    """More than a limit allows; ``metadata["limit"]``."""

    grpc_status, http_status, title = "RESOURCE_EXHAUSTED", 413, "Too large"


class StorageFull(DomainError):
    """No room for it: the organisation's limit, or the disk; ``metadata["limit"]`` where it is a limit."""

    grpc_status, http_status, title = "RESOURCE_EXHAUSTED", 507, "No room for it"


class TooManyAttempts(DomainError):
    """Too often in too short a time; ``metadata["retry_after"]`` in seconds."""

    grpc_status, http_status, title = "RESOURCE_EXHAUSTED", 429, "Too many attempts"


class Gone(DomainError):
    """It was there, and is not any more, for good: destroyed, deleted, or given up."""

    grpc_status, http_status, title = "DATA_LOSS", 410, "Gone"


class Unavailable(DomainError):
    """Something that is needed does not answer; trying again may help."""

    grpc_status, http_status, title = "UNAVAILABLE", 503, "Not available"


class TimedOut(DomainError):
    """The deadline passed; what was asked for may or may not have happened."""

    grpc_status, http_status, title = "DEADLINE_EXCEEDED", 504, "Took too long"


ERRORS: dict[str, type[DomainError]] = {
    error.__name__: error
    for error in (
        Unauthenticated,
        Forbidden,
        NotFound,
        AlreadyExists,
        Conflict,
        Stale,
        Rejected,
        TooLarge,
        StorageFull,
        TooManyAttempts,
        Gone,
        Unavailable,
        TimedOut,
    )
}
"""Reason → error, as `google.rpc.ErrorInfo` names it; `Invalid` stands apart, since it needs its field."""


def error_for(reason: str, status: str, detail: str, metadata: dict[str, str]) -> DomainError:
    """The error that an answer with this reason stands for, or, where it has none, this gRPC status."""
    if reason == Invalid.__name__ or (not reason and status == Invalid.grpc_status):
        return Invalid(metadata.get("field", ""), detail)
    by_status = {error.grpc_status: error for error in reversed(ERRORS.values())}
    return (ERRORS.get(reason) or by_status.get(status, DomainError))(detail, **metadata)
