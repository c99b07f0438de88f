"""Heads: projectors and predictors of linear layers, and prototypes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.errors import OptionError


def make_projector(fan_in: int, widths: Sequence[int], *, last_norm: bool = False) -> nn.Sequential:
    """Linear layers (B, fan_in) to (B, widths[-1]), with batch norm and ReLU between them (Chen et al. 2020, section 2.1).

    Parameters
    ----------
    fan_in
        Width of what comes in.
    widths
        Of the layers, the last included.
    last_norm
        Whether batch norm, without gain and shift, stands behind the last layer too.

    Raises
    ------
    OptionError
        If no width is named, or one is below 1.
    """
    if not widths or min(widths) < 1:
        raise OptionError(f"a projector needs at least one layer of at least one value; got widths {tuple(widths)}")
    layers: list[nn.Module] = []
    for width in widths[:-1]:
        layers += [nn.Linear(fan_in, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()]
        fan_in = width
    layers.append(nn.Linear(fan_in, widths[-1], bias=not last_norm))
    return nn.Sequential(*layers, *([nn.BatchNorm1d(widths[-1], affine=False)] if last_norm else []))


def on_views(net: Callable[[Tensor], Tensor], made: Tensor) -> Tensor:
    """What a net gives (B, n, d) for views (B, n, ...), each as a sample of its own."""
    found: Tensor = net(made.flatten(0, 1)).unflatten(0, made.shape[:2])
    return found


class Prototypes(nn.Module):
    """Cosines (B, K) of (B, d) with K directions: a weight-normalised layer of gain 1 (Caron et al. 2021, appendix C)."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, width))

    def forward(self, x: Tensor) -> Tensor:
        """Unit vectors in the space of the layer below, on unit vectors."""
        return F.normalize(x, dim=1) @ F.normalize(self.weight, dim=1).T
