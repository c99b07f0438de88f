"""Decoded images on disk, so that the second run starts at once. Everything in it can be deleted at any time."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from selfsup.system import hashing

FORMAT = 1  # raise it when decoding changes: every entry is then made anew
PROBED = 16 << 20  # bytes that are compared when an entry is opened
log = logging.getLogger("selfsup")


class Entry(NamedTuple):
    """Decoded images (n, C, H, W) uint8, the numbers and reasons of unreadable ones, and the note on their form."""

    x: np.ndarray
    bad: list[tuple[int, str]]
    note: str


def folder() -> Path:
    """Where entries lie: the environment variable ``SELFSUP_CACHE``, or the user's cache folder."""
    given = os.environ.get("SELFSUP_CACHE")
    if given:
        return Path(given).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("selfsup", appauthor=False))


def read(key: str) -> Entry | None:
    """Memory-map an entry; None if there is none, or if it is damaged (which is logged)."""
    words, values = _paths(key)
    try:
        about = json.loads(words.read_text(encoding="utf-8"))
        x = np.load(values, mmap_mode="c", allow_pickle=False).view(np.ndarray)  # "c": never written to disk
        if x.dtype != np.uint8 or hashing.of_array(x, PROBED, whole=False) != about["print"]:
            raise ValueError("its values have changed")
        return Entry(x, [(int(index), str(reason)) for index, reason in about["bad"]], str(about["note"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
        log.warning("the cached images in %s are damaged (%s); decoding them again", values, error)
        return None


def write(key: str, entry: Entry) -> None:
    """Keep an entry; where the disk is full or read-only, only a warning is logged."""
    words, values = _paths(key)
    probe = hashing.of_array(entry.x, PROBED, whole=False)
    about = json.dumps({"print": probe, "bad": entry.bad, "note": entry.note}).encode()
    try:
        values.parent.mkdir(parents=True, exist_ok=True)
        _whole(values, lambda file: np.save(file, entry.x, allow_pickle=False))
        _whole(words, lambda file: file.write(about))
    except OSError as error:
        log.warning("cannot keep the decoded images in %s (%s); they are used all the same", folder(), error)


def _paths(key: str) -> tuple[Path, Path]:
    return folder() / f"{key[:32]}.json", folder() / f"{key[:32]}.npy"


def _whole(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Write a file whole or not at all: a temporary file beside it, flushed to disk, then one rename."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
