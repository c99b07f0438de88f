"""Tables: csv files and data frames, as vectors: numbers as they are, booleans as 0 and 1, categories one-hot."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from selfsup.data.dataset import Dataset
from selfsup.data.form import Field, Form
from selfsup.data.labels import attach, encode, flat, named
from selfsup.data.request import Request
from selfsup.data.tables import fields
from selfsup.data.tables.column import Column, of_arrow, of_pandas
from selfsup.data.tables.digits import check_digits
from selfsup.data.tables.missing import check_vectors
from selfsup.errors import DataError, unknown
from selfsup.lazy import pandas as pd
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


def label_name(columns: Columns, given: str | None, like: Form | None = None) -> str | None:
    """Name of the label column: the one given, else one with a usual name that holds classes; None if there is none.

    A column of fractions, or one that the model of `like` was trained on, is data whatever its name.
    """
    if given is not None:
        if given not in columns:
            raise DataError(unknown("column", given, columns))
        return given
    trained = like.columns if like is not None and like.columns is not None else ()
    for usual in LABEL_NAMES:
        for name, column in columns.items():
            if (
                name.lower() == usual
                and name not in trained
                and column.values.ndim == 1
                and _are_classes(column.values)
            ):
                return name
    return None


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
    like = request.like
    label = label_name(columns, request.label_column, like)
    rest = {name: column for name, column in columns.items() if name != label}
    blocks = _learnt(rest, source) if like is None else list(_matched(columns, rest, like, source))
    if not blocks:
        raise DataError(f"{source} has no column besides the labels")
    picked = None if request.limit is None or request.limit >= rows else np.arange(request.limit)
    x = _matrix(blocks, rows if picked is None else len(picked))
    found = tuple(field for block in blocks for field in block.fields)
    by_value = tuple(field.name for field in found for _ in range(field.width))
    gaps = check_vectors(x, by_value, learnt=like is None)
    if like is None:
        came = [(block.held, place) for block in blocks for place in range(block.width)]
        check_digits(x, lambda place: _came(x, *came[place], place), by_value)
    form = replace(like, missing=gaps) if like is not None else _intake(found, gaps, bare)
    codes, classes = _labels(columns, label, request, rows, picked, names, known)
    return Dataset(x, form, source, fingerprint or hashing.of_array(x), codes, classes)


def _intake(found: tuple[Field, ...], gaps: bool, bare: bool) -> Form:
    """The form of a table; fields are told only where not all are numbers."""
    columns = tuple(field.name for field in found)
    shape = (sum(field.width for field in found),)
    if bare and not any(field.values for field in found):
        return Form("table", shape, missing=gaps)
    plain = all(field.kind == "number" for field in found)
    return Form("table", shape, columns=columns, fields=None if plain else found, missing=gaps)


def _learnt(columns: Columns, source: str) -> list[Block]:
    """Columns to learn from, in the forms that they suggest."""
    blocks = []
    for name, column in columns.items():
        what = f"column '{name}' of {source}"
        held = fields.held(column, what)
        if column.values.ndim == 2:
            blocks.append(Block(_spread(name, column), held))
        else:
            blocks.append(Block((fields.field(name, column, held, what),), held))
    return blocks


def _spread(name: str, column: Column) -> tuple[Field, ...]:
    """One number for each place in the lists of a column."""
    return tuple(Field(f"{name}_{place}", "number") for place in range(column.values.shape[1]))


def _matched(columns: Columns, rest: Columns, like: Form, source: str) -> Iterator[Block]:
    """Columns in the forms that a model learnt: by name where it knows names, else by their order."""
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
        raise DataError(f"{source} lacks {_some(lacking)} that the model was trained on ({hint})")
    place = 0
    while place < len(wanted):
        field = wanted[place]
        what = f"column '{field.name}' of {source}"
        if field.name in columns:
            block = Block((field,), fields.matched(field, columns[field.name], what))
        else:
            name, first = owners[field.name]
            spread_ = _spread(name, columns[name])
            whole = wanted[place : place + len(spread_)] == spread_  # lists in their order are copied at once
            values = columns[name].values if whole else columns[name].values[:, first]
            block = Block(spread_ if whole else (field,), fields.matched(field, Column(values), what))
        yield block
        place += len(block.fields)


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
    label: str | None,
    request: Request,
    rows: int,
    picked: np.ndarray | None,
    names: Sequence[str] | None,
    known: Sequence[str] | None,
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Codes and classes: the caller's labels, the label column's, or none."""
    if request.labels is not None:
        return attach(request.labels, rows, picked)
    if label is None:
        return None, ()
    values = columns[label].values
    return column_labels(values if picked is None else values[picked], label, names, known)


