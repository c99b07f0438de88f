"""What every file of word vectors needs: blocks of a plain or packed file, words of bytes, lines of text, whole writing."""

from __future__ import annotations

import errno
import gzip
import os
import re
import tempfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, cast

import numpy as np

from selfsup.errors import DataError, RunError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from selfsup.words.ngrams import NgramVectors

BLOCK = 1 << 21  # bytes read at once
WIDEST = 1 << 20  # numbers in a vector
HEADER = re.compile(rb"\s*(\d{1,18})[ \t]+(\d{1,18})[ \t]*\r?\n")  # number of words, dimensions


class Table(NamedTuple):
    """n words, their vectors (n, D) float32, and their counts (n,) int64 and the vectors of n-grams, or None."""

    words: list[str]
    vectors: np.ndarray
    counts: np.ndarray | None = None
    ngrams: NgramVectors | None = None


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
            file = cast("IO[bytes]", gzip.GzipFile(fileobj=raw) if packed else raw)
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


def lines_of(source: str | os.PathLike[str] | Iterable[str]) -> tuple[str, list[str]]:
    """Name and lines of a UTF-8 text file (plain or .gz), or of lines given as they are.

    Raises
    ------
    DataError
        If it cannot be read, is not UTF-8, or is empty.
    """
    if not isinstance(source, str | os.PathLike):
        return "the lines given", [line.rstrip("\r\n") for line in source]
    path = Path(source)
    content = b"".join(blocks_of(path))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: byte {error.start} is not UTF-8; convert the file") from error
    if not text.strip():
        raise DataError(f"{path} is empty")
    return str(path), text.replace("\r\n", "\n").split("\n")


def bytes_of(array: np.ndarray) -> memoryview:
    """Bytes of an array in C order, as little-endian numbers, without a copy where they are that already."""
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return memoryview(cast("Buffer", array)).cast("B")


def write_blocks(path: Path, blocks: Iterable[bytes | memoryview]) -> None:
    """Write a big file whole or not at all, block by block; a name that ends in .gz packs it.

    Raises
    ------
    RunError
        If the disk is full or the folder cannot be written; what stood at `path` before is still there.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            packed = (
                gzip.GzipFile(fileobj=file, filename="", mode="wb", compresslevel=1, mtime=0)
                if path.suffix == ".gz"
                else None
            )
            for block in blocks:
                (packed or file).write(block)
            if packed is not None:
                packed.close()
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        advice = "free some space, or choose another path" if full else "choose another path"
        raise RunError(f"cannot write {path}: {error.strerror or error}; {advice}") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
