"""Going on from earlier word vectors with new text: words that are known keep their vectors, new ones join them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from selfsup.errors import DataError, OptionError
from selfsup.words.vectors import WordVectors


class Before(NamedTuple):
    """Earlier word vectors.

    Attributes
    ----------
    vectors
        n words and their vectors (n, D).
    targets
        (n, D) their vectors as targets, or None where only the former were kept: training then begins with targets of zeros,
        as for new words.
    """

    vectors: WordVectors
    targets: np.ndarray | None

    @classmethod
    def load(cls, path: str, dim: int, targets: np.ndarray | None = None) -> Before:
        """Read a run folder, or a file of word vectors.

        Raises
        ------
        OptionError
            If they have another number of dimensions than is to be learnt.
        DataError
            If a vector is not finite.
        RunError
            If the folder or file is damaged.
        """
        vectors = WordVectors.load(path).astype("float32")
        if vectors.dim != dim:
            raise OptionError(
                f"option 'warm_start': the vectors of {path} have {vectors.dim} dimensions, and dim is {dim}; "
                f"use dim={vectors.dim}"
            )
        if not np.isfinite(vectors.vectors).all():
            raise DataError(f"{path} has vectors that are not finite; nothing can be learnt from there on")
        return cls(vectors, targets if targets is not None and targets.shape == vectors.vectors.shape else None)

    def fill(
        self, words: Sequence[str], input: np.ndarray, output: np.ndarray | None, *, lower: bool = False
    ) -> tuple[int, dict[str, str]]:
        """Put the vectors of known words into the place of new ones (V, D).

        Parameters
        ----------
        words
            V words.
        input, output
            (V or more, D) tables of the words' vectors, changed in place; without `output` the targets stay as they are.
        lower
            Whether the words are in lower case: those that are known with capitals only begin with the vectors of these.

        Returns
        -------
        How many words are known as they are, and for each that is known with capitals, the first such word.
        """
        rows, known = self._pairs(words)
        exact, other = len(rows), self._capitals(words) if lower else {}
        if other:
            index, place = self.vectors.index, {word: row for row, word in enumerate(words)}
            rows = np.concatenate([rows, [place[word] for word in other]])
            known = np.concatenate([known, [index[word] for word in other.values()]])
        input[rows] = self.vectors.rows(known)
        if output is not None and self.targets is not None:
            output[rows] = self.targets[known]
        return exact, other

    def joined(
        self, words: Sequence[str], vectors: np.ndarray, counts: np.ndarray, targets: np.ndarray | None
    ) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray | None]:
        """What was learnt (V, D), then the earlier words that the new text lacks, as they were; counts are of both texts."""
        rows, known = self._pairs(words)
        absent = np.setdiff1d(np.arange(len(self.vectors)), known)
        earlier = self.vectors.counts if self.vectors.counts is not None else np.zeros(len(self.vectors), np.int64)
        total = np.concatenate([counts, earlier[absent]])
        total[rows] += earlier[known]
        if targets is not None:
            old = np.zeros(self.vectors.vectors.shape, np.float32) if self.targets is None else self.targets
            targets = np.concatenate([targets, old[absent]])
        every = [*words, *(self.vectors.words[row] for row in absent.tolist())]
        return every, np.concatenate([vectors, self.vectors.rows(absent)]), total, targets

    def _capitals(self, words: Sequence[str]) -> dict[str, str]:
        """Of each word that the earlier ones hold with capitals only, the first of these."""
        index = self.vectors.index
        wanted = {word for word in words if word not in index}
        found: dict[str, str] = {}
        for word in self.vectors.words:
            if (low := word.lower()) != word and low in wanted:
                found.setdefault(low, word)
        return found

    def _pairs(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Rows of known words among `words`, and among the earlier ones."""
        index = self.vectors.index
        pairs = [(row, index[word]) for row, word in enumerate(words) if word in index]
        both = np.array(pairs, np.int64).reshape(-1, 2)
        return both[:, 0], both[:, 1]
