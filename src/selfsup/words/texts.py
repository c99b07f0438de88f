"""Texts by the vectors of their words: weighted means, and what all texts have in common taken away.

A text is a bag of rows of a table of vectors. Its vector is the mean of their directions, weighted by how rare a word is, without
its share in the first components of many such vectors (SIF: Arora, Liang & Ma 2017, section 3; directions in place of vectors and
several components as in Ethayarajh 2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from selfsup import store
from selfsup.errors import OptionError, RunError, unknown
from selfsup.lazy import scipy
from selfsup.store.arrays import write_arrays
from selfsup.words.search import unit_rows

if TYPE_CHECKING:
    from selfsup.words.vectors import WordVectors

Weights = Literal["sif", "tfidf", "mean"]
WEIGHTS: tuple[Weights, ...] = ("sif", "tfidf", "mean")
A = 1e-3  # of SIF (Arora et al. 2017, section 4: from 1e-4 to 1e-3)
REMOVED = 5  # components that are taken away by default, at most one of so many dimensions:
SHARE = 20
MOST = 20  # components that are learnt
SENTENCES = 30_000  # of the training text, that these are learnt from
CHUNK, ROWS = 1 << 16, 1 << 10  # texts at once
TEXTS = "texts.safetensors"


class Bags(NamedTuple):
    """Words of n texts, one text after another.

    Attributes
    ----------
    words
        (m,) rows of the table.
    ends
        (n + 1,) int64: the words of text i are those from ends[i] to ends[i + 1].
    """

    words: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, ids: np.ndarray) -> Bags:
        """From rows of words (N,) with -1 between texts: one text more than there are of these."""
        known = ids >= 0
        number = np.cumsum(~known)
        sizes = np.bincount(number[known], minlength=int(number[-1]) + 1 if len(ids) else 1)
        return cls(ids[known], np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))

    def __len__(self) -> int:
        return len(self.ends) - 1

    @property
    def sizes(self) -> np.ndarray:
        """Words of each text, (n,) int64."""
        return np.diff(self.ends)

    def some(self, most: int) -> Bags:
        """At most so many texts that have words, evenly spread over them."""
        held = np.flatnonzero(self.sizes)
        held = held[np.linspace(0, len(held) - 1, most).round().astype(np.int64)] if len(held) > most else held
        sizes = self.sizes[held]
        ends = np.concatenate([[0], np.cumsum(sizes)])
        places = np.arange(ends[-1]) + np.repeat(self.ends[:-1][held] - ends[:-1], sizes)
        return Bags(self.words[places], ends)

    def frequencies(self, size: int) -> np.ndarray:
        """In how many of the texts each of so many words occurs, (size,) int64."""
        found = np.zeros(size, np.int64)
        for start in range(0, len(self), CHUNK):
            ends = self.ends[start : start + CHUNK + 1]
            words = self.words[ends[0] : ends[-1]]
            table = scipy.sparse.csr_array(
                (np.ones(len(words), np.int8), words.astype(np.int32), (ends - ends[0]).astype(np.int32)),
                shape=(len(ends) - 1, size),
            )
            table.sum_duplicates()
            found += np.bincount(table.indices, minlength=size)
        return found


def sif_weights(counts: np.ndarray, a: float = A) -> np.ndarray:
    """Weights a / (a + p) of words (V,) float32, where p is a word's share of all words; 1 for a word that never occurred."""
    share = np.asarray(counts, np.float64)
    weights: np.ndarray = a / (a + share / max(share.sum(), 1))
    return weights.astype(np.float32)


def tfidf_weights(frequencies: np.ndarray, texts: int) -> np.ndarray:
    """Weights ln((1 + n) / (1 + n_w)) + 1 of words (V,) float32 that occur in n_w of n texts, as scikit-learn has them."""
    weights: np.ndarray = np.log((1 + texts) / (1 + np.asarray(frequencies, np.float64))) + 1
    return weights.astype(np.float32)


def text_vectors(
    vectors: WordVectors, bags: Bags | np.ndarray, weights: np.ndarray | None = None, *, unit: bool = True
) -> np.ndarray:
    """Weighted means of the vectors of each text's words.

    Parameters
    ----------
    vectors
        The table: only rows that occur are read, whatever their type.
    bags
        The texts, or rows (N,) of their words with -1 between texts.
    weights
        Of the words (V,); None: all alike.
    unit
        Whether words have length 1.

    Returns
    -------
    ndarray
        (n, D) float32; zeros for a text without words.
    """
    bags = bags if isinstance(bags, Bags) else Bags.of(bags)
    if not len(bags.words):
        return np.zeros((len(bags), vectors.dim), np.float32)
    used = np.zeros(len(vectors), bool)
    used[bags.words] = True
    rows = np.flatnonzero(used)
    place = np.cumsum(used) - 1  # of a word among those that occur
    table = vectors.rows(rows)
    table = unit_rows(table) if unit else table
    heavy = np.ones(len(bags.words), np.float32) if weights is None else weights[bags.words].astype(np.float32)
    shape, kind = (len(bags), len(rows)), np.int32 if len(bags.words) < 1 << 31 else np.int64
    bag = scipy.sparse.csr_array((heavy, place[bags.words].astype(kind), bags.ends.astype(kind)), shape=shape)
    total = np.asarray(bag.sum(axis=1, dtype=np.float64))  # (n,)
    found: np.ndarray = bag @ table
    found *= np.divide(1, total, out=np.zeros_like(total), where=total > 0).astype(np.float32)[:, None]
    return found


