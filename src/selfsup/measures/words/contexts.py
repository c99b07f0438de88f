"""What the neighbours of a word foretell of what stands around it, in text that was held out: a measure that needs no labels.

Dagan, Lee and Pereira (1999, "Similarity-Based Models of Word Cooccurrence Probabilities", sec. 2): of a word that is like
others, the contexts are those of these others. So the mean of the contexts of its nearest words in the text that was learnt from,
without its own, is held against what is around it elsewhere; and against the frequency of every context, which knows of no word.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from selfsup.lazy import scipy
from selfsup.measures.words.counting import Counts, counts
from selfsup.words.search import nearest, unit_rows

NEAR = 8  # neighbours of a word
SHARE = (
    0.5  # of the guess that is theirs; the rest is how frequent a context is, so that no guess costs more than log 2
)
LEAST = 10.0  # contexts of a word, about two places where it stands
MOST = 1_000  # words that are asked about
BLOCK = 64  # of these held dense at once


class Asked(NamedTuple):
    """Words, what stands around them, and what stood around every word where it was learnt.

    Attributes
    ----------
    rows
        (t,) places of the words among those that may be neighbours.
    around
        (t, c) how often each of c contexts stands around each of them in the text that they are asked of.
    shares
        (n, c) of all contexts of each of the n words that may be neighbours, those that are each of these c, where it was learnt.
    usual
        (c,) the same of all words together.
    learnt
        (n,) whether a word had any contexts where it was learnt: no other is a neighbour.
    """

    rows: np.ndarray
    around: Counts
    shares: Counts
    usual: np.ndarray
    learnt: np.ndarray


def asked(fresh: np.ndarray | None, learnt: Counts, candidates: int, window: int) -> Asked:
    """Words over all frequencies that stand often enough in the text that was held out; or in what was learnt from.

    Parameters
    ----------
    fresh
        (M,) int32 ids of that text, -1 between sentences; None: what was learnt from.
    learnt
        (V, V) counts of the text that was learnt from.
    candidates
        How many of the most frequent words may be asked about, and be neighbours.
    window
        Words to either side.
    """
    table = (learnt if fresh is None else counts(fresh, learnt.shape[0], window))[:candidates]  # (n, V)
    all_of = np.asarray(learnt.sum(0), np.float64)[0]  # (V,)
    known = np.unique(table.indices)
    known = known[all_of[known] > 0]  # of others the text that was learnt from says nothing
    table = table[:, known]
    own = np.asarray(learnt[:candidates].sum(1), np.float64)[:, 0]
    often = np.flatnonzero((np.asarray(table.sum(1))[:, 0] >= LEAST) & (own > 0))
    if len(often) > MOST:
        often = often[np.linspace(0, len(often) - 1, MOST).round().astype(np.int64)]
    parts = np.divide(1, own, out=np.zeros_like(own), where=own > 0).astype(np.float32)
    shares = scipy.sparse.diags(parts) @ learnt[:candidates][:, known]
    return Asked(often, table[often], shares.tocsr(), all_of[known] / max(float(all_of.sum()), 1e-300), own > 0)


def gains(vectors: np.ndarray, questions: Asked) -> np.ndarray:
    """How much better the neighbours of each word foretell its contexts than their frequency does, in nats a context.

    Parameters
    ----------
    vectors
        (n, D) of the words that may be neighbours.
    questions
        Words that are asked about.

    Returns
    -------
    numpy.ndarray
        (t,) float64: mean over the contexts c of a word of log(q(c) / p(c)). p(c) is the share of c of all contexts, q(c) half
        of it and half of its share around the 8 nearest words. 0 says nothing of the contexts.
    """
    unit = unit_rows(vectors) * questions.learnt[:, None]
    found = np.zeros(len(questions.rows))
    for first in range(0, len(found), BLOCK):
        chosen = _weights(unit, questions.rows[first : first + BLOCK])
        near = (chosen @ questions.shares).toarray()  # (b, c)
        part = questions.around[first : first + BLOCK].tocoo()
        ratio = (1 - SHARE) + SHARE * near[part.row, part.col] / questions.usual[part.col]
        ratio[np.diff(chosen.indptr)[part.row] == 0] = 1.0  # no neighbours, no guess
        size = chosen.shape[0]
        total = np.bincount(part.row, part.data * np.log(ratio), size)
        found[first : first + BLOCK] = total / np.bincount(part.row, part.data, size)
    return found


def _weights(unit: np.ndarray, rows: np.ndarray) -> Counts:
    """(b, n): an even share of each of the nearest words of b rows, none of their own."""
    places = nearest(unit, unit[rows], NEAR + 1).rows  # (b, at most 9)
    near = [
        [one for one in some if one != row][:NEAR] for row, some in zip(rows.tolist(), places.tolist(), strict=True)
    ]
    ends = np.cumsum([0, *map(len, near)])
    data = np.array([1 / len(some) for some in near for _ in some], np.float32)
    return scipy.sparse.csr_matrix((data, [one for some in near for one in some], ends), shape=(len(rows), len(unit)))
