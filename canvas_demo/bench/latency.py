"""From commit to consumer, and from commit to websocket frame, at a steady rate.

Renames one canvas at ``rate`` events a second through the API. The commit's time is PostgreSQL's
(``pg_xact_commit_timestamp``), taken before the commit is flushed; the arrivals are taken in this
process, as each record and frame is read. All on one clock.
"""

import json
import secrets
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import psycopg
from confluent_kafka import OFFSET_END, Consumer, TopicPartition
from websockets.sync.client import ClientConnection, connect

from canvas_demo.bench.rounds import due
from canvas_demo.kernel.kafka import topic_of
from canvas_demo.stack.addresses import of_running
from canvas_demo.stack.home import load_settings

DEADLINE = 30.0
"""Seconds to wait for the last event before the run is given up."""
WARM_UP = 200
"""Events sent first and not counted."""


@dataclass
class Arrivals:
    """Event id → seconds since 1970 at which it arrived."""

    at: dict[str, float] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)

    def wait(self, expected: Collection[str], where: str) -> None:
        """Wait until all of ``expected`` arrived. Raises TimeoutError."""
        end = time.monotonic() + DEADLINE
        while missing := set(expected) - self.at.keys():
            if time.monotonic() > end:
                raise TimeoutError(f"{len(missing)} of {len(expected)} events did not reach the {where}")
            time.sleep(0.02)


def print_latency(events: int, rate: float, *, as_json: bool) -> None:
    """Measure on the stack that runs, and print a line for each figure, or JSON."""
    figures = measure(of_running(load_settings()), events, rate)
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{events} events at {rate:g} a second")
    for name, of in figures.items():
        print(f"{name.removesuffix('_ms').replace('_', ' '):20} p50 {of['p50']:7.2f} ms   p99 {of['p99']:7.2f} ms")


def measure(environment: dict[str, Any], events: int, rate: float) -> dict[str, dict[str, float]]:
    """Milliseconds, p50 and p99, of ``events`` events at ``rate`` a second on the stack of ``environment``."""
    web = environment["WEB_URL"]
    token, canvas = new_canvas(web)
    with httpx.Client(base_url=web, timeout=30, headers={"authorization": f"Bearer {token}"}) as http:
        url = environment["WS_URLS"][0]
        with _frames(url, token, canvas) as frames, _records(environment["KAFKA_BOOTSTRAP"]) as records:
            _send(http, canvas, WARM_UP + events, rate)
            committed = commits(environment["DATABASE_URL"], canvas)
            records.wait(committed, "consumer")
            frames.wait(committed, "websocket")
    counted = list(committed)[-events:]
    return {
        "commit_to_consumer_ms": quantiles([records.at[id_] - committed[id_] for id_ in counted]),
        "commit_to_frame_ms": quantiles([frames.at[id_] - committed[id_] for id_ in counted]),
    }


def new_canvas(web: str) -> tuple[str, str]:
    """The token of somebody new, and a canvas of theirs."""
    name = f"bench-{secrets.token_hex(6)}"
    account = {"username": name, "password": secrets.token_urlsafe(16)}
    with httpx.Client(base_url=web, timeout=30) as http:
        http.post("/api/organizations", json={"name": name, **account}).raise_for_status()
        token = str(http.post("/api/login", json=account).raise_for_status().json()["token"])
        headers = {"authorization": f"Bearer {token}"}
        canvas = http.post("/api/canvases", json={"name": name}, headers=headers).raise_for_status()
        return token, str(canvas.json()["id"])


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Milliseconds, p50 and p99."""
    p50, p99 = np.quantile(np.array(seconds) * 1000, [0.5, 0.99])
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2)}


def _send(http: httpx.Client, canvas: str, events: int, rate: float) -> None:
    """Open loop: each event at its time, however long the one before took."""
    start = time.monotonic()
    for number in range(events):
        time.sleep(max(0.0, due(start, number, rate) - time.monotonic()))
        http.patch(f"/api/canvases/{canvas}", json={"name": f"name {number}"}).raise_for_status()


def commits(database: str, canvas: str) -> dict[str, float]:
    """The canvas's renames, oldest first: event id → when its transaction committed."""
    query = """
        SELECT event_id::text, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8
        FROM canvases.outbox WHERE aggregate_id = %s AND event_type = 'CanvasRenamed' ORDER BY position
    """
    with psycopg.connect(database) as connection:
        return dict(connection.execute(query, [canvas]).fetchall())


@contextmanager
def _frames(url: str, token: str, canvas: str) -> Iterator[Arrivals]:
    """What a websocket client that has the canvas open is sent."""
    arrivals = Arrivals()
    with connect(url, additional_headers={"authorization": f"Bearer {token}"}) as socket:
        socket.send(json.dumps({"type": "subscribe", "subject": f"canvas/{canvas}"}))
        while (frame := json.loads(socket.recv(DEADLINE)))["type"] != "subscribed":
            if frame["type"] == "error":
                raise RuntimeError(f"the subscription was refused: {frame['message']}")
        reader = threading.Thread(target=_read_frames, args=[socket, arrivals])
        reader.start()
        try:
            yield arrivals
        finally:
            arrivals.stopping.set()
            socket.close()
            reader.join()


def _read_frames(socket: ClientConnection, arrivals: Arrivals) -> None:
    for message in socket:
        now = time.time()
        frame = json.loads(message)
        if frame["type"] == "event":
            arrivals.at[frame["event"]["id"]] = now


@contextmanager
def _records(bootstrap: str) -> Iterator[Arrivals]:
    """What a consumer of the topic of canvases is given."""
    arrivals = Arrivals()
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": f"bench-{secrets.token_hex(6)}", "socket.nagle.disable": True}
    )
    topic = topic_of("canvas")
    partitions = consumer.list_topics(topic, timeout=DEADLINE).topics[topic].partitions
    ends = [consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=DEADLINE) for number in partitions]
    consumer.assign(
        [
            TopicPartition(topic, number, high if high is not None else OFFSET_END)
            for number, (_, high) in zip(partitions, ends, strict=True)
        ]
    )
    reader = threading.Thread(target=_read_records, args=[consumer, arrivals])
    reader.start()
    try:
        yield arrivals
    finally:
        arrivals.stopping.set()
        reader.join()
        consumer.close()


def _read_records(consumer: Consumer, arrivals: Arrivals) -> None:
    while not arrivals.stopping.is_set():
        record = consumer.poll(0.2)
        if record is not None and not record.error():
            now = time.time()
            headers: Any = record.headers() or []
            arrivals.at[dict(headers)["ce_id"].decode()] = now
