"""What is measured of data when a method asks for it, and what of that a run folder keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from selfsup.errors import DataError, unknown


class Moments(NamedTuple):
    """Statistics of the training part: of each channel (C,) or column (d,), float32; missing values do not count."""

    mean: np.ndarray
    std: np.ndarray
    unit: bool  # whether every value lies in [0, 1]

    @property
    def binary(self) -> bool:
        """Whether every value is 0 or 1: in [0, 1], x^2 = x holds for these alone, so the mean tells the variance."""
        mean, variance = self.mean.astype(np.float64), np.square(self.std.astype(np.float64))
        return self.unit and bool(np.allclose(mean - mean**2, variance, rtol=1e-4, atol=1e-6))

    @classmethod
    def blank(cls, axis: int) -> Moments:
        """Those of a saved model whose method asked for none: its buffers hold what it kept."""
        return cls(np.zeros(axis, np.float32), np.ones(axis, np.float32), True)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist(), "unit": self.unit}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Moments:
        """Read what `to_dict` gave."""
        mean, std = (np.asarray(plain[key], np.float32) for key in ("mean", "std"))
        return cls(mean, std, bool(plain["unit"]))


class Covariance(NamedTuple):
    """Second moments of flattened samples: mean (d,) and covariance (d, d), float64, and of how many rows they are."""

    mean: Tensor
    covariance: Tensor
    rows: int


SAVED = {"moments": Moments}  # what a run folder keeps, if it was asked for


class Facts:
    """A form with what is known of its data: what a saved model is built from, and the untrained baseline.

    Parameters
    ----------
    form
        Of the data.
    known
        Facts by name; a function is called, once, when its fact is first asked for.
    """

    def __init__(self, form: Any, known: Mapping[str, Any] | None = None) -> None:
        self.form, self.known = form, dict(known or {})

    def fact(self, name: str, **how: Any) -> Any:
        """The fact, or what stands for one that is not known any more: blank moments, the form's counts, else None."""
        if callable(self.known.get(name)):
            self.known[name] = self.known[name]()
        if name in self.known:
            return self.known[name]
        if name == "moments":
            return Moments.blank(self.form.shape[0])
        return self.form.counts if name == "counts" else None

    @classmethod
    def from_dict(cls, form: Any, plain: Mapping[str, Any]) -> Facts:
        """Read what `Asked.to_dict` gave."""
        for name in plain:
            if name not in SAVED:
                raise DataError(unknown("fact", name, SAVED))
        return cls(form, {name: SAVED[name].from_dict(value) for name, value in plain.items()})


class Asked:
    """Data whose facts are remembered once they were asked for: what building a method needed is kept in its run."""

    def __init__(self, about: Any, *, without: tuple[str, ...] = ()) -> None:
        self.form, self._about, self._without = about.form, about, without
        self.answers: dict[str, Any] = {}

    def fact(self, name: str, **how: Any) -> Any:
        """Ask the data."""
        if name in self._without:
            return None
        if name in SAVED:
            if name not in self.answers:
                self.answers[name] = self._about.fact(name, **how)
            return self.answers[name]
        return self._about.fact(name, **how)

    def to_dict(self) -> dict[str, Any]:
        """What is kept in a run folder."""
        return {name: value.to_dict() for name, value in self.answers.items()}
