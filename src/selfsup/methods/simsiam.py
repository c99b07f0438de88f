"""SimSiam: predict the embedding of another view, which is taken as given."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, ClassVar

import torch

from selfsup.method import Recipe, Terms, Tree
from selfsup.methods.joint.teacher import Predicted, likeness


class Simsiam(Predicted):
    """Predict from one view of a sample the embeddings of the others, which are taken as given (SimSiam).

    Hides the other views, whose embeddings the same net gives (Chen & He 2021, "Exploring Simple Siamese Representation
    Learning", section 3). They are answers, through which no gradient goes: that and the predictor alone keep them from
    becoming all alike, without a teacher, and without other samples. The loss of a sample does not depend on those beside it,
    but for batch norm.

    Parameters
    ----------
    stop_gradient
        Take the answers as given. Without it all embeddings become alike, which can be tried here (section 4.1).
    """

    last_norm = True  # section 3, "projection MLP"
    recipe: ClassVar[Recipe] = {"steps": 400, "batch_size": 128, "lr": 0.005, "weight_decay": 0.01, "optimizer": "muon"}

    def __init__(self, stop_gradient: bool = True, **shared: Any) -> None:
        super().__init__(**shared)
        self.stop_gradient = stop_gradient

    def target(self, hidden: Tree) -> Tree:
        """Embeddings (B, V, d) of all views, without gradient."""
        with torch.no_grad() if self.stop_gradient else nullcontext():
            return self.embed(hidden)

    def loss(self, guess: Tree, answer: Tree) -> Terms:
        """1 minus the cosine (equation 1; the 1 is added so that it ends at 0), mean over the pairs of different views: (B,).

        Each view is seen and hidden in turn, which makes it symmetric (equation 4).
        """
        return {"distance": 1 - likeness(guess, answer)}
