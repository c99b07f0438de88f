"""Whether something will fit in memory, asked before it is made."""

from __future__ import annotations

import ctypes
import mmap
import sys
from typing import Any

import numpy as np

from selfsup.errors import DataError
from selfsup.lazy import psutil


def available() -> int:
    """Bytes of memory that can be had without swapping."""
    return int(psutil.virtual_memory().available)


def check(size: int, what: str, advice: str) -> None:
    """Raise `DataError`, with both numbers and the advice, if `size` bytes are more than can be had."""
    free = available()
    if size > free:
        raise DataError(f"{what} need {_words(size)} of memory and {_words(free)} are available; {advice}")


def give_back() -> None:
    """Return freed memory to the system: glibc keeps what threads have freed, some 30 MB of a text of 100 MB."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def let_go(array: np.ndarray) -> None:
    """Let the pages of an array that lies in a file leave memory; they are read again when they are asked for."""
    owner: Any = array
    while owner is not None and not isinstance(owner, mmap.mmap):
        owner = getattr(owner, "base", None)
    if owner is not None and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)


def _words(size: float) -> str:
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"
