"""The peer behind gRPC: the package `eventsourcing` as a service of its own, spoken to as ours is, without tokens."""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import grpc

from canvas_demo.bench.peer import Canvases, peer
from canvas_demo.contracts.canvases.v1 import canvases_pb2 as pb


def serve(database_url: str, callers: int) -> None:
    """Serve the two commands that are raced until standard input ends; the port goes to standard output."""
    with peer(database_url, callers) as application:
        server = grpc.server(ThreadPoolExecutor(callers))
        server.add_generic_rpc_handlers([_handlers(application)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        print(port, flush=True)
        sys.stdin.read()
        server.stop(None).wait()


def _handlers(application: Canvases) -> grpc.GenericRpcHandler:
    def create(request: pb.CreateCanvasRequest, _: grpc.ServicerContext) -> pb.Canvas:
        return pb.Canvas(id=str(application.create(request.name)), name=request.name)

    def rename(request: pb.RenameCanvasRequest, _: grpc.ServicerContext) -> pb.Canvas:
        application.rename(UUID(request.canvas_id), request.name)
        return pb.Canvas(id=request.canvas_id, name=request.name)

    answer = pb.Canvas.SerializeToString
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "CreateCanvas": grpc.unary_unary_rpc_method_handler(create, pb.CreateCanvasRequest.FromString, answer),
        "RenameCanvas": grpc.unary_unary_rpc_method_handler(rename, pb.RenameCanvasRequest.FromString, answer),
    }
    return grpc.method_handlers_generic_handler("canvas_demo.canvases.v1.Canvases", methods)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
