"""Small convolutional nets, as lists of blocks."""

from __future__ import annotations

import torch
from torch import nn

from selfsup.errors import OptionError

SMALLEST = 3  # pixels: a conv backbone halves its map until it is at most so high
LARGE = 24  # pixels: from here on the first block halves the map too, since most of the work would be done there


def unit(fan_in: int, fan_out: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """Convolution, batch norm, ReLU; the map keeps its size (over `stride`, rounded up)."""
    convolution = nn.Conv2d(fan_in, fan_out, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(fan_out), nn.ReLU()]


def channels_last(module: nn.Module) -> None:
    """Store kernels with the channel as last axis: convolutions on a CPU are 1.1 to 3 times faster so (docs/log.md)."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def check(net: str, shape: tuple[int, ...], widths: tuple[int, ...] | None) -> None:
    """Raise `OptionError` if samples are no images (C, H, W), or no width is named."""
    if len(shape) != 3:
        raise OptionError(f"net '{net}' needs images; these are vectors of {shape[0]} values: use net 'mlp'")
    if widths == ():
        raise OptionError(f"option 'hidden' must name at least one width for net '{net}'; got none")


def conv_blocks(shape: tuple[int, ...], widths: tuple[int, ...] | None = None) -> list[nn.Module]:
    """One 3x3 convolution a block; each block halves the map, the first one only from 24 pixels on.

    Parameters
    ----------
    shape
        Of an image: (C, H, W). The longer side decides the number of blocks where `widths` does not.
    widths
        Channels of the blocks. None: 32, doubled from block to block up to 256, until the map is at most 3 pixels high.
    """
    check("conv", shape, widths)
    side = max(shape[1:])
    first = 2 if side >= LARGE else 1
    if widths is None:
        chosen, left = [32], -(-side // first)
        while left > SMALLEST:
            chosen, left = [*chosen, min(2 * chosen[-1], 256)], -(-left // 2)
        widths = tuple(chosen)
    fans = (shape[0], *widths)
    return [nn.Sequential(*unit(fans[k], fans[k + 1], stride=first if k == 0 else 2)) for k in range(len(widths))]


def nin_blocks(shape: tuple[int, ...], widths: tuple[int, ...] | None = None) -> list[nn.Module]:
    """Network in Network (Lin et al. 2014) as RotNet was published with (Gidaris et al. 2018, section 3.1, and their code).

    A block is a spatial convolution and two of 1x1; the first two have 5x5 and halve the map after it, by the largest and by
    the mean of 3x3 places. Of 32x32 pixels block 2 gives (192, 8, 8), and no later block makes the map smaller.

    Parameters
    ----------
    shape
        Of an image: (C, H, W).
    widths
        Channels that the blocks give; None is (96, 192, 192, 192). Within the first block the width falls from twice this.
    """
    check("nin", shape, widths)
    first, *others = widths or (96, 192, 192, 192)
    narrowing = [*unit(shape[0], 2 * first, 5), *unit(2 * first, 5 * first // 3, 1), *unit(5 * first // 3, first, 1)]
    blocks = [nn.Sequential(*narrowing, nn.MaxPool2d(3, 2, 1))]
    for number, (fan_in, width) in enumerate(zip([first, *others], others, strict=False)):
        layers = [*unit(fan_in, width, 3 if number else 5), *unit(width, width, 1), *unit(width, width, 1)]
        blocks.append(nn.Sequential(*layers, *([] if number else [nn.AvgPool2d(3, 2, 1)])))
    return list(blocks)


def bottleneck_blocks(shape: tuple[int, ...], widths: tuple[int, ...] | None = None) -> list[nn.Module]:
    """Two 3x3 convolutions on a third of a block's channels, and one of 1x1 that widens to all: a net for few CPU minutes.

    The channels that are read are many and cheap, those that are convolved few. The first block is a 3x3 convolution of the whole
    picture on three quarters of its channels, the largest of 3x3 places, and one of 1x1; a stride in place of the largest is
    faster and costs more accuracy than it saves (docs/log.md). Every block halves the map, the first one only from 24 pixels on.

    Parameters
    ----------
    shape
        Of an image: (C, H, W).
    widths
        Channels that the blocks give; None is (64, 384, 256).
    """
    check("bottleneck", shape, widths)
    first, *others = widths or (64, 384, 256)
    few = -(-3 * first // 4)
    halved = [nn.MaxPool2d(3, 2, 1)] if min(shape[1:]) >= LARGE else []
    blocks = [nn.Sequential(*unit(shape[0], few), *halved, *unit(few, first, 1))]
    for fan_in, width in zip([first, *others], others, strict=False):
        few = -(-width // 3)
        blocks.append(nn.Sequential(*unit(fan_in, few, 3, 2), *unit(few, few), *unit(few, width, 1)))
    return list(blocks)
