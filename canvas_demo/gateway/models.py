"""What requests and answers hold."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from canvas_demo.contracts.canvases.v1 import canvases_pb2
from canvas_demo.contracts.files.v1 import files_pb2
from canvas_demo.contracts.identity.v1 import identity_pb2
from canvas_demo.kernel.values import COORDINATE_LIMIT, NAME_LIMIT

PASSWORD_LIMIT = 1024
CONTROL = r"\x00-\x1f\x7f-\x9f"

Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_LIMIT),
    Field(
        description=f"1 to {NAME_LIMIT} characters, no control character among them; white space around it is dropped.",
        json_schema_extra={"pattern": rf"^[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*$"},
    ),
]
Password = Annotated[str, StringConstraints(min_length=1, max_length=PASSWORD_LIMIT)]
Coordinate = Annotated[
    float,
    Field(
        strict=True,
        allow_inf_nan=False,
        ge=-COORDINATE_LIMIT,
        le=COORDINATE_LIMIT,
        description="In canvas units from the top left corner.",
    ),
]
FileStatus = Annotated[
    Literal["PENDING", "UPLOADED", "DELETED"],
    Field(description="PENDING until the last byte of the content is stored."),
]


# --- requests ----------------------------------------------------------------------------------------------


class Credentials(BaseModel):
    """Who signs in, or who is added."""

    username: Name = Field(examples=["admin"])
    password: Password = Field(examples=["changeme"])


class PasswordChange(BaseModel):
    """The password until now, and from now on."""

    current_password: Password
    new_password: Password


class NewOrganization(Credentials):
    """An organisation and its first user."""

    name: Name = Field(examples=["Acme"])


class CanvasName(BaseModel):
    """What a canvas is called."""

    name: Name = Field(examples=["Plan of the garden"])


class CanvasPage(BaseModel):
    """Which canvases to list, and in which order."""

    page_size: int = Field(50, ge=1, le=200)
    page_token: str = Field("", max_length=4096, description="From an answer: what comes after it.")
    order_by: Literal["created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"] = Field(
        "-created_at", description="With `-` before it: descending."
    )
    archived: bool = Field(False, description="The archived ones instead of the others.")


# --- answers -----------------------------------------------------------------------------------------------


class User(BaseModel):
    """A person who can sign in."""

    id: Id
    username: str
    organization_id: Id


class Organization(BaseModel):
    """Whose users share canvases and files."""

    id: Id
    name: str


class Session(BaseModel):
    """A sign-in."""

    token: str = Field(description="A JWT; send it as `Authorization: Bearer …`.")
    user: User
    expires_in: int = Field(description="Seconds until the token expires.")


class Jwk(BaseModel):
    """A public key (RFC 7517, RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str = Field(description="The key's thumbprint (RFC 7638); a token's header names it.")
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class JwkSet(BaseModel):
    """The keys that tokens are checked with."""

    keys: list[Jwk]


class OrganizationKey(BaseModel):
    """A data key of an organisation; the key itself is shown to nobody."""

    key_version: int
    created_at: Timestamp


class OrganizationKeys(BaseModel):
    """What is known of an organisation's data keys."""

    keys: list[OrganizationKey] = Field(description="Oldest first; what is stored now is encrypted under the last.")
    destroyed: bool = Field(description="There are none any more, and there will be none.")


class PresentPerson(BaseModel):
    """Somebody who has a canvas open."""

    user_id: Id
    username: str
    connections: int = Field(
        description="Live websockets that have it open; 0 for a while after the last one has gone.", ge=0
    )


class PresenceList(BaseModel):
    """Who has a canvas open, each person once."""

    present: list[PresentPerson]


class Registration(BaseModel):
    """An organisation as it was registered."""

    organization: Organization
    user: User


class Me(User):
    """The caller."""

    organization: Organization


class ItemFile(BaseModel):
    """What a canvas knows of the file of an item."""

    status: FileStatus
    name: str
    media_type: str
    size: int = Field(description="Bytes; 0 while PENDING.")


class Item(BaseModel):
    """A file, or a note, at a place on a canvas."""

    id: Id
    kind: Literal["FILE", "NOTE"]
    file_id: Id | None = Field(description="null: a note.")
    x: float
    y: float
    width: float = Field(description="0: as wide as its content wants.")
    height: float = Field(description="0: as high as its content wants.")
    layer: int = Field(description="Items of a higher layer lie before those of a lower one.")
    file: ItemFile | None = Field(description="null: a note.")
    text: str | None = Field(description="What a note says; null: a file.")


class CanvasSummary(BaseModel):
    """A canvas without its items."""

    id: Id
    name: str
    organization_id: Id
    archived: bool = Field(description="It is no longer listed and can't be changed.")
    version: int = Field(description="The number of its events; what its ETag holds.")
    created_by: Id
    created_at: Timestamp
    updated_at: Timestamp


class Canvas(CanvasSummary):
    """A canvas with all that lies on it."""

    items: list[Item]


class CanvasList(BaseModel):
    """A page of the canvases of the caller's organisation."""

    canvases: list[CanvasSummary]
    next_page_token: str | None = Field(description="`page_token` of the next page; null on the last.")


class File(BaseModel):
    """A file's descriptor."""

    id: Id
    organization_id: Id
    status: FileStatus
    name: str
    media_type: str
    size: int = Field(description="Bytes; 0 while PENDING.")
    sha256: str | None = Field(description="Of the content, in hex digits; null while PENDING.")
    attributes: dict[str, str]
    created_by: Id
    created_at: Timestamp
    updated_at: Timestamp
    version: int
    key_version: int = Field(description="Which data key of the organisation encrypts it; 0 while PENDING.")


class Upload(BaseModel):
    """A file that was put on a canvas."""

    item: Item
    file: File


ModuleState = Literal["SERVING", "NOT_SERVING"]


class Health(BaseModel):
    """Which modules serve, as each says itself (gRPC health checking protocol)."""

    status: ModuleState = Field(description="SERVING when every module serves.")
    modules: dict[str, ModuleState]


# --- from messages -----------------------------------------------------------------------------------------


def user_of(message: identity_pb2.User) -> User:
    """The user that the message tells of."""
    return User(id=message.id, username=message.username, organization_id=message.organization_id)


def organization_of(message: identity_pb2.Organization) -> Organization:
    """The organisation that the message tells of."""
    return Organization(id=message.id, name=message.name)


def item_of(message: canvases_pb2.Item) -> Item:
    """The item that the message tells of."""
    return Item(
        id=message.id,
        kind="FILE" if message.kind == "FILE" else "NOTE",
        file_id=message.file_id or None,
        x=message.x,
        y=message.y,
        width=message.width,
        height=message.height,
        layer=message.layer,
        file=_item_file_of(message.file) if message.file_id else None,
        text=None if message.file_id else message.text,
    )


def _item_file_of(message: canvases_pb2.ItemFile) -> ItemFile:
    return ItemFile.model_validate(
        {
            "status": message.status,
            "name": message.name,
            "media_type": message.media_type,
            "size": int(message.size),
        }
    )


def summary_of(message: canvases_pb2.Canvas) -> CanvasSummary:
    """The canvas that the message tells of, without its items."""
    return CanvasSummary(
        id=message.id,
        name=message.name,
        organization_id=message.organization_id,
        archived=message.archived,
        version=message.version,
        created_by=message.created_by,
        created_at=message.created_at,
        updated_at=message.updated_at,
    )


def canvas_of(message: canvases_pb2.Canvas) -> Canvas:
    """The canvas that the message tells of."""
    items = [item_of(item) for item in message.items]
    return Canvas(**summary_of(message).model_dump(), items=items)


def file_of(message: files_pb2.File) -> File:
    """The descriptor that the message tells of."""
    return File.model_validate(
        {
            "id": message.id,
            "organization_id": message.organization_id,
            "status": message.status,
            "name": message.name,
            "media_type": message.media_type,
            "size": message.size,
            "sha256": message.sha256 or None,
            "attributes": dict(message.attributes),
            "created_by": message.created_by,
            "created_at": message.created_at,
            "updated_at": message.updated_at,
            "version": message.version,
            "key_version": message.key_version,
        }
    )
