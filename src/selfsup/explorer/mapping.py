"""Which planes a page gets: principal components at once, and what takes longer when it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from selfsup.errors import DataError, OptionError
from selfsup.explorer.planes import LANDMARKS, Axes, Vectors, flat, landmarks, near, principal, turned
from selfsup.explorer.scene import Plane
from selfsup.lazy import check, umap
from selfsup.measures.map import FEWEST, WIDEST as SEEN

Map = Literal["auto", "pca", "tsne", "umap"]
NAMES = {"tsne": "t-SNE", "umap": "UMAP"}
QUICK = 100_000  # points up to which t-SNE is made unasked
ALIKE = 0.3  # mean cosine of what is the same before and after, from which on both have the same axes
LOOKED_AT = 2_000  # points by which that is told


class Planes:
    """Planes of one space of n points, or of two that are compared.

    Parameters
    ----------
    spaces
        One or two, of the same points.
    map
        auto: principal components, and t-SNE of up to `QUICK` points. pca: these alone. tsne, umap: that one too.
    seed
        Of samples, t-SNE and UMAP.

    Attributes
    ----------
    planes
        Those of principal components, and the others without points; see `later`.

    Raises
    ------
    DataError
        If a number is not finite.
    OptionError
        If t-SNE or UMAP is asked for and there are too few points.
    MissingError
        If UMAP is asked for and not installed.
    """

    def __init__(self, spaces: Sequence[Vectors], map: Map, seed: int) -> None:
        self._spaces, self._seed, self._lock = spaces, seed, threading.Lock()
        self._axes = [principal(one, SEEN, seed) for one in spaces]
        self._slow = self._slow_one(map)
        self._found: dict[int, np.ndarray] = {}
        self.planes = (*self._principal(), *self._others())

    def later(self, number: int) -> np.ndarray:
        """Points (n, 2) float32 of a plane by its number, computed once."""
        plane = self.planes[number]
        if plane.points is not None:
            return plane.points
        with self._lock:
            for space in range(plane.space + 1):  # the second begins where the first has ended
                if space not in self._found:
                    rows = self._axes[space].place(self._spaces[space])
                    self._found[space] = near(rows, plane.name, self._seed, self._found.get(0))
            return self._found[plane.space]

    def _slow_one(self, map: Map) -> str | None:
        """The plane that takes longer, if there is to be one."""
        if map == "pca" or (map == "auto" and len(self._spaces[0]) > QUICK):
            return None
        name = NAMES.get(map, NAMES["tsne"])
        for space, axes in zip(self._spaces, self._axes, strict=True):
            some = landmarks(len(space), name, self._seed)[: 50 * FEWEST]
            few = len(np.unique(space.rows(some), axis=0))
            if few < FEWEST or len(axes.axes) < 2:
                if map == "auto":
                    return None
                raise OptionError(
                    f"option 'map': {name} keeps neighbourhoods and needs at least {FEWEST} different points in two directions; "
                    f"these are {few:,} in {len(axes.axes)}: take map='pca'"
                )
        if map == "umap":
            check(umap)
        return name

    def _principal(self) -> list[Plane]:
        first = flat(self._spaces[0], self._axes[0])
        planes = [Plane("PCA", first, 0, _share(self._axes[0]))]
        if len(self._spaces) > 1:
            if same_axes(*self._spaces):
                planes.append(
                    Plane(
                        "PCA",
                        flat(self._spaces[1], self._axes[0]),
                        1,
                        "on the axes of the other, so that what moved is seen",
                    )
                )
            else:
                own = turned(flat(self._spaces[1], self._axes[1]), first)
                planes.append(Plane("PCA", own, 1, f"{_share(self._axes[1])}, turned to lie on the other"))
        return planes

    def _others(self) -> list[Plane]:
        if self._slow is None:
            return []
        most, count = LANDMARKS[self._slow], len(self._spaces[0])
        note = "near points are alike; far ones tell nothing"
        if count > most:
            note += f"; {most:,} points were placed by {self._slow}, the others beside the nearest of these"
        also = (note, f"{note}; begun from the other")
        return [Plane(self._slow, None, space, also[space]) for space in range(len(self._spaces))]


def same_axes(first: Vectors, second: Vectors) -> bool:
    """Whether what is the same in two spaces points the same way in both, as before and after a small change."""
    if first.table.shape[1] != second.table.shape[1]:
        return False
    some = np.linspace(0, len(first) - 1, min(LOOKED_AT, len(first))).astype(np.int64)
    a, b = (Vectors(one.table, unit=True).rows(some) for one in (first, second))
    a, b = (one - one.mean(0) if len(one) > 2 else one for one in (a, b))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = np.divide((a * b).sum(1), lengths, out=np.zeros(len(a), np.float32), where=lengths > 0)
    return bool(cosines.mean() > ALIKE)


def _share(axes: Axes) -> str:
    """How much of the variance the plane shows, in words."""
    if not len(axes.shares):
        return "all points are the same"
    return f"{100 * float(axes.shares[:2].sum()):.0f} % of the variance"


def check_finite(vectors: np.ndarray, name: Callable[[int], str], what: str) -> None:
    """Refuse vectors (n, d) of which one is not finite, by the name of its row."""
    for first in range(0, len(vectors), 1 << 14):
        part = vectors[first : first + (1 << 14)].astype(np.float32, copy=False)
        finite = np.isfinite(part).all(1)
        if not finite.all():
            row = first + int(np.argmin(finite))
            raise DataError(
                f"{what} of '{name(row)}' is not finite and has no place on a map; leave it out, or train again with a lower rate"
            )