def components(codes: np.ndarray, most: int = MOST) -> np.ndarray:
    """The first right singular vectors of codes (n, D), which are not centred: at most so many, as rows (k, D) float32.

    Parameters
    ----------
    codes
        Of many texts; those that are zero have no part in it.
    """
    square = np.zeros((codes.shape[1],) * 2)
    for start in range(0, len(codes), CHUNK):
        part = codes[start : start + CHUNK].astype(np.float64)
        square += part.T @ part
    values, axes = np.linalg.eigh(square)
    rank = int((values > values[-1] * 1e-12).sum()) if values[-1] > 0 else 0
    found: np.ndarray = axes[:, ::-1].T[: min(most, rank)]  # (k, D)
    signs = np.where(found.sum(1, keepdims=True) < 0, -1, 1)  # which way one points is nobody's to choose
    return np.ascontiguousarray(found * signs, np.float32)


def without(codes: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Codes (n, D) without their share in orthonormal axes (k, D); each row to the same bit, whichever are beside it."""
    if not len(axes):
        return codes
    found, block = np.empty_like(codes), np.zeros((ROWS, codes.shape[1]), codes.dtype)
    for start in range(0, len(codes), ROWS):  # products of one shape have one order of additions
        part = codes[start : start + ROWS]
        block[: len(part)] = part
        found[start : start + ROWS] = (block - (block @ axes.T) @ axes)[: len(part)]
    return found


def usual_removed(dim: int) -> int:
    """How many components are taken away by default, of so many dimensions."""
    return min(REMOVED, dim // SHARE)


@dataclass(frozen=True)
class TextFacts:
    """What was learnt of the sentences of the training text, for the codes of others.

    Attributes
    ----------
    sentences
        How many there were.
    frequencies
        In how many each word occurs, (V,) int32; words that joined from an earlier run come last, with 0.
    components
        The first components of the sentences' vectors, (k, D) float32, by the weights of the words; words have length 1, but
        for those of a method whose words' lengths are weights.
    """

    sentences: int
    frequencies: np.ndarray
    components: Mapping[str, np.ndarray]

    @classmethod
    def learn(cls, vectors: WordVectors, ids: np.ndarray, *, unit: bool = True) -> TextFacts:
        """From the words of the text that the vectors come from: rows (N,) with -1 between sentences."""
        bags = Bags.of(ids)
        sentences, frequencies = int((bags.sizes > 0).sum()), bags.frequencies(len(vectors)).astype(np.int32)
        some = bags.some(SENTENCES)
        found: dict[str, np.ndarray] = {}
        for name in WEIGHTS:
            if name != "sif" or has_counts(vectors):
                weights = weights_of(name, vectors, sentences, frequencies)
                found[name] = components(text_vectors(vectors, some, weights, unit=unit), min(MOST, vectors.dim - 1))
        return cls(sentences, frequencies, found)

    def write(self, folder: Path) -> None:
        """Write them into a run folder."""
        numbers = {"frequencies": self.frequencies, "sentences": np.array([self.sentences], np.int32)}
        write_arrays(folder / TEXTS, {**numbers, **self.components})

    @classmethod
    def read(cls, folder: Path, words: int, dim: int) -> TextFacts | None:
        """Read them from a run folder, of so many words and dimensions; None where it has none.

        Raises
        ------
        RunError
            If they are damaged, or of other vectors.
        """
        if not (folder / TEXTS).is_file():
            return None
        held = store.read_arrays(folder, TEXTS)
        frequencies, sentences = held.pop("frequencies", None), held.pop("sentences", None)
        if (
            frequencies is None
            or sentences is None
            or (frequencies.shape, sentences.shape) != ((words,), (1,))
            or not all(part.dtype == np.int32 and (part >= 0).all() for part in (frequencies, sentences))
            or not held.keys() <= set(WEIGHTS)
            or not all(_are_axes(axes, dim) for axes in held.values())
        ):
            raise RunError(
                f"{folder / TEXTS} is damaged: it is not what was learnt of a text of {words:,} words whose vectors have "
                f"{dim} values"
            )
        return cls(int(sentences[0]), frequencies, held)


def _are_axes(axes: np.ndarray, dim: int) -> bool:
    """Whether these are orthonormal rows (k, D)."""
    if axes.ndim != 2 or axes.shape[1] != dim or axes.dtype != np.float32 or len(axes) > dim:
        return False
    return bool(np.isfinite(axes).all() and np.abs(axes @ axes.T - np.eye(len(axes))).max(initial=0) < 1e-3)


def has_counts(vectors: WordVectors) -> bool:
    """Whether it is known how often the words occurred."""
    return vectors.counts is not None and bool(vectors.counts.any())


def weights_of(
    name: str, vectors: WordVectors, texts: int = 0, frequencies: np.ndarray | None = None
) -> np.ndarray | None:
    """Weights of the words by name, (V,) float32; None: all alike.

    Parameters
    ----------
    texts, frequencies
        In how many of so many texts each word occurs, (V,), for tf-idf.

    Raises
    ------
    OptionError
        If there are no such weights, or the vectors lack the counts that they follow from.
    """
    if name not in WEIGHTS:
        raise OptionError(unknown("weights", name, WEIGHTS))
    if name == "sif":
        if not has_counts(vectors):
            raise OptionError(
                "weights='sif' needs to know how often each word occurs, and these vectors come without counts; take "
                "weights='tfidf' or 'mean'"
            )
        return sif_weights(vectors.counts)  # type: ignore[arg-type]
    if name == "tfidf":
        return tfidf_weights(np.zeros(len(vectors)) if frequencies is None else frequencies, texts)
    return None
