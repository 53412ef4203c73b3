"""What an operator sees of the running stack: metrics, the slot, and logs without secrets."""

import asyncio
import re
from collections import defaultdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from prometheus_client.parser import text_string_to_metric_families

from canvas_demo.kernel.logs import SECRET_TEXTS, own_secrets
from canvas_demo.kernel.migrate import SLOT
from tests.integration.api import PASSWORD, newcomer, until
from tests.integration.websocket_clients import opened, someone, until_async


def metrics(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Metric → values of its labels → its value."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = {tuple(sample.labels.values()): sample.value for sample in family.samples}
    return found


def documented() -> set[str]:
    document = Path(__file__).parents[2] / "docs" / "metrics.md"
    return set(re.findall(r"^\| `(canvas_demo_\w+)` \|", document.read_text(), re.MULTILINE))


def told_by_all(urls: list[str]) -> dict[str, dict[tuple[str, ...], float]]:
    """The metrics of all processes, added up."""
    total: dict[str, dict[tuple[str, ...], float]] = defaultdict(lambda: defaultdict(float))
    for url in urls:
        for name, samples in metrics(httpx.get(url, timeout=30).raise_for_status().text).items():
            of_name = total[name]
            for labels, value in samples.items():
                of_name[labels] += value
    return total


async def test_every_documented_metric_is_told(stack: Any) -> None:
    env = stack.env
    person = await someone(env["WEB_URL"])
    await person.canvas()
    async with opened(env["WS_URLS"][0], person):
        told = await asyncio.to_thread(told_by_all, env["METRICS_URLS"])
    assert documented() <= told.keys()
    assert all(told["canvas_demo_outbox_rows"][module,] >= 1 for module in ("canvases", "identity", "keys"))
    assert {consumer for (consumer,) in told["canvas_demo_consumer_lag"]} >= {"keys", "canvases", "notifications"}
    assert told["canvas_demo_sockets"][()] >= 1
    assert told["canvas_demo_slot_limit_bytes"][()] != 0
    assert any("CreateCanvas" in labels for labels in told["canvas_demo_commands_total"])


async def test_counters_count_what_happens(stack: Any) -> None:
    counters: dict[str, tuple[str, ...]] = {
        "canvas_demo_commands_total": ("RenameCanvas", "canvas_demo.canvases.v1.Canvases", "OK"),
        "canvas_demo_frames_sent_total": (),
        "canvas_demo_records_consumed_total": ("notifications",),
    }
    env = stack.env
    person = await someone(env["WEB_URL"])
    canvas = await person.canvas()

    async def counted() -> list[float]:
        told = await asyncio.to_thread(told_by_all, env["METRICS_URLS"])
        return [told[name][labels] for name, labels in counters.items()]

    async with opened(env["WS_URLS"][0], person) as socket:
        await socket.subscribe(canvas)
        before = await counted()
        await person.rename(canvas, *(f"name {number}" for number in range(20)))
        await socket.frames(20)
        await until_async(
            counted, lambda now: all(after - first >= 20 for after, first in zip(now, before, strict=True))
        )


def test_a_quiet_slot_lets_the_wal_go(stack: Any) -> None:
    with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as connection:
        name = f"unrelated_{uuid4().hex}"
        connection.execute(f"CREATE TABLE {name} AS SELECT generate_series(1, 20000) AS n")
        connection.execute(f"DROP TABLE {name}")
        written = connection.execute("SELECT pg_current_wal_lsn()").fetchone()[0]
        query = "SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s"
        until(lambda: connection.execute(query, [written, SLOT]).fetchone(), lambda row: row == (True,))
    assert "keeps" in stack.cli("status")


def test_up_with_more_websocket_hosts_than_run_says_what_to_do(stack: Any) -> None:
    said = stack.cli("up", "--detach", "--websocket-hosts", "8", check=False)
    assert "has fewer websocket hosts than 8: " in said
    assert "`canvas-demo down` it first" in said


def test_no_log_of_the_stack_holds_a_secret(stack: Any) -> None:
    person = newcomer(stack.env["WEB_URL"])
    person.call("GET", "/api/canvases", 200)
    person.http.get("/api/canvases", headers={"authorization": f"Bearer {person.token}x"})
    secrets = own_secrets(stack.settings) | {person.token, PASSWORD}
    for file in (stack.home / "logs").glob("*.log"):
        text = file.read_text(errors="replace")
        for secret in secrets:
            assert secret not in text, f"a secret stands in {file.name}"
        assert not (found := SECRET_TEXTS.search(text)), f"{file.name}: {found[0][:12]}…"
