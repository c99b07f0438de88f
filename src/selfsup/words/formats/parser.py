"""Lines of a word and its numbers, parsed by compiled code straight into the matrix; the numbers by `decimals`."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import numpy as np

from selfsup.errors import DataError
from selfsup.system import kernels
from selfsup.words.formats import decimals
from selfsup.words.formats.decimals import (
    HALF,
    LARGEST,
    LINE,
    RETURN,
    SPACE,
    TAB,
    gap,
    is_number,
    load_eight,
    parse_any,
    parse_number,
)
from selfsup.words.formats.fields import no_number, wrong_number
from selfsup.words.formats.gathered import Rows

DONE, SLOW_FULL, TOO_FEW, TOO_MANY, NO_NUMBER = range(5)  # how a block ended
PAD = 32  # bytes after the text of a block that may be looked at
SLOW = 1024  # numbers left for Python at once

_MIX, _START = np.uint64(0x9E3779B97F4A7C15), np.uint64(0x2545F4914F6CDD1D)
_compiled = kernels.compiled([str(decimals.__file__)], nogil=True)
_inlined = kernels.compiled([str(decimals.__file__)], nogil=True, forceinline=True)


@_compiled
def _split(buffer: np.ndarray, first: int, stop: int, dim: int) -> tuple[int, int, int]:
    """Where the word of an odd line ends and its last D fields begin; or how many fields there are, where they are too few."""
    at, fields, numbers = stop, 0, stop
    while fields < dim:
        while at > first and gap(buffer[at - 1]):
            at -= 1
        if at == first:
            return -1, 0, fields
        while at > first and not gap(buffer[at - 1]):
            at -= 1
        fields += 1
        numbers = at
    while at > first and gap(buffer[at - 1]):
        at -= 1
    return (at, numbers, fields + 1) if at > first else (-1, 0, fields)


@_inlined
def _hash(buffer: np.ndarray, first: int, last: int) -> np.uint64:
    """64 bits of the bytes from first to last - 1; 0 of none."""
    mixed, at = _START, first
    while at < last:
        eight = load_eight(buffer, at)
        if last - at < 8:
            eight &= (np.uint64(1) << np.uint64(8 * (last - at))) - np.uint64(1)
        mixed = (mixed ^ eight) * _MIX
        mixed ^= mixed >> HALF
        at += 8
    mixed = (mixed ^ np.uint64(last - first)) * _MIX
    return mixed ^ (mixed >> HALF)


@_compiled
def hash_words(buffer: np.ndarray, ends: np.ndarray, hashes: np.ndarray) -> None:
    """64 bits of each of n words that lie one after the other, the first at 0."""
    first = 0
    for row in range(len(ends)):
        hashes[row] = _hash(buffer, first, ends[row])
        first = ends[row]


@_inlined
def _in(wanted: np.ndarray, number: np.uint64) -> bool:
    """Whether a rising array has a number."""
    low, high = 0, len(wanted)
    while low < high:
        middle = (low + high) // 2
        if wanted[middle] < number:
            low = middle + 1
        else:
            high = middle
    return low < len(wanted) and wanted[low] == number


@_compiled
def _slow_line(
    buffer: np.ndarray, begin: int, row: np.ndarray, number: int, slow: np.ndarray, left: int, told: np.ndarray
) -> int:
    """Parse a line whose word has gaps, or say in `told` what is wrong; a status, and there where word and line end."""
    last = begin
    while buffer[last] != LINE:
        last += 1
    end, at, fields = _split(buffer, begin, last, len(row))
    told[4], told[5] = fields, begin
    if end < 0:
        return TOO_FEW
    for column in range(len(row)):
        value, after, unsure = parse_any(buffer, at)
        if after < 0 or not abs(value) <= LARGEST:
            told[4], told[5] = at, at
            while not gap(buffer[told[5]]):
                told[5] += 1
            return NO_NUMBER
        if unsure:
            slow[left, 0], slow[left, 1], slow[left, 2], slow[left, 3] = number, column, at, after
            left += 1
        row[column] = value
        at = after
        while buffer[at] == SPACE or buffer[at] == TAB or buffer[at] == RETURN:
            at += 1
    field = end
    while field > begin and not gap(buffer[field - 1]):
        field -= 1
    if field > begin and is_number(buffer, field, end):
        told[4] = fields + 1
        return TOO_MANY
    told[3], told[4], told[5] = left, end, last
    return DONE


@_compiled
def parse(
    buffer: np.ndarray,
    stop: int,
    most: int,
    wanted: np.ndarray,
    into: np.ndarray,
    words: np.ndarray,
    ends: np.ndarray,
    hashes: np.ndarray,
    slow: np.ndarray,
    told: np.ndarray,
) -> int:
    """Parse whole lines up to `stop`, until there are `most` rows; go on where `told` says.

    Parameters
    ----------
    buffer
        (bytes,) uint8, the text and PAD more.
    wanted
        Rising (w,) uint64: hashes of the words whose lines are parsed; none: all.
    into, words, ends, hashes
        (m, D) float32, (bytes,) uint8 that hold the words one after the other, (m,) int64 where they end, (m,) uint64.
    slow
        (2 D or more, 4) int64: row, column, first and last byte of the numbers that are left to Python.
    told
        (6,) int64, in and out: where to begin, rows, lines that are not blank; out: numbers left to Python, and what is wrong.

    Returns
    -------
    int
        DONE, SLOW_FULL (call again), or what is wrong with the line at told[0]: TOO_FEW or TOO_MANY fields (told[4]), NO_NUMBER
        (from told[4] to told[5]).
    """
    at, row, lines, left, dim = told[0], told[1], told[2], 0, into.shape[1]
    filled, status = (ends[row - 1] if row else 0), DONE
    while at < stop and row < most:
        while buffer[at] == SPACE or buffer[at] == TAB or buffer[at] == RETURN:
            at += 1
        if buffer[at] == LINE:
            at += 1
            continue
        begin = at
        if left + dim > len(slow):
            status = SLOW_FULL
            break
        while not gap(buffer[at]):
            at += 1
        end = at
        hashed = _hash(buffer, begin, end)
        if len(wanted) and not _in(wanted, hashed):
            while buffer[at] != LINE:
                at += 1
            at, lines = at + 1, lines + 1
            continue
        column, before, fine = 0, left, True
        while True:
            while buffer[at] == SPACE or buffer[at] == TAB or buffer[at] == RETURN:
                at += 1
            if column == dim or buffer[at] == LINE:
                break
            value, after, unsure = parse_number(buffer, at)
            if after < 0 or not abs(value) <= LARGEST:
                fine = False
                break
            if unsure:
                slow[left, 0], slow[left, 1], slow[left, 2], slow[left, 3] = row, column, at, after
                left += 1
            into[row, column] = value
            column, at = column + 1, after
        if not fine or column < dim or buffer[at] != LINE:
            left, told[3] = before, before
            status = _slow_line(buffer, begin, into[row], row, slow, left, told)
            if status != DONE:
                at = begin
                break
            left, end, at = told[3], told[4], told[5]
            hashed = _hash(buffer, begin, end)
        for place in range(begin, end):
            words[filled] = buffer[place]
            filled += 1
        ends[row], hashes[row] = filled, hashed
        row, lines, at = row + 1, lines + 1, at + 1
    told[0], told[1], told[2], told[3] = at, row, lines, left
    return status


class Parser:
    """Parses blocks of lines; may be called in several threads.

    Parameters
    ----------
    path
        The file, which errors name.
    dim
        Numbers of a line.
    among
        Words whose lines are parsed; a few others may be, too. None: all.
    """

    def __init__(self, path: Path, dim: int, among: Collection[str] | None) -> None:
        self.path, self.dim, self.wanted = path, dim, _hashes(among or ())

    def __call__(self, buffer: bytearray, skip: int, stop: int, line: int, most: int, into: np.ndarray | None) -> Rows:
        """Parse the lines of a buffer, the first of which has the number `line`, into rows (m, D)."""
        text = np.frombuffer(buffer, np.uint8)
        rows = buffer.count(b"\n", skip, stop) if into is None else len(into)
        into = np.empty((rows, self.dim), np.float32) if into is None else into
        words, ends, hashes = np.empty(stop, np.uint8), np.empty(rows, np.int64), np.empty(rows, np.uint64)
        slow, told = np.empty((max(SLOW, 2 * self.dim), 4), np.int64), np.zeros(6, np.int64)
        told[0], status = skip, SLOW_FULL
        while status == SLOW_FULL:
            status = parse(text, stop, most, self.wanted, into, words, ends, hashes, slow, told)
            self._by_python(buffer, slow[: told[3]], into, skip, line)
            if status not in (DONE, SLOW_FULL):
                number = line + buffer.count(b"\n", skip, int(told[0]))
                if status == NO_NUMBER:
                    raise DataError(no_number(self.path, number, bytes(buffer[told[4] : told[5]])))
                raise DataError(wrong_number(self.path, number, int(told[4]), self.dim))
        held, lines = int(told[1]), int(told[2])
        length = int(ends[held - 1]) if held else 0
        vectors = into[:held] if held == rows or (len(into) > held and into.base is not None) else into[:held].copy()
        return Rows(words[:length].tobytes(), ends[:held].copy(), hashes[:held].copy(), vectors, lines)

    def _by_python(self, buffer: bytearray, slow: np.ndarray, into: np.ndarray, skip: int, line: int) -> None:
        """Numbers that lie too near a border of two floats."""
        for row, column, first, last in slow.tolist():
            field = bytes(buffer[first:last])
            with np.errstate(over="ignore"):
                into[row, column] = np.float32(float(field))
            if not np.isfinite(into[row, column]):
                raise DataError(no_number(self.path, line + buffer.count(b"\n", skip, first), field))


def _hashes(among: Collection[str]) -> np.ndarray:
    """Rising hashes (w,) of the words by which their lines are known; none, where that does not suffice."""
    if any("\ufffd" in word for word in among):  # stands for bad bytes
        return np.empty(0, np.uint64)
    firsts = [field for word in among for field in (word, re.split("[ \t\n\r]", word)[0])]
    texts = sorted({field.encode("utf-8", "surrogatepass") for field in firsts})
    buffer, hashes = np.frombuffer(b"".join(texts) + bytes(PAD), np.uint8), np.empty(len(texts), np.uint64)
    hash_words(buffer.copy(), np.cumsum([len(text) for text in texts], dtype=np.int64), hashes)
    return np.unique(hashes)
