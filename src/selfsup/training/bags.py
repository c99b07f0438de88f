"""Labelled texts as bags: how often each word, and each pair of neighbouring words, stands in each text."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from selfsup.data.text.form import TextForm
from selfsup.lazy import scipy


class Counted(NamedTuple):
    """Words of n texts.

    Attributes
    ----------
    words
        The U different words of all texts, with a vector or without.
    single
        Sparse (n, U) float32: how often each word stands in each text.
    pairs
        Sparse (n, P) float32: how often each two words stand there side by side.
    """

    words: list[str]
    single: Any
    pairs: Any

    def rows(self, texts: np.ndarray) -> Counted:
        """Those of some of the texts."""
        return self._replace(single=self.single[texts], pairs=self.pairs[texts])


def count(texts: Sequence[str], form: TextForm) -> Counted:
    """Count words and pairs of texts, which are cut as the form says; words that its vocabulary lacks are counted too."""
    ids, ends, words = _numbered(texts, form)
    single = _table(ids, ends, len(words))
    # a pair is a number of its own: those that cross the border of two texts are left out
    first = np.ones(len(ids), bool)
    first[ends[:-1][ends[:-1] < len(ids)]] = False
    follows = np.flatnonzero(first)
    pairs, columns = np.unique(ids[follows - 1].astype(np.int64) * len(words) + ids[follows], return_inverse=True)
    borders = np.searchsorted(follows, ends)
    return Counted(words, single, _table(columns.reshape(-1), borders, len(pairs)))


def _table(columns: np.ndarray, ends: np.ndarray, width: int) -> Any:
    """A sparse table with a row for each stretch of columns; a column that stands there several times is counted."""
    ones, kind = np.ones(len(columns), np.float32), np.int32 if len(columns) < 1 << 31 else np.int64
    found = scipy.sparse.csr_array((ones, columns.astype(kind), ends.astype(kind)), shape=(len(ends) - 1, width))
    found.sum_duplicates()
    return found


def _numbered(texts: Sequence[str], form: TextForm) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Words as numbers (N,) in the order in which they are met, the borders of the texts (n + 1,), and the words."""
    rule, number = form.rule(), dict[str, int]()
    by_run = rule.cut is None and not form.reading["phrases"]  # no word holds white space: each run is cut once
    runs: dict[str, tuple[int, ...]] = {}
    ids, ends = array("i"), [0]
    for text in texts:
        if by_run:
            for run in text.split():
                found = runs.get(run)
                if found is None:
                    found = runs[run] = tuple(number.setdefault(word, len(number)) for word in rule.settle(run))
                ids.extend(found)
        else:
            ids.extend([number.setdefault(word, len(number)) for word in form.cut(text)])
        ends.append(len(ids))
    return np.array(ids, np.int32), np.array(ends, np.int64), list(number)


def used(table: Any, least: int = 1) -> np.ndarray:
    """Columns of a sparse table that at least so many of its rows have."""
    return np.flatnonzero(np.bincount(table.indices, minlength=table.shape[1]) >= least)


def tfidf(train: Any, test: Any, *, sublinear: bool) -> tuple[Any, Any]:
    """Rows of length 1 of term frequency times inverse document frequency, as scikit-learn has them.

    Parameters
    ----------
    train
        Sparse counts (n, F), whose document frequencies ln((1 + n) / (1 + n_f)) + 1 are taken.
    test
        Sparse counts (m, F).
    sublinear
        Whether 1 + ln(count) stands in place of the count.

    Returns
    -------
    tuple
        Both tables, float32.
    """
    frequency = np.bincount(train.indices, minlength=train.shape[1])
    idf = (np.log((1 + train.shape[0]) / (1 + frequency)) + 1).astype(np.float32)
    idf[frequency == 0] = 0  # of what the training rows lack nothing is known
    return _scaled(train, idf, sublinear), _scaled(test, idf, sublinear)


def _scaled(table: Any, weights: np.ndarray, sublinear: bool) -> Any:
    data = (1 + np.log(table.data) if sublinear else table.data) * weights[table.indices]
    made = scipy.sparse.csr_array((data.astype(np.float32), table.indices, table.indptr), shape=table.shape)
    lengths = np.sqrt(np.asarray(made.multiply(made).sum(axis=1)).reshape(-1))
    return _by_row(made, np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0))


def shares(table: Any, weights: np.ndarray) -> Any:
    """Share of each word in a text: 1 + ln(count) times its weight (U,), divided by the sum of the row; zeros where that is 0.

    A word that a text repeats says little more than once; so counted, IMDB's held-out labels are guessed better.
    """
    data = (1 + np.log(table.data)) * weights[table.indices]
    made = scipy.sparse.csr_array((data.astype(np.float32), table.indices, table.indptr), shape=table.shape)
    total = np.asarray(made.sum(axis=1, dtype=np.float64)).reshape(-1)
    return _by_row(made, np.divide(1, total, out=np.zeros_like(total), where=total > 0))


def _by_row(table: Any, factors: np.ndarray) -> Any:
    """Multiply each row of a sparse table of our own by a factor."""
    table.data *= np.repeat(factors, np.diff(table.indptr)).astype(np.float32)
    return table
