"""The addresses that others reach a running stack by, as ``canvas-demo env`` prints them."""

from typing import Any

from canvas_demo.kernel.settings import MODULES, Settings
from canvas_demo.stack import channel
from canvas_demo.stack.component import Layout
from canvas_demo.stack.declaration import declare, websocket_port
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.files import recall


def of_running(settings: Settings) -> dict[str, Any]:
    """The addresses, by the names of DESIGN section 5.

    :raises StackError: no stack runs in this home.
    """
    if not channel.is_running(settings.home):
        raise StackError(channel.not_running(settings.home))
    layout = Layout(**recall(settings.home / "running.json")["layout"])
    hosts = range(1, layout.websocket_hosts + 1)
    return {
        "CANVAS_DEMO_HOME": str(settings.home),
        "WEB_URL": f"http://{settings.host}:{settings.port_web}",
        "WS_URLS": [f"ws://{settings.host}:{websocket_port(settings, layout, number)}/ws" for number in hosts],
        "DATABASE_URL": settings.database_url(settings.postgres_admin),
        "KAFKA_BOOTSTRAP": settings.bootstrap,
        "CONNECT_URL": settings.connect,
        **{f"GRPC_{module.upper()}": settings.grpc_address(module) for module in MODULES},
        "METRICS_URLS": [each.metrics for each in declare(settings, layout) if each.metrics],
    }
