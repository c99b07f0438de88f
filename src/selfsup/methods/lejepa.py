"""LeJEPA: views agree with their mean, and the embeddings of each view are normally distributed."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup.method import Recipe, Terms, Tree
from selfsup.methods.joint import Joint
from selfsup.options import Range

FARTHEST = 4.0  # of the knots: beyond it the weight exp(-t^2 / 2) is below 0.0004


class Lejepa(Joint):
    """Bring views to their mean, while the embeddings are a standard normal distribution in every direction (LeJEPA).

    Hides the other views. No teacher, no negatives: that all samples are given the same embedding is prevented by a test of
    normality (SIGReg: Epps & Pulley's, along random directions; Balestriero & LeCun 2025, section 4, the objective in section 5).

    Our form, from the formula, as several unequal ones are in circulation: loss = (1 - l) mean over v and d of (z_v - mean z)^2 +
    l mean over v and directions of B * 2 * integral from 0 to 4 of |mean over B of exp(i t a.z) - exp(-t^2/2)|^2 exp(-t^2/2) dt,
    by the trapezoid rule. So a weight of others does not carry over.

    Parameters
    ----------
    weight
        Of the test of normality, l; the distance to the mean has the rest.
    directions
        Random ones, drawn anew in each step, the same in every process.
    knots
        Points of the integral.
    """

    recipe: ClassVar[Recipe] = {"steps": 350, "batch_size": 64, "lr": 0.02, "weight_decay": 0.01, "optimizer": "muon"}
    by_heart = 0.5  # eight samples are not normally distributed

    def __init__(
        self,
        views: Annotated[int, Range(2)] = 4,
        weight: Annotated[float, Range(0, 1)] = 0.05,
        directions: Annotated[int, Range(1)] = 64,
        knots: Annotated[int, Range(2)] = 17,
        **shared: Any,
    ) -> None:
        super().__init__(views=views, **shared)
        self.weight, self.directions, self.knots = weight, directions, knots

    def loss(self, guess: Tree, answer: Tree) -> Terms:
        """Distance of the views to their mean (B,), and the test of normality."""
        z = torch.cat([guess, answer], 1)  # (B, V, d)
        distance = (z - z.mean(1, keepdim=True)).square().mean((1, 2))
        along = z.transpose(0, 1) @ self.draw_directions(z.shape[2]).to(z)  # (V, B, M)
        return {
            "distance": (1 - self.weight) * distance,
            "normality": self.weight * epps_pulley(along, self.knots).mean(),
        }

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # it would compile anew for each step's progress
    def draw_directions(self, width: int) -> Tensor:
        """Unit vectors (width, M) of this step: they follow from `progress`, so that processes and resumed runs agree."""
        rng = torch.Generator().manual_seed(round(self.progress * (2**31 - 1)))
        drawn = torch.randn(width, self.directions, generator=rng)
        return F.normalize(drawn, dim=0)


def epps_pulley(x: Tensor, knots: int) -> Tensor:
    """How far samples are from a standard normal distribution: (..., B, M) to (..., M).

    Epps & Pulley's statistic (1983) for known mean and variance: B times the squared distance of the characteristic functions,
    under the weight exp(-t^2 / 2). It is even in t, so that twice the half line is taken.
    """
    t = torch.linspace(0, FARTHEST, knots, device=x.device, dtype=x.dtype)
    normal = (-t.square() / 2).exp()  # both the characteristic function, which is real, and the weight
    angle = x[..., None] * t  # (..., B, M, K)
    real, imaginary = angle.cos().mean(-3), angle.sin().mean(-3)  # (..., M, K)
    apart = (real - normal).square() + imaginary.square()
    return 2 * x.shape[-2] * torch.trapezoid(apart * normal, t, dim=-1)
