"""Changes of colour, each image its own, composed into one matrix an image."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from selfsup.hide.checks import check_between

LUMA = (0.299, 0.587, 0.114)  # Rec. 601, as in PIL
_YIQ = np.array([LUMA, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312)])  # luma, and the colour plane
# of a pixel: its grey; its colour; its colour a quarter turn further, from red towards green
GREY, COLOUR, TURNED = (
    (np.linalg.inv(_YIQ) @ np.array(part) @ _YIQ).tolist()
    for part in (
        [[1, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0, 0, 0], [0, 0, 1], [0, -1, 0]],
    )
)


class Change(NamedTuple):
    """How the colours of each of K images change. Factors are 1 and hue is 0 where nothing does."""

    brightness: Tensor  # (K,) factor
    contrast: Tensor  # (K,) factor of the distance from the mean grey of the image
    saturation: Tensor  # (K,) factor of the distance from the pixel's own grey, 0 for a grey image
    hue: Tensor  # (K,) share of a whole turn, from red towards green


def draw_change(
    count: int,
    rng: torch.Generator,
    *,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue: float = 0.0,
    jitter: float = 1.0,
    grey: float = 0.0,
) -> Change:
    """Draw a change of colour for each of `count` images.

    Parameters
    ----------
    brightness, contrast, saturation
        Factors are drawn evenly from 1 - value to 1 + value, not below 0.
    hue
        Turns are drawn evenly from -value to value, in shares of a whole turn, at most 0.5.
    jitter
        Probability that these four are done at all.
    grey
        Probability that the image becomes grey, whether they are or not.
    """
    check_between(0, math.inf, brightness=brightness, contrast=contrast, saturation=saturation)
    check_between(0, 0.5, hue=hue)
    check_between(0, 1, jitter=jitter, grey=grey)
    draw = torch.rand((6, count), generator=rng, device=rng.device)
    done = draw[4] < jitter
    factors = []
    for k, value in enumerate((brightness, contrast, saturation)):
        low, high = max(0.0, 1 - value), 1 + value
        factors.append(torch.where(done, draw[k] * (high - low) + low, 1.0))
    turn = torch.where(done, (draw[3] * 2 - 1) * hue, 0.0)
    return Change(factors[0], factors[1], factors[2] * (draw[5] >= grey), turn)


def luma(channels: int, device: torch.device) -> Tensor:
    """Weights (C,) of the grey of a pixel: Rec. 601 of three channels, else their mean."""
    return torch.tensor(LUMA if channels == 3 else (1 / channels,) * channels, device=device)


def colour_matrix(change: Change, channels: int = 3) -> Tensor:
    """Compose all changes of an image into one matrix, of its pixels and its mean grey.

    In the space YIQ brightness is a factor of everything, saturation one of the colour plane, hue a turn of that plane, and
    contrast a factor and a shift of the luma. They commute, so their order need not be drawn. That is so because the result
    is cut to the range once, at the end. PIL and torchvision cut after every operation and turn the hue in HSV, which keeps
    the greatest channel where this keeps the luma; there the order matters, and results differ where a step between leaves
    the range.

    Parameters
    ----------
    change
        What to do with K images; saturation and hue are meant for three channels.

    Returns
    -------
    Tensor
        (K, C, C + 1): times the channels of a pixel and the mean grey of its image, it gives the channels.
    """
    brightness, contrast, saturation, hue = change
    scale = brightness * contrast
    angle = hue * (2 * math.pi)
    grey = luma(channels, scale.device).expand(channels, channels)
    parts = torch.stack([grey, torch.eye(channels, device=scale.device) - grey, torch.zeros_like(grey)])
    if channels == 3:
        parts = torch.tensor([GREY, COLOUR, TURNED], device=scale.device)
    factors = torch.stack([scale, scale * saturation * angle.cos(), scale * saturation * angle.sin()], 1)  # (K, 3)
    matrix = (factors @ parts.flatten(1)).view(-1, channels, channels)
    pull = (brightness - scale)[:, None, None].expand(-1, channels, 1)  # contrast's, towards the mean grey
    return torch.cat([matrix, pull], 2)


def recolour(x: Tensor, matrix: Tensor, out: Tensor | None = None) -> Tensor:
    """Apply the matrix of each image to its pixels, and cut to [0, 1].

    Parameters
    ----------
    x
        Images (K, C, H, W), float32.
    matrix
        (K, C, C + 1), of `colour_matrix`.
    out
        Where to write (K, C, H, W), contiguous; a new tensor if None.
    """
    pixels = x.flatten(2)  # (K, C, H W)
    level = pixels.mean(2) @ luma(x.shape[1], x.device)  # (K,)
    flat = None if out is None else out.view(pixels.shape)
    changed = torch.baddbmm(matrix[..., -1:] * level[:, None, None], matrix[..., :-1], pixels, out=flat)
    return changed.clamp_(0, 1).view(x.shape)
