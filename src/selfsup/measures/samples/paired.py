"""How far one encoder is ahead of another on the same test rows, and the standard error of that: a paired bootstrap.

Rows are resampled, and so are draws of labels (or whatever else was drawn several times, such as untrained nets), each by
themselves and together: what the draws of a table differ by anyway, since they are measured on so few rows, is not counted twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from selfsup.errors import DataError
from selfsup.lazy import scipy

TIMES = 1000  # that all is resampled: the error is then known to 2 %
SURE = 2.0  # standard errors that a lead has to exceed
DIFFERENT = 6  # rows that two must differ on: of fewer, all in favour of one may be chance (sign test, 5 %)
CHUNK = 1 << 22  # weights held at once: 32 MiB


class Lead(NamedTuple):
    """How far one is ahead of another, and what of that may be chance.

    Attributes
    ----------
    size
        Mean over rows and draws of what one has right and the other has not.
    error
        Its standard error: of another choice of test rows and of labels the lead is within two of them 19 times of 20. Where
        only a few draws tell how far draws differ, it is widened as Student's t asks.
    differ
        Test rows on which the two are not the same.
    """

    size: float
    error: float
    differ: int

    @property
    def clear(self) -> bool:
        """Whether it is more than chance: beyond two errors, and of more than a handful of rows."""
        return self.differ >= DIFFERENT and abs(self.size) > SURE * self.error


def lead(mine: np.ndarray, others: np.ndarray, seed: int = 0) -> Lead:
    """The lead of one encoder over another; see `leads`."""
    return leads([np.asarray(mine, np.float64) - np.asarray(others, np.float64)], seed)[0]


def leads(apart: Sequence[np.ndarray], seed: int = 0, times: int = TIMES, another: bool = False) -> list[Lead]:
    """Leads with their standard errors, all of them by the same resampled rows.

    With an effect of the row, an effect of the draw, and what is left of both, the variance of a mean over m rows and K draws is
    that of resampled rows plus that of resampled draws minus that of the rest, which is in both (the components of variance of
    a table of rows by columns; Owen 2007, "The pigeonhole bootstrap", sec. 3). The bootstrap of n gives each
    times (n - 1) / n.

    Parameters
    ----------
    apart
        (draws, m) each, or (..., draws, m): what one has right minus what the other has, of the same draws and the same m test
        rows for all. The mean over several numbers of labels is such a table too. An axis of length 1 was drawn once: that it
        might have been drawn otherwise is then not in the error.
    seed
        Of what is resampled.
    times
        How often.
    another
        Whether what was drawn along the first of several such axes stands for one more of its kind, as untrained nets do for the
        one that a model began as: not only their mean is then uncertain, but each as far as they differ.

    Raises
    ------
    DataError
        If there are no test rows, or not the same number of them everywhere.
    """
    tables = [np.atleast_2d(np.asarray(table, np.float64)) for table in apart]
    sizes = {table.shape[-1] for table in tables}
    if len(sizes) != 1 or 0 in sizes:
        raise DataError(f"leads are of the same test rows, at least one; got tables of {sorted(sizes)} rows")
    marginals = [list(_marginals(table)) for table in tables]
    resampled = _resampled([one for some in marginals for one in some], seed, times)
    return [
        _lead(table, [next(resampled) for _ in some], [len(one) for one in some], another and table.ndim > 2)
        for table, some in zip(tables, marginals, strict=True)
    ]


def _marginals(table: np.ndarray) -> Iterator[np.ndarray]:
    """The table (draws, m) of each axis that was drawn several times, a mean over the others; else one of a single draw."""
    leading = tuple(range(table.ndim - 1))
    drawn = [axis for axis in leading if table.shape[axis] > 1]
    for axis in drawn:
        yield table.mean(tuple(other for other in leading if other != axis))
    if not drawn:
        yield table.mean(leading)[None]


class _Parts(NamedTuple):
    """Variances of a mean: by resampled rows, by resampled draws, and by what is left of both."""

    rows: float
    draws: float
    rest: float


def _resampled(tables: Sequence[np.ndarray], seed: int, times: int) -> Iterator[_Parts]:
    """The bootstrap itself, for tables (draws, m) of the same rows."""
    rng, m = np.random.default_rng(seed), tables[0].shape[1]
    stacked = np.concatenate(tables)  # (sum of draws, m)
    found = []  # (sum of draws, times): the mean of each draw over resampled rows
    for first in range(0, times, step := max(1, CHUNK // m)):
        some = min(step, times - first)
        places = rng.integers(m, size=(some, m)) + m * np.arange(some)[:, None]
        counts = np.bincount(places.ravel(), minlength=some * m).reshape(some, m)
        found.append(stacked @ counts.T.astype(np.float64) / m)
    means, ends = np.concatenate(found, 1), np.cumsum([len(table) for table in tables])
    whole = m / (m - 1) if m > 1 else 0.0
    for table, by_rows in zip(tables, np.split(means, ends[:-1]), strict=True):
        draws = len(table)
        of_rows = by_rows.mean(0)  # (times,)
        if draws == 1:
            yield _Parts(whole * of_rows.var(), 0.0, 0.0)
            continue
        often = rng.multinomial(draws, np.full(draws, 1 / draws), size=times).T / draws  # (draws, times)
        of_draws = table.mean(1) @ often
        rest = (by_rows * often).sum(0) - of_rows - of_draws + table.mean()
        few = draws / (draws - 1)
        yield _Parts(whole * of_rows.var(), few * of_draws.var(), whole * few * rest.var())


def _lead(table: np.ndarray, parts: Sequence[_Parts], draws: Sequence[int], another: bool) -> Lead:
    """The lead of one table; of `another` see `leads`."""
    m = table.shape[-1]
    rows = table.reshape(-1, m)
    variances = [parts[0].rows, *(max(0.0, part.draws - part.rest) for part in parts)]
    if another and table.shape[0] > 1:
        variances[1] *= 1 + table.shape[0]  # of one of them, beside that of the mean of n
    variance = sum(variances)
    error = float(np.sqrt(variance))
    if variance > 0:
        # Satterthwaite's degrees of freedom of a sum of variances
        known = [max(1, m - 1), *(max(1, number - 1) for number in draws)]
        freedom = variance**2 / sum(one**2 / number for one, number in zip(variances, known, strict=True))
        error *= float(scipy.special.stdtrit(freedom, scipy.special.ndtr(SURE)) / SURE)
    return Lead(float(table.mean()), error, int(np.count_nonzero(rows.any(0))))
