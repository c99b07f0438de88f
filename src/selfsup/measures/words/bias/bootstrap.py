"""Intervals by the bootstrap, and what chance gives: how far would a measure move with other words of the same kind?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from selfsup.errors import DataError, OptionError
from selfsup.words.bias.given import whole_number
from selfsup.words.vectors import WordVectors

Statistic = Callable[[list[np.ndarray]], float]
Interval = tuple[float, float] | tuple[None, None]
DRAWS = 1000
MOST = 100_000  # draws
LEVEL = 0.95
FREQUENT = 10_000  # words that random words are drawn from: rare ones have vectors that nobody would ask about


def interval(
    statistic: Statistic, sizes: Sequence[int], *, draws: int = DRAWS, seed: int = 0, level: float = LEVEL
) -> Interval:
    """Percentile interval of a statistic of sets of words (Efron 1979; Efron and Tibshirani 1993, ch. 13).

    The words of each set are drawn with replacement, as many as it has; a set of one word stays as it is.

    Parameters
    ----------
    statistic
        Of index arrays, one a set, (m,) of numbers below the set's size. A draw for which it is not a finite number (all words
        drawn alike, say) is left out.
    sizes
        Words of each set, m.
    draws
        How many.
    seed
        Of the draws: the same seed gives the same interval.
    level
        Share of the draws between low and high.

    Returns
    -------
    tuple
        Low and high; (None, None) where no set has two words, or fewer than half of the draws have a value.
    """
    rows = drawn(sizes, draws, seed)
    with np.errstate(all="ignore"):
        values = [statistic([one[number] for one in rows]) for number in range(draws)]
    return percentiles(values, sizes, level)


def seeded(seed: int) -> np.random.Generator:
    """Random numbers that a seed decides."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise OptionError(f"seed is a whole number of 0 or more; got {seed!r}")
    return np.random.default_rng(int(seed))


def average(values: np.ndarray) -> float | None:
    """Mean of those of the values that are numbers; None where none is."""
    usable = values[np.isfinite(values)]
    return float(usable.mean()) if len(usable) else None


def drawn(sizes: Sequence[int], draws: int = DRAWS, seed: int = 0) -> list[np.ndarray]:
    """Numbers of words (draws, m) of each set, drawn with replacement: as many as the set has, m."""
    whole_number(draws, "draws", MOST)
    generator = seeded(seed)
    return [generator.integers(size, size=(draws, size)) for size in sizes]


def shares(rows: np.ndarray, size: int) -> np.ndarray:
    """How large a part of each draw each word is: (draws, size) that sum to 1 along the words, of numbers (draws, m)."""
    draws, m = rows.shape
    counts = np.bincount((rows + size * np.arange(draws)[:, None]).ravel(), minlength=draws * size)
    made: np.ndarray = counts.reshape(draws, size) / m
    return made


def percentiles(values: Sequence[float] | np.ndarray, sizes: Sequence[int], level: float = LEVEL) -> Interval:
    """The interval of values (draws,) that were found with `drawn` words of sets of these sizes (see `interval`)."""
    if not 0 < level < 1:
        raise OptionError(f"the level of an interval is between 0 and 1; got {level}")
    every = np.asarray(values, np.float64)
    usable = every[np.isfinite(every)]
    if max(sizes, default=0) < 2 or 2 * len(usable) < len(every):
        return None, None
    low, high = np.quantile(usable, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def frequent_units(vectors: WordVectors, most: int = FREQUENT) -> np.ndarray:
    """Vectors (k, D) float64 of length 1 of the most frequent words, for what random words give; without those of zeros."""
    rows = vectors.rows(vectors.frequent(most)).astype(np.float64)  # (k, D)
    lengths = np.sqrt(np.einsum("kd,kd->k", rows, rows))
    usable = np.isfinite(lengths) & (lengths > 0)
    if not usable.any():
        raise DataError(f"none of the {len(rows):,} most frequent words has a vector that is finite and not zeros")
    made: np.ndarray = rows[usable] / lengths[usable, None]
    return made


def parts_given(sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """How large a part of each group's mean the words (n1 + n2) of both are: (1, n1 + n2) of each."""
    first = np.arange(sizes[0] + sizes[1])[None] < sizes[0]
    return first / sizes[0], ~first / sizes[1]


def parts_drawn(of_one: np.ndarray, of_two: np.ndarray, sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The same of words drawn from each group: (draws, n1 + n2) of each."""
    first, second = shares(of_one, sizes[0]), shares(of_two, sizes[1])
    return np.hstack([first, np.zeros_like(second)]), np.hstack([np.zeros_like(first), second])


def parts_split(sizes: Sequence[int], seed: int, draws: int = DRAWS) -> tuple[np.ndarray, np.ndarray]:
    """The same of random splits of both groups' words into groups of their sizes: (draws, n1 + n2) of each."""
    order = seeded(seed).random((draws, sizes[0] + sizes[1])).argsort(axis=1).argsort(axis=1)
    return (order < sizes[0]) / sizes[0], (order >= sizes[0]) / sizes[1]
