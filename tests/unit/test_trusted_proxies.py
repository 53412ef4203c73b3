"""Where a request comes from: the peer itself, or what a trusted proxy says of it."""

from typing import Any

import pytest

from canvas_demo.kernel.settings import Settings
from canvas_demo.serve import web_config

PROXY, VISITOR, STRANGER = "10.1.2.3", "203.0.113.7", "198.51.100.9"


async def seen(peer: str, trusted: list[str], **headers: str) -> tuple[str, str]:
    """The address and the scheme that the gateway is told of a request that comes from ``peer``."""
    found: list[Any] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        found.append((scope["client"][0], scope["scheme"]))

    config = web_config(Settings(trusted_proxies=trusted), app)
    config.load()
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "scheme": "http", "client": (peer, 50000), "headers": sent}
    await config.loaded_app(scope, None, None)
    return found[0][0], found[0][1]


@pytest.mark.parametrize("trusted", [[PROXY], ["10.0.0.0/8"]])
async def test_what_a_trusted_proxy_says_is_believed(trusted: list[str]) -> None:
    assert await seen(PROXY, trusted, x_forwarded_for=VISITOR, x_forwarded_proto="https") == (VISITOR, "https")


@pytest.mark.parametrize("trusted", [[], [PROXY]])
async def test_what_anybody_else_says_is_not(trusted: list[str]) -> None:
    """Else whoever is throttled would only have to name another address."""
    assert await seen(STRANGER, trusted, x_forwarded_for=VISITOR, x_forwarded_proto="https") == (STRANGER, "http")


async def test_a_visitor_cannot_put_an_address_before_the_one_that_the_proxy_saw() -> None:
    assert (await seen(PROXY, [PROXY], x_forwarded_for=f"{STRANGER}, {VISITOR}"))[0] == VISITOR


async def test_with_no_trusted_proxy_the_own_machine_is_not_believed_either() -> None:
    assert await seen("127.0.0.1", [], x_forwarded_for=VISITOR, x_forwarded_proto="https") == ("127.0.0.1", "http")
