"""Barlow Twins: the correlations between the values of two views are to be the identity."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from selfsup.method import Recipe, Terms, Tree
from selfsup.methods.joint import Joint
from selfsup.options import Range

TINY = 1e-5  # added to a variance, as in batch norm


class Barlow(Joint):
    """Make each value of the embedding alike in two views, and unlike all other values (Barlow Twins).

    Hides a view: each value of its embedding is predicted from the same value of another view's, up to scale, and no other value
    may tell it. Over a batch the correlations of the values of two views are to be the identity (Zbontar, Jing, Misra, LeCun &
    Deny 2021, equations 1 and 2). A constant has no correlation, so that all samples cannot be given the same embedding.

    Parameters
    ----------
    projector
        Widths of the layers between the pooled backbone and the embedding; batch norm and ReLU lie between them.
    redundancy
        Weight of the correlations of different values, beside 1 for those of the same (lambda of equation 1).
    """

    recipe: ClassVar[Recipe] = {"steps": 350, "batch_size": 128, "lr": 0.02, "weight_decay": 0.01, "optimizer": "muon"}

    def __init__(
        self,
        projector: tuple[Annotated[int, Range(1)], ...] = (512, 512),
        redundancy: Annotated[float, Range(0)] = 0.005,
        **shared: Any,
    ) -> None:
        super().__init__(projector=projector, **shared)
        self.redundancy = redundancy

    def loss(self, guess: Tree, answer: Tree) -> Terms:
        """Both terms of equation 1, a mean over pairs of a guess and an answer where there are more than two views."""
        one, two = _standard(guess), _standard(answer)  # (B, V/2, d)
        correlation = torch.einsum("bki,blj->klij", one, two) / len(one)  # (V/2, V/2, d, d), equation 2
        same = correlation.diagonal(dim1=2, dim2=3)  # (V/2, V/2, d)
        others = correlation.square().sum((2, 3)) - same.square().sum(2)
        return {"same": (1 - same).square().sum(2).mean(), "others": self.redundancy * others.mean()}


def _standard(z: Tensor) -> Tensor:
    """Each value of each view (B, V/2, d) at mean 0 and variance 1 over the batch."""
    z = z - z.mean(0)
    return z / (z.square().mean(0) + TINY).sqrt()
