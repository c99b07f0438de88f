"""What every file of word vectors needs: blocks of a plain or packed file, words of bytes and lines of text."""

from __future__ import annotations

import gzip
import itertools
import logging
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from selfsup.errors import DataError
from selfsup.system.reading import Gzip, Zstandard
from selfsup.words.ngrams import NgramVectors
from selfsup.words.vocabulary import Words

log = logging.getLogger("selfsup")

BLOCK = 1 << 21  # bytes read at once
LONGEST_LINE = 1 << 24  # bytes of a line of words
WIDEST = 1 << 20  # numbers in a vector
PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "Zstandard"}  # first bytes of a packed file
HEADER = re.compile(rb"\s*(\d{1,18})[ \t]+(\d{1,18})[ \t]*\r?\n")  # number of words, dimensions


class Table(NamedTuple):
    """What a file of word vectors holds.

    Attributes
    ----------
    words
        n different words.
    vectors
        (n, D) float32, float16, or int8 with a scale; may be a memory map.
    counts
        (n,) int64, or None where nobody knows them.
    ngrams
        Vectors of n-grams, or None.
    scale
        (n,) float32 of int8 vectors: a row is int8 * scale.
    """

    words: Sequence[str]
    vectors: np.ndarray
    counts: np.ndarray | None = None
    ngrams: NgramVectors | None = None
    scale: np.ndarray | None = None

    def numbers(self, first: int, last: int) -> np.ndarray:
        """Rows first to last - 1, (m, D) float32, whatever they are stored as."""
        rows = np.ascontiguousarray(self.vectors[first:last], np.float32)
        return rows if self.scale is None else rows * self.scale[first:last, None]

    def part(self, rows: np.ndarray | slice) -> Table:
        """Some of the rows, in the order given; all of the n-grams."""
        numbers = range(len(self.words))[rows] if isinstance(rows, slice) else rows.tolist()
        words = self.words
        return Table(
            [words[number] for number in numbers],
            self.vectors[rows],
            None if self.counts is None else self.counts[rows],
            self.ngrams,
            None if self.scale is None else self.scale[rows],
        )


class Wanted(NamedTuple):
    """What is asked of a file.

    Attributes
    ----------
    limit
        Its first n words; None: all.
    among
        Of these only the ones that are among so many; None: all. They stay in the order of the file.
    partial
        What can be read of a file that is cut short is taken, with a warning, instead of an error.
    verify
        Compare with the digests, where there are some; "all" also where that takes much reading.
    """

    limit: int | None = None
    among: frozenset[str] | None = None
    partial: bool = False
    verify: bool | str = True

    def most(self, rows: int) -> int:
        """How many of a file's rows are looked at."""
        return rows if self.limit is None else min(rows, self.limit)

    @property
    def whole(self) -> bool:
        """Whether all words are asked for."""
        return self.limit is None and self.among is None

    def of(self, table: Table) -> Table:
        """The part of a whole table; a part that is right already stays as it is."""
        if self.limit is not None and self.limit < len(table.words):
            table = table.part(slice(self.limit))
        if self.among is not None and isinstance(table.words, Words):
            rows = sorted(row for row in map(table.words.find, self.among) if row is not None)
            return table.part(np.array(rows, np.int64))
        if self.among is None or all(word in self.among for word in table.words):
            return table
        return table.part(np.flatnonzero([word in self.among for word in table.words]))


