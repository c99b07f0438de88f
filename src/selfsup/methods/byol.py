"""BYOL: predict what a slow copy of the net makes of another view."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from selfsup.method import About, Recipe, Terms, Tree
from selfsup.methods.joint import on_views
from selfsup.methods.joint.teacher import Predicted, Teacher, check_momentum, likeness, momentum_at
from selfsup.options import Range


class Byol(Predicted):
    """Predict from one view of a sample what a slow copy of the net makes of the others (BYOL).

    Hides the other views, whose embeddings a teacher gives, the moving average of the net itself (Grill et al. 2020, "Bootstrap
    Your Own Latent", section 3.1). A predictor on the student's side makes the two unlike. No other samples are needed, so that
    the loss of one does not depend on those beside it, but for batch norm.

    Parameters
    ----------
    momentum
        Of the teacher's average at the start; it rises to 1. The paper's 0.996 is for hundreds of thousands of steps.
    """

    last_norm = True  # the paper has none here
    by_heart = 0.8  # a slow teacher's answers for eight samples differ little in tens of steps
    recipe: ClassVar[Recipe] = {"steps": 400, "batch_size": 128, "lr": 0.005, "weight_decay": 0.01, "optimizer": "muon"}

    def __init__(self, momentum: Annotated[float, Range(0, 1)] = 0.95, **shared: Any) -> None:
        super().__init__(**shared)
        self.momentum = check_momentum(momentum)

    def build(self, about: About) -> None:
        """Make backbone, projector and predictor, and a teacher that has the first two."""
        super().build(about)
        self.teacher = Teacher(self, ("backbone", "projector"))

    def target(self, hidden: Tree) -> Tree:
        """The teacher's embeddings (B, V, d), without gradient."""
        return on_views(lambda x: self.teacher(self.ready(x)), hidden)

    def loss(self, guess: Tree, answer: Tree) -> Terms:
        """Squared distance of unit vectors (equation 2), mean over the pairs of different views: (B,).

        Each view is seen and hidden in turn, which makes it symmetric; of two views the mean is half the paper's sum.
        """
        return {"distance": 2 - 2 * likeness(guess, answer)}

    def after_step(self, answer: Tree) -> None:
        """Move the teacher (equation 1 and section 3.2, "Optimization")."""
        self.teacher.follow(self, momentum_at(self.momentum, self.progress))
