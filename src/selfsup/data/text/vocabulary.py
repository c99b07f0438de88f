"""The words that have a vector, most frequent first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from selfsup.errors import DataError, OptionError


@dataclass(frozen=True)
class Vocabulary:
    """Words and how often they occur.

    Attributes
    ----------
    words
        Most frequent first; of equally frequent ones the one that came first in the text.
    counts
        (V,) int64.
    total
        Words of the text, those without a vector included.
    """

    words: list[str]
    counts: np.ndarray
    total: int

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def index(self) -> dict[str, int]:
        """Word to id."""
        return {word: number for number, word in enumerate(self.words)}


def choose(
    counts: np.ndarray, firsts: np.ndarray, min_count: int, max_vocab: int | None, always: np.ndarray
) -> np.ndarray:
    """Entries that get a vector, in the order of the vocabulary: frequent ones, and `always`.

    Raises
    ------
    OptionError
        If more words are always to be in than `max_vocab` allows.
    """
    if max_vocab is not None and len(always) > max_vocab:
        raise OptionError(f"option 'max_vocab' must leave room for the {len(always)} words of 'keep'; got {max_vocab}")
    kept = counts >= min_count
    kept[always] = True
    found = np.flatnonzero(kept)
    order = found[np.lexsort((firsts[found], -counts[found]))]
    if max_vocab is None or len(order) <= max_vocab:
        return order
    wanted = np.zeros(len(counts), bool)
    wanted[always] = True
    free = np.cumsum(~wanted[order]) <= max_vocab - len(always)
    return order[free | wanted[order]]


def check_any(counts: np.ndarray, chosen: np.ndarray, min_count: int, commonest: str, name: str) -> None:
    """Raise `DataError` if no word of the text has a vector; it says what is the largest count."""
    if not counts[chosen].any():
        most = int(counts.max())
        raise DataError(f"no word of {name} occurs min_count={min_count} times: the most frequent, '{commonest}', occurs "
                        f"{most} times; give more text, or min_count={max(most // 2, 1)}")  # fmt: skip
