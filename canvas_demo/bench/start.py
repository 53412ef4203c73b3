"""From ``canvas-demo up`` to a connector that streams, and what the whole stack weighs.

Each start is the command itself, in a home of its own, on free ports. Cold: the home is empty and
there are no JVM caches, but the jars are there. Warm: the home has data, and the caches are there.
Memory is the sum of PSS, which counts a page that n processes share as 1/n in each (proc(5)).
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from canvas_demo.kernel.settings import Settings
from canvas_demo.stack.home import load_settings

MIB = 1024 * 1024
JVMS = ("kafka", "connect")


def print_start(*, as_json: bool, warm_starts: int = 5) -> None:
    """Measure, and print a line for each figure, or JSON."""
    figures = measure(load_settings(), warm_starts)
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    print(f"cold start    {figures['cold_s']:7.2f} s   home empty, no JVM caches, jars there")
    print(f"warm start    {figures['warm_s']:7.2f} s   median of {warm_starts}: {figures['warm_all_s']}")
    print(f"both JVMs     {figures['jvms_pss_mib']:7.0f} MiB PSS")
    print(f"whole stack   {figures['stack_pss_mib']:7.0f} MiB PSS   {figures['pss_mib']}")


def measure(settings: Settings, warm_starts: int) -> dict[str, Any]:
    """Seconds and MiB."""
    _canvas_demo({}, "prepare")
    with tempfile.TemporaryDirectory(prefix="canvas-demo-bench-") as folder:
        cold_cache = Path(folder) / "cache"
        cold_cache.mkdir()
        (cold_cache / "jars").symlink_to(settings.cache / "jars")
        own = {"CANVAS_DEMO_HOME": f"{folder}/home", "CANVAS_DEMO_PORTS": "auto"}
        cold = _start({**own, "CANVAS_DEMO_CACHE": str(cold_cache)})
        _canvas_demo(own, "down")
        warm = []
        weights: dict[str, float] = {}
        for _ in range(warm_starts):
            warm.append(_start(own))
            weights = _weigh(own)
            _canvas_demo(own, "down")
        _canvas_demo(own, "reset", "--yes")
    return {
        "cold_s": round(cold, 2),
        "warm_s": round(statistics.median(warm), 2),
        "warm_all_s": [round(seconds, 2) for seconds in warm],
        "jvms_pss_mib": round(sum(weights[name] for name in JVMS)),
        "stack_pss_mib": round(sum(weights.values())),
        "pss_mib": {name: round(weight) for name, weight in weights.items()},
    }


def _start(own: dict[str, str]) -> float:
    began = time.monotonic()
    _canvas_demo(own, "up", "--detach")
    return time.monotonic() - began


def _weigh(own: dict[str, str]) -> dict[str, float]:
    """MiB of PSS of each component with all its processes, and of the supervisor."""
    status = json.loads(_canvas_demo(own, "status", "--json"))
    supervisor = psutil.Process(status["pid"])
    weights = {"supervisor": _pss(supervisor)}
    for component in status["components"]:
        if component["pid"]:
            leader = psutil.Process(component["pid"])
            weights[component["name"]] = sum(_pss(each) for each in [leader, *leader.children(recursive=True)])
    return weights


def _pss(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss) / MIB


def _canvas_demo(own: dict[str, str], *arguments: str) -> str:
    others = {name: value for name, value in os.environ.items() if not name.startswith("CANVAS_DEMO_PORT")}
    command = [sys.executable, "-m", "canvas_demo", *arguments]
    done = subprocess.run(command, env={**others, **own}, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
