"""Which patches of an image, or tokens, are hidden: at random one by one, or in blocks; as many in every sample."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from selfsup.errors import OptionError
from selfsup.hide.checks import check_between, check_pair


def random_mask(batch: int, places: int | tuple[int, ...], ratio: float, rng: torch.Generator) -> Tensor:
    """Hide a share of the places of each sample, each set of places as likely as another (He et al. 2022, section 3).

    Parameters
    ----------
    batch
        Samples.
    places
        Tokens, or the sides of a grid of patches.
    ratio
        Share hidden, in [0, 1]: the nearest whole number of places, the same for every sample.

    Returns
    -------
    Tensor
        ``(batch, *places)`` bool, True where hidden, on the device of `rng`.
    """
    sides = (places,) if isinstance(places, int) else places
    total = math.prod(sides)
    score = torch.rand((batch, total), generator=rng, device=rng.device)
    return _lowest(score, _hidden(total, ratio)).view(batch, *sides)


def block_mask(
    batch: int,
    grid: tuple[int, int],
    ratio: float,
    rng: torch.Generator,
    *,
    area: tuple[float, float] = (0.1, 0.3),
    aspect: tuple[float, float] = (0.3, 1 / 0.3),
) -> Tensor:
    """Hide a share of a grid in rectangles (Bao et al. 2022, algorithm 1), exactly as many patches in every sample.

    Rectangles are laid one after the other, over each other too, until the share is reached; of the last, as many whole
    lines from its top as are still needed, and of the line after them the left end.

    Parameters
    ----------
    batch
        Samples.
    grid
        Rows and columns of patches.
    ratio
        Share hidden, in [0, 1]: the nearest whole number of patches.
    area
        Least and greatest share of the grid that a rectangle takes, drawn evenly.
    aspect
        Least and greatest width over height, drawn evenly in its logarithm; rectangles are cut to the grid's sides.

    Returns
    -------
    Tensor
        (batch, rows, columns) bool, True where hidden, on the device of `rng`.
    """
    rows, columns = grid
    check_pair("area", area, 1.0)
    check_pair("aspect", aspect)
    hidden = _hidden(rows * columns, ratio)
    # so many that a place stays bare for all of them is rare; what is still missing then comes from the top
    blocks = 4 * math.ceil(1 / area[0])
    draw = torch.rand((4, batch, blocks), generator=rng, device=rng.device)
    size = (draw[0] * (area[1] - area[0]) + area[0]) * (rows * columns)
    low, high = math.log(aspect[0]), math.log(aspect[1])
    shape = (draw[1] * (high - low) + low).exp()
    height = (size / shape).sqrt().round().clamp(1, rows)
    width = (size * shape).sqrt().round().clamp(1, columns)
    top, left = (draw[2] * (rows - height + 1)).floor(), (draw[3] * (columns - width + 1)).floor()
    row, column = (torch.arange(side, device=rng.device) for side in grid)
    across = (row >= top[..., None]) & (row < (top + height)[..., None])  # (batch, blocks, rows)
    along = (column >= left[..., None]) & (column < (left + width)[..., None])  # (batch, blocks, columns)
    covered = across[..., :, None] & along[..., None, :]  # (batch, blocks, rows, columns)
    bare = torch.ones_like(covered[:, :1])
    first = torch.cat([covered, bare], 1).to(torch.uint8).argmax(1)  # (batch, rows, columns)
    # the number of the first rectangle over a place, then the place: rectangles in turn, the last from its top
    score = first.flatten(1) * (rows * columns) + torch.arange(rows * columns, device=rng.device)
    return _lowest(score, hidden).view(batch, rows, columns)


def _hidden(total: int, ratio: float) -> int:
    check_between(0, 1, ratio=ratio)
    if total < 1:
        raise OptionError(f"there must be at least one place to hide; got {total}")
    return round(total * ratio)


def _lowest(score: Tensor, count: int) -> Tensor:
    """Where the `count` lowest scores of each row are: (batch, total) bool."""
    places = score.topk(count, 1, largest=False, sorted=False).indices
    return torch.zeros_like(score, dtype=torch.bool).scatter_(1, places, True)
