"""Tables: csv files and data frames, as vectors of their numeric columns."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from selfsup.data import hashing, memory
from selfsup.data.arrays import check_finite
from selfsup.data.dataset import Dataset
from selfsup.data.intake import Intake
from selfsup.data.labels import attach, encode, flat, named
from selfsup.data.request import Request
from selfsup.errors import DataError, unknown

LABEL_NAMES = ("label", "labels", "class", "target", "y", "fine_label")
Columns = Mapping[str, np.ndarray]


def label_name(columns: Columns, given: str | None, like: Intake | None = None) -> str | None:
    """Name of the label column: the one given, else one with a usual name that holds classes; None if there is none.

    A column of fractions, or one that the model of `like` was trained on, is data whatever its name.
    """
    if given is not None:
        if given not in columns:
            raise DataError(unknown("column", given, columns))
        return given
    trained = like.columns if like is not None and like.columns is not None else ()
    for usual in LABEL_NAMES:
        for name, values in columns.items():
            if name.lower() == usual and name not in trained and values.ndim == 1 and _are_classes(values):
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
) -> Dataset:
    """Make a `Dataset` of a table's columns.

    Parameters
    ----------
    columns
        By name: (n,) numbers, (n, k) lists of one length, or (n,) of anything as a label column.
    source, fingerprint
        Where they came from; the fingerprint is taken of the values if None.
    names
        Class names that integer labels are places in.
    known
        Classes of the training part, where this is a test part.

    Raises
    ------
    DataError
        If a column is not numeric, a value is missing, or the columns do not fit `like`.
    """
    if request.size is not None:
        raise DataError("size is for images; this is a table")
    rows = len(next(iter(columns.values()))) if columns else 0
    if rows == 0:
        raise DataError(f"{source} is empty")
    label = label_name(columns, request.label_column, request.like)
    used = _feature_names(columns, label, request.like, source)
    picked = None if request.limit is None or request.limit >= rows else np.arange(request.limit)
    x, spread = _matrix(columns, used, rows if picked is None else len(picked), source)
    intake = Intake("vector", (x.shape[1],), columns=spread)
    like = request.like
    if like is not None and (like.kind != "vector" or like.shape != intake.shape):
        raise DataError(f"the model takes {like.words()}; {source} gives {intake.words()}")
    codes, classes = _labels(columns, label, request, rows, picked, names, known)
    print_ = fingerprint or hashing.of_array(x)
    return Dataset(x, like or intake, source, print_, codes, classes)


def _feature_names(columns: Columns, label: str | None, like: Intake | None, source: str) -> list[str]:
    """Which columns are data: those the model was trained on, or all but the label, which must be numeric."""
    rest = [name for name in columns if name != label]
    if like is not None and like.columns is not None and not any(columns[name].ndim == 2 for name in rest):
        missing = [name for name in like.columns if name not in columns]
        if missing:
            hint = unknown("column", missing[0], rest) if len(missing) == 1 else f"it has {', '.join(rest[:10])}"
            raise DataError(f"{source} lacks {_some(missing)} that the model was trained on ({hint})")
        rest = list(like.columns)
    strange = [name for name in rest if columns[name].dtype.kind not in "biuf"]
    if strange:
        raise DataError(
            f"{_some(strange)} of {source}: not numbers ({_example(columns[strange[0]])}), which is not supported yet; "
            "drop them, or name the labels with label_column= (--label-column)"
        )
    if not rest:
        raise DataError(f"{source} has no numeric column besides the labels")
    return rest


def _example(values: np.ndarray) -> str:
    """Name the first value that is not a number, and its row."""
    for row, value in enumerate(values.tolist()):
        if isinstance(value, int | float):
            continue
        try:
            float(value)
        except (TypeError, ValueError):
            return f"row {row} of the first holds {str(value)[:40]!r}"
    return str(values.dtype)


def _matrix(columns: Columns, used: Sequence[str], rows: int, source: str) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Numeric columns as (n, d) float32, checked, and their names."""
    widths = [1 if columns[name].ndim == 1 else columns[name].shape[1] for name in used]
    memory.check(4 * rows * sum(widths), f"{rows:,} rows of {sum(widths):,} values", "use --limit")
    x = np.empty((rows, sum(widths)), np.float32)
    names: list[str] = []
    with np.errstate(over="ignore"):
        for name, width in zip(used, widths, strict=True):
            values = columns[name][:rows]
            x[:, len(names) : len(names) + width] = values[:, None] if values.ndim == 1 else values
            names += [name] if values.ndim == 1 else [f"{name}_{place}" for place in range(width)]
    check_finite(x, tuple(names))
    return x, tuple(names)


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
    return column_labels(columns[label] if picked is None else columns[label][picked], label, names, known)


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
    import pandas as pd

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline()
            separator = "\t" if "\t" in line and "," not in line else ";" if ";" in line and "," not in line else ","
            first = next(csv.reader([line], delimiter=separator), [])
            second = next(csv.reader(file, delimiter=separator), [])
        if len(second) > len(first):  # pandas would take the first column for the names of the rows
            raise DataError(f"cannot read {path} as a table: its second line has more values than its first")
        header = None if first and all(_is_number(word) for word in first) else 0
        frame = pd.read_csv(path, sep=separator, header=header, encoding="utf-8-sig", low_memory=False)
    except (OSError, ValueError, pd.errors.ParserError, csv.Error) as error:  # ValueError: also not UTF-8, empty
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot read {path} as a table: {str(error).strip() or type(error).__name__}") from error
    return from_frame(frame, request, path.name, plain=header is None)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def from_frame(frame: Any, request: Request, source: str = "table", plain: bool = False) -> Dataset:
    """Make a `Dataset` of a data frame (pandas, polars); `plain` if its columns have no names of their own."""
    names = [str(name) for name in frame.columns]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DataError(f"{source} has more than one column called {_some(twice)}")
    columns = {name: _values(frame[given]) for name, given in zip(names, frame.columns, strict=True)}
    made = from_columns(columns, request, source)
    if not plain or request.like is not None:
        return made
    return Dataset(
        made.x, Intake("vector", made.intake.shape), source, made.fingerprint, made.labels, made.classes
    )  # names that only count the columns are not kept


def _values(column: Any) -> np.ndarray:
    """Values of one column; nullable numbers become floats with NaN."""
    dtype = column.dtype
    if getattr(dtype, "_is_numeric", False) and not isinstance(dtype, np.dtype):  # pandas' nullable dtypes
        return cast(np.ndarray, column.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(column.to_numpy())


def _some(names: Sequence[str], most: int = 5) -> str:
    said = ", ".join(f"'{name}'" for name in names[:most])
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{'column' if len(names) == 1 else 'columns'} {said}{more}"
