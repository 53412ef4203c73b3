"""One HTTP call to a server of the stack, with nothing that takes long to import."""

import http.client
import json
import urllib.parse
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """Status and JSON body; ``None`` for a body that is none."""

    status: int
    body: Any


def call(method: str, url: str, body: dict[str, Any] | None = None, seconds: float = 10.0) -> Reply:
    """Send it and read the answer.

    :raises OSError: nobody answers.
    """
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(
            method, target, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        text = answer.read()
    except http.client.HTTPException as error:
        message = f"{url} broke off: {error!r}"
        raise ConnectionError(message) from error
    finally:
        connection.close()
    try:
        return Reply(answer.status, json.loads(text))
    except ValueError:
        return Reply(answer.status, None)
