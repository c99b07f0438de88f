"""Patches of images and where they were cut, for the shortcut audit: encoded by a method as far as it takes patches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup.errors import DataError, SelfsupError
from selfsup.hide.patches import cut
from selfsup.measures.run import Patches
from selfsup.measures.samples.audit import BORDERS, CELL
from selfsup.method import Method

IMAGES, BYTES = 1_000, 1 << 28  # of which patches are cut, at most, and what these may take
FEWEST = 20  # images, half of which are held out
ANYWHERE = 8  # patches of an image from anywhere in it, besides one of each kind of border
SHARE = 4  # of the image's shorter side that a patch takes, where the method has none of its own: a quarter
CHUNK = 1 << 26  # bytes of patches that are encoded at once


class Cut(NamedTuple):
    """Where patches are cut: corners (n, N, 2), and the border (N,) that each of an image's patches touches, or -1."""

    corners: Tensor
    border: np.ndarray


def placed_patches(
    encoders: Mapping[str, Method], part: Any, device: torch.device, patch: int | None = None, seed: int = 0
) -> Patches:
    """Codes of patches by every block of every encoder, and the pixels themselves.

    Parameters
    ----------
    encoders
        By name; a patch is given to them as it is where they take it, or else enlarged to the size of a whole image.
    part
        Images (`selfsup.data.dataset.Part`); of more than `IMAGES` some are drawn.
    patch
        Side in pixels; by default that of the first method's own patches, or a quarter of the shorter side.

    Raises
    ------
    DataError
        If there are too few images, or they are too small to cut such patches.
    """
    method = next(iter(encoders.values()))
    channels, *sides = part.form.shape
    own = getattr(method, "patch_size", None)
    patch = patch or (own() if callable(own) else max(1, min(sides) // SHARE))
    size = 4 * channels * patch**2 * (ANYWHERE + BORDERS)
    part = part.some(min(IMAGES, max(FEWEST, BYTES // size)), np.random.default_rng(seed))
    if len(part) < FEWEST or min(sides) - patch < 2:
        raise DataError(
            f"the audit needs at least {FEWEST} images, and a patch smaller than they are by 2 pixels or more; these are "
            f"{len(part)} of {sides[0]} x {sides[1]}, with patches of {patch}"
        )
    where = _places(len(part), sides, patch, seed)
    codes: dict[tuple[str, str], np.ndarray] = {}
    sizes = {"raw input": f"{patch} px"}
    for name, encoder in encoders.items():
        encoder = encoder.to(device).eval()
        size = _size(encoder, (channels, patch, patch), (sides[0], sides[1]), device)
        sizes[name] = f"{patch} px" + (f", enlarged to {size[0]} x {size[1]}" if size else "")
        found = _encoded(partial(_layers, encoder, size), part, where, patch, device)
        codes |= {(name, layer): array for layer, array in found.items()}
    codes["raw input", ""] = _encoded(lambda x: {"raw": x.flatten(1)}, part, where, patch, device)["raw"]
    corners = where.corners.flatten(0, 1).numpy()
    image = np.repeat(np.arange(len(part)), len(where.border))
    middle = (corners + patch / 2) / np.array(sides)
    return Patches(codes, image, middle, np.tile(where.border, len(part)), corners % CELL, sizes)


def _places(count: int, sides: Sequence[int], patch: int, seed: int) -> Cut:
    """Corners of patches from anywhere, and of one that touches each border, or none; drawn for each image."""
    rng = np.random.default_rng([seed, 2])
    free = np.array(sides) - patch
    corners = rng.integers(0, free + 1, (count, ANYWHERE + BORDERS, 2))
    inside = rng.integers(1, free, (count, BORDERS, 2))
    inside[:, 1, 0], inside[:, 2, 0], inside[:, 3, 1], inside[:, 4, 1] = 0, free[0], 0, free[1]
    corners[:, ANYWHERE:] = inside
    return Cut(torch.from_numpy(corners), np.array([-1] * ANYWHERE + list(range(BORDERS))))


def _encoded(
    function: Callable[[Tensor], dict[str, Tensor]], part: Any, where: Cut, patch: int, device: torch.device
) -> dict[str, np.ndarray]:
    """What a function gives of the patches, array by array (n * N, D) float32."""
    rows, parts = part.rows(), []
    size = 4 * part.form.shape[0] * patch**2 * len(where.border)
    with torch.inference_mode():
        for numbers in torch.arange(len(part)).split(max(1, CHUNK // size)):
            patches = cut(rows[numbers].to(device), where.corners[numbers].to(device), patch)
            parts.append({name: codes.float().cpu() for name, codes in function(patches.flatten(0, 1)).items()})
    return {name: torch.cat([one[name] for one in parts]).numpy() for name in parts[0]}


def _size(
    method: Method, shape: tuple[int, ...], sides: tuple[int, ...], device: torch.device
) -> tuple[int, ...] | None:
    """The size to which patches are enlarged for a method, or None where it takes them as they are."""
    try:
        with torch.inference_mode():
            method.layers(torch.zeros(2, *shape, device=device))
    except (RuntimeError, ValueError, SelfsupError):
        return sides
    return None


def _layers(method: Method, size: tuple[int, ...] | None, x: Tensor) -> dict[str, Tensor]:
    """Codes of patches (n, C, P, P), enlarged where a size is named."""
    return method.layers(x if size is None else F.interpolate(x, size, mode="bilinear"))
