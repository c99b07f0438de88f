"""Values beside the points of a page: labels, the columns of a table, numbers that were found out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from selfsup.data.dataset import Dataset
from selfsup.data.form import Field
from selfsup.data.tables.frames import columns_of
from selfsup.explorer.scene import Column

MOST = 256  # columns of a page
NAMELESS = 64  # values of a sample that has no names for them, up to which each is a column
NAMING = ("name", "title", "id", "key")  # columns that rows may be called by
CLASSES = 50  # different words up to which a column of text is one of classes


def labels(data: Dataset, name: str = "label") -> tuple[Column, ...]:
    """The labels: of a class, a number, or a yes or no for each of several."""
    held = data.labels
    if held is None:
        return ()
    if data.several:
        return tuple(
            Column(one, "class", held[:, place].astype(np.int64), ("no", "yes"))
            for place, one in enumerate(data.classes)
        )
    if data.classes:
        return (Column(name, "class", held.astype(np.int64), tuple(data.classes)),)
    return (Column(name, "number", held.astype(np.float64)),)


def values(data: Dataset) -> Iterator[Column]:
    """The columns of a table (n, d) in the units of its user: numbers, classes; dates as days, times of day as hours."""
    form = data.form
    if len(form.shape) != 1 or (form.columns is None and form.size > NAMELESS):
        return
    fields = form.fields or tuple(Field(name, "number") for name in form.columns or map(str, range(form.size)))
    starts = form.starts() or range(form.size)
    words = columns_of(form, data.x)
    for field, start in zip(fields, starts, strict=True):
        if field.kind == "number":
            yield Column(_unit(field), "number", data.x[:, start].astype(np.float64))
        else:
            yield named(field.name, words[field.name].values)


def others(data: Dataset) -> Iterator[Column]:
    """Columns that nothing was learnt from."""
    for name, held in data.others.items():
        yield named(name, held)


def called(data: Dataset) -> list[str]:
    """Names of the rows of a table by a column of names or ids, each different; none where there is no such column."""
    for name in NAMING:
        for column, held in data.others.items():
            words = list(map(str, held.tolist())) if column.lower() == name else []
            if len(set(words)) == len(data):
                return words
    return []


def _unit(field: Field) -> str:
    if field.dates is not None:
        return f"{field.name} (days since {field.dates.first})"
    return f"{field.name} (hours)" if field.hours else field.name


def named(name: str, held: Sequence[Any] | np.ndarray) -> Column:
    """A column of anything (n,): of numbers, of a few words as classes, or of text; None and NaN are missing."""
    array = np.asarray(held)
    if array.dtype.kind in "iuf":
        return Column(name, "number", array.astype(np.float64))
    gone = [one is None or one is not one or type(one).__name__ in ("NAType", "NaTType") for one in array.tolist()]
    words = ["" if lost else str(one) for one, lost in zip(array.tolist(), gone, strict=True)]
    known = sorted({word for word, lost in zip(words, gone, strict=True) if not lost})
    if len(known) > max(CLASSES, len(words) // 20) or not known:
        return Column(name, "text", np.asarray(words, object))
    place = {word: number for number, word in enumerate(known)}
    found = [-1 if lost else place[word] for word, lost in zip(words, gone, strict=True)]
    return Column(name, "class", np.asarray(found, np.int64), tuple(known))


def distinct(columns: Sequence[Column]) -> tuple[tuple[Column, ...], int]:
    """The first columns, each with a name of its own, and how many were left out."""
    taken: set[str] = set()
    kept: list[Column] = []
    for column in columns[:MOST]:
        name, again = column.name, 2
        while name in taken:
            name, again = f"{column.name} ({again})", again + 1
        taken.add(name)
        kept.append(Column(name, column.kind, column.values, column.classes))
    return tuple(kept), max(0, len(columns) - MOST)
