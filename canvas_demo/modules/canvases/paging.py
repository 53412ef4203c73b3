"""Lists come in pages; a page's token says where the next one begins."""

import base64
import json
from datetime import datetime
from typing import get_args

from canvas_demo.contracts.canvases.v1.canvases_pb2 import ListCanvasesRequest
from canvas_demo.kernel.errors import DomainError, Invalid
from canvas_demo.kernel.values import checked_id, checked_name
from canvas_demo.modules.canvases.store import OrderKey, Page, Shown

PAGE_SIZE, PAGE_LIMIT = 50, 200


def page_of(request: ListCanvasesRequest) -> Page:
    """The page asked for. Raises `Invalid`."""
    if not 0 <= request.page_size <= PAGE_LIMIT:
        raise Invalid("page_size", f"must be a number from 1 to {PAGE_LIMIT}")
    order = request.order_by or "-created_at"
    key: OrderKey | None = next((name for name in get_args(OrderKey) if name == order.removeprefix("-")), None)
    if key is None:
        raise Invalid("order_by", f"must be one of {', '.join(get_args(OrderKey))}, or one of them after a -")
    after = _read(request.page_token, key) if request.page_token else None
    return Page(key, order.startswith("-"), request.archived, request.page_size or PAGE_SIZE, after)


def token_after(shown: Shown, key: OrderKey) -> str:
    """The token of the page that begins after a canvas."""
    value = shown.canvas.name if key == "name" else getattr(shown, key).isoformat()
    return base64.urlsafe_b64encode(json.dumps({key: value, "id": shown.canvas.canvas_id}).encode()).decode()


def _read(token: str, key: OrderKey) -> tuple[str | datetime, str]:
    try:
        last = json.loads(base64.urlsafe_b64decode(token.encode()))
        value, id_ = last[key], checked_id(last["id"], "canvas")
        return (checked_name(value) if key == "name" else datetime.fromisoformat(value)), id_
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, DomainError) as error:
        raise Invalid("page_token", "is not a token of this list") from error
