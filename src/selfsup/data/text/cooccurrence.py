"""How often words stand near each other: what GloVe learns from, and counting factors.

What is notable: the text is gone through word by word of the vocabulary, by an index of where each one stands. So one row of
counts is held dense at a time and nothing is hashed; memory is what the result takes, and the index.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from selfsup.system import memory
from selfsup.system.kernels import compiled

LEAST = 100  # pairs that are held out, about: what is measured on fewer says nothing
PARTS = 8  # of the vocabulary, for each thread: they differ in how long they take

_compiled = compiled(nogil=True)


class Cooccurrence(NamedTuple):
    """Counts of pairs that were seen, both (i, j) and (j, i), which are equal; by row, then by column."""

    rows: np.ndarray  # (n,) int32
    columns: np.ndarray  # (n,) int32
    counts: np.ndarray  # (n,) float32


def cooccurrence(
    ids: np.ndarray, size: int, width: int, threads: int = 1, weights: np.ndarray | None = None
) -> Cooccurrence:
    """Count the words within `width` words to either side, in the same sentence; one at distance d counts 1 / d.

    As in GloVe (Pennington, Socher and Manning, 2014, sec. 4.2). A word that stands near itself counts from both sides.

    Parameters
    ----------
    ids
        (N,) int32, words by their number and -1 between sentences.
    size
        V, words of the vocabulary.
    width
        Words to either side.
    threads
        To count in; the result is the same.
    weights
        (width,) above 0: what a word at each distance counts instead.

    Raises
    ------
    DataError
        If index or counts do not fit in memory.
    """
    advice = "count a narrower width, less text (limit), or fewer words: max_vocab, or a higher min_count"
    memory.check(8 * len(ids), "the places of the words", advice)
    shares = 1.0 / np.arange(1, width + 1) if weights is None else np.asarray(weights, np.float64)
    begins, places = _index(ids, size)
    reach = np.cumsum(np.minimum(np.diff(begins) * 2 * width, size))  # most columns that rows can have, for even parts
    cuts = np.searchsorted(reach, np.linspace(0, reach[-1] if size else 0, PARTS * threads + 1)[1:-1])
    cuts = np.concatenate([[0], cuts, [size]])
    found = np.zeros(size + 1, np.int64)
    with ThreadPoolExecutor(threads) as pool:
        parts = list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
        list(pool.map(lambda part: _sizes(ids, begins, places, width, *part, found), parts))
        np.cumsum(found, out=found)
        memory.check(12 * int(found[-1]), f"the counts of {int(found[-1]):,} pairs of words", advice)
        columns, counts = np.empty(found[-1], np.int32), np.empty(found[-1], np.float32)
        list(pool.map(lambda part: _fill(ids, begins, places, shares, *part, found, columns, counts), parts))
    return Cooccurrence(np.repeat(np.arange(size, dtype=np.int32), np.diff(found)), columns, counts)


def held_out(counted: Cooccurrence, share: float) -> np.ndarray:
    """Which pairs (n,) are held out: about so many, some `LEAST` at least, (j, i) where (i, j) is; nothing is drawn."""
    low, high = (order(counted.rows, counted.columns).astype(np.uint64) for order in (np.minimum, np.maximum))
    mixed = (low * np.uint64(0x9E3779B97F4A7C15) + high) * np.uint64(0xD1B54A32D192ED03)
    share = min(max(share, LEAST / max(len(low), 1)), 0.5)
    found: np.ndarray = mixed >> np.uint64(40) < share * 2**24
    return found


@_compiled
def _index(ids: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each word stands, in order: word i at places[begins[i] : begins[i + 1]]."""
    begins = np.zeros(size + 1, np.int64)
    for one in ids:
        if one >= 0:
            begins[one + 1] += 1
    for word in range(size):
        begins[word + 1] += begins[word]
    places, next_ = np.empty(begins[size], np.int64), begins[:-1].copy()
    for at in range(len(ids)):
        if ids[at] >= 0:
            places[next_[ids[at]]] = at
            next_[ids[at]] += 1
    return begins, places


@_compiled
def _sizes(
    ids: np.ndarray, begins: np.ndarray, places: np.ndarray, width: int, first: int, last: int, found: np.ndarray
) -> None:
    """How many different words stand near each word from `first` to before `last`, to ``found[word + 1]``."""
    seen = np.full(len(begins) - 1, -1, np.int32)
    for word in range(first, last):
        for k in range(begins[word], begins[word + 1]):
            for way in (-1, 1):
                at = places[k]
                for _ in range(width):
                    at += way
                    if at < 0 or at >= len(ids) or ids[at] < 0:
                        break
                    if seen[ids[at]] != word:
                        seen[ids[at]] = word
                        found[word + 1] += 1


@_compiled
def _fill(
    ids: np.ndarray, begins: np.ndarray, places: np.ndarray, shares: np.ndarray, first: int, last: int, found: np.ndarray,
    columns: np.ndarray, counts: np.ndarray,
) -> None:  # fmt: skip
    """Columns and counts of the rows from `first` to before `last`; row i is at found[i] : found[i + 1]."""
    row = np.zeros(len(begins) - 1, np.float64)
    for word in range(first, last):
        made = found[word]
        for k in range(begins[word], begins[word + 1]):
            for way in (-1, 1):
                at = places[k]
                for share in shares:
                    at += way
                    if at < 0 or at >= len(ids) or ids[at] < 0:
                        break
                    other = ids[at]
                    if row[other] == 0.0:
                        columns[made] = other
                        made += 1
                    row[other] += share
        own = columns[found[word] : made]
        own.sort()
        for k in range(found[word], made):
            counts[k] = row[columns[k]]
            row[columns[k]] = 0.0
