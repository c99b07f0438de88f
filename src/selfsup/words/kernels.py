"""Nearest rows of quantised tables, from the numbers as they are stored; compiled.

numba knows no float16 on a CPU, so a half is read as int16. Its bits, moved to where float32 has them and the sign kept, are
its value times 2 ** -112, small ones and zero included: the factor goes into the vector that is multiplied.
"""

from __future__ import annotations

from itertools import pairwise
from threading import Thread

import numpy as np

from selfsup.system.cores import cores
from selfsup.system.kernels import compiled

UP = np.float32(2.0**112)
SHIFT, KEPT = np.int32(13), np.int32(-0x70000001)  # bits that a half is moved by; all but the three copies of its sign
EXPONENT, INFINITE = np.int32(0x7C00), np.int32(0x7F800000)  # of halves and floats that are no numbers
FAST = {"reassoc", "contract", "nsz", "arcp"}  # sums in any order; NaN and infinity as ever
EACH = 1 << 23  # numbers of a table that are worth a thread


@compiled(nogil=True)
def _put(score: float, row: int, scores: np.ndarray, rows: np.ndarray) -> None:
    """Put a score that is above the last one (k,) in its place, behind equal ones."""
    place = len(scores) - 1
    while place > 0 and scores[place - 1] < score:
        scores[place], rows[place] = scores[place - 1], rows[place - 1]
        place -= 1
    scores[place], rows[place] = score, row


@compiled(nogil=True, fastmath=FAST)
def _of_halves(
    table: np.ndarray, vector: np.ndarray, factors: np.ndarray, scores: np.ndarray, rows: np.ndarray
) -> None:
    for row in range(table.shape[0]):
        total = np.float32(0)
        for d in range(table.shape[1]):
            bits = np.int32((np.int32(table[row, d]) << SHIFT) & KEPT)
            total += bits.view(np.float32) * vector[d]
        total *= factors[row]
        if total > scores[-1]:
            _put(total, row, scores, rows)


@compiled(nogil=True, fastmath=FAST)
def _of_bytes(table: np.ndarray, vector: np.ndarray, factors: np.ndarray, scores: np.ndarray, rows: np.ndarray) -> None:
    for row in range(table.shape[0]):
        total = np.float32(0)
        for d in range(table.shape[1]):
            total += np.float32(table[row, d]) * vector[d]
        total *= factors[row]
        if total > scores[-1]:
            _put(total, row, scores, rows)


@compiled(nogil=True)
def _widened(table: np.ndarray, out: np.ndarray) -> None:
    for row in range(table.shape[0]):
        for d in range(table.shape[1]):
            bits = np.int32((np.int32(table[row, d]) << SHIFT) & KEPT)
            infinite = INFINITE if (np.int32(table[row, d]) & EXPONENT) == EXPONENT else np.int32(0)
            out[row, d] = np.int32(bits | infinite).view(np.float32) * UP


def widened(table: np.ndarray) -> np.ndarray:
    """Rows (n, D) of float16 as float32, each to the bit."""
    out = np.empty(table.shape, np.float32)
    _widened(_read_only(table.view(np.int16)), out)
    return out


def nearest(table: np.ndarray, vector: np.ndarray, factors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a table of float16 or int8 (n, D) with the largest product with a vector (D,), times the factor (n,) of the row.

    Sums are of float32, as BLAS makes them. The rows are shared among the cores.

    Returns
    -------
    rows, products : ndarray
        (k,) each or fewer, best first, of equal ones the first row; those whose factor is NaN are left out.
    """
    halves = table.dtype == np.float16
    kernel, stored = (_of_halves, _read_only(table.view(np.int16))) if halves else (_of_bytes, _read_only(table))
    given = np.ascontiguousarray(vector * UP if halves else vector, np.float32)
    factors = _read_only(factors)
    parts = min(cores(), 1 + stored.size // EACH)
    scores, rows = np.full((parts, k), -np.inf, np.float32), np.zeros((parts, k), np.int64)
    ends = [len(stored) * part // parts for part in range(parts + 1)]
    kernel(stored[:0], given, factors[:0], scores[0], rows[0])  # compiled once, before there are threads
    work = [(stored[a:b], given, factors[a:b], scores[at], rows[at]) for at, (a, b) in enumerate(pairwise(ends))]
    threads = [Thread(target=kernel, args=one) for one in work[1:]]
    for thread in threads:
        thread.start()
    kernel(*work[0])
    for thread in threads:
        thread.join()
    rows += np.array(ends[:-1])[:, None]
    order = np.argsort(-scores.ravel(), kind="stable")[:k]
    order = order[np.isfinite(scores.ravel()[order])]
    return rows.ravel()[order], scores.ravel()[order]


def _read_only(table: np.ndarray) -> np.ndarray:
    """The same numbers; a kernel is compiled for one kind of array, and a memory map cannot be written."""
    table = np.ascontiguousarray(table).view(np.ndarray)
    table.flags.writeable = False
    return table
