"""ResNet-18 whose stem adapts to the size of the images."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.errors import OptionError
from selfsup.nets.conv import check

SMALL = 64  # pixels: at this side and below a 7x7 stride-2 stem and a max-pool throw most of the picture away


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2016, figure 5 left)."""

    def __init__(self, fan_in: int, fan_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(fan_out)
        self.conv2 = nn.Conv2d(fan_out, fan_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(fan_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or fan_in != fan_out:
            self.shortcut = nn.Sequential(nn.Conv2d(fan_in, fan_out, 1, stride, bias=False), nn.BatchNorm2d(fan_out))

    def forward(self, x: Tensor) -> Tensor:
        """(B, fan_in, H, W) to (B, fan_out, H / stride, W / stride)."""
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def resnet18_blocks(shape: tuple[int, ...], widths: tuple[int, ...] | None = None) -> list[nn.Module]:
    """Stages of ResNet-18, the stem inside the first (He et al. 2016, table 1).

    Parameters
    ----------
    shape
        Of an image: (C, H, W). Where the shorter side is 64 or below, the stem is one 3x3 convolution without max-pool, as
        the CIFAR nets of the same paper (section 4.2) and of SimCLR (appendix B.9) have it.
    widths
        Channels of the four stages; None is (64, 128, 256, 512).
    """
    check("resnet18", shape, widths)
    if widths is not None and len(widths) != 4:
        raise OptionError(f"net 'resnet18' has four stages; hidden must be four widths, got {widths}")
    channels, widths = shape[0], widths or (64, 128, 256, 512)
    if min(shape[1:]) <= SMALL:
        stem = [nn.Conv2d(channels, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    else:
        stem = [nn.Conv2d(channels, widths[0], 7, 2, 3, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
        stem.append(nn.MaxPool2d(3, 2, 1))
    blocks: list[nn.Module] = []
    fan_in = widths[0]
    for number, width in enumerate(widths):
        stage: list[nn.Module] = stem if number == 0 else []
        stage += [BasicBlock(fan_in, width, 1 if number == 0 else 2), BasicBlock(width, width, 1)]
        blocks.append(nn.Sequential(*stage))
        fan_in = width
    return blocks
