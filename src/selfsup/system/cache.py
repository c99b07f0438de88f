"""What need not be made twice, in the user's cache folder. Everything in it can be deleted at any time.

An entry is an array (``NAME.npy``), memory-mapped, and what is known of it (``NAME.json``), which is written last and holds
a checksum of both: whatever has changed on the disk since is noticed, and made anew.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from selfsup.lazy import platformdirs
from selfsup.system import hashing
from selfsup.system.files import whole

T = TypeVar("T")
CHECK = "check"
log = logging.getLogger("selfsup")


def folder() -> Path:
    """Where entries lie: the environment variable ``SELFSUP_CACHE``, or the user's cache folder."""
    given = os.environ.get("SELFSUP_CACHE")
    return Path(given).expanduser() if given else Path(platformdirs.user_cache_dir("selfsup", appauthor=False))


def place(name: str) -> Path:
    """Where the array of an entry lies."""
    return folder() / f"{name}.npy"


def mapped(name: str) -> np.ndarray:
    """The array of an entry as a memory map; what is written to it is never written to disk."""
    array: np.ndarray = np.load(place(name), mmap_mode="c", allow_pickle=False).view(np.ndarray)
    return array


def read(name: str, what: str, make: Callable[[np.ndarray, dict[str, Any]], T]) -> T | None:
    """Read an entry.

    Parameters
    ----------
    name
        Of the entry.
    what
        It is, in the plural, for the message.
    make
        Makes the value of the array and of what is known of it, or raises what it likes.

    Returns
    -------
    T or None
        None if there is no such entry, or if it is damaged (which is logged).
    """
    try:
        about = json.loads(place(name).with_suffix(".json").read_text(encoding="utf-8"))
        array = mapped(name)
        if about.pop(CHECK) != _check(array, about):
            raise ValueError("it has changed since it was written")
        return make(array, about)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # whatever NumPy, or `make`, meets first in a damaged file
        log.warning("the %s in %s are damaged (%s); they are made anew", what, place(name), error)
        return None


def write(name: str, what: str, about: Mapping[str, Any], array: np.ndarray, *, there: bool = False) -> None:
    """Write the array, unless it is `there`, then what is known of it; where that fails, only a warning is logged."""
    try:
        if not there:
            with whole(place(name)) as file:
                np.save(file, array, allow_pickle=False)
        with whole(place(name).with_suffix(".json")) as file:
            file.write(json.dumps({**about, CHECK: _check(array, about)}).encode())
    except OSError as error:
        log.warning("cannot keep the %s in %s (%s); they are used all the same", what, folder(), error)


def _check(array: np.ndarray, about: Mapping[str, Any]) -> str:
    return f"{hashing.of_values(about)} {hashing.checksum(array)}"
