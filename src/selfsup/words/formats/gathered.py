"""What was read of a file, block by block, brought together: one matrix, one text of all words, each word once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selfsup.system import memory
from selfsup.words.formats.io import Part, Table, decoded, mended
from selfsup.words.vocabulary import Words

FEW = 1 << 16  # words that are a list; more are one text
GROWTH = 1.125  # of a matrix that is too small
SMALL = 1 << 24  # bytes that can always be had
CHUNK = 1 << 14  # rows moved at once


class Rows(NamedTuple):
    """Rows that were read at once.

    Attributes
    ----------
    words, ends
        The bytes of r words one after the other, and (r,) int64 where each ends.
    hashes
        (r,) 64 bits of each word: the same for the same bytes.
    vectors
        (r, D) float32.
    lines
        How many rows of the file these were chosen from.
    """

    words: bytes
    ends: np.ndarray
    hashes: np.ndarray
    vectors: np.ndarray
    lines: int


def rows_of(words: list[bytes], vectors: np.ndarray, lines: int) -> Rows:
    """Rows of words that are apart."""
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    hashes = np.fromiter(map(hash, words), np.int64, len(words)).view(np.uint64)
    return Rows(b"".join(words), np.cumsum(lengths), hashes, vectors, lines)


class Matrix:
    """Vectors of a file whose number may be a guess: pages of it take memory when they are written to."""

    def __init__(self, rows: int, dim: int) -> None:
        self.dim = dim
        self._check(rows)
        self.array = np.empty((rows, dim), np.float32)

    def _check(self, rows: int) -> None:
        if 4 * rows * self.dim > SMALL:
            memory.check(
                4.0 * rows * self.dim, f"{rows:,} vectors of {self.dim} numbers", "read a part: limit= or among="
            )

    def has(self, rows: int) -> bool:
        """Whether there is room for so many."""
        return rows <= len(self.array)

    def grow(self, rows: int) -> None:
        """Make room for so many; no part of it may be in use."""
        rows = max(rows, int(len(self.array) * GROWTH))
        self._check(rows)
        self.array.resize((rows, self.dim), refcheck=False)

    def packed(self, places: list[tuple[int, int]]) -> np.ndarray:
        """All rows, where some of each place (first, rows) are used, without the gaps and what was left over."""
        used = 0
        for first, count in places:
            for at in range(0, count if first > used else 0, CHUNK):
                more = min(CHUNK, count - at)
                self.array[used + at : used + at + more] = self.array[first + at : first + at + more]
            used += count
        self.array.resize((used, self.dim), refcheck=False)
        return self.array


def gathered(path: Path, found: list[Rows], vectors: np.ndarray) -> Table:
    """The table of all rows in their order, with all their vectors; what had to be mended is said."""
    text = b"".join(rows.words for rows in found)
    offsets = np.zeros(sum(len(rows.ends) for rows in found) + 1, np.int64)
    at = length = 0
    for rows in found:
        offsets[at + 1 : at + 1 + len(rows.ends)] = rows.ends + length
        at, length = at + len(rows.ends), length + len(rows.words)
    hashes = np.concatenate([rows.hashes for rows in found]) if found else np.empty(0, np.uint64)
    hashes.sort()
    once = not (hashes[1:] == hashes[:-1]).any()
    words, damaged = _words(text, offsets)
    return Table(words, vectors) if once and not damaged else mended(path, Part(words, damaged, vectors))


def _words(text: bytes, offsets: np.ndarray) -> tuple[Sequence[str], int]:
    """Words of bytes, and how many were not UTF-8."""
    if len(offsets) > FEW and _is_utf8(text, offsets):
        return Words(np.frombuffer(text, np.uint8), offsets), 0
    places = offsets.tolist()
    return decoded([text[a:b] for a, b in pairwise(places)])


def _is_utf8(text: bytes, offsets: np.ndarray) -> bool:
    """Whether each word is; all of them are, where the whole is and none begins within a character."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    first = np.frombuffer(text, np.uint8)[offsets[:-1][offsets[1:] > offsets[:-1]]]
    return not ((first & 0xC0) == 0x80).any()
