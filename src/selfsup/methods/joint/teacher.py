"""Teachers: slow copies of a student, and what the methods that learn from an answer of their own have in common."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.errors import OptionError
from selfsup.method import About, Tree
from selfsup.methods.joint.base import Joint
from selfsup.methods.joint.heads import make_projector, on_views
from selfsup.options import Range


class Teacher(nn.Module):
    """A moving average of a student's weights: frozen copies of a backbone and of the heads on it.

    Weights follow the student's; buffers do not. The running means of batch norm are of what a net itself gives, so the teacher's
    are those of its own batches. In training it normalises by its batch, as the student does.

    Parameters
    ----------
    student
        What has the modules; it is copied as it is, and not kept.
    names
        Of the modules, in the order in which they are applied; the first is the backbone.
    """

    def __init__(self, student: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        for name in names:
            self.add_module(name, copy.deepcopy(student.get_submodule(name)).requires_grad_(False))

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Samples (B, ...) in standard units to the last head's output (B, d), without gradient."""
        backbone, *heads = self.children()
        found: Tensor = backbone.pooled(backbone(x))  # type: ignore[operator]
        for head in heads:
            found = head(found)
        return found

    @torch.no_grad()
    def follow(self, student: nn.Module, momentum: float) -> None:
        """Move every weight towards the student's: momentum of its own, and the rest of the student's."""
        slow = dict(self.named_parameters())
        torch._foreach_lerp_(list(slow.values()), [student.get_parameter(name) for name in slow], 1 - momentum)


def momentum_at(first: float, progress: float) -> float:
    """Momentum of a teacher's average: from its first value to 1 by half a cosine (Grill et al. 2020, section 3.2)."""
    return 1 - (1 - first) * (math.cos(math.pi * progress) + 1) / 2


def check_momentum(momentum: float) -> float:
    """Give the momentum, if a teacher can have it.

    Raises
    ------
    OptionError
        If it is 0 or 1.
    """
    if momentum == 0:
        raise OptionError(
            "option 'momentum' must be greater than 0: a teacher without momentum is the student itself, and the method would be "
            "another (simsiam has no teacher); got 0. Leave it out, or take 0.9 to 0.999"
        )
    if momentum == 1:
        raise OptionError(
            "option 'momentum' must be less than 1, with which the teacher would stay the random net that it begins as; got 1. "
            "Leave it out, or take 0.9 to 0.999"
        )
    return momentum


class Predicted(Joint):
    """Base of the methods in which a predictor on one view's embedding guesses another view's, and no sample is compared."""

    sees, hides = "each view of a sample", "the embeddings of its other views"
    coupled = False

    def __init__(self, predictor: tuple[Annotated[int, Range(1)], ...] | None = (512,), **shared: Any) -> None:
        """Take the options.

        Parameters
        ----------
        predictor
            Widths of the hidden layers of the predictor on the embedding, with batch norm and ReLU. None is no predictor: then
            nothing keeps the embeddings from becoming all alike, which can be tried here.
        """
        super().__init__(**shared)
        self.inner = predictor

    def build(self, about: About) -> None:
        """Make backbone, projector and predictor."""
        super().build(about)
        width = self.widths[-1]
        self.predictor = nn.Identity() if self.inner is None else make_projector(width, (*self.inner, width))

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tree, Tree]:
        """X (B, ...) to its views (B, V, ...), twice: each view is seen, and hidden from the others."""
        made = self.make_views(x, self.views, rng)
        return made, made

    def predict(self, seen: Tree) -> Tree:
        """Guesses (B, V, d), one from each view."""
        return on_views(self.predictor, self.embed(seen))


def likeness(guess: Tensor, answer: Tensor) -> Tensor:
    """Cosine of the guess from each view (B, V, d) and the answer of each other view (B, V, d), mean over these pairs: (B,)."""
    cosines = F.normalize(guess, dim=2) @ F.normalize(answer, dim=2).mT  # (B, V, V)
    views = cosines.shape[1]
    return (cosines.sum((1, 2)) - cosines.diagonal(dim1=1, dim2=2).sum(1)) / (views * (views - 1))
