"""What the literature looks at when there are no labels: the spectrum of codes, and how views of samples lie to each other."""

from __future__ import annotations

import numpy as np

from selfsup.errors import DataError
from selfsup.measures.health import RANK_ROWS, ROUNDING, rows_of

TEMPERATURE = 2.0  # t of uniformity, as published
FEWEST = 3  # eigenvalues through which an exponent is fitted


def eigenvalues(codes: np.ndarray) -> np.ndarray:
    """Eigenvalues of the covariance of codes (n, D), in falling order, without those that rounding alone can make."""
    kept = rows_of(codes, RANK_ROWS).astype(np.float64)
    if kept.ndim != 2 or kept.size == 0 or not np.isfinite(kept).all():
        raise DataError(f"codes must be (n, D), finite, with at least one row and one column; got {codes.shape}")
    size = np.abs(kept).max()
    if size == 0:
        return np.zeros(0)
    kept /= size  # squares of tiny and of huge codes stay within range
    rounding = (ROUNDING * np.linalg.norm(kept)) ** 2
    values = np.square(np.linalg.svd(kept - kept.mean(0), compute_uv=False))
    found: np.ndarray = values[values > rounding] * size**2 / len(kept)
    return found


def participation_ratio(codes: np.ndarray) -> float:
    """Square of the sum of eigenvalues over the sum of their squares (Gao et al. 2017): in how many dimensions codes lie.

    Parameters
    ----------
    codes
        (n, D), finite.

    Returns
    -------
    float
        From 1, a line, to min(n - 1, D), all directions alike; 0 for a point.
    """
    values = eigenvalues(codes)
    return float(values.sum() ** 2 / np.square(values).sum()) if len(values) else 0.0


def alpha_req(codes: np.ndarray) -> float:
    """The exponent by which the eigenvalues fall with their number: that of alpha-ReQ (Agrawal et al. 2022, eq. 2).

    A line is fitted to the logarithms of all eigenvalues by least squares. Near 1 is best, the paper says: above it few
    directions count, below it noise does.

    Parameters
    ----------
    codes
        (n, D), finite.

    Returns
    -------
    float
        NaN where there are fewer than three eigenvalues to fit it to.
    """
    values = eigenvalues(codes)
    if len(values) < FEWEST:
        return float("nan")
    return float(-np.polyfit(np.log(np.arange(1, len(values) + 1)), np.log(values), 1)[0])


def alignment(codes: np.ndarray, others: np.ndarray) -> float:
    """Mean squared distance of two views of a sample, of codes of length 1 (Wang & Isola 2020, eq. 4 with alpha 2).

    Parameters
    ----------
    codes, others
        (n, D) of one view of each sample, and of the other.

    Returns
    -------
    float
        From 0, the same, to 4, opposite.
    """
    if codes.shape != others.shape:
        raise DataError(f"two views of the same samples have codes of one shape; got {codes.shape} and {others.shape}")
    return float(np.square(_unit(codes) - _unit(others)).sum(1).mean())


def uniformity(codes: np.ndarray) -> float:
    """How evenly codes of length 1 lie on the sphere: log mean exp(-2 distance^2) of pairs (Wang & Isola 2020, eq. 5).

    Parameters
    ----------
    codes
        (n, D), n >= 2.

    Returns
    -------
    float
        0 if all are the same; the lower, the more evenly.
    """
    if len(codes) < 2:
        raise DataError(f"uniformity is of pairs: give at least 2 codes; got {len(codes)}")
    unit = _unit(rows_of(codes, RANK_ROWS))
    squares = np.clip(2 - 2 * (unit @ unit.T), 0, None)[np.triu_indices(len(unit), 1)]
    return float(np.log(np.exp(-TEMPERATURE * squares).mean()))


def _unit(codes: np.ndarray) -> np.ndarray:
    codes = codes.astype(np.float64)
    found: np.ndarray = codes / np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return found
