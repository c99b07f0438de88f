"""Crops of any scale and aspect ratio, mirrored or not, each image its own: cut, resized and turned over in one go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup.hide.checks import check_between, check_images, check_pair

TRIES = 10  # draws of an area and a ratio until a box fits in the image, as in torchvision


class Boxes(NamedTuple):
    """Which part of an image each view shows, (K,) each, K = images x views; the views of an image stand together."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    mirror: Tensor  # bool: turned left-right


def draw_boxes(
    count: int,
    shape: Sequence[int],
    rng: torch.Generator,
    scale: tuple[float, float] = (0.2, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    mirror: float = 0.5,
) -> Boxes:
    """Draw crops of whole pixels, as torchvision's RandomResizedCrop does, but each its own (Szegedy et al. 2015, section 6).

    Parameters
    ----------
    count
        How many.
    shape
        Height and width of the images.
    scale
        Least and greatest share of the image's area.
    ratio
        Least and greatest width over height, drawn evenly in its logarithm. Where none of ten draws fits in the image, the
        middle of it is taken, as large as the ratio allows.
    mirror
        Probability of a mirror image.
    """
    check_pair("scale", scale, 1.0)
    check_pair("ratio", ratio)
    check_between(0, 1, mirror=mirror)
    height, width = shape
    device = rng.device
    draw = torch.rand((2, count, TRIES), generator=rng, device=device)
    area = (draw[0] * (scale[1] - scale[0]) + scale[0]) * (height * width)
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = (draw[1] * (high - low) + low).exp()
    sides = torch.stack([(area / aspect).sqrt().round(), (area * aspect).sqrt().round()])  # (2, K, tries)
    fits = (sides[0] >= 1) & (sides[0] <= height) & (sides[1] >= 1) & (sides[1] <= width)
    first = fits.to(torch.uint8).argmax(1, keepdim=True)  # (K, 1)
    sides = sides.gather(2, first.expand(2, count, 1))[..., 0].long()  # (2, K)
    whole = min(max(width / height, ratio[0]), ratio[1])
    fitting = min(height, max(1, round(width / whole))), min(width, max(1, round(height * whole)))
    found = fits.any(1)
    rows, columns = (torch.where(found, side, other) for side, other in zip(sides, fitting, strict=True))
    place = torch.rand((3, count), generator=rng, device=device)
    top = torch.where(found, (place[0] * (height - rows + 1)).long(), (height - rows) // 2)
    left = torch.where(found, (place[1] * (width - columns + 1)).long(), (width - columns) // 2)
    # place * k may round up to k itself
    return Boxes(top.minimum(height - rows), left.minimum(width - columns), rows, columns, place[2] < mirror)


def crops(
    x: Tensor,
    n: int,
    size: int,
    rng: torch.Generator,
    scale: tuple[float, float] = (0.2, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    mirror: float = 0.5,
) -> Tensor:
    """Cut n random crops of each image, without any change of colour: (B, C, H, W) to (B, n, C, size, size), float32.

    See `draw_boxes` for what is drawn and `warp` for how it is resized.
    """
    check_images(x)
    check_between(1, math.inf, n=n)
    boxes = draw_boxes(len(x) * n, x.shape[-2:], rng, scale, ratio, mirror)
    cut: Tensor = warp(x, boxes, size).unflatten(0, (len(x), n))
    return cut


def warp(x: Tensor, boxes: Boxes, size: int) -> Tensor:
    """Cut a box out of an image, resize it to a square and mirror it, for K = B n boxes at once.

    Bilinear, with the triangle widened where the crop shrinks: ``antialias=True`` of torch, and what PIL does, which rounds
    to whole levels where this does not.

    Parameters
    ----------
    x
        Images (B, C, H, W), floating or uint8; any number of channels.
    boxes
        Boxes of K = B n views; those of an image stand together.

    Returns
    -------
    Tensor
        (K, C, size, size) float32; levels of uint8 images become [0, 1], floating ones stay as they are.
    """
    check_images(x)
    check_between(1, math.inf, size=size)
    return resample(x, weigh(boxes, x, size), size)


class Weighed(NamedTuple):
    """Which columns and rows of its image make those of each view, and with which weights; for K boxes."""

    column: Tensor  # (K, size, T) int64
    column_weight: Tensor  # (K, size, T)
    row: Tensor
    row_weight: Tensor


def weigh(boxes: Boxes, x: Tensor, size: int) -> Weighed:
    """All of `warp` that does not depend on the pixels of `x`, for all boxes at once."""
    height, width = x.shape[-2:]
    columns = taps(boxes.left, boxes.width, size, width, boxes.mirror)
    rows = taps(boxes.top, boxes.height, size, height, total=1 / 255 if x.dtype == torch.uint8 else 1.0)
    return Weighed(*columns, *rows)


def resample(x: Tensor, weighed: Weighed, size: int) -> Tensor:
    """Make the views (K, C, size, size) float32 of images (B, C, H, W).

    Columns are made of whole columns of the image, then rows of whole rows: sums of a few contiguous lines both times, which
    ``embedding_bag`` is fast at. Between the two lies one transpose.
    """
    images, channels, height, width = x.shape
    column, column_weight, row, row_weight = weighed
    count = len(column)
    image = torch.arange(images, device=x.device).repeat_interleave(count // images)[:, None, None]
    lines = x.flatten(1, 2).transpose(1, 2).contiguous().float()  # (B, W, C H)
    lines = weighted_sums(lines.flatten(0, 1), column + image * width, column_weight)  # (K size, C H)
    lines = lines.view(count, size, channels * height).transpose(1, 2).reshape(-1, size)  # (K C H, size)
    plane = torch.arange(count * channels, device=x.device).view(count, channels, 1, 1)
    lines = weighted_sums(lines, row[:, None] + plane * height, row_weight[:, None].expand(-1, channels, -1, -1))
    return lines.view(count, channels, size, size)


def weighted_sums(lines: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Sum T of the lines (N, D), weighted, for each of P places: index and weight (..., T), P in all, to (P, D)."""
    count = index.shape[-1]
    sums: Tensor = F.embedding_bag(
        index.reshape(-1, count), lines, mode="sum", per_sample_weights=weight.reshape(-1, count)
    )
    return sums


def taps(
    start: Tensor, length: Tensor, size: int, extent: int, mirror: Tensor | None = None, total: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Which pixels of a line make each pixel of the result, and with which weights, for K boxes.

    Parameters
    ----------
    start, length
        The part of the line that is resized, (K,) int64.
    size
        Pixels of the result.
    extent
        Pixels of the line.
    mirror
        Which are mirrored, (K,) bool.
    total
        What the weights of a resulting pixel sum to.

    Returns
    -------
    tuple
        Pixels (K, size, T) int64 and weights (K, size, T); T is 2 where nothing can shrink.
    """
    step = (length / size)[:, None]  # (K, 1) source pixels a pixel
    centre = (torch.arange(size, device=start.device) + 0.5) * step  # (K, size)
    if mirror is not None:
        centre = torch.where(mirror[:, None], length[:, None] - centre, centre)
    first_line, last = start[:, None, None], (length - 1)[:, None, None]
    if extent <= size:  # the two nearest, and beyond the ends the last one
        place = (centre - 0.5).clamp_(min=0).minimum(length[:, None] - 1.0)
        nearest = place.floor()
        share = (place - nearest).mul_(total)
        pixel = nearest.long()[:, :, None] + torch.arange(2, device=start.device)
        return pixel.minimum(last) + first_line, torch.stack([total - share, share], 2)
    reach = step.clamp(min=1)
    width = 2 * math.ceil(extent / size)
    first = (centre - reach + 0.5).floor()  # the first pixel whose middle is nearer than `reach`, or the one before it
    pixel = first.long()[:, :, None] + torch.arange(width, device=start.device)  # (K, size, T)
    weight = 1 - (pixel + (0.5 - centre)[:, :, None]).abs() / reach[:, :, None]
    weight = weight.relu_() * ((pixel >= 0) & (pixel <= last))
    weight *= total / weight.sum(2, keepdim=True)
    return pixel.clamp_(min=0).minimum(last) + first_line, weight
