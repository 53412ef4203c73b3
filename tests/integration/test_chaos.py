"""The whole system under load, with its parts killed: a short run of `canvas-demo chaos`."""

import json

from tests.conftest import APART, SPARING, Stack

KILLS = ("transaction", "handler", "connect", "kafka", "postgres", "host")


def test_nothing_is_lost_and_nothing_comes_twice_whatever_is_killed(own_stack: Stack) -> None:
    stack = Stack(own_stack.home, SPARING)
    stack.cli("up", "--detach", "--websocket-hosts", "2", *APART)
    among = [word for kind in KILLS for word in ("--among", kind)]
    said = stack.cli(
        "chaos", "--seed", "20", "--events", "5000", "--kills", str(len(KILLS)), *among, "--json", timeout=1500
    )
    outcome = json.loads(said)
    assert {name: check["faults"] for name, check in outcome["checks"].items()} == {
        name: [] for name in outcome["checks"]
    }
    assert len(outcome["faults"]) == len(KILLS)
    assert outcome["commands"] >= 5000
