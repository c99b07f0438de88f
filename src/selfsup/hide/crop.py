"""Small random shifts and mirror images, in one gather."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def crop_and_flip(x: Tensor, pad: int, rng: torch.Generator) -> Tensor:
    """Shift each image by up to `pad` pixels (zeros come in) and mirror it left-right with even chances.

    Parameters
    ----------
    x
        Images (B, C, H, W).
    pad
        Largest shift in pixels, at least 0.

    Returns
    -------
    Tensor
        (B, C, H, W), a new tensor.
    """
    batch, _, height, width = x.shape
    padded = F.pad(x, (pad, pad, pad, pad))
    shift = torch.randint(0, 2 * pad + 1, (2, batch, 1), generator=rng, device=x.device)
    mirror = torch.rand((batch, 1), generator=rng, device=x.device) < 0.5
    rows = torch.arange(height, device=x.device) + shift[0]  # (B, H)
    columns = torch.arange(width, device=x.device).expand(batch, width)
    columns = torch.where(mirror, width - 1 - columns, columns) + shift[1]  # (B, W)
    sample = torch.arange(batch, device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
