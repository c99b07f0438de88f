"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import nn

Activation = Literal["relu", "sigmoid", "tanh", "gelu"]
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
}


def mlp(widths: Sequence[int], *, last_active: bool = False, activation: Activation = "relu") -> nn.Sequential:
    """Linear layers with an activation between them.

    Parameters
    ----------
    widths
        From the input to the output, at least two.
    last_active
        Whether the output passes the activation too.
    activation
        relu, sigmoid, tanh or gelu.
    """
    layers: list[nn.Module] = []
    for number, (fan_in, fan_out) in enumerate(pairwise(widths), start=1):
        layers.append(nn.Linear(fan_in, fan_out))
        if last_active or number < len(widths) - 1:
            layers.append(ACTIVATIONS[activation]())
    return nn.Sequential(*layers)
