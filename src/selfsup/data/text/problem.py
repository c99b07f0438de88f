"""The problem that the fast solvers of word vectors can solve, as a method declares it: numbers, no code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class WordProblem:
    """Which loss of two tables of word vectors is minimised; the solvers have kernels of their own for it.

    Attributes
    ----------
    dim
        Width of a word's vector.
    window
        Words to either side that can be neighbours.
    negative
        Words drawn at random beside each word.
    sample
        Frequency above which words are left out at random; 0 keeps every one.
    architecture
        Whether a word predicts each of its neighbours (skipgram), or their mean predicts the word (cbow).
    objective
        negative: tell neighbours from words drawn at random. hierarchical: the turns in a Huffman tree. softmax: the whole sum,
        for which there is no fast solver.
    fixed_window
        Whether all words within the window are neighbours, or those in a window whose reach is drawn from 1 to it.
    subwords
        Whether the vectors of words are means of rows: the method's `bags`.
    """

    dim: int
    window: int = 5
    negative: int = 5
    sample: float = 1e-4
    architecture: Literal["skipgram", "cbow"] = "skipgram"
    objective: Literal["negative", "hierarchical", "softmax"] = "negative"
    fixed_window: bool = False
    subwords: bool = False
