"""Word vectors as text: word2vec's and fastText's, with a header, and GloVe's, without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from selfsup.errors import DataError
from selfsup.lazy import pyarrow as pa
from selfsup.system.files import write_blocks
from selfsup.words.formats.fields import NUMBER
from selfsup.words.formats.io import HEADER, WIDEST, FileFormat, Table, Wanted, check_words
from selfsup.words.formats.lines import Lines, Shape

ROWS = 4096  # written at once


def read_text(path: Path, head: bytes, wanted: Wanted) -> Table:
    """Read a text file, plain or packed, that begins with `head`.

    Raises
    ------
    DataError
        If a line has too few numbers or one that is not finite, or there are not as many words as the header says.
    """
    header = HEADER.match(head)
    dim = int(header[2]) if header else _width(_first_line(head).split())
    if not 1 <= dim <= WIDEST:
        raise DataError(f"{path}, line 1: vectors have 1 to {WIDEST} numbers; got {dim}")
    words, skip = (int(header[1]), header.end()) if header else (None, 0)
    return Lines(path, Shape(dim, words, skip, len(_first_line(head[skip:]))), wanted).read()


def _first_line(head: bytes) -> bytes:
    return head.lstrip().split(b"\n", 1)[0]


def _width(fields: list[bytes]) -> int:
    """Numbers at the end of a line that begins with a word."""
    numbers = 0
    while numbers < len(fields) - 1 and NUMBER.fullmatch(fields[-1 - numbers]):
        numbers += 1
    return numbers


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
        block = table.numbers(first, first + ROWS)  # (m, D)
        bounds = pa.array(np.arange(0, block.size + 1, dim, dtype=np.int32))
        numbers = pa.compute.binary_join(
            pa.ListArray.from_arrays(bounds, pa.array(block.ravel()).cast(pa.utf8())), " "
        ).to_pylist()
        words = table.words[first : first + ROWS]
        yield "".join(f"{word} {line}\n" for word, line in zip(words, numbers, strict=True)).encode()


class TextFormat(FileFormat):
    """Word2vec's and fastText's text, with a header, and GloVe's, without."""

    packs = True
    suffixes = (".txt", ".vec")

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether the first line, or the one after a header, ends with numbers; or there is nothing after a header."""
        header = HEADER.match(head)
        if header is not None and (int(header[1]) == 0 or len(head) == header.end()):
            return True
        line = _first_line(head[header.end() :] if header else head)
        if sum(map(line.count, (b" ", b"\t"))) > 2 * WIDEST:
            return False
        fields = line.split()
        numbers = _width(fields)
        return numbers > 0 and (header is None or numbers >= min(int(header[2]), len(fields) - 1))

    def read(self, path: Path, head: bytes, wanted: Wanted) -> Table:
        """Read a file."""
        return read_text(path, head, wanted)

    def write(self, path: Path, table: Table, *, overwrite: bool) -> None:
        """With a header."""
        write_blocks(path, text_blocks(table))
