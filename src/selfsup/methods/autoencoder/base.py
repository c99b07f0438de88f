"""The auto-encoder: x -> code -> x. The loss is L(x, g(f(x))) + penalty * Omega(z); the methods differ in a few lines."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.data.facts import Moments
from selfsup.data.form import Form
from selfsup.method import About, Method, Recipe, Start, Terms, Tree
from selfsup.methods.autoencoder.jacobian import Encoder
from selfsup.methods.autoencoder.likelihood import Likelihood, LikelihoodName, make_likelihood
from selfsup.methods.autoencoder.omega import COUPLED, Omega, charge, find_omega, name_of
from selfsup.methods.autoencoder.start import ROWS, Short, paired, principal_axes, set_pairs, set_short, why_not
from selfsup.nets import Backbone, NetName, Standardize, make_backbone, mirrored
from selfsup.options import Range


class Guess(NamedTuple):
    """What an auto-encoder answers."""

    output: Tensor  # (B, ...) what the likelihood reads: values in standard units, or logits
    code: Tensor  # (B, D)


class AutoEncoder(Method):
    """Base of the auto-encoders: two mirrored nets, a likelihood, and a pluggable penalty on the code."""

    sees = "the whole sample"
    hides = "nothing, but the code is smaller than the sample, so most of it has to be guessed"
    takes_missing = True
    recipe: ClassVar[Recipe] = {"steps": 3000, "batch_size": 128, "lr": 2e-3, "weight_decay": 0.0}
    learnt_variance: ClassVar[bool] = False  # whether a Gaussian likelihood learns its variance

    backbone: Backbone
    code: nn.Module
    decoder: nn.Module
    likelihood_of: Likelihood
    scale: nn.Module
    blank: Tensor
    short: Short | None

    def __init__(
        self,
        n_components: Annotated[int, Range(1)] | None = None,
        hidden: tuple[Annotated[int, Range(1)], ...] | None = None,
        net: NetName | nn.Module = "auto",
        likelihood: LikelihoodName = "auto",
        omega: str | Omega | None = None,
        penalty: Annotated[float, Range(0)] = 0.0,
        start: Literal["pca", "random"] = "random",
    ) -> None:
        """Take the options that all auto-encoders have.

        Parameters
        ----------
        n_components
            Width of the code; by default 64 for images and 32 for vectors (or as many as they have values, if fewer).
        hidden
            Widths of the hidden layers (channels for images), outermost first.
        net
            Encoder: auto, mlp, conv, nin, resnet18, FILE.py:function of (shape, hidden), or a module. The decoder mirrors it.
        likelihood
            auto, gaussian (squared error where its variance is not learnt), or bernoulli (cross-entropy, for values in
            [0, 1]); a table's boolean and category columns always have their own.
        omega
            Penalty on the code: l1, kl, contractive, orthogonality, mmd, l2, mymodule:my_penalty, FILE.py:my_penalty, or a
            function of (x, z, reconstruction, model).
        penalty
            Weight of omega.
        start
            pca: the two nets begin as principal component analysis of the same width, and end no worse on what they are
            trained on. random: they begin at random.
        """
        super().__init__()
        self.n_components, self.hidden, self.net = n_components, hidden, net
        self.likelihood, self.omega, self.penalty, self.begin = likelihood, omega, penalty, start
        self.charged = find_omega(omega)
        self.coupled = self.charged in COUPLED
        self.short, self.unfit = None, ""

    def build(self, about: About) -> None:
        """Make the encoder's backbone, the code, the mirrored decoder and the likelihood, all at random."""
        form, moments = about.form, about.fact("moments")
        self.shape, self.missing = form.shape, form.missing
        self.scale = scaling(form, moments, keep=self.likelihood == "bernoulli")
        self.likelihood_of = make_likelihood(self.likelihood, form, moments, self.scale, learnt=self.learnt_variance)
        # the mean of each channel or column, in the shape that a sample broadcasts with
        mean = moments.mean.reshape((-1,) + (1,) * (len(form.shape) - 1))
        self.register_buffer("blank", self.scale(torch.from_numpy(mean)[None])[0])
        self.backbone = self.make_backbone(form)
        width = self.n_components or min(64 if form.kind == "image" else 32, form.size)
        self.code = self.make_code(int(torch.Size(self.backbone.maps[-1]).numel()), width)
        self.decoder = self.make_decoder(width, form)
        if self.begin == "pca":
            self.unfit = why_not(self.likelihood_of, form, width)
            if not self.unfit and paired(self.encoder(), self.decoder, width) is None:
                self.short = Short(form.shape, width)

    def start(self, about: About) -> Start:
        """Principal component analysis, where it is asked for, fits the net, and the covariance can be had."""
        if self.begin != "pca":
            return Start()
        if self.unfit:
            return Start(words=f"starts at random ({self.unfit})")
        if (found := about.fact("covariance", rows=ROWS)) is None:
            return Start(words="starts at random (the covariance of the data is not known)")
        width = self.width()
        axes, centre = principal_axes(found, self.scale, self.shape[0], width)
        if self.short is not None:
            set_short(self.short, (self.code, self.decoder), axes, centre)
        elif (layers := paired(self.encoder(), self.decoder, width)) is not None:
            set_pairs(*layers, axes, centre)
        return Start("pca", f"starts from PCA of {width} components")

    def make_backbone(self, form: Form) -> Backbone:
        """Blocks of the encoder before the code."""
        return make_backbone(self.net, form.shape, self.hidden)

    def make_code(self, size: int, width: int) -> nn.Module:
        """From the last map, flat (B, size), to the code (B, width)."""
        return nn.Sequential(nn.Flatten(), nn.Linear(size, width))

    def make_decoder(self, width: int, form: Form) -> nn.Module:
        """From the code (B, width) back to (B, ...)."""
        return mirrored(width, form.shape, self.backbone)

    def encoder(self) -> Encoder:
        """The way from what is seen to the code: penalties and the start look into it."""
        whole = self.short is None and type(self).code_of is AutoEncoder.code_of
        return Encoder(self.code_of, (self.backbone, self.code) if whole else ())

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tree, Tree]:
        """X (B, ...) in standard units, twice; what is missing is filled in where it is seen."""
        x = self.scale(x)
        return self.filled(x) if self.missing else x, x

    def filled(self, x: Tensor) -> Tensor:
        """Missing values (of vectors) replaced by the training part's mean."""
        return torch.where(x.isnan(), self.blank, x) if x.ndim == 2 else x

    def code_of(self, seen: Tensor) -> Tensor:
        """Code (B, D) of what is seen (B, ...)."""
        z: Tensor = self.code(self.backbone(seen))
        return z if self.short is None else z + self.short.into(seen)

    def output_of(self, z: Tensor) -> Tensor:
        """What the likelihood reads (B, ...), from the code."""
        output: Tensor = self.decoder(z)
        return output if self.short is None else output + self.short.back(z)

    def predict(self, seen: Tree) -> Tree:
        """Code and reconstruction."""
        z = self.code_of(seen)
        return Guess(self.output_of(z), z)

    def loss(self, guess: Tree, answer: Tree) -> Terms:
        """Reconstruction (B,), summed over features, and the penalty under its own name."""
        terms = {"reconstruction": self.likelihood_of(guess.output, answer)}
        return terms | self.charge(guess, answer)

    def charge(self, guess: Guess, answer: Tensor) -> dict[str, Tensor]:
        """Penalty times Omega, where there is one."""
        if self.charged is None or self.penalty == 0:
            return {}
        x, reconstruction = self.filled(answer) if self.missing else answer, self.likelihood_of.mean(guess.output)
        return {name_of(self.charged): self.penalty * charge(self.charged, x, guess.code, reconstruction, self)}

    def encode(self, x: Tensor) -> Tensor:
        """Codes (B, D) of the clean sample."""
        return self.code_of(self.filled(self.scale(x)))

    def decode(self, z: Tensor) -> Tensor:
        """Expected samples (B, ...) of codes (B, D), in the data's units."""
        return self.unscaled(self.likelihood_of.mean(self.output_of(z)))

    def score(self, x: Tensor, rng: torch.Generator, draws: int | None = None) -> Tensor:
        """Minus the reconstruction term of the clean sample (B,)."""
        x = self.scale(x)
        found: Tensor = -self.likelihood_of(self.output_of(self.code_of(self.filled(x))), x)
        return found

    def show(self, part: Tree) -> Tensor:
        """Samples in the data's units; of a guess the expected sample."""
        if hasattr(part, "output"):
            return self.unscaled(self.likelihood_of.mean(part.output))
        if isinstance(part, tuple):
            part = part[0]
        return self.unscaled(part)

    def unscaled(self, x: Tensor) -> Tensor:
        """Standard units back to the data's."""
        return self.scale.inverse(x) if isinstance(self.scale, Standardize) else x

    def measures(self, x: Tensor) -> dict[str, float]:
        """Reconstruction error beside the data's own spread: 0 is perfect, 1 is guessing the mean."""
        x = self.scale(x)
        seen = self.filled(x)
        guess = self.likelihood_of.mean(self.output_of(self.code_of(seen)))
        known = ~x.isnan()
        error = torch.where(known, guess - seen, 0.0).square().sum()
        spread = torch.where(known, seen - seen.mean(0), 0.0).square().sum()
        return {"unexplained": float(error / spread.clamp(min=1e-12))}

    def remarks(self, measures: Any) -> list[str]:
        """Warn of a code that can copy its input."""
        width, size = self.width(), int(torch.Size(self.shape).numel())
        free = self.charged is None or self.penalty == 0
        if width >= size and free and self.hides == AutoEncoder.hides:
            return [
                f"the code has {width:,} values and a sample {size:,}: nothing keeps the net from copying its input; "
                "use fewer n_components, a penalty (omega 'l1', penalty 0.1), or the method denoising"
            ]
        return []

    def width(self) -> int:
        """Values in a code."""
        layers = [m for m in self.code.modules() if isinstance(m, nn.Linear)]
        return layers[-1].out_features


def scaling(form: Form, moments: Moments, *, keep: bool = False) -> nn.Module:
    """Standard units for number columns and channels; what lies in [0, 1] stays as it is.

    Parameters
    ----------
    keep
        Leave everything as it is.
    """
    mean, std, unit = moments
    if keep or (unit and form.fields is None):
        return nn.Identity()
    if form.fields is not None:
        number = np.concatenate([np.full(field.width, field.kind == "number") for field in form.fields])
        mean, std = np.where(number, mean, 0).astype(np.float32), np.where(number, std, 1).astype(np.float32)
    return Standardize(mean, std, axes=len(form.shape))
