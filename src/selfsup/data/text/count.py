"""Words counted as bytes: an open-addressing hash table, and the one pass that cuts text into words and numbers them.

What is notable:

- No Python for each word: a kernel lower-cases, cuts, hashes and looks up a word while it reads its bytes once.
- A word of ASCII letters is final at once. A run that holds other bytes goes into a second table, and its distinct runs
  are brought to words by Python's own Unicode rules (`selfsup.data.text.tokens`): exact, and paid for each type, not each word.
- Every table belongs to one thread; `union` brings them together.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from selfsup.data.text import tokens
from selfsup.data.text.tokens import APOSTROPHE, INSIDE, LINE, NUL, WIDE
from selfsup.system import memory
from selfsup.system.kernels import compiled

BORDER = -1  # between sentences
SKIPPED = -2  # a word that has no number
FIRST_WIDE = -3  # wide run k is FIRST_WIDE - k until it is settled
DONE, FULL, WIDE_FULL, FOUND_NUL = 0, 1, 2, 3
BATCH = 256  # words that are cut before they are looked up
LONGEST = 1000  # characters; a longer word is skipped

_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)
_START = np.uint64(0x2545F4914F6CDD1D)
_HIGH = np.uint64(0xFFFFFFFF00000000)
_LOW = np.uint64(0x00000000FFFFFFFF)
_EIGHT, _HALF = np.uint64(8), np.uint64(32)
_compiled = compiled([str(tokens.__file__)], nogil=True)
_inlined = compiled([str(tokens.__file__)], nogil=True, inline="always")


@intrinsic  # type: ignore[untyped-decorator]
def _soon(_: Any, slots: Any, at: Any) -> Any:
    """Ask the processor to fetch a slot that will be looked at soon."""

    def generate(context: Any, builder: Any, __: Any, given: Any) -> Any:
        place = builder.gep(context.make_array(slots)(context, builder, given[0]).data, [given[1]])
        byte = ir.IntType(8).as_pointer()
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(function, [builder.bitcast(place, byte), number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(slots, types.intp), generate


class Arrays(NamedTuple):
    """A table as the kernels see it; entry i is the word ``pool[starts[i] : starts[i] + lengths[i]]``."""

    slots: np.ndarray  # (2 x power of two,) uint64: half a hash and the entry plus one (0: empty), then the word's head
    hashes: np.ndarray  # (entries,) uint64
    heads: np.ndarray  # (entries,) uint64: the first eight bytes; no byte is 0, so it tells short words apart by itself
    starts: np.ndarray  # (entries,) int64
    lengths: np.ndarray  # (entries,) int64
    counts: np.ndarray  # (entries,) int64
    firsts: np.ndarray  # (entries,) int64: where the word came first
    pool: np.ndarray  # (bytes,) uint8
    used: np.ndarray  # (2,) int64: entries, bytes of the pool


class _Cut(NamedTuple):
    """Words that are cut and not yet looked up."""

    hashes: np.ndarray  # (BATCH,) uint64
    heads: np.ndarray  # (BATCH,) uint64
    spans: np.ndarray  # (BATCH, 3) int64: where they begin and end, and their place in the output


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

    def grow(self) -> None:
        """Make room for twice as many words, or where only their bytes are too many, for twice as many bytes.

        Raises
        ------
        DataError
            If that does not fit in memory.
        """
        old = self.arrays
        held, taken, size, room = int(old.used[0]), int(old.used[1]), len(old.starts), len(old.pool)
        size, room = (2 * size, max(room, 32 * size)) if held >= size else (size, 2 * room)
        memory.check(
            size * 80 + room, f"{size:,} different words", "read less text, or cut it into words by another rule"
        )
        new = _empty(size, room)
        for name in ("hashes", "heads", "starts", "lengths", "counts", "firsts"):
            getattr(new, name)[:held] = getattr(old, name)[:held]
        new.pool[:taken] = old.pool[:taken]
        new.used[:] = old.used
        _rehash(new)
        self.arrays = new

    def texts(self, entries: np.ndarray) -> list[str]:
        """The words of some entries."""
        pool = memoryview(self.arrays.pool.data)
        starts = self.arrays.starts[entries]
        ends = starts + self.arrays.lengths[entries]
        return [str(pool[a:b], "utf-8") for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]

    def words(self, begin: int) -> list[bytes]:
        """The bytes of the entries from `begin` on, in their order."""
        starts = [*self.arrays.starts[begin : len(self)].tolist(), int(self.arrays.used[1])]
        pool = self.arrays.pool[starts[0] : starts[-1]].tobytes()
        return [pool[a - starts[0] : b - starts[0]] for a, b in pairwise(starts)]


def _empty(entries: int, room: int) -> Arrays:
    def whole(kind: Any) -> np.ndarray:
        return np.empty(entries, kind)

    return Arrays(
        np.zeros(4 * entries, np.uint64), whole(np.uint64), whole(np.uint64), whole(np.int64), whole(np.int64),
        whole(np.int64), whole(np.int64), np.empty(room, np.uint8), np.zeros(2, np.int64),
    )  # fmt: skip


@_compiled
def _rehash(table: Arrays) -> None:
    mask = len(table.slots) - 2
    for entry in range(table.used[0]):
        hashed = table.hashes[entry]
        at = np.int64(hashed & _LOW) & mask
        while table.slots[at] != 0:
            at = (at + 2) & mask
        table.slots[at] = (hashed & _HIGH) | np.uint64(entry + 1)
        table.slots[at + 1] = table.heads[entry]


@_compiled
def _find(
    slots: np.ndarray, lengths: np.ndarray, starts: np.ndarray, pool: np.ndarray, data: np.ndarray, fold: np.ndarray,
    begin: int, length: int, head: np.uint64, hashed: np.uint64,
) -> Any:  # fmt: skip
    """The slot of a word, or the empty slot where it belongs."""
    mask = len(slots) - 2
    at = np.int64(hashed & _LOW) & mask
    while slots[at] != 0:
        if (slots[at] ^ hashed) & _HIGH == 0 and slots[at + 1] == head:
            if length < 8:
                return at
            entry = np.int64(slots[at] & _LOW) - 1
            same = lengths[entry] == length
            if same:
                start = starts[entry]
                for k in range(8, length):
                    if pool[start + k] != np.uint8(fold[data[begin + k]] & 255):
                        same = False
                        break
            if same:
                return at
        at = (at + 2) & mask
    return at


@_compiled
def _entry(
    table: Arrays, data: np.ndarray, fold: np.ndarray, begin: int, length: int, head: np.uint64, hashed: np.uint64
) -> Any:
    """The entry of a word, made if it is new; -1 if there is no room for it."""
    slots, lengths, starts, pool = table.slots, table.lengths, table.starts, table.pool
    at = _find(slots, lengths, starts, pool, data, fold, begin, length, head, hashed)
    if slots[at] != 0:
        return np.int64(slots[at] & _LOW) - 1
    entry, start = table.used[0], table.used[1]
    if entry >= len(starts) or start + length > len(pool):
        return -1
    for k in range(length):
        pool[start + k] = np.uint8(fold[data[begin + k]] & 255)
    starts[entry], lengths[entry] = start, length
    table.hashes[entry], table.heads[entry] = hashed, head
    table.counts[entry], table.firsts[entry] = 0, begin
    table.used[0], table.used[1] = entry + 1, start + length
    slots[at], slots[at + 1] = (hashed & _HIGH) | np.uint64(entry + 1), head
    return entry


@_compiled
def scan(
    data: np.ndarray, begin: int, fold: np.ndarray, table: Arrays, wide: Arrays, out: np.ndarray, made: int
) -> tuple[int, int, int]:
    """Cut bytes into words and write their entries; `fold` says of each byte its kind (times 256) and its lower case.

    Words are cut by the batch, and then looked up by the batch: so the waits for memory overlap. Returns where it stopped,
    how many numbers `out` holds now, and why: DONE, FULL, WIDE_FULL (make room, go on from there) or FOUND_NUL.
    """
    cut = _Cut(np.empty(BATCH, np.uint64), np.empty(BATCH, np.uint64), np.empty((BATCH, 3), np.int64))
    hashes, heads, spans = cut.hashes, cut.heads, cut.spans
    slots, at, end, why = table.slots, begin, len(data), DONE
    while at < end and why == DONE:
        words = 0
        while at < end and words < BATCH:
            kind = fold[data[at]] >> 8
            if not kind & INSIDE:
                if kind == NUL:
                    why = FOUND_NUL
                    break
                if kind == LINE:
                    out[made] = BORDER
                    made += 1
                at += 1
                continue
            spans[words, 0], spans[words, 2] = at, made
            at, odd, heads[words], hashes[words] = _word(data, at, end, fold)
            spans[words, 1] = at
            _soon(slots, np.int64(hashes[words] & _LOW) & (len(slots) - 2))
            out[made] = 1 if odd else 0
            words += 1
            made += 1
        done, room = _look_up(cut, words, data, fold, table, wide, out)
        if room != DONE:
            return spans[done, 0], spans[done, 2], room
    return at, made, why


@_compiled
def _look_up(
    cut: _Cut, words: int, data: np.ndarray, fold: np.ndarray, table: Arrays, wide: Arrays, out: np.ndarray
) -> tuple[int, int]:
    """Write the entries of words that are cut; returns how many are done and why no more."""
    hashes, heads, spans = cut.hashes, cut.heads, cut.spans
    slots, lengths, starts, pool = table.slots, table.lengths, table.starts, table.pool
    for k in range(words):
        start, place = spans[k, 0], spans[k, 2]
        length = spans[k, 1] - start
        if out[place]:
            entry = _entry(wide, data, fold, start, length, heads[k], hashes[k])
            if entry < 0:
                return k, WIDE_FULL
            out[place] = FIRST_WIDE - entry
        elif length > LONGEST:
            out[place] = SKIPPED
        else:
            found = _find(slots, lengths, starts, pool, data, fold, start, length, heads[k], hashes[k])
            if slots[found] != 0:  # nearly always: by arrays alone, as the tuple of them costs as much as the search
                out[place] = np.int64(slots[found] & _LOW) - 1
                continue
            entry = _entry(table, data, fold, start, length, heads[k], hashes[k])
            if entry < 0:
                return k, FULL
            out[place] = entry
    return words, DONE


@_inlined
def _word(data: np.ndarray, start: int, end: int, fold: np.ndarray) -> tuple[int, bool, np.uint64, np.uint64]:
    """Where the word that begins at `start` ends, whether it has other than ASCII bytes, its first eight bytes and its hash."""
    hashed, head, part, at, kinds = _START, np.uint64(0), np.uint64(0), start, 0
    folded = fold[data[at]]
    while True:
        kinds |= folded >> 8
        part = (part << _EIGHT) | np.uint64(folded & 255)
        at += 1
        if (at - start) & 7 == 0:
            if at - start == 8:
                head = part
            hashed = (hashed ^ part) * _MULTIPLY
            hashed ^= hashed >> _HALF
            part = np.uint64(0)
        if at == end:
            break
        folded = fold[data[at]]
        kind = folded >> 8
        if kind & INSIDE:
            continue
        if kind != APOSTROPHE or at + 1 == end:
            break
        if not (fold[data[at + 1]] >> 8) & INSIDE:
            break
    if at - start < 8:
        head = part
    hashed = (hashed ^ part ^ (np.uint64(at - start) << np.uint64(56))) * _MULTIPLY
    return at, kinds & WIDE != 0, head, hashed ^ (hashed >> _HALF)


@_compiled
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


@_compiled
def _union(into: Arrays, other: Arrays, plain: np.ndarray, numbers: np.ndarray, begin: int) -> Any:
    """Enter the words from `begin` on; returns where there was no more room."""
    slots, held = into.slots, other.used[0]
    for entry in range(begin, held):
        if entry + 16 < held:
            _soon(slots, np.int64(other.hashes[entry + 16] & _LOW) & (len(slots) - 2))
        start, length = other.starts[entry], other.lengths[entry]
        found = _entry(into, other.pool, plain, start, length, other.heads[entry], other.hashes[entry])
        if found < 0:
            return entry
        if into.counts[found] == 0 or other.firsts[entry] < into.firsts[found]:
            into.firsts[found] = other.firsts[entry]
        into.counts[found] += other.counts[entry]
        numbers[entry] = found
    return held


def union(tables: list[Table]) -> tuple[Table, list[np.ndarray]]:
    """Bring tables into the first one; also, for each table, its entries as entries of that one."""
    first, numbers = tables[0], [np.arange(len(tables[0]), dtype=np.int32)]
    plain = np.arange(256, dtype=np.uint16)
    for other in tables[1:]:
        mapped, done = np.empty(len(other), np.int32), 0
        while (done := _union(first.arrays, other.arrays, plain, mapped, done)) < len(other):
            first.grow()
        numbers.append(mapped)
    return first, numbers
