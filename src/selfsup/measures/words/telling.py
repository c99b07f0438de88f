"""Words that a person can judge the neighbours of: over the range of frequencies, without those that stand everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

EVERYWHERE = 100  # of the most frequent words most are of the "the, of, and" kind, whatever the language
SHARE = 0.1  # of a small vocabulary that is passed over instead
LETTERS = 4  # words of fewer letters are mostly function words, abbreviations and names of variables


def telling(words: Sequence[str], order: np.ndarray) -> np.ndarray:
    """Rows of content words, the most frequent first: chosen by counts and letters alone, so the same ones each time.

    Parameters
    ----------
    words
        The vocabulary.
    order
        (n,) rows, the most frequent first (`WordVectors.frequent`).

    Returns
    -------
    numpy.ndarray
        Rows whose words are letters only, of at least `LETTERS`, beyond the most frequent; all of them where no word is so
        (a script whose words are shorter, numbers).
    """
    rest = order[min(EVERYWHERE, int(SHARE * len(order))) :]
    lettered = np.array([words[row].isalpha() for row in rest.tolist()], bool)
    long = np.array([len(words[row]) >= LETTERS for row in rest.tolist()], bool)
    for chosen in (lettered & long, lettered):
        if chosen.any():
            found: np.ndarray = rest[chosen]
            return found
    return rest


def over_frequencies(rows: np.ndarray, n: int) -> np.ndarray:
    """At most n of the rows, their ranks evenly spread on a log scale: as many of a hundred as of ten thousand."""
    if len(rows) <= n:
        return rows
    first = max(len(rows) // 100, 1)  # log ranks from 1 would take the first words one after the other
    places = np.geomspace(first, first + len(rows) - 1, n).round().astype(np.int64) - first
    step = np.arange(n)
    places = np.maximum.accumulate(places - step) + step  # no word twice, and
    found: np.ndarray = rows[np.minimum(places, len(rows) - n + step)]  # none beyond the end
    return found
