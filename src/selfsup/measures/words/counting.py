"""Word vectors by counting, to hold the learnt ones against: PPMI, and the singular vectors of it.

Levy and Goldberg, 2014 ("Neural Word Embedding as Implicit Matrix Factorization", sec. 3 and 5): skip-gram with negatives
factors a shifted PMI matrix, so the matrix itself is the baseline that needs no learning. The contexts' distribution is
smoothed by a power and the singular values enter by their root (Levy, Goldberg and Dagan, 2015, sec. 3.2 and 3.3).
"""

from __future__ import annotations

import numpy as np

from selfsup.lazy import scipy
from selfsup.system.kernels import compiled

SMOOTHING = 0.75  # of the contexts' counts: without it rare contexts look too telling
PARTS = 64  # of a long text that are counted, evenly spread: its beginning alone may be about one thing
BLOCK = 512  # rows whose PMI is held at once, dense

_compiled = compiled(nogil=True)


def counted_vectors(
    ids: np.ndarray, size: int, window: int, dim: int, *, rows: int, contexts: int, most: int
) -> tuple[np.ndarray, int]:
    """Vectors of the most frequent words from the counts of what stands around them.

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
    rows, contexts
        Most frequent words that get a vector, and most frequent words that are counted around them.
    most
        Ids that are counted, at most.

    Returns
    -------
    tuple
        Vectors (min(rows, size), D) float32, zeros for a word without telling contexts; and how many words were counted.
    """
    table = np.zeros((min(rows, size), min(contexts, size)), np.float32)
    parts = spread_parts(ids, most)
    for part in parts:
        _count(part, window, table)
    return _factored(table, dim), sum(int((part >= 0).sum()) for part in parts)


def spread_parts(ids: np.ndarray, most: int) -> list[np.ndarray]:
    """At most so many ids: the whole, or `PARTS` pieces evenly spread."""
    if len(ids) <= most:
        return [ids]
    length = max(most // PARTS, 1)
    starts = np.linspace(0, len(ids) - length, most // length).astype(np.int64)
    return [ids[start : start + length] for start in starts.tolist()]


def ppmi(counts: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Positive pointwise mutual information (r, c) of counts (r, c), 0 where nothing was counted.

    Parameters
    ----------
    counts
        How often each context stands around each of r words.
    around
        (c,) smoothed counts of the contexts in the whole text.
    """
    own = counts.sum(1, dtype=np.float64)  # (r,)
    expected = own[:, None] * (around / max(float(around.sum()), 1e-300))
    ratio = np.divide(counts, expected, out=np.ones_like(expected), where=counts > 0)
    found: np.ndarray = np.maximum(np.log(ratio), 0.0)
    return found


def _factored(table: np.ndarray, dim: int) -> np.ndarray:
    """Left singular vectors times the root of the singular values, of the PPMI of counts (r, c)."""
    around = table.sum(0, dtype=np.float64) ** SMOOTHING
    blocks = (table[at : at + BLOCK] for at in range(0, len(table), BLOCK))
    parts = [scipy.sparse.csr_matrix(ppmi(block, around), dtype=np.float32) for block in blocks]
    matrix = scipy.sparse.vstack(parts, format="csr")
    width = min(dim, *matrix.shape)
    if not matrix.nnz:
        return np.zeros((matrix.shape[0], width), np.float32)
    last = matrix.shape[1] - 1
    values, right = scipy.linalg.eigh(
        (matrix.T @ matrix).toarray(), subset_by_index=(last - width + 1, last)
    )  # of c x c: c is small
    roots = np.sqrt(np.sqrt(values.clip(min=0)))  # of the singular values
    return np.ascontiguousarray(matrix @ (right / roots.clip(min=1e-6)), dtype=np.float32)


@_compiled
def _count(ids: np.ndarray, window: int, table: np.ndarray) -> None:
    """Add the pairs of ids (n,) to counts (r, c), in both directions."""
    rows, contexts = table.shape
    for at in range(len(ids)):
        a = ids[at]
        if a < 0:
            continue
        for distance in range(1, min(window, len(ids) - 1 - at) + 1):
            b = ids[at + distance]
            if b < 0:
                break
            share = np.float32((window - distance + 1) / window)
            if a < rows and b < contexts:
                table[a, b] += share
            if b < rows and a < contexts:
                table[b, a] += share
