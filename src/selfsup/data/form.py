"""What a model takes in: the shape, range and columns it was trained on, kept in the run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as fields_of
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from selfsup.errors import DataError, unknown
from selfsup.method import Field

SINCE = {"fields": None, "missing": False}  # keys that older configs lack, and what they then meant


class BadFile(NamedTuple):
    """A file (or a row) that could not be read, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Intake:
    """The form of the data that a model was trained on.

    Attributes
    ----------
    kind
        ``"image"`` or ``"vector"``.
    shape
        Of one sample: (C, H, W) or (d,).
    low, high
        Ends of the user's units: images become (x - low) / (high - low), uint8 images x / 255. Vectors stay as they
        are (0 and 1).
    columns
        Names of a table's columns, in order; None where there are none.
    size
        The option `size` that images were resized by; None where they were not.
    fields
        Of a table with a column that is not a number: one field a column, in order; their widths sum to d.
    missing
        Whether there are missing values (NaN) among the data.
    """

    kind: Literal["image", "vector"]
    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0
    columns: tuple[str, ...] | None = None
    size: int | None = None
    fields: tuple[Field, ...] | None = None
    missing: bool = False

    def to_units(self, x: np.ndarray) -> np.ndarray:
        """Bring what a model gives, (B, ...) float32 in [0, 1], to the user's units; vectors stay as they are."""
        if self.low == 0.0 and self.high == 1.0:
            return x
        return cast(np.ndarray, x * np.float32(self.high - self.low) + np.float32(self.low))

    def names(self) -> tuple[str, ...] | None:
        """Name of the column that each of the d values belongs to; None where columns have no names."""
        if self.fields is None:
            return self.columns
        return tuple(field.name for field in self.fields for _ in range(field.width))

    def starts(self) -> list[int] | None:
        """Place in x of the first value of every field; None where each value is a column of its own."""
        if self.fields is None:
            return None
        return [0, *np.cumsum([field.width for field in self.fields])[:-1].tolist()]

    def words(self) -> str:
        """Say it in words: ``grey images of 8x8``, ``vectors of 784 values``, ``vectors of 9 values in 5 columns``."""
        if self.kind == "vector":
            said = f"vectors of {self.shape[0]:,} {'value' if self.shape[0] == 1 else 'values'}"
            if self.fields is None or len(self.fields) == self.shape[0]:
                return said
            return f"{said} in {len(self.fields):,} {'column' if len(self.fields) == 1 else 'columns'}"
        channels, height, width = self.shape
        colours = {1: "grey images", 3: "colour images"}.get(channels, f"images with {channels} channels")
        return f"{colours} of {height}x{width}" + (" (height x width)" if height != width else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {key.name: getattr(self, key.name) for key in fields_of(self)}
        return plain | {
            "shape": list(self.shape),
            "columns": None if self.columns is None else list(self.columns),
            "fields": None
            if self.fields is None
            else [{"name": one.name, "kind": one.kind, "values": list(one.values)} for one in self.fields],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Intake:
        """Read what `to_dict` gave.

        Raises
        ------
        DataError
            If a key is unknown or missing, or a value is not of its type.
        """
        names = [key.name for key in fields_of(cls)]
        for name in plain:
            if name not in names:
                raise DataError(unknown("key of the intake", str(name), names))
        plain = SINCE | dict(plain)
        for name in names:
            if name not in plain:
                raise DataError(f"the intake lacks '{name}'; it has {', '.join(plain) or 'nothing'}")
            if not _fits(name, plain[name]):
                raise DataError(f"the intake's '{name}' cannot be {plain[name]!r}")
        kind, shape, columns = plain["kind"], tuple(plain["shape"]), plain["columns"]
        if len(shape) != (3 if kind == "image" else 1):
            raise DataError(f"the intake's 'shape' cannot be {list(shape)} for the kind '{kind}'")
        held = plain["fields"]
        if columns is not None and (kind == "image" or (held is None and len(columns) != shape[0])):
            raise DataError(f"the intake names {len(columns)} columns for the shape {list(shape)}")
        return cls(
            kind,
            shape,
            float(plain["low"]),
            float(plain["high"]),
            None if columns is None else tuple(columns),
            plain["size"],
            None if held is None else _read_fields(held, columns, shape),
            plain["missing"],
        )


def _read_fields(held: Sequence[Any], columns: Sequence[str] | None, shape: tuple[int, ...]) -> tuple[Field, ...]:
    """Fields from JSON, if they agree with each other, with the columns and with the shape."""
    found = []
    for plain in held:
        if not isinstance(plain, dict) or set(plain) != {"name", "kind", "values"}:
            raise DataError(f"a field of the intake must have name, kind and values; got {plain!r}")
        name, kind, values = plain["name"], plain["kind"], plain["values"]
        many = {"number": (0,), "boolean": (0, 2), "category": range(1, 1 << 30)}.get(kind) if _is_word(kind) else None
        if (
            not _is_word(name)
            or many is None
            or not isinstance(values, list | tuple)
            or not all(map(_is_word, values))
            or len(set(values)) != len(values)
            or len(values) not in many
        ):
            raise DataError(f"the intake's field {name!r} cannot be of kind {kind!r} with the values {values!r}")
        found.append(Field(name, kind, tuple(values)))
    if [field.name for field in found] != list(columns or ()):
        raise DataError("the intake's 'fields' are not those that 'columns' names")
    width = sum(field.width for field in found)
    if shape != (width,):
        raise DataError(f"the intake's fields take {width} values, but its shape is {list(shape)}")
    return tuple(found)


def _is_word(value: object) -> bool:
    return isinstance(value, str)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _fits(name: str, value: Any) -> bool:
    """Whether a value of the JSON form is of the type that the field has."""
    if name == "kind":
        return value in ("image", "vector")
    if name == "shape":
        return isinstance(value, list | tuple) and len(value) > 0 and all(_whole(part) for part in value)
    if name == "columns":
        return value is None or (isinstance(value, list | tuple) and all(isinstance(part, str) for part in value))
    if name == "fields":
        return value is None or (isinstance(value, list | tuple) and len(value) > 0)
    if name == "missing":
        return isinstance(value, bool)
    if name == "size":
        return value is None or _whole(value)
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
