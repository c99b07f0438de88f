"""Patches of images on a grid with gaps and jitter, and what keeps a net from telling their places by a shortcut.

The cut and the four counter-measures of Doersch, Gupta & Efros 2015 ("Unsupervised Visual Representation Learning by Context
Prediction"), each on a whole batch of patches at once.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup.errors import DataError, OptionError

AXIS = (-1.0, 2.0, -1.0)  # from green to magenta, along which most lenses of that time tear edges apart (section 3.1)
SMALLEST = (
    4  # pixels: patches are made smaller to a third of their side, but to no less (the paper: from 96 down to 10)
)


def grid_patches(
    x: Tensor, rows: int, columns: int, patch: int, gap: int, jitter: int, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Cut a grid of patches at a random place of each image, every patch shifted by a jitter of its own.

    Parameters
    ----------
    x
        Images (B, C, H, W).
    rows, columns
        Of the grid.
    patch
        Side of a patch, in pixels.
    gap
        Pixels between neighbouring cells: without one, edges that go on from patch to patch would tell the place.
    jitter
        Largest shift of a patch in pixels, up, down, left or right; at the image's border it is cut off.
    rng
        Source of all randomness, on the device of `x`.

    Returns
    -------
    tuple
        Patches (B, rows * columns, C, patch, patch), row by row, a new tensor; and their upper left corners
        (B, rows * columns, 2) int64 as row and column.

    Raises
    ------
    DataError
        If the grid is larger than the images.
    """
    batch, _, height, width = x.shape
    tall, wide = extent(rows, patch, gap), extent(columns, patch, gap)
    if height < tall or width < wide:
        raise DataError(
            f"{rows} x {columns} patches of {patch} pixels with gaps of {gap} need images of {tall} x {wide}; these are "
            f"{height} x {width}: use a smaller patch or gap, or larger images"
        )
    steps = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).view(-1, 2).to(x.device) * (patch + gap)
    free = torch.tensor([height - tall, width - wide], device=x.device)
    start = (torch.rand((batch, 1, 2), generator=rng, device=x.device) * (free + 1)).long().minimum(free)
    corners = start + steps  # (B, N, 2)
    if jitter:
        shift = torch.randint(-jitter, jitter + 1, corners.shape, generator=rng, device=x.device)
        most = torch.tensor([height - patch, width - patch], device=x.device)
        corners = (corners + shift).clamp(min=0).minimum(most)
    return cut(x, corners, patch), corners


def extent(cells: int, patch: int, gap: int) -> int:
    """Pixels that a row of so many cells takes."""
    return cells * patch + (cells - 1) * gap


def cut(x: Tensor, corners: Tensor, patch: int) -> Tensor:
    """Patches (B, N, C, patch, patch) of images (B, C, H, W) at their upper left corners (B, N, 2), in one gather."""
    span = torch.arange(patch, device=x.device)
    image = torch.arange(x.shape[0], device=x.device)[:, None, None, None]
    rows = corners[:, :, 0, None, None] + span[:, None]  # (B, N, patch, 1)
    columns = corners[:, :, 1, None, None] + span  # (B, N, 1, patch)
    return x.permute(0, 2, 3, 1)[image, rows, columns].permute(0, 1, 4, 2, 3)


