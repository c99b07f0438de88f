"""Nearest rows by batched products, and nearest spellings; exact, in float32."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from selfsup.errors import DataError

BLOCK = 1 << 26  # similarities held at once: 256 MB
CANDIDATES = 2000  # words whose spelling is compared, the most frequent first
GROUP = 32  # scores that share a maximum
CHUNK = 1 << 16  # rows squared at once, so that no second table is made


class Nearest(NamedTuple):
    """Rows (m, k) of a table and their cosines (m, k) with m questions, best first."""

    rows: np.ndarray
    cosines: np.ndarray


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows (n, D) of length 1, float32; a row of zeros stays one.

    Raises
    ------
    DataError
        If a vector is not finite.
    """
    unit = np.empty(vectors.shape, np.float32)
    for first in range(0, len(vectors), CHUNK):
        rows = vectors[first : first + CHUNK]
        norms = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))  # (chunk,)
        if not np.isfinite(norms).all():
            bad = first + int(np.flatnonzero(~np.isfinite(norms))[0])
            raise DataError(
                f"the vector of row {bad} is not finite; train again with a lower rate, or load a whole file"
            )
        scale = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
        np.multiply(rows, scale[:, None], out=unit[first : first + CHUNK], casting="same_kind")
    return unit


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """Places (m, k) of the k largest scores (m, n) of each row, largest first."""
    m, n = scores.shape
    k = min(k, n)
    width = n // GROUP
    if width <= 4 * k:
        return _sorted(scores, np.argpartition(scores, n - k, axis=1)[:, n - k :])
    # Column j stands for the group j, j + width, j + 2 width, ...: the k largest scores are in the k groups with the largest
    # maxima. Maxima over such groups are taken by whole vectors of the machine; to select among all n costs ten times that.
    tops = scores[:, : width * GROUP].reshape(m, GROUP, width).max(axis=1)  # (m, width)
    groups = np.argpartition(tops, width - k, axis=1)[:, width - k :]  # (m, k)
    places = (groups[:, :, None] + width * np.arange(GROUP)).reshape(m, -1)
    places = np.concatenate([places, np.broadcast_to(np.arange(width * GROUP, n), (m, n - width * GROUP))], axis=1)
    few = np.take_along_axis(scores, places, axis=1)
    chosen = np.argpartition(few, few.shape[1] - k, axis=1)[:, few.shape[1] - k :]
    return _sorted(scores, np.take_along_axis(places, chosen, axis=1))


def _sorted(scores: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Places (m, k) by their scores, largest first; of equal ones the first."""
    places = np.sort(places, axis=1)
    order = np.argsort(-np.take_along_axis(scores, places, axis=1), axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1)


def nearest(unit: np.ndarray, queries: np.ndarray, k: int) -> Nearest:
    """Nearest k of the unit rows (n, D) to each of the unit queries (m, D), by cosine."""
    block = max(1, BLOCK // max(len(unit), 1))
    rows, cosines = [], []
    for first in range(0, len(queries), block):
        scores = queries[first : first + block] @ unit.T  # (block, n)
        places = best(scores, k)
        rows.append(places)
        cosines.append(np.take_along_axis(scores, places, axis=1))
    if not rows:
        return Nearest(np.empty((0, min(k, len(unit))), np.int64), np.empty((0, min(k, len(unit))), np.float32))
    return Nearest(np.concatenate(rows), np.concatenate(cosines))


def spellings(word: str, words: Sequence[str], n: int = 3) -> list[str]:
    """Words spelled almost like this one.

    Only words of about its length that begin or end like it are compared, the first ones first: difflib needs
    seconds for a whole vocabulary.
    """
    folded = word.casefold()
    head, tail, length = folded[:1], folded[-2:], len(word)
    near: dict[str, str] = {}
    for candidate in words:
        if abs(len(candidate) - length) <= 2:
            other = candidate.casefold()
            if other[:1] == head or other[-2:] == tail:
                near.setdefault(other, candidate)
                if len(near) >= CANDIDATES:
                    break
    return [near[match] for match in difflib.get_close_matches(folded, near, n=n, cutoff=0.6)]
