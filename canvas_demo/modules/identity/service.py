"""The gRPC service of identity."""

from datetime import UTC, datetime, timedelta
from typing import Any

from canvas_demo.contracts.identity.v1 import identity_pb2 as pb
from canvas_demo.contracts.identity.v1 import identity_pb2_grpc as pb_grpc
from canvas_demo.kernel.aggregate import execute
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import Invalid, NotFound, Unauthenticated
from canvas_demo.kernel.module import Runtime
from canvas_demo.kernel.outbox import hold_organization
from canvas_demo.kernel.rpc import Service, client_address
from canvas_demo.kernel.tokens import NOT_VALID, Caller, current_caller
from canvas_demo.modules.identity.domain import (
    ChangePassword,
    Organization,
    User,
    checked_password,
    checked_username,
)
from canvas_demo.modules.identity.passwords import Passwords
from canvas_demo.modules.identity.registration import add_user, register_organization
from canvas_demo.modules.identity.rotation import SigningKeyTable
from canvas_demo.modules.identity.signing import SESSION_LIFETIME, TOKEN_LIFETIME, SigningKeys
from canvas_demo.modules.identity.store import (
    USER,
    change_credential,
    ended_tokens,
    find_credential,
    load_organization,
    load_user,
    lock_credential,
    user_of,
)
from canvas_demo.modules.identity.throttle import Throttle

WRONG = "Wrong username or password."
COMMITTED_WITHIN = timedelta(minutes=1)
"""More than a change of a password takes from its time to its commit: tokens of before may be younger by that much."""


class IdentityService(pb_grpc.IdentityServicer):
    """Who people are, and proof of it."""

    def __init__(self, runtime: Runtime, passwords: Passwords, keys: SigningKeyTable) -> None:
        self._pool = runtime.pool
        self._credentials = runtime.channels.credentials
        self._passwords = passwords
        self._keys = keys
        self._throttle = Throttle(runtime.pool, runtime.settings)
        self._requests = runtime.requests

    async def Login(self, request: pb.LoginRequest, context: Any) -> pb.LoginResponse:
        address, now = client_address(context, self._credentials), datetime.now(UTC)
        username = _possible(request.username)
        attempt = await self._throttle.count(username, address, now)
        async with self._pool.connection() as connection:
            row = await find_credential(connection, username)
        matches = await self._passwords.match(row["password_hash"] if row else None, request.password)
        if row is None or not matches:
            raise Unauthenticated(WRONG)
        await self._throttle.take_back(attempt)
        user, keys = user_of(row), await self._keys.current()

        async def begin(connection: Connection) -> pb.LoginResponse:
            await hold_organization(connection, user.organization_id)
            if await lock_credential(connection, user.user_id) != row["password_hash"]:
                raise Unauthenticated(WRONG)  # changed, or gone with its organisation's keys
            return _session(keys, user, now)

        return await self._requests.once(
            request, pb.LoginResponse, begin, organization=lambda answer: answer.user.organization_id
        )

    async def RefreshToken(self, request: pb.RefreshTokenRequest, context: Any) -> pb.LoginResponse:
        caller = current_caller()
        now, signed_in_at = datetime.now(UTC), datetime.fromtimestamp(caller.signed_in_at, UTC)
        if signed_in_at + SESSION_LIFETIME < now:
            raise Unauthenticated("The password was given too long ago; sign in again.")
        keys = await self._keys.current()

        async def refresh(connection: Connection) -> pb.LoginResponse:
            await hold_organization(connection, caller.organization_id)
            if await lock_credential(connection, caller.user_id) is None:
                raise Unauthenticated(NOT_VALID)  # the keys of the organisation were destroyed
            return _session(keys, await _user_behind(connection, caller), now, signed_in_at)

        return await self._requests.once(request, pb.LoginResponse, refresh)

    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Any) -> pb.LoginResponse:
        caller, now = current_caller(), datetime.now(UTC)
        wanted = checked_password(request.new_password, "new_password")
        address = client_address(context, self._credentials)
        attempt = await self._throttle.count(caller.username, address, now)
        password_hash = await self._passwords.hash(wanted)
        keys = await self._keys.current()

        async def change(connection: Connection) -> pb.LoginResponse:
            await hold_organization(connection, caller.organization_id)
            known = await lock_credential(connection, caller.user_id)
            await _user_behind(connection, caller)  # the guard lets ended tokens come here
            if not await self._passwords.match(known, request.current_password):
                raise Invalid("current_password", "is not your password")
            await change_credential(connection, caller.user_id, password_hash)
            command = ChangePassword()
            changed = await execute(connection, USER, caller.user_id, caller.organization_id, command, now)
            return _session(keys, changed.state, now)

        answer = await self._requests.once(request, pb.LoginResponse, change)
        await self._throttle.take_back(attempt)
        return answer

    async def RegisterOrganization(
        self, request: pb.RegisterOrganizationRequest, context: Any
    ) -> pb.RegisterOrganizationResponse:
        password_hash = await self._passwords.hash(checked_password(request.password))

        async def register(connection: Connection) -> pb.RegisterOrganizationResponse:
            organization, user = await register_organization(
                connection, request.name, request.username, password_hash, datetime.now(UTC)
            )
            return pb.RegisterOrganizationResponse(organization=_organization(organization), user=_user(user))

        return await self._requests.once(
            request, pb.RegisterOrganizationResponse, register, organization=lambda answer: answer.organization.id
        )

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
        return pb.GetJwksResponse(jwks=(await self._keys.current()).jwks)

    async def GetEndedTokens(self, request: pb.GetEndedTokensRequest, context: Any) -> pb.GetEndedTokensResponse:
        async with self._pool.connection() as connection:
            ended = await ended_tokens(connection, datetime.now(UTC) - TOKEN_LIFETIME - COMMITTED_WITHIN)
        return pb.GetEndedTokensResponse(generations=ended)


def _possible(username: str) -> str:
    """The name as it is compared; of one that nobody can have, the empty one, which is nobody's either."""
    try:
        return checked_username(username)
    except Invalid:
        return ""


def _session(keys: SigningKeys, user: User, now: datetime, signed_in_at: datetime | None = None) -> pb.LoginResponse:
    return pb.LoginResponse(
        token=keys.token(user, now, signed_in_at),
        user=_user(user),
        expires_in=int(TOKEN_LIFETIME.total_seconds()),
    )


async def _user_behind(connection: Connection, caller: Caller) -> User:
    """The user, of whom this very token holds now. Raises `Unauthenticated`."""
    user = (await load_user(connection, caller.user_id)).state
    if user is None or user.generation != caller.generation:
        raise Unauthenticated(NOT_VALID)
    return user


def _user(user: User) -> pb.User:
    return pb.User(id=user.user_id, username=user.username, organization_id=user.organization_id)


def _organization(organization: Organization) -> pb.Organization:
    return pb.Organization(id=organization.organization_id, name=organization.name)


def services(runtime: Runtime, passwords: Passwords, keys: SigningKeyTable) -> list[Service]:
    """What identity answers."""
    servicer = IdentityService(runtime, passwords, keys)
    return [Service(pb_grpc.add_IdentityServicer_to_server, servicer, "canvas_demo.identity.v1.Identity")]
