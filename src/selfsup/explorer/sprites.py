"""Sprite sheets: thumbnails of many points on one picture, as a browser draws thousands of them at once."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from selfsup.explorer.scene import Scene
from selfsup.lazy import PIL
from selfsup.system.cores import cores

SMALLEST = 16  # pixels of a tile's side, which has no more than the pictures otherwise
ACROSS = 32  # tiles beside one another
ON_A_SHEET = ACROSS * ACROSS
TYPE, QUALITY = "image/webp", 85  # 830 bytes a photo of 48 x 48
LOOKED_AT = 16  # points whose pictures say how large the tiles are
THREADS = 4


class Sheets:
    """The sheets of a scene that has thumbnails, each made when it is asked for.

    Sheet s holds points from ``s * ON_A_SHEET`` on, row by row. A tile keeps the picture's proportions; beside it the sheet is
    transparent. What has no picture has a tile with a cross.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene, self._reading = scene, threading.Lock()
        self.many = len(scene)
        self.count = -(-self.many // ON_A_SHEET)
        places = np.unique(np.linspace(0, self.many - 1, min(self.many, LOOKED_AT)).astype(int)).tolist()
        sides = [max(picture.shape[:2]) for picture in self._read(places) if picture is not None]
        self.tile = min(max([SMALLEST, *sides]), scene.tile)

    def make(self, sheet: int) -> tuple[bytes, np.ndarray]:
        """One sheet as WebP, and which of its points have no picture, (points,) bool."""
        first = sheet * ON_A_SHEET
        return self._drawn(self._read(range(first, min(first + ON_A_SHEET, self.many))))

    def all(self) -> Iterator[tuple[bytes, np.ndarray]]:
        """All sheets in their order, a few of them made at the same time."""
        workers = min(THREADS, cores())
        with ThreadPoolExecutor(workers, "sheets") as pool:
            waiting: deque[Future[tuple[bytes, np.ndarray]]] = deque()
            try:
                for sheet in range(self.count):
                    waiting.append(pool.submit(self.make, sheet))
                    if len(waiting) > workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _read(self, places: range | list[int]) -> list[np.ndarray | None]:
        """Pictures of some points; one thread at a time, as a file may be behind them."""
        assert self._scene.thumbnails is not None
        with self._reading:
            return self._scene.thumbnails(list(places))

    def _drawn(self, pictures: list[np.ndarray | None]) -> tuple[bytes, np.ndarray]:
        """A sheet of pictures (H, W, 3) or (H, W) uint8, and which are missing."""
        tile, down = self.tile, -(-len(pictures) // ACROSS)
        sheet = np.zeros((down * tile, ACROSS * tile, 4), np.uint8)
        for place, picture in enumerate(pictures):
            drawn = _cross(tile) if picture is None else _fitted(picture, tile)  # (h, w, 4)
            high, wide = drawn.shape[:2]
            top = place // ACROSS * tile + (tile - high) // 2
            left = place % ACROSS * tile + (tile - wide) // 2
            sheet[top : top + high, left : left + wide] = drawn
        buffer = io.BytesIO()
        image = PIL.Image.fromarray(sheet)
        (image if (sheet[..., 3] < 255).any() else image.convert("RGB")).save(buffer, "WEBP", quality=QUALITY, method=2)
        return buffer.getvalue(), np.array([picture is None for picture in pictures])


def _fitted(picture: np.ndarray, tile: int) -> np.ndarray:
    """A picture (h, w, 4) that just fits into a tile."""
    image = PIL.Image.fromarray(np.ascontiguousarray(picture)).convert("RGBA")
    share = tile / max(image.size)
    size = [max(1, round(share * side)) for side in image.size]
    if image.size != tuple(size):
        kind = PIL.Image.Resampling.NEAREST if share > 1 else PIL.Image.Resampling.HAMMING
        image = image.resize(size, kind)
    return np.asarray(image)


def _cross(tile: int) -> np.ndarray:
    """A grey tile (tile, tile, 4) with a cross: here would be a picture."""
    drawn = np.full((tile, tile, 4), (128, 128, 128, 255), np.uint8)
    way = np.arange(tile)
    drawn[way, way] = drawn[way, tile - 1 - way] = (64, 64, 64, 255)
    return drawn
