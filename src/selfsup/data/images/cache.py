"""Decoded images on disk, so that the second run starts at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from selfsup.system import cache, hashing

FORMAT = 1  # raise it when decoding changes: every entry is then made anew
PROBED = 16 << 20  # bytes that are compared when an entry is opened
WHAT = "decoded images"


class Entry(NamedTuple):
    """Decoded images (n, C, H, W) uint8, the numbers and reasons of unreadable ones, and the note on their form."""

    x: np.ndarray
    bad: list[tuple[int, str]]
    note: str


def read(key: str) -> Entry | None:
    """Memory-map an entry; None if there is none, or if it is damaged (which is logged)."""
    return cache.read(key[:32], WHAT, _entry)


def write(key: str, entry: Entry) -> None:
    """Keep an entry; where the disk is full or read-only, only a warning is logged."""
    cache.write(key[:32], WHAT, {"print": _print(entry.x), "bad": entry.bad, "note": entry.note}, entry.x)


def _entry(x: np.ndarray, about: dict[str, Any]) -> Entry:
    if x.dtype != np.uint8 or _print(x) != about["print"]:
        raise ValueError("its values have changed")
    return Entry(x, [(int(index), str(reason)) for index, reason in about["bad"]], str(about["note"]))


def _print(x: np.ndarray) -> str:
    return hashing.of_array(x, PROBED, whole=False)
