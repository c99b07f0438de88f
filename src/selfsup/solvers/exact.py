"""Closed form: one pass over the data for its mean and covariance, which the method turns into its solution."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from selfsup.method import Method, Samples

CHUNK = 8192  # rows: large enough for the matrix product, small enough to stay near the cache


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
    first = samples[slice(0, CHUNK)].flatten(1)
    pivot = first.mean(0)  # (d,)
    total = torch.zeros_like(pivot, dtype=torch.float64)
    products = torch.zeros(len(pivot), len(pivot), dtype=torch.float64, device=pivot.device)
    centred = torch.empty_like(first)  # one buffer for all chunks: fresh memory costs more than the subtraction
    for start in range(0, len(samples), CHUNK):
        x = samples[slice(start, start + CHUNK)].flatten(1)  # (B, d)
        x = torch.sub(x, pivot, out=centred[: len(x)])
        total += x.sum(0)
        products += _gram(x)
    offset = total / len(samples)
    return pivot.double() + offset, products / len(samples) - torch.outer(offset, offset)


def _gram(x: Tensor) -> Tensor:
    if x.device.type == "cpu":
        rows = x.numpy()
        return torch.from_numpy(np.matmul(rows.T, rows))  # NumPy sees the symmetry and does half the work (syrk)
    return x.T @ x
