"""Whether words can be learnt from a numbered text at all, asked before any of them is."""

from __future__ import annotations

import logging
from collections.abc import Container
from dataclasses import replace

import numpy as np

from selfsup.data.text.corpus import Corpus
from selfsup.data.text.vocabulary import Vocabulary
from selfsup.errors import DataError
from selfsup.system import memory

PART = 1 << 20  # ids that are looked at together
NAMED = 5  # words in a warning
log = logging.getLogger("selfsup")


def check_learnable(corpus: Corpus, ids: np.ndarray) -> None:
    """Raise `DataError` where no word has another one beside it.

    Parameters
    ----------
    corpus
        The text.
    ids
        (N,) int32, the part of its ids that is trained on.
    """
    words = corpus.vocabulary.words
    advice = "give more text, or take in rarer words: a lower min_count, a higher max_vocab"
    if len(words) < 2:
        raise DataError(
            f"{corpus.source} has a vocabulary of one word, '{words[0]}': there is nothing to tell it from; {advice}"
        )
    if not _any_beside(ids):
        raise DataError(
            f"{corpus.source} has no sentence with two words of the vocabulary beside each other, so no word has neighbours; a "
            f"line is a sentence: put what belongs together on one, or {advice}"
        )


def _any_beside(ids: np.ndarray) -> bool:
    """Whether two words follow each other without a border between."""
    for start in range(0, len(ids), PART):
        here = ids[start : start + PART + 1] >= 0
        if (here[1:] & here[:-1]).any():
            return True
    return False


def check_memory(size: int, words: int, dim: int) -> None:
    """Raise `DataError` if `size` bytes, for vectors of so many words and what learning them takes, cannot be had."""
    memory.check(
        size,
        f"two tables of {words:,} words x {dim:,} dimensions, and learning them,",
        "use a smaller dim, or fewer words: max_vocab, or a higher min_count",
    )


def without_absent(corpus: Corpus, known: Container[str] = ()) -> Corpus:
    """The text without words that never occur in it: `keep` may name some, but nothing can be learnt of them.

    Those that are not `known` from before are named in a warning.
    """
    vocabulary = corpus.vocabulary
    size = int((vocabulary.counts > 0).sum())  # the most frequent come first, so these are the last
    if size == len(vocabulary):
        return corpus
    absent = [word for word in vocabulary.words[size:] if word not in known]
    more = f" and {len(absent) - NAMED:,} more" if len(absent) > NAMED else ""
    if absent:
        log.warning(
            "%s does not hold %s%s, which option 'keep' names; they get no vector",
            corpus.source, ", ".join(f"'{word}'" for word in absent[:NAMED]), more,
        )  # fmt: skip
    return replace(corpus, vocabulary=Vocabulary(vocabulary.words[:size], vocabulary.counts[:size], vocabulary.total))
