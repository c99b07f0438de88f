"""Decoded images on disk, so that the second run starts at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from selfsup.system import cache

FORMAT = 2  # raise it when decoding changes: every entry is then made anew
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
    cache.write(key[:32], WHAT, {"bad": entry.bad, "note": entry.note}, entry.x)


def _entry(x: np.ndarray, about: dict[str, Any]) -> Entry:
    if x.dtype != np.uint8:
        raise ValueError(f"its values are {x.dtype}")
    return Entry(x, [(int(index), str(reason)) for index, reason in about["bad"]], str(about["note"]))
