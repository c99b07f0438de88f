"""Word vectors by counting, to hold the learnt ones against: PPMI, and the singular vectors of it.

Levy and Goldberg, 2014 ("Neural Word Embedding as Implicit Matrix Factorization", sec. 3 and 5): skip-gram with negatives
factors a shifted PMI matrix, so the matrix itself is the baseline that needs no learning. The contexts' distribution is
smoothed by a power and the singular values enter by their root (Levy, Goldberg and Dagan, 2015, sec. 3.2 and 3.3).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from selfsup.data.text.cooccurrence import cooccurrence
from selfsup.lazy import scipy, sklearn
from selfsup.system.cores import cores

SMOOTHING = 0.75  # of the contexts' counts: without it rare contexts look too telling
PARTS = 64  # of a long text that are counted, evenly spread: its beginning alone may be about one thing
SMALL = 500  # words of which all singular vectors are found
FACTORED = 10_000  # words at least whose rows are factored: of four thousand alone the vectors are worse
ROUNDS = 5  # of power iteration where there are more: three give worse neighbours, seven little better ones
Counts = Any  # (r, c) of SciPy's sparse rows, float32


class Counted(NamedTuple):
    """What counting gives.

    Attributes
    ----------
    vectors
        (r, D) float32 of the r most frequent words; zeros of a word without telling contexts.
    table
        (V, V) how often each word stood around each.
    words
        Of the text that were counted.
    """

    vectors: np.ndarray
    table: Counts
    words: int


def counted_vectors(
    ids: np.ndarray, size: int, window: int, dim: int, *, rows: int | None = None, most: int | None = None
) -> Counted:
    """Vectors of words from the counts of what stands around them.

    Parameters
    ----------
    ids
        (N,) int32: words by their place in the vocabulary, the most frequent first, and -1 between sentences.
    size
        Words of the vocabulary.
    window
        Words to either side; one at distance d counts (window - d + 1) / window, as often as a random window reaches it.
    dim
        Width of the vectors, at most.
    rows
        Most frequent words that get a vector; None: all.
    most
        Ids that are counted, at most; None: all.

    Raises
    ------
    DataError
        If the counts do not fit in memory.
    """
    if most is not None and len(ids) > most:
        ids = np.concatenate(
            [joint for part in spread_parts(ids, most) for joint in (part, np.array([-1], part.dtype))]
        )
    table = counts(ids, size, window)
    some = None if rows is None else max(rows, FACTORED)
    return Counted(factored(ppmi(table)[:some], dim)[:rows], table, int((ids >= 0).sum()))


def counts(ids: np.ndarray, size: int, window: int) -> Counts:
    """How often each word stands around each: (V, V)."""
    found = cooccurrence(ids, size, window, cores(), weights=np.arange(window, 0, -1) / window)
    ends = np.searchsorted(found.rows, np.arange(size + 1))
    return scipy.sparse.csr_matrix((found.counts, found.columns, ends), shape=(size, size))


def spread_parts(ids: np.ndarray, most: int) -> list[np.ndarray]:
    """At most so many ids: the whole, or `PARTS` pieces evenly spread."""
    if len(ids) <= most:
        return [ids]
    length = max(most // PARTS, 1)
    starts = np.linspace(0, len(ids) - length, most // length).astype(np.int64)
    return [ids[start : start + length] for start in starts.tolist()]


def ppmi(table: Counts) -> Counts:
    """Positive pointwise mutual information (r, c) of counts (r, c), with the smoothed distribution of the contexts."""
    around = np.asarray(table.sum(0), np.float64)[0] ** SMOOTHING
    own = np.asarray(table.sum(1), np.float64)[:, 0]
    found = table.tocsr(copy=True)
    with np.errstate(divide="ignore"):
        logs = np.log(own).astype(np.float32), np.log(around / max(float(around.sum()), 1e-300)).astype(np.float32)
    found.data = np.log(found.data.astype(np.float32))
    found.data -= np.repeat(logs[0], np.diff(found.indptr))
    found.data -= logs[1][found.indices]
    np.maximum(found.data, 0, out=found.data)
    found.eliminate_zeros()
    return found


def factored(matrix: Counts, dim: int, seed: int = 0) -> np.ndarray:
    """Left singular vectors times the root of the singular values, of sparse rows (r, c): (r, min(D, r, c)) float32."""
    width = min(dim, *matrix.shape)
    if not matrix.nnz:
        return np.zeros((matrix.shape[0], width), np.float32)
    if max(matrix.shape) <= SMALL:
        left, values, _ = np.linalg.svd(matrix.toarray().astype(np.float64), full_matrices=False)
        return np.ascontiguousarray(left[:, :width] * np.sqrt(values[:width]), dtype=np.float32)
    left, values, _ = sklearn.utils.extmath.randomized_svd(
        matrix, width, n_iter=ROUNDS, power_iteration_normalizer="QR", random_state=seed
    )
    return np.ascontiguousarray(left * np.sqrt(values), dtype=np.float32)
