"""The form of data: what a model takes in, saved in its run folder and handed to the method that is built."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields as fields_of
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, cast

import numpy as np

from selfsup.errors import DataError, unknown

DAY = re.compile(r"\d{4}-\d\d-\d\d")


class BadFile(NamedTuple):
    """A file (or a row) that could not be read, and why."""

    name: str
    reason: str


class Calendar(NamedTuple):
    """How the dates of a column are counted: in days since the first of them."""

    first: str  # 2024-01-31
    order: str = "ymd"  # of year, month and day where the year stands last: dmy or mdy
    times: bool = False  # whether there are times of the day among them


@dataclass(frozen=True)
class Field:
    """One column of a table, as its user knows it.

    Attributes
    ----------
    name
        Of the column.
    kind
        ``"number"``: one value in x. ``"boolean"``: one value, 0 or 1. ``"category"``: as many values in x as it has
        categories, one of them 1 and the others 0. A missing value is NaN (for a category: all its values).
    values
        The categories, in order; for a boolean that came as words, the two words; empty otherwise.
    dates
        Of a number that is a date: how it is counted.
    hours
        Whether a number is a time of day or a duration, in hours.
    """

    name: str
    kind: Literal["number", "boolean", "category"]
    values: tuple[str, ...] = ()
    dates: Calendar | None = None
    hours: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is a number that is nothing else."""
        return self.kind == "number" and self.dates is None and not self.hours

    @property
    def width(self) -> int:
        """Number of values of x that it takes."""
        return len(self.values) if self.kind == "category" else 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain: dict[str, Any] = {"name": self.name, "kind": self.kind, "values": list(self.values)}
        plain |= {} if self.dates is None else {"dates": self.dates._asdict()}
        return plain | ({"hours": True} if self.hours else {})


