"""Quarter turns of square images."""

from __future__ import annotations

import torch
from torch import Tensor


def quarter_turns(x: Tensor) -> Tensor:
    """All four quarter turns of each image, counter-clockwise, by transposes and flips only.

    Interpolation would leave traces by which a net could tell the turn without looking at the picture
    (Gidaris et al. 2018, section 3.1).

    Parameters
    ----------
    x
        Images (B, C, H, W). Where H and W differ, the square in the middle is taken: a turned rectangle would give its turn away.

    Returns
    -------
    Tensor
        (B, 4, C, S, S) with S = min(H, W); view k is turned by k times 90 degrees.
    """
    height, width = x.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    x = x[..., top : top + side, left : left + side]
    sideways = x.transpose(-2, -1)
    return torch.stack([x, sideways.flip(-2), x.flip((-2, -1)), sideways.flip(-1)], dim=1)
