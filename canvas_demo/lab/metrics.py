"""What the stack's processes tell Prometheus (docs/metrics.md), as a table."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx
import pandas as pd
from prometheus_client.parser import text_string_to_metric_families

SECONDS = 5.0
PREFIX = "canvas_demo_"
COLUMNS = ["process", "metric", "labels", "value"]
TEXT = {"Accept": "text/plain"}


def read(urls: Mapping[str, str]) -> pd.DataFrame:
    """The system's own samples, by process; one that does not answer is left out."""
    with ThreadPoolExecutor() as pool:
        rows = [row for rows in pool.map(_of, urls.keys(), urls.values()) for row in rows]
    return pd.DataFrame(rows, columns=COLUMNS)


def _of(process: str, url: str) -> Iterable[tuple[str, str, dict[str, str], float]]:
    try:
        answer = httpx.get(url, headers=TEXT, timeout=SECONDS, trust_env=False)
    except httpx.TransportError:
        return []
    return [
        (process, sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(answer.raise_for_status().text)
        for sample in family.samples
        if sample.name.startswith(PREFIX)
    ]
