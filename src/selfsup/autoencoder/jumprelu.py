"""JumpReLU: a ReLU with a threshold that is learnt, though its derivative is 0 almost everywhere.

Gradients of the threshold are straight-through estimates with a rectangular kernel (Rajamanoharan et al. 2024, section 3).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

WIDTH = 0.1  # of the kernel, beside pre-activations of about 1


class JumpReLU(torch.autograd.Function):
    """z where z exceeds its unit's threshold, else 0."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, threshold: Tensor) -> Tensor:
        """Of pre-activations (B, M) and thresholds (M,)."""
        ctx.save_for_backward(z, threshold)
        return z * (z > threshold)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Equation 11 of the paper."""
        z, threshold = ctx.saved_tensors
        near = ((z - threshold).abs() < WIDTH / 2) * gradient  # (B, M)
        return gradient * (z > threshold), -(threshold / WIDTH) * near.sum(0)


class Active(torch.autograd.Function):
    """1 where z exceeds its unit's threshold, else 0."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, threshold: Tensor) -> Tensor:
        """Of pre-activations (B, M) and thresholds (M,)."""
        ctx.save_for_backward(z, threshold)
        return (z > threshold).to(z.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        """Equation 12 of the paper."""
        z, threshold = ctx.saved_tensors
        near = ((z - threshold).abs() < WIDTH / 2) * gradient
        return None, -near.sum(0) / WIDTH
