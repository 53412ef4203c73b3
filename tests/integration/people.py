"""People of an organisation of their own, over gRPC."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from canvas_demo.contracts.identity.v1 import identity_pb2 as pb
from canvas_demo.contracts.identity.v1 import identity_pb2_grpc as pb_grpc
from canvas_demo.kernel.rpc import Channels, ask

PASSWORD = "correct horse"


@dataclass(frozen=True)
class Person:
    user_id: str
    organization_id: str
    username: str
    token: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What a call in this person's name carries."""
        return (("authorization", f"Bearer {self.token}"),)


def a_name() -> str:
    return f"ada-{uuid4()}"


def identity(channels: Channels) -> Any:
    return pb_grpc.IdentityStub(channels.to("identity"))


async def register(channels: Channels) -> Person:
    """Someone new, with an organisation of their own, signed in."""
    username = a_name()
    request = pb.RegisterOrganizationRequest(name=f"of {username}", username=username, password=PASSWORD)
    await ask(identity(channels).RegisterOrganization(request))
    return await sign_in(channels, username)


async def sign_in(channels: Channels, username: str, password: str = PASSWORD) -> Person:
    answer = await ask(identity(channels).Login(pb.LoginRequest(username=username, password=password)))
    return Person(answer.user.id, answer.user.organization_id, answer.user.username, answer.token)
