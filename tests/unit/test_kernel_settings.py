"""What settings come to."""

import pytest

from canvas_demo.kernel.settings import SettingError, Settings


@pytest.mark.parametrize(
    ("host", "port", "own"),
    [
        ("127.0.0.1", 3000, {"http://localhost:3000", "http://127.0.0.1:3000"}),
        ("127.0.0.1", 80, {"http://localhost", "http://127.0.0.1"}),
        ("Canvas.Example", 443, {"http://localhost:443", "http://127.0.0.1:443", "http://canvas.example:443"}),
        ("::1", 80, {"http://localhost", "http://127.0.0.1", "http://[::1]"}),
    ],
)
def test_pages_of_the_web_port_are_our_own_as_browsers_say_where_they_come_from(
    host: str, port: int, own: set[str]
) -> None:
    assert Settings(host=host, port_web=port, web_origins=[]).origins == own


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://canvas.example", "https://canvas.example"),
        ("https://canvas.example/", "https://canvas.example"),
        ("https://canvas.example:443", "https://canvas.example"),
        ("https://canvas.example:80", "https://canvas.example:80"),
        ("HTTP://Canvas.Example:80/", "http://canvas.example"),
        ("http://[2001:DB8::1]:8080", "http://[2001:db8::1]:8080"),
    ],
)
def test_an_origin_may_be_written_as_an_address_is(written: str, sent: str) -> None:
    assert Settings(web_origins=[written]).origins == {sent}


@pytest.mark.parametrize(
    "written", ["", "*", "null", "canvas.example", "https://", "https://a/b", "https://a:b", "http://[::1", "ftp://a"]
)
def test_what_is_no_origin_is_refused(written: str) -> None:
    with pytest.raises(SettingError, match="CANVAS_DEMO_WEB_ORIGINS"):
        _ = Settings(web_origins=[written]).origins
