"""Word vectors in word2vec's binary format: 'number-of-words dimensions', then word, space, D floats, word, space, ..."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from selfsup.errors import DataError
from selfsup.store.arrays import bytes_of
from selfsup.system.files import write_blocks
from selfsup.words.formats.gathered import Matrix, Rows, gathered, rows_of
from selfsup.words.formats.io import HEADER, WIDEST, FileFormat, Stream, Table, Wanted, check_words, encoded, valid

log = logging.getLogger("selfsup")
BLOCK = 1 << 21  # bytes read at once
LONGEST = 4096  # bytes of a word
ROWS = 4096  # written at once
CONTROL = "".join(map(chr, range(32))) + "\x7f"
ODD = CONTROL.encode()
TINY, HUGE = 1e-15, 1e9  # numbers of a trained vector are between, or 0
AGAIN = "fetch it again, or have it written as text"


class Entries:
    """A binary file that is read."""

    def __init__(self, path: Path, head: bytes, wanted: Wanted) -> None:
        header = HEADER.match(head)
        if header is None:
            raise DataError(
                f"{path} is no binary file of word2vec: it does not begin with 'number-of-words dimensions'"
            )
        self.path, self.wanted, self.skip = path, wanted, header.end()
        self.rows, self.dim = int(header[1]), int(header[2])
        if not 1 <= self.dim <= WIDEST:
            raise DataError(f"{path}, line 1: vectors have 1 to {WIDEST} numbers; got {self.dim}")
        self.size = 4 * self.dim  # bytes of a vector
        self.entry = re.compile(rb"([^ ]{0,%d}) (?s:.{%d})|(?s:.+)" % (LONGEST - 1, self.size))
        self.among = encoded(wanted.among)
        self.done = 0  # entries read
        self.kept = 0  # of those, in the matrix

    def read(self) -> Table:
        """All that is wanted."""
        with Stream(self.path, partial=self.wanted.partial) as stream:
            due, there = self.wanted.most(self.rows), stream.size // (self.size + 2) + 1
            guess = 1 if stream.packed or self.among is not None else there
            self.matrix = Matrix(min(due, guess), self.dim)
            found = list(self._parts(stream, due))
        return gathered(self.path, found, self.matrix.packed([(0, self.kept)]))

    def _parts(self, stream: Stream, due: int) -> Iterator[Rows]:
        """Parse the entries of each block, until so many are read."""
        buffer = bytearray(max(BLOCK, 2 * (self.size + LONGEST)))
        stream.readinto(memoryview(buffer)[: self.skip])
        offset, filled = self.skip, 0  # of the buffer in the file
        while True:
            filled += stream.readinto(memoryview(buffer)[filled:])
            words, first = self._scan(buffer, filled, due - self.done)
            at = int(first[-1]) + self.size if words else 0
            if words:
                yield self._entries(buffer, words, first, offset)
                self.done += len(words)
            ended = filled < len(buffer)
            offset, filled = offset + at, filled - at
            buffer[:filled] = buffer[at : at + filled]
            if self.done == due < self.rows:
                return
            if self.done == due:
                return self._check_rest(buffer, filled, offset)
            if filled > LONGEST and buffer.find(b" ", 0, LONGEST) < 0:
                raise DataError(
                    f"{self.path}, byte {offset}: no word ends within {LONGEST} bytes (word {self.done + 1} of {self.rows}); "
                    f"{AGAIN}"
                )
            if ended:
                return self._truncated(offset + filled)

    def _scan(self, buffer: bytearray, filled: int, most: int) -> tuple[list[bytes], np.ndarray]:
        """Words of m whole entries, and where their vectors begin (m,)."""
        words: list[bytes] = self.entry.findall(buffer, 0, filled)
        first = np.cumsum(np.fromiter(map(len, words), np.int64, len(words)) + (1 + self.size)) - self.size
        if words and not words[-1] and (first[-1] + self.size > filled or buffer[first[-1] - 1] != 32):
            words.pop()  # the last match is what is left, with no entry in it
        return words[:most], first[: min(most, len(words))]

    def _entries(self, buffer: bytearray, words: list[bytes], first: np.ndarray, offset: int) -> Rows:
        """Words and vectors of m whole entries; their vectors go into the matrix."""
        begins = offset + np.concatenate([[0], first[:-1] + self.size])  # (m,) of the entries in the file
        # what a vector at each byte would be
        windows = np.ndarray((len(buffer) - self.size + 1,), f"V{self.size}", buffer, strides=(1,))
        words = self._checked(words, windows, first, begins)
        lines = len(words)
        if self.among is not None:
            rows = [row for row, word in enumerate(words) if word in self.among]
            words, first, begins = [words[row] for row in rows], first[rows], begins[rows]
        vectors = windows[first].view("<f4").reshape(-1, self.dim)
        finite = np.isfinite(vectors)
        if not finite.all():
            row = int(np.argmin(finite.all(1)))
            word = words[row].decode("utf-8", "replace")
            raise DataError(
                f"{self.path}, byte {begins[row]}: the vector of {word!r} is not finite; leave the word out, or {AGAIN}"
            )
        if not self.matrix.has(self.kept + len(words)):
            self.matrix.grow(self.kept + len(words))
        self.matrix.array[self.kept : self.kept + len(words)] = vectors
        self.kept += len(words)
        return rows_of(words, self.matrix.array[:0], lines)

    def _checked(self, words: list[bytes], windows: np.ndarray, first: np.ndarray, begins: np.ndarray) -> list[bytes]:
        """The words without line ends before them; refuses words of no letters, and what is out of step, as after a gap."""
        together = b" ".join(words)
        if b"\n" in together:
            words = [word.lstrip(b"\n") for word in words]
            together = b" ".join(words)
        if len(together.translate(None, ODD)) == len(together) and b"" not in words and valid(together):
            return words
        odd = (row for row, word in enumerate(words) if len(word.translate(None, ODD)) != len(word) or not valid(word))
        for row in sorted({*odd, *(row for row, word in enumerate(words) if not word)}):
            before = np.abs(windows[first[row - 1 : row]].view("<f4")) if row else np.ones(1)
            if not words[row] or ((before > HUGE) | ((before > 0) & (before < TINY)) | ~np.isfinite(before)).any():
                row = max(row - 1, 0)
                word = words[row].decode("utf-8", "replace")
                raise DataError(
                    f"{self.path}, byte {begins[row]}: what follows the word {word!r} makes no sense; it has a space in it "
                    "(then write the vectors as text, or with _ for the space), or the file is damaged"
                )
        return words

    def _check_rest(self, buffer: bytearray, filled: int, offset: int) -> None:
        """Refuse more than the end of a line after the last entry."""
        if buffer[:filled].strip(b"\n"):
            raise DataError(
                f"{self.path}, byte {offset}: bytes left after the {self.rows} words that line 1 says; "
                f"a word has a space in it, or {AGAIN}"
            )

    def _truncated(self, end: int) -> None:
        told = f"{self.path} is truncated: it ends at byte {end}, in word {self.done + 1} of {self.rows}"
        if not self.wanted.partial:
            part = f"; allow_partial=True takes the {self.done} before" if self.done else ""
            raise DataError(f"{told}; {AGAIN}{part}")
        log.warning("%s; the %d words before are taken", told, self.done)


def binary_blocks(table: Table) -> Iterator[bytes]:
    """The table as word2vec's binary format.

    Raises
    ------
    DataError
        If a word has a space or a control character in it, or is too long: the file could not be read again.
    """
    check_words(
        table.words, " " + CONTROL, "the binary format has no room for empty words, spaces and control characters"
    )
    long = next((word for word in table.words if len(word.encode()) >= LONGEST), None)
    if long is not None:
        raise DataError(
            f"the word {long[:40] + '…'!r} is longer than {LONGEST} bytes; leave it out, or save with format='folder'"
        )
    rows, dim = table.vectors.shape
    yield f"{rows} {dim}\n".encode()
    for first in range(0, rows, ROWS):
        numbers = bytes_of(table.numbers(first, first + ROWS))
        words = table.words[first : first + ROWS]
        rows_of = (numbers[at : at + 4 * dim] for at in range(0, len(numbers), 4 * dim))
        yield b"".join(part for word, row in zip(words, rows_of, strict=True) for part in (word.encode() + b" ", row))


class BinaryFormat(FileFormat):
    """Word2vec's binary format."""

    packs = True
    suffixes = (".bin",)

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether there is a header; text, which may have one too, is asked before."""
        return HEADER.match(head) is not None

    def read(self, path: Path, head: bytes, wanted: Wanted) -> Table:
        """Read a file."""
        return Entries(path, head, wanted).read()

    def write(self, path: Path, table: Table, *, overwrite: bool) -> None:
        """With a header."""
        write_blocks(path, binary_blocks(table))
