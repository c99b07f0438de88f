"""JumpReLU: a ReLU with a threshold that is learnt, though its derivative is 0 almost everywhere.

Gradients of the threshold are straight-through estimates with a rectangular kernel (Rajamanoharan et al. 2024, section 3).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class JumpReLU(torch.autograd.Function):
    """z where z exceeds its unit's threshold, else 0."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, threshold: Tensor, width: float) -> Tensor:
        """Of pre-activations (B, M), thresholds (M,), and the width of the kernel."""
        ctx.save_for_backward(z, threshold)
        ctx.width = width
        return z * (z > threshold)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        """Equation 11 of the paper."""
        z, threshold = ctx.saved_tensors
        near = ((z - threshold).abs() < ctx.width / 2) * gradient  # (B, M)
        return gradient * (z > threshold), -(threshold / ctx.width) * near.sum(0), None


class Active(torch.autograd.Function):
    """1 where z exceeds its unit's threshold, else 0."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, threshold: Tensor, width: float) -> Tensor:
        """Of pre-activations (B, M), thresholds (M,), and the width of the kernel."""
        ctx.save_for_backward(z, threshold)
        ctx.width = width
        return (z > threshold).to(z.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, None]:
        """Equation 12 of the paper."""
        z, threshold = ctx.saved_tensors
        near = ((z - threshold).abs() < ctx.width / 2) * gradient
        return None, -near.sum(0) / ctx.width, None
