"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def mlp(widths: Sequence[int], *, last_active: bool = False) -> nn.Sequential:
    """Linear layers with a ReLU between them.

    Parameters
    ----------
    widths
        From the input to the output, at least two.
    last_active
        Whether the output passes a ReLU too.
    """
    layers: list[nn.Module] = []
    for number, (fan_in, fan_out) in enumerate(pairwise(widths), start=1):
        layers.append(nn.Linear(fan_in, fan_out))
        if last_active or number < len(widths) - 1:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)
