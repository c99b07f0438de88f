"""ResNets whose stem adapts to the size of the images, and their names in the state dicts of torchvision and timm."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.errors import OptionError
from selfsup.nets.conv import check, unit

SMALL = 64  # pixels: at this side and below a 7x7 stride-2 stem and a max-pool throw most of the picture away
THEIRS = (
    (r"\.norm(\d)\.", r".bn\1."),
    (r"\.shortcut\.", ".downsample."),
)  # names inside a block, ours and torchvision's


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2016, figure 5 left)."""

    spread = 1  # channels that come out, in the stage's width

    def __init__(self, fan_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(fan_in, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.shortcut = _shortcut(fan_in, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, fan_in, H, W) to (B, width, H / stride, W / stride)."""
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and a shortcut (figure 5 right); the stride lies in the 3x3, as in torchvision and timm."""

    spread = 4

    def __init__(self, fan_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(fan_in, width, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(4 * width)
        self.shortcut = _shortcut(fan_in, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, fan_in, H, W) to (B, 4 width, H / stride, W / stride)."""
        y = F.relu(self.norm1(self.conv1(x)))
        y = F.relu(self.norm2(self.conv2(y)))
        return F.relu(self.norm3(self.conv3(y)) + self.shortcut(x))


def _shortcut(fan_in: int, fan_out: int, stride: int) -> nn.Module:
    if stride == 1 and fan_in == fan_out:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(fan_in, fan_out, 1, stride, bias=False), nn.BatchNorm2d(fan_out))


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
    return _stages("resnet18", shape, widths, BasicBlock, (2, 2, 2, 2))


def resnet50_blocks(shape: tuple[int, ...], widths: tuple[int, ...] | None = None) -> list[nn.Module]:
    """Stages of ResNet-50, the stem inside the first; the rest as `resnet18_blocks`.

    Parameters
    ----------
    widths
        Channels inside the bottlenecks of the four stages, of which four times as many come out; None is (64, 128, 256, 512).
    """
    return _stages("resnet50", shape, widths, Bottleneck, (3, 4, 6, 3))


def _stages(
    net: str,
    shape: tuple[int, ...],
    widths: tuple[int, ...] | None,
    kind: type[BasicBlock] | type[Bottleneck],
    depths: Sequence[int],
) -> list[nn.Module]:
    check(net, shape, widths)
    if widths is not None and len(widths) != 4:
        raise OptionError(f"net '{net}' has four stages; hidden must be four widths, got {widths}")
    channels, widths = shape[0], widths or (64, 128, 256, 512)
    small = min(shape[1:]) <= SMALL
    stem = unit(channels, widths[0], *((3, 1) if small else (7, 2)))
    if not small:
        stem.append(nn.MaxPool2d(3, 2, 1))
    blocks: list[nn.Module] = []
    fan_in = widths[0]
    for number, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        stage: list[nn.Module] = stem if number == 0 else []
        for place in range(depth):
            stage.append(kind(fan_in, width, 2 if place == 0 and number > 0 else 1))
            fan_in = kind.spread * width
        blocks.append(nn.Sequential(*stage))
    return blocks


def torchvision_names(blocks: Sequence[nn.Module]) -> Callable[[str], str] | None:
    """How torchvision and timm call the tensors of these blocks: ``0.3.norm1.weight`` is ``layer1.0.bn1.weight``.

    Returns
    -------
    function or None
        Of a name in the state dict of the list of blocks; None where they are no stages of a ResNet.
    """
    stages = [list(stage) if isinstance(stage, nn.Sequential) else [] for stage in blocks]
    if not all(stage and isinstance(stage[-1], BasicBlock | Bottleneck) for stage in stages):
        return None
    firsts = [next(k for k, part in enumerate(stage) if isinstance(part, BasicBlock | Bottleneck)) for stage in stages]

    def named(name: str) -> str:
        stage, place, rest = name.split(".", 2)
        inside = int(place) - firsts[int(stage)]
        if inside < 0:  # the stem: a convolution, then its norm
            return f"{'conv1' if int(place) == 0 else 'bn1'}.{rest}"
        found = f"layer{int(stage) + 1}.{inside}.{rest}"
        for ours, theirs in THEIRS:
            found = re.sub(ours, theirs, found)
        return found

    return named
