"""Vectors of character n-grams, from which a word that no text had gets a vector; and their file in a run folder.

What the file ``ngrams.safetensors`` holds: ``vectors`` (m, D) float32; ``buckets`` (m,) int32, rising, that n-grams are hashed
to; and as metadata the lengths of n-grams and the number of buckets. Buckets that no word of the training has are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from selfsup.data.text.subwords import Subwords
from selfsup.errors import DataError, RunError
from selfsup.store.arrays import mapped, write_arrays

NGRAMS = "ngrams.safetensors"
LONGEST, MOST = 100, 1 << 24  # characters of an n-gram, and buckets: no option allows more


class NgramVectors:
    """Vectors of n-grams.

    Parameters
    ----------
    subwords
        Which n-grams words have.
    buckets
        Rising (m,) int32: the buckets that have a vector.
    vectors
        Array (m, D) float32; may be a memory map.
    """

    def __init__(self, subwords: Subwords, buckets: np.ndarray, vectors: np.ndarray) -> None:
        self.subwords, self.buckets, self.vectors = subwords, buckets, vectors

    def vector(self, word: str) -> np.ndarray:
        """Vector (D,) of any word: the mean of those of its n-grams that training met.

        Raises
        ------
        DataError
            If it has none, or the mean is not finite.
        """
        wanted = self.subwords.hashed([word])[1]
        places = np.searchsorted(self.buckets, wanted).clip(max=len(self.buckets) - 1)
        places = places[self.buckets[places] == wanted]
        if not len(places):
            shortest, longest, _ = self.subwords
            raise DataError(
                f"unknown word {word!r}, and none of its n-grams of {shortest} to {longest} characters was met in training; "
                "ask for a word that shares some with the words of the text"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            mean: np.ndarray = self.vectors[places].mean(0, dtype=np.float32)
        if not np.isfinite(mean).all():
            raise DataError(f"the vector of {word!r}, the mean of its n-grams', is not finite; fetch the file again")
        return mean

    @classmethod
    def used(cls, subwords: Subwords, rows: np.ndarray, table: np.ndarray, words: int) -> NgramVectors:
        """Of a trained table (words + buckets, D), the n-grams that the bags' rows (n,) name."""
        buckets = np.unique(rows[rows >= words]) - words
        return cls(subwords, buckets.astype(np.int32), np.ascontiguousarray(table[words + buckets], np.float32))

    def about(self) -> dict[str, str]:
        """Which n-grams they are, as metadata of a file."""
        return {name: str(value) for name, value in self.subwords._asdict().items()}

    @classmethod
    def of(cls, buckets: np.ndarray, vectors: np.ndarray, about: Mapping[str, str], dim: int) -> NgramVectors:
        """N-grams of a file's arrays and metadata, looked at strictly.

        Raises
        ------
        DataError
            If they do not belong together, or not to word vectors of `dim` dimensions.
        """
        try:
            subwords = Subwords(*(int(about[name]) for name in Subwords._fields))
        except (KeyError, ValueError) as error:
            wanted = ", ".join(Subwords._fields)
            raise DataError(f"its metadata must have the numbers {wanted}; got {dict(about)}") from error
        if not (1 <= subwords.shortest <= subwords.longest <= LONGEST and 1 <= subwords.buckets <= MOST):
            raise DataError(f"there are no n-grams as {dict(about)} says")
        if vectors.shape != (len(buckets), dim):
            there = f"{len(buckets)} buckets and vectors {vectors.shape}"
            raise DataError(f"it has {there}, beside word vectors of {dim} dimensions")
        if buckets[0] < 0 or buckets[-1] >= subwords.buckets or (np.diff(buckets) <= 0).any():
            raise DataError(f"its buckets must rise within 0 to {subwords.buckets - 1}")
        return cls(subwords, buckets, vectors)

    def write(self, folder: Path) -> None:
        """Write the file into a folder that exists."""
        arrays = {"vectors": np.asarray(self.vectors, "<f4"), "buckets": np.asarray(self.buckets, "<i4")}
        write_arrays(folder / NGRAMS, arrays, self.about())

    @classmethod
    def read(cls, folder: Path, dim: int) -> NgramVectors | None:
        """What `write` wrote, strictly; the vectors stay on disk until they are used. None if there is no such file.

        Raises
        ------
        RunError
            If it is damaged, or does not belong to word vectors of `dim` dimensions.
        """
        path = folder / NGRAMS
        if not path.is_file():
            return None
        arrays, about = mapped(path, {"vectors": ("F32", 2), "buckets": ("I32", 1)})
        try:
            return cls.of(np.array(arrays["buckets"]), arrays["vectors"], about, dim)
        except DataError as error:
            raise RunError(f"{path} is damaged: {error}") from error
