"""Tables as vectors: numbers as they are, booleans as 0 and 1, categories one-hot, dates as days, times as hours."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from selfsup.data import several
from selfsup.data.dataset import Dataset
from selfsup.data.form import Field, Form
from selfsup.data.labels import Kind, attach, flat, given, kind_of, named, taken
from selfsup.data.request import Request
from selfsup.data.tables import fields, matching
from selfsup.data.tables.choice import Refused, chosen, collected, label_columns, refuse
from selfsup.data.tables.column import Column, of_arrow, of_pandas
from selfsup.data.tables.digits import check_digits
from selfsup.data.tables.missing import check_columns, say_empty
from selfsup.errors import DataError, OptionError, unknown
from selfsup.system import hashing, memory

LABEL_NAMES = ("label", "labels", "class", "target", "y", "fine_label")
Columns = Mapping[str, Column]


class Block(NamedTuple):
    """A column on its way to x: what it holds, and its field, or as many fields as its lists are long."""

    fields: tuple[Field, ...]
    held: fields.Held

    @property
    def width(self) -> int:
        """Number of values of x that it takes."""
        return sum(field.width for field in self.fields)


def label_names(columns: Columns, request: Request) -> tuple[str, ...]:
    """Names of the label columns: those given, else one with a usual name that holds classes; none if there is none.

    A column of fractions, or one that the model of `like` was trained on, is data whatever its name.
    """
    if asked := label_columns(request, [*columns]):
        return asked
    like = request.like
    trained = like.columns if like is not None and like.columns is not None else ()
    for usual in LABEL_NAMES:
        for name, column in columns.items():
            if (
                name.lower() == usual
                and name not in trained
                and column.values.ndim == 1
                and _are_classes(column.values)
            ):
                return (name,)
    return ()


def _are_classes(values: np.ndarray) -> bool:
    if values.dtype.kind != "f":
        return True
    return not bool((values[np.isfinite(values)] % 1).any())


def from_columns(
    columns: Columns,
    request: Request,
    source: str,
    fingerprint: str | None = None,
    names: Sequence[str] | None = None,
    known: Sequence[str] | None = None,
    bare: bool = False,
    troubles: Sequence[Refused] = (),
) -> Dataset:
    """Make a `Dataset` of a table's columns.

    Parameters
    ----------
    columns
        By name.
    source, fingerprint
        Where they came from; the fingerprint is taken of the values if None.
    names
        Class names that integer labels are places in.
    known
        Classes of the training part, where this is a test part.
    bare
        The columns have no names of their own: if all hold numbers they are taken as an array is.
    troubles
        What is wrong with the table already, to be said with all else.

    Raises
    ------
    DataError
        If a column is neither numbers nor categories, holds no value at all, or does not fit `like`.
    """
    if request.size is not None:
        raise DataError("size is for images; this is a table")
    rows = len(next(iter(columns.values())).values) if columns else 0
    if rows == 0:
        raise DataError(f"{source} is empty")
    like, skip = request.like, request.on_bad == "skip"
    every = columns
    labels, columns, rest = _shared(columns, request, source)
    refused: list[Refused] = [*troubles]
    learnt = (
        _learnt(rest, source, refused) if like is None else _matched(columns, rest, like, source, refused, skip=skip)
    )
    blocks = list(learnt)
    if not blocks and not refused:
        raise DataError(f"{source} has no column besides the labels")
    picked = None if request.limit is None or request.limit >= rows else np.arange(request.limit)
    x = _matrix(blocks, rows if picked is None else len(picked)) if blocks else np.empty((0, 0), np.float32)
    blocks, x, gaps = _usable(blocks, x, refused, learnt=like is None)
    with collected(refused):
        codes, classes = _labels(columns, labels, request, rows, picked, names, known)
    refuse(refused, source, len(blocks), learnt=like is None, skip=skip)
    found = tuple(field for block in blocks for field in block.fields)
    _say_dates(found, source, learnt=like is None)
    bare = bare and request.columns is None and request.drop is None
    form = replace(like, missing=gaps) if like is not None else _intake(found, gaps, bare)
    seen = {*labels, *(field.name for field in found)}
    others = {name: one.values[: len(x)] for name, one in every.items() if name not in seen and one.values.ndim == 1}
    return Dataset(
        x, form, source, fingerprint or hashing.of_array(x), codes, classes, others=others if request.others else {}
    )


def _shared(columns: Columns, request: Request, source: str) -> tuple[tuple[str, ...], Columns, Columns]:
    """Names of the label columns; the columns without those that are dropped; and those of them that are values.

    A column that is asked for by its name is none of labels unless it is given as that too.
    """
    wanted = chosen([*columns], request, source)
    left = {name: column for name, column in columns.items() if name not in (request.drop or ())}
    free = {name: column for name, column in left.items() if name not in (request.columns or ())}
    labels = label_names(left if request.label_column is not None else free, request)
    return labels, left, {name: columns[name] for name in wanted if name not in labels}


def _by_value(blocks: Sequence[Block]) -> tuple[str, ...]:
    """Name of the column of each of the d values."""
    return tuple(field.name for block in blocks for field in block.fields for _ in range(field.width))


def _usable(
    blocks: list[Block], x: np.ndarray, refused: list[Refused], *, learnt: bool
) -> tuple[list[Block], np.ndarray, bool]:
    """The columns whose values (n, d) can be computed with, and whether any is missing.

    The others are refused by name, each for its own reason.
    """

    def check(some_: Sequence[Block], values: np.ndarray, *, said: bool) -> bool:
        count, empty = check_columns(values, _by_value(some_), learnt)
        if learnt:
            came = [(block.held, place) for block in some_ for place in range(block.width)]
            check_digits(values, lambda place: _came(values, *came[place], place), _by_value(some_), said=said)
        say_empty(empty if said else 0, len(values))
        return count > 0

    if not blocks:
        return blocks, x, False
    try:
        return blocks, x, check(blocks, x, said=True)
    except DataError as error:
        whole = str(error)
    kept: list[Block] = []
    places: list[int] = []
    before = len(refused)
    starts = np.cumsum([0, *(block.width for block in blocks)]).tolist()
    for block, start, end in zip(blocks, starts, starts[1:], strict=False):
        with collected(refused, block.fields[0].name):
            check([block], x[:, start:end], said=False)
            kept.append(block)
            places += range(start, end)
    if len(refused) == before:  # it is of no column alone
        raise DataError(whole)
    x = np.take(x, places, axis=1)
    return kept, x, bool(np.isnan(x).any())


def _say_dates(found: Sequence[Field], source: str, *, learnt: bool) -> None:
    """Say which columns are dates or times, and how they are counted."""
    log = logging.getLogger("selfsup")
    if learnt and (dated := [f"'{one.name}' (since {one.dates.first})" for one in found if one.dates is not None]):
        log.warning("%s: dates are read as days since the first of them: %s", source, ", ".join(dated))
    if learnt and (timed := [f"'{one.name}'" for one in found if one.hours]):
        log.warning("%s: times of day and durations are read as hours: %s", source, ", ".join(timed))


def _intake(found: tuple[Field, ...], gaps: bool, bare: bool) -> Form:
    """The form of a table; fields are told only where not all are numbers."""
    columns = tuple(field.name for field in found)
    shape = (sum(field.width for field in found),)
    plain = all(field.plain for field in found)
    if bare and all(field.plain or (field.kind == "boolean" and not field.values) for field in found):
        return Form("table", shape, missing=gaps)
    return Form("table", shape, columns=columns, fields=None if plain else found, missing=gaps)


def _learnt(columns: Columns, source: str, refused: list[Refused]) -> Iterator[Block]:
    """Columns to learn from, in the forms that they suggest; the others are refused, each for its reason."""
    for name, column in columns.items():
        what = f"column '{name}' of {source}"
        with collected(refused, name):
            held = fields.held(column, what)
            if column.values.ndim == 2:
                yield Block(_spread(name, column), held)
            else:
                yield Block((fields.field(name, column, held, what),), held)


def _spread(name: str, column: Column) -> tuple[Field, ...]:
    """One number for each place in the lists of a column."""
    return tuple(Field(f"{name}_{place}", "number") for place in range(column.values.shape[1]))


def _matched(
    columns: Columns, rest: Columns, like: Form, source: str, refused: list[Refused], *, skip: bool
) -> Iterator[Block]:
    """Columns in the forms that a model learnt: by name where it knows names, else by their order; with `skip` see `fields`."""
    if like.kind != "table":
        raise DataError(f"the model takes {like.describe()}; {source} is a table")
    wanted = like.fields or tuple(Field(name, "number") for name in like.columns or ())
    if not wanted:
        spread = [_spread(n, c) if c.values.ndim == 2 else (Field(n, "number"),) for n, c in rest.items()]
        wanted = tuple(field for part in spread for field in part)
        if len(wanted) != like.shape[0]:
            raise DataError(f"the model takes {like.describe()}; {source} gives {len(wanted):,}")
    owners = {
        field.name: (name, place)
        for name, column in columns.items()
        if column.values.ndim == 2
        for place, field in enumerate(_spread(name, column))
    }
    lacking = [field.name for field in wanted if field.name not in columns and field.name not in owners]
    if lacking:
        hint = unknown("column", lacking[0], rest) if len(lacking) == 1 else f"it has {', '.join([*rest][:10])}"
        raise DataError(f"{source} lacks {some(lacking)} that the model was trained on ({hint})")
    place = 0
    while place < len(wanted):
        field = wanted[place]
        what = f"column '{field.name}' of {source}"
        block = None
        if field.name in columns:
            with collected(refused, field.name):
                block = Block((field,), matching.matched(field, columns[field.name], what, skip=skip))
        else:
            name, first = owners[field.name]
            spread_ = _spread(name, columns[name])
            whole = wanted[place : place + len(spread_)] == spread_  # lists in their order are copied at once
            values = columns[name].values if whole else columns[name].values[:, first]
            block = Block(spread_ if whole else (field,), matching.matched(field, Column(values), what))
        if block is not None:
            yield block
        place += 1 if block is None else len(block.fields)


def _matrix(blocks: Sequence[Block], rows: int) -> np.ndarray:
    """The first rows of all columns as (n, d) float32."""
    width = sum(block.width for block in blocks)
    memory.check(4 * rows * width, f"{rows:,} rows of {width:,} values", "use --limit")
    x = np.empty((rows, width), np.float32)
    start = 0
    with np.errstate(over="ignore"):  # what is too large for float32 is found as infinite later
        for block in blocks:
            fields.write(x[:, start : start + block.width], block.held, block.width)
            start += block.width
    return x


def _came(x: np.ndarray, held: fields.Held, inside: int, place: int) -> np.ndarray:
    """The values (n,) of a column of x as they came; those of categories and booleans are their own."""
    if held.kind != "number":
        return x[:, place]
    values = held.values[: len(x)]
    return values if values.ndim == 1 else values[:, inside]


def _labels(
    columns: Columns,
    labels: Sequence[str],
    request: Request,
    rows: int,
    picked: np.ndarray | None,
    names: Sequence[str] | None,
    known: Sequence[str] | None,
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Codes and classes: the caller's labels, those of the label columns, or none."""
    if request.labels is not None:
        return attach(request.labels, rows, picked, request.labels_are)
    if not labels:
        return None, ()
    used = rows if picked is None else len(picked)
    return column_labels({name: columns[name].values for name in labels}, used, names, known, request.labels_are)


