"""The header of a ``.npy`` file, read and held against the file's size before anything is made of it. Nothing is unpickled."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selfsup.errors import DataError
from selfsup.system import memory
from selfsup.system.reading import DAMAGED, foreign

MAGIC = b"\x93NUMPY"
MOST = 1 << 16  # bytes that a header takes, with its magic: NumPy itself reads no longer one
READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Header(NamedTuple):
    """What a file says it holds, after a header of `start` bytes."""

    shape: tuple[int, ...]
    dtype: np.dtype
    start: int

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return self.dtype.itemsize * math.prod(self.shape)


def header(head: bytes, size: int, path: str) -> Header:
    """The header at the beginning of a file.

    Parameters
    ----------
    head
        The first `MOST` bytes, or all there are.
    size
        Of the whole file, in bytes.
    path
        For messages.

    Raises
    ------
    DataError
        If it is no array, holds Python objects, or says that more follows than there is.
    """
    if head[:1] and not head.startswith(MAGIC):
        raise DataError(f"{path} is not a .npy file; if it is a pickle: files are never unpickled, use numpy.save")
    file = io.BytesIO(head)
    with foreign(path, DAMAGED):
        version = np.lib.format.read_magic(file)
        if version not in READERS:
            raise DataError(
                f"cannot read {path}: version {version} of the .npy format is for structures, not for numbers"
            )
        shape, _, dtype = READERS[version](file)
    if dtype.hasobject:
        raise DataError(f"{path} holds Python objects, which are never unpickled; save an array of numbers instead")
    found = Header(shape, dtype, file.tell())
    if dtype.itemsize == 0 or min(shape, default=0) < 0:
        raise DataError(f"cannot read {path}: it is damaged (an array of {dtype} cannot have the shape {shape})")
    if found.start + found.nbytes > size:
        raise DataError(
            f"cannot read {path}: it is damaged or truncated (an array {shape} of {dtype} takes {found.nbytes:,} bytes, and "
            f"{size - found.start:,} are there)"
        )
    if 0 in shape:
        raise DataError(f"{path} is empty: its array has the shape {shape}")
    return found


def load(path: Path, mapped: bool | None = None, what: str = "") -> np.ndarray:
    """The array of a ``.npy`` file.

    Parameters
    ----------
    mapped
        As a memory map, what is written to it stays in memory; by default one of more than half the free memory is.
    what
        It is, for messages.

    Raises
    ------
    DataError
        If it cannot be read, is damaged, or holds anything but an array of plain values.
    """
    what = what or str(path)
    with foreign(what, DAMAGED):
        size = path.stat().st_size
        with path.open("rb") as file:
            header(file.read(MOST), size, what)
        large = size > memory.available() // 2 if mapped is None else mapped
        return np.asarray(np.load(path, mmap_mode="c" if large else None, allow_pickle=False))
