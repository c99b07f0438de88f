"""What methods share that compare patches of one image: grid, counter-measures, encoder, and codes of whole images."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from selfsup.errors import OptionError
from selfsup.hide.patches import (
    cut,
    drop_colours,
    each_alone,
    extent,
    grid_patches,
    normalize_patches,
    overlapping,
    project_colours,
    resample_patches,
)
from selfsup.method import About, Method
from selfsup.nets import NetName, Standardize, make_backbone, pooled
from selfsup.options import Range

EMBEDDED = 256  # values that stand for a patch when it is compared with others
SMALL = 32  # pixels: the patches of smaller images are of a few pixels, and say little


class Patchwise(Method):
    """Base of the methods that compare patches of one image.

    Parameters
    ----------
    net
        Backbone of a patch: auto (conv), conv, nin, resnet18, mlp, FILE.py:function of (shape, hidden), or a module.
    hidden
        Channels of the backbone's blocks, from the patch on.
    block
        Which block gives the code, averaged over all places of all patches: its number from 1, "middle" or "last".
    patch
        Side of a patch in pixels; by default a quarter of the image's shorter side.
    gap
        Pixels between the cells of the grid; by default what lets it fill most of the image, about a third of a patch.
    jitter
        Largest shift of a patch in pixels; by default what keeps neighbours apart.
    colour
        Against chromatic aberration: project takes the axis from green to magenta away, drop leaves one channel of each patch and
        noise, keep does nothing; auto is project for three channels, else keep.
    resample
        Make a third of the patches smaller and then as large as before.
    normalize
        Bring each patch to mean 0 and deviation 1.
    """

    kinds = ("image",)
    grid: int = 3  # cells to a side

    def __init__(
        self,
        net: NetName | nn.Module = "auto",
        hidden: tuple[Annotated[int, Range(1)], ...] | None = None,
        block: Annotated[int, Range(1)] | Literal["middle", "last"] = "last",
        patch: Annotated[int, Range(1)] | None = None,
        gap: Annotated[int, Range(0)] | None = None,
        jitter: Annotated[int, Range(0)] | None = None,
        colour: Literal["auto", "keep", "drop", "project"] = "auto",
        resample: bool = True,
        normalize: bool = True,
    ) -> None:
        super().__init__()
        self.net, self.hidden, self.block = net, hidden, block
        self.patch, self.gap, self.jitter = patch, gap, jitter
        self.colour, self.resample, self.normalize = colour, resample, normalize

    def build(self, about: About) -> None:
        """Make the encoder of patches; how large these are follows from the size of the images."""
        channels, *sides = about.form.shape
        self.side = min(sides)
        self.sizes = self._sizes(self.side)
        self.against = self._against(channels)
        self.scale = self._scale(about)
        patch = self.sizes[0]
        self.backbone = make_backbone(self.net, (channels, patch, patch), self.hidden, for_images="conv")
        blocks = len(self.backbone.blocks)
        if isinstance(self.block, int) and self.block > blocks:
            raise OptionError(f"option 'block' must be at most {blocks}, the blocks of the net; got {self.block}")
        named = {"middle": (blocks + 1) // 2, "last": blocks}
        self.code_block = self.block if isinstance(self.block, int) else named[self.block]
        flat = torch.Size(self.backbone.maps[-1]).numel()
        self.embedding = nn.Sequential(nn.Flatten(), nn.Linear(flat, EMBEDDED), nn.BatchNorm1d(EMBEDDED), nn.ReLU())

    def _sizes(self, side: int) -> tuple[int, int, int]:
        """Patch, gap and jitter in pixels, as asked or by the shorter side of the images."""
        patch = self.patch or max(1, side // (self.grid + 1))
        gap = self.gap if self.gap is not None else max(0, side - self.grid * patch) // self.grid
        if extent(self.grid, patch, gap) > side:
            raise OptionError(
                f"{self.grid} x {self.grid} patches of {patch} pixels with gaps of {gap} need images of at least "
                f"{extent(self.grid, patch, gap)} pixels; the shorter side of these is {side}: set a smaller patch or gap, "
                "or use larger images"
            )
        return patch, gap, self.jitter if self.jitter is not None else max(0, gap - 1) // 2

    def _against(self, channels: int) -> str:
        """What is done to colours."""
        if self.colour in ("drop", "project") and channels != 3:
            raise OptionError(
                f"option 'colour' can be {self.colour} for images of 3 channels; these have {channels}: use keep"
            )
        return self.colour if self.colour != "auto" else "project" if channels == 3 else "keep"

    def _scale(self, about: About) -> Standardize:
        """Standard units; one deviation for all channels where directions of colour are to stay what they are."""
        moments = about.fact("moments")
        std = moments.std if self.against != "project" else moments.std * 0 + moments.std.mean()
        return Standardize(moments.mean, std, axes=3)

    def net_words(self) -> str:
        """The encoder, and the sizes of what it sees."""
        patch, gap, jitter = self.sizes
        return f"{self.backbone.words}, of patches of {patch} pixels, gap {gap}, jitter {jitter}"

    def patch_size(self) -> int:
        """Side of its patches: that their place cannot be read from one alone is part of the evidence."""
        return self.sizes[0]

    def patches(self, x: Tensor, rng: torch.Generator) -> Tensor:
        """Patches (B, grid * grid, C, P, P) of images, in the images' own units, row by row."""
        found = grid_patches(x, self.grid, self.grid, *self.sizes, rng)[0]
        if self.against == "drop":
            found = drop_colours(found, rng)
        if self.resample:
            found = resample_patches(found.flatten(0, 1), rng).unflatten(0, found.shape[:2])
        return found

    def ready(self, patches: Tensor) -> Tensor:
        """Patches (M, C, P, P) as the net takes them: what is done to each in training and in use."""
        patches = self.scale(patches)
        if self.against == "project":
            patches = project_colours(patches)
        return normalize_patches(patches) if self.normalize else patches

    def embed(self, patches: Tensor) -> Tensor:
        """Patches (B, N, C, P, P) to what stands for each (B, N, E)."""
        codes: Tensor = self.embedding(self.backbone(self.ready(patches.flatten(0, 1))))
        found: Tensor = codes.unflatten(0, patches.shape[:2])
        return found

    def maps(self, x: Tensor) -> dict[str, Tensor]:
        """Codes (B, D, R, S) of overlapping patches all over the image, of every block: averages over a patch's own places."""
        return self._maps(x, len(self.backbone.blocks))

    def layers(self, x: Tensor) -> dict[str, Tensor]:
        """Averages of these over the image."""
        return {name: pooled(codes) for name, codes in self.maps(x).items()}

    def encode(self, x: Tensor) -> Tensor:
        """Codes (B, D): the chosen block's average over overlapping patches all over the image, made ready as in training."""
        return pooled(self._maps(x, self.code_block)[f"block{self.code_block}"])

    def _maps(self, x: Tensor, blocks: int) -> dict[str, Tensor]:
        """Of the first blocks; a line of patches at a time, so that few are in memory."""
        patch = self.sizes[0]
        corners = overlapping(x.shape[-2], x.shape[-1], patch).to(x.device)  # (R, S, 2)
        lines = [self._line(cut(x, line.expand(x.shape[0], -1, -1), patch), blocks) for line in corners]
        return {f"block{k + 1}": torch.stack([line[k] for line in lines], 1).permute(0, 3, 1, 2) for k in range(blocks)}

    def _line(self, patches: Tensor, blocks: int) -> list[Tensor]:
        """Codes (B, S, D) of patches (B, S, C, P, P) by the first blocks; where colours are dropped, the mean over each alone."""
        found, shape = [], patches.shape[:2]
        if self.against == "drop":
            patches = each_alone(patches).flatten(1, 2)  # (B, S * C, C, P, P)
        x = self.ready(patches.flatten(0, 1))
        for block in self.backbone.blocks[:blocks]:
            x = block(x)
            found.append(pooled(x).unflatten(0, (*shape, -1)).mean(2))
        return found

    def remarks(self, measures: object) -> list[str]:
        """That small images make patches of which little can be said."""
        if self.side >= SMALL:
            return []
        return [
            f"images of {self.side} pixels make patches of {self.sizes[0]}, which say little: from {SMALL} pixels on this method "
            "can learn something; rotation and denoising take smaller ones"
        ]
