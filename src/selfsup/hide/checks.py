"""What the functions of this room refuse."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from selfsup.errors import DataError, OptionError


def check_images(x: Tensor) -> None:
    """Raise a DataError if `x` is not (B, C, H, W), floating or uint8, with something in it."""
    if x.ndim != 4 or not x.numel() or not (x.dtype == torch.uint8 or x.is_floating_point()):
        raise DataError(f"images must be (B, C, H, W), floating or uint8, at least one; got {tuple(x.shape)} {x.dtype}")


def check_between(low: float, high: float, **options: float) -> None:
    """Raise an OptionError that names the first option that is not between the two."""
    for name, value in options.items():
        if not low <= value <= high:
            limit = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
            raise OptionError(f"'{name}' must be {limit}; got {value}")


def check_pair(name: str, value: tuple[float, float], most: float = math.inf) -> None:
    """Raise an OptionError if `value` is not two finite numbers above 0, the lesser first, at most `most`."""
    pair = isinstance(value, Sequence) and len(value) == 2
    if not (pair and 0 < value[0] <= value[1] <= most and value[1] < math.inf):
        limit = "" if most == math.inf else f" and at most {most:g}"
        raise OptionError(f"'{name}' must be two numbers above 0{limit}, the lesser first; got {value}")
