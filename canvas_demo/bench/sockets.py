"""Many open websockets on one host: what each weighs, how soon all are reached, and frames a second a core.

Measures the last websocket host of the stack, a process of its own with ``up --websocket-hosts 2``,
through its gRPC, beside a plain broadcast server. Memory is the growth of the process's USS, kernel
buffers not among it. A core's frames are those sent, by the seconds of processor time that the host took.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import psutil

from canvas_demo.bench.broadcaster import broadcasters
from canvas_demo.bench.latency import new_canvas
from canvas_demo.bench.sockets_client import DEADLINE, Client, opened
from canvas_demo.contracts.websockets.v1 import websockets_pb2 as pb
from canvas_demo.contracts.websockets.v1 import websockets_pb2_grpc as pb_grpc
from canvas_demo.kernel.rpc import Channels
from canvas_demo.kernel.settings import Settings
from canvas_demo.stack import channel
from canvas_demo.stack.addresses import of_running
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.home import load_settings

KIB = 1024
SIZE = 600
"""Characters of a text: about an event of a canvas."""
ROUNDS = 20
Send = Callable[[str], Awaitable[None]]


def print_sockets(number: int, *, as_json: bool) -> None:
    """Measure on the stack that runs, and print a line for each figure, or JSON."""
    figures = asyncio.run(measure(load_settings(), number))
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{number} open sockets, texts of {SIZE} characters   {'host':>10} {'peer':>10}")
    for name, what in (
        ("kib_a_socket", "KiB a socket"),
        ("open_s", "seconds to open them all"),
        ("reach_ms", "ms until all have a text, median"),
        ("frames_a_second_a_core", "frames a second a core"),
    ):
        print(f"{what:50} {figures['host'][name]:10.1f} {figures['peer'][name]:10.1f}")


async def measure(settings: Settings, number: int) -> dict[str, dict[str, float]]:
    """The figures of the stack's last websocket host, and those of the peer."""
    environment = of_running(settings)
    token, _ = await asyncio.to_thread(new_canvas, environment["WEB_URL"])
    process, grpc_address = _last_host(settings)
    async with Channels(settings, "bench") as channels:
        stub: Any = pb_grpc.WebSocketsStub(channels.at(grpc_address))

        def to_all(clients: Sequence[Client]) -> Send:
            ids = [json.loads(client.texts[0][1])["connection_id"] for client in clients]

            async def send(text: str) -> None:
                answer = await stub.Send(pb.SendRequest(connection_ids=ids, text=text))
                if answer.gone:
                    raise RuntimeError(f"{len(answer.gone)} of {len(ids)} sockets are gone")

            return send

        host = await _measure(process, environment["WS_URLS"][-1:], number, token, to_all)
    with broadcasters(1) as ((port, running),):
        url = f"ws://127.0.0.1:{port}/"
        async with opened([url + "feed"], 1, "") as (feed,):

            def to_audience(_: Sequence[Client]) -> Send:
                async def send(text: str) -> None:
                    feed.say(text)

                return send

            peer = await _measure(psutil.Process(running.pid), [url], number, "", to_audience)
    return {"host": host, "peer": peer}


def _last_host(settings: Settings) -> tuple[psutil.Process, str]:
    """Its process, and where it answers gRPC. Raises `StackError` where it shares a process with others."""
    *_, snapshot = channel.ask(settings.home, "status")
    hosts = [each for each in snapshot["components"] if each["name"].startswith("websockets")]
    if not hosts:
        raise StackError("The websocket host has no process of its own; start with: canvas-demo up --websocket-hosts 2")
    process = psutil.Process(hosts[-1]["pid"])
    listen = json.loads(process.environ()["CANVAS_DEMO_GRPC_LISTEN"])
    return process, str(listen["websockets"])


async def _measure(
    process: psutil.Process, urls: list[str], number: int, token: str, sender: Callable[[Sequence[Client]], Send]
) -> dict[str, float]:
    async with opened(urls, 10, token):
        await asyncio.sleep(1)  # what the first ones load is not theirs
    before, began = process.memory_full_info().uss, time.monotonic()
    async with opened(urls, number, token) as clients:
        took = time.monotonic() - began
        await asyncio.sleep(1)
        weight = process.memory_full_info().uss - before
        send = sender(clients)
        await _reach(send, clients)
        reached = [await _reach(send, clients) for _ in range(ROUNDS)]
        frames = number * ROUNDS
        cpu = _seconds(process)
        for _ in range(ROUNDS):
            await _reach(send, clients)
        cpu = _seconds(process) - cpu
    return {
        "kib_a_socket": round(weight / number / KIB, 1),
        "open_s": round(took, 2),
        "reach_ms": round(statistics.median(reached) * 1000, 1),
        "frames_a_second_a_core": round(frames / cpu),
    }


async def _reach(send: Send, clients: Sequence[Client]) -> float:
    """Seconds from sending a text until the last client has it."""
    for client in clients:
        client.texts.clear()
    began = time.time()
    await send("x" * SIZE)
    end = time.monotonic() + DEADLINE
    while not all(client.texts for client in clients):
        if time.monotonic() > end:
            raise TimeoutError("a text did not reach all")
        await asyncio.sleep(0.001)
    return max(client.texts[-1][0] for client in clients) - began


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
