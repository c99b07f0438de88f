"""Codes on a plane, for people to look at."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from selfsup.lazy import sklearn

FEWEST = 30  # below, the neighbourhoods that t-SNE keeps are the whole set
ITERATIONS = 500  # of which 250 under early exaggeration; half of the usual, and half the time: 2 s at 1000 rows
WIDEST = 50  # t-SNE sees this many principal components, as van der Maaten and Hinton 2008 (sec. 4.2) did


def flat_map(codes: np.ndarray, limit: int = 1000) -> np.ndarray:
    """Places (n, 2) float32 of codes (n, D): t-SNE for 30 to ``limit`` rows, else the first two principal components.

    The same codes always give the same map. Beyond ``limit`` rows t-SNE takes too long; pass a sample of the codes.
    """
    rows = len(codes)
    # codes without their unit: squares of huge or tiny ones would leave the range of float32
    size = float(np.abs(codes).max(initial=0.0)) or 1.0
    flat = components(codes / size, min(WIDEST, *codes.shape)) if rows > 1 else np.zeros((rows, 0))
    plane = np.zeros((rows, 2), np.float32)
    plane[:, : flat.shape[1]] = flat[:, :2]
    if FEWEST <= rows <= limit and len(np.unique(flat, axis=0)) >= FEWEST and flat.shape[1] >= 2:
        placed = tsne(flat)
        if np.isfinite(placed).all():
            return placed
    return plane


def tsne(
    rows: np.ndarray, begin: np.ndarray | None = None, seed: int = 0, early_exaggeration: float = 12.0
) -> np.ndarray:
    """Places (n, 2) float32 of rows (n, k), of which there should be `FEWEST`, by t-SNE (van der Maaten and Hinton 2008).

    Parameters
    ----------
    begin
        Places (n, 2) float32 to begin from, instead of principal components.
    seed
        Of what is random.
    early_exaggeration
        Of the first half of the steps; 1 leaves points where they begin, but for what lies around them.
    """
    with threadpool_limits(1):  # its threads wait on one another where other work shares the cores: 59 s, not 4
        found = sklearn.manifold.TSNE(
            2, init="pca" if begin is None else begin, random_state=seed, perplexity=min(30.0, (len(rows) - 1) / 3),
            max_iter=ITERATIONS, early_exaggeration=early_exaggeration,
        )  # fmt: skip
        return np.asarray(found.fit_transform(rows), np.float32)


def components(codes: np.ndarray, width: int) -> np.ndarray:
    """Principal components (n, width), float32; zeros where the codes are constant."""
    if np.ptp(codes, axis=0).max() == 0:
        return np.zeros((len(codes), width), np.float32)
    return np.asarray(sklearn.decomposition.PCA(width, random_state=0).fit_transform(codes), dtype=np.float32)
