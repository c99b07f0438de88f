"""Heads of linear layers: projectors and predictors."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

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
