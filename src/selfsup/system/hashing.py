"""Fingerprints: which data a run was trained on, cheaply enough to be taken every time."""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

import numpy as np

SAMPLED = 16 << 20  # bytes that are hashed at most, evenly spread
BLOCK = 64 << 10
CHECKED = 16 << 20  # bytes at a time, between which a signal is heard


def of_array(x: np.ndarray, most: int = SAMPLED) -> str:
    """Fingerprint of an array, in hexadecimal.

    SHA-256 over shape, dtype, up to `most` bytes in evenly spread blocks, and the exact sum of all the
    bytes read as 64-bit integers: whatever single value is changed, the fingerprint changes. The sum is of integers
    (modulo 2^64), so it does not depend on the number of threads or on the order of the additions.
    """
    digest = hashlib.sha256(f"{x.shape} {x.dtype.str}".encode())
    flat = np.ascontiguousarray(x).reshape(-1).view(np.uint8)
    if flat.nbytes <= most:
        digest.update(flat.data)
    else:
        for start in np.linspace(0, flat.nbytes - BLOCK, most // BLOCK).astype(np.int64).tolist():
            digest.update(flat[start : start + BLOCK].data)
        words = flat[: flat.nbytes // 8 * 8].view(np.int64)
        digest.update(str(int(words.sum(dtype=np.int64))).encode())
        digest.update(flat[words.nbytes :].data)
    return digest.hexdigest()


def checksum(x: np.ndarray) -> str:
    """CRC-32 of all the bytes, at some 4 GB/s, with shape and dtype: what has changed on a disk by accident is noticed."""
    flat = np.ascontiguousarray(x).reshape(-1).view(np.uint8)
    found = 0
    for start in range(0, flat.nbytes, CHECKED):
        found = zlib.crc32(flat[start : start + CHECKED].data, found)
    return f"{x.shape} {x.dtype.str} {found:08x}"


def of_values(*values: Any) -> str:
    """Fingerprint of plain values (what JSON can hold), in hexadecimal."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