class FileFormat(Protocol):
    """A format of word vectors: of a file or of a folder.

    Attributes
    ----------
    suffixes
        Of what is written in it, such as ".txt"; () where a name does not tell.
    folder
        Whether it is a folder.
    packs
        Whether a file may be packed (.gz, .zst): it is read by `blocks_of`, and written by `write_blocks`.
    brief
        Whether `knows` needs no more of a file than its first 4 KB.
    """

    suffixes: tuple[str, ...] = ()
    folder: bool = False
    packs: bool = False
    brief: bool = False

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether it is in this format: a file that begins so, its first lines whole and unpacked; or a folder, with no head."""
        ...

    def read(self, path: Path, head: bytes, wanted: Wanted) -> Table:
        """Read it: at least what is wanted, each word once (`unique`). `WordVectors.load` leaves out what was not asked for."""
        ...

    def write(self, path: Path, table: Table, *, overwrite: bool) -> None:
        """Write a table whole or not at all, or say why not. That a file may be written is known, not so of a folder."""
        ...


class Part(NamedTuple):
    """All rows of a file: n words, how many of them were not UTF-8, and vectors (n, D)."""

    words: Sequence[str]
    damaged: int
    vectors: np.ndarray


def mended(path: Path, part: Part) -> Table:
    """The table of a file: each word once, and what had to be mended is said."""
    if part.damaged:
        log.warning("%s: %d words were not UTF-8; their bad bytes became U+FFFD", path, part.damaged)
    return unique(path, Table(part.words, part.vectors))


def unique(path: Path, table: Table) -> Table:
    """Keep the first vector of a word that occurs twice, and say so."""
    if len(set(table.words)) == len(table.words):
        return table
    first: dict[str, int] = {}
    for row, word in enumerate(table.words):
        first.setdefault(word, row)
    twice = next(word for row, word in enumerate(table.words) if first[word] != row)
    log.warning(
        "%s: %d rows repeat a word (%r is the first); the first vector of each is kept",
        path, len(table.words) - len(first), twice,
    )  # fmt: skip
    return table.part(np.array(list(first.values())))


class Stream:
    """Contents of a file; one packed with gzip or Zstandard is unpacked, whatever its name.

    Parameters
    ----------
    path
        The file.
    partial
        A packed file that is truncated or damaged ends there, and `cut` says so.

    Attributes
    ----------
    packed
        By what it is packed, or None.
    size
        Bytes of the file as it lies there.

    Raises
    ------
    DataError
        If it cannot be read, or a packed file is truncated or damaged.
    """

    def __init__(self, path: Path, *, partial: bool = False) -> None:
        self.path, self.cut, self._partial = path, False, partial
        with self._reading():
            self._raw = path.open("rb")
            self.packed, self.size = packing(self._raw.read(4)), os.fstat(self._raw.fileno()).st_size
            self._raw.seek(0)
            self._read = self._reader(self.packed)

    def _reader(self, kind: str | None) -> Callable[[memoryview], int]:
        if kind is None:
            return self._raw.readinto
        return Gzip(self.path, self._raw).readinto1 if kind == "gzip" else Zstandard(self.path, self._raw).readinto

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    def readinto(self, into: memoryview) -> int:
        """Fill with what comes next; less than it takes at the end."""
        at, more = 0, 1
        with self._reading():
            while at < len(into) and more:
                more = self._read(into[at:])  # what is at hand: of a file that is cut short nothing before is lost
                at += more
        return at

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.cut = True
            if not self._partial:
                raise DataError(f"{self.path} is truncated or damaged ({error}); fetch it again") from error
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror or error}") from error


def blocks_of(path: Path, size: int = BLOCK, *, partial: bool = False) -> Iterator[bytes]:
    """Contents of a file, in blocks; see `Stream`."""
    with Stream(path, partial=partial) as stream:
        buffer = bytearray(size if stream.packed else min(size, stream.size + 1))
        while count := stream.readinto(memoryview(buffer)):
            yield bytes(memoryview(buffer)[:count])


def packing(magic: bytes) -> str | None:
    """By what a file that begins so is packed."""
    return next((name for start, name in PACKED.items() if magic.startswith(start)), None)


def decoded(words: list[bytes]) -> tuple[list[str], int]:
    """Words of bytes, and how many were not UTF-8: those have U+FFFD for their bad bytes."""
    try:
        return [word.decode() for word in words], 0
    except UnicodeDecodeError:
        return [word.decode("utf-8", "replace") for word in words], sum(not valid(word) for word in words)


def encoded(words: Iterable[str] | None) -> frozenset[bytes] | None:
    """Words as they stand in a file; None where that is not known: of a word with U+FFFD, which stands for bad bytes."""
    if words is None or any("\ufffd" in word for word in words):
        return None
    return frozenset(word.encode("utf-8", "surrogatepass") for word in words)


def valid(word: bytes) -> bool:
    """Whether it is UTF-8."""
    try:
        word.decode()
    except UnicodeDecodeError:
        return False
    return True


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
