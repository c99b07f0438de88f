"""Whether words can be learnt from a numbered text at all, asked before any of them is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from selfsup.errors import DataError

PART = 1 << 20  # ids that are looked at together


def check_learnable(ids: np.ndarray, words: Sequence[str], source: str) -> None:
    """Raise `DataError` where no word of a text has another one beside it.

    Parameters
    ----------
    ids
        (N,) int32, of the text that is learnt from; -1 between sentences.
    words
        The vocabulary.
    source
        Where the text came from, for the message.
    """
    advice = "give more text, or take in rarer words: a lower min_count, a higher max_vocab"
    if len(words) < 2:
        raise DataError(
            f"{source} has a vocabulary of one word, '{words[0]}': there is nothing to tell it from; {advice}"
        )
    if not _any_beside(ids):
        raise DataError(
            f"{source} has no sentence with two words of the vocabulary beside each other, so no word has neighbours; a "
            f"line is a sentence: put what belongs together on one, or {advice}"
        )


def _any_beside(ids: np.ndarray) -> bool:
    """Whether two words follow each other without a border between."""
    for start in range(0, len(ids), PART):
        here = ids[start : start + PART + 1] >= 0
        if (here[1:] & here[:-1]).any():
            return True
    return False
