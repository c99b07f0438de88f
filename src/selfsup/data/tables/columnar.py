"""Columns in Arrow's form (parquet, Arrow, JSON, Hugging Face): images that are still encoded, or numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from selfsup.data.dataset import Dataset
from selfsup.data.images import images
from selfsup.data.images.decode import Blob, Canvas
from selfsup.data.labels import attach
from selfsup.data.request import Request
from selfsup.data.tables.column import of_arrow
from selfsup.data.tables.tables import LABEL_NAMES, column_labels, from_columns, label_name
from selfsup.errors import DataError, unknown
from selfsup.lazy import pyarrow as pa

IMAGE_NAMES = ("image", "img", "images", "picture", "photo")


class Columns(Protocol):
    """A table whose columns are read when they are asked for."""

    schema: Any  # a pyarrow.Schema
    rows: int

    def read(self, column: str, child: str | None = None) -> Any:
        """A column, or one field of a struct column, as a ``pyarrow.ChunkedArray``."""
        ...


class Table:
    """A ``pyarrow.Table`` as `Columns`."""

    def __init__(self, table: Any) -> None:
        self.schema = table.schema
        self.rows = len(table)
        self._table = table

    def read(self, column: str, child: str | None = None) -> Any:
        """A column, or one field of a struct column; an extension type's storage."""
        values = self._table.column(column)
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
    base
        Folder that paths of images are relative to.
    """

    table: Columns
    source: str
    identity: Sequence[str | int]
    names: Mapping[str, Sequence[str]]
    base: Path | None = None


class Encoded:
    """The first `rows` of an image column (`images.Blobs`): binary values, or structs of ``bytes`` and ``path``."""

    def __init__(self, part: Part, column: str, rows: int) -> None:
        held = _storage(part.table.schema.field(column).type)
        self.part = part
        self.column = column
        self.rows = rows
        self.struct = bool(pa.types.is_struct(held))
        self.base = part.base or Path()
        with_paths = self.struct and held.get_field_index("path") >= 0
        self.paths: list[str | None] = part.table.read(column, "path").slice(0, rows).to_pylist() if with_paths else []

    @cached_property
    def bytes(self) -> Any:
        """The encoded images; read only where they must be decoded."""
        return self.part.table.read(self.column, "bytes" if self.struct else None)

    def __len__(self) -> int:
        return self.rows

    def blob(self, index: int) -> Blob:
        """The bytes; or, where there are none, the file that the path names, if there is a path."""
        value = self.bytes[index]
        if value.is_valid:
            return memoryview(value.as_buffer())
        path = self.paths[index] if self.paths else None
        return None if path is None else self.base / path

    def name(self, index: int) -> str:
        """Its path, where it has one."""
        path = self.paths[index] if self.paths else None
        return f"row {index}" if path is None else path

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
        binary = pa.types.is_binary(held) or pa.types.is_large_binary(held) or pa.types.is_binary_view(held)
        if binary or (pa.types.is_struct(held) and held.get_field_index("bytes") >= 0):
            found.append(name)
    return next((name for name in found if name.lower() in IMAGE_NAMES), found[0] if found else None)


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
    labels = None if request.labels is not None else request.label_column
    known = made.classes if request.labels is None and made.labels is not None else None
    like = request.like if made.form.kind == "image" else made.form
    part = replace(request, labels=None, label_column=labels, limit=None, like=like)
    if known is not None and labels is not None and labels not in test.table.schema.names:
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
        columns = {name: of_arrow(part.table.read(name)) for name in part.table.schema.names}
        label = label_name(columns, request.label_column, request.like)
        return from_columns(columns, request, part.source, None, _names(part, label), known)
    rows = part.table.rows
    limit = rows if request.limit is None else min(rows, request.limit)
    blobs = Encoded(part, column, limit)
    done = images.load(blobs, [*part.identity, column, limit], request, None if shape is None else Canvas(*shape))
    labels, classes = None, cast(tuple[str, ...], ())
    if request.labels is not None:
        labels, classes = attach(request.labels, rows, np.arange(limit))
    else:
        label = _label(part.table.schema.names, request.label_column)
        if label is not None:
            values = of_arrow(part.table.read(label).slice(0, limit)).values
            labels, classes = column_labels(values, label, _names(part, label), known)
    if labels is not None:
        labels = labels[done.kept]
    return Dataset(
        done.x, done.form(request), part.source, done.fingerprint, labels, classes,
        blobs.names(done.kept), None, done.bad, done.note,
    )  # fmt: skip


def _label(columns: Sequence[str], given: str | None) -> str | None:
    """Name of the label column beside images."""
    if given is not None and given not in columns:
        raise DataError(unknown("column", given, columns))
    return given or next((name for usual in LABEL_NAMES for name in columns if name.lower() == usual), None)


def _names(part: Part, label: str | None) -> Sequence[str] | None:
    return None if label is None else part.names.get(label, part.names.get(""))


def class_names(schema: Any) -> dict[str, Sequence[str]]:
    """Names of classes that Hugging Face `datasets` wrote into a file's schema, by column."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: value["names"] for name, value in features.items() if value.get("_type") == "ClassLabel"}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
