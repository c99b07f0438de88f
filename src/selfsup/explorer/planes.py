"""Vectors on a plane: principal components of any number of them, and t-SNE and UMAP, of many by landmarks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from selfsup.lazy import sklearn, umap
from selfsup.measures.map import tsne
from selfsup.words.search import unit_rows

ROWS = 1 << 14  # made float32 at once
WIDEST = 1 << 10  # values up to which the covariance of all rows is formed; wider rows have the axes of a sample
SAMPLE = 4_096  # rows of that sample
LANDMARKS = {"t-SNE": 3_000, "UMAP": 5_000}  # rows that are placed themselves; the others go by them
NEAREST = 5  # landmarks that place a row
TINY = 1e-12


@dataclass(frozen=True)
class Vectors:
    """Rows (n, d) of any width in float32 or float16, read in chunks: of length 1 where only their directions count."""

    table: np.ndarray
    unit: bool = False

    def __len__(self) -> int:
        return len(self.table)

    def chunks(self, scale: float = 1.0) -> Iterator[tuple[slice, np.ndarray]]:
        """Chunks (b, d) float32 times a scale, and where they are."""
        for first in range(0, len(self), ROWS):
            part = slice(first, min(first + ROWS, len(self)))
            yield part, self.rows(part, scale)

    def rows(self, part: slice | np.ndarray, scale: float = 1.0) -> np.ndarray:
        """Some rows (b, d) float32."""
        rows = self.table[part].astype(np.float32, copy=False)
        return unit_rows(rows) if self.unit else rows * np.float32(scale) if scale != 1.0 else rows

    def scale(self) -> float:
        """What rows are multiplied by, so that no square leaves the range of float32."""
        if self.unit:
            return 1.0
        largest = max((float(np.abs(rows).max(initial=0.0)) for _, rows in self.chunks()), default=0.0)
        return 1.0 if 1e-6 < largest < 1e6 or largest == 0.0 else 1 / largest


@dataclass(frozen=True)
class Axes:
    """Principal axes.

    Attributes
    ----------
    mean
        (d,) float32 of the rows.
    axes
        (k, d) float32, orthonormal, the one of most variance first.
    shares
        (k,) of the variance along each.
    scale
        What rows are multiplied by first.
    """

    mean: np.ndarray
    axes: np.ndarray
    shares: np.ndarray
    scale: float = 1.0

    def place(self, vectors: Vectors) -> np.ndarray:
        """Coordinates (n, k) float32 of rows (n, d) along the axes."""
        placed = np.zeros((len(vectors), len(self.axes)), np.float32)
        for part, rows in vectors.chunks(self.scale):
            placed[part] = (rows - self.mean) @ self.axes.T
        return placed


def principal(vectors: Vectors, width: int, seed: int = 0) -> Axes:
    """Principal axes of rows (n, d), at most so many; none where the rows are all the same."""
    dim, scale = vectors.table.shape[1], vectors.scale()
    if dim > WIDEST:
        some = np.sort(np.random.default_rng(seed).permutation(len(vectors))[:SAMPLE])
        rows = vectors.rows(some, scale)
        mean = rows.mean(0, dtype=np.float64).astype(np.float32)
        rows = rows - mean
        total = float(np.square(rows, dtype=np.float64).sum())
        _, sizes, axes = sklearn.utils.extmath.randomized_svd(rows, min(width, *rows.shape), random_state=seed)
        shares = sizes.astype(np.float64) ** 2 / max(total, TINY)
    else:
        mean, covariance = _moments(vectors, scale)
        values, found = np.linalg.eigh(covariance)
        shares = values[::-1][:width].clip(0) / max(float(values.sum()), TINY)
        axes, total = found.T[::-1][:width], float(values.sum())
    keep = (shares > 1e-9) & (total > TINY)
    axes = axes[keep]
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)]) if len(axes) else np.zeros(0)
    return Axes(mean, (axes * signs[:, None]).astype(np.float32), shares[keep], scale)


def _moments(vectors: Vectors, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) float32 and covariance (d, d) float64 in one pass, around the mean of the first rows."""
    dim = vectors.table.shape[1]
    total, squares, around = np.zeros(dim), np.zeros((dim, dim)), np.zeros(dim, np.float32)
    for part, rows in vectors.chunks(scale):
        if part.start == 0 and len(rows):
            around = rows.mean(0, dtype=np.float64).astype(np.float32)
        apart = rows - around
        total += apart.sum(0, dtype=np.float64)
        squares += apart.T @ apart
    mean = total / max(len(vectors), 1)
    return (around + mean).astype(np.float32), squares / max(len(vectors), 1) - np.outer(mean, mean)


