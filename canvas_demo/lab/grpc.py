"""The modules' gRPC services, by reflection: no generated code is needed."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import grpc
import pandas as pd
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from canvas_demo.lab.records import Record

SECONDS = 10.0
OPTIONS = [("grpc.enable_http_proxy", 0)]
TYPES = {int(number): name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()}
Request = Mapping[str, Any] | Sequence[Mapping[str, Any]]
NOTHING: Mapping[str, Any] = MappingProxyType({})


class CallRefused(Exception):
    """A module refused a call, or did not answer: ``code`` is the status's name, ``details`` what it said."""

    def __init__(self, module: str, method: str, error: grpc.RpcError) -> None:
        self.code: str = error.code().name
        self.details: str = error.details() or ""
        super().__init__(f"{module}.{method} answers {self.code}: {self.details}")


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

    def call(
        self,
        module: str,
        method: str,
        request: Request = NOTHING,
        token: str = "",
        *,
        timeout: float = SECONDS,
        metadata: Mapping[str, str] = NOTHING,
    ) -> Record:
        """The answer to one call, by the method's name, in the name of whose ``token`` it is; seconds to wait.

        A method that takes a stream takes a list of requests. Raises `CallRefused` where the module refuses
        or does not answer in time, KeyError for a method that it has not.
        """
        return self._ask(module, method, request, [*metadata.items(), *_bearer(token)], timeout)[0]

    def answers(
        self, module: str, method: str, request: Request = NOTHING, token: str = "", *, timeout: float = SECONDS
    ) -> list[Record]:
        """The answers of a method that answers with a stream; otherwise as `call`."""
        return self._ask(module, method, request, _bearer(token), timeout)

    def _ask(
        self, module: str, method: str, request: Request, metadata: list[tuple[str, str]], timeout: float
    ) -> list[Record]:
        found = {each.name: each for each in self._methods_of(module)}[method]
        takes, answers = (message_factory.GetMessageClass(kind) for kind in (found.input_type, found.output_type))
        asked = [json_format.ParseDict(dict(each), takes()) for each in _each(request)]
        kind = "_".join("stream" if many else "unary" for many in (found.client_streaming, found.server_streaming))
        with grpc.insecure_channel(self._addresses[module], OPTIONS) as channel:
            ask = getattr(channel, kind)(
                f"/{found.containing_service.full_name}/{found.name}",
                request_serializer=takes.SerializeToString,
                response_deserializer=answers.FromString,
            )
            try:
                answer = ask(iter(asked) if found.client_streaming else asked[0], metadata=metadata, timeout=timeout)
                return [_record(each) for each in (answer if found.server_streaming else [answer])]
            except grpc.RpcError as error:
                raise CallRefused(module, method, error) from None

    def fields(self, message: str) -> pd.DataFrame:
        """The fields of a message, by its name or full name. Raises KeyError."""
        for module in self._addresses:
            for method in self._methods_of(module):
                for kind in (method.input_type, method.output_type):
                    if message in (kind.name, kind.full_name):
                        rows = [(field.number, field.name, TYPES[field.type]) for field in kind.fields]
                        return pd.DataFrame(rows, columns=["number", "field", "type"])
        raise KeyError(message)

    def _methods_of(self, module: str) -> Iterator[MethodDescriptor]:
        with grpc.insecure_channel(self._addresses[module], OPTIONS) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            pool = descriptor_pool.DescriptorPool(database)
            for name in sorted(database.get_services()):
                if name.startswith("canvas_demo."):
                    yield from pool.FindServiceByName(name).methods


def _bearer(token: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {token}")] if token else []


def _each(request: Request) -> Sequence[Mapping[str, Any]]:
    return [request] if isinstance(request, Mapping) else request


def _record(answer: Any) -> Record:
    return Record(json_format.MessageToDict(answer, preserving_proto_field_name=True))
