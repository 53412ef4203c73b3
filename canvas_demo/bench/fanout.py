"""From commit to the websocket frames of many subscribers on all hosts, beside a plain broadcast server.

Renames one canvas at ``rate`` events a second through the API, as `latency` does; a figure is of
every frame of every subscriber. The peer gets texts of the same size at the same rate directly, in
as many processes: from sending to it to its frames.
"""

import asyncio
import json
import time
from typing import Any

import httpx
import numpy as np

from canvas_demo.bench.broadcaster import broadcasters
from canvas_demo.bench.latency import WARM_UP, commits, new_canvas, quantiles
from canvas_demo.bench.rounds import due
from canvas_demo.bench.sockets_client import DEADLINE, Client, opened
from canvas_demo.stack.addresses import of_running
from canvas_demo.stack.home import load_settings


def print_fanout(subscribers: int, events: int, rate: float, *, as_json: bool) -> None:
    """Measure on the stack that runs, and print a line for each figure, or JSON."""
    figures = asyncio.run(measure(of_running(load_settings()), subscribers, events, rate))
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{subscribers} subscribers on {figures['hosts']} hosts, {events} events at {rate:g} a second")
    for name, what in (
        ("commit_to_frame_ms", "commit to frame"),
        ("commit_to_last_frame_ms", "commit to the last frame of an event"),
        ("peer_send_to_frame_ms", "peer: sent to frame"),
    ):
        print(f"{what:40} p50 {figures[name]['p50']:7.2f} ms   p99 {figures[name]['p99']:7.2f} ms")


async def measure(environment: dict[str, Any], subscribers: int, events: int, rate: float) -> dict[str, Any]:
    """Milliseconds, p50 and p99."""
    urls = environment["WS_URLS"]
    async with httpx.AsyncClient(base_url=environment["WEB_URL"], timeout=DEADLINE) as http:
        token, canvas = await asyncio.to_thread(new_canvas, environment["WEB_URL"])
        http.headers["authorization"] = f"Bearer {token}"
        async with opened(urls, subscribers, token) as clients:
            await _subscribe(clients, canvas)

            async def rename(number: int) -> None:
                answer = await http.patch(f"/api/canvases/{canvas}", json={"name": f"name {number}"})
                answer.raise_for_status()

            await _paced(rename, WARM_UP + events, rate)
            committed = await asyncio.to_thread(commits, environment["DATABASE_URL"], canvas)
            arrived = await _arrivals(clients, set(committed))
            size = max(len(text) for _, text in clients[0].texts)
    counted = list(committed)[-events:]
    delays = np.array([[of[id_] - committed[id_] for of in arrived] for id_ in counted])
    return {
        "subscribers": subscribers,
        "hosts": len(urls),
        "commit_to_frame_ms": quantiles(delays.ravel().tolist()),
        "commit_to_last_frame_ms": quantiles(delays.max(axis=1).tolist()),
        "peer_send_to_frame_ms": quantiles(await _peer(len(urls), subscribers, events, rate, size)),
    }


async def _paced(what: Any, times: int, rate: float) -> None:  # noqa: ANN401  (an async callable)
    """Open loop: each at its time, one after the other."""
    start = time.monotonic()
    for number in range(times):
        await asyncio.sleep(max(0.0, due(start, number, rate) - time.monotonic()))
        await what(number)


async def _subscribe(clients: list[Client], canvas: str) -> None:
    for client in clients:
        client.say(json.dumps({"type": "subscribe", "subject": f"canvas/{canvas}"}))
    end = time.monotonic() + DEADLINE
    while waiting := [each for each in clients if not any(b'"subscribed"' in text for _, text in each.texts)]:
        if time.monotonic() > end:
            raise TimeoutError(f"{len(waiting)} of {len(clients)} subscriptions were not answered")
        await asyncio.sleep(0.05)


async def _arrivals(clients: list[Client], expected: set[str]) -> list[dict[str, float]]:
    """For each client: event id → when its frame came. Raises TimeoutError."""
    await _until_all_have(clients, 2 + len(expected), "frames")  # a welcome and the answer to subscribing besides
    arrived = [_frames(client) for client in clients]
    if missing := sum(len(expected - of.keys()) for of in arrived):
        raise TimeoutError(f"{missing} frames did not arrive")
    return arrived


async def _until_all_have(clients: list[Client], texts: int, what: str) -> None:
    """Wait while something comes. Raises TimeoutError."""
    seen, since = 0, time.monotonic()
    while (have := sum(min(len(client.texts), texts) for client in clients)) < texts * len(clients):
        if have > seen:
            seen, since = have, time.monotonic()
        elif time.monotonic() - since > DEADLINE:
            raise TimeoutError(f"{texts * len(clients) - have} {what} did not arrive")
        await asyncio.sleep(0.2)


def _frames(client: Client) -> dict[str, float]:
    frames = ((at, json.loads(text)) for at, text in client.texts)
    return {frame["event"]["id"]: at for at, frame in frames if frame["type"] == "event"}


async def _peer(hosts: int, subscribers: int, events: int, rate: float, size: int) -> list[float]:
    """Seconds from sending to each frame."""
    with broadcasters(hosts) as peers:
        urls = [f"ws://127.0.0.1:{port}/" for port, _ in peers]
        feeds = [url + "feed" for url in urls]
        async with opened(urls, subscribers, "") as clients, opened(feeds, hosts, "") as feed:

            async def send(_: int) -> None:
                text = json.dumps({"sent": time.time()}).ljust(size)
                for each in feed:
                    each.say(text)

            await _paced(send, WARM_UP + events, rate)
            await _until_all_have(clients, WARM_UP + events, "frames of the peer")
            return [at - json.loads(text)["sent"] for each in clients for at, text in each.texts[WARM_UP:]]
