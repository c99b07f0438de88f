"""A trunk is a list of blocks; its net is chosen by the shape of the data, by name, or given as a module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from selfsup.errors import OptionError
from selfsup.nets.conv import channels_last, conv_blocks, nin_blocks
from selfsup.nets.mlp import Activation, mlp
from selfsup.nets.resnet import resnet18_blocks

NetName = Literal["auto", "mlp", "conv", "nin", "resnet18"]
NETS = get_args(NetName)


class Trunk(nn.Module):
    """Blocks in sequence; keeps what each gives for one sample, measured on a blank one.

    Attributes
    ----------
    maps
        Shape of each block's output for one sample: (C, H, W) or (D,).
    words
        What the net is, for people.
    """

    def __init__(self, blocks: Sequence[nn.Module], shape: tuple[int, ...], words: str) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        channels_last(self)
        self.words = words
        self.maps = self._measure(shape)

    def _measure(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        was_training = self.training
        self.eval()
        try:
            with torch.no_grad():
                maps = [tuple(out.shape[1:]) for out in self.outputs(torch.zeros(2, *shape))]
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise OptionError(f"the net does not take samples of shape {shape}: {error}") from error
        self.train(was_training)
        return maps

    def outputs(self, x: Tensor) -> list[Tensor]:
        """Output of every block, in order: (B, C, H, W) or (B, D)."""
        found = []
        for block in self.blocks:
            x = block(x)
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Output of the last block."""
        for block in self.blocks:
            x = block(x)
        return x


def pooled(x: Tensor) -> Tensor:
    """Average over all places of a map: (B, C, ...) to (B, C)."""
    return x.flatten(2).mean(2) if x.ndim > 2 else x


def make_trunk(
    net: str | nn.Module,
    shape: tuple[int, ...],
    hidden: tuple[int, ...] | None = None,
    for_images: str = "conv",
    activation: Activation = "relu",
) -> Trunk:
    """Choose and build a trunk.

    Parameters
    ----------
    net
        ``"auto"`` (vectors: mlp; images: `for_images`), ``"mlp"``, ``"conv"``, ``"nin"``, ``"resnet18"``, or any module
        from Python that takes (B, *shape); a `torch.nn.Sequential` is probed block by block.
    shape
        Of one sample: (C, H, W) or (d,).
    hidden
        Widths of the blocks, from the input on; None is the net's default.
    for_images
        What ``"auto"`` means for images.
    activation
        Between the layers of an mlp; the other nets have their own.
    """
    if isinstance(net, nn.Module):
        blocks = list(net) if isinstance(net, nn.Sequential) else [net]
        return Trunk(blocks, shape, f"{type(net).__name__} as given")
    if net == "auto":
        net = for_images if len(shape) == 3 else "mlp"
    if hidden == () and net != "mlp":
        raise OptionError(f"option 'hidden' must name at least one width for net '{net}'; got none")
    if net == "mlp":
        widths = hidden if hidden is not None else (256,)
        fans = zip((_size(shape), *widths), widths, strict=False)
        layers = [mlp([a, b], last_active=True, activation=activation) for a, b in fans]
        blocks = [nn.Sequential(nn.Flatten(), layers[0]), *layers[1:]] if layers else [nn.Flatten()]
        return Trunk(blocks, shape, f"mlp of {'-'.join(map(str, widths)) or 'no hidden layer'}")
    if len(shape) != 3:
        raise OptionError(f"net '{net}' needs images; these are vectors of {shape[0]} values: use net 'mlp'")
    channels, side = shape[0], min(shape[1:])
    if net == "conv":
        return Trunk(conv := conv_blocks(channels, max(shape[1:]), hidden), shape, _describe("conv", conv))
    if net == "nin":
        return Trunk(nin := nin_blocks(channels, side, hidden), shape, _describe("nin", nin))
    if net == "resnet18":
        if hidden is not None and len(hidden) != 4:
            raise OptionError(f"net 'resnet18' has four stages; hidden must be four widths, got {hidden}")
        stem = "3x3 stem, no max-pool" if side <= 64 else "7x7 stem"
        return Trunk(resnet18_blocks(channels, side, hidden or (64, 128, 256, 512)), shape, f"ResNet-18, {stem}")
    raise OptionError(f"option 'net' must be one of {', '.join(NETS)} or a module; got {net!r}")


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for axis in shape:
        size *= axis
    return size


def _describe(name: str, blocks: Sequence[nn.Module]) -> str:
    widths = [next(m for m in block.modules() if isinstance(m, nn.Conv2d)).out_channels for block in blocks]
    return f"{name} of {len(widths)} blocks, {'-'.join(map(str, widths))} channels"
