"""Whether words can be learnt from a numbered text at all, asked before any of them is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from selfsup.data.text.vocabulary import SHOWN
from selfsup.errors import DataError

PART = 1 << 20  # ids that are looked at together
LOOKED_AT = 2000  # words of a text, the first that it has
# Han, kana, Thai, Lao, Burmese and Khmer letters: their scripts put no space between words
_SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]{5}")


SPACES = (
    "its script puts no spaces between words, so whole clauses are taken for words; tokens='.' makes every character a word, "
    "tokens='unigram:8000' learns frequent pieces, or give lists of words that another program has cut"
)


def spaceless(table: Any, tokens: Any) -> str:
    """What to do where the words of a text are whole clauses of a script without spaces; "" where they are not.

    Parameters
    ----------
    table
        A `count.Table` of words.
    tokens
        How the text was cut.
    """
    if tokens not in ("words", "space"):
        return ""
    words = table.texts(np.arange(min(len(table), LOOKED_AT)))
    if 3 * sum(_SPACELESS.search(word) is not None for word in words) <= len(words):
        return ""
    return SPACES


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
        shown = words[0] if len(words[0]) <= SHOWN else f"{words[0][:SHOWN]}..."
        raise DataError(f"{source} has a vocabulary of one word, '{shown}': there is nothing to tell it from; {advice}")
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
