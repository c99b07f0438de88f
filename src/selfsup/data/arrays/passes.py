"""Second moments of many wide rows, which are gone through again and again: neither their matrix nor a copy of them is held."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from selfsup.data.arrays.krylov import BLOCKS, OVER, leading, suits
from selfsup.data.facts import Covariance
from selfsup.errors import DataError
from selfsup.system import memory
from selfsup.system.signals import heard

log = logging.getLogger("selfsup")
FAR, ROUGH = (
    1e-3,
    1e-4,
)  # radians from the true axes, and share of the smallest variance, that together are worth a word

Chunks = Callable[[], Iterable[Tensor]]  # begins a pass over the rows: chunks (b, d)


class Passes(Covariance):
    """Second moments by passes over the rows, products in float32 around the mean and sums over chunks in float64.

    `leading` takes one pass for each product of a randomised block Krylov method, about twelve. Where many axes are wanted, or
    somebody asks for the matrix, the exact form is made.

    Parameters
    ----------
    mean, spread
        (d,) float64: mean and variance (divisor n) of each value.
    rows
        How many there are.
    chunks
        Begins a pass.
    exact
        Makes the exact form, if there is room for it.
    std
        (d,): what the rows that a pass gives are divided by; None is 1.
    """

    def __init__(
        self, mean: Tensor, spread: Tensor, rows: int, chunks: Chunks, exact: Callable[[], Covariance],
        std: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__(mean, None, rows)
        self._spread, self._chunks, self._exact, self._std = spread, chunks, exact, std

    @property
    def covariance(self) -> Tensor:
        """The matrix (d, d)."""
        if self._covariance is None:
            self._covariance = self._whole().covariance
        return self._covariance

    def trace(self) -> float:
        """The variance of all directions together."""
        return float(self._spread.sum())

    def captured(self, axes: Tensor) -> float:
        """The variance along orthonormal axes (D, d) together."""
        return sum(float((part @ axes.T.to(part)).double().square().sum()) for part in self._centred_rows()) / self.rows

    def leading(self, width: int) -> tuple[Tensor, Tensor]:
        """The largest variances (D,), from the largest on, and their orthonormal axes (D, d), on the CPU.

        Raises
        ------
        DataError
            If the second moments are not finite, there is no room, or a pass does not give the rows of the first one.
        """
        size = len(self.mean)
        if not math.isfinite(self.trace()) or not suits(width, min(size, self.rows)):
            return self._whole().leading(width)
        what = f"{BLOCKS // 2} times {width + OVER:,} directions of {size:,} values"
        memory.check(8 * BLOCKS * size * (width + OVER), what, "use fewer components (n_components)")
        found = heard(leading, self._times, size, width)
        if found.angle > FAR and found.residual > ROUGH:
            log.warning(
                "the last of the %d principal axes are found to %.2g degrees only, and their variances to %.1g %%: beyond them "
                "the data vary about as much; fewer components (n_components) are surer",
                width, math.degrees(found.angle), 100 * found.residual,
            )  # fmt: skip
        return found.values, found.axes

    def scaled(self, std: Tensor) -> Covariance:
        """That of the samples divided by a deviation (d,) for each value."""
        std = std.to(self.mean)
        both = std if self._std is None else std * self._std
        return Passes(self.mean / std, self._spread / std.square(), self.rows, self._chunks, self._exact, both)

    def _whole(self) -> Covariance:
        found = self._exact()
        return found if self._std is None else found.scaled(self._std)

    def _centred_rows(self) -> Iterator[Tensor]:
        """Chunks (b, d) float32 around the mean, which lie in one memory."""
        mean = self.mean if self._std is None else self.mean * self._std
        rows, buffer = 0, None
        for x in self._chunks():
            if buffer is None or len(buffer) < len(x):
                mean, buffer = mean.to(x), torch.empty_like(x)
            part = torch.sub(x, mean, out=buffer[: len(x)])
            rows += len(x)
            yield part if self._std is None else part.div_(self._std.to(part))
        if rows != self.rows:
            raise DataError(
                f"the data gave {self.rows:,} rows at first and {rows:,} when they were read again, as many wide rows are; "
                "give data that stay as they are"
            )

    def _times(self, directions: Tensor) -> Tensor:
        """The product (d, l) of the covariance with directions (d, l), in one pass."""
        turned: Tensor | None = None  # where the rows are
        total = directions.T  # (l, d)
        for part in self._centred_rows():
            if turned is None:
                turned = directions.to(part)
                total = torch.zeros_like(total, device=part.device, memory_format=torch.contiguous_format)
            total += (part @ turned).T @ part
        return total.T.cpu() / self.rows