def flat(vectors: Vectors, axes: Axes) -> np.ndarray:
    """Places (n, 2) float32 on the first two axes; zeros where there is none."""
    plane = np.zeros((len(vectors), 2), np.float32)
    first = Axes(axes.mean, axes.axes[:2], axes.shares[:2], axes.scale)
    plane[:, : len(first.axes)] = first.place(vectors)
    return plane


def near(rows: np.ndarray, name: str, seed: int, begin: np.ndarray | None = None) -> np.ndarray:
    """Places (n, 2) float32 of rows (n, k) by t-SNE or UMAP; of many some are placed by it, the others beside these.

    Parameters
    ----------
    rows
        Coordinates along principal axes.
    name
        "t-SNE" or "UMAP".
    begin
        Places (n, 2) to begin from, such as those of the same points before something was changed.

    Raises
    ------
    MissingError
        If UMAP is not installed.
    """
    some = landmarks(len(rows), name, seed)
    placed = (_tsne if name == "t-SNE" else _umap)(rows[some], seed, None if begin is None else begin[some])
    return placed if len(some) == len(rows) else _beside(rows, rows[some], placed)


def landmarks(count: int, name: str, seed: int) -> np.ndarray:
    """Numbers of the rows that are placed themselves, rising: all, or a uniform sample of them."""
    most = LANDMARKS[name]
    return np.arange(count) if count <= most else np.sort(np.random.default_rng(seed).permutation(count)[:most])


def _tsne(rows: np.ndarray, seed: int, begin: np.ndarray | None) -> np.ndarray:
    start, early = rows[:, :2], 12.0
    start = (start - start.mean(0)) * (1e-4 / max(float(start[:, 0].std()), TINY))
    if begin is not None:  # points stay where they were, but for what has changed around them
        start, early = begin, 1.0
    return tsne(rows, start.astype(np.float32), seed, early)


def _umap(rows: np.ndarray, seed: int, begin: np.ndarray | None) -> np.ndarray:
    neighbours = min(15, len(rows) - 1)
    made = umap.UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1, init="pca" if begin is None else begin)
    return np.asarray(made.fit_transform(rows), np.float32)


def _beside(rows: np.ndarray, known: np.ndarray, placed: np.ndarray) -> np.ndarray:
    """Places of rows (n, k): the mean of those of the nearest known ones (m, k), weighed by the squared distance's inverse."""
    found = np.empty((len(rows), 2), np.float32)
    squares = np.einsum("mk,mk->m", known, known)
    for first in range(0, len(rows), 1024):
        some = rows[first : first + 1024]
        apart = squares - 2 * some @ known.T  # (b, m), up to what is the same for all known ones
        close = np.argpartition(apart, NEAREST, axis=1)[:, :NEAREST]
        exact = np.square(some[:, None] - known[close]).sum(2)  # (b, 5)
        weights = 1 / (exact + TINY * float(squares.max() or 1) + 1e-30)
        found[first : first + 1024] = np.einsum("bk,bkp->bp", weights / weights.sum(1, keepdims=True), placed[close])
    return found


def turned(plane: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """A plane (n, 2) turned, mirrored and stretched so that it lies best on another of the same points (Schönemann 1966)."""
    first, second = onto - onto.mean(0), plane - plane.mean(0)
    left, sizes, right = np.linalg.svd(second.T.astype(np.float64) @ first)
    size = sizes.sum() / max(float(np.square(second, dtype=np.float64).sum()), TINY)
    found: np.ndarray = size * second @ (left @ right) + onto.mean(0)
    return found.astype(np.float32)
