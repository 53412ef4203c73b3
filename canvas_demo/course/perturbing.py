"""Other values than those that were seen, of the same kind: what a claim must not hold for."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

FAR = 10**9
YEARS = timedelta(days=3650)


def perturbations(value: Any) -> list[Any]:
    """Values that differ from this one, the likeliest to break a claim first; none for a kind not known here."""
    for kinds, others in _KINDS:
        if isinstance(value, kinds):
            return others(value)
    return []


def other(value: Any) -> Any:
    """One value that differs; the same where none is known."""
    return next(iter(perturbations(value)), value)


def _of_mapping(value: Mapping[Any, Any]) -> list[Any]:
    changed = {key: other(each) for key, each in value.items()}
    return [type(value)(each) for each in (changed, {}, {**value, "another": "another"})]  # type: ignore[call-arg]


def _of_collection(value: Any) -> list[Any]:
    kind = type(value) if type(value) in {list, tuple, set, frozenset} else list
    return [kind(other(each) for each in value), kind(), kind([*value, "another"])]


def _of_series(value: pd.Series) -> list[Any]:
    return [value.map(other), value.iloc[:0], pd.concat([value, pd.Series(["another"])])]


def _of_frame(value: pd.DataFrame) -> list[Any]:
    row = pd.DataFrame([dict.fromkeys([*value.columns, "another"], "another")], dtype=object)
    return [value.map(other), value.iloc[:0], pd.concat([value.astype(object), row], ignore_index=True)]


_KINDS: tuple[tuple[Any, Callable[[Any], list[Any]]], ...] = (
    ((bool, np.bool_), lambda value: [not value]),
    ((int, float, np.integer, np.floating), lambda value: [value + 1, value - 1, value + FAR, value - FAR]),
    (str, lambda value: [f"another {value}", "", "another"]),
    (bytes, lambda value: [b"another " + value, b""]),
    (timedelta, lambda value: [value + YEARS, value - YEARS]),
    (date, lambda value: [value + YEARS, value - YEARS]),
    (type(None), lambda _: ["something"]),
    (Mapping, _of_mapping),
    ((list, tuple, set, frozenset, type({}.keys()), type({}.values())), _of_collection),
    (pd.Series, _of_series),
    (pd.DataFrame, _of_frame),
)
"""Kinds, the narrower first (a bool is an int), and how each is made another."""
