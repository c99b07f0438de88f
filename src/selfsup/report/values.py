"""Rows of a table as their user knows them: the name of each column, and its value as a word."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from selfsup.report import say
from selfsup.report.run import Run


class Column(NamedTuple):
    """A column of a table: its name, and what a row (d,) says of it."""

    name: str
    read: Callable[[np.ndarray], str]


def columns_of(run: Run, width: int) -> list[Column]:
    """The columns of rows of so many values, in order; values of unknown columns are numbered."""
    form = run.part("form")
    fields = say.records(form.get("fields"))
    if fields and sum(map(_width, fields)) == width:
        found, first = list[Column](), 0
        for field in fields:
            found.append(Column(say.plain(field.get("name")), _reader(field, first)))
            first += _width(field)
        return found
    columns = form.get("columns")
    names = [say.plain(name) for name in columns] if isinstance(columns, list) and len(columns) == width else []
    return [
        Column(names[place] if names else f"value {place + 1}", lambda row, at=place: number(row[at]))  # type: ignore[misc]
        for place in range(width)
    ]


def number(value: Any) -> str:
    """A number of a row; NaN is a value that is missing."""
    return "missing" if np.isnan(value) else say.short(float(value))


def _values(field: Mapping[str, Any]) -> Sequence[Any]:
    return values if isinstance(values := field.get("values"), list) else []


def _width(field: Mapping[str, Any]) -> int:
    return len(_values(field)) if field.get("kind") == "category" else 1


def _reader(field: Mapping[str, Any], first: int) -> Callable[[np.ndarray], str]:
    """What reads a column that begins at a value of a row."""
    values, dates = _values(field), say.mapping(field.get("dates"))
    if field.get("kind") == "category":
        return lambda row: _category(row[first : first + len(values)], values)
    if field.get("kind") == "boolean":
        return lambda row: _either(row[first], values)
    if dates:
        return lambda row: _date(row[first], dates.get("first"))
    return lambda row: number(row[first])


def _category(row: np.ndarray, values: Sequence[Any]) -> str:
    return "missing" if np.isnan(row).any() else say.plain(values[int(row.argmax())])


def _either(value: Any, values: Sequence[Any]) -> str:
    if np.isnan(value):
        return "missing"
    return say.plain(values[int(value > 0.5)]) if len(values) == 2 else ("no", "yes")[int(value > 0.5)]


def _date(value: Any, first: Any) -> str:
    """A day that is counted from the first one; the number itself where that is no day."""
    try:
        return str(datetime.date.fromisoformat(str(first)) + datetime.timedelta(days=float(value)))
    except (ValueError, OverflowError):
        return number(value)
