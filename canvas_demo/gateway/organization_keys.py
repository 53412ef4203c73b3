"""The data keys of the caller's organisation."""

from typing import Annotated

from fastapi import APIRouter, Query

from canvas_demo.contracts.keys.v1 import keys_pb2 as pb
from canvas_demo.gateway.callers import Caller, IdempotencyKey
from canvas_demo.gateway.clients import Modules
from canvas_demo.gateway.models import OrganizationKey, OrganizationKeys
from canvas_demo.gateway.problems import documented
from canvas_demo.kernel.rpc import ask

router = APIRouter(prefix="/api/organization/keys", tags=["organisations and users"])


@router.get("", summary="List the organisation's data keys", responses=documented(401))
async def list_keys(caller: Caller, modules: Modules) -> OrganizationKeys:
    """Which there are and since when; never the keys."""
    answer = await ask(modules.keys.ListKeys(pb.ListKeysRequest(), metadata=caller))
    return OrganizationKeys(keys=[_key_of(key) for key in answer.keys], destroyed=answer.destroyed)


@router.post("/rotate", status_code=201, summary="Rotate the data key", responses=documented(401, 409, 410, 422))
async def rotate_key(caller: Caller, key: IdempotencyKey, modules: Modules) -> OrganizationKey:
    """What is stored from now on is encrypted under a new key; what was stored before stays readable."""
    return _key_of(await ask(modules.keys.RotateKey(pb.RotateKeyRequest(), metadata=caller + key)))


@router.delete("", status_code=204, summary="Destroy the data keys, for good", responses=documented(401, 409, 422))
async def destroy_keys(
    caller: Caller,
    modules: Modules,
    confirm: Annotated[str, Query(description="The organisation's id, as a sign that this is meant.")],
) -> None:
    """Nobody can read any more what was encrypted under them, and it can't be undone.

    Contents of files answer 410; in place of names, notes and messages stands `destroyed-…`. Nothing that
    people write or upload can be stored any more, only what is nobody's secret: where an item lies, say.
    Nobody can sign in; tokens hold until they expire, and are not refreshed.
    """
    await ask(modules.keys.DestroyKey(pb.DestroyKeyRequest(organization_id=confirm), metadata=caller))


def _key_of(message: pb.KeyInfo) -> OrganizationKey:
    return OrganizationKey(key_version=message.key_version, created_at=message.created_at)
