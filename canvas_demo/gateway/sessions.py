"""Sign in, stay signed in, and sign out."""

from fastapi import APIRouter, Request, Response

from canvas_demo.contracts.identity.v1 import identity_pb2 as pb
from canvas_demo.gateway.callers import COOKIE, Caller, ClientAddress, IdempotencyKey
from canvas_demo.gateway.clients import Modules
from canvas_demo.gateway.edge import prefix_of
from canvas_demo.gateway.models import Credentials, JwkSet, PasswordChange, Session, user_of
from canvas_demo.gateway.problems import documented
from canvas_demo.kernel.rpc import ask

router = APIRouter(tags=["sign-in"])


@router.post("/api/login", summary="Sign in", responses=documented(401, 422, 429))
async def login(
    credentials: Credentials,
    key: IdempotencyKey,
    address: ClientAddress,
    modules: Modules,
    request: Request,
    response: Response,
) -> Session:
    """Answers with a token, and sets it as a cookie that no script and no other site can use.

    429, with `Retry-After`, after too many failures for the account or from the address.
    """
    sign_in = pb.LoginRequest(username=credentials.username, password=credentials.password)
    return _session(await ask(modules.identity.Login(sign_in, metadata=key + address)), request, response)


@router.post("/api/refresh", summary="Stay signed in", responses=documented(401, 422))
async def refresh(
    caller: Caller, key: IdempotencyKey, modules: Modules, request: Request, response: Response
) -> Session:
    """A new token for one that still holds; the old one holds until it expires. 30 days after the last sign-in: 401."""
    return _session(
        await ask(modules.identity.RefreshToken(pb.RefreshTokenRequest(), metadata=caller + key)), request, response
    )


@router.post("/api/me/password", summary="Change the password", responses=documented(401, 409, 422, 429))
async def change_password(
    caller: Caller,
    key: IdempotencyKey,
    change: PasswordChange,
    address: ClientAddress,
    modules: Modules,
    request: Request,
    response: Response,
) -> Session:
    """Ends every token of the caller, and the websockets opened with them, within seconds; answers with a new one.

    Whoever lost the answer gets it again: with the same `Idempotency-Key` and the token that was just ended.
    """
    wanted = pb.ChangePasswordRequest(current_password=change.current_password, new_password=change.new_password)
    answer = await ask(modules.identity.ChangePassword(wanted, metadata=caller + key + address))
    return _session(answer, request, response)


@router.post("/api/logout", status_code=204, summary="Sign out", responses=documented())
async def logout(request: Request, response: Response) -> None:
    """Clears the cookie. A token that was copied elsewhere holds until it expires or the password is changed."""
    response.delete_cookie(COOKIE, path=f"{prefix_of(request.headers)}/", httponly=True, samesite="strict")


@router.get("/.well-known/jwks.json", summary="Get the keys that tokens are checked with", responses=documented())
async def get_jwks(modules: Modules, response: Response) -> JwkSet:
    """A JWK Set (RFC 7517). A key is in it for longer than any token that it signed, and some time before the first."""
    answer = await ask(modules.identity.GetJwks(pb.GetJwksRequest()))
    response.headers["Cache-Control"] = "public, max-age=10"
    return JwkSet.model_validate_json(answer.jwks)


def _session(answer: pb.LoginResponse, request: Request, response: Response) -> Session:
    response.set_cookie(
        COOKIE,
        answer.token,
        max_age=answer.expires_in,
        path=f"{prefix_of(request.headers)}/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    response.headers["Cache-Control"] = "no-store"
    return Session(token=answer.token, user=user_of(answer.user), expires_in=answer.expires_in)
