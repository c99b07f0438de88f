"""Many words as one UTF-8 text, which may lie in a memory-mapped file, with a hash table: a word is found without a dict of all.

``blob`` (b,) uint8 has the words one after the other, ``offsets`` (n + 1,) int64 where each begins, and ``slots`` (2^k,) int32,
at least twice as many as words, is a hash table with linear probing: the row of a word, or -1 where there is none. A word's
first place is ``((crc32(word) * 0x9E3779B1) mod 2^32) >> (32 - k)``, with zlib's CRC-32 of its UTF-8 bytes; of words that want
the same place the first one has it. Numbers of a file are not believed: what they point to is looked at when it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast, overload
from zlib import crc32

import numpy as np

from selfsup.errors import DataError

if TYPE_CHECKING:
    from typing_extensions import Buffer

MIX = 0x9E3779B1  # 2^32 over the golden ratio: spreads what CRC-32 leaves together
PROBES = (
    4096  # places that a word may be from its first one; among words that are not made to collide it is some hundred
)
DECODED = 1 << 14  # words made at once
MOST = 1 << 30  # words


class Words(Sequence[str]):
    """Words of a text and the places where they begin.

    Parameters
    ----------
    blob
        (b,) uint8, UTF-8.
    offsets
        (n + 1,) int64, rising from 0 to b or less.
    slots
        The hash table (2^k,) int32; made when first needed where it is not given.

    Raises
    ------
    DataError
        If the shapes do not fit. Offsets that do not rise, and text that is not UTF-8, are found when they are used.
    """

    def __init__(self, blob: np.ndarray, offsets: np.ndarray, slots: np.ndarray | None = None) -> None:
        if (
            not (blob.ndim == offsets.ndim == 1 and 1 <= len(offsets) <= MOST)
            or offsets[0] != 0
            or offsets[-1] > len(blob)
        ):
            raise DataError("words are damaged: the places where they begin are not those of their text")
        if slots is not None and (slots.ndim != 1 or not 2 <= len(slots) <= 2 * MOST or len(slots) & (len(slots) - 1)):
            raise DataError(f"words are damaged: a hash table has 2, 4, 8, … places, not {slots.shape}")
        self.blob, self.offsets, self._slots = blob, offsets, slots
        # One number of a view is had in a third of an array's time.
        self._text, self._begins = memoryview(cast("Buffer", blob)), memoryview(cast("Buffer", offsets))
        self._seen: memoryview | None = None  # of the hash table

    @classmethod
    def of(cls, words: Iterable[str]) -> Words:
        """The same words in this form.

        Raises
        ------
        DataError
            If a word has a lone surrogate.
        """
        if isinstance(words, Words):
            return words
        given = list(words)
        try:
            parts = list(map(str.encode, given))
        except UnicodeEncodeError as error:
            raise DataError(
                f"the word {error.object!r} cannot be written: it has a lone surrogate; leave it out"
            ) from error
        offsets = np.zeros(len(parts) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=offsets[1:])
        return cls(np.frombuffer(b"".join(parts), np.uint8), offsets)

    @property
    def slots(self) -> np.ndarray:
        """The hash table (2^k,) int32."""
        if self._slots is None:
            self._slots = _hash_table(self.hashes())
        return self._slots

    def hashes(self) -> np.ndarray:
        """CRC-32 (n,) uint32 of each word."""
        parts = (self._text[a:b] for a, b in pairwise(self.offsets.tolist()))
        return np.fromiter(map(crc32, parts), np.uint32, len(self))

    def find(self, word: object) -> int | None:
        """Row of a word, or None."""
        if not isinstance(word, str):
            return None
        try:
            wanted = word.encode()
        except UnicodeEncodeError:
            return None
        slots, begins, text = self._places, self._begins, self._text
        mask, most, size = len(slots) - 1, len(begins) - 1, len(text)
        at = (crc32(wanted) * MIX & 0xFFFFFFFF) >> (32 - mask.bit_length())
        for _ in range(PROBES):
            row: int = slots[at]
            if row < 0:
                return None
            if row >= most:
                raise DataError(f"words are damaged: their hash table names row {row} of {most}; fetch the file again")
            first, last = begins[row], begins[row + 1]
            if not 0 <= first <= last <= size:
                raise DataError(f"words are damaged: word {row + 1} lies from {first} to {last} of {size} bytes")
            if text[first:last] == wanted:
                return row
            at = (at + 1) & mask
        return None

    def index(self, word: object, start: int = 0, stop: int | None = None) -> int:
        """Row of a word, or ValueError, as a list has it."""
        row = self.find(word)
        if row is None or not start <= row < (len(self) if stop is None else stop):
            raise ValueError(f"{word!r} is not among the words")
        return row

    @property
    def _places(self) -> memoryview:
        if self._seen is None:
            self._seen = memoryview(cast("Buffer", self.slots))
        return self._seen

    def _bytes(self, row: int) -> memoryview:
        first, last = self._begins[row], self._begins[row + 1]
        if not 0 <= first <= last <= len(self._text):
            raise DataError(f"words are damaged: word {row + 1} lies from {first} to {last} of {len(self._text)} bytes")
        return self._text[first:last]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            first, last, step = row.indices(len(self))
            if step == 1:
                return [word for at in range(first, last, DECODED) for word in self._made(at, min(at + DECODED, last))]
            return [self[number] for number in range(first, last, step)]
        number = int(row) + (len(self) if row < 0 else 0)
        if not 0 <= number < len(self):
            raise IndexError(f"there is no word {row} among {len(self)}")
        try:
            return str(self._bytes(number), "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"words are damaged: word {number + 1} is not UTF-8 ({error.reason})") from error

    def _made(self, first: int, last: int) -> list[str]:
        """Words first to last - 1."""
        offsets = np.asarray(self.offsets[first : last + 1])
        if offsets[0] < 0 or offsets[-1] > len(self.blob) or (np.diff(offsets) < 0).any():
            raise DataError(f"words are damaged: those from {first + 1} on do not lie one after the other")
        octets = np.asarray(self.blob[offsets[0] : offsets[-1]])
        begins = (octets & 0xC0) != 0x80  # bytes that begin a character
        places = np.zeros(len(octets) + 1, np.int64)
        np.cumsum(begins, out=places[1:])
        inner = offsets[:-1][np.diff(offsets) > 0] - offsets[0]
        try:
            text = octets.tobytes().decode()
        except UnicodeDecodeError as error:
            raise DataError(f"words are damaged: those from {first + 1} on are not UTF-8 ({error.reason})") from error
        if not begins[inner].all():
            raise DataError(f"words are damaged: one from {first + 1} on begins within a character")
        return [text[a:b] for a, b in pairwise(places[offsets - offsets[0]].tolist())]

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), DECODED):
            yield from self._made(first, min(first + DECODED, len(self)))

    def __contains__(self, word: object) -> bool:
        return self.find(word) is not None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Words):
            return np.array_equal(self.offsets, other.offsets) and np.array_equal(self.blob, other.blob)
        return (
            isinstance(other, list | tuple)
            and len(self) == len(other)
            and all(a == b for a, b in zip(self, other, strict=True))
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Words({len(self)}: {', '.join(self[:4])}{', …' if len(self) > 4 else ''})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Words, (
            np.array(self.blob),
            np.array(self.offsets),
            None if self._slots is None else np.array(self._slots),
        )


class Index(Mapping[str, int]):
    """Row of each word of `Words`."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def __getitem__(self, word: str) -> int:
        row = self._words.find(word)
        if row is None:
            raise KeyError(word)
        return row

    def get(self, word: object, default: Any = None) -> Any:
        """Row of a word, or else `default`."""
        row = self._words.find(word)
        return default if row is None else row

    def __contains__(self, word: object) -> bool:
        return self._words.find(word) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)


def _hash_table(hashes: np.ndarray) -> np.ndarray:
    """Places (2^k,) int32 of words with these hashes (n,) uint32: all that are left try their next place, the first ones first.

    Raises
    ------
    DataError
        If some find no place within `PROBES` of their first: they were made to collide.
    """
    bits = max(1, (2 * len(hashes) - 1).bit_length()) if len(hashes) else 1
    mask = (1 << bits) - 1
    first = ((hashes * np.uint32(MIX)) >> np.uint32(32 - bits)).astype(np.int64)
    slots = np.full(1 << bits, -1, np.int32)
    left = np.arange(len(hashes), dtype=np.int32)
    for probe in range(PROBES):
        at = (first[left] + probe) & mask
        free = slots[at] < 0
        slots[at[free][::-1]] = left[free][::-1]  # of several for one place the last that is written stays
        left = left[slots[at] != left]
        if not len(left):
            return slots
    raise DataError(f"{len(left)} words have the same CRC-32 as thousands of others; leave them out")
