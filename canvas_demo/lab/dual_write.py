"""A program that writes to a database and to Kafka, one after the other: the dual write, to be killed in between.

`main` is run as a process of its own, for it must be able to die; its job is read as JSON from standard
input. `DualWriter` starts it. Before the second write of the order ``stop_before``
it stops itself (SIGSTOP), so that whoever watches can kill it there.
"""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pandas as pd
import psutil
import psycopg
from confluent_kafka import Producer

from canvas_demo.lab.checks import until
from canvas_demo.lab.database import Database
from canvas_demo.lab.kafka import Kafka
from canvas_demo.lab.scratch import Scratch
from canvas_demo.lab.topics import OwnTopic

SECONDS = 30.0
MAKE = "CREATE TABLE IF NOT EXISTS placed_order (number int PRIMARY KEY)"
INSERT = "INSERT INTO placed_order VALUES (%s)"


def write(job: dict[str, Any]) -> None:
    """Write orders, each first to one place and then to the other; the process may end at any moment."""
    producer = Producer({"bootstrap.servers": job["bootstrap"], "linger.ms": 0, "log_level": 2})
    with psycopg.connect(job["database"], autocommit=True, options=f"-csearch_path={job['schema']}") as connection:

        def commit(number: int) -> None:
            connection.execute(INSERT, [number])

        def publish(number: int) -> None:
            producer.produce(job["topic"], key=str(number), value=json.dumps({"number": number}))
            producer.flush(SECONDS)

        first, second = (publish, commit) if job["publish_first"] else (commit, publish)
        for number in range(job["first"], job["first"] + job["orders"]):
            first(number)
            if number == job["stop_before"]:
                os.kill(os.getpid(), signal.SIGSTOP)
            second(number)


class DualWriter:
    """Orders in a table of the scratch schema, and in a topic, by a program that does no more than that."""

    def __init__(self, database: Database, kafka: Kafka, scratch: Scratch, topic: OwnTopic) -> None:
        self._scratch, self._topic = scratch, topic
        self._job = {
            "database": database.url,
            "bootstrap": kafka.bootstrap,
            "schema": scratch.schema,
            "topic": topic.name,
        }
        self._process: subprocess.Popen[bytes] | None = None
        scratch.sql(MAKE)

    def __repr__(self) -> str:
        frame = self.orders()
        without_row, without_record = (int((~frame[column]).sum()) for column in ("in_table", "in_topic"))
        return f"DualWriter: {len(frame)} orders, {without_row} without a row, {without_record} without a record"

    def run(
        self, orders: int = 20, *, first: int = 1, stop_before: int | None = None, publish_first: bool = False
    ) -> None:
        """Write so many orders, beginning with the number ``first``.

        With ``stop_before``, this returns when the program has done the first of the two writes of that
        order and stands before the second; `kill` it there, or `resume` it.
        """
        job = self._job | {"first": first, "orders": orders, "stop_before": stop_before, "publish_first": publish_first}
        command = [sys.executable, "-c", "from canvas_demo.lab.dual_write import main; main()"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603  (our own command)
        assert self._process.stdin is not None  # noqa: S101  (asked for above)
        self._process.stdin.write(json.dumps(job).encode())
        self._process.stdin.close()
        if stop_before is None:
            self._wait()
        else:
            until(self._stands_still, f"the program stands between the two writes of {stop_before}", SECONDS)

    def kill(self) -> int:
        """SIGKILL; the program's exit code, which is minus the signal's number."""
        process = self._running()
        process.kill()
        return process.wait(SECONDS)

    def resume(self) -> None:
        """Let it go on to the end."""
        self._running().send_signal(signal.SIGCONT)
        self._wait()

    def close(self) -> None:
        """End the program if it is there still."""
        if self._process and self._process.poll() is None:
            self.kill()

    def orders(self) -> pd.DataFrame:
        """Each order: whether the table has it, and whether the topic does."""
        rows = set(self._scratch.sql("SELECT number FROM placed_order")["number"])
        records = {value["number"] for value in self._topic.records["value"]}
        found = sorted(rows | records)
        return pd.DataFrame(
            {"order": found, "in_table": [n in rows for n in found], "in_topic": [n in records for n in found]}
        ).astype({"in_table": bool, "in_topic": bool})

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError("the program does not run; `run` starts it")
        return self._process

    def _stands_still(self) -> bool:
        process = self._running()
        return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED

    def _wait(self) -> None:
        if code := self._running().wait(SECONDS):
            raise RuntimeError(f"the program ended with {code}")


def main() -> None:
    """Write the orders of the job."""
    write(json.load(sys.stdin))
