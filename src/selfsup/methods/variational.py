"""Variational auto-encoder: a code with a prior, trained on a bound of the data's log-likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from selfsup.errors import OptionError
from selfsup.method import Recipe, Terms, Tree
from selfsup.methods.autoencoder import AutoEncoder
from selfsup.options import Range

# variance of a unit's posterior mean over the data from which it counts as active (Burda et al. 2015, 5.1)
ACTIVE = 0.01
DRAWS = 100  # importance samples of a score


class Noisy(NamedTuple):
    """What is seen, and the noise that the code is drawn with."""

    x: Tensor  # (B, ...)
    noise: Tensor  # (B, K, D) standard normal


class Drawn(NamedTuple):
    """Posterior, codes drawn from it, and what they decode to."""

    output: Tensor  # (B, K, ...)
    mean: Tensor  # (B, D)
    log_variance: Tensor  # (B, D)
    code: Tensor  # (B, K, D)


class Variational(AutoEncoder):
    """Learn a distribution of codes that decode to the data (variational auto-encoder).

    Hides by capacity and noise: the decoder sees a code drawn from q(z|x), and q is drawn to a standard normal prior (Kingma &
    Welling 2014). The loss is minus the evidence lower bound in nats; with several importance samples it is the tighter bound
    of Burda et al. (2015).

    Parameters
    ----------
    beta
        Weight of the KL divergence (Higgins et al. 2017); at 1 the loss is a bound.
    kl_warmup
        Share of the training in which that weight rises from 0, against posterior collapse.
    importance
        Importance samples in the training bound: 1 is the VAE, more the IWAE.
    """

    sees = "the whole sample, and noise on its code"
    hides = "nothing, but the code is small and noisy"
    recipe: ClassVar[Recipe] = {"steps": 4000, "batch_size": 128, "lr": 2e-3, "weight_decay": 0.0}
    by_heart = (
        0.7  # a code is never certain: of samples of few values its divergence from the prior is much of the loss
    )
    learnt_variance = True

    def __init__(
        self,
        beta: Annotated[float, Range(0)] = 1.0,
        kl_warmup: Annotated[float, Range(0, 1)] = 0.0,
        importance: Annotated[int, Range(1)] = 1,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.beta, self.kl_warmup, self.importance = beta, kl_warmup, importance
        if shared.get("start") == "pca":
            raise OptionError(
                "option 'start': a variational code is drawn with noise and cannot start from PCA; use random"
            )

    def make_code(self, size: int, width: int) -> nn.Module:
        """Mean and log-variance of each unit."""
        return nn.Sequential(nn.Flatten(), nn.Linear(size, 2 * width))

    def width(self) -> int:
        """Values in a code."""
        return super().width() // 2

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tree, Tree]:
        """X and noise; x."""
        seen, hidden = super().hide(x, rng)
        noise = torch.randn((len(x), self.importance, self.width()), generator=rng, device=x.device)
        return Noisy(seen, noise), hidden

    def posterior(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (B, D) of q(z|x)."""
        mean, log_variance = self.code(self.backbone(seen)).chunk(2, 1)
        return mean, log_variance.clamp(-12, 12)  # e^12 is beyond any use, and its square still a number

    def code_of(self, seen: Tensor) -> Tensor:
        """Mean of q(z|x), (B, D)."""
        return self.posterior(seen)[0]

    def predict(self, seen: Tree) -> Tree:
        """Draw codes by the noise and decode them."""
        mean, log_variance = self.posterior(seen.x)
        z = mean[:, None] + (0.5 * log_variance).exp()[:, None] * seen.noise  # (B, K, D)
        output = self.output_of(z.flatten(0, 1)).unflatten(0, z.shape[:2])
        return Drawn(output, mean, log_variance, z)

    def loss(self, guess: Tree, answer: Tree) -> Terms:
        """Reconstruction and KL (B,), whose sum is minus the bound; with several samples the bound is one term."""
        beta = self.beta * min(1.0, self.progress / self.kl_warmup) if self.training and self.kl_warmup else self.beta
        surprise = self.surprise(guess.output, answer)  # (B, K)
        if surprise.shape[1] == 1:
            kl = 0.5 * (guess.mean.square() + guess.log_variance.exp() - 1 - guess.log_variance).sum(1)
            terms = {"reconstruction": surprise[:, 0], "KL": beta * kl}
        else:
            weights = -surprise - beta * log_ratio(guess.code, guess.mean, guess.log_variance)
            terms = {"bound": math.log(weights.shape[1]) - weights.logsumexp(1)}
        return terms | self.charge(guess._replace(output=guess.output[:, 0], code=guess.mean), answer)

    def surprise(self, output: Tensor, x: Tensor) -> Tensor:
        """Minus log p(x|z) in nats, (B, K)."""
        rows, draws = output.shape[:2]
        if draws > 1:
            x = x[:, None].expand(-1, draws, *x.shape[1:])
        found: Tensor = self.likelihood_of(output.flatten(0, 1), x.flatten(0, 1) if draws > 1 else x)
        return found.view(rows, draws)

    def score(self, x: Tensor, rng: torch.Generator, draws: int | None = None) -> Tensor:
        """Importance-weighted bound (B,) of log p(x) in nats (Burda et al. 2015, eq. 8), with beta 1.

        The same noise serves every sample, so that a score does not depend on which others it is computed with.

        Parameters
        ----------
        draws
            Importance samples, at least 1; 100 by default. More are tighter; they are taken a chunk at a time.
        """
        x = self.scale(x)
        mean, log_variance = self.posterior(self.filled(x))
        draws = DRAWS if draws is None else draws
        chunk = max(1, min(draws, 2**22 // max(1, x.numel())))
        total = x.new_full((len(x),), -math.inf)
        for start in range(0, draws, chunk):
            noise = torch.randn((1, min(chunk, draws - start), mean.shape[1]), generator=rng, device=x.device)
            z = mean[:, None] + (0.5 * log_variance).exp()[:, None] * noise
            output = self.output_of(z.flatten(0, 1)).unflatten(0, z.shape[:2])
            weights = -self.surprise(output, x) - log_ratio(z, mean, log_variance)  # (B, K)
            total = torch.logaddexp(total, weights.logsumexp(1))
        return total - math.log(draws)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """Expected samples (n, ...) of codes drawn from the prior."""
        z = torch.randn((n, self.width()), generator=rng, device=self.blank.device)
        return self.decode(z)

    def show(self, part: Tree) -> Tree:
        """The first of several draws."""
        return super().show(part._replace(output=part.output[:, 0]) if isinstance(part, Drawn) else part)

    def measures(self, x: Tensor) -> dict[str, float]:
        """KL in nats, and the units that are active."""
        mean, log_variance = self.posterior(self.filled(self.scale(x)))
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)  # (B, D)
        active = float((mean.var(0) > ACTIVE).sum()) if len(mean) > 1 else 0.0
        return {**super().measures(x), "KL": float(kl.sum(1).mean()), "active units": active}

    def remarks(self, measures: Mapping[str, float]) -> list[str]:
        """Warn of a posterior that has collapsed to the prior."""
        active, width = int(measures.get("active units", self.width())), self.width()
        if active * 4 > width:
            return []
        none = "posterior collapse: no unit of the code says anything of its sample"
        some = f"{width - active} of {width} units of the code repeat the prior and say nothing of their sample"
        return [
            f"{some if active else none} (active means a variance over {ACTIVE:g}); lower beta, raise kl_warmup (now "
            f"{self.kl_warmup:g})" + (", or take fewer n_components" if active else "")
        ]


def log_ratio(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Log q(z|x) - log p(z), (B, K), for codes (B, K, D): the constants of the two Gaussians cancel."""
    apart = (z - mean[:, None]).square() * (-log_variance).exp()[:, None]
    return 0.5 * (z.square() - apart - log_variance[:, None]).sum(2)
