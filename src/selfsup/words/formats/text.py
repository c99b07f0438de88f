"""Word vectors as text: word2vec's and fastText's, with a header, and GloVe's, without.

Blocks of whole lines are parsed in threads: NumPy finds the fields, Arrow converts all numbers of a block at once.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from selfsup.errors import DataError
from selfsup.lazy import pyarrow as pa
from selfsup.words.formats.io import HEADER, WIDEST, Part, Table, blocks_of, check_words, decoded, joined

NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
ROWS = 4096  # written at once
THREADS = 4
SPACES = (9, 10, 13, 32)  # tab, line feed, carriage return, space: what separates fields; all else may be in a word


def read_text(path: Path, head: bytes) -> Part:
    """Read a text file, plain or packed, that begins with `head`.

    Raises
    ------
    DataError
        If a line has too few numbers or one that is not finite, or there are not as many words as the header says.
    """
    header = HEADER.match(head)
    dim = int(header[2]) if header else len(head.lstrip().split(b"\n")[0].split()) - 1
    if not 1 <= dim <= WIDEST:
        raise DataError(f"{path}, line 1: vectors have 1 to {WIDEST} numbers; got {dim}")
    part = joined(_parsed(path, dim, header.end() if header else 0), dim)
    if header and len(part.words) != int(header[1]):
        raise DataError(
            f"{path} has {len(part.words)} words where line 1 says {int(header[1])}: it is truncated, or mend line 1"
        )
    return part


def _parsed(path: Path, dim: int, skip: int) -> Iterator[Part]:
    """Parse blocks of whole lines, in threads, in order."""
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: deque[Future[Part]] = deque()
        for block, line in _whole_lines(path, skip):
            waiting.append(pool.submit(_parse, block, line, dim, path))
            if len(waiting) > THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _whole_lines(path: Path, skip: int) -> Iterator[tuple[bytes, int]]:
    """Blocks that end with a line, and the number of their first line; without the header of `skip` bytes."""
    left, line = b"", 1
    for block in blocks_of(path):
        cut = block.rfind(b"\n") + 1
        if cut:
            whole = left + block[:cut]
            yield whole[skip:], line + whole.count(b"\n", 0, skip)
            line, left, skip = line + whole.count(b"\n"), block[cut:], 0
        else:
            left += block
        if len(left) > 32 * WIDEST:
            raise DataError(f"{path}, line {line} is longer than {32 * WIDEST} bytes: this is not text of word vectors")
    if left:
        yield left[skip:] + b"\n", line + left.count(b"\n", 0, skip)


def _parse(block: bytes, line: int, dim: int, path: Path) -> Part:
    """Parse m whole lines; `line` is the number of the first."""
    if not block.strip():
        return Part([], 0, np.empty((0, dim), np.float32))
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data <= 32)  # (t,) where fields end
    marks = data[ends]
    if not ((marks == 32) | (marks == 10)).all():  # other control characters belong to words
        gaps = np.isin(marks, SPACES)
        ends, marks = ends[gaps], marks[gaps]
    starts = np.concatenate([[0], ends[:-1] + 1])
    filled = ends > starts
    fields = np.diff(np.cumsum(filled)[marks == 10], prepend=0)  # of each line
    lines = np.flatnonzero(fields)  # those that are not blank
    fields = fields[lines]
    if not filled.all():
        starts, ends = starts[filled], ends[filled]
    if (fields <= dim).any():
        bad = int(np.argmax(fields <= dim))
        raise DataError(
            f"{path}, line {line + lines[bad]}: {fields[bad]} fields where a word and {dim} numbers, as line 1 says, are due; "
            "the file is truncated (fetch it again), or no text of word vectors"
        )
    last = np.cumsum(fields)  # one past each line's last field
    first = last - fields
    wanted = np.ones(
        len(starts), bool
    )  # fields that are numbers: the last D of a line, for GloVe has words with spaces
    wanted[first] = False
    for row in np.flatnonzero(fields > dim + 1):
        wanted[first[row] : last[row] - dim] = False
    values = _floats(block, starts, ends, wanted)
    if values is None or not np.isfinite(values).all():
        where = np.flatnonzero(wanted)
        field = _first_bad(block, starts[where], ends[where], values)
        line += int(lines[np.searchsorted(last, where[field], side="right")])
        text = block[starts[where[field]] : ends[where[field]]].decode("utf-8", "replace")
        raise DataError(f"{path}, line {line}: {text!r} is not a finite number; mend the line, or delete it")
    texts = [block[a:b] for a, b in zip(starts[first].tolist(), ends[last - dim - 1].tolist(), strict=True)]
    return Part(*decoded(texts, b"\n"), values.reshape(-1, dim))


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
        array = pa.Array.from_buffers(pa.utf8(), 2 * len(starts), buffers).cast(pa.float32())
    except pa.ArrowInvalid:
        return None
    values: np.ndarray = np.frombuffer(array.buffers()[1], np.float32, 2 * len(starts))[::2][wanted]
    return values


def _first_bad(block: bytes, starts: np.ndarray, ends: np.ndarray, values: np.ndarray | None) -> int:
    """First of the fields that is not a finite number."""
    if values is not None:
        return int(np.argmin(np.isfinite(values)))
    texts = (block[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True))
    return next((place for place, text in enumerate(texts) if not NUMBER.fullmatch(text)), 0)


def text_blocks(table: Table) -> Iterator[bytes]:
    """The table as word2vec text with a header; each number in the fewest digits that give the same float32.

    Raises
    ------
    DataError
        If a word has a space, tab or line end in it, which the format cannot hold.
    """
    check_words(table.words, " \t\n\r", "text has no room for empty words, spaces, tabs and line ends")
    rows, dim = table.vectors.shape
    yield f"{rows} {dim}\n".encode()
    for first in range(0, rows, ROWS):
        block = table.vectors[first : first + ROWS]  # (m, D)
        bounds = pa.array(np.arange(0, block.size + 1, dim, dtype=np.int32))
        numbers = pa.compute.binary_join(
            pa.ListArray.from_arrays(bounds, pa.array(block.ravel()).cast(pa.utf8())), " "
        ).to_pylist()
        words = table.words[first : first + ROWS]
        yield "".join(f"{word} {line}\n" for word, line in zip(words, numbers, strict=True)).encode()


class TextFormat:
    """Word2vec's and fastText's text, with a header, and GloVe's, without."""

    suffixes = (".txt", ".vec")

    def knows(self, head: bytes) -> bool:
        """Whether the first line, or the one after a header, ends with numbers; or there is nothing after a header."""
        header = HEADER.match(head)
        fields = (head[header.end() :] if header else head.lstrip()).split(b"\n", 1)[0].split()
        if len(fields) > 1 and all(NUMBER.fullmatch(field) for field in fields[-(int(header[2]) if header else 1) :]):
            return True
        return header is not None and (int(header[1]) == 0 or len(head) == header.end())

    def read(self, path: Path, head: bytes) -> Part:
        """Read a file."""
        return read_text(path, head)

    def blocks(self, table: Table) -> Iterator[bytes]:
        """With a header."""
        return text_blocks(table)
