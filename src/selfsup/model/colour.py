"""The face of a model that guesses colours: grey images painted, and one whole photo at its own size."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup.data.open import open_data
from selfsup.errors import DataError, OptionError
from selfsup.hide.lab import lightness, to_rgb
from selfsup.model.encode import finite, rows_at_once
from selfsup.solvers.devices import steady
from selfsup.system import memory

BAND = 1 << 20  # pixels of a photo that are painted at once
LONGEST = 4  # times its short side an image may be long before it is squeezed to that


class Light(NamedTuple):
    """Images (n, 1 or 3, H, W) of any size, and the ends of their units."""

    x: np.ndarray
    low: float
    high: float


class ColourFace:
    """Colours of a model whose method has the verb `colorize`."""

    form: Any
    config: dict[str, Any]
    method: Any

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        raise NotImplementedError

    def colorize(self, images: Any) -> np.ndarray:
        """Paint images: their lightness is kept, and the colours are guessed from it.

        Parameters
        ----------
        images
            An array (n, H, W), (n, H, W, C) or (n, C, H, W) with 1 or 3 channels, of any size, in the units the model learnt
            from or as uint8; or a path that `encode` takes, brought to the model's size. Of images that have colours only the
            lightness is looked at.

        Returns
        -------
        ndarray
            (n, 3, H, W) float32 in the units of the training data.

        Raises
        ------
        OptionError
            If the model's method guesses no colours.
        DataError
            If these are no images, or have other channels.
        """
        guess = self.colorizing()
        given = self._light(images)
        n, _, height, width = given.x.shape
        memory.check(24 * n * height * width, f"{n:,} painted images of {height}x{width}", "give fewer at once")
        found = np.empty((n, 3, height, width), np.float32)
        sides = self.sides_for(height, width)
        step = rows_at_once(torch.empty(1, 3, height, width, device="meta"))
        with torch.inference_mode(), steady(self.device, exact=True):
            for start in range(0, n, step):
                part = torch.from_numpy(np.array(given.x[start : start + step], np.float32)).to(self.device)
                light = lightness((part - given.low) / (given.high - given.low))  # (b, 1, H, W)
                small = light
                if sides != (height, width):
                    small = F.interpolate(light, sides, mode="bilinear", antialias=True, align_corners=False)
                wide = F.interpolate(guess(small), (height, width), mode="bilinear", align_corners=False)
                found[start : start + step] = to_rgb(torch.cat([light, wide], 1)).cpu().numpy()
        return finite(self.form.to_units(found), "guessed colours")

    def colorizing(self) -> Callable[[Tensor], Tensor]:
        """The verb of the method: from lightness (B, 1, H, W) to a and b (B, 2, h, w).

        Raises
        ------
        OptionError
            If it has none.
        """
        guess = getattr(self.method, "colorize", None)
        if not callable(guess):
            raise OptionError(
                f"the method '{self.config['method']}' guesses no colours: it predicts {self.method.hides}; "
                "train a model by method 'colorization'"
            )
        return guess  # type: ignore[no-any-return]

    def sides_for(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which the net looks at an image: as small as it learnt, in the image's own proportions."""
        own = self.form.shape[1:]
        scale = max(own[0] / height, own[1] / width)
        most = LONGEST * max(own)
        return min(max(own[0], round(scale * height)), most), min(max(own[1], round(scale * width)), most)

    def paint(self, photo: np.ndarray, small: np.ndarray) -> np.ndarray:
        """Paint one photo at its own size: all of its lightness, and colours guessed from it made small.

        Parameters
        ----------
        photo, small
            uint8 (3, H, W), and the same photo resized to `sides_for` its sides.

        Returns
        -------
        ndarray
            uint8 (H, W, 3).
        """
        guess = self.colorizing()
        height, width = photo.shape[1:]
        with torch.inference_mode(), steady(self.device, exact=True):
            light = lightness(torch.from_numpy(small)[None].to(self.device).float() / 255)
            ab = finite(guess(light).float().cpu().numpy(), "guessed colours")
        made = np.empty((height, width, 3), np.uint8)
        for rows, colours in _bands(torch.from_numpy(ab), height, width):
            light = lightness(torch.from_numpy(photo[:, rows]).float()[None] / 255)
            rgb = to_rgb(torch.cat([light, colours], 1))[0]  # (3, rows, W)
            made[rows] = (rgb * 255).round().byte().permute(1, 2, 0).numpy()
        return made

    def _light(self, images: Any) -> Light:
        """The images that were given, and their units."""
        if isinstance(images, str | os.PathLike):
            images = self.open(images, progress=False)  # type: ignore[attr-defined]
        opened = open_data(images)
        if len(opened.form.shape) != 3 or opened.form.shape[0] not in (1, 3):
            raise DataError(f"only images with 1 or 3 channels can be painted; got {opened.form.describe()}")
        if opened.x.dtype == np.uint8:
            return Light(opened.x, 0.0, 255.0)
        return Light(opened.x, self.form.low, self.form.high)


def _bands(ab: Tensor, height: int, width: int) -> Iterator[tuple[slice, Tensor]]:
    """Colours (1, 2, h, w) at height x width, in bands (1, 2, rows, width): as `interpolate` gives them, part by part."""
    wide = F.interpolate(ab, (ab.shape[2], width), mode="bilinear", align_corners=False)
    step = max(1, BAND // width)
    for start in range(0, height, step):
        rows = torch.arange(start, min(start + step, height))
        place = ((rows + 0.5) * (ab.shape[2] / height) - 0.5).clamp(min=0)
        above = place.long()
        below = (above + 1).clamp(max=ab.shape[2] - 1)
        share = (place - above)[:, None]
        yield slice(start, start + len(rows)), wide[:, :, above] * (1 - share) + wide[:, :, below] * share
