"""Columns in Arrow's form (parquet, Arrow, JSON, Hugging Face): images that are still encoded, or numbers."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from selfsup.data.dataset import Dataset
from selfsup.data.images import images
from selfsup.data.images.decode import Blob, Canvas, Unreadable
from selfsup.data.labels import attach
from selfsup.data.request import Request
from selfsup.data.tables.choice import label_columns
from selfsup.data.tables.column import Column, of_arrow
from selfsup.data.tables.tables import LABEL_NAMES, column_labels, from_columns, label_names
from selfsup.errors import DataError
from selfsup.lazy import pyarrow as pa
from selfsup.system.reading import foreign
from selfsup.system.screen import printable

BINARY = ("binary", "large_binary", "binary_view")
EMPTY = ("null", "string")  # of the bytes in a JSON file, where each image has a path
IMAGE_NAMES = ("image", "img", "images", "picture", "photo")


class Columns(Protocol):
    """A table whose columns are read when they are asked for."""

    schema: Any  # a pyarrow.Schema
    rows: int

    def read(self, column: str, child: str | None = None) -> Any:
        """A column, or one field of a struct column, as a ``pyarrow.ChunkedArray``."""
        ...


class Table:
    """A ``pyarrow.Table`` as `Columns`; `source` is what it came from, for messages."""

    def __init__(self, table: Any, source: str = "the table") -> None:
        self.schema = table.schema
        self.rows = len(table)
        self._table, self._source = table, source

    def read(self, column: str, child: str | None = None) -> Any:
        """A column, or one field of a struct column; an extension type's storage.

        Arrow believes what a file says of its values: they are looked through before anybody follows an offset.
        """
        with foreign(f"column '{column}' of {self._source}"):
            values = self._table.column(column)
            values.validate(full=True)
            if isinstance(values.type, pa.ExtensionType):
                values = pa.chunked_array([chunk.storage for chunk in values.chunks], values.type.storage_type)
            return values if child is None else pa.compute.struct_field(values, child)


@dataclass(frozen=True)
class Part:
    """One split.

    Attributes
    ----------
    table
        Its columns.
    source
        Where it came from, in words.
    identity
        What tells it from others: paths, sizes, times.
    names
        Names of the classes that integer labels are places in: for every label column (key), or for any (key "").
    folders
        Where the images lie that a row names by a path, which is relative to the first of them: a table tells of no other
        place. None for a table that the caller has in memory, whose paths are his own.
    """

    table: Columns
    source: str
    identity: Sequence[str | int]
    names: Mapping[str, Sequence[str]]
    folders: tuple[Path, ...] | None = None


class Encoded:
    """The first `rows` of an image column (`images.Blobs`): binary values, or structs of ``bytes`` and ``path``."""

    def __init__(self, part: Part, column: str, rows: int) -> None:
        held = _storage(part.table.schema.field(column).type)
        self.part = part
        self.column = column
        self.rows = rows
        self._reading = threading.Lock()
        self.struct = bool(pa.types.is_struct(held))
        with_paths = self.struct and _child(held, "path") in ("string", "large_string")
        self.paths: list[str | None] = part.table.read(column, "path").slice(0, rows).to_pylist() if with_paths else []

    @property
    def bytes(self) -> Any:
        """The encoded images; read only where they must be decoded."""
        with self._reading:  # many threads ask at once, and two must not read one parquet file: that is a crash
            return self._bytes

    @cached_property
    def _bytes(self) -> Any:
        return self.part.table.read(self.column, "bytes" if self.struct else None)

    def __len__(self) -> int:
        return self.rows

    def blob(self, index: int) -> Blob:
        """The bytes; or, where there are none, the file that the path names, if there is a path."""
        value = self.bytes[index]
        if value.is_valid:
            return memoryview(value.as_buffer())
        path = self.paths[index] if self.paths else None
        return None if path is None else self._file(path)

    @cached_property
    def _roots(self) -> list[Path]:
        return [folder.resolve() for folder in self.part.folders or ()]

    def _file(self, path: str) -> Path:
        """The file that a path names. One outside the table's folder is not touched: a stranger's table could show it to others.

        Raises
        ------
        Unreadable
            If the path, or a link on it, leads out of the folder.
        """
        if self.part.folders is None:
            return Path(path)
        try:
            found = (self._roots[0] / path).resolve()
        except (OSError, ValueError, RuntimeError) as error:  # links in a circle, a NUL in the name
            raise Unreadable(f"no path of a file: {error}") from error
        if not any(found.is_relative_to(root) for root in self._roots):
            raise Unreadable(
                f"the path leads out of the folder of the table, {self.part.folders[0]}, and is not read; "
                "put the image below that folder, or into the table"
            )
        return found

    def name(self, index: int) -> str:
        """The row, and its path where it has one."""
        path = self.paths[index] if self.paths else None
        return f"row {index}" if path is None else f"row {index} ({printable(path)})"

    def names(self, kept: np.ndarray) -> list[str] | None:
        """Paths of the rows, where all have one."""
        if not self.paths or any(path is None for path in self.paths):
            return None
        return [cast(str, self.paths[row]) for row in kept.tolist()]


def image_column(schema: Any) -> str | None:
    """Name of the column that holds encoded images: a struct with ``bytes``, or binary; a usual name goes first."""
    found = []
    for name, held in zip(schema.names, schema.types, strict=True):
        held = _storage(held)
        if str(held) in BINARY or (pa.types.is_struct(held) and _child(held, "bytes") in (*BINARY, *EMPTY)):
            found.append(name)
    return next((name for name in found if name.lower() in IMAGE_NAMES), found[0] if found else None)


def _child(held: Any, name: str) -> str:
    """Type of a field of a struct, as a word; "" where it has none of that name."""
    place = held.get_field_index(name)
    return "" if place < 0 else str(_storage(held.field(place).type))


def _storage(held: Any) -> Any:
    """The type that an extension type is stored as."""
    return held.storage_type if isinstance(held, pa.ExtensionType) else held


def from_parts(train: Part, test: Part | None, request: Request) -> Dataset:
    """Make a `Dataset` of a training part and, where there is one, a test part.

    Raises
    ------
    DataError
        If there are no rows, no column of images or numbers, or the label column is missing.
    """
    if train.table.rows == 0:
        raise DataError(f"{train.source} has no rows")
    made = _one(train, request, None, None)
    if test is None or test.table.rows == 0:
        return made
    labels = () if request.labels is not None else label_columns(request, train.table.schema.names)
    known = made.classes if request.labels is None and made.labels is not None else None
    like = request.like if made.form.kind == "image" else made.form
    part = replace(request, labels=None, label_column=labels or None, limit=None, like=like)
    if known is not None and not set(labels) <= {*test.table.schema.names}:
        part, known = replace(part, label_column=None), None
    shape = made.form.shape if made.form.kind == "image" else None
    tested = _one(test, part, shape, known)
    tested = replace(tested, form=replace(made.form, missing=tested.form.missing))
    if known is None:
        tested = replace(tested, labels=None, classes=())
    return replace(made, test=tested)


def _one(part: Part, request: Request, shape: tuple[int, ...] | None, known: Sequence[str] | None) -> Dataset:
    """Make a `Dataset` of one split: of its images, or else of its numbers."""
    column = image_column(part.table.schema)
    if column is None:
        columns = {name: _column(part, name) for name in part.table.schema.names}
        names = _names(part, label_names(columns, request))
        return from_columns(columns, request, part.source, None, names, known)
    rows = part.table.rows
    limit = rows if request.limit is None else min(rows, request.limit)
    blobs = Encoded(part, column, limit)
    done = images.load(blobs, [*part.identity, column, limit], request, None if shape is None else Canvas(*shape))
    labels, classes = None, cast(tuple[str, ...], ())
    asked: tuple[str, ...] = ()
    if request.labels is not None:
        labels, classes = attach(request.labels, rows, np.arange(limit), request.labels_are)
    else:
        asked = _labels(part.table.schema.names, request)
        if asked:
            held = {name: _column(part, name).values for name in asked}
            labels, classes = column_labels(held, limit, _names(part, asked), known, request.labels_are)
    if labels is not None:
        labels = labels[done.kept]
    told = [name for name in part.table.schema.names if request.others and name not in (column, *asked)]
    held = {name: _column(part, name).values for name in told}
    return Dataset(
        done.x, done.form(request), part.source, done.fingerprint, labels, classes,
        blobs.names(done.kept), None, done.bad, done.note,
        others={name: values[done.kept] for name, values in held.items() if values.ndim == 1},
    )  # fmt: skip


def _column(part: Part, name: str) -> Column:
    """A column as NumPy has it."""
    values = part.table.read(name)
    with foreign(f"column '{name}' of {part.source}"):
        return of_arrow(values)


def _labels(columns: Sequence[str], request: Request) -> tuple[str, ...]:
    """Names of the label columns beside images."""
    usual = [name for usual in LABEL_NAMES for name in columns if name.lower() == usual]
    return label_columns(request, columns) or tuple(usual[:1])


def _names(part: Part, labels: Sequence[str]) -> Sequence[str] | None:
    return part.names.get(labels[0], part.names.get("")) if len(labels) == 1 else None


def checked(schema: Any) -> Any:
    """The schema, if its columns have names that can be read, each once.

    Raises
    ------
    DataError
        If not.
    """
    with foreign("the names of the columns"):
        names = list(schema.names)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"there is more than one column called '{twice}'; rename one")
    return schema


def class_names(schema: Any) -> dict[str, Sequence[str]]:
    """Names of classes that Hugging Face `datasets` wrote into a file's schema, by column."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        held = {name: value.get("feature", value) for name, value in features.items()}  # of a list what is in it
        found = {name: value["names"] for name, value in held.items() if value.get("_type") == "ClassLabel"}
        return {name: names for name, names in found.items() if are_names(names)}
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def are_names(given: object) -> bool:
    """Whether it is a list of words, each once."""
    return isinstance(given, list) and all(isinstance(one, str) for one in given) and len(set(given)) == len(given)