@dataclass(frozen=True)
class Form:
    """The form of images and tables.

    Attributes
    ----------
    kind
        ``"image"``, or ``"table"``: vectors, with or without names of columns.
    shape
        Of one sample: (C, H, W) or (d,).
    low, high
        Ends of the user's units: images become (x - low) / (high - low), uint8 images x / 255. Vectors stay as they
        are (0 and 1).
    columns
        Names of a table's columns, in order; None where there are none.
    side
        In pixels, that images were resized to (the option `size`); None where they were not.
    fields
        Of a table with a column that is not a number: one field a column, in order; their widths sum to d.
    missing
        Whether there are missing values (NaN) among the data.
    """

    kind: Literal["image", "table"]
    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0
    columns: tuple[str, ...] | None = None
    side: int | None = None
    fields: tuple[Field, ...] | None = None
    missing: bool = False

    takes: ClassVar[tuple[str, ...]] = ()  # what `load` may be given to read data of this form
    again: ClassVar[tuple[str, ...]] = ("encoding",)  # options of the reader that hold for other data of it too

    @property
    def size(self) -> int:
        """Number of values in one sample."""
        return math.prod(self.shape)

    @property
    def fewer(self) -> str:
        """What makes such data smaller, for people."""
        return "a smaller batch_size"

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of files that hold samples of this form: arrays, contact sheets, tables."""
        if self.kind == "table":
            return ".npy", ".csv", ".parquet"
        return (".npy", ".png") if self.shape[0] in (1, 3) else (".npy",)

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

    def describe(self) -> str:
        """Say it in words: ``grey images of 8x8``, ``vectors of 784 values``, ``vectors of 9 values in 5 columns``."""
        if self.kind == "table":
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
            "fields": None if self.fields is None else [one.to_dict() for one in self.fields],
        }

    def write(self, folder: Path) -> None:
        """Write what `to_dict` leaves out into a run folder: nothing."""

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], folder: Path | None = None) -> Form:
        """Read what `to_dict` gave.

        Raises
        ------
        DataError
            If a key is unknown or missing, or a value is not of its type.
        """
        check_keys(plain, [key.name for key in fields_of(cls)], _fits)
        kind, shape, columns = plain["kind"], tuple(plain["shape"]), plain["columns"]
        if len(shape) != (3 if kind == "image" else 1):
            raise DataError(f"the form's 'shape' cannot be {list(shape)} for the kind '{kind}'")
        held = plain["fields"]
        if columns is not None and (kind == "image" or (held is None and len(columns) != shape[0])):
            raise DataError(f"the form names {len(columns)} columns for the shape {list(shape)}")
        return cls(
            kind,
            shape,
            float(plain["low"]),
            float(plain["high"]),
            None if columns is None else tuple(columns),
            plain["side"],
            None if held is None else _read_fields(held, columns, shape),
            plain["missing"],
        )


def check_keys(plain: Mapping[str, Any], names: Sequence[str], fits: Callable[[str, Any], bool]) -> None:
    """Raise `DataError` where the plain values of a form lack a key, have another, or one that does not fit."""
    for name in plain:
        if name not in names:
            raise DataError(unknown("key of the form", str(name), names))
    for name in names:
        if name not in plain:
            raise DataError(f"the form lacks '{name}'; it has {', '.join(plain) or 'nothing'}")
        if not fits(name, plain[name]):
            raise DataError(f"the form's '{name}' cannot be {plain[name]!r}")


def _read_fields(held: Sequence[Any], columns: Sequence[str] | None, shape: tuple[int, ...]) -> tuple[Field, ...]:
    """Fields from JSON, if they agree with each other, with the columns and with the shape."""
    found = []
    for plain in held:
        if not isinstance(plain, dict) or set(plain) - {"dates", "hours"} != {"name", "kind", "values"}:
            raise DataError(f"a field of the form must have name, kind and values; got {plain!r}")
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
            raise DataError(f"the form's field {name!r} cannot be of kind {kind!r} with the values {values!r}")
        hours = plain.get("hours", False)
        if not isinstance(hours, bool) or (hours and (kind != "number" or plain.get("dates") is not None)):
            raise DataError(f"the form's field {name!r} of kind {kind!r} cannot be in hours: {hours!r}")
        found.append(Field(name, kind, tuple(values), _read_calendar(name, kind, plain.get("dates")), hours))
    if [field.name for field in found] != list(columns or ()):
        raise DataError("the form's 'fields' are not those that 'columns' names")
    width = sum(field.width for field in found)
    if shape != (width,):
        raise DataError(f"the form's fields take {width} values, but its shape is {list(shape)}")
    return tuple(found)


def _read_calendar(name: str, kind: str, held: Any) -> Calendar | None:
    """How the dates of a field are counted, from JSON."""
    if held is None:
        return None
    fits = isinstance(held, dict) and set(held) == set(Calendar._fields) and kind == "number"
    if (
        not fits
        or not isinstance(held["times"], bool)
        or held["order"] not in ("ymd", "dmy", "mdy")
        or not isinstance(held["first"], str)
        or not _is_day(held["first"])
    ):
        raise DataError(f"the form's field {name!r} cannot be counted in days by {held!r}")
    return Calendar(**held)


def _is_day(said: str) -> bool:
    try:
        return DAY.fullmatch(said) is not None and not np.isnat(np.datetime64(said))
    except ValueError:  # the 31st of February
        return False


def _is_word(value: object) -> bool:
    return isinstance(value, str)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _fits(name: str, value: Any) -> bool:
    """Whether a value of the JSON form is of the type that the field has."""
    if name == "kind":
        return value in ("image", "table")
    if name == "shape":
        return isinstance(value, list | tuple) and len(value) > 0 and all(_whole(part) for part in value)
    if name == "columns":
        return value is None or (isinstance(value, list | tuple) and all(isinstance(part, str) for part in value))
    if name == "fields":
        return value is None or (isinstance(value, list | tuple) and len(value) > 0)
    if name == "missing":
        return isinstance(value, bool)
    if name == "side":
        return value is None or _whole(value)
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


FORMS = {  # kind of data -> its form
    "image": "selfsup.data.form:Form",
    "table": "selfsup.data.form:Form",
    "text": "selfsup.data.text.form:TextForm",
}


def read_form(plain: Any, folder: Path | None = None) -> Any:
    """The form that a configuration holds; of text the words lie beside it in the run folder.

    Raises
    ------
    DataError
        If it is of no known kind, or a key is unknown, missing or not of its type.
    """
    if not isinstance(plain, Mapping) or not isinstance(plain.get("kind"), str):
        raise DataError(f"a form of data is an object with a kind, one of {', '.join(FORMS)}; got {plain!r}")
    if plain["kind"] not in FORMS:
        raise DataError(unknown("kind of data", plain["kind"], FORMS))
    module, _, name = FORMS[plain["kind"]].partition(":")
    return getattr(importlib.import_module(module), name).from_dict(plain, folder)
