"""Errors as `application/problem+json` (RFC 9457)."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Match, Route

from canvas_demo.kernel.errors import DomainError, Invalid
from canvas_demo.kernel.trace import current_trace

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
NUMBERS = {"current_offset", "current_version", "limit", "retry_after"}
"""Metadata of errors that JSON says as numbers."""


class FieldError(BaseModel):
    """What is wrong with one field of the request."""

    field: str = Field(description="The field's name, with dots where it lies deeper.", examples=["name"])
    message: str = Field(examples=["must not be empty"])


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(
        "about:blank",
        description="Which kind of problem: `about:blank` where the status says all.",
        examples=["urn:canvas-demo:stale"],
    )
    title: str = Field(description="The kind in words.", examples=["Precondition failed"])
    status: int = Field(description="The HTTP status.", examples=[412])
    detail: str = Field(description="A sentence for a person.")
    correlation_id: str = Field(description="What the log knows this request by; also in `X-Correlation-Id`.")
    errors: list[FieldError] | None = Field(None, description="With 422: the fields that can't be taken.")
    current_version: int | None = Field(None, description="With 409 and 412: the version that is there.")


class ProblemResponse(JSONResponse):
    """A problem as an answer."""

    media_type = MEDIA_TYPE


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's responses for problems with these statuses, and for those that any call may meet."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    named: dict[int | str, dict[str, Any]] = {
        status: {"description": HTTPStatus(status).phrase, "content": content} for status in sorted(statuses)
    }
    return {**named, "default": {"description": "Any other problem", "content": content}}


def problem(
    status: int,
    detail: str,
    *,
    type_: str = "about:blank",
    title: str = "",
    headers: Mapping[str, str] | None = None,
    **members: Any,  # noqa: ANN401  (extension members are any JSON)
) -> ProblemResponse:
    """The answer that says what went wrong in the request at hand."""
    body = Problem(
        type=type_,
        title=title or HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        correlation_id=current_trace().correlation_id,
        **members,
    )
    return ProblemResponse(body.model_dump(mode="json", exclude_none=True), status, headers)


def problem_of(error: DomainError) -> ProblemResponse:
    """The answer to a request that met ``error``; what is internal stays in the log."""
    kind = type(error)
    if kind.http_status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("a module failed", detail=error.detail, **error.metadata)
        return internal_problem()
    field = error.metadata["field"] if isinstance(error, Invalid) else ""
    return problem(
        kind.http_status,
        f"{field}: {error.detail}" if field else error.detail,
        type_="urn:canvas-demo:" + re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower(),
        title=kind.title,
        headers=_headers(error),
        **_members(error),
    )


def internal_problem() -> ProblemResponse:
    """The answer where the reason is nobody's business but the log's."""
    return problem(500, "Something went wrong here. The log knows it by the correlation id.")


def _headers(error: DomainError) -> dict[str, str]:
    headers = {}
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if retry_after := error.metadata.get("retry_after"):
        headers["Retry-After"] = retry_after
    return headers


def _members(error: DomainError) -> dict[str, Any]:
    if isinstance(error, Invalid):
        return {"errors": [FieldError(field=error.metadata["field"], message=error.detail)]}
    return {key: int(value) if key in NUMBERS else value for key, value in error.metadata.items()}


def _field(location: tuple[int | str, ...]) -> str:
    """`("body", "name")` is the field ``name``; a body that is no JSON has no field but ``body``."""
    inner = [part for part in location[1:] if isinstance(part, str)]
    return ".".join(inner) or str(location[0])


async def _domain(_: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, DomainError)  # noqa: S101  (registered for it)
    return problem_of(error)


async def _validation(_: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  (registered for it)
    return _invalid([FieldError(field=_field(each["loc"]), message=each["msg"]) for each in error.errors()])


def _invalid(errors: list[FieldError]) -> ProblemResponse:
    detail = "; ".join(f"{each.field}: {each.message}" for each in errors)
    return problem(422, detail, type_="urn:canvas-demo:invalid", title=Invalid.title, errors=errors)


async def _http(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  (registered for it)
    if isinstance(error.__cause__, UnicodeDecodeError | RecursionError):  # FastAPI's 400 for some that are no JSON
        return _invalid([FieldError(field="body", message=f"can't be read as JSON: {error.__cause__}")])
    headers = dict(error.headers or {})
    phrase = HTTPStatus(error.status_code).phrase
    detail = error.detail if error.detail != phrase else f"{phrase}: {request.method} {request.url.path}"
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request))
    return problem(error.status_code, detail, headers=headers)


def _methods(request: Request) -> list[str]:
    """All methods that the target knows (RFC 9110, 10.2.1), over every operation at its path."""
    operations: Sequence[Route] = request.app.state.operations
    methods = {
        method
        for operation in operations
        if operation.matches(request.scope)[0] is not Match.NONE
        for method in operation.methods or ()
    }
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


def answer_with_problems(app: FastAPI) -> None:
    """Say every error that comes out of ``app``'s routes as a problem."""
    app.add_exception_handler(DomainError, _domain)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
