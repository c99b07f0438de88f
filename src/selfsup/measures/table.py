"""What one measure found, and how it is shown: page, card, terminal and frame loop over tables and know none of them by name."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, cast

from selfsup.measures.registry import REGISTERED
from selfsup.system import html

Row = dict[str, Any]
WIDTH = 100  # of what stands on a terminal, in characters
LONGEST = 24  # of a value that is no number
PLAIN = frozenset({str, bool, NoneType})  # types of values that need no second look


@dataclass(frozen=True)
class Table:
    """Rows of one measure.

    Attributes
    ----------
    name
        Of the measure, such as ``probe``.
    rows
        JSON-ready.
    columns
        Keys that every row has, in the order in which they are shown.
    baselines
        Values of the first column that the model is held against.
    note
        What a reader should know.
    health
        Numbers that go to the health of the run.
    """

    name: str
    rows: list[Row]
    columns: tuple[str, ...] = field(default=(), compare=False)
    baselines: tuple[str, ...] = field(default=(), compare=False)
    note: str = field(default="", compare=False)
    health: Mapping[str, float] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, name: str, rows: Sequence[Row], **more: Any) -> Table:
        """A table with the columns, baselines and note that tables of this name have."""
        look = look_of(name)
        columns = look.columns or tuple(dict.fromkeys(key for row in rows for key in row))
        return cls(name, list(rows), columns, look.baselines, look.note, **more)

    def _repr_html_(self) -> str:
        """What a notebook shows: a table that has a look of its own as on a terminal, with errors; of others the columns."""
        look = look_of(self.name)
        if look.lines is not plain and self.rows:
            return html.lines(look.title, look.lines(self), self.note or look.note)
        keys = self.columns or tuple(dict.fromkeys(key for row in self.rows for key in row))
        cells = [[shown(row.get(key)) for key in keys] for row in self.rows]
        return html.table(look.title, [title_of(key) for key in keys], cells, self.note)


def plain(table: Table) -> list[str]:
    """Lines of a table on a terminal: its columns side by side, as many as fit."""
    keys = table.columns or tuple(dict.fromkeys(key for row in table.rows for key in row))
    columns: list[list[str]] = []
    used = 0
    for key in keys:
        cells = [key, *(shown(row.get(key)) for row in table.rows)]
        width = max(map(len, cells)) + 2
        if columns and used + width > WIDTH:
            break
        used += width
        columns.append([cell.ljust(width) for cell in cells])
    return [title_of(table.name), *("".join(line).rstrip() for line in zip(*columns, strict=True))]


def shown(value: Any) -> str:
    """A value as a person reads it, on one line."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


@dataclass(frozen=True)
class Look:
    """How the tables of one name are shown; declared where they are made.

    Attributes
    ----------
    title
        For people.
    columns, baselines, note
        Of every such table (see `Table`).
    key
        Rows with the same value of this column are one measurement: a later one takes the place of an earlier one.
    lines
        The table on a terminal.
    brief
        What a first look needs of it, given what the verdict rests on; nothing by default.
    """

    title: str
    columns: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    note: str = ""
    key: str = ""
    lines: Callable[[Table], list[str]] = plain
    brief: Callable[[Table, Mapping[str, Any]], list[str]] = lambda table, because: []


def look_of(name: str) -> Look:
    """How tables of a name are shown; those of a measure of a user's own have a plain look."""
    if name not in REGISTERED:
        return Look(title_of(name))
    module, _, place = REGISTERED[name].look.partition(":")
    found: Look = getattr(importlib.import_module(module), place)
    return found


def title_of(name: str) -> str:
    """A name as words."""
    return name.replace("_", " ")


def wrong(table: Table) -> str | None:
    """What is wrong with the rows of a table, in words, or None: those of ours have their columns, all others are flat."""
    look, listed = look_of(table.name), table.name in REGISTERED
    for row in cast(list[Any], table.rows):
        if not isinstance(row, dict):
            return f"a row of '{table.name}' is an object; got {type(row).__name__}"
        if not row.keys() >= set(look.columns):
            return f"a row of '{table.name}' has {', '.join(look.columns)}; got {', '.join(row) or 'nothing'}"
        for key, value in row.items():
            if not (is_plain(value) or (listed and _is_list(value))):
                return f"'{key}' of a row of '{table.name}' is a word or a number; got {str(value)[:LONGEST]!r}"
    return None


def is_number(value: object) -> bool:
    """Whether it is a finite number of at most 64 bits."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 64


def is_plain(value: object) -> bool:
    """Whether it is a word, a finite number, true, false or null."""
    return type(value) in PLAIN or isinstance(value, str) or is_number(value)


def _is_list(value: object) -> bool:
    """Whether it is a list of plain values, or of short lists of them, such as words with their cosines."""
    return isinstance(value, list) and all(
        all(map(is_plain, one)) if isinstance(one, list) else is_plain(one) for one in value
    )
