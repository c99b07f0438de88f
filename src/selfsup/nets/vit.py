"""Vision transformers (Dosovitskiy et al. 2021) whose patches follow the size of the images."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.errors import OptionError
from selfsup.nets.conv import check

PATCHES = (16, 8, 4, 2, 1)  # pixels a side, of which the first is taken that leaves so many patches:
FEWEST = 7  # along the shorter side
HEAD = 64  # values in a head of attention
GROUP = 3  # transformer blocks in one block of the backbone
GROUPS = 4


class Attention(nn.Module):
    """Every token looks at every other, in several heads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // HEAD)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to (B, N, D)."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (B, heads, N, D / heads)
        found: Tensor = self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return found


class Block(nn.Module):
    """Attention and two layers, each after a norm and beside a shortcut (pre-norm)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width, 1e-6), Attention(width)
        self.norm2 = nn.LayerNorm(width, 1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to (B, N, D)."""
        x = x + self.attn(self.norm1(x))
        found: Tensor = x + self.mlp(self.norm2(x))
        return found


class Patches(nn.Module):
    """Images to a map of patches, each a linear image of its pixels and its place.

    Attributes
    ----------
    places
        One vector a patch, (1, D, H', W'): learnt, from fixed sines and cosines on, which tell near from far at once. For a map
        of another size they are interpolated.
    """

    def __init__(self, shape: tuple[int, ...], width: int, patch: int) -> None:
        super().__init__()
        channels, height, wide = shape
        self.patch, self.cut = patch, nn.Conv2d(channels, width, patch, patch)
        self.places = nn.Parameter(waves(width, -(-height // patch), -(-wide // patch)))
        nn.init.xavier_uniform_(self.cut.weight.view(width, -1))
        nn.init.zeros_(self.cut.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, D, H / patch, W / patch), rounded up."""
        right, below = -x.shape[3] % self.patch, -x.shape[2] % self.patch
        if right or below:  # with zeros, the mean of standardised data
            x = F.pad(x, (0, right, 0, below))
        cut: Tensor = self.cut(x)
        places: Tensor = self.places
        if places.shape[2:] != cut.shape[2:]:
            places = F.interpolate(places, cut.shape[2:], mode="bicubic", antialias=True)
        return cut + places

    def some(self, pixels: Tensor, places: Tensor) -> Tensor:
        """Only the patches (B, K, C, patch, patch) at some places (B, K), counted row by row, to tokens (B, K, D)."""
        tokens = F.linear(pixels.flatten(2), self.cut.weight.flatten(1), self.cut.bias)  # (B, K, D)
        return tokens + F.embedding(places, self.places[0].flatten(1).T)


class Group(nn.Module):
    """Transformer blocks on the places of a map, or on tokens; the last group ends in a norm."""

    def __init__(self, width: int, depth: int, *, last: bool) -> None:
        super().__init__()
        self.width = width
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, 1e-6) if last else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """A map (B, D, H, W) to another, or tokens (B, N, D) to others."""
        if x.ndim == 3:
            given: Tensor = self.norm(self.blocks(x))
            return given
        tokens = self.norm(self.blocks(x.flatten(2).transpose(1, 2)))  # (B, H W, D)
        found: Tensor = tokens.transpose(1, 2).unflatten(2, x.shape[2:])
        return found


class First(nn.Sequential):
    """The patches of an image, and the first group.

    Attributes
    ----------
    words
        How images are cut, for people.
    """

    def __init__(self, shape: tuple[int, ...], patch: int, group: Group) -> None:
        super().__init__(Patches(shape, group.width, patch), group)
        self.words = f", patches of {patch} pixels"
        if any(side % patch for side in shape[1:]):
            height, wide = (side + -side % patch for side in shape[1:])
            self.words += f" (images filled up to {height} x {wide})"


def vit_tiny_blocks(
    shape: tuple[int, ...], widths: tuple[int, ...] | None = None, patch: int | None = None
) -> list[nn.Module]:
    """ViT-Ti (Touvron et al. 2021, table 1), as four blocks of three transformer blocks each.

    Each gives a map (D, H', W') of patches, so that whatever reads maps reads these; a code is the mean over all patches, which
    does as well as a token of its own (Beyer et al. 2022).

    Parameters
    ----------
    shape
        Of an image: (C, H, W). A patch has the largest side of 16, 8, 4, 2 and 1 pixels that leaves at least 7 patches along
        the shorter side: 4 at 28 and 32 pixels, 8 at 64 and 96, 16 from 112 on. Sides that are no multiple are filled up.
    widths
        Of the tokens in each block, all the same; None is four times 192.
    patch
        Side of a patch in pixels, if it is not to follow from the images.
    """
    return _blocks("vit-tiny", shape, widths, 192, patch)


def vit_small_blocks(
    shape: tuple[int, ...], widths: tuple[int, ...] | None = None, patch: int | None = None
) -> list[nn.Module]:
    """ViT-S (Touvron et al. 2021, table 1); the rest as `vit_tiny_blocks`.

    Parameters
    ----------
    widths
        Of the tokens in each block, all the same; None is four times 384.
    patch
        Side of a patch in pixels, if it is not to follow from the images.
    """
    return _blocks("vit-small", shape, widths, 384, patch)


def patch_of(net: str, shape: tuple[int, ...]) -> int:
    """Side of a patch in pixels, for images (C, H, W)."""
    shorter = min(shape[1:])
    if shorter < FEWEST:
        raise OptionError(
            f"net '{net}' cuts images into at least {FEWEST} patches a side; these have {shorter} pixels: use net 'conv'"
        )
    return next(side for side in PATCHES if shorter // side >= FEWEST)


def tokens_of(blocks: Iterable[nn.Module], pixels: Tensor, places: Tensor) -> Tensor:
    """What the blocks of a vision transformer make of only some patches of each image: they see nothing of the others.

    Parameters
    ----------
    blocks
        As `vit_tiny_blocks` gives them.
    pixels
        Patches (B, K, C, patch, patch).
    places
        (B, K) int64, where they are in the image, counted row by row.

    Returns
    -------
    Tensor
        Tokens (B, K, D) of the last block.
    """
    first, *others = blocks
    assert isinstance(first, First)
    tokens: Tensor = first[1](first[0].some(pixels, places))  # type: ignore[operator]
    for block in others:
        tokens = block(tokens)
    return tokens


def _blocks(
    net: str, shape: tuple[int, ...], widths: tuple[int, ...] | None, usual: int, patch: int | None
) -> list[nn.Module]:
    check(net, shape, widths)
    widths = widths or (usual,) * GROUPS
    width = widths[0]
    if len(set(widths)) > 1 or width % (4 * max(1, width // HEAD)):
        raise OptionError(
            f"net '{net}' has tokens of one width, which attention and the places divide by 4 and by its heads of {HEAD}: "
            f"hidden must be so often the same multiple of {HEAD} (or of 4 below {2 * HEAD}); got {widths}"
        )
    groups = [Group(width, GROUP, last=place == len(widths)) for place in range(1, len(widths) + 1)]
    made = [First(shape, patch or patch_of(net, shape), groups[0]), *groups[1:]]
    for module in made:
        for part in module.modules():
            if isinstance(part, nn.Linear):
                nn.init.trunc_normal_(part.weight, std=0.02)
                nn.init.zeros_(part.bias)
    return list(made)


def waves(width: int, height: int, wide: int) -> Tensor:
    """Sines and cosines of the row in one half of the channels and of the column in the other: (1, D, H, W)."""
    rates = torch.exp(torch.arange(width // 4) * (-math.log(10_000.0) / (width // 4)))[:, None]  # (D / 4, 1)
    rows, columns = (rates * torch.arange(side) for side in (height, wide))
    down = torch.cat([rows.sin(), rows.cos()])[:, :, None].expand(-1, -1, wide)
    across = torch.cat([columns.sin(), columns.cos()])[:, None, :].expand(-1, height, -1)
    return torch.cat([down, across])[None].contiguous()
