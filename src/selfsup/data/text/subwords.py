"""Character n-grams of words, hashed to rows of a table, as fastText hashes them: our rows are its rows.

The n-grams of a word are those of "<word>", so that "<un" is a beginning and "ing>" an end (Bojanowski et al. 2017, "Enriching
Word Vectors with Subword Information", section 3.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

BASIS, PRIME = np.uint32(2166136261), np.uint32(16777619)  # FNV-1a, 32 bits
WORDS = 1 << 15  # hashed at once: some 20 MB


class Bags(NamedTuple):
    """Rows of a table that the vectors of words are means of: a word's own row first, then those of its n-grams."""

    offsets: np.ndarray  # (V + 1,) int64: word i has rows[offsets[i] : offsets[i + 1]]
    rows: np.ndarray  # (n,) int32, each in [0, size)
    size: int  # rows of the table


class Subwords(NamedTuple):
    """Which n-grams a word has, and to how many rows they are hashed."""

    shortest: int = 3  # characters of an n-gram, 1 or more
    longest: int = 6
    buckets: int = 1 << 19

    def hashed(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """N-grams of n words: offsets (n + 1,) int64, and their buckets (m,) int64, each in [0, buckets).

        Those of word i are buckets[offsets[i] : offsets[i + 1]], by their first character, then by length. One that occurs twice
        in a word is there twice. The lone characters "<" and ">" are none; "<word>" is one if it is short enough.
        """
        sizes, parts = [np.zeros(1, np.int64)], [np.empty(0, np.int64)]
        for first in range(0, len(words), WORDS):
            size, part = self._part(words[first : first + WORDS])
            sizes.append(size)
            parts.append(part)
        return np.cumsum(np.concatenate(sizes)), np.concatenate(parts)

    def _part(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """How many n-grams each word has, and their buckets."""
        text = "".join(f"<{word}>" for word in words)
        lengths = np.array([len(word) + 2 for word in words], np.int64)  # in characters
        octets, start = _octets(text)
        width = np.diff(start)  # (chars,) bytes of a character
        number = np.repeat(np.arange(len(words)), lengths)  # (chars,) whose character it is
        end = np.repeat(np.cumsum(lengths), lengths)  # (chars,) the first character after its word
        opens = np.zeros(len(start) - 1, bool)
        opens[np.cumsum(lengths) - lengths] = True
        place = np.arange(len(start) - 1)

        state = np.full(len(place), BASIS)
        found = np.empty((len(place), self.longest - self.shortest + 1), np.uint32)
        there = np.zeros(found.shape, bool)
        for n in range(1, self.longest + 1):
            last = np.minimum(place + n - 1, len(place) - 1)  # beyond the word it is not used
            for k in range(int(width.max(initial=0))):
                more = width[last] > k
                octet = octets[np.minimum(start[last] + k, len(octets) - 1)]
                state = np.where(more, (state ^ octet) * PRIME, state)
            if n >= self.shortest:
                found[:, n - self.shortest] = state
                there[:, n - self.shortest] = place + n <= end
                if n == 1:
                    there[:, 0] &= ~opens & (place + 1 < end)
        sizes = np.bincount(number, there.sum(1), len(words)).astype(np.int64)
        return sizes, found[there].astype(np.int64) % self.buckets

    def bags(self, words: Sequence[str]) -> Bags:
        """Rows of a table that the vectors of V words are means of: of word i first i, then V + bucket of each n-gram."""
        before, buckets = self.hashed(words)
        offsets = before + np.arange(len(words) + 1)
        rows = np.empty(offsets[-1], np.int32)
        own = np.zeros(len(rows), bool)
        own[offsets[:-1]] = True
        rows[own], rows[~own] = np.arange(len(words)), len(words) + buckets
        return Bags(offsets, rows, len(words) + self.buckets)

    def ngrams(self, word: str) -> Iterator[str]:
        """The n-grams of a word as text, in the order of `hashed`."""
        text = f"<{word}>"
        for first in range(len(text)):
            for end in range(first + self.shortest, min(first + self.longest, len(text)) + 1):
                if end - first > 1 or 0 < first < len(text) - 1:
                    yield text[first:end]


def _octets(text: str) -> tuple[np.ndarray, np.ndarray]:
    """UTF-8 bytes (b,) uint32 with the sign of a char in C, as fastText has them, and where characters start (chars + 1,)."""
    octets = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.int8)
    start = np.flatnonzero((octets.view(np.uint8) & 0xC0) != 0x80)
    return octets.astype(np.int32).view(np.uint32), np.append(start, len(octets))
