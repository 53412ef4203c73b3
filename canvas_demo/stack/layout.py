"""A layout as a person asks for it on the command line."""

import re
from collections.abc import Iterable

from canvas_demo.kernel.settings import MODULES
from canvas_demo.stack.component import Layout
from canvas_demo.stack.declaration import MOST_INSTANCES
from canvas_demo.stack.errors import StackError


def layout_of(only: str, instances: Iterable[str], *, split: bool, websocket_hosts: int) -> Layout:
    """The layout of ``--only a,b``, ``--instances MODULE=N`` and the others.

    :raises StackError: an instance that is none, or that can't be had this way.
    """
    counts = dict(_instances(each) for each in instances)
    if counts and not split:
        message = "--instances is for modules that run apart: add --split"
        raise StackError(message)
    names = tuple(name for name in only.split(",") if name)
    return Layout(split, websocket_hosts, counts, names)


def _instances(text: str) -> tuple[str, int]:
    match = re.fullmatch(rf"(\w+)=([1-{MOST_INSTANCES}])", text)
    if match is None or match[1] not in MODULES:
        message = f"--instances {text}: give a module and a number, from canvases=1 to canvases={MOST_INSTANCES}"
        raise StackError(message)
    if match[1] == "websockets":
        message = "each instance of websockets is a host with a name of its own: use --websocket-hosts"
        raise StackError(message)
    return match[1], int(match[2])
