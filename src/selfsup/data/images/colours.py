"""Which colours occur in images: counted in the plane of a and b of CIE Lab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from selfsup.data.arrays.rows import Rows
from selfsup.errors import DataError
from selfsup.hide.lab import coloured, to_lab

CELL, REACH = 5, 110  # sides of the cells that are counted in, and where these end: no colour of sRGB lies beyond
SIDE = 2 * REACH // CELL
COUNTED = 4096  # coloured images whose pixels are counted, evenly spread over all
PIXELS = 1 << 19  # at a time, which stay in the processor's cache


class Colours(NamedTuple):
    """How often each colour occurs in images.

    Attributes
    ----------
    counts
        (44, 44) int64: pixels by cells of a (rows) and b (columns) of 5 x 5, from -110 on; grey images are left out.
    mean
        (2,) float32: of a and b over these pixels.
    images, grey
        How many images there are, and how many of them have no colour anywhere.
    """

    counts: np.ndarray
    mean: np.ndarray
    images: int
    grey: int

    def wrong(self, form: Any) -> str | None:
        """What does not fit a form, in words, or None."""
        return (
            None
            if form.kind == "image" and form.shape[0] == 3
            else f"colours are of colour images, not of {form.describe()}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a line of text for each row of the counts."""
        lines = [" ".join(map(str, row)) for row in self.counts.tolist()]
        return {"counts": lines, "mean": self.mean.tolist(), "images": self.images, "grey": self.grey}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Colours:
        """Read what `to_dict` gave.

        Raises
        ------
        DataError
            If it is anything else.
        """
        try:
            counts = np.array([[int(one) for one in line.split()] for line in plain["counts"]], np.int64)
            mean = np.asarray(plain["mean"], np.float32)
            images, grey = plain["images"], plain["grey"]
        except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
            raise DataError(f"the colours of the data are not counts, a mean and two numbers: {error}") from error
        whole = type(images) is int and type(grey) is int and 0 <= grey <= images
        if counts.shape != (SIDE, SIDE) or (counts < 0).any() or counts.sum(dtype=np.float64) >= 2**63:
            raise DataError(f"the colours of the data are not counts in {SIDE} x {SIDE} cells")
        if mean.shape != (2,) or not np.isfinite(mean).all() or not whole:
            raise DataError("the colours of the data lack the mean of a and b, or how many images are grey")
        return cls(counts, mean, images, grey)


def cell(values: Tensor) -> Tensor:
    """Number 0 to 43 of the cell of a or b."""
    return ((values + REACH) / CELL).floor_().clamp_(0, SIDE - 1).long()


def measure(samples: Rows) -> Colours:
    """Count the colours of images (n, 3, H, W), each pixel of at most `COUNTED` coloured ones, and the grey among all."""
    step = max(1, PIXELS // max(1, samples.data[0, 0].numel()))
    starts = range(0, len(samples), step)
    have = torch.cat([coloured(samples[slice(start, start + step)]) for start in starts])  # (n,)
    rows = have.nonzero()[:, 0].cpu()
    grey = len(samples) - len(rows)
    if len(rows) > COUNTED:
        rows = rows[torch.linspace(0, len(rows) - 1, COUNTED).long()]
    counts, total = torch.zeros(SIDE * SIDE, dtype=torch.int64), torch.zeros(2, dtype=torch.float64)
    for some in rows.split(step):
        ab = to_lab(samples[some])[:, 1:]  # (b, 2, H, W)
        total += ab.sum((0, 2, 3), dtype=torch.float64).cpu()
        counts += torch.bincount((cell(ab[:, 0]) * SIDE + cell(ab[:, 1])).flatten().cpu(), minlength=SIDE * SIDE)
    mean = (total / max(int(counts.sum()), 1)).float().numpy()
    return Colours(counts.view(SIDE, SIDE).numpy(), mean, len(samples), grey)