def column_labels(
    columns: Mapping[str, np.ndarray],
    rows: int,
    names: Sequence[str] | None,
    known: Sequence[str] | None,
    kind: Kind | None = None,
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Read the first rows of a label column, by the names of its classes or by those of the training part, where given.

    Several columns are several labels a sample; classes, where that is asked for and each row has exactly one.
    """
    if len(columns) > 1:
        if kind == "numbers":
            raise OptionError("option 'labels_are': numbers are in one column; option 'label_column' names several")
        flags = several.columns({name: values[:rows] for name, values in columns.items()})
        return taken(given(*flags), "classes", known) if kind == "classes" else flags
    label, values = next(iter(columns.items()))
    kind, values, what = kind or kind_of(values), values[:rows], f"the labels in column '{label}'"
    if kind == "several":
        flag = values.ndim == 1 and values.dtype.kind in "biuf"
        return several.read(values, what, known, (label,) if flag else names or ())
    if names is not None and kind != "numbers":
        found = named(values, names, what)
        return (None, ()) if found is None else found
    array = flat(values, what, fractions=True)
    if known is not None and array.dtype.kind == "i" and bool((array == -1).all()):
        return None, ()
    return taken(array, kind, known, what)


def from_frame(
    frame: Any, request: Request, source: str = "table", bare: bool = False, troubles: Sequence[Refused] = ()
) -> Dataset:
    """Make a `Dataset` of a data frame (pandas, polars); for `bare` and `troubles` see `from_columns`."""
    names = [str(name) for name in frame.columns]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DataError(f"{source} has more than one column called {some(twice)}")
    if hasattr(frame, "to_arrow"):  # polars: Arrow is what both can speak
        table = frame.to_arrow()
        columns = {name: of_arrow(table.column(place)) for place, name in enumerate(names)}
    else:
        columns = {name: of_pandas(frame[given]) for name, given in zip(names, frame.columns, strict=True)}
    return from_columns(columns, request, source, bare=bare, troubles=troubles)


def some(names: Sequence[str], most: int = 5) -> str:
    """Columns by name, at most so many."""
    said = ", ".join(f"'{name}'" for name in names[:most])
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{'column' if len(names) == 1 else 'columns'} {said}{more}"
