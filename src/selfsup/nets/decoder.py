"""The way back from a code to an image: the mirror of a convolutional backbone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.nets.backbone import Backbone
from selfsup.nets.conv import channels_last, unit
from selfsup.nets.mlp import Activation, mlp


def mirrored(
    width: int, shape: tuple[int, ...], backbone: Backbone, activation: Activation = "relu"
) -> nn.Sequential | ConvDecoder:
    """Make the mirror of a backbone: from codes (B, width) back to (B, *shape).

    Parameters
    ----------
    activation
        Of an mlp's layers.
    """
    if len(backbone.maps[-1]) == 3:
        return ConvDecoder(width, cast("list[tuple[int, int, int]]", [shape, *backbone.maps]))
    # a backbone without a layer only flattens, and its mirror is one linear layer
    hidden = [] if isinstance(backbone.blocks[0], nn.Flatten) else backbone.widths
    widths = [width, *reversed(hidden), math.prod(shape)]
    return nn.Sequential(*mlp(widths, activation=activation), nn.Unflatten(1, shape))


class ConvDecoder(nn.Module):
    """A linear layer to the smallest map, then upsampling and 3x3 convolutions through the backbone's sizes in reverse.

    Upsampling to the exact sizes of the backbone's maps serves odd sides, and nearest-neighbour upsampling before a
    convolution leaves no checkerboard (Odena et al. 2016).

    Parameters
    ----------
    width
        Of the code.
    maps
        (C, H, W) of the image and of each of the backbone's maps, in the backbone's order.
    """

    def __init__(self, width: int, maps: Sequence[tuple[int, int, int]]) -> None:
        super().__init__()
        self.maps = tuple(reversed([tuple(m) for m in maps]))
        channels, height, wide = self.maps[0]
        self.spread = nn.Sequential(
            nn.Linear(width, channels * height * wide),
            nn.Unflatten(1, self.maps[0]),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        *steps, last = pairwise(self.maps)
        self.steps = nn.ModuleList(nn.Sequential(*unit(before[0], after[0])) for before, after in steps)
        self.out = nn.Conv2d(last[0][0], last[1][0], 3, padding=1)
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        """Codes (B, D) to images (B, C, H, W)."""
        x: Tensor = self.spread(z)
        for step, (_, height, wide) in zip([*self.steps, self.out], self.maps[1:], strict=True):
            if x.shape[-2:] != (height, wide):
                x = F.interpolate(x, size=(height, wide), mode="nearest")
            x = step(x)
        return x
