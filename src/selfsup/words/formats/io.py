"""What every file of word vectors needs: blocks of a plain or packed file, words of bytes and lines of text."""

from __future__ import annotations

import gzip
import itertools
import os
import re
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, Protocol, cast

import numpy as np

from selfsup.errors import DataError
from selfsup.system.reading import Gzip
from selfsup.words.ngrams import NgramVectors

BLOCK = 1 << 21  # bytes read at once
LONGEST_LINE = 1 << 24  # bytes of a line of words
WIDEST = 1 << 20  # numbers in a vector
HEADER = re.compile(rb"\s*(\d{1,18})[ \t]+(\d{1,18})[ \t]*\r?\n")  # number of words, dimensions


class Table(NamedTuple):
    """n words, their vectors (n, D) float32, and their counts (n,) int64 and the vectors of n-grams, or None."""

    words: list[str]
    vectors: np.ndarray
    counts: np.ndarray | None = None
    ngrams: NgramVectors | None = None


class FileFormat(Protocol):
    """A format of files of word vectors."""

    suffixes: tuple[str, ...]  # of files that are written in it, such as ".txt"

    def knows(self, head: bytes) -> bool:
        """Whether a file that begins so (its first lines whole) is in this format."""
        ...

    def read(self, path: Path, head: bytes) -> Part:
        """Read a whole file, plain or packed (`blocks_of`), that begins so."""
        ...

    def blocks(self, table: Table) -> Iterator[bytes]:
        """The contents of a file that holds a table."""
        ...


class Part(NamedTuple):
    """Some rows of a file: m words, how many of them were not UTF-8, and vectors (m, D)."""

    words: list[str]
    damaged: int
    vectors: np.ndarray


def blocks_of(path: Path, size: int = BLOCK) -> Iterator[bytes]:
    """Contents of a file, in blocks; one packed with gzip is unpacked, whatever its name.

    Raises
    ------
    DataError
        If it cannot be read, or a packed file is truncated or damaged.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            file = cast("IO[bytes]", Gzip(path, raw) if packed else raw)
            while block := file.read(size):
                yield block
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is truncated or damaged ({error}); fetch it again") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def decoded(words: list[bytes], separator: bytes) -> tuple[list[str], int]:
    """Words of bytes that do not hold the separator, and how many were not UTF-8: those have U+FFFD for their bad bytes."""
    try:
        return (separator.join(words).decode().split(separator.decode()) if words else []), 0
    except UnicodeDecodeError:
        return [word.decode("utf-8", "replace") for word in words], sum(not valid(word) for word in words)


def valid(word: bytes) -> bool:
    """Whether it is UTF-8."""
    try:
        word.decode()
    except UnicodeDecodeError:
        return False
    return True


def joined(parts: Iterable[Part], dim: int) -> Part:
    """One part of many; each is let go once copied, so memory never holds all vectors twice."""
    words: list[str] = []
    arrays: deque[np.ndarray] = deque()
    damaged = 0
    for part in parts:
        words += part.words
        damaged += part.damaged
        arrays.append(part.vectors)
    vectors, first = np.empty((len(words), dim), np.float32), 0
    while arrays:
        array = arrays.popleft()
        vectors[first : first + len(array)] = array
        first += len(array)
    return Part(words, damaged, vectors)


def check_words(words: Iterable[str], banned: str, why: str) -> None:
    """Refuse empty words, words with a banned character, and lone surrogates.

    Raises
    ------
    DataError
        Naming the first such word, and the folder format, which takes every word.
    """
    unwanted = frozenset(banned)
    for word in words:
        if not word or not unwanted.isdisjoint(word) or not _encodes(word):
            raise DataError(
                f"the word {word!r} cannot be written: {why}; save with format='folder', or leave the word out"
            )


def _encodes(word: str) -> bool:
    return word.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in word)


def lines_of(source: str | os.PathLike[str] | Iterable[str]) -> tuple[str, Iterator[str]]:
    """Name and lines of a UTF-8 text file (plain or .gz), which is read while they are gone through; or lines given as they are.

    Raises
    ------
    DataError
        If it cannot be read, is not UTF-8, is empty, or a line is longer than any can be that holds a few words.
    """
    if not isinstance(source, str | os.PathLike):
        return "the lines given", (line.rstrip("\r\n") for line in source)
    return str(Path(source)), _lines(Path(source))


def _lines(path: Path) -> Iterator[str]:
    rest, at, number, told = b"", 0, 0, False
    for block in itertools.chain(blocks_of(path), (None,)):
        content = rest + (block or b"")
        end = len(content) if block is None else content.rfind(b"\n") + 1
        whole, rest = content[:end], content[end:]
        if len(rest) > LONGEST_LINE:
            raise DataError(
                f"{path} has a line of more than {LONGEST_LINE:,} bytes, after line {number}: no text of words"
            )
        try:
            text = whole.decode("utf-8-sig" if at == 0 else "utf-8")
        except UnicodeDecodeError as error:
            number += whole.count(b"\n", 0, error.start) + 1
            raise DataError(f"{path}, line {number}: byte {at + error.start} is not UTF-8; convert the file") from error
        told = told or bool(text.strip())
        lines = text.replace("\r\n", "\n").split("\n")
        yield from lines if block is None else lines[:-1]
        at, number = at + end, number + len(lines) - 1
    if not told:
        raise DataError(f"{path} is empty")
