"""Pieces of data as their sources give them: arrays one after the other, rows of a ``.npy`` file, batches of parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from selfsup.data.arrays.arrays import as_numpy
from selfsup.data.arrays.header import load
from selfsup.data.tables.column import of_arrow
from selfsup.data.tables.tables import LABEL_NAMES
from selfsup.errors import DataError, unknown
from selfsup.lazy import pyarrow as pa
from selfsup.system import memory
from selfsup.system.reading import foreign

VALUES = 1 << 24  # of a chunk at most: wide rows come fewer at a time


class Piece(NamedTuple):
    """Some rows.

    Attributes
    ----------
    x
        (b, d) of any real dtype.
    labels
        (b,) as the source has them, or None.
    names
        Of the d columns, or None.
    """

    x: np.ndarray
    labels: np.ndarray | None = None
    names: tuple[str, ...] | None = None


def of_arrays(arrays: Iterable[Any]) -> Iterator[Piece]:
    """Arrays (b, d), tensors, or pairs (array, labels) as a tuple or list, of any number of rows each."""
    for number, given in enumerate(arrays):
        labels = None
        try:
            if isinstance(given, tuple | list) and len(given) == 2 and getattr(given[0], "ndim", 0) == 2:
                given, labels = given[0], np.asarray(given[1])
            if getattr(given, "ndim", 0) == 2 and len(given) == 0:
                continue  # a filter may leave nothing of a chunk
            array = as_numpy(given)
        except DataError as error:
            raise DataError(f"chunk {number} of the stream: {error}") from error
        if array.ndim != 2:
            raise DataError(
                f"chunk {number} of the stream must be an array (b, d) of rows; got the shape {array.shape}"
            )
        if labels is not None and labels.shape != (len(array),):
            raise DataError(f"chunk {number} of the stream has {len(array)} rows, but labels of shape {labels.shape}")
        yield Piece(array, labels)


def of_npy(path: Path, rows: int) -> Iterator[Piece]:
    """Rows of a memory-mapped ``.npy`` file."""
    array = load(path, mapped=True)
    if array.ndim != 2:
        raise DataError(f"a stream takes (n, d) vectors; {path} holds {array.shape}")
    rows = min(rows, max(1, VALUES // max(1, array.shape[1])))
    for start in range(0, len(array), rows):
        yield from of_arrays([array[start : start + rows]])
        memory.let_go(array)


def of_parquet(files: Sequence[Path], label_column: str | None, rows: int) -> Iterator[Piece]:
    """Batches of the columns of numbers in parquet files of one form."""
    first = None
    for path in files:
        with foreign(f"{path} as parquet"), pa.parquet.ParquetFile(path, memory_map=True) as file:
            schema = file.schema_arrow
            if first is not None and not schema.equals(first):
                raise DataError(f"{path} and {files[0]} have different columns")
            first = schema
            label = _label(schema, label_column, path)
            for batch in file.iter_batches(batch_size=rows):
                batch.validate(full=True)
                yield _of_batch(pa.Table.from_batches([batch]), label, path)


def _label(schema: Any, given: str | None, path: Path) -> str | None:
    """Name of the label column: the one given, else one with a usual name, unless it may hold fractions."""
    if given is not None:
        if given not in schema.names:
            raise DataError(f"{path}: {unknown('column', given, schema.names)}")
        return given
    classes = [name for name in schema.names if not pa.types.is_floating(schema.field(name).type)]
    return next((name for usual in LABEL_NAMES for name in classes if name.lower() == usual), None)


def _of_batch(table: Any, label: str | None, path: Path) -> Piece:
    """The numbers of a batch side by side: one column each, or as many as its lists are long."""
    parts: list[np.ndarray] = []
    names: list[str] = []
    for name in table.column_names:
        if name == label:
            continue
        values = of_arrow(table.column(name)).values
        if values.dtype.kind not in "biuf":
            raise DataError(
                f"column '{name}' of {path.name} holds no plain numbers ({table.schema.field(name).type}, perhaps with "
                "missing values), which a stream needs; drop it, or make the table small enough to give it as a file"
            )
        parts.append(values[:, None] if values.ndim == 1 else values)
        names += [name] if values.ndim == 1 else [f"{name}_{place}" for place in range(values.shape[1])]
    if not parts:
        raise DataError(f"{path.name} has no column besides the labels")
    return Piece(np.hstack(parts), None if label is None else of_arrow(table.column(label)).values, tuple(names))
