"""JSON objects as a notebook shows them."""

import html
import json
from collections.abc import Mapping
from typing import Any


class Record(dict[str, Any]):
    """A JSON object; ``correlation_id``, ``sent_at`` and ``answered_at`` (seconds since 1970) where a call gave it."""

    correlation_id: str = ""
    sent_at: float | None = None
    answered_at: float | None = None

    def __repr__(self) -> str:
        return json.dumps(self, indent=2, ensure_ascii=False, default=str)

    def _repr_html_(self) -> str:
        return table_of(self)


class Text(str):
    """A text that a notebook shows as its lines."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def table_of(values: Mapping[str, Any]) -> str:
    """An HTML table of two columns; what is nested is shown as JSON."""
    rows = "".join(f"<tr><th>{html.escape(str(key))}</th><td>{_cell(value)}</td></tr>" for key, value in values.items())
    return f'<table style="text-align:left">{rows}</table>'


def _cell(value: object) -> str:
    if isinstance(value, dict | list):
        shown = html.escape(json.dumps(value, indent=1, ensure_ascii=False, default=str))
        return f'<pre style="margin:0">{shown}</pre>'
    return f'<code style="overflow-wrap:anywhere">{html.escape(str(value))}</code>'
