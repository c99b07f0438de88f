"""Methods that see some patches of an image and guess the others: patches, the vision transformer on them, its code."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor

from selfsup.errors import OptionError
from selfsup.hide import at_places, patchify, unpatchify
from selfsup.method import About, Method
from selfsup.methods.masked.filler import Filler
from selfsup.nets import Backbone, Standardize, make_backbone
from selfsup.nets.vit import FEWEST, patch_of, tokens_of
from selfsup.options import Range

WIDTHS = (64, 64)  # of net auto: six transformer blocks, for minutes on a CPU
GREY = 0.5  # of what a picture does not have


class Cut(NamedTuple):
    """Some patches of each image, in standard units, and where they are, counted row by row."""

    pixels: Tensor  # (B, K, C, P, P)
    places: Tensor  # (B, K) int64


class Seen(NamedTuple):
    """The patches of each image that are seen, in standard units, where they are, and the places that are to be guessed."""

    pixels: Tensor  # (B, K, C, P, P)
    places: Tensor  # (B, K) int64
    asked: Tensor  # (B, M) or (B, blocks, size) int64


class Masked(Method):
    """Base of the methods that see some patches of an image and guess the others."""

    kinds = ("image",)

    backbone: Backbone
    scale: Standardize
    filler: Filler

    def __init__(
        self,
        net: Literal["auto", "vit-tiny", "vit-small"] = "auto",
        hidden: tuple[Annotated[int, Range(1)], ...] | None = None,
        patch: Annotated[int, Range(1)] | None = None,
        narrow: Annotated[int, Range(4)] | None = None,
        depth: Annotated[int, Range(1)] = 2,
    ) -> None:
        """Take the options that all methods of masked patches have.

        Parameters
        ----------
        net
            The encoder, a vision transformer: auto (six blocks of 64 values, for CPUs), vit-tiny or vit-small.
        hidden
            Widths of its tokens, all the same: one for every three transformer blocks.
        patch
            Side of a patch in pixels; by default the largest of 16, 8 and 4 that leaves seven of them along the shorter side of
            the images, or 2. Sides that are no multiple of it are filled up.
        narrow
            Width of the tokens in the net that guesses, a multiple of 4 (of 64 from 128 on); by default half the encoder's,
            but at least 32.
        depth
            Transformer blocks of the net that guesses.
        """
        super().__init__()
        self.net, self.hidden, self.patch, self.narrow, self.depth = net, hidden, patch, narrow, depth

    def build(self, about: About) -> None:
        """Make the encoder, and the grid of its patches."""
        shape = about.form.shape
        self.shape, shorter = shape, min(shape[1:])
        if self.patch is not None and self.patch > shorter:
            raise OptionError(
                f"option 'patch' must be at most {shorter}, the shorter side of the images; got {self.patch}"
            )
        net, hidden = ("vit-tiny", self.hidden or WIDTHS) if self.net == "auto" else (self.net, self.hidden)
        self.side = self.patch or usual_patch(shape)
        self.grid = (-(-shape[1] // self.side), -(-shape[2] // self.side))
        self.places = self.grid[0] * self.grid[1]
        moments = about.fact("moments")
        self.scale = Standardize(moments.mean, moments.std, axes=3)
        self.backbone = make_backbone(net, shape, hidden, patch=self.side)

    def make_filler(self, fan_out: int) -> Filler:
        """The net that guesses, from tokens of the encoder."""
        width = self.backbone.widths[-1]
        narrow = self.narrow or max(32, width // 2 // 4 * 4)
        if narrow % (4 * max(1, narrow // 64)):
            raise OptionError(f"option 'narrow' must be a multiple of 4, and of 64 from 128 on; got {narrow}")
        return Filler(width, fan_out, self.grid, narrow, self.depth)

    def cut(self, x: Tensor, places: Tensor) -> Cut:
        """Patches of images (B, C, H, W) at places (B, K)."""
        return Cut(at_places(patchify(self.scale(x), self.side), places), places)

    def tokens(self, seen: Seen) -> Tensor:
        """What the encoder makes of the patches that are seen: (B, K, D)."""
        return tokens_of(self.backbone.blocks, seen.pixels, seen.places)

    def drawn(self, x: Tensor) -> int:
        """For how many of a batch a mask is drawn: in evaluation one is for all, so that guesses differ by what was seen only."""
        return len(x) if self.training else 1

    def layers(self, x: Tensor) -> dict[str, Tensor]:
        """Mean over the patches of the whole image, of every block."""
        outputs = self.backbone.outputs(self.scale(x))
        return {f"block{number}": self.backbone.pooled(out) for number, out in enumerate(outputs, start=1)}

    def encode(self, x: Tensor) -> Tensor:
        """Codes (B, D): the mean over the patches of the whole image, of the last block."""
        return self.backbone.pooled(self.backbone(self.scale(x)))

    def painted(self, pixels: Tensor, places: Tensor) -> Tensor:
        """A picture (B, C, H, W) of patches (B, K, C, P, P) in the data's units; grey where there are none."""
        empty = torch.full((len(places), self.places, *pixels.shape[2:]), GREY, device=pixels.device)
        index = places[:, :, None, None, None].expand(-1, -1, *pixels.shape[2:])
        return unpatchify(empty.scatter(1, index, pixels.float()), *self.shape[1:])


def usual_patch(shape: tuple[int, ...]) -> int:
    """Side of a patch in pixels, for images (C, H, W) of any size."""
    shorter = min(shape[1:])
    return patch_of("vit-tiny", shape) if shorter >= 2 * FEWEST else min(2, shorter)
