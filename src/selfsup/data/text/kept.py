"""Numbered corpora on disk, so that the second run starts at once."""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from selfsup.errors import DataError
from selfsup.system import cache
from selfsup.system.files import whole

FORMAT = 3  # raise it when reading changes: every entry is then made anew
IN_MEMORY = (
    16 << 20
)  # bytes of ids; where there are more, they lie in a file, which the system keeps in memory as far as it can
WHAT = "numbered words"
HEADER = 128  # bytes of a .npy file before its values
log = logging.getLogger("selfsup")


def read(key: str) -> tuple[np.ndarray, dict[str, Any]] | None:
    """Ids (memory-mapped, never written back) and what is known of them; None if not there, or damaged (which is logged)."""
    return cache.read(_name(key), WHAT, _entry)


def _entry(ids: np.ndarray, about: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    if ids.dtype != np.int32 or ids.ndim != 1 or len(about["words"]) != len(about["counts"]):
        raise ValueError("it is of another make")
    return ids, about


def ids_of(parts: Iterable[np.ndarray], key: str | None, words: int, folder: Path) -> np.ndarray:
    """All the parts as one array: from the cache folder, or without a key in memory, and where that is too much, a nameless file.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written.
    """
    if key is not None:
        _write(cache.place(_name(key)), parts)
        return cache.mapped(_name(key))
    if 4 * words < IN_MEMORY:
        return np.concatenate(list(parts))
    return scratch(parts, folder)


def scratch(parts: Iterable[np.ndarray], folder: Path) -> np.ndarray:
    """All the parts as one array that can be written, in a file that is gone when nobody holds the array."""
    with tempfile.TemporaryFile(dir=folder) as file:
        size = 0
        for part in parts:
            file.write(part.data)
            size += len(part)
        file.flush()
        return np.memmap(file, np.int32, "r+", shape=(size,)).view(np.ndarray) if size else np.empty(0, np.int32)


def spool() -> tuple[Path, bool]:
    """The folder for files that are needed only while a text is read, and whether it is that of the cache."""
    folder = cache.folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder, True
    except OSError as error:
        log.warning("cannot write to the cache folder %s (%s); the text is read anew each time", folder, error)
        return Path(tempfile.gettempdir()), False


def _write(path: Path, parts: Iterable[np.ndarray]) -> None:
    """Ids as a .npy file, whole or not at all."""
    with whole(path) as file:
        file.write(bytes(HEADER))
        size = 0
        for part in parts:
            file.write(part.data)
            size += len(part)
        file.seek(0)
        file.write(_header(size))


def write_about(key: str, ids: np.ndarray, about: dict[str, Any]) -> None:
    """Keep what is known of the ids; with it the entry is complete. Where that fails, only a warning is logged."""
    cache.write(_name(key), WHAT, about, ids, there=True)


def full(error: OSError) -> DataError:
    """What to say of a disk that has no room for the ids."""
    return DataError(f"cannot write the numbered words to {cache.folder()}: {error.strerror or error}; free some space, or set "
                     "SELFSUP_CACHE to a folder on another disk")  # fmt: skip


def _header(size: int) -> bytes:
    made = io.BytesIO()
    np.lib.format.write_array_header_1_0(made, {"descr": "<i4", "fortran_order": False, "shape": (size,)})
    content = made.getvalue()
    assert len(content) == HEADER, "numpy pads the header of any vector to 128 bytes"
    return content


def _name(key: str) -> str:
    return f"words-{key[:32]}"
