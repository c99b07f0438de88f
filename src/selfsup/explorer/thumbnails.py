"""Pictures of the samples of a data set: small ones from their files or from the decoded data, and in full."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from selfsup.data.dataset import Dataset
from selfsup.lazy import PIL, Late
from selfsup.system.cores import cores

if TYPE_CHECKING:
    from PIL import Image

TASK = 64  # pictures that a thread makes at a time
FULL = 1_600  # longest side of a picture that is looked at alone
LEAST = 256  # side that the picture of a decoded sample, which has no file, is enlarged to
decode: Any = Late("selfsup.data.images.decode")  # needs Pillow, which a model alone does not


class Pictures:
    """Pictures of images (n, C, H, W), by number: from the file where it still is, else as they were decoded.

    Parameters
    ----------
    data
        The images.
    tile
        Longest side of a small picture.
    """

    def __init__(self, data: Dataset, tile: int) -> None:
        self._data, self._tile = data, tile

    def __call__(self, numbers: Sequence[int]) -> list[np.ndarray | None]:
        """Small pictures (H, W, 3) or (H, W) uint8; None where a sample holds no picture."""
        with ThreadPoolExecutor(cores(), "selfsup-thumbnails") as pool:
            return list(pool.map(self._small, numbers, chunksize=TASK))

    def original(self, number: int) -> Image.Image | None:
        """The picture in full: of a decoded one each pixel as a square."""
        if (file := self._file(number)) is not None and (image := decode.picture(file, FULL)) is not None:
            found: Image.Image = image
            return found
        values = _values(self._data, number)
        if values is None:
            return None
        image = PIL.Image.fromarray(values)
        times = max(1, LEAST // max(image.size))
        return image.resize((image.width * times, image.height * times), PIL.Image.Resampling.NEAREST)

    def moved(self) -> int:
        """How many files are no longer where they were."""
        return 0 if self._data.root is None else sum(self._file(number) is None for number in range(len(self._data)))

    def _file(self, number: int) -> Path | None:
        data = self._data
        if data.root is None or data.names is None:
            return None
        file = data.root / data.names[number]
        return file if file.is_file() else None

    def _small(self, number: int) -> np.ndarray | None:
        held = min(self._data.form.shape[1:])
        if held < self._tile or self._data.form.shape[0] != 3:  # the file may have more pixels, or colours
            file = self._file(number)
            image = None if file is None else decode.picture(file, self._tile)
            if image is not None:
                return np.asarray(image)
        values = _values(self._data, number)
        if values is None or max(values.shape[:2]) <= self._tile:
            return values
        image = PIL.Image.fromarray(values)
        image.thumbnail((self._tile, self._tile), PIL.Image.Resampling.BICUBIC)
        return np.asarray(image)


def _values(data: Dataset, number: int) -> np.ndarray | None:
    """A decoded image as (H, W, 3) or (H, W) uint8; the first channel where there are neither one nor three."""
    x = data.x[number]  # (C, H, W)
    if x.dtype != np.uint8:
        with np.errstate(invalid="ignore", over="ignore"):
            x = (x - data.form.low) / ((data.form.high - data.form.low) or 1.0)
        if not np.isfinite(x).any():
            return None
        x = (np.nan_to_num(x, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return np.ascontiguousarray(x.transpose(1, 2, 0)) if len(x) == 3 else np.ascontiguousarray(x[0])
