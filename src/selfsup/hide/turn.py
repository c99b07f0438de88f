"""Turns of square images, by quarters of a circle and by eighths."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def quarter_turns(x: Tensor) -> Tensor:
    """All four quarter turns of each image, counter-clockwise, as `turned` makes them: (B, C, H, W) to (B, 4, C, S, S)."""
    return turned(x, torch.arange(4, device=x.device).expand(len(x), 4))


def turned(x: Tensor, turns: Tensor, of: int = 4) -> Tensor:
    """Images turned counter-clockwise, each by several turns, in one look-up.

    Quarters are moved pixels and nothing else. Interpolation leaves traces by which a net can tell the turn without looking
    at the picture (Gidaris et al. 2018, section 3.1): of eighths every second one has to be interpolated, and of noise, in
    which nothing else is to be seen, a net tells just these apart. Neither a blur of all eight nor a turn to and fro by a
    random angle hides it (docs/methods/rotation.md). All eight lie on a disc, with zeros around: corners would tell, too.

    Parameters
    ----------
    x
        Images (B, C, H, W). Where H and W differ, the square in the middle is taken: a turned rectangle would give its turn away.
    turns
        (B, T) int64: how often each view is turned by 360 / ``of`` degrees.
    of
        2, 4 or 8 turns make a circle.

    Returns
    -------
    Tensor
        (B, T, C, S, S) with S = min(H, W).
    """
    height, width = x.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    x = x[..., top : top + side, left : left + side]
    sources = [x] if of <= 4 else eighths(x)
    places = torch.arange(side * side, device=x.device).view(side, side)
    quarters = torch.stack(
        [torch.rot90(places, k).flatten() for k in range(4)]
    )  # (4, S S): where each pixel comes from
    if of == 2:
        quarters = quarters[::2]
    if of == 8:  # each quarter of the picture, and of the picture that is turned by an eighth
        quarters = torch.stack([quarters, quarters + side * side], 1).flatten(0, 1)  # (8, S S)
    flat = torch.cat([source.flatten(2) for source in sources], 2)[:, None]  # (B, 1, C, S S), or twice as long
    channels, views = x.shape[1], turns.shape[1]
    looked_up = quarters[turns][:, :, None].expand(-1, -1, channels, -1)  # (B, T, C, S S)
    found = flat.expand(-1, views, -1, -1).gather(3, looked_up)
    return found.view(len(x), views, channels, side, side)


def eighths(x: Tensor) -> list[Tensor]:
    """Square images (B, C, S, S) on a disc: as they are, and turned counter-clockwise by 45 degrees."""
    batch, channels, side, _ = x.shape
    half = math.sqrt(0.5)
    turn = torch.tensor([[[half, -half, 0.0], [half, half, 0.0]]], device=x.device, dtype=x.dtype)
    grid = F.affine_grid(turn, [1, 1, side, side], align_corners=False)
    # all images are channels of one: they share their places
    tilted = F.grid_sample(x.reshape(1, -1, side, side), grid, padding_mode="border", align_corners=False)
    at = (torch.arange(side, device=x.device, dtype=x.dtype) + 0.5) * 2 / side - 1
    disc = (at[:, None] ** 2 + at**2 <= 1).to(x.dtype)  # (S, S)
    return [x * disc, tilted.view(batch, channels, side, side) * disc]
