"""Pieces of an explorer page: numbers and words as bytes, of which any stretch is made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from selfsup.errors import DataError

PART = 16_000_000  # bytes of a part, so that neither the page nor we ever hold more of a large piece at once
ROWS = 1 << 22  # numbers that are turned to int8 at once
Bytes = bytes | memoryview


@dataclass(frozen=True)
class Piece:
    """Bytes under a name.

    Attributes
    ----------
    name
        As the manifest calls it: "plane.0".
    size
        Bytes of the whole.
    read
        Gives the bytes from a place to before another.
    """

    name: str
    size: int
    read: Callable[[int, int], Bytes]

    @property
    def parts(self) -> int:
        """How many parts of at most `PART` bytes it is cut into; an empty piece has one, which is empty."""
        return max(1, -(-self.size // PART))

    def part(self, number: int) -> Bytes:
        """The bytes of one part."""
        return self.read(number * PART, min(number * PART + PART, self.size))


def of_bytes(name: str, content: Bytes) -> Piece:
    """A piece of bytes that are there."""
    return Piece(name, len(content), lambda start, stop: content[start:stop])


def of_array(name: str, array: np.ndarray, dtype: str) -> Piece:
    """A piece of an array as it lies in memory, row by row, which is copied only where it has another type."""
    flat = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<")).reshape(-1)
    return of_bytes(name, flat.view(np.uint8).data)


def of_words(name: str, words: Sequence[object], longest: int) -> tuple[Piece, Piece]:
    """Words one behind the other in UTF-8, and the (n + 1,) uint32 places where they begin.

    A word of more than so many characters is cut, and says so by an ellipsis; what is no Unicode stands as its code.

    Raises
    ------
    DataError
        If they have 4 GB or more in all.
    """
    encoded = [_cut(str(word), longest).encode(errors="backslashreplace") for word in words]
    places = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(word) for word in encoded], out=places[1:])
    if places[-1] >= 1 << 32:
        raise DataError(
            f"the words of '{name}' take {places[-1]:,} bytes, and a page holds 4 GB of them; show fewer rows"
        )
    return of_bytes(name, b"".join(encoded)), of_array(f"{name}.offsets", places, "u4")


def _cut(word: str, longest: int) -> str:
    return word if len(word) <= longest else word[: longest - 1] + "…"


def of_vectors(name: str, scale: str, vectors: np.ndarray) -> tuple[Piece, Piece]:
    """Vectors (n, d) as rows of int8 and one float32 a row, whose product is the row's unit vector.

    The largest value of a row becomes 127. Rows of zeros, and rows that are not finite, are zeros. The vectors are read in
    blocks where they lie, in memory or in a file.
    """
    count, wide = vectors.shape

    def rows(start: int, stop: int) -> bytes:
        """The bytes from a place to another of the rows that hold them."""
        first, last = start // wide, -(-stop // wide)
        found = np.empty((last - first, wide), np.int8)
        for begin, end in _blocks(first, last, wide):
            found[begin - first : end - first] = _rounded(vectors[begin:end])[0]
        return found.tobytes()[start - first * wide : stop - first * wide]

    def scales(start: int, stop: int) -> bytes:
        """The same of the scales."""
        first, last = start // 4, -(-stop // 4)
        found = [_rounded(vectors[begin:end])[1] for begin, end in _blocks(first, last, wide)]
        return (
            np.concatenate([np.zeros(0, "<f4"), *found]).astype("<f4").tobytes()[start - first * 4 : stop - first * 4]
        )

    return Piece(name, count * wide, rows), Piece(scale, count * 4, scales)


def _blocks(first: int, last: int, wide: int) -> Iterator[tuple[int, int]]:
    """Stretches of rows of not too many numbers."""
    step = max(1, ROWS // max(wide, 1))
    for begin in range(first, last, step):
        yield begin, min(begin + step, last)


def _rounded(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, d) as int8 with the largest at 127, and what to multiply them by (n,)."""
    rows = np.array(block, np.float32)
    largest = np.abs(rows).max(axis=1, initial=0.0)  # (n,)
    good = np.isfinite(largest) & (largest > 0)
    rows[~good] = 0
    rows /= np.where(good, largest, 1)[:, None]  # before the length, whose squares could be beyond float32
    length = np.sqrt(np.einsum("nd,nd->n", rows, rows))  # (n,)
    rows *= 127
    scale = np.where(good, 1 / (127 * np.where(good, length, 1)), 0)
    return np.rint(rows, out=rows).astype(np.int8), scale.astype(np.float32)
