"""Corruption of a batch: what a denoising method hides."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Corruption = Literal["gaussian", "masking", "salt-and-pepper"]


def corrupt(x: Tensor, kind: Corruption, level: float, rng: torch.Generator, blank: float = 0.0) -> Tensor:
    """Return a corrupted copy of a batch; see `corrupt_places`."""
    return corrupt_places(x, kind, level, rng, blank)[0]


def corrupt_places(
    x: Tensor, kind: Corruption, level: float, rng: torch.Generator, blank: float = 0.0
) -> tuple[Tensor, Tensor | None]:
    """Return a corrupted copy of a batch, and which values were corrupted (Vincent et al. 2010, section 3.3).

    Parameters
    ----------
    x
        Batch (B, ...), float32.
    kind
        ``"gaussian"``: noise of standard deviation `level` is added. ``"masking"``: a share `level` of the values becomes
        `blank`. ``"salt-and-pepper"``: a share `level` of the values becomes the least or the greatest value of the batch,
        with even chances.
    level
        Deviation (at least 0), or share in [0, 1]. At 0 the batch itself is returned.
    rng
        Source of all randomness, on the device of `x`.

    Returns
    -------
    tuple
        The copy, and a bool tensor (B, ...), also true where a value happens to be as before; None where all are
        corrupted alike (Gaussian noise), or none is.
    """
    if level == 0:
        return x, None
    if kind == "gaussian":
        return torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype).mul_(level).add_(x), None
    draw = torch.rand(x.shape, generator=rng, device=x.device)
    places = draw < level
    if kind == "masking":
        return x.masked_fill(places, blank), places
    salted = torch.where(draw < level / 2, x.amin(), x)
    return torch.where((draw >= level / 2) & places, x.amax(), salted), places
