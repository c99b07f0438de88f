"""VICReg: views agree, while every value of the embedding varies and no two vary together."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch

from selfsup.method import Recipe, Terms, Tree
from selfsup.methods.joint import Joint
from selfsup.options import Range

TINY = 1e-4  # added to a variance, so that its root has a slope at 0 (section 4.1)


class Vicreg(Joint):
    """Make views agree in values that vary and tell different things (VICReg).

    Hides a view: its embedding is predicted from that of another view of the sample. That all samples are given the same one is
    prevented without negatives, by what the values do over the batch (Bardes, Ponce & LeCun 2022, section 4.1 and algorithm 1).

    Parameters
    ----------
    projector
        Widths of the layers between the pooled backbone and the embedding; batch norm and ReLU lie between them.
    invariance
        Weight of the squared distance between two views, mean over the values (equation 5).
    variance
        Weight of what the deviation of each value lacks to 1, mean over the values, summed over two views (equation 1).
    covariance
        Weight of the squared covariances of two values, summed over the pairs and over two views, in the number of values
        (equations 3 and 4).
    """

    recipe: ClassVar[Recipe] = {"steps": 350, "batch_size": 128, "lr": 0.02, "weight_decay": 0.01, "optimizer": "muon"}

    def __init__(
        self,
        projector: tuple[Annotated[int, Range(1)], ...] = (512, 512),
        invariance: Annotated[float, Range(0)] = 25.0,
        variance: Annotated[float, Range(0)] = 25.0,
        covariance: Annotated[float, Range(0)] = 1.0,
        **shared: Any,
    ) -> None:
        super().__init__(projector=projector, **shared)
        self.invariance, self.variance, self.covariance = invariance, variance, covariance

    def loss(self, guess: Tree, answer: Tree) -> Terms:
        """Invariance (B,), variance and covariance; of more views the mean over pairs of a guess and an answer."""
        distance = (guess[:, :, None] - answer[:, None]).square().mean((1, 2, 3))  # (B,) of (B, V/2, V/2, d)
        z = torch.cat([guess, answer], 1).transpose(0, 1)  # (V, B, d)
        z = z - z.mean(1, keepdim=True)
        covariance = z.mT @ z / max(z.shape[1] - 1, 1)  # (V, d, d), equation 3
        spread = covariance.diagonal(dim1=1, dim2=2)  # (V, d)
        lacking = (1 - (spread + TINY).sqrt()).relu().mean()  # equations 1 and 2
        shared = (covariance.square().sum((1, 2)) - spread.square().sum(1)).mean() / z.shape[2]  # equation 4
        return {
            "invariance": self.invariance * distance,
            "variance": self.variance * 2 * lacking,
            "covariance": self.covariance * 2 * shared,
        }
