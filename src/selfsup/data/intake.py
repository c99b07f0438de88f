"""What a model takes in: the shape, range and columns it was trained on, kept in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from selfsup.errors import DataError, unknown


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
    """

    kind: Literal["image", "vector"]
    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0
    columns: tuple[str, ...] | None = None
    size: int | None = None

    def to_units(self, x: np.ndarray) -> np.ndarray:
        """Bring what a model gives, (B, ...) float32 in [0, 1], to the user's units; vectors stay as they are."""
        if self.low == 0.0 and self.high == 1.0:
            return x
        return cast(np.ndarray, x * np.float32(self.high - self.low) + np.float32(self.low))

    def words(self) -> str:
        """Say it in words: ``grey images of 8x8``, ``vectors of 784 values``."""
        if self.kind == "vector":
            return f"vectors of {self.shape[0]:,} {'value' if self.shape[0] == 1 else 'values'}"
        channels, height, width = self.shape
        colours = {1: "grey images", 3: "colour images"}.get(channels, f"images with {channels} channels")
        return f"{colours} of {height}x{width}" + (" (height x width)" if height != width else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = asdict(self)
        return plain | {
            "shape": list(self.shape),
            "columns": None if self.columns is None else list(self.columns),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Intake:
        """Read what `to_dict` gave.

        Raises
        ------
        DataError
            If a key is unknown or missing, or a value is not of its type.
        """
        names = [field.name for field in fields(cls)]
        for name in plain:
            if name not in names:
                raise DataError(unknown("key of the intake", str(name), names))
        for name in names:
            if name not in plain:
                raise DataError(f"the intake lacks '{name}'; it has {', '.join(plain) or 'nothing'}")
            if not _fits(name, plain[name]):
                raise DataError(f"the intake's '{name}' cannot be {plain[name]!r}")
        kind, shape, columns = plain["kind"], tuple(plain["shape"]), plain["columns"]
        if len(shape) != (3 if kind == "image" else 1):
            raise DataError(f"the intake's 'shape' cannot be {list(shape)} for the kind '{kind}'")
        if columns is not None and (kind == "image" or len(columns) != shape[0]):
            raise DataError(f"the intake names {len(columns)} columns for the shape {list(shape)}")
        return cls(
            kind,
            shape,
            float(plain["low"]),
            float(plain["high"]),
            None if columns is None else tuple(columns),
            plain["size"],
        )


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
    if name == "size":
        return value is None or _whole(value)
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
