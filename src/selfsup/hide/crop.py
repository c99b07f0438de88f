"""Random crops of padded images, with or without mirror images, in one gather."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def random_crop(x: Tensor, padding: int, rng: torch.Generator, *, mirror: bool = False) -> Tensor:
    """Pad each image with zeros, cut it to its size at a random place, and mirror it left-right with even chances.

    Parameters
    ----------
    x
        Images (B, C, H, W).
    padding
        Pixels on each side, at least 0: the largest shift.
    mirror
        Whether mirror images are drawn.

    Returns
    -------
    Tensor
        (B, C, H, W), a new tensor.
    """
    batch, _, height, width = x.shape
    padded = F.pad(x, (padding, padding, padding, padding))
    shift = torch.randint(0, 2 * padding + 1, (2, batch, 1), generator=rng, device=x.device)
    rows = torch.arange(height, device=x.device) + shift[0]  # (B, H)
    columns = torch.arange(width, device=x.device).expand(batch, width)
    if mirror:
        mirrored = torch.rand((batch, 1), generator=rng, device=x.device) < 0.5
        columns = torch.where(mirrored, width - 1 - columns, columns)
    columns = columns + shift[1]  # (B, W)
    sample = torch.arange(batch, device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
