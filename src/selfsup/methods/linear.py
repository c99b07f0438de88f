"""Linear auto-encoder: its closed form is principal component analysis."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import scipy.linalg
import torch
from torch import Tensor, nn

from selfsup.errors import OptionError
from selfsup.method import Method, Recipe, Spec, Terms
from selfsup.options import Range


class Linear(Method):
    """Linear auto-encoder, solved exactly: principal component analysis.

    Hides by capacity: the code is narrower than the sample; nothing in x is masked. Every minimum of its squared error
    spans the principal subspace (Baldi & Hornik 1989); the exact solver gives the ordered, orthonormal axes themselves,
    each signed so that its largest entry is positive.

    Parameters
    ----------
    n_components
        Width of the code; by default 32, or the number of values in a sample if that is less.
    """

    solver = "exact"
    hides = "nothing but by capacity"
    recipe: ClassVar[Recipe] = {"steps": 3000, "batch_size": 256, "lr": 1e-3, "weight_decay": 0.0}

    mean: Tensor
    scale: Tensor
    explained_variance: Tensor

    def __init__(self, n_components: Annotated[int, Range(1)] | None = None) -> None:
        super().__init__()
        self.n_components = n_components

    def build(self, spec: Spec) -> None:
        """Make encoder (D, d) and decoder (d, D)."""
        width = self.n_components if self.n_components is not None else min(32, spec.size)
        if width > spec.size:
            raise OptionError(f"option 'n_components' must be at most {spec.size}, the values in a sample; got {width}")
        self.shape = spec.shape
        self.encoder = nn.Linear(spec.size, width, bias=False)
        self.decoder = nn.Linear(width, spec.size)
        # one scale for all columns leaves the problem as it is, while the learning rate needs no unit
        mean, std, _ = spec.moments
        self.register_buffer("mean", torch.tensor(mean).repeat_interleave(spec.size // len(mean)))
        self.register_buffer("scale", torch.tensor(float(np.sqrt(np.square(std).mean())) or 1.0))
        self.register_buffer("explained_variance", torch.zeros(width))

    def solve(self, mean: Tensor, covariance: Tensor, rows: int) -> None:
        """Eigenvectors of the covariance (d, d), float64, for the largest eigenvalues."""
        width = self.encoder.out_features
        size = len(covariance)
        found = scipy.linalg.eigh(covariance.cpu().numpy(), subset_by_index=(size - width, size - 1))  # ascending
        values, axes = torch.from_numpy(found[0]).flip(0), torch.from_numpy(found[1]).T.flip(0)  # (D,), (D, d)
        signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
        axes = axes * signs
        with torch.no_grad():
            self.encoder.weight.copy_(axes)
            self.decoder.weight.copy_(axes.T)
            self.decoder.bias.zero_()
            self.mean.copy_(mean)
            self.scale.fill_(1)  # the codes are then the scores themselves
            self.explained_variance.copy_(values.clamp(min=0) * rows / max(rows - 1, 1))

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Nothing is hidden but by capacity: x (B, ...), twice."""
        return x, x

    def predict(self, seen: Tensor) -> Tensor:
        """Reconstruction (B, ...)."""
        return self.decode(self.encode(seen))

    def loss(self, guess: Tensor, answer: Tensor) -> Terms:
        """Squared error in the data's unit, summed over features: (B,)."""
        return {"reconstruction": (guess - answer).square().flatten(1).sum(1)}

    def encode(self, x: Tensor) -> Tensor:
        """Codes (B, D); after the exact solver they are the principal components' scores."""
        z: Tensor = self.encoder((x.flatten(1) - self.mean) / self.scale)
        return z

    def decode(self, z: Tensor) -> Tensor:
        """Samples (B, ...) from codes (B, D)."""
        rows: Tensor = self.decoder(z) * self.scale + self.mean  # (B, d)
        x: Tensor = rows.unflatten(1, self.shape)
        return x
