"""The modules' gRPC services, by reflection: no generated code is needed."""

from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pandas as pd
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from canvas_demo.lab.records import Record

SECONDS = 10.0


class Grpc:
    """What each module answers to (https://grpc.io/docs/guides/reflection/)."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses

    def __repr__(self) -> str:
        return f"Grpc({', '.join(f'{module} {address}' for module, address in self._addresses.items())})"

    def methods(self) -> pd.DataFrame:
        """Every method of every module."""
        rows = [
            (module, method.containing_service.full_name, method.name, method.input_type.name, method.output_type.name)
            for module in self._addresses
            for method in self._methods_of(module)
        ]
        return pd.DataFrame(rows, columns=["module", "service", "method", "takes", "answers"])

    def call(self, module: str, method: str, request: Mapping[str, Any], token: str = "") -> Record:
        """The answer to one call, by the method's name, in the name of whose ``token`` it is.

        Raises KeyError for a method that the module has not, grpc.RpcError where it refuses.
        """
        found = {each.name: each for each in self._methods_of(module)}[method]
        takes, answers = (message_factory.GetMessageClass(kind) for kind in (found.input_type, found.output_type))
        with grpc.insecure_channel(self._addresses[module]) as channel:
            ask = channel.unary_unary(
                f"/{found.containing_service.full_name}/{found.name}",
                request_serializer=takes.SerializeToString,
                response_deserializer=answers.FromString,
            )
            metadata = (("authorization", f"Bearer {token}"),) if token else ()
            answer = ask(json_format.ParseDict(dict(request), takes()), metadata=metadata, timeout=SECONDS)
        return Record(json_format.MessageToDict(answer, preserving_proto_field_name=True))

    def _methods_of(self, module: str) -> Iterator[MethodDescriptor]:
        with grpc.insecure_channel(self._addresses[module]) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            pool = descriptor_pool.DescriptorPool(database)
            for name in sorted(database.get_services()):
                if name.startswith("canvas_demo."):
                    yield from pool.FindServiceByName(name).methods
