"""Word vectors in word2vec's binary format: 'number-of-words dimensions', then word, space, D floats, word, space, ..."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from selfsup.errors import DataError
from selfsup.store.arrays import bytes_of
from selfsup.words.formats.io import HEADER, WIDEST, Part, Table, blocks_of, check_words, decoded, joined, valid

BLOCK = 1 << 25  # bytes read at once
LONGEST = 4096  # bytes of a word
ROWS = 4096  # written at once
CONTROL = "".join(map(chr, range(32))) + "\x7f"
ODD = re.compile(rb"[\x00-\x1f\x7f]")
TINY, HUGE = 1e-15, 1e9  # numbers of a trained vector are between, or 0
AGAIN = "fetch it again, or have it written as text"


def read_binary(path: Path) -> Part:
    """Read a binary file, plain or packed, in one pass.

    Raises
    ------
    DataError
        If there are fewer or more words than the header says, a number is not finite, or a word has a space in it.
    """
    blocks = blocks_of(path, BLOCK)
    block = next(blocks, b"")
    header = HEADER.match(block)
    if header is None:
        raise DataError(f"{path} is no binary file of word2vec: it does not begin with 'number-of-words dimensions'")
    rows, dim = int(header[1]), int(header[2])
    if not 1 <= dim <= WIDEST:
        raise DataError(f"{path}, line 1: vectors have 1 to {WIDEST} numbers; got {dim}")
    return joined(_parts(path, blocks, block[header.end() :], header.end(), (rows, dim)), dim)


def _parts(path: Path, blocks: Iterator[bytes], block: bytes, offset: int, shape: tuple[int, int]) -> Iterator[Part]:
    """Parse the rows of each block; `block` is the first one without the header, and `offset` where it begins in the file."""
    rows, dim = shape
    done = 0
    while True:
        spaces, at = _scan(block, 4 * dim, rows - done)
        if spaces:
            yield _entries(path, block, offset, spaces, dim)
            done += len(spaces)
        block, offset = block[at:], offset + at
        if done < rows and len(block) > LONGEST and block.find(b" ", 0, LONGEST) < 0:
            raise DataError(
                f"{path}, byte {offset}: no word ends within {LONGEST} bytes (word {done + 1} of {rows}); {AGAIN}"
            )
        more = next(blocks, b"")
        if done == rows and (block + more).strip(b"\n"):
            raise DataError(
                f"{path}, byte {offset}: bytes left after the {rows} words that line 1 says; a word has a space in it, or {AGAIN}"
            )
        if not more:
            break
        block += more
    if done < rows:
        raise DataError(
            f"{path} is truncated: it ends at byte {offset + len(block)}, in word {done + 1} of {rows}; {AGAIN}"
        )


def _scan(block: bytes, size: int, most: int) -> tuple[list[int], int]:
    """Where the spaces after the words are, of whole entries only, and where the last entry ends."""
    spaces: list[int] = []
    at, length, find = 0, len(block), block.find
    while len(spaces) < most:
        space = find(b" ", at, at + LONGEST)
        if space < 0 or space + size >= length:
            break
        spaces.append(space)
        at = space + 1 + size
    return spaces, at


def _entries(path: Path, block: bytes, offset: int, spaces: list[int], dim: int) -> Part:
    """Words and vectors of m whole entries."""
    first = np.array(spaces) + 1  # (m,) of the vectors, at any byte
    windows = np.ndarray(
        (len(block) - 4 * dim + 1,), f"V{4 * dim}", block, strides=(1,)
    )  # what a vector at each byte would be
    vectors = windows[first].view("<f4").reshape(-1, dim)
    begins = [0, *(first[:-1] + 4 * dim).tolist()]
    words = [block[a:b].lstrip(b"\n") for a, b in zip(begins, spaces, strict=True)]
    _check(path, words, vectors, [offset + begin for begin in begins])
    return Part(*decoded(words, b" "), vectors)


def _check(path: Path, words: list[bytes], vectors: np.ndarray, offsets: list[int]) -> None:
    """Refuse vectors that are not finite, words of no letters, and entries out of step, as after a word with a space."""
    finite = np.isfinite(vectors).all(1)
    together = b" ".join(words)
    odd = b"" in words or ODD.search(together) is not None or not valid(together)
    for row in (row for row, word in enumerate(words) if odd and (not word or ODD.search(word) or not valid(word))):
        before = np.abs(vectors[row - 1]) if row else np.ones(1)
        if not words[row] or ((before > HUGE) | ((before > 0) & (before < TINY)) | ~np.isfinite(before)).any():
            row = max(row - 1, 0)
            word = words[row].decode("utf-8", "replace")
            raise DataError(
                f"{path}, byte {offsets[row]}: what follows the word {word!r} makes no sense; it has a space in it "
                "(then write the vectors as text, or with _ for the space), or the file is damaged"
            )
    if not finite.all():
        row = int(np.argmin(finite))
        word = words[row].decode("utf-8", "replace")
        raise DataError(
            f"{path}, byte {offsets[row]}: the vector of {word!r} is not finite; leave the word out, or {AGAIN}"
        )


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
        numbers = bytes_of(table.vectors[first : first + ROWS])
        words = table.words[first : first + ROWS]
        rows_of = (numbers[at : at + 4 * dim] for at in range(0, len(numbers), 4 * dim))
        yield b"".join(part for word, row in zip(words, rows_of, strict=True) for part in (word.encode() + b" ", row))


class BinaryFormat:
    """Word2vec's binary format."""

    suffixes = (".bin",)

    def knows(self, head: bytes) -> bool:
        """Whether there is a header; text, which may have one too, is asked before."""
        return HEADER.match(head) is not None

    def read(self, path: Path, head: bytes) -> Part:
        """Read a file."""
        return read_binary(path)

    def blocks(self, table: Table) -> Iterator[bytes]:
        """Header and entries."""
        return binary_blocks(table)
