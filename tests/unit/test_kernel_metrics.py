"""Every metric is documented, and the document names no other."""

import re
from pathlib import Path

from prometheus_client import REGISTRY

from canvas_demo.kernel import metrics

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
OURS = "canvas_demo_"


def test_every_metric_is_documented_and_none_that_is_not_there() -> None:
    assert metrics.COMMANDS
    names = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in REGISTRY.collect()
        if metric.name.startswith(OURS)
    }
    documented = set(re.findall(r"^\| `(canvas_demo_\w+)` \|", DOCUMENT.read_text(), re.MULTILINE))
    assert documented == names
