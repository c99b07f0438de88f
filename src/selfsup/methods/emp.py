"""EMP-SSL: many small crops of an image agree with their mean, and the embeddings of a batch fill their space."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup.method import Recipe, Terms, Tree
from selfsup.methods.joint import Joint
from selfsup.options import Range, Shares


class Emp(Joint):
    """Bring many small crops of an image to their mean, while the batch fills the space of embeddings (EMP-SSL).

    Hides most of the image from each crop: what the crops have in common is to be told by every one of them. Their embeddings are
    to fill their space: the volume that they take up, their coding rate, is to be large (Tong, Chen, Ma & LeCun 2023, section 2).
    Many crops of one image in a step stand for many passes over the data. Each term is 0 where it could not be better.

    Parameters
    ----------
    projector
        Widths of the layers between the pooled backbone and the embedding; batch norm and ReLU lie between them.
    views
        Crops of an image in a step (or views of a row), an even number.
    px
        Side of a crop in pixels. Several are taken one after the other, in equal parts of the training. By default three
        quarters of the shorter side of the images.
    scale
        Least and greatest share of an image's area in a crop.
    similarity
        Weight of the cosines between the crops and their mean, beside the coding rate in shares of the largest there can be. That
        is the paper's lambda over this largest rate: its 200, at 100 images and 1024 values, is 1.01.
    distortion
        Up to which squared distance embeddings count as alike where the rate is measured (the square of the paper's epsilon).
    """

    sees, hides = "half of the small crops of an image", "what the other half has in common with it"
    recipe: ClassVar[Recipe] = {"steps": 400, "batch_size": 64, "lr": 0.02, "weight_decay": 0.01, "optimizer": "muon"}
    by_heart = 0.7  # of made rows two views with swapped columns cannot be alike

    def __init__(
        self,
        projector: tuple[Annotated[int, Range(1)], ...] = (1024, 256),
        views: Annotated[int, Range(2)] = 8,
        px: tuple[Annotated[int, Range(4)], ...] | None = None,
        scale: Shares = (0.15, 1.0),
        similarity: Annotated[float, Range(0)] = 1.0,
        distortion: Annotated[float, Range(0, open_low=True)] = 0.2,
        **shared: Any,
    ) -> None:
        super().__init__(projector=projector, views=views, px=px, scale=scale, **shared)
        self.similarity, self.distortion = similarity, distortion

    def sides(self) -> tuple[int, ...]:
        """As asked, or three quarters of the image's."""
        return self.px or (max(1, round(0.75 * self.side)),)

    def loss(self, guess: Tree, answer: Tree) -> Terms:
        """Distance of the crops to their mean (B,), and what the rate lacks to the largest there can be, as a share of it."""
        z = F.normalize(torch.cat([guess, answer], 1), dim=2)  # (B, V, d)
        cosine = F.cosine_similarity(z, z.mean(1, keepdim=True), dim=2).mean(1)  # (B,)
        rate, most = coding_rate(z.transpose(0, 1), self.distortion)
        return {"similarity": self.similarity * (1 - cosine), "rate": 1 - rate.mean() / most}


def coding_rate(z: Tensor, distortion: float) -> tuple[Tensor, float]:
    """Coding rate in nats of unit vectors (..., B, d), and the largest that so many can have (Yu et al. 2020, section 2).

    It is half the log of the determinant of I + d / (B distortion) Z'Z, whichever of Z'Z and ZZ' is the smaller, as both have the
    same determinant.
    """
    count, width = z.shape[-2:]
    few, factor = min(count, width), width / (count * distortion)
    gram = z @ z.mT if count < width else z.mT @ z  # (..., few, few)
    eye = torch.eye(few, device=z.device, dtype=z.dtype)
    rate = torch.linalg.cholesky_ex(eye + factor * gram).L.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return rate, 0.5 * few * math.log1p(factor * count / few)
