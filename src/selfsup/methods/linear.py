"""Linear auto-encoder: its closed form is principal component analysis."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.data.facts import Covariance
from selfsup.errors import OptionError
from selfsup.method import About, Method, Recipe, Terms
from selfsup.options import Range

TINY = 1e-12  # variance of a direction in which the data do not vary


class Linear(Method):
    """Linear auto-encoder, solved exactly: principal component analysis.

    Hides by capacity: the code is narrower than the sample; nothing in x is masked. Every minimum of its squared error
    spans the principal subspace (Baldi & Hornik 1989); the exact solver gives the ordered, orthonormal axes themselves,
    each signed so that its largest entry is positive. Read as p(z) p(x|z) it is probabilistic PCA (Tipping & Bishop 1999):
    a density, with a log-likelihood and samples.

    Parameters
    ----------
    n_components
        Width of the code; by default 32, or the number of values in a sample if that is less.
    """

    sees = "the whole sample"
    hides = "nothing, but the code is smaller than the sample, so most of it has to be guessed"
    solvers = ("exact", "sgd")
    recipe: ClassVar[Recipe] = {"steps": 3000, "batch_size": 256, "lr": 1e-3, "weight_decay": 0.0}

    mean: Tensor
    scale: Tensor
    centre: Tensor
    axes: Tensor
    explained_variance: Tensor
    noise_variance: Tensor

    def __init__(self, n_components: Annotated[int, Range(1)] | None = None) -> None:
        super().__init__()
        self.n_components = n_components

    def build(self, about: About) -> None:
        """Make encoder (D, d) and decoder (d, D)."""
        self.shape, size = about.form.shape, about.form.size
        width = self.n_components if self.n_components is not None else min(32, size)
        if width > size:
            raise OptionError(f"option 'n_components' must be at most {size}, the values in a sample; got {width}")
        self.encoder = nn.Linear(size, width, bias=False)
        self.decoder = nn.Linear(width, size)
        # one scale for all columns leaves the problem as it is, while the learning rate needs no unit
        mean, std, _ = about.fact("moments")
        self.register_buffer("mean", torch.tensor(mean).repeat_interleave(size // len(mean)))
        self.register_buffer("scale", torch.tensor(float(np.sqrt(np.square(std).mean())) or 1.0))
        self.register_buffer("centre", self.mean.clone())
        self.register_buffer("axes", torch.zeros(width, size))
        self.register_buffer("explained_variance", torch.zeros(width))
        self.register_buffer("noise_variance", torch.zeros(()))
        self.gap: tuple[float, float] | None = None

    def solve(self, covariance: Covariance) -> None:
        """Eigenvectors of the covariance for the largest eigenvalues."""
        axes = self._density(covariance)
        with torch.no_grad():
            self.encoder.weight.copy_(axes)
            self.decoder.weight.copy_(axes.T)
            self.decoder.bias.zero_()
            self.mean.copy_(covariance.mean)
            self.scale.fill_(1)  # the codes are then the scores themselves

    def _density(self, found: Covariance) -> Tensor:
        """Set the parameters of probabilistic PCA, and give the axes (D, d) in float64."""
        rows, size, width = found.rows, len(found.mean), self.encoder.out_features
        values, axes = found.leading(width)  # (D,), (D, d)
        axes = axes * axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
        unbiased = rows / max(rows - 1, 1)
        rest = min(size, rows) - width  # directions that the noise is averaged over, as in scikit-learn's PCA
        noise = max(found.trace() - float(values.sum()), 0.0) / rest if rest > 0 else 0.0
        self.centre.copy_(found.mean)
        self.axes.copy_(axes)
        self.explained_variance.copy_(values * unbiased)
        self.noise_variance.fill_(noise * unbiased)
        return axes

    def finish(self, about: About) -> None:
        """After descent: the density on the closed form's axes, and how far the subspace that was found is from them."""
        if (found := about.fact("covariance")) is None:
            return
        axes, whole = self._density(found), found.trace()
        ours = torch.linalg.qr(self.decoder.weight.detach().double().cpu())[0]  # (d, D)
        least, spanned = whole - found.captured(axes), whole - found.captured(ours.T)
        cosine = torch.linalg.svdvals(axes @ ours).min().clamp(0, 1)
        self.gap = (spanned / max(least, 1e-12) - 1, float(torch.rad2deg(torch.arccos(cosine))))

    def remarks(self, measures: Mapping[str, float]) -> list[str]:
        """After descent: its distance from the closed form."""
        if self.gap is None:
            return []
        return [
            f"gap to the closed form: the subspace that descent found leaves {100 * self.gap[0]:.2g} % more error than PCA's, "
            f"and the largest angle between the two is {self.gap[1]:.2g} degrees"
        ]

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

    def score(self, x: Tensor, rng: torch.Generator, draws: int | None = None) -> Tensor:
        """Log-likelihood (B,) of probabilistic PCA in nats, as scikit-learn's ``PCA.score_samples`` gives it.

        The covariance is W (V - s) W' + s I with axes W, explained variances V and noise s (Tipping & Bishop 1999, eq. 5 to 8).
        """
        rows: Tensor = x.flatten(1).double() - self.centre  # (B, d)
        noise = self.noise_variance.double().clamp(min=TINY)
        variance = self.explained_variance.double().clamp(min=TINY)
        scores = rows @ self.axes.double().T  # (B, D)
        rest = (rows.square().sum(1) - scores.square().sum(1)).clamp(min=0)
        size, width = rows.shape[1], scores.shape[1]
        log_determinant: Tensor = variance.log().sum() + (size - width) * noise.log()
        distance = (scores.square() / variance).sum(1) + (rest / noise if size > width else 0)
        found: Tensor = -0.5 * (distance + log_determinant + size * math.log(2 * math.pi))
        return found.to(x.dtype)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw (n, ...) from the density: a code from its Gaussian, along the axes, and noise in all directions."""
        noise = self.noise_variance
        spread = (self.explained_variance - noise).clamp(min=0).sqrt()
        device = self.centre.device
        z = torch.randn((n, len(spread)), generator=rng, device=device) * spread
        rows: Tensor = z @ self.axes + self.centre
        rows = rows + noise.sqrt() * torch.randn(rows.shape, generator=rng, device=device)
        x: Tensor = rows.unflatten(1, self.shape)
        return x
