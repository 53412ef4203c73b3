"""The data keys of an organisation, by the module keys' own gRPC; the keys themselves are never shown."""

import pandas as pd

from canvas_demo.lab.api import Person
from canvas_demo.lab.grpc import Grpc
from canvas_demo.lab.records import Record


class Keys:
    """Rotate and destroy the keys of a person's organisation, in that person's name."""

    def __init__(self, grpc: Grpc) -> None:
        self._grpc = grpc

    def __repr__(self) -> str:
        return "Keys: list(person), rotate(person), destroy(person), destroyed(person)"

    def list(self, person: Person) -> pd.DataFrame:
        """The versions of the organisation's data key, and when each was made."""
        keys = self._grpc.call("keys", "ListKeys", {}, person.token).get("keys", [])
        return pd.DataFrame(keys, columns=["key_version", "created_at"])

    def rotate(self, person: Person) -> Record:
        """A new data key: what comes is encrypted with it; what is there stays readable."""
        return self._grpc.call("keys", "RotateKey", {}, person.token)

    def destroy(self, person: Person) -> Record:
        """Destroy all data keys of the organisation, for good."""
        return self._grpc.call("keys", "DestroyKey", {"organization_id": person.organization_id}, person.token)

    def destroyed(self, person: Person) -> bool:
        """Whether they were destroyed."""
        return bool(self._grpc.call("keys", "ListKeys", {}, person.token).get("destroyed", False))
