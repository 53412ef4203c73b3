"""Sign in and out."""

from fastapi import APIRouter, Request, Response

from canvas_demo.contracts.identity.v1 import identity_pb2 as pb
from canvas_demo.gateway.callers import COOKIE
from canvas_demo.gateway.clients import Modules
from canvas_demo.gateway.models import Credentials, Session, user_of
from canvas_demo.gateway.problems import documented
from canvas_demo.kernel.rpc import ask

router = APIRouter(prefix="/api", tags=["sign-in"])


@router.post("/login", summary="Sign in", responses=documented(401, 422))
async def login(credentials: Credentials, modules: Modules, request: Request, response: Response) -> Session:
    """Answers with a token, and sets it as a cookie that no script and no other site can use."""
    sign_in = pb.LoginRequest(username=credentials.username, password=credentials.password)
    answer = await ask(modules.identity.Login(sign_in))
    response.set_cookie(
        COOKIE,
        answer.token,
        max_age=answer.expires_in,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    response.headers["Cache-Control"] = "no-store"
    return Session(token=answer.token, user=user_of(answer.user), expires_in=answer.expires_in)


@router.post("/logout", status_code=204, summary="Sign out", responses=documented())
async def logout(response: Response) -> None:
    """Clears the cookie. A token that was copied elsewhere holds until it expires."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
