"""Who may call what: every method of every service, as the running servers tell of them by reflection.

A method without a recipe for a valid request fails, so none can escape.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from canvas_demo.contracts.kernel.v1 import options_pb2
from canvas_demo.kernel.settings import MODULES
from canvas_demo.kernel.tokens import NOT_VALID, ServiceCredentials
from tests.integration.api import PASSWORD, Person, newcomer, until
from tests.integration.people import a_name
from tests.integration.things import Things, forged, grown_up, mentions

OK, NOT_FOUND, INVALID = StatusCode.OK, StatusCode.NOT_FOUND, StatusCode.INVALID_ARGUMENT
UNAUTHENTICATED, REJECTED, GONE = StatusCode.UNAUTHENTICATED, StatusCode.OUT_OF_RANGE, StatusCode.DATA_LOSS

PUBLIC = {"Identity/Login", "Identity/RegisterOrganization", "Identity/GetJwks"}
SERVICE = {
    "Identity/GetEndedTokens",
    "Keys/GetDataKey",
    "WebSockets/Send",
    "WebSockets/Deliver",
    "WebSockets/GetConnection",
    "WebSockets/GetLocalConnection",
}
"""Written down here once more: whoever changes who may call a method changes this too."""


@dataclass(frozen=True)
class Recipe:
    """A request that is valid for whoever owns the things, and what others hear.

    ``foreign``: what someone hears who names things of another organisation, or such as are not there;
    ``deleted``: what their owner hears once the canvas is archived and the files are deleted.
    """

    request: Callable[[Things], dict[str, Any] | list[dict[str, Any]]]
    foreign: StatusCode = NOT_FOUND
    own: StatusCode = OK
    deleted: StatusCode = NOT_FOUND


def on_canvas(deleted: StatusCode = REJECTED, **more: Any) -> Recipe:
    return Recipe(lambda of: {"canvas_id": of.canvas_id, **more}, deleted=deleted)


def on_item(**more: Any) -> Recipe:
    return Recipe(lambda of: {"canvas_id": of.canvas_id, "item_id": of.item_id, **more}, deleted=REJECTED)


def on_subject() -> Recipe:
    return Recipe(lambda of: {"subject": f"canvas/{of.canvas_id}"}, deleted=OK)


RECIPES = {
    "Identity/Login": Recipe(lambda _: {"username": "admin", "password": "changeme"}, foreign=OK),
    "Identity/RegisterOrganization": Recipe(
        lambda _: {"name": "Another", "username": a_name(), "password": PASSWORD}, foreign=OK
    ),
    "Identity/GetJwks": Recipe(lambda _: {}, foreign=OK),
    "Identity/GetEndedTokens": Recipe(lambda _: {}),
    "Identity/AddUser": Recipe(lambda _: {"username": a_name(), "password": PASSWORD}, foreign=OK),
    "Identity/GetMe": Recipe(lambda _: {}, foreign=OK),
    "Identity/RefreshToken": Recipe(lambda _: {}, foreign=OK),
    "Identity/ChangePassword": Recipe(lambda _: {"current_password": PASSWORD, "new_password": PASSWORD}, foreign=OK),
    "Keys/GetDataKey": Recipe(lambda of: {"organization_id": of.organization_id}),
    "Keys/ListKeys": Recipe(lambda _: {}, foreign=OK),
    "Keys/RotateKey": Recipe(lambda _: {}, foreign=OK),
    "Keys/DestroyKey": Recipe(lambda of: {"organization_id": of.organization_id}, foreign=INVALID, deleted=OK),
    "Canvases/CreateCanvas": Recipe(lambda _: {"name": "Plan"}, foreign=OK),
    "Canvases/ListCanvases": Recipe(lambda _: {}, foreign=OK),
    "Canvases/GetCanvas": on_canvas(OK),
    "Canvases/RenameCanvas": on_canvas(name="Garden"),
    "Canvases/ArchiveCanvas": on_canvas(OK),
    "Canvases/RestoreCanvas": on_canvas(OK),
    "Canvases/PlaceItem": on_canvas(text="A note", x=1.0, y=2.0),
    "Canvases/MoveItem": on_item(x=3.0, y=4.0),
    "Canvases/ResizeItem": on_item(width=10.0, height=10.0),
    "Canvases/ReorderItem": on_item(layer=7),
    "Canvases/EditNote": Recipe(
        lambda of: {"canvas_id": of.canvas_id, "item_id": of.note_id, "text": "Another"}, deleted=REJECTED
    ),
    "Canvases/RemoveItem": on_item(),
    "Subjects/CheckSubject": on_subject(),
    "Files/CreateFile": Recipe(lambda _: {"name": "plan.txt"}, foreign=OK),
    "Files/AppendContent": Recipe(
        lambda of: [{"append": {"file_id": of.pending_id}}, {"chunk": "YQ=="}, {"size": 1}], deleted=GONE
    ),
    "Files/GetUpload": Recipe(lambda of: {"file_id": of.pending_id}, deleted=GONE),
    "Files/GetFile": Recipe(lambda of: {"file_id": of.file_id}),
    "Files/ReadContent": Recipe(lambda of: {"file_id": of.file_id}),
    "Files/DeleteFile": Recipe(lambda of: {"file_id": of.file_id}),
    "WebSockets/Send": Recipe(lambda of: {"connection_ids": [of.connection_id], "text": "{}"}),
    "WebSockets/Deliver": Recipe(lambda of: {"connection_ids": [of.connection_id], "text": "{}"}),
    "WebSockets/GetConnection": Recipe(lambda of: {"connection_id": of.connection_id}, own=NOT_FOUND),
    "WebSockets/GetLocalConnection": Recipe(lambda of: {"connection_id": of.connection_id}, own=NOT_FOUND),
    "WebSockets/ListConnections": Recipe(lambda _: {}, foreign=OK),
    "Notifications/ListSubscriptions": on_subject(),
    "Notifications/ListPresence": on_subject(),
}


@dataclass(frozen=True)
class Method:
    """A method that a module serves."""

    module: str
    descriptor: Any
    channel: grpc.aio.Channel

    @property
    def path(self) -> str:
        return f"/{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    @property
    def name(self) -> str:
        """``Service/Method``, as the recipes name it."""
        return f"{self.descriptor.containing_service.name}/{self.descriptor.name}"

    @property
    def access(self) -> int:
        """Who may call it, as the server itself says."""
        options = MethodOptions.FromString(self.descriptor.GetOptions().SerializeToString())
        return int(options.Extensions[options_pb2.access])

    def __str__(self) -> str:
        return f"{self.module}: {self.name}"

    @property
    def recipe(self) -> Recipe:
        if self.name == "Subjects/CheckSubject" and self.module == "files":
            return Recipe(lambda of: {"subject": f"file/{of.file_id}"})
        return RECIPES[self.name]

    async def call(self, things: Things, *metadata: tuple[str, str]) -> tuple[StatusCode, str]:
        """The status, and the answers or what was said."""
        method, made = self.descriptor, self.recipe.request(things)
        request_type, answer_type = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        requests = [ParseDict(each, request_type()) for each in (made if isinstance(made, list) else [made])]
        kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
        start = getattr(self.channel, kind)(
            self.path, request_serializer=request_type.SerializeToString, response_deserializer=answer_type.FromString
        )
        call = start(iter(requests) if method.client_streaming else requests[0], metadata=metadata, timeout=60)
        try:
            answers = [each async for each in call] if method.server_streaming else [await call]
        except grpc.aio.AioRpcError as error:
            if error.code() is StatusCode.ABORTED:  # a reaction was quicker; so do clients
                return await self.call(things, *metadata)
            return error.code(), error.details() or ""
        return OK, str(answers)


def bearer(token: str, key: str = "authorization") -> tuple[str, str]:
    return key, f"Bearer {token}"


def reflected(address: str) -> list[Any]:
    """The descriptors of the methods that a running server says it serves."""
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool: Any = DescriptorPool(database)
        names = [name for name in database.get_services() if not name.startswith("grpc.")]
        return [method for name in names for method in pool.FindServiceByName(name).methods]


@pytest.fixture
async def methods(stack: Any) -> AsyncIterator[list[Method]]:
    addresses = {module: stack.settings.grpc_address(module) for module in MODULES}
    channels = {module: grpc.aio.insecure_channel(address) for module, address in addresses.items()}
    found = {module: await asyncio.to_thread(reflected, address) for module, address in addresses.items()}
    yield [Method(module, each, channels[module]) for module, served in found.items() for each in served]
    await asyncio.gather(*(channel.close() for channel in channels.values()))


def of_access(methods: list[Method], access: int) -> list[Method]:
    return [method for method in methods if method.access == access]


async def equipped(web: str, methods: list[Method]) -> tuple[Person, Things]:
    """Someone with one of each thing that requests name."""
    person, things = await asyncio.to_thread(grown_up, web)
    by_name = {method.name: method for method in methods}
    note = await by_name["Canvases/PlaceItem"].call(things, bearer(person.token))
    pending = await by_name["Files/CreateFile"].call(things, bearer(person.token))
    assert note[0] is pending[0] is OK, (note, pending)
    items = person.canvas(things.canvas_id)["items"]
    [note_id] = [item["id"] for item in items if item["file_id"] is None]
    pending_id = pending[1].partition('id: "')[2].partition('"')[0]
    return person, replace(things, note_id=note_id, pending_id=pending_id)


async def outcomes(methods: list[Method], things: Things, *metadata: tuple[str, str]) -> dict[str, Any]:
    answers = await asyncio.gather(*(method.call(things, *metadata) for method in methods))
    return {str(method): answer for method, answer in zip(methods, answers, strict=True)}


def test_each_method_has_a_recipe_and_says_who_may_call_it(methods: list[Method]) -> None:
    assert {method.name for method in methods} == set(RECIPES), "write a recipe for a valid request"
    assert {method.name for method in of_access(methods, options_pb2.PUBLIC)} == PUBLIC
    assert {method.name for method in of_access(methods, options_pb2.SERVICE)} == SERVICE


async def test_without_a_token_only_what_is_public_answers(methods: list[Method]) -> None:
    closed = [method for method in methods if method.name not in PUBLIC]
    for metadata in ([], [bearer("")], [bearer("", "service-authorization")]):
        seen = await outcomes(closed, Things(), *metadata)
        assert {name: answer for name, answer in seen.items() if answer[0] is not UNAUTHENTICATED} == {}


async def test_a_forged_token_opens_nothing(stack: Any, methods: list[Method]) -> None:
    ada, things = await equipped(stack.env["WEB_URL"], methods)
    of_people = [method for method in methods if method.name not in PUBLIC | SERVICE]
    seen = await outcomes(of_people, things, bearer(forged(ada.token)))
    assert {name: answer for name, answer in seen.items() if answer != (UNAUTHENTICATED, NOT_VALID)} == {}


async def test_what_is_for_modules_is_refused_to_people_also_under_a_module_s_name(
    stack: Any, methods: list[Method]
) -> None:
    ada, things = await equipped(stack.env["WEB_URL"], methods)
    credential = ServiceCredentials(stack.settings, "files").token()
    internal = [method for method in methods if method.name in SERVICE]
    for metadata in (
        [bearer(ada.token)],
        [bearer(ada.token), bearer(ada.token, "service-authorization")],
        [
            bearer(ada.token),
            bearer(forged(credential), "service-authorization"),
        ],
    ):
        seen = await outcomes(internal, things, *metadata)
        assert {name: answer for name, answer in seen.items() if answer[0] is not UNAUTHENTICATED} == {}


async def test_things_of_another_organisation_are_not_there_and_stay_as_they_are(
    stack: Any, methods: list[Method]
) -> None:
    web = stack.env["WEB_URL"]
    ada, things = await equipped(web, methods)
    before = ada.canvas(things.canvas_id), ada.call("GET", f"/api/files/{things.file_id}", 200).json()
    for method in (method for method in methods if method.name not in SERVICE):
        stranger = await asyncio.to_thread(newcomer, web)
        code, said = await method.call(things, bearer(stranger.token))
        assert code is method.recipe.foreign, f"{method}: {code} {said}"
        told = mentions(said, things) if code is OK else set()
        assert told == set(), f"{method} tells of {told}"
    assert (ada.canvas(things.canvas_id), ada.call("GET", f"/api/files/{things.file_id}", 200).json()) == before


async def test_what_there_is_not_is_not_found(stack: Any, methods: list[Method]) -> None:
    ada = await asyncio.to_thread(newcomer, stack.env["WEB_URL"])
    naming = [method for method in methods if method.name not in SERVICE and method.recipe.foreign is not OK]
    seen = {str(method): (await method.call(Things(), bearer(ada.token)))[0] for method in naming}
    assert seen == {str(method): method.recipe.foreign for method in naming}


async def test_what_was_deleted_is_not_there_or_takes_no_changes(stack: Any, methods: list[Method]) -> None:
    ada, things = await equipped(stack.env["WEB_URL"], methods)
    for file_id in (things.file_id, things.pending_id):
        ada.call("DELETE", f"/api/files/{file_id}", 204)
    await asyncio.to_thread(until, lambda: len(ada.canvas(things.canvas_id)["items"]), lambda count: count == 1)
    ada.call("DELETE", f"/api/canvases/{things.canvas_id}", 204)
    naming = [method for method in methods if method.name not in SERVICE and method.recipe.foreign is not OK]
    naming.sort(key=lambda method: method.name in {"Canvases/RestoreCanvas", "Keys/DestroyKey"})  # last: they undo it
    seen = {str(method): (await method.call(things, bearer(ada.token)))[0] for method in naming}
    assert seen == {str(method): method.recipe.deleted for method in naming}


async def test_each_recipe_is_a_request_that_its_owner_may_make(stack: Any, methods: list[Method]) -> None:
    """Else what is refused above could be refused for another reason."""
    service = bearer(ServiceCredentials(stack.settings, "gateway").token(), "service-authorization")
    for method in methods:
        ada, things = await equipped(stack.env["WEB_URL"], methods)
        credentials = service if method.name in SERVICE else bearer(ada.token)
        code, said = await method.call(things, credentials)
        assert code is method.recipe.own, f"{method}: {code} {said}"
