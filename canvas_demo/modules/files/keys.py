"""The keys that contents are encrypted with: the organisation's, as the module keys holds them."""

import time
from contextlib import suppress

from canvas_demo.contracts.keys.v1 import keys_pb2, keys_pb2_grpc
from canvas_demo.kernel.errors import TimedOut, Unavailable
from canvas_demo.kernel.keyring import REMEMBERED
from canvas_demo.kernel.rpc import Channels, ask
from canvas_demo.modules.files.domain import File
from canvas_demo.modules.files.encryption import ContentKey


class ContentKeys:
    """Asked for with every content, and again while it goes on.

    A key that was destroyed opens nothing new from then on, and what is under way ends within `REMEMBERED` seconds.
    """

    def __init__(self, channels: Channels) -> None:
        self._keys = keys_pb2_grpc.KeysStub(channels.to("keys"))

    async def of(self, file: File, version: int = 0) -> tuple[int, ContentKey]:
        """What encrypts the file's content under a version of the organisation's key, 0 being the newest.

        Raises `Gone` where the keys were destroyed.
        """
        request = keys_pb2.GetDataKeyRequest(organization_id=file.organization_id, key_version=version)
        key = await ask(self._keys.GetDataKey(request, wait_for_ready=True))
        return key.key_version, ContentKey(key.key, f"{file.organization_id}/{file.file_id}/{key.key_version}")

    def held(self, file: File, version: int) -> "HeldKey":
        """The key of the file's content, which `of` has just given, while that goes on."""
        return HeldKey(self, file, version)


class HeldKey:
    """A key in use."""

    def __init__(self, keys: ContentKeys, file: File, version: int) -> None:
        self._keys, self._file, self._version = keys, file, version
        self._asked_at = time.monotonic()

    async def check(self) -> None:
        """Ask for the key again, unless that was a moment ago. Raises `Gone` where it was destroyed meanwhile.

        While the module keys does not answer, nobody can destroy a key there either: what is under way goes on.
        """
        if time.monotonic() - self._asked_at > REMEMBERED:
            with suppress(Unavailable, TimedOut):
                await self._keys.of(self._file, self._version)
            self._asked_at = time.monotonic()
