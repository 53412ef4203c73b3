"""Organisations and their users."""

from fastapi import APIRouter

from canvas_demo.contracts.identity.v1 import identity_pb2 as pb
from canvas_demo.gateway.callers import Caller, IdempotencyKey
from canvas_demo.gateway.clients import Modules
from canvas_demo.gateway.models import Credentials, Me, NewOrganization, Registration, User, organization_of, user_of
from canvas_demo.gateway.problems import documented
from canvas_demo.kernel.rpc import ask

router = APIRouter(prefix="/api", tags=["organisations and users"])


@router.post("/organizations", status_code=201, summary="Register an organisation", responses=documented(409, 422))
async def register_organization(new: NewOrganization, key: IdempotencyKey, modules: Modules) -> Registration:
    """A new organisation with its first user, who can sign in at once. 409 when the username is taken."""
    request = pb.RegisterOrganizationRequest(name=new.name, username=new.username, password=new.password)
    answer = await ask(modules.identity.RegisterOrganization(request, metadata=key))
    return Registration(organization=organization_of(answer.organization), user=user_of(answer.user))


@router.post("/users", status_code=201, summary="Add a user", responses=documented(401, 409, 410, 422))
async def add_user(caller: Caller, key: IdempotencyKey, new: Credentials, modules: Modules) -> User:
    """A user more in the caller's own organisation. 409 when the username is taken."""
    request = pb.AddUserRequest(username=new.username, password=new.password)
    return user_of(await ask(modules.identity.AddUser(request, metadata=caller + key)))


@router.get("/me", summary="Get the caller", responses=documented(401))
async def get_me(caller: Caller, modules: Modules) -> Me:
    """The caller and the caller's organisation."""
    answer = await ask(modules.identity.GetMe(pb.GetMeRequest(), metadata=caller))
    user, organization = user_of(answer.user), organization_of(answer.organization)
    return Me(**user.model_dump(), organization=organization)
