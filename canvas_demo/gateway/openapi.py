"""What the API says of itself."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from canvas_demo.gateway.problems import Problem

DESCRIPTION = """\
People of an organisation create canvases and put files on them; whoever has a canvas open sees it at once.

Sign in with `POST /api/login` and send its `token` as `Authorization: Bearer …`, or let the browser send the
cookie. What belongs to another organisation answers 404. Errors are `application/problem+json` (RFC 9457). Every
answer carries `X-Correlation-Id` and `traceparent`; both are taken from the request where they are well formed there
(1 to 128 visible ASCII characters; W3C Trace Context), and go on into the events that it leads to. HEAD is answered
wherever GET is.
"""


def describe(app: FastAPI) -> None:
    """Make ``app`` answer with a schema that knows problems."""

    def schema() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _schema(app)
        return app.openapi_schema

    app.openapi = schema  # type: ignore[method-assign]  # the way FastAPI documents


def _schema(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    models = schema["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    models.update(problem.pop("$defs"))
    models["Problem"] = problem
    return schema
