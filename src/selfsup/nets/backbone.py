"""A backbone is a list of blocks that knows what each gives and how it becomes one vector."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from selfsup.errors import OptionError
from selfsup.nets.conv import channels_last
from selfsup.nets.resnet import torchvision_names

MANY = 1 << 22  # values of a blank sample that are worth the second that torch takes to learn to do without them


class Backbone(nn.Module):
    """Blocks in sequence; keeps what each gives for one sample, measured on a blank one.

    Attributes
    ----------
    maps
        Shape of each block's output for one sample: (C, H, W), (D,), or of tokens (N, D).
    words
        What the net is, for people.
    names
        What the tensors of its state dict are called elsewhere, by our names; of a ResNet as in torchvision and timm.
    """

    names: dict[str, str]

    def __init__(self, blocks: Sequence[nn.Module], shape: tuple[int, ...], words: str) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        channels_last(self)
        self.words = words
        named = torchvision_names(blocks)
        self.names = {} if named is None else {f"blocks.{n}": named(n) for n in self.blocks.state_dict()}
        self.maps = self._measure(shape)

    def _measure(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        was_training = self.training
        self.eval()
        try:
            with torch.no_grad():
                outputs = self._shapes(shape) if 2 * math.prod(shape) > MANY else None
                maps = [tuple(out.shape[1:]) for out in outputs or self.outputs(torch.zeros(2, *shape))]
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise OptionError(f"the net does not take samples of shape {shape}: {error}") from error
        self.train(was_training)
        return maps

    def _shapes(self, shape: tuple[int, ...]) -> list[Tensor] | None:
        """Outputs for a large sample without memory (device meta); None where a block cannot do without."""
        x, found = torch.empty(2, *shape, device="meta"), []
        try:
            for block in self.blocks:
                held = {**dict(block.named_parameters()), **dict(block.named_buffers())}
                x = functional_call(block, {name: one.to("meta") for name, one in held.items()}, (x,))
                found.append(x)
        except Exception:  # also what it says where it takes no such samples: said again, of true ones
            return None
        return found

    @property
    def widths(self) -> list[int]:
        """Length of each block's output when it is pooled."""
        return [shape[-1] if len(shape) == 2 else shape[0] for shape in self.maps]

    def outputs(self, x: Tensor) -> list[Tensor]:
        """Output of every block, in order: (B, C, H, W), (B, D), or of tokens (B, N, D)."""
        found = []
        for block in self.blocks:
            x = block(x)
            found.append(x)
        return found

    def pooled(self, x: Tensor) -> Tensor:
        """One vector (B, D) of a block's output: as `pooled` of the last block makes it, where that has one, or else the mean."""
        own: Callable[[Tensor], Tensor] = getattr(self.blocks[-1], "pooled", pooled)
        return own(x)

    def mapped(self, x: Tensor) -> Tensor | None:
        """The map (B, D, H', W') of a block's output: itself, or of tokens as `mapped` of the last block makes it, or None."""
        own: Callable[[Tensor], Tensor | None] | None = getattr(self.blocks[-1], "mapped", None)
        if x.ndim == 3 and own is not None:
            return own(x)
        return x if x.ndim == 4 else None

    def forward(self, x: Tensor) -> Tensor:
        """Output of the last block."""
        for block in self.blocks:
            x = block(x)
        return x


def find_backbone(module: nn.Module) -> Backbone | None:
    """The backbone of a method, or of one within it; the first of several."""
    return next((one for one in module.modules() if isinstance(one, Backbone)), None)


def pooled(x: Tensor) -> Tensor:
    """Mean over the places of a map (B, C, H, W) to (B, C), or over tokens (B, N, D) to (B, D); (B, D) stays as it is."""
    if x.ndim == 3:
        return x.mean(1)
    return x.flatten(2).mean(2) if x.ndim > 2 else x
