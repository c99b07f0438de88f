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

from selfsup.errors import DataError, OptionError
from selfsup.lazy import zstandard
from selfsup.system.reading import Ceiling, Gzip

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


class Left:
    """How many lines, texts or rows may still be read, of all the files of a source together.

    Parameters
    ----------
    limit
        None is no limit.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit

    @property
    def none(self) -> bool:
        """Whether enough has been read."""
        return self.limit == 0

    def take(self, rows: int) -> int:
        """How many of so many rows may be read, which then have been."""
        if self.limit is None:
            return rows
        taken = min(rows, self.limit)
        self.limit -= taken
        return taken

    def lines(self, block: Block) -> Block:
        """The part of a block of lines that may be read, which then has been."""
        if self.limit is None:
            return block
        ends = np.flatnonzero(block.data == ord("\n"))
        last = self.limit
        if self.take(len(ends) + block.ends) == last and len(ends) >= last:
            return block._replace(data=block.data[: ends[last - 1]], ends=True)
        return block


def of_file(path: Path, encoding: str, size: int = SIZE, left: Left | None = None) -> Iterator[Block]:
    """Blocks of a text file, plain, ``.gz`` or ``.zst``; of so many lines as are left.

    Raises
    ------
    DataError
        If it cannot be read, is cut short, is not text in that encoding, or changes meanwhile.
    """
    left = left or Left()
    with whole_file(path), path.open("rb") as file, _unpacked(file, path) as text:
        for block in _cut(text, file, path, encoding, size):
            yield left.lines(block)
            if left.none:
                break


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
def opened(path: Path, encoding: str) -> Iterator[tuple[TextIO, Callable[[], int]]]:
    """A file as text, unpacked, and a function that says how many of its bytes have been read."""
    name = "utf-8-sig" if check_encoding(encoding) == "utf-8" else encoding
    with path.open("rb") as file, _unpacked(file, path) as raw:
        yield io.TextIOWrapper(raw, name, newline=""), file.tell


def stamp(path: Path) -> list[int]:
    """Size and time of the last change, by which a changed file is noticed."""
    try:
        about = path.stat()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    return [about.st_size, about.st_mtime_ns]


def _cut(text: IO[bytes], file: IO[bytes], path: Path, encoding: str, size: int) -> Iterator[Block]:
    """Blocks that end after a line, or where there is none, after white space."""
    read = _reader(text, path, encoding)
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


def _reader(text: IO[bytes], path: Path, encoding: str) -> Callable[[int], bytes]:
    """A function that gives the next bytes as UTF-8."""
    if check_encoding(encoding) in ("utf-8", "ascii"):
        return text.read
    decoder, taken = codecs.getincrementaldecoder(encoding)(), 0

    def read(size: int) -> bytes:
        nonlocal taken
        while True:
            new = text.read(size)
            try:
                decoded = decoder.decode(new, final=not new).encode()
            except UnicodeError as error:
                byte = taken + int(getattr(error, "start", 0))
                raise DataError(
                    f"{path}, near byte {byte:,}: not {encoding} ({error}); give another encoding"
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
        return io.BufferedReader(_Zstandard(path, file), 1 << 20)
    return os.fdopen(os.dup(file.fileno()), "rb")


class _Zstandard(io.RawIOBase):
    """Frames of Zstandard one after the other; unlike the package's own reader it notices an end that comes too early."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._ceiling = Ceiling(path, file)
        self._new = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj
        self._wrong = zstandard.ZstdError
        self._file, self._frame, self._ready, self._packed = file, None, b"", b""

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        while not self._ready and self._more():
            pass
        size = min(len(into), len(self._ready))
        into[:size], self._ready = self._ready[:size], self._ready[size:]
        return size

    def _more(self) -> bool:
        """Unpack a little more; False at the end."""
        packed = self._packed or self._file.read(16 << 10)
        if not packed:
            if self._frame is not None:
                raise EOFError
            return False
        frame: Any = self._frame if self._frame is not None else self._new()
        try:
            self._ready = self._ceiling.add(frame.decompress(packed))
        except self._wrong as error:
            raise zlib.error(str(error)) from error
        self._packed = frame.unused_data if frame.eof else b""
        self._frame = None if frame.eof else frame
        return True
