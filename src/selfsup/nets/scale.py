"""Standardising inside a model, so that what was learnt of the scale is saved with it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


class Standardize(nn.Module):
    """(x - mean) / std along axis 1, and back; the statistics are buffers.

    Parameters
    ----------
    mean, std
        (C,) for images (B, C, H, W), (d,) for vectors (B, d). A deviation of 0 (a constant column) counts as 1.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: np.ndarray, std: np.ndarray, axes: int) -> None:
        super().__init__()
        shape = (-1,) + (1,) * (axes - 1)
        std = np.where(std > 0, std, 1).astype(np.float32)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).reshape(shape))
        self.register_buffer("std", torch.tensor(std).reshape(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Data (B, ...) to standard units."""
        return (x - self.mean) / self.std

    def inverse(self, x: Tensor) -> Tensor:
        """Standard units back to the data's."""
        return x * self.std + self.mean