def column_labels(
    values: Any, label: str, names: Sequence[str] | None, known: Sequence[str] | None
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Encode a label column, by the names of its classes or by the classes of the training part, where given."""
    what = f"the labels in column '{label}'"
    if names is not None:
        found = named(values, names, what)
        return (None, ()) if found is None else found
    array = flat(values, what)
    if known is not None and array.dtype.kind == "i" and bool((array == -1).all()):
        return None, ()
    return encode(array, known, what)


def from_csv(path: Path, request: Request) -> Dataset:
    """Make a `Dataset` of a csv (or tsv) file, with or without a header.

    Raises
    ------
    DataError
        If the file cannot be read as a table, besides what `from_columns` raises.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline()
            separator = _separator(line)
            first = next(csv.reader([line], delimiter=separator), [])
            second = next(csv.reader(file, delimiter=separator), [])
        if len(second) > len(first):  # pandas would take the first column for the names of the rows
            raise DataError(f"cannot read {path} as a table: its second line has more values than its first")
        header = None if _are_numbers(first) else 0
        frame = pd.read_csv(
            path, sep=separator, header=header, encoding="utf-8-sig", low_memory=False, dtype_backend="numpy_nullable"
        )  # whole numbers and booleans stay what they are where values are missing
        frame = _with_points(frame, path.name) if separator == ";" else frame
    except (OSError, ValueError, pd.errors.ParserError, csv.Error) as error:  # ValueError: also not UTF-8, empty
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot read {path} as a table: {str(error).strip() or type(error).__name__}") from error
    return from_frame(frame, request, path.name, bare=header is None)


def _separator(line: str) -> str:
    """What stands between the values of a first line; a comma may be that of numbers where there are semicolons."""
    if "\t" in line and "," not in line:
        return "\t"
    parts = line.strip().split(";")
    return (
        ";" if parts[1:] and ("," not in line or all(fields.COMMA.fullmatch(part) for part in parts if part)) else ","
    )


def _with_points(frame: Any, source: str) -> Any:
    """Columns of a table with semicolons whose numbers have a decimal comma (1.000,5), as numbers."""
    found = []
    for name in [name for name in frame.columns if pd.api.types.is_string_dtype(frame[name])]:
        words = frame[name].dropna().unique().tolist()
        commas = [word for word in words if fields.COMMA.fullmatch(word)]
        if commas and all(word in commas or word.strip().lstrip("+-").isdecimal() for word in words):
            numbers = {word: float(word.replace(".", "").replace(",", ".")) for word in words}
            frame[name] = frame[name].map(numbers, na_action="ignore").astype("Float64")
            found.append(f"'{name}' ('{commas[0].strip()}')")
    if found:
        logging.getLogger("selfsup").warning(
            "%s: numbers with a decimal comma are read as such: %s", source, ", ".join(found)
        )
    return frame


def _are_numbers(words: Sequence[str]) -> bool:
    """Whether a first line holds numbers, some of them perhaps missing, and no names.

    An empty first name is that of the row numbers which data frames write.
    """
    if not words or not words[0].strip():
        return False
    try:
        return all(fields.COMMA.fullmatch(word) or np.isreal(float(word)) for word in words if word.strip())
    except ValueError:
        return False


def from_frame(frame: Any, request: Request, source: str = "table", bare: bool = False) -> Dataset:
    """Make a `Dataset` of a data frame (pandas, polars); `bare` if its columns have no names of their own."""
    names = [str(name) for name in frame.columns]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DataError(f"{source} has more than one column called {_some(twice)}")
    if hasattr(frame, "to_arrow"):  # polars: Arrow is what both can speak
        table = frame.to_arrow()
        columns = {name: of_arrow(table.column(place)) for place, name in enumerate(names)}
    else:
        columns = {name: of_pandas(frame[given]) for name, given in zip(names, frame.columns, strict=True)}
    return from_columns(columns, request, source, bare=bare)


def _some(names: Sequence[str], most: int = 5) -> str:
    said = ", ".join(f"'{name}'" for name in names[:most])
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{'column' if len(names) == 1 else 'columns'} {said}{more}"
