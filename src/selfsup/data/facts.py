"""What is measured of data when a method asks for it, and what of that a run folder keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from selfsup.data.arrays.eigen import largest
from selfsup.data.images.colours import Colours
from selfsup.errors import DataError, unknown
from selfsup.system import memory
from selfsup.system.signals import heard


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

    def wrong(self, form: Any) -> str | None:
        """What does not fit a form, in words, or None."""
        if len(self.mean) == form.shape[0]:
            return None
        return f"the moments are of {len(self.mean):,} channels or columns, the form of {form.shape[0]:,}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist(), "unit": self.unit}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Moments:
        """Read what `to_dict` gave.

        Raises
        ------
        DataError
            If they are not two lists of as many finite numbers, deviations not below 0.
        """
        try:
            mean, std = (np.asarray(plain[key], np.float32) for key in ("mean", "std"))
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise DataError(f"the moments of the data are not two lists of numbers: {error}") from error
        if mean.ndim != 1 or mean.shape != std.shape or not np.isfinite([mean, std]).all() or (std < 0).any():
            raise DataError("the moments of the data are not a mean and a deviation for each channel or column")
        return cls(mean, std, bool(plain.get("unit", False)))


class Covariance:
    """Second moments of flattened samples, divisor n, float64.

    A method that asks for `leading` axes, `trace` and what is `captured` needs no matrix (d, d): of fewer rows than values
    only the centred rows are kept, and everything goes by their products with each other, (n, n). `covariance` is made of
    them when it is asked for.

    Attributes
    ----------
    mean
        (d,).
    rows
        How many were measured.
    """

    def __init__(self, mean: Tensor, covariance: Tensor | None, rows: int, *, centred: Tensor | None = None) -> None:
        self.mean, self.rows, self._covariance, self._centred = mean, rows, covariance, centred

    @property
    def covariance(self) -> Tensor:
        """The matrix (d, d)."""
        if self._covariance is None:
            assert self._centred is not None
            room_for_matrix(len(self.mean))
            self._covariance = self._centred.T @ self._centred / self.rows
        return self._covariance

    def trace(self) -> float:
        """The variance of all directions together."""
        return float(self.covariance.trace() if self._centred is None else self._centred.square().sum() / self.rows)

    def captured(self, axes: Tensor) -> float:
        """The variance along orthonormal axes (D, d) together."""
        if self._centred is None:
            return float(torch.trace(axes @ self.covariance.to(axes) @ axes.T))
        return float((self._centred.to(axes) @ axes.T).square().sum() / self.rows)

    def leading(self, width: int) -> tuple[Tensor, Tensor]:
        """The largest variances (D,), from the largest on, and their orthonormal axes (D, d), on the CPU.

        Raises
        ------
        DataError
            If the second moments are not finite.
        """
        if not math.isfinite(self.trace()):
            raise DataError("the squares of the values are too large to be added up: divide the data by a constant")
        return heard(self._of_matrix if self._centred is None else self._of_rows, width)

    def _of_matrix(self, width: int) -> tuple[Tensor, Tensor]:
        values, axes = largest(self.covariance.cpu(), width)
        return values.clamp(min=0), axes

    def _of_rows(self, width: int) -> tuple[Tensor, Tensor]:
        assert self._centred is not None
        x = self._centred
        few = min(width, len(x))
        values, turns = largest((x @ x.T / self.rows).cpu(), few)  # (n, n): it has the eigenvalues of the covariance
        axes = x.new_zeros((x.shape[1], width), device="cpu")
        axes[:, :few] = x.T.cpu() @ turns.T
        # orthonormal to the last digit, also where the rows span fewer directions than are asked for
        axes = torch.linalg.qr(axes)[0].T
        return torch.cat([values.clamp(min=0), values.new_zeros(width - few)]), axes

    def scaled(self, std: Tensor) -> Covariance:
        """That of the samples divided by a deviation (d,) for each value."""
        std = std.to(self.mean)
        mean = self.mean / std
        if self._centred is not None:
            return Covariance(mean, None, self.rows, centred=self._centred / std)
        return Covariance(mean, self.covariance / torch.outer(std, std), self.rows)


def room_for_matrix(size: int) -> None:
    """Say before it is made that the covariance (d, d), the products of a chunk and what their eigenvectors take do not fit."""
    what = f"the covariance of {size:,} values with each other, and its eigenvectors,"
    memory.check(24 * size * size, what, "use smaller images or fewer columns, or a method of steps (undercomplete)")


class Classes(NamedTuple):
    """Names of the classes that the labels of the data are places in, (K,)."""

    names: tuple[str, ...]

    def wrong(self, form: Any) -> str | None:
        """Classes go with samples of any form."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"names": list(self.names)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Classes:
        """Read what `to_dict` gave.

        Raises
        ------
        DataError
            If they are not at least two different names.
        """
        names = plain.get("names") if isinstance(plain, Mapping) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataError("the classes of the data are not a list of names")
        if len(set(names)) < max(2, len(names)):
            raise DataError("the classes of the data are not at least two different names")
        return cls(tuple(names))


SAVED: dict[str, type[Moments] | type[Classes] | type[Colours]] = {  # what a run folder keeps, if it was asked for
    "moments": Moments,
    "classes": Classes,
    "colours": Colours,
}


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
        """Read what `Asked.to_dict` gave.

        Raises
        ------
        DataError
            If a fact is unknown, or not of data of this form.
        """
        for name in plain:
            if name not in SAVED:
                raise DataError(unknown("fact", name, SAVED))
        found = {name: SAVED[name].from_dict(value) for name, value in plain.items()}
        for fact in found.values():
            if said := fact.wrong(form):
                raise DataError(said)
        return cls(form, found)


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
