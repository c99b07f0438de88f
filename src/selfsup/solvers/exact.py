"""Closed form: one pass over the data for its mean and covariance, which the method turns into its solution."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from selfsup.errors import DataError
from selfsup.method import Method, Samples

CHUNK = 8192  # rows: large enough for the matrix product, small enough to stay near the cache


def exact(method: Method, samples: Samples, device: torch.device) -> None:
    """Solve the method's declared problem from the first two moments of the data."""
    mean, covariance = moments(samples.to(device), device)
    method.to(device)
    method.solve(mean, covariance, len(samples))


def moments(samples: Samples, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) of the flattened samples, float64, divisor n, in one pass."""
    starts = range(0, len(samples), CHUNK)
    return moments_of_chunks(samples[slice(start, start + CHUNK)].flatten(1) for start in starts)[:2]


def moments_of_chunks(chunks: Iterable[Tensor]) -> tuple[Tensor, Tensor, int]:
    """Mean (d,), covariance (d, d) and number of the rows of chunks (b, d) that need not fit in memory together.

    Products are formed in float32 around a pivot (the mean of the first chunk), so that a large offset costs no
    digits, and summed over chunks in float64.

    Raises
    ------
    DataError
        If there is no chunk.
    """
    pivot = total = products = centred = None
    rows = 0
    for x in chunks:
        if pivot is None or total is None or products is None or centred is None:
            pivot = x.mean(0)  # (d,)
            total = torch.zeros_like(pivot, dtype=torch.float64)
            products = torch.zeros(len(pivot), len(pivot), dtype=torch.float64, device=pivot.device)
            centred = torch.empty_like(x)  # one buffer for all chunks: fresh memory costs more than the subtraction
        if len(x) > len(centred):
            centred = torch.empty_like(x)
        part = torch.sub(x, pivot, out=centred[: len(x)])
        total += part.sum(0)
        products += _gram(part)
        rows += len(x)
    if pivot is None or total is None or products is None:
        raise DataError("the data are empty: there is no row to learn from")
    offset = total / rows
    return pivot.double() + offset, products / rows - torch.outer(offset, offset), rows


def _gram(x: Tensor) -> Tensor:
    if x.device.type == "cpu":
        rows = x.numpy()
        return torch.from_numpy(np.matmul(rows.T, rows))  # NumPy sees the symmetry and does half the work (syrk)
    return x.T @ x
