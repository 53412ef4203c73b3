"""The organisations' data keys, as a module holds them: fetched from keys, for some time."""

import time

from canvas_demo.contracts.keys.v1 import keys_pb2, keys_pb2_grpc
from canvas_demo.kernel.errors import Gone
from canvas_demo.kernel.rpc import Channels, ask
from canvas_demo.kernel.sealing import Sealer

REMEMBERED = 10.0
"""Seconds that a key is used without asking for it again: how long a destroyed one may yet open what it sealed."""
LIMIT = 1000
"""Keys that are remembered at once."""


class KeyRing:
    """Data keys by organisation and version."""

    def __init__(self, channels: Channels) -> None:
        self._keys = keys_pb2_grpc.KeysStub(channels.to("keys"))
        self._known: dict[tuple[str, int], tuple[float, tuple[int, Sealer] | None]] = {}
        self._destroyed: set[str] = set()

    async def newest(self, organization_id: str) -> tuple[int, Sealer]:
        """The key to seal with, and its version. Raises `Gone` where the organisation's keys were destroyed."""
        found = await self._key(organization_id, 0)
        if found is None:
            raise Gone(f"The keys of organisation {organization_id} were destroyed: it can store nothing any more.")
        return found

    async def sealer(self, organization_id: str, version: int) -> Sealer | None:
        """The key of a version; None where it was destroyed."""
        found = await self._key(organization_id, version)
        return found[1] if found else None

    def destroyed(self, organization_id: str) -> None:
        """Use no key of the organisation from here on, and ask for none: whoever heard of the event knows.

        The event may come before the transaction that wrote it is seen by others in PostgreSQL: a commit is in the
        log first. Keys would then be had once more.
        """
        self._destroyed.add(organization_id)

    async def _key(self, organization_id: str, version: int) -> tuple[int, Sealer] | None:
        if organization_id in self._destroyed:
            return None
        fetched_at, key = self._known.get((organization_id, version), (float("-inf"), None))
        if time.monotonic() - fetched_at > REMEMBERED:
            if len(self._known) >= LIMIT:
                self._known.clear()
            key = await self._fetch(organization_id, version)
            self._known[organization_id, version] = (time.monotonic(), key)
        return key

    async def _fetch(self, organization_id: str, version: int) -> tuple[int, Sealer] | None:
        request = keys_pb2.GetDataKeyRequest(organization_id=organization_id, key_version=version)
        try:
            answer = await ask(self._keys.GetDataKey(request, wait_for_ready=True))
        except Gone:
            return None
        return answer.key_version, Sealer(answer.key)
