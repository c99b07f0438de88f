"""Images as patches of a grid, counted row by row, and which of them are kept, dropped or guessed: as many in every image."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup.errors import OptionError
from selfsup.hide.checks import check_images, check_pair

LEFT = 0.2  # share of the patches that blocks leave over, at least


def patchify(x: Tensor, patch: int) -> Tensor:
    """Cut images (B, C, H, W) into patches (B, N, C, patch, patch), row by row; sides are filled up with zeros to a multiple."""
    check_images(x)
    x = F.pad(x, (0, -x.shape[3] % patch, 0, -x.shape[2] % patch))
    cut = x.unflatten(3, (-1, patch)).unflatten(2, (-1, patch))  # (B, C, rows, patch, columns, patch)
    found: Tensor = cut.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    return found


def unpatchify(patches: Tensor, height: int, width: int) -> Tensor:
    """Put patches (B, N, C, patch, patch) together to images (B, C, height, width): `patchify` undone."""
    patch = patches.shape[-1]
    grid = patches.unflatten(1, (-(-height // patch), -(-width // patch)))  # (B, rows, columns, C, patch, patch)
    found: Tensor = grid.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)[:, :, :height, :width]
    return found


def parted(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Places (B, K) that a mask (B, ...) keeps and places (B, M) that it hides (True), each in order.

    Every sample must hide as many, as the masks of this room do.
    """
    flat = mask.flatten(1)
    kept, hidden = (~flat).nonzero()[:, 1], flat.nonzero()[:, 1]
    return kept.view(len(flat), -1), hidden.view(len(flat), -1)


def at_places(of: Tensor, places: Tensor) -> Tensor:
    """Of (B, N, ...) what stands at places (B, ...), in one gather: ``(B, *places, ...)``."""
    row = torch.arange(len(of), device=of.device).view(-1, *(1,) * (places.ndim - 1))
    return of[row, places]


def draw_blocks(
    batch: int,
    grid: tuple[int, int],
    count: int,
    rng: torch.Generator,
    *,
    area: tuple[float, float] = (0.15, 0.2),
    aspect: tuple[float, float] = (0.75, 1.5),
) -> Tensor:
    """Rectangles of a grid, which may overlap: one size for all, each at a place of its own (Assran et al. 2023, section 3).

    Parameters
    ----------
    batch
        Samples.
    grid
        Rows and columns of patches.
    count
        Blocks of a sample.
    area
        Least and greatest share of the grid that a block takes, drawn evenly, once for all.
    aspect
        Least and greatest height over width, drawn evenly, once for all.

    Returns
    -------
    Tensor
        Places (batch, count, size) int64 on the device of `rng`, row by row. All blocks of a sample together leave at least a
        fifth of the patches over, for which they are made smaller where they must be.

    Raises
    ------
    OptionError
        If the grid has too few patches for so many blocks of one.
    """
    rows, columns = grid
    check_pair("area", area, 1.0)
    check_pair("aspect", aspect)
    most = math.floor(rows * columns * (1 - LEFT) / count)
    if most < 1:
        raise OptionError(
            f"{count} blocks of a patch leave less than a fifth of {rows} x {columns} patches over: ask for fewer blocks, or for "
            "smaller patches"
        )
    share, shape = torch.rand(2, generator=rng, device=rng.device).tolist()
    size = rows * columns * (area[0] + share * (area[1] - area[0]))
    shape = aspect[0] + shape * (aspect[1] - aspect[0])
    height = min(max(round(math.sqrt(size * shape)), 1), rows)
    width = min(max(round(math.sqrt(size / shape)), 1), columns)
    while height * width > most:
        height, width = (height - 1, width) if height > width else (height, width - 1)
    free = torch.tensor([rows - height + 1, columns - width + 1], device=rng.device)
    corner = (torch.rand((batch, count, 2), generator=rng, device=rng.device) * free).long().minimum(free - 1)
    down, across = (torch.arange(side, device=rng.device) for side in (height, width))
    inside = (down[:, None] * columns + across).flatten()  # (size,)
    return (corner[..., :1] * columns + corner[..., 1:]) + inside


def outside(blocks: Tensor, total: int, rng: torch.Generator) -> Tensor:
    """Places outside of all blocks (B, count, size) of a sample, drawn evenly, in order: (B, total - count size).

    There are at least so many, and more where blocks overlap.
    """
    taken = torch.zeros(len(blocks), total, device=blocks.device).scatter_(1, blocks.flatten(1), 1.0)
    score = torch.rand(taken.shape, generator=rng, device=rng.device) + taken
    return score.topk(total - blocks[0].numel(), 1, largest=False, sorted=False).indices.sort(1).values
