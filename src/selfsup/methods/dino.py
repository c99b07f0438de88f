"""DINO: small crops are to be told apart as a slow copy of the net tells apart large ones."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from selfsup.hide import multicrop
from selfsup.method import About, Recipe, Terms
from selfsup.methods.joint import Joint, Prototypes, on_views
from selfsup.methods.joint.teacher import Teacher, check_momentum, momentum_at
from selfsup.options import Range, Shares


class Crops(NamedTuple):
    """Views of images at two resolutions."""

    whole: Tensor  # (B, V, C, S, S)
    local: Tensor  # (B, L, C, s, s)


class Dino(Joint):
    """Give small crops of an image the classes that a slow copy of the net gives its large ones (DINO).

    Hides all but a small crop: the student sees all crops, the teacher, its moving average, the large ones alone (Caron et al.
    2021, "Emerging Properties in Self-Supervised Vision Transformers", section 3.1 and algorithm 1). What is predicted are shares
    of prototypes that nobody named. That all samples are given one of them is prevented by centring the teacher's answers, and
    that all are given every one, by sharpening them.

    Parameters
    ----------
    views
        Large crops of an image, an even number.
    scale
        Least and greatest share of an image's area in a large crop.
    local_views
        Small crops of an image.
    local_scale
        Least and greatest share of an image's area in a small crop.
    local_px
        Side of a small crop in pixels; by default half that of a large one.
    prototypes
        Number of outputs; the paper's 65,536 are for ImageNet.
    temperature
        Of the student's softmax.
    teacher_temperature
        Of the teacher's softmax: lower, so that its answers are sharper than the guesses. The paper raises it from 0.04 to 0.07.
    momentum
        Of the teacher's average at the start; it rises to 1.
    centre_momentum
        Of the mean of the teacher's answers, which is taken from them.
    """

    kinds = ("image",)
    sees, hides = "small and large crops of an image", "the prototypes to which a slow copy of the net gives large ones"
    coupled = takes_missing = False
    last_norm = True  # centres embeddings, which are nearly the same for all samples at first
    recipe: ClassVar[Recipe] = {"steps": 400, "batch_size": 128, "lr": 0.005, "weight_decay": 0.01, "optimizer": "muon"}

    by_heart = 0.9  # sharpened shares of prototypes are told apart later than in tens of steps

    centre: Tensor

    def __init__(
        self,
        projector: tuple[Annotated[int, Range(1)], ...] = (512, 128),
        scale: Shares = (0.4, 1.0),
        local_views: Annotated[int, Range(1)] = 4,
        local_scale: Shares = (0.2, 0.5),
        local_px: Annotated[int, Range(4)] | None = None,
        prototypes: Annotated[int, Range(2)] = 1024,
        temperature: Annotated[float, Range(0, open_low=True)] = 0.1,
        teacher_temperature: Annotated[float, Range(0, open_low=True)] = 0.07,
        momentum: Annotated[float, Range(0, 1)] = 0.9,
        centre_momentum: Annotated[float, Range(0, 1)] = 0.9,
        **shared: Any,
    ) -> None:
        super().__init__(projector=projector, scale=scale, **shared)
        self.local_views, self.local_scale, self.local_px = local_views, local_scale, local_px
        self.prototypes, self.temperature, self.teacher_temperature = prototypes, temperature, teacher_temperature
        self.momentum, self.centre_momentum = check_momentum(momentum), centre_momentum

    def build(self, about: About) -> None:
        """Make backbone, projector and prototypes, a teacher that has all three, and the centre of its answers."""
        super().build(about)
        self.last = Prototypes(self.widths[-1], self.prototypes)
        self.teacher = Teacher(self, ("backbone", "projector", "last"))
        self.register_buffer("centre", torch.zeros(self.prototypes))

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Crops, Tensor]:
        """X (B, C, H, W) to crops of both sizes, and the large ones again (section 3.1, "multi-crop")."""
        sizes, areas = (self.pixels(), self.local_px or -(-self.pixels() // 2)), (self.area, self.local_scale)
        crops = Crops(*multicrop(x, (self.views, self.local_views), sizes, rng, areas, **self.changes()))
        return crops, crops.whole

    def predict(self, seen: Crops) -> Tensor:
        """The student's outputs (B, V + L, K)."""
        return on_views(self.last, torch.cat([self.embed(crops) for crops in seen], 1))

    def target(self, hidden: Tensor) -> Tensor:
        """The teacher's outputs (B, V, K), without gradient."""
        return on_views(lambda x: self.teacher(self.ready(x)), hidden)

    def loss(self, guess: Tensor, answer: Tensor) -> Terms:
        """Cross-entropy in nats, mean over pairs of a large crop and another crop: (B,) (equations 1 to 3)."""
        says = (guess / self.temperature).log_softmax(2)  # (B, V + L, K)
        told = ((answer - self.centre) / self.teacher_temperature).softmax(2)  # (B, V, K), centred and sharpened
        each = -told @ says.mT  # (B, V, V + L)
        own = each.diagonal(dim1=1, dim2=2).sum(1)  # a crop is no answer to itself
        return {"cross_entropy": (each.sum((1, 2)) - own) / (each.shape[1] * (each.shape[2] - 1))}

    def after_step(self, answer: Tensor) -> None:
        """Move the teacher (section 3.1) and the centre (equation 4)."""
        self.teacher.follow(self, momentum_at(self.momentum, self.progress))
        self.centre.lerp_(answer.mean((0, 1)), 1 - self.centre_momentum)
