"""Blur and solarization, each image its own."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from selfsup.hide.warp import weighted_sums


def blur(x: Tensor, sigma: Tensor, widest: float) -> Tensor:
    """Blur each image with a Gaussian of its own, rows and columns apart.

    Parameters
    ----------
    x
        Images (K, C, H, W), floating.
    sigma
        Standard deviations (K,) in pixels; an image of 0 stays as it is.
    widest
        The largest `sigma` there can be: the kernel ends at three times it, or at the image's size. Beyond the border the
        image is mirrored.

    Returns
    -------
    Tensor
        (K, C, H, W), a new tensor.
    """
    count, channels, height, width = x.shape
    reach = min(math.ceil(3 * widest), height - 1, width - 1)
    offset = torch.arange(-reach, reach + 1, device=x.device)
    kernel = (-0.5 * (offset / sigma.clamp(min=1e-3)[:, None]).square()).exp()  # of a deviation of 0: 1 in the middle
    kernel /= kernel.sum(1, keepdim=True)
    columns = x.flatten(1, 2).transpose(1, 2).float()  # (K, W, C H)
    rows = _along(columns, kernel, offset).view(count, width, channels, height).permute(0, 3, 2, 1)
    blurred = _along(rows.reshape(count, height, channels * width), kernel, offset).view(count, height, channels, width)
    return blurred.transpose(1, 2).contiguous().to(x.dtype)


def _along(lines: Tensor, kernel: Tensor, offset: Tensor) -> Tensor:
    """Blur lines (K, L, D) along L with a kernel (K, T) each, mirrored at the ends without repeating the last line."""
    count, length = lines.shape[:2]
    line = (torch.arange(length, device=lines.device)[:, None] + offset).abs()  # (L, T)
    line = torch.where(line < length, line, 2 * (length - 1) - line)
    image = torch.arange(count, device=lines.device)[:, None, None] * length
    blurred = weighted_sums(lines.flatten(0, 1), line + image, kernel[:, None].expand(-1, length, -1))
    return blurred.view(lines.shape)


def solarize(x: Tensor, chosen: Tensor, threshold: float = 0.5) -> Tensor:
    """Invert what is at least as bright as the threshold, in the chosen images: (K, C, H, W) in [0, 1], chosen (K,) bool."""
    bright = torch.where(chosen, threshold, math.inf)[:, None, None, None]
    return torch.where(x < bright, x, 1 - x)
