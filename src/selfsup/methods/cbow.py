"""Continuous bag of words: the words around a place, and which word stands there."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from selfsup.data.text.problem import WordProblem
from selfsup.method import Tree
from selfsup.methods.skipgram import Neighbours, Skipgram


class Cbow(Skipgram):
    """Predict a word from the mean of those around it (CBOW word2vec).

    Hides the word in the middle (Mikolov et al. 2013a). The gradient of a mean is divided by the number of words in it, which
    the original program forgot (Irsoy et al. 2020).
    """

    sees, hides = "the words around a word", "the word"

    def problem(self) -> WordProblem:
        """What is declared here, for the solvers that are made for it."""
        return replace(super().problem(), architecture="cbow")

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tree, Tree]:
        """Windows (B, 2 w + 1) to the words around the middle, and the middle."""
        middle, words, used = self.around(x, rng)
        any_used = (used.sum(1, keepdim=True) > 0).float()
        seen = Neighbours(words, used, words[:, :0])
        return seen, Neighbours(middle[:, None], any_used, self.draw(len(x), rng, x.device))

    def predict(self, seen: Neighbours) -> Tensor:  # type: ignore[override]
        """Mean vectors (B, D) of the words that are seen; of means, where words are bags of n-grams."""
        total = torch.einsum("bcd,bc->bd", self.vectors(seen.words), seen.used)
        return total / seen.used.sum(1, keepdim=True).clamp(min=1)
