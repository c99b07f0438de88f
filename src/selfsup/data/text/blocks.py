"""Text as blocks of bytes that end between words: plain and compressed files of any encoding, read with bounded memory."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, TextIO

import numpy as np

from selfsup.data.text.seen import ADVICE, Seen
from selfsup.errors import DataError, OptionError
from selfsup.system.reading import Gzip, Zstandard

SIZE = 4 << 20  # bytes of a block; it stays in the processor's cache while it is cut and numbered
MOST = 256 << 20  # bytes without any white space that are still believed to be text
MARK = b"\xef\xbb\xbf"  # some programs put it before UTF-8


class Block(NamedTuple):
    """Some text, whole words.

    Attributes
    ----------
    data
        (n,) uint8, UTF-8 that has not been checked yet.
    where
        The place of one of the bytes, in words for people.
    joined
        Whether it is tokens that are cut already (`selfsup.data.text.tokens.join`).
    ends
        Whether a document ends with it.
    done
        Bytes of the source that have been read so far, compressed ones as they are in the file.
    """

    data: np.ndarray
    where: Callable[[int], str]
    joined: bool = False
    ends: bool = True
    done: int = 0


def of_bytes(content: bytes | bytearray, where: Callable[[int], str], **about: Any) -> Block:
    """A block of bytes at hand (copied if they cannot be written: the kernels are compiled for one kind of array)."""
    held = content if isinstance(content, bytearray) else bytearray(content)
    return Block(np.frombuffer(held, np.uint8), where, **about)


def of_file(path: Path, encoding: str, size: int = SIZE, seen: Seen | None = None) -> Iterator[Block]:
    """Blocks of a text file, plain, ``.gz`` or ``.zst``; of so many lines as may be read.

    Raises
    ------
    DataError
        If it cannot be read, is cut short, is not text in that encoding, or changes meanwhile.
    """
    seen = seen or Seen()
    with whole_file(path), path.open("rb") as file, _unpacked(file, path) as text:
        for block in _cut(_reader(text, path, encoding, seen.handler), file, path, size):
            yield lines(block, seen)
            if seen.enough:
                break


def lines(block: Block, seen: Seen) -> Block:
    """The part of a block of lines that may be read, which then has been; bytes that are no text are mended."""
    if seen.limit is not None:
        ends, last = np.flatnonzero(block.data == ord("\n")), seen.limit
        if seen.take(len(ends) + block.ends) == last and len(ends) >= last:
            block = block._replace(data=block.data[: ends[last - 1]], ends=True)
    if seen.errors == "stop":
        return block
    given = block.data.tobytes()
    content = seen.text(given)
    return block if content is given else block._replace(data=of_bytes(content, block.where).data)


@contextmanager
def whole_file(path: Path) -> Iterator[int]:
    """The size of a file, while it is read; what goes wrong is said as `DataError`, also that it has changed meanwhile."""
    before = stamp(path)
    try:
        yield before[0]
    except EOFError as error:
        raise DataError(f"{path} is cut short: it ends at byte {before[0]:,} in the middle of its compressed data; "
                        "copy or download it again") from error  # fmt: skip
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged or not compressed as its name says: {error}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if stamp(path) != before:
        raise DataError(f"{path} has changed while it was read; wait until it is written, then start again")


@contextmanager
def opened(path: Path, encoding: str, errors: str = "strict") -> Iterator[tuple[TextIO, Callable[[], int]]]:
    """A file as text, unpacked, and a function that says how many of its bytes have been read; `errors` as in `codecs`."""
    name = "utf-8-sig" if check_encoding(encoding) == "utf-8" else encoding
    with path.open("rb") as file, _unpacked(file, path) as raw:
        yield io.TextIOWrapper(raw, name, errors, newline=""), file.tell


def stamp(path: Path) -> list[int]:
    """Size and time of the last change, by which a changed file is noticed."""
    try:
        about = path.stat()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    return [about.st_size, about.st_mtime_ns]


def _cut(read: Callable[[int], bytes], file: IO[bytes], path: Path, size: int) -> Iterator[Block]:
    """Blocks that end after a line, or where there is none, after white space."""
    rest, offset, first = b"", 0, True
    while True:
        held = bytearray(rest)
        end = 0
        while not end:
            new = read(size)
            if first:
                new, offset, first = (new[3:], 3, False) if new.startswith(MARK) else (new, 0, False)
            if not new:
                if held:
                    yield of_bytes(held, _place(path, offset), done=file.tell())
                return
            start = len(held)
            held += new
            end = held.rfind(b"\n", start) + 1 or _last_space(held, start)
            if not end and len(held) > MOST:
                raise DataError(
                    f"{path} has no white space in {MOST:,} bytes from byte {offset:,}: it is no plain text"
                )
        rest = bytes(held[end:])
        del held[end:]
        yield of_bytes(held, _place(path, offset), ends=False, done=file.tell())
        offset += end


def _last_space(held: bytearray, start: int) -> int:
    return max(held.rfind(mark, start) for mark in (b" ", b"\t", b"\r", b"\x00")) + 1


def _place(path: Path, offset: int) -> Callable[[int], str]:
    return lambda byte: f"{path}, byte {offset + byte:,}"


def _reader(text: IO[bytes], path: Path, encoding: str, errors: str) -> Callable[[int], bytes]:
    """A function that gives the next bytes as UTF-8."""
    if check_encoding(encoding) in ("utf-8", "ascii"):
        return text.read
    decoder, taken = codecs.getincrementaldecoder(encoding)(errors), 0

    def read(size: int) -> bytes:
        nonlocal taken
        while True:
            new = text.read(size)
            try:
                decoded = decoder.decode(new, final=not new).encode()
            except UnicodeError as error:
                byte = taken + int(getattr(error, "start", 0))
                raise DataError(
                    f"{path}, near byte {byte:,}: not {encoding} ({error}); give another encoding, {ADVICE}"
                ) from error
            taken += len(new)
            if decoded or not new:
                return decoded

    return read


def check_encoding(encoding: str) -> str:
    """The usual name of an encoding; raises `OptionError` if there is none called so."""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=encoding)  # also an error where it is a coding of bytes, such as hex
        return codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        raise OptionError(
            f"option 'encoding': there is none called '{encoding}'; e.g. utf-8, latin-1, utf-16"
        ) from error


def _unpacked(file: IO[bytes], path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return Gzip(path, file)  # type: ignore[return-value]
    if path.suffix.lower() == ".zst":
        return io.BufferedReader(Zstandard(path, file), 1 << 20)
    return os.fdopen(os.dup(file.fileno()), "rb")
