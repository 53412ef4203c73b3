"""The gRPC service of keys."""

from datetime import UTC, datetime
from typing import Any

from canvas_demo.contracts.keys.v1 import keys_pb2 as pb
from canvas_demo.contracts.keys.v1 import keys_pb2_grpc as pb_grpc
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import Invalid, NotFound
from canvas_demo.kernel.module import Runtime
from canvas_demo.kernel.rpc import Service
from canvas_demo.kernel.tokens import current_caller
from canvas_demo.kernel.values import checked_id, rfc3339
from canvas_demo.modules.keys.domain import CreateKey, DestroyKey, RotateKey, check_not_destroyed
from canvas_demo.modules.keys.store import change_keys, find_data_key, list_data_keys, load
from canvas_demo.modules.keys.wrapping import KeyWrapper


class KeysService(pb_grpc.KeysServicer):
    """Data keys for modules; for people, what is known of those of their own organisation."""

    def __init__(self, runtime: Runtime, wrapper: KeyWrapper) -> None:
        self._pool = runtime.pool
        self._requests = runtime.requests
        self._wrapper = wrapper

    async def GetDataKey(self, request: pb.GetDataKeyRequest, context: Any) -> pb.DataKey:
        organization_id = checked_id(request.organization_id, "organisation")
        async with self._pool.connection() as connection:
            found = await find_data_key(connection, organization_id, request.key_version)
            if found is None and request.key_version == 0:
                # A module knows of the organisation before its event has come here.
                create = CreateKey(organization_id)
                await change_keys(connection, self._wrapper, organization_id, create, datetime.now(UTC))
                found = await find_data_key(connection, organization_id, request.key_version)
        check_not_destroyed(found.ring if found else None)
        if found is None or found.key_version is None or found.wrapped is None:
            raise NotFound(f"Organisation {organization_id} has no data key {request.key_version}.")
        key = self._wrapper.unwrap(found.wrapped, organization_id, found.key_version)
        return pb.DataKey(key_version=found.key_version, key=key)

    async def ListKeys(self, request: pb.ListKeysRequest, context: Any) -> pb.ListKeysResponse:
        organization_id = current_caller().organization_id
        async with self._pool.connection() as connection:
            ring = (await load(connection, organization_id)).state
            rows = await list_data_keys(connection, organization_id)
        return pb.ListKeysResponse(
            keys=[pb.KeyInfo(key_version=row["key_version"], created_at=rfc3339(row["created_at"])) for row in rows],
            destroyed=ring is not None and ring.destroyed,
        )

    async def RotateKey(self, request: pb.RotateKeyRequest, context: Any) -> pb.KeyInfo:
        organization_id, now = current_caller().organization_id, datetime.now(UTC)

        async def rotate(connection: Connection) -> pb.KeyInfo:
            done = await change_keys(connection, self._wrapper, organization_id, RotateKey(organization_id), now)
            return pb.KeyInfo(key_version=done.state.newest, created_at=rfc3339(now))

        return await self._requests.once(request, pb.KeyInfo, rotate)

    async def DestroyKey(self, request: pb.DestroyKeyRequest, context: Any) -> pb.DestroyKeyResponse:
        organization_id, now = current_caller().organization_id, datetime.now(UTC)
        if request.organization_id != organization_id:
            raise Invalid("confirm", "must be the id of your organisation: what is destroyed can't come back")
        async with self._pool.connection() as connection:
            await change_keys(connection, self._wrapper, organization_id, DestroyKey(organization_id), now)
        return pb.DestroyKeyResponse()


def services(runtime: Runtime, wrapper: KeyWrapper) -> list[Service]:
    """What keys answers."""
    return [Service(pb_grpc.add_KeysServicer_to_server, KeysService(runtime, wrapper), "canvas_demo.keys.v1.Keys")]
