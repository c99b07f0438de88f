"""The face of a model whose method gives word vectors: what can be asked of words, and of texts by their words."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from selfsup.data.open import open_data
from selfsup.data.text.form import TextForm
from selfsup.errors import DataError, OptionError
from selfsup.method import Method
from selfsup.model.encode import codes_of
from selfsup.words.formats.io import lines_of
from selfsup.words.ngrams import NgramVectors
from selfsup.words.search import Nearest
from selfsup.words.vectors import WordVectors

TEXTS = 4_096  # encoded at once
log = logging.getLogger("selfsup")


class NoWords(OptionError, AttributeError):
    """A model was asked for words that has none; `hasattr` says so too."""


class WordFace:
    """Words of a model: everything here is that of its `selfsup.WordVectors`."""

    form: Any
    config: dict[str, Any]
    word_vectors: WordVectors | None

    @property
    def _vectors(self) -> WordVectors:
        if self.word_vectors is None:
            raise NoWords(
                f"the method '{self.config['method']}' gives no word vectors: it learnt from {self.form.kind}s"
            )
        return self.word_vectors

    @property
    def words(self) -> list[str]:
        """The n words that have a vector, the most frequent first."""
        return self._vectors.words

    @property
    def vectors(self) -> np.ndarray:
        """Vectors (n, D) float32 of the words."""
        return self._vectors.vectors

    @property
    def counts(self) -> np.ndarray | None:
        """How often each word occurred, (n,) int64."""
        return self._vectors.counts

    @property
    def ngrams(self) -> NgramVectors | None:
        """Vectors of character n-grams, where words were learnt with theirs."""
        return self._vectors.ngrams

    @property
    def dim(self) -> int:
        """Length D of a vector."""
        return self._vectors.dim

    @property
    def index(self) -> dict[str, int]:
        """Row of each word."""
        return self._vectors.index

    @property
    def unit(self) -> np.ndarray:
        """Vectors (n, D) of length 1."""
        return self._vectors.unit

    def __getitem__(self, word: str) -> np.ndarray:
        """Vector (D,) of a word."""
        return self._vectors[word]

    def __contains__(self, word: object) -> bool:
        return word in self._vectors

    def __len__(self) -> int:
        return len(self._vectors)

    def __bool__(self) -> bool:
        return True

    def vectors_of(self, words: Iterable[str]) -> np.ndarray:
        """Vectors (m, D) of m words, a copy."""
        return self._vectors.vectors_of(words)

    def similarity(self, a: str, b: str) -> float:
        """Cosine of two words."""
        return self._vectors.similarity(a, b)

    def most_similar(self, *query: Any, **how: Any) -> list[tuple[str, float]]:
        """Words nearest to a word, a vector, or several: see `selfsup.WordVectors.most_similar`."""
        return self._vectors.most_similar(*query, **how)

    def nearest(self, vectors: np.ndarray, k: int = 10) -> Nearest:
        """Nearest words to many vectors (m, D) at once."""
        return self._vectors.nearest(vectors, k)

    def frequent(self, n: int | None) -> np.ndarray:
        """Rows of the n most frequent words, the most frequent first; None: all."""
        return self._vectors.frequent(n)

    def encode_texts(self, data: Any) -> np.ndarray:
        """The mean (n, D) of the vectors of each text's words; zeros for a text without a known word, which is logged."""
        vectors, texts = self._vectors, texts_of(data)
        ids = self.form.encode(texts)  # (N,) with -1 between texts
        number, known = np.cumsum(ids < 0), ids >= 0
        sizes = np.bincount(number[known], minlength=len(texts))  # words of each text
        found, words = np.zeros((len(texts), vectors.dim), np.float32), ids[known]
        ends = np.cumsum(sizes)
        for first in range(0, len(texts), TEXTS):
            some = np.flatnonzero(sizes[first : first + TEXTS]) + first
            if len(some):
                start, end = ends[some[0]] - sizes[some[0]], ends[some[-1]]
                sums = np.add.reduceat(vectors.vectors[words[start:end]], ends[some] - sizes[some] - start)
                found[some] = sums / sizes[some, None]
        if empty := int((sizes == 0).sum()):
            log.warning(
                "%s of %s texts hold no word of the vocabulary: their codes are 0", f"{empty:,}", f"{len(texts):,}"
            )
        return found


def codes_of_texts(method: Method, form: TextForm, data: Any, device: torch.device) -> np.ndarray:
    """Codes (n, D) of texts by a method without word vectors: the mean over its view of each; zeros where it has none."""
    codes: list[np.ndarray | None] = []
    for text in texts_of(data):
        known = bool((form.encode([text]) >= 0).any())
        samples = method.view(open_data([text], like=form, progress=False)) if known else None
        codes.append(codes_of(method, samples, device).mean(0) if samples is not None and len(samples) else None)
    width = next((len(code) for code in codes if code is not None), 0)
    if not width:
        raise DataError("no text holds a word of the vocabulary: there is nothing to encode")
    return np.stack([np.zeros(width, np.float32) if code is None else code for code in codes])


def texts_of(data: Any) -> list[str]:
    """Texts one by one: a list (or array, or column) of them, or the lines of a file.

    Raises
    ------
    DataError
        If it is neither.
    """
    if isinstance(data, str | os.PathLike):
        lines = list(lines_of(data)[1])
        return lines[:-1] if lines and not lines[-1] else lines
    texts = list(data) if isinstance(data, Iterable) else []
    if not texts or not all(isinstance(text, str) for text in texts):
        raise DataError("texts are a list of strings, or the path of a file with one a line")
    return texts
