"""Closed form: one pass over the data for its mean and covariance, which the method turns into its solution."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from selfsup.method import Method, Samples

CHUNK = 4096  # rows: large enough for the matrix product, small enough to stay near the cache


def exact(method: Method, samples: Samples, device: torch.device) -> None:
    """Solve the method's declared problem from the first two moments of the data."""
    mean, covariance = moments(samples.to(device), device)
    method.to(device)
    method.solve(mean, covariance, len(samples))


def moments(samples: Samples, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean (d,) and covariance (d, d) of the flattened samples, float64, divisor n, in one pass.

    Products are formed in float32 around a pivot (the mean of the first chunk), so that a large offset costs no
    digits, and summed over chunks in float64.
    """
    total: Tensor | float = 0.0
    products: Tensor | float = 0.0
    pivot: Tensor | None = None
    for start in range(0, len(samples), CHUNK):
        rows = torch.arange(start, min(start + CHUNK, len(samples)))
        x = samples[rows].flatten(1)  # (B, d)
        if pivot is None:
            pivot = x.mean(0)
        x = x - pivot
        total = total + x.sum(0).double()
        products = products + _gram(x).double()
    assert pivot is not None
    assert isinstance(total, Tensor)
    offset = total / len(samples)
    return pivot.double() + offset, products / len(samples) - torch.outer(offset, offset)


def _gram(x: Tensor) -> Tensor:
    if x.device.type == "cpu":
        rows = x.numpy()
        return torch.from_numpy(np.matmul(rows.T, rows))  # NumPy sees the symmetry and does half the work (syrk)
    return x.T @ x
