"""A guess at every place of an image, from all blocks of a net together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.nets.conv import channels_last


class Head(nn.Module):
    """A hypercolumn (Hariharan et al. 2015; for colours Larsson et al. 2016): all blocks' maps in one size, then two layers.

    A 1x1 convolution of all maps one upon another is the sum of one of each. Each is done where its map is small, and the sums go
    from the smallest map on, so that few are brought far.

    Parameters
    ----------
    channels
        Of the blocks' maps.
    width
        Of the hidden layer.
    out
        Values that are guessed at a place.
    """

    def __init__(self, channels: Sequence[int], width: int, out: int) -> None:
        super().__init__()
        self.each = nn.ModuleList(nn.Conv2d(count, width, 1, bias=False) for count in channels)
        self.norm = nn.BatchNorm2d(width)
        self.guess = nn.Conv2d(width, out, 1)
        channels_last(self)

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Maps (B, C, H, W) of each block to guesses (B, out, *size)."""
        small = [_sized(x, size) if x.shape[2] > size[0] else x for x in maps]
        *layers, last = self.each
        total: Tensor = last(small[-1])  # (B, width, H, W), and from there on larger
        for layer, x in zip(reversed(layers), reversed(small[:-1]), strict=True):
            total = layer(x) + _sized(total, (x.shape[2], x.shape[3]))
        found: Tensor = self.guess(torch.relu(self.norm(_sized(total, size))))
        return found


def _sized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """A map (B, C, H, W) of another size: averaged where that is smaller, else interpolated."""
    if x.shape[2] > size[0]:
        return F.adaptive_avg_pool2d(x, size)
    return x if x.shape[2:] == size else F.interpolate(x, size, mode="bilinear", align_corners=False)
