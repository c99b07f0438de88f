"""Lines of a word and its numbers, parsed without compiled code: NumPy finds the fields, Arrow converts all numbers of a block.

The values are those of `selfsup.words.formats.decimals`: the nearest double of the decimal, then the nearest float32 of that.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from selfsup.errors import DataError
from selfsup.lazy import pyarrow as pa
from selfsup.words.formats.gathered import Rows, rows_of

NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
SPACES = (9, 10, 13, 32)  # tab, line feed, carriage return, space: what separates fields; all else may be in a word


def parse_fields(path: Path, dim: int, block: bytes, line: int, most: int) -> Rows:
    """Parse whole lines, at most so many that are not blank; `line` is the number of the first."""
    starts, ends, lines, fields = _fields(block)
    if most < len(lines):
        lines, fields = lines[:most], fields[:most]
        starts, ends = starts[: fields.sum()], ends[: fields.sum()]
    if not len(lines):
        return rows_of([], np.empty((0, dim), np.float32), 0)
    if (fields <= dim).any():
        bad = int(np.argmax(fields <= dim))
        raise DataError(wrong_number(path, line + int(lines[bad]), int(fields[bad]), dim))
    last = np.cumsum(fields)  # one past each line's last field
    first = last - fields
    wanted = np.ones(
        len(starts), bool
    )  # fields that are numbers: the last D of a line, for GloVe has words with spaces
    wanted[first] = False
    for row in np.flatnonzero(fields > dim + 1):
        before = last[row] - dim - 1
        if NUMBER.fullmatch(block[starts[before] : ends[before]]):
            raise DataError(wrong_number(path, line + int(lines[row]), int(fields[row]), dim))
        wanted[first[row] : last[row] - dim] = False
    values = _floats(block, starts, ends, wanted)
    if values is None or not np.isfinite(values).all():
        where = np.flatnonzero(wanted)
        field = _first_bad(block, starts[where], ends[where], values)
        line += int(lines[np.searchsorted(last, where[field], side="right")])
        raise DataError(no_number(path, line, block[starts[where[field]] : ends[where[field]]]))
    words = [block[a:b] for a, b in zip(starts[first].tolist(), ends[last - dim - 1].tolist(), strict=True)]
    return rows_of(words, values.reshape(-1, dim), len(lines))


def wrong_number(path: Path, line: int, fields: int, dim: int) -> str:
    """That a line has too few fields, or too many."""
    due = f"{path}, line {line}: {fields} fields where a word and {dim} numbers, as line 1 says, are due; "
    if fields > dim:
        return due + "mend the line, or line 1; a word that ends with a number after a space has no place in text"
    return due + "the file is truncated (fetch it again), or no text of word vectors"


def no_number(path: Path, line: int, field: bytes) -> str:
    """That a field is no finite number."""
    text = field[:40].decode("utf-8", "replace") + ("…" if len(field) > 40 else "")
    return f"{path}, line {line}: {text!r} is not a finite number; mend the line, or delete it"


def _fields(block: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where t fields begin and end; which lines are not blank, and how many fields each of those has."""
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data <= 32)  # (t,) where fields end
    marks = data[ends]
    if not ((marks == 32) | (marks == 10)).all():  # other control characters belong to words
        gaps = np.isin(marks, SPACES)
        ends, marks = ends[gaps], marks[gaps]
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    filled = ends > starts
    fields = np.diff(np.cumsum(filled)[marks == 10], prepend=0)  # of each line
    lines = np.flatnonzero(fields)  # those that are not blank
    return starts[filled], ends[filled], lines, fields[lines]


def _floats(block: bytes, starts: np.ndarray, ends: np.ndarray, wanted: np.ndarray) -> np.ndarray | None:
    """Values of the wanted ones of t fields; None if one is not a number.

    Arrow converts strings that lie one after the other: here fields and the gaps between them in turn, gaps null.
    """
    offsets = np.empty(2 * len(starts) + 1, np.int32)
    offsets[:-1:2], offsets[1::2], offsets[-1] = starts, ends, len(block)
    valid = np.zeros((len(starts), 2), bool)
    valid[:, 0] = wanted
    bits = np.packbits(valid, bitorder="little")
    buffers = [pa.py_buffer(bits), pa.py_buffer(offsets), pa.py_buffer(block)]
    try:
        array = pa.Array.from_buffers(pa.utf8(), 2 * len(starts), buffers).cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    values: np.ndarray = np.frombuffer(array.buffers()[1], np.float64, 2 * len(starts))[::2][wanted]
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _first_bad(block: bytes, starts: np.ndarray, ends: np.ndarray, values: np.ndarray | None) -> int:
    """First of the fields that is not a finite number."""
    if values is not None:
        return int(np.argmin(np.isfinite(values)))
    texts = (block[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True))
    return next((place for place, text in enumerate(texts) if not NUMBER.fullmatch(text)), 0)
