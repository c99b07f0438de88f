"""Views: random crops of an image with changes of colour, several of each image in one call, each its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from selfsup.errors import OptionError
from selfsup.hide.blur import blur as blurred, solarize as solarized
from selfsup.hide.checks import check_between, check_images, check_pair
from selfsup.hide.colour import Change, colour_matrix, draw_change, recolour
from selfsup.hide.warp import Boxes, Weighed, draw_boxes, resample, weigh

# Values of a chunk of views: on a processor what lies between the steps stays in its cache, elsewhere it is a bound on memory.
CHUNK_ON_PROCESSOR, CHUNK_ELSEWHERE = 1 << 19, 1 << 26


class ViewOptions(NamedTuple):
    """How views are drawn; `views` says what each means."""

    scale: tuple[float, float] = (0.2, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    mirror: float = 0.5
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    jitter: float = 0.8
    grey: float = 0.0
    blur: float = 0.0
    sigma: tuple[float, float] = (0.1, 2.0)
    solarize: float = 0.0
    threshold: float = 0.5


class Drawn(NamedTuple):
    """What was drawn for K = B n views; those of an image stand together."""

    boxes: Boxes
    change: Change | None  # None where no colour changes
    sigma: Tensor | None  # (K,) deviation of the blur in pixels, 0 for none
    solarized: Tensor | None  # (K,) bool
    widest: float  # the largest `sigma` there can be
    threshold: float


def views(
    x: Tensor,
    n: int,
    size: int,
    rng: torch.Generator,
    scale: tuple[float, float] = (0.2, 1.0),
    *,
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    mirror: float = 0.5,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue: float = 0.0,
    jitter: float = 0.8,
    grey: float = 0.0,
    blur: float = 0.0,
    sigma: tuple[float, float] = (0.1, 2.0),
    solarize: float = 0.0,
    threshold: float = 0.5,
) -> Tensor:
    """Make n views of each image: a crop, resized and perhaps mirrored, then changes of colour, blur and solarization.

    Everything is drawn for each view anew. As it is given, only crops and mirror images are made; SimCLR's views of small
    images (Chen et al. 2020, appendix A) have brightness, contrast and saturation 0.4, hue 0.1 and grey 0.2.

    Parameters
    ----------
    x
        Images (B, C, H, W): floating in [0, 1], or uint8; stays as it is.
    n
        Views of an image.
    size
        Side of a view in pixels.
    rng
        Source of all randomness, on the device of `x`.
    scale
        Least and greatest share of the image's area in a crop.
    ratio
        Least and greatest width over height of a crop, before it becomes a square.
    mirror
        Probability of a mirror image.
    brightness, contrast, saturation
        Factors are drawn evenly from 1 - value to 1 + value, not below 0.
    hue
        Turns are drawn evenly from -value to value, in shares of a whole turn, at most 0.5.
    jitter
        Probability of these four.
    grey
        Probability of a grey view.
    blur
        Probability of a Gaussian blur, its deviation drawn evenly between the two of `sigma`, in pixels of the view.
    solarize
        Probability that what is at least `threshold` bright is inverted.

    Returns
    -------
    Tensor
        (B, n, C, size, size) float32. In [0, 1] where colours change, else within the range of the image.

    Raises
    ------
    OptionError
        If a number is out of its range; if saturation, hue or grey is asked for of images that have not three channels.
    """
    options = ViewOptions(
        scale, ratio, mirror, brightness, contrast, saturation, hue, jitter, grey, blur, sigma, solarize, threshold
    )
    return make_views(x, draw_views(x, n, rng, options), size)


def multicrop(
    x: Tensor,
    n: Sequence[int],
    size: Sequence[int],
    rng: torch.Generator,
    scale: Sequence[tuple[float, float]],
    **options: Any,
) -> list[Tensor]:
    """Make views at several resolutions (Caron et al. 2020, section 3.3): `views` once for each `n`, `size` and `scale`.

    Returns
    -------
    list
        (B, n, C, size, size) for each.
    """
    if not len(n) == len(size) == len(scale):
        raise OptionError(
            f"'n', 'size' and 'scale' need as many entries each; got {len(n)}, {len(size)} and {len(scale)}"
        )
    return [views(x, each, side, rng, share, **options) for each, side, share in zip(n, size, scale, strict=True)]


def draw_views(x: Tensor, n: int, rng: torch.Generator, options: ViewOptions) -> Drawn:
    """Draw all that is random of `views`, without touching a pixel.

    Apart from `make_views` because ``torch.compile`` takes no generator.
    """
    check_images(x)
    check_between(1, math.inf, n=n)
    _check_channels(options, x.shape[1])
    check_between(0, 1, blur=options.blur, solarize=options.solarize, threshold=options.threshold)
    check_pair("sigma", options.sigma)
    if rng.device.type != x.device.type:
        raise OptionError(
            f"the generator must be on the device of the images, {x.device.type}; it is on {rng.device.type}"
        )
    count = len(x) * n
    boxes = draw_boxes(count, x.shape[-2:], rng, options.scale, options.ratio, options.mirror)
    colours = {name: getattr(options, name) for name in ("brightness", "contrast", "saturation", "hue", "grey")}
    change = draw_change(count, rng, **colours, jitter=options.jitter) if any(colours.values()) else None
    sigma = turned = None
    least, widest = options.sigma
    if options.blur:
        draw = torch.rand((2, count), generator=rng, device=x.device)
        sigma = torch.where(draw[0] < options.blur, draw[1] * (widest - least) + least, 0.0)
    if options.solarize:
        turned = torch.rand(count, generator=rng, device=x.device) < options.solarize
    return Drawn(boxes, change, sigma, turned, widest, options.threshold)


@torch.no_grad()
def make_views(x: Tensor, drawn: Drawn, size: int) -> Tensor:
    """Make the views that were drawn: (B, C, H, W) to (B, n, C, size, size) float32. No randomness, no gradient."""
    check_images(x)
    check_between(1, math.inf, size=size)
    images, channels, height, width = x.shape
    n = len(drawn.boxes.top) // images
    made = torch.empty(images * n, channels, size, size, device=x.device)
    matrix = None if drawn.change is None else colour_matrix(drawn.change, channels)
    weighed = weigh(drawn.boxes, x, size)
    step = images
    if not torch.compiler.is_compiling():
        values = CHUNK_ON_PROCESSOR if x.device.type == "cpu" else CHUNK_ELSEWHERE
        step = max(1, values // (channels * max(n * size * max(size, height), height * width)))
    for start in range(0, images, step):
        rows = slice(start * n, (start + step) * n)
        out = made[rows]
        cut = resample(x[start : start + step], Weighed(*(part[rows] for part in weighed)), size)
        if matrix is None:
            out.copy_(cut)
        else:
            recolour(cut, matrix[rows], out)
        _blur_and_solarize(out, drawn, rows)
    result: Tensor = made.unflatten(0, (images, n))
    return result


def _blur_and_solarize(out: Tensor, drawn: Drawn, rows: slice) -> None:
    """In place: views (K, C, size, size) of these rows of what was drawn."""
    if drawn.sigma is not None:
        sigma = drawn.sigma[rows]
        which = _chosen(sigma > 0)
        soft = blurred(out.index_select(0, which), sigma[which], drawn.widest)
        if drawn.change is not None:  # a mean of values up to 1 may be rounded to more
            soft = soft.clamp_(0, 1)
        out.index_copy_(0, which, soft)
    if drawn.solarized is not None:
        solarize = drawn.solarized[rows]
        which = _chosen(solarize)
        out.index_copy_(0, which, solarized(out.index_select(0, which), solarize[which], drawn.threshold))


def _chosen(mask: Tensor) -> Tensor:
    """Numbers of the views to change: on a processor those of the mask, elsewhere all, as to count them would mean to wait."""
    if mask.device.type == "cpu" and not torch.compiler.is_compiling():
        return mask.nonzero()[:, 0]
    return torch.arange(len(mask), device=mask.device)


def _check_channels(options: ViewOptions, channels: int) -> None:
    coloured = [name for name in ("saturation", "hue", "grey") if getattr(options, name)]
    if channels != 3 and coloured:
        raise OptionError(
            f"'{coloured[0]}' changes colours, and these images have {channels} channel{'s' * (channels != 1)}, not 3; "
            "leave it at 0: brightness, contrast, blur and solarize work with any number of channels"
        )
