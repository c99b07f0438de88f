"""Vectors of character n-grams, from which a word that no text had gets a vector; and their file in a run folder.

What the file ``ngrams.safetensors`` holds: ``vectors`` (m, D) float32; ``buckets`` (m,) int32, rising, that n-grams are hashed
to; and as metadata the lengths of n-grams and the number of buckets. Buckets that no word of the training has are left out.
"""

from __future__ import annotations

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
            If it has none.
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
        mean: np.ndarray = self.vectors[places].mean(0, dtype=np.float32)
        return mean

    @classmethod
    def used(cls, subwords: Subwords, rows: np.ndarray, table: np.ndarray, words: int) -> NgramVectors:
        """Of a trained table (words + buckets, D), the n-grams that the bags' rows (n,) name."""
        buckets = np.unique(rows[rows >= words]) - words
        return cls(subwords, buckets.astype(np.int32), np.ascontiguousarray(table[words + buckets], np.float32))

    def write(self, folder: Path) -> None:
        """Write the file into a folder that exists."""
        about = {name: str(value) for name, value in self.subwords._asdict().items()}
        arrays = {"vectors": np.asarray(self.vectors, "<f4"), "buckets": np.asarray(self.buckets, "<i4")}
        write_arrays(folder / NGRAMS, arrays, about)

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
        vectors, buckets = arrays["vectors"], np.array(arrays["buckets"])
        try:
            subwords = Subwords(*(int(about[name]) for name in Subwords._fields))
        except (KeyError, ValueError) as error:
            wanted = ", ".join(Subwords._fields)
            raise RunError(f"{path} is damaged: its metadata must have the numbers {wanted}; got {about}") from error
        if not (1 <= subwords.shortest <= subwords.longest <= LONGEST and 1 <= subwords.buckets <= MOST):
            raise RunError(f"{path} is damaged: there are no n-grams as {about} says")
        if vectors.shape != (len(buckets), dim):
            there = f"{len(buckets)} buckets and vectors {vectors.shape}"
            raise RunError(f"{path} is damaged: it has {there}, beside word vectors of {dim} dimensions")
        if buckets[0] < 0 or buckets[-1] >= subwords.buckets or (np.diff(buckets) <= 0).any():
            raise RunError(f"{path} is damaged: its buckets must rise within 0 to {subwords.buckets - 1}")
        return cls(subwords, buckets, vectors)
