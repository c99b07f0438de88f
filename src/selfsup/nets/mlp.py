"""Fully connected layers."""

from __future__ import annotations

import math
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


def mlp_blocks(
    shape: tuple[int, ...], widths: tuple[int, ...] | None = None, activation: Activation = "relu"
) -> list[nn.Module]:
    """One layer a block; the first flattens, and is alone where no width is named.

    Parameters
    ----------
    shape
        Of a sample, of any number of axes.
    widths
        Of the layers; None is (256,).
    """
    widths = widths if widths is not None else (256,)
    layers = [mlp(pair, last_active=True, activation=activation) for pair in pairwise((math.prod(shape), *widths))]
    return [nn.Sequential(nn.Flatten(), layers[0]), *layers[1:]] if layers else [nn.Flatten()]
