"""Who calls: a bearer token or the cookie, passed on as it came; the modules check it."""

import re
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from canvas_demo.kernel.errors import Unauthenticated
from canvas_demo.kernel.idempotency import METADATA, checked_idempotency_key
from canvas_demo.kernel.rpc import CLIENT_ADDRESS

COOKIE = "canvas_demo_token"
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,4096}")  # RFC 6750, 2.1

_bearer = HTTPBearer(
    scheme_name="bearer",
    bearerFormat="JWT",
    description="The `token` of `POST /api/login`.",
    auto_error=False,
)
_cookie = APIKeyCookie(
    scheme_name="cookie",
    name=COOKIE,
    description="Set by `POST /api/login`; pages of other origins can't use it.",
    auto_error=False,
)

Metadata = tuple[tuple[str, str], ...]


async def caller(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> Metadata:
    """The metadata that tells a module who calls. Raises `Unauthenticated` where there is no token."""
    token = bearer.credentials if bearer else cookie
    if not token:
        raise Unauthenticated("Sign in first.")
    if not _TOKEN.fullmatch(token):
        raise Unauthenticated("The token is not valid; sign in again.")
    return (("authorization", f"Bearer {token}"),)


Caller = Annotated[Metadata, Depends(caller)]


async def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Of the client's choice, for this request alone: sent again with the same key, it has no "
            "second effect and gets the first answer again, for 24 hours. With another request to the same module "
            "it is refused.",
        ),
    ] = None,
) -> Metadata:
    """The metadata that tells a module which request this is. Raises `Invalid`."""
    return () if key is None else ((METADATA, checked_idempotency_key(key)),)


IdempotencyKey = Annotated[Metadata, Depends(idempotency_key)]


async def client_address(request: Request) -> Metadata:
    """The metadata that tells identity where a sign-in comes from; `Settings.trusted_proxies` says whom to believe."""
    return ((CLIENT_ADDRESS, request.client.host),) if request.client else ()


ClientAddress = Annotated[Metadata, Depends(client_address)]
