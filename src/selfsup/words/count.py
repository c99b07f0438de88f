"""Words counted as bytes: an open-addressing hash table, and the one pass that cuts text into words and numbers them.

What is notable:

- No Python for each word: a kernel lower-cases, cuts, hashes and looks up a word while it reads its bytes once.
- A word of ASCII letters is final at once. A run that holds other bytes goes into a second table, and its distinct runs
  are brought to words by Python's own Unicode rules (`selfsup.words.tokens`): exact, and paid for each type, not each word.
- Every table belongs to one thread; `union` brings them together.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from selfsup.data import memory
from selfsup.words.tokens import APOSTROPHE, LINE, NUL, WIDE, WORD

BORDER = -1  # between sentences
SKIPPED = -2  # a word that has no number
FIRST_WIDE = -3  # wide run k is FIRST_WIDE - k until it is settled
DONE, FULL, WIDE_FULL, FOUND_NUL = 0, 1, 2, 3
LONGEST = 1000  # characters; a longer word is skipped

_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)
_START = np.uint64(0x2545F4914F6CDD1D)
_TAG = np.uint64(0xFFFFFFFF00000000)
_ID = np.uint64(0x00000000FFFFFFFF)
_EIGHT, _MIX = np.uint64(8), np.uint64(32)
_compiled = numba.njit(cache=True, nogil=True)
_inlined = numba.njit(cache=True, nogil=True, inline="always")


class Arrays(NamedTuple):
    """A table as the kernels see it; entry i is the word ``pool[starts[i] : starts[i] + lengths[i]]``."""

    slots: np.ndarray  # (power of two,) uint64: half a hash, and the entry plus one; 0 is empty
    hashes: np.ndarray  # (entries,) uint64
    heads: np.ndarray  # (entries,) uint64: the first eight bytes, so that short words are compared at once
    starts: np.ndarray  # (entries,) int64
    lengths: np.ndarray  # (entries,) int64
    counts: np.ndarray  # (entries,) int64
    firsts: np.ndarray  # (entries,) int64: where the word came first
    pool: np.ndarray  # (bytes,) uint8
    used: np.ndarray  # (2,) int64: entries, bytes of the pool


class Table:
    """A growing table of byte strings, numbered as they come."""

    def __init__(self, entries: int = 1 << 14) -> None:
        self.arrays = _empty(entries, entries * 16)

    def __len__(self) -> int:
        return int(self.arrays.used[0])

    def clear(self) -> None:
        """Forget every entry, keep the room."""
        if len(self):
            self.arrays.slots[:] = 0
            self.arrays.used[:] = 0

    def grow(self, entries: int = 0, room: int = 0) -> None:
        """Make room for more: for at least so many entries and bytes in all, or twice of what there is.

        Raises
        ------
        DataError
            If that does not fit in memory.
        """
        old = self.arrays
        held, taken = int(old.used[0]), int(old.used[1])
        size = len(old.starts)
        size = 2 * size if held >= size and not entries else size
        while size < entries:
            size *= 2
        space = max(len(old.pool) * (2 if size == len(old.starts) and not room else 1), room, 16 * size)
        memory.check(size * 64 + space, f"{size:,} different words", "read less text, or tokens that repeat more")
        new = _empty(size, space)
        for name in ("hashes", "heads", "starts", "lengths", "counts", "firsts"):
            getattr(new, name)[:held] = getattr(old, name)[:held]
        new.pool[:taken] = old.pool[:taken]
        new.used[:] = old.used
        _rehash(new)
        self.arrays = new

    def word(self, entry: int) -> bytes:
        """The bytes of one entry."""
        start = int(self.arrays.starts[entry])
        return self.arrays.pool[start : start + int(self.arrays.lengths[entry])].tobytes()

    def words(self) -> list[bytes]:
        """The bytes of every entry, in their order."""
        held, taken = len(self), int(self.arrays.used[1])
        pool = self.arrays.pool[:taken].tobytes()
        starts = self.arrays.starts[:held].tolist()
        return [pool[a:b] for a, b in zip(starts, [*starts[1:], taken], strict=True)] if held else []


def _empty(entries: int, room: int) -> Arrays:
    def whole(kind: Any) -> np.ndarray:
        return np.empty(entries, kind)

    return Arrays(
        np.zeros(2 * entries, np.uint64), whole(np.uint64), whole(np.uint64), whole(np.int64), whole(np.int64),
        whole(np.int64), whole(np.int64), np.empty(room, np.uint8), np.zeros(2, np.int64),
    )  # fmt: skip


@_compiled  # type: ignore[untyped-decorator]
def _rehash(table: Arrays) -> None:
    mask = len(table.slots) - 1
    for entry in range(table.used[0]):
        hashed = table.hashes[entry]
        at = np.int64(hashed & _ID) & mask
        while table.slots[at] != 0:
            at = (at + 1) & mask
        table.slots[at] = (hashed & _TAG) | np.uint64(entry + 1)


@_inlined  # type: ignore[untyped-decorator]
def _entry(
    table: Arrays, data: np.ndarray, fold: np.ndarray, begin: int, length: int, head: np.uint64, hashed: np.uint64
) -> int:
    """The entry of a word, made if it is new; -1 if there is no room for it."""
    mask = len(table.slots) - 1
    at = np.int64(hashed & _ID) & mask
    while True:
        slot = table.slots[at]
        if slot == 0:
            break
        if (slot & _TAG) == (hashed & _TAG):
            entry = np.int64(slot & _ID) - 1
            if table.heads[entry] == head and table.lengths[entry] == length:
                same = True
                start = table.starts[entry]
                for k in range(8, length):
                    if table.pool[start + k] != np.uint8(fold[data[begin + k]] & 255):
                        same = False
                        break
                if same:
                    return entry
        at = (at + 1) & mask
    entry = table.used[0]
    start = table.used[1]
    if entry >= len(table.starts) or start + length > len(table.pool):
        return -1
    for k in range(length):
        table.pool[start + k] = np.uint8(fold[data[begin + k]] & 255)
    table.hashes[entry] = hashed
    table.heads[entry] = head
    table.starts[entry] = start
    table.lengths[entry] = length
    table.counts[entry] = 0
    table.firsts[entry] = begin
    table.used[0] = entry + 1
    table.used[1] = start + length
    table.slots[at] = (hashed & _TAG) | np.uint64(entry + 1)
    return entry


@_compiled  # type: ignore[untyped-decorator]
def scan(
    data: np.ndarray, begin: int, fold: np.ndarray, table: Arrays, wide: Arrays, out: np.ndarray, made: int
) -> tuple[int, int, int]:
    """Cut bytes into words and write their entries; `fold` says of each byte its kind (times 256) and its lower case.

    Returns where it stopped, how many numbers `out` holds now, and why: DONE, FULL, WIDE_FULL (then make room and go on
    from there) or FOUND_NUL.
    """
    at, end = begin, len(data)
    while at < end:
        folded = fold[data[at]]
        kind = folded >> 8
        if kind == LINE:
            out[made] = BORDER
            made += 1
        elif kind == NUL:
            return at, made, FOUND_NUL
        if kind != WORD and kind != WIDE:
            at += 1
            continue
        start, odd = at, False
        hashed, head, part, held = _START, np.uint64(0), np.uint64(0), 0
        while True:
            if kind == WIDE:
                odd = True
            part = (part << _EIGHT) | np.uint64(folded & 255)
            held += 1
            if held == 8:
                if at - start == 7:
                    head = part
                hashed = (hashed ^ part) * _MULTIPLY
                hashed ^= hashed >> _MIX
                part, held = np.uint64(0), 0
            at += 1
            if at == end:
                break
            folded = fold[data[at]]
            kind = folded >> 8
            if kind == WORD or kind == WIDE:
                continue
            if kind != APOSTROPHE or at + 1 == end:
                break
            after = fold[data[at + 1]] >> 8
            if after != WORD and after != WIDE:
                break
        length = at - start
        if length < 8:
            head = part
        hashed = (hashed ^ part ^ (np.uint64(length) << np.uint64(56))) * _MULTIPLY
        hashed ^= hashed >> _MIX
        if odd:
            entry = _entry(wide, data, fold, start, length, head, hashed)
            if entry < 0:
                return start, made, WIDE_FULL
            out[made] = FIRST_WIDE - entry
        elif length > LONGEST:
            out[made] = SKIPPED
        else:
            entry = _entry(table, data, fold, start, length, head, hashed)
            if entry < 0:
                return start, made, FULL
            out[made] = entry
        made += 1
    return at, made, DONE


@_compiled  # type: ignore[untyped-decorator]
def expand(ids: np.ndarray, starts: np.ndarray, flat: np.ndarray, out: np.ndarray) -> int:
    """Put in the place of every wide run k the numbers ``flat[starts[k] : starts[k + 1]]``; returns how many there are."""
    made = 0
    for one in ids:
        if one > FIRST_WIDE:
            out[made] = one
            made += 1
        else:
            run = FIRST_WIDE - one
            for k in range(starts[run], starts[run + 1]):
                out[made] = flat[k]
                made += 1
    return made


@_compiled  # type: ignore[untyped-decorator]
def expanded(ids: np.ndarray, starts: np.ndarray) -> int:
    """How many numbers `expand` writes."""
    size = 0
    for one in ids:
        size += 1 if one > FIRST_WIDE else starts[FIRST_WIDE - one + 1] - starts[FIRST_WIDE - one]
    return size


@_compiled  # type: ignore[untyped-decorator]
def tally(ids: np.ndarray, counts: np.ndarray, firsts: np.ndarray, base: int) -> tuple[int, int]:
    """Count every entry, note where it came first; returns the number of words, and of those that were skipped."""
    words = skipped = 0
    for place in range(len(ids)):
        one = ids[place]
        if one >= 0:
            if counts[one] == 0:
                firsts[one] = base + place
            counts[one] += 1
            words += 1
        elif one == SKIPPED:
            words += 1
            skipped += 1
    return words, skipped


@_compiled  # type: ignore[untyped-decorator]
def _union(into: Arrays, other: Arrays, plain: np.ndarray, numbers: np.ndarray) -> None:
    for entry in range(other.used[0]):
        start, length = other.starts[entry], other.lengths[entry]
        found = _entry(into, other.pool, plain, start, length, other.heads[entry], other.hashes[entry])
        if into.counts[found] == 0 or (other.counts[entry] > 0 and other.firsts[entry] < into.firsts[found]):
            into.firsts[found] = other.firsts[entry]
        into.counts[found] += other.counts[entry]
        numbers[entry] = found


def union(tables: list[Table]) -> tuple[Table, list[np.ndarray]]:
    """Bring tables into the first one; also, for each table, its entries as entries of that one."""
    first, numbers = tables[0], [np.arange(len(tables[0]), dtype=np.int32)]
    plain = np.arange(256, dtype=np.uint16)
    for other in tables[1:]:
        first.grow(len(first) + len(other), int(first.arrays.used[1] + other.arrays.used[1]))
        mapped = np.empty(len(other), np.int32)
        _union(first.arrays, other.arrays, plain, mapped)
        numbers.append(mapped)
    return first, numbers


@_compiled  # type: ignore[untyped-decorator]
def renumber(
    ids: np.ndarray, numbers: np.ndarray, others: bool, most: int, state: np.ndarray, out: np.ndarray
) -> int:
    """Write ids with their new numbers; negative ones (SKIPPED) are left out, or where `others`, kept as SKIPPED.

    A border comes before the first word of a sentence, so there are never two in a row, nor one at an end; a sentence of
    more than `most` words is cut. `state` (words since the border, whether a border is due, sentences) goes from call to call.
    """
    since, due, sentences = state[0], state[1], state[2]
    made = 0
    for one in ids:
        if one == BORDER:
            since, due = 0, 1
            continue
        if since == most:
            since, due = 0, 1
        since += 1
        new = numbers[one] if one >= 0 else SKIPPED
        if new < 0 and not others:
            continue
        if due:
            if sentences:
                out[made] = BORDER
                made += 1
            due = 0
            sentences += 1
        out[made] = new if new >= 0 else SKIPPED
        made += 1
    state[0], state[1], state[2] = since, due, sentences
    return made
