"""The way back from a code to an image: the mirror of a convolutional trunk."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn


class ConvDecoder(nn.Module):
    """A linear layer to the smallest map, then upsampling and 3x3 convolutions through the trunk's sizes in reverse.

    Upsampling to the exact sizes of the trunk's maps serves odd sides, and nearest-neighbour upsampling before a
    convolution leaves no checkerboard (Odena et al. 2016).

    Parameters
    ----------
    width
        Of the code.
    maps
        (C, H, W) of the image and of each of the trunk's maps, in the trunk's order.
    """

    def __init__(self, width: int, maps: Sequence[tuple[int, int, int]]) -> None:
        super().__init__()
        self.maps = tuple(reversed([tuple(m) for m in maps]))
        channels, height, wide = self.maps[0]
        self.spread = nn.Linear(width, channels * height * wide)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before[0], after[0], 3, padding=1) for before, after in pairwise(self.maps)
        )

    def forward(self, z: Tensor) -> Tensor:
        """Codes (B, D) to images (B, C, H, W)."""
        x = F.relu(self.spread(z)).unflatten(1, self.maps[0])
        for number, (convolution, (_, height, wide)) in enumerate(zip(self.convolutions, self.maps[1:], strict=True)):
            if x.shape[-2:] != (height, wide):
                x = F.interpolate(x, size=(height, wide), mode="nearest")
            x = convolution(x)
            if number < len(self.convolutions) - 1:
                x = F.relu(x)
        return x