def overlapping(height: int, width: int, patch: int) -> Tensor:
    """Corners (R, S, 2) of patches about half a patch apart all over an image, its borders included: R lines of S each.

    Raises
    ------
    DataError
        If the image is smaller than a patch.
    """
    if min(height, width) < patch:
        raise DataError(
            f"patches of {patch} pixels need images of at least {patch} x {patch}; these are {height} x {width}"
        )
    step = max(1, patch // 2)
    rows, columns = (
        torch.linspace(0, side - patch, -(-(side - patch) // step) + 1).round().long() for side in (height, width)
    )
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=2)


def drop_colours(x: Tensor, rng: torch.Generator, noise: float = 0.01) -> Tensor:
    """Keep one channel of each patch, drawn at random; the others become noise about the mean of that one.

    Parameters
    ----------
    x
        Patches (..., C, H, W) of at least 2 channels.
    noise
        Its deviation as a share of that of the channel that is kept: 1/100 in the paper (section 3.1), 1 is as strong.
    """
    lead, channels = x.shape[:-3], x.shape[-3]
    kept = torch.randint(0, channels, (*lead, 1, 1, 1), generator=rng, device=x.device)
    only = x.gather(-3, kept.expand(*lead, 1, *x.shape[-2:]))  # (..., 1, H, W)
    deviation, mean = torch.std_mean(only, dim=(-2, -1), correction=0, keepdim=True)
    drawn = torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype)
    channel = torch.arange(channels, device=x.device)[:, None, None]
    return torch.where(channel == kept, only, mean + noise * deviation * drawn)


def each_alone(x: Tensor) -> Tensor:
    """Patches (..., C, H, W) with each channel in turn beside even ones of its mean (..., C, C, H, W): `drop_colours` undrawn."""
    channels = x.shape[-3]
    only = x.unsqueeze(-3)  # (..., C, 1, H, W)
    kept = torch.eye(channels, dtype=torch.bool, device=x.device)[:, :, None, None]
    return torch.where(kept, only, only.mean((-2, -1), keepdim=True))


def project_colours(x: Tensor) -> Tensor:
    """Take the axis from green to magenta out of colours (..., 3, H, W): by B = I - a'a / (a a'), a = (-1, 2, -1)."""
    if x.shape[-3] != 3:
        raise OptionError(f"the axis from green to magenta is one of 3 channels; these patches have {x.shape[-3]}")
    axis = torch.tensor(AXIS, device=x.device, dtype=x.dtype)[:, None, None]
    return x - axis * ((x * axis).sum(-3, keepdim=True) / 6)  # a a' = 6


def resample_patches(x: Tensor, rng: torch.Generator, share: float = 1 / 3, smallest: int | None = None) -> Tensor:
    """Make some patches smaller and then as large as they were, each by a random amount, so that fine noise tells nothing.

    Parameters
    ----------
    x
        Patches (M, C, P, P).
    share
        Of the patches: a third in the paper (section 3.1).
    smallest
        Side to which they are made smaller, at least; by default a third of theirs, but no less than 4 pixels. Areas are drawn
        with even chances, as in the authors' code.
    """
    count, side = int(share * len(x)), x.shape[-1]
    least = min(smallest or max(SMALLEST, -(-side // 3)), side)
    if not count:
        return x
    some = torch.randperm(len(x), generator=rng, device=x.device)[:count]
    area = torch.rand(count, generator=rng, device=x.device) * (side**2 - least**2) + least**2
    ways = resampling(side, least).to(x.device, x.dtype)[area.sqrt().long().clamp(least, side) - least]  # (count, P, P)
    ways = ways[:, None]
    with torch.autocast(x.device.type, enabled=False):  # pixels keep their digits where nets do not
        return x.index_copy(0, some, ways @ x[some] @ ways.transpose(-2, -1))


@lru_cache(maxsize=8)
def resampling(side: int, least: int) -> Tensor:
    """The way down to each side from `least` on and back up, by linear interpolation, as matrices (side - least + 1, P, P)."""
    eye = torch.eye(side)[None]  # each column of an image is resampled alike, and each row
    sizes = range(least, side + 1)
    return torch.cat([F.interpolate(F.interpolate(eye, size, mode="linear"), side, mode="linear").mT for size in sizes])


def normalize_patches(x: Tensor, floor: float = 1e-3) -> Tensor:
    """Take the mean of each channel from patches (..., C, H, W), and divide by the deviation of all of a patch together.

    Parameters
    ----------
    floor
        Deviations below it count as it: what is all but even stays so.
    """
    x = x - x.mean((-2, -1), keepdim=True)
    return x / x.square().mean((-3, -2, -1), keepdim=True).sqrt().clamp(min=floor)
