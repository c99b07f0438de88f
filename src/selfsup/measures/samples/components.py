"""Baselines of all rows that were learnt from: their principal components; and of images their colours alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from selfsup.data.arrays.moments import covariance_of_chunks
from selfsup.data.facts import Covariance

WIDEST = 2000  # values in a row up to which the covariance of all rows is formed; of wider ones the leading axes are searched for
ROUNDS, MORE = 2, 10  # of the search, and axes that are searched for besides (Halko et al. 2011, sec. 4.3)
SEARCHED = 512  # axes at most, where they are searched for
LEVELS = 8  # of each channel in a histogram: 512 colours


class Components:
    """Principal components of all rows that were learnt from.

    Parameters
    ----------
    chunks
        Gives the rows in chunks (b, d) float32, each time from the beginning.
    rows, values
        How many there are, and how many values each has.
    known
        Their covariance, where it was measured before.
    """

    def __init__(
        self, chunks: Callable[[], Iterator[Tensor]], rows: int, values: int, known: Covariance | None = None
    ) -> None:
        self._chunks, self.rows, self.values, self._known = chunks, rows, values, known
        self.mean, self._axes = np.zeros(values, np.float32), np.zeros((0, values), np.float32)

    def axes(self, width: int) -> np.ndarray:
        """Orthonormal axes (D, d) float32 of the largest variances; D is the width, at most rows, values and `SEARCHED`."""
        width = min(width, self.rows, self.values, SEARCHED if self.values > WIDEST and self._known is None else width)
        if width > len(self._axes):
            if self._known is None and self.values <= WIDEST:
                self._known = covariance_of_chunks(self._chunks())
            found = self._searched(width) if self._known is None else self._known.leading(width)[1]
            self._axes = found.numpy().astype(np.float32)
            if self._known is not None:
                self.mean = self._known.mean.cpu().numpy().astype(np.float32)
        return self._axes[:width]

    def codes(self, x: np.ndarray, width: int) -> np.ndarray:
        """Codes (n, D) float32 of rows (n, d), not whitened."""
        axes = self.axes(width)  # which finds the mean, too
        codes: np.ndarray = (x - self.mean) @ axes.T
        return codes

    def rebuilt(self, x: np.ndarray, width: int) -> np.ndarray:
        """What so many components leave of rows (n, d): the same shape."""
        rows: np.ndarray = self.codes(x, width) @ self.axes(width) + self.mean
        return rows

    def _searched(self, width: int) -> Tensor:
        """Axes by subspace iteration over all rows, of which no products (d, d) are formed."""
        wider = min(width + MORE, self.rows, self.values)
        total, count = torch.zeros(self.values, dtype=torch.float64), 0
        for x in self._chunks():
            total, count = total + x.sum(0, dtype=torch.float64), count + len(x)
        mean = (total / max(count, 1)).float()
        self.mean = mean.numpy()
        basis = torch.randn(self.values, wider, generator=torch.Generator().manual_seed(0))
        for _ in range(ROUNDS):
            basis = torch.linalg.qr(self._covaried(basis, mean))[0]
        spread = basis.double().T @ self._covaried(basis, mean).double()  # (k, k)
        turn = torch.linalg.eigh((spread + spread.T) / 2)[1].flip(1)[:, :width]
        axes: Tensor = (basis.double() @ turn).T
        return axes

    def _covaried(self, basis: Tensor, mean: Tensor) -> Tensor:
        """The covariance, but for a factor, times a basis (d, k)."""
        found = torch.zeros_like(basis)
        for x in self._chunks():
            part = x - mean
            found += part.T @ (part @ basis)
        return found / self.rows


def histogram(x: Tensor) -> Tensor:
    """Square roots of the shares (B, 512) of colours in images (B, 3, H, W) with values in [0, 1]: no place, no shape.

    The root makes distances between histograms those of Hellinger, which linear classifiers read better than shares.
    """
    level = (x * LEVELS).long().clamp(0, LEVELS - 1)
    colour = ((level[:, 0] * LEVELS + level[:, 1]) * LEVELS + level[:, 2]).flatten(1)  # (B, H * W)
    counts = torch.zeros(len(x), LEVELS**3, device=x.device)
    counts.scatter_add_(1, colour, torch.ones_like(colour, dtype=counts.dtype))
    return (counts / colour.shape[1]).sqrt()
