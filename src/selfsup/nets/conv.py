"""A small convolutional net: a few blocks, each of half the size and more channels."""

from __future__ import annotations

from torch import nn


def conv_blocks(channels: int, side: int, widths: tuple[int, ...] | None = None) -> list[nn.Module]:
    """Blocks of a 3x3 and a 1x1 convolution, in the spirit of Network in Network (Lin et al. 2014).

    Parameters
    ----------
    channels
        Of the images.
    side
        Shorter side in pixels; decides how often the map is halved (until it is at most 4 pixels high).
    widths
        Channels of the blocks; None makes as many blocks as halvings, from 32 channels up.
    """
    halvings = max(1, (max(side, 8) // 4).bit_length() - 1)
    widths = widths or tuple(min(32 * 2**k, 256) for k in range(halvings + 1))
    blocks: list[nn.Module] = []
    for number, width in enumerate(widths):
        stride = 2 if 0 < number <= halvings else 1
        blocks.append(
            nn.Sequential(
                nn.Conv2d(channels, width, 3, stride, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.Conv2d(width, width, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            )
        )
        channels = width
    return blocks
