"""The gRPC service of identity."""

from datetime import UTC, datetime
from typing import Any

from canvas_demo.contracts.identity.v1 import identity_pb2 as pb
from canvas_demo.contracts.identity.v1 import identity_pb2_grpc as pb_grpc
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import Invalid, NotFound, Unauthenticated
from canvas_demo.kernel.module import Runtime
from canvas_demo.kernel.rpc import Service
from canvas_demo.kernel.tokens import current_caller
from canvas_demo.modules.identity.domain import Organization, User, checked_password, checked_username
from canvas_demo.modules.identity.passwords import Passwords
from canvas_demo.modules.identity.registration import add_user, register_organization
from canvas_demo.modules.identity.signing import TOKEN_LIFETIME, SigningKeys
from canvas_demo.modules.identity.store import find_credential, load_organization, load_user, user_of


class IdentityService(pb_grpc.IdentityServicer):
    """Who people are, and proof of it."""

    def __init__(self, runtime: Runtime, passwords: Passwords, keys: SigningKeys) -> None:
        self._pool = runtime.pool
        self._passwords = passwords
        self._keys = keys
        self._requests = runtime.requests

    async def Login(self, request: pb.LoginRequest, context: Any) -> pb.LoginResponse:
        row = await self._find(request.username)
        matches = await self._passwords.match(row["password_hash"] if row else None, request.password)
        if row is None or not matches:
            raise Unauthenticated("Wrong username or password.")
        user = user_of(row)
        return pb.LoginResponse(
            token=self._keys.token(user, datetime.now(UTC)),
            user=_user(user),
            expires_in=int(TOKEN_LIFETIME.total_seconds()),
        )

    async def RegisterOrganization(
        self, request: pb.RegisterOrganizationRequest, context: Any
    ) -> pb.RegisterOrganizationResponse:
        password_hash = await self._passwords.hash(checked_password(request.password))

        async def register(connection: Connection) -> pb.RegisterOrganizationResponse:
            organization, user = await register_organization(
                connection, request.name, request.username, password_hash, datetime.now(UTC)
            )
            return pb.RegisterOrganizationResponse(organization=_organization(organization), user=_user(user))

        return await self._requests.once(request, pb.RegisterOrganizationResponse, register)

    async def AddUser(self, request: pb.AddUserRequest, context: Any) -> pb.User:
        organization_id = current_caller().organization_id
        password_hash = await self._passwords.hash(checked_password(request.password))

        async def add(connection: Connection) -> pb.User:
            now = datetime.now(UTC)
            return _user(await add_user(connection, organization_id, request.username, password_hash, now))

        return await self._requests.once(request, pb.User, add)

    async def GetMe(self, request: pb.GetMeRequest, context: Any) -> pb.GetMeResponse:
        caller = current_caller()
        async with self._pool.connection() as connection:
            user = (await load_user(connection, caller.user_id)).state
            organization = (await load_organization(connection, caller.organization_id)).state
        if user is None or organization is None:
            raise NotFound(f"There is no user {caller.user_id}.")
        return pb.GetMeResponse(user=_user(user), organization=_organization(organization))

    async def GetJwks(self, request: pb.GetJwksRequest, context: Any) -> pb.GetJwksResponse:
        return pb.GetJwksResponse(jwks=self._keys.jwks)

    async def _find(self, username: str) -> dict[str, Any] | None:
        """The user who signs in; what can't be a username is nobody's."""
        try:
            name = checked_username(username)
        except Invalid:
            return None
        async with self._pool.connection() as connection:
            return await find_credential(connection, name)


def _user(user: User) -> pb.User:
    return pb.User(id=user.user_id, username=user.username, organization_id=user.organization_id)


def _organization(organization: Organization) -> pb.Organization:
    return pb.Organization(id=organization.organization_id, name=organization.name)


def services(runtime: Runtime, passwords: Passwords, keys: SigningKeys) -> list[Service]:
    """What identity answers."""
    servicer = IdentityService(runtime, passwords, keys)
    return [Service(pb_grpc.add_IdentityServicer_to_server, servicer, "canvas_demo.identity.v1.Identity")]
