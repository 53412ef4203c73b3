"""The keys that contents are encrypted with: the organisation's, as the module keys holds them."""

from canvas_demo.contracts.keys.v1 import keys_pb2, keys_pb2_grpc
from canvas_demo.kernel.rpc import Channels, ask
from canvas_demo.modules.files.domain import File
from canvas_demo.modules.files.encryption import ContentKey


class ContentKeys:
    """Asked for with every content, and never kept: a key that was destroyed opens nothing from then on."""

    def __init__(self, channels: Channels) -> None:
        self._keys = keys_pb2_grpc.KeysStub(channels.to("keys"))

    async def of(self, file: File, version: int = 0) -> tuple[int, ContentKey]:
        """What encrypts the file's content under a version of the organisation's key, 0 being the newest.

        Raises `Gone` where the keys were destroyed.
        """
        request = keys_pb2.GetDataKeyRequest(organization_id=file.organization_id, key_version=version)
        key = await ask(self._keys.GetDataKey(request))
        return key.key_version, ContentKey(key.key, f"{file.organization_id}/{file.file_id}/{key.key_version}")
