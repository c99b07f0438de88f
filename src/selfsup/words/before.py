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
        vectors = WordVectors.load(path)
        if vectors.dim != dim:
            raise OptionError(
                f"option 'warm_start': the vectors of {path} have {vectors.dim} dimensions, and dim is {dim}; "
                f"use dim={vectors.dim}"
            )
        if not np.isfinite(vectors.vectors).all():
            raise DataError(f"{path} has vectors that are not finite; nothing can be learnt from there on")
        return cls(vectors, targets if targets is not None and targets.shape == vectors.vectors.shape else None)

    def fill(self, words: Sequence[str], input: np.ndarray, output: np.ndarray | None) -> int:
        """Put the vectors of known words in the place of new ones (V, D), and say how many words are known.

        Parameters
        ----------
        words
            V words.
        input, output
            (V or more, D) tables of the words' vectors, changed in place; without `output` the targets stay as they are.
        """
        rows, known = self._pairs(words)
        input[rows] = self.vectors.vectors[known]
        if output is not None and self.targets is not None:
            output[rows] = self.targets[known]
        return len(rows)

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
            old = np.zeros_like(self.vectors.vectors) if self.targets is None else self.targets
            targets = np.concatenate([targets, old[absent]])
        every = [*words, *(self.vectors.words[row] for row in absent.tolist())]
        return every, np.concatenate([vectors, self.vectors.vectors[absent]]), total, targets

    def _pairs(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Rows of known words among `words`, and among the earlier ones."""
        index = self.vectors.index
        pairs = [(row, index[word]) for row, word in enumerate(words) if word in index]
        both = np.array(pairs, np.int64).reshape(-1, 2)
        return both[:, 0], both[:, 1]
