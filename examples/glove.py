"""GloVe as a method of one's own: ``selfsup fit corpus.txt --method examples/glove.py:Glove``."""

from typing import Annotated

import torch
from torch import nn

from selfsup import Method
from selfsup.options import Range


class Glove(Method):
    """Predict how often two words stand near each other, from their vectors (GloVe).

    Hides the logarithm of the count, which is the product of the two vectors and a bias for each (Pennington, Socher & Manning
    2014). A word's vector is the sum of its two, as in the paper; descent is by Adam instead of AdaGrad.

    Parameters
    ----------
    dim
        Width of a word's vector.
    window
        Words to either side that are counted; one at distance d counts 1/d.
    most
        Count from which a pair has its full weight in the loss; rarer ones have less.
    """

    kinds = ("text",)
    sees, hides = "two words", "how often they stand near each other"
    recipe = {"lr": 0.02, "batch_size": 16_384, "epochs": 10}

    def __init__(
        self, dim: Annotated[int, Range(1)] = 100, window: Annotated[int, Range(1)] = 10, most: float = 100.0
    ) -> None:
        super().__init__()
        self.dim, self.window, self.most = dim, window, most

    def view(self, data):
        return data.pairs(self.window)  # (B, 3): word, other word, count

    def build(self, about):
        size = about.form.size
        self.vectors, self.others = (nn.Parameter((torch.rand(size, self.dim) - 0.5) / self.dim) for _ in range(2))
        self.biases, self.other_biases = (nn.Parameter(torch.zeros(size)) for _ in range(2))

    def hide(self, x, rng):
        return x[:, :2].long(), x[:, 2]

    def predict(self, seen):
        word, other = seen.T
        return (self.vectors[word] * self.others[other]).sum(1) + self.biases[word] + self.other_biases[other]

    def loss(self, guess, answer):
        return {"log count": (answer / self.most).clamp(max=1) ** 0.75 * (guess - answer.log()).square()}

    def encode(self, x):
        return self.words()[x[:, 0].long()]

    def words(self):
        return (self.vectors + self.others).detach()
