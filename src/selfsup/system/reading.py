"""Files from strangers: whatever a library raises on a damaged one is one error of ours, and what is packed has a ceiling."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from selfsup.errors import DataError, SelfsupError
from selfsup.lazy import zstandard

PLAUSIBLE = 200  # times its packed size that anything unpacks to: of text it is 5, of zeros 229 to 1,032
DAMAGED = "it is damaged or truncated"
FLOOR = 16 << 20  # bytes that any packed text may unpack to
PIECE = 16 << 10  # bytes of a packed file, at most, that are unpacked at once
LINE = 300  # characters of what a library says


@contextmanager
def foreign(what: str, why: str = "") -> Iterator[None]:
    """While a library of others reads `what`: a parser raises whatever it meets first, so all of it becomes `DataError`.

    Parameters
    ----------
    why
        It cannot be read then, where the file is there; with what the library says.
    """
    try:
        yield
    except SelfsupError:
        raise
    except OSError as error:
        raise DataError(f"cannot read {what}: {said(error)}") from error
    except Exception as error:
        raise DataError(f"cannot read {what}: " + (f"{why} ({said(error)})" if why else said(error))) from error


def said(error: Exception) -> str:
    """The first line of what an error says, or its name."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return lines[0][:LINE] if lines else type(error).__name__


def check_unpacked(path: object, unpacked: int, packed: int, floor: int = FLOOR) -> None:
    """Raise `DataError` where so many bytes come, or are said to come, out of so few that it is a decompression bomb."""
    if unpacked > floor and unpacked > PLAUSIBLE * packed:
        raise DataError(
            f"{path} unpacks to more than {PLAUSIBLE} times its size ({unpacked:,} bytes of {packed:,}): a decompression bomb? "
            "If it is not, unpack it and give what comes out"
        )


class Ceiling:
    """Counts what comes out of a packed file."""

    def __init__(self, path: object, file: IO[bytes]) -> None:
        self.path, self.packed, self.unpacked = path, os.fstat(file.fileno()).st_size, 0

    def add(self, content: bytes) -> bytes:
        """The content, counted; raises `DataError` where it is too much."""
        self.unpacked += len(content)
        check_unpacked(self.path, self.unpacked, self.packed)
        return content


class Gzip(gzip.GzipFile):
    """A ``.gz`` file that is read in a stream, under a ceiling."""

    def __init__(self, path: object, file: IO[bytes]) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._ceiling = Ceiling(path, file)

    def read(self, size: int | None = -1) -> bytes:
        """So many bytes, or the rest."""
        return self._ceiling.add(super().read(size))

    def read1(self, size: int = -1) -> bytes:
        """Up to so many bytes, what is at hand."""
        return self._ceiling.add(super().read1(size))


class Zstandard(io.RawIOBase):
    """A ``.zst`` file, frames one after the other, under a ceiling.

    Unlike the package's own reader it notices an end that comes too early (`EOFError`). Damage is a `zlib.error`, as in gzip.
    """

    def __init__(self, path: object, file: IO[bytes]) -> None:
        self._ceiling = Ceiling(path, file)
        self._new = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj
        self._wrong = zstandard.ZstdError
        self._file, self._frame, self._ready, self._packed = file, None, memoryview(b""), b""
        self._size = PIECE >> 6  # bytes unpacked at once: few of them can be 100 MB of zeros

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, into: Any) -> int:
        """Fill with what is at hand; 0 at the end."""
        while not self._ready and self._more():
            pass
        size = min(len(into), len(self._ready))
        into[:size], self._ready = self._ready[:size], self._ready[size:]
        return size

    def _more(self) -> bool:
        """Unpack a little more; False at the end."""
        packed = self._packed or self._file.read(self._size)
        if not packed:
            if self._frame is not None:
                raise EOFError("it ends in the middle of a frame")
            return False
        frame: Any = self._frame if self._frame is not None else self._new()
        try:
            self._ready = memoryview(self._ceiling.add(frame.decompress(packed)))
        except self._wrong as error:
            raise zlib.error(str(error)) from error
        self._packed = frame.unused_data if frame.eof else b""
        growth = len(self._ready) // max(len(packed) - len(self._packed), 1)
        self._size = min(PIECE, max(PIECE >> 6, (PIECE << 8) // (growth + 1)))
        self._frame = None if frame.eof else frame
        return True
