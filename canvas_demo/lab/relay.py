"""A relay that polls: the way that CDC replaces, with the mistake that it is known for.

It remembers the highest ``position`` that it has published and asks for what is above. Positions are
given when a row is inserted, rows are seen when they are committed: a transaction that took its
position early and commits late is passed over, for good.
"""

from dataclasses import dataclass, field

import pandas as pd

from canvas_demo.lab.scratch import Scratch
from canvas_demo.lab.topics import OwnTopic

POLL = "SELECT position, event_id::text, event_type, aggregate_id, payload FROM {table} WHERE position > %s ORDER BY 1"


@dataclass
class PollingRelay:
    """Publishes the rows of a scratch outbox to a topic, each time it is asked to `poll`."""

    scratch: Scratch
    topic: OwnTopic
    table: str = "outbox"
    last: int = 0
    published: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"PollingRelay of {self.scratch.schema}.{self.table}: {len(self.published)} published, last {self.last}"

    def poll(self) -> pd.DataFrame:
        """Publish what is above the last position; the rows."""
        rows = self.scratch.sql(POLL.replace("{table}", self.table), [self.last])
        for row in rows.to_dict("records"):
            self.topic.produce(row["aggregate_id"], row["payload"], {"ce_id": row["event_id"]})
            self.published.append(row["event_id"])
            self.last = row["position"]
        return rows

    @property
    def lost(self) -> pd.DataFrame:
        """Rows that are committed, at or below the last position, and were never published."""
        rows = self.scratch.sql(POLL.replace("{table}", self.table), [0])
        passed = rows["position"] <= self.last
        return rows[passed & ~rows["event_id"].isin(self.published)].reset_index(drop=True)
