"""Contractive auto-encoder: a code that moves as little as possible when the sample does."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from selfsup.data.form import Form
from selfsup.errors import OptionError
from selfsup.method import Recipe, Terms, Tree
from selfsup.methods.autoencoder import AutoEncoder, Guess, Omega
from selfsup.methods.autoencoder.jacobian import estimated_norm
from selfsup.nets import Backbone, make_backbone, mirrored
from selfsup.nets.mlp import ACTIVATIONS, Activation
from selfsup.options import Range


class Probed(NamedTuple):
    """What is seen, and the random signs that probe the code's Jacobian."""

    x: Tensor  # (B, ...)
    signs: Tensor  # (B, P, D)


class Stretched(NamedTuple):
    """A guess, and how much the code stretches at its sample."""

    output: Tensor  # (B, ...)
    code: Tensor  # (B, D)
    stretch: Tensor  # (B,) squared norm of the Jacobian


class Contractive(AutoEncoder):
    """Keep the code still while the sample moves (contractive auto-encoder).

    Hides by a penalty: the squared Frobenius norm of the code's Jacobian (Rifai et al. 2011) lets the code vary only where
    the data themselves vary. By default the code is one sigmoid layer with a tied decoder, as published: with a decoder of
    its own the net could shrink the code and blow it up again.

    Parameters
    ----------
    hidden
        Widths of hidden layers before the code; by default none.
    activation
        Of the hidden layers and the code: sigmoid, tanh, or relu.
    tied
        Take the encoder's weights, transposed, for the decoder: for a code of one layer.
    probes
        Number of random projections that estimate the norm (Hutchinson); by default none: it is exact, which is cheap for a
        code of one layer and costs a backward pass for each unit of a deep one.
    """

    hides = "how the sample may be moved without moving its code"
    recipe: ClassVar[Recipe] = {"steps": 3000, "batch_size": 128, "lr": 2e-3, "weight_decay": 0.0}

    def __init__(
        self,
        hidden: tuple[Annotated[int, Range(1)], ...] | None = (),
        activation: Activation = "sigmoid",
        tied: bool = True,
        probes: Annotated[int, Range(1)] | None = None,
        omega: str | Omega | None = "contractive",
        penalty: Annotated[float, Range(0)] = 0.1,
        **shared: Any,
    ) -> None:
        super().__init__(hidden=hidden, omega=omega, penalty=penalty, **shared)
        self.activation, self.tied, self.probes = activation, tied, probes
        if shared.get("start") == "pca":
            raise OptionError(
                "option 'start': a contractive code has an activation and cannot start from PCA; use random"
            )
        if probes is not None and omega != "contractive":
            raise OptionError(f"option 'probes' estimates the contractive penalty; the omega is {omega!r}")

    def make_backbone(self, form: Form) -> Backbone:
        """Hidden layers; images get an mlp too where no net is named, since one layer is the method as published."""
        net = "mlp" if self.net == "auto" and self.hidden == () else self.net
        return make_backbone(net, form.shape, self.hidden, activation=self.activation)

    def make_code(self, size: int, width: int) -> nn.Module:
        """One layer with its activation."""
        return nn.Sequential(nn.Flatten(), nn.Linear(size, width), ACTIVATIONS[self.activation]())

    def make_decoder(self, width: int, form: Form) -> nn.Module:
        """The encoder's weights, transposed, or a mirror with weights of its own."""
        if self.tied and isinstance(self.backbone.blocks[0], nn.Flatten):
            layer = self.code[1]  # type: ignore[index]
            assert isinstance(layer, nn.Linear)
            return nn.Sequential(Transposed(layer), nn.Unflatten(1, form.shape))
        return mirrored(width, form.shape, self.backbone, self.activation)

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tree, Tree]:
        """X twice; with probes, the signs are drawn here."""
        seen, hidden = super().hide(x, rng)
        if self.probes is None:
            return seen, hidden
        signs = torch.randint(0, 2, (len(x), self.probes, self.width()), generator=rng, device=x.device)
        return Probed(seen, signs.to(seen.dtype) * 2 - 1), hidden

    def predict(self, seen: Tree) -> Tree:
        """Code and reconstruction; with probes, the estimated norm too."""
        if not isinstance(seen, Probed):
            return super().predict(seen)
        with torch.enable_grad():  # the norm is a derivative, also where the loss is only measured
            x = seen.x.detach().requires_grad_()
            z = self.code_of(x)
            stretch = estimated_norm(z, x, seen.signs)
        return Stretched(self.output_of(z), z, stretch)

    def charge(self, guess: Guess | Stretched, answer: Tensor) -> Terms:  # type: ignore[override]
        """Penalty times the squared norm."""
        if isinstance(guess, Stretched):
            return {"contractive": self.penalty * guess.stretch}
        return super().charge(guess, answer)


class Transposed(nn.Module):
    """A linear layer read backwards: z W + b, with a bias of its own."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer
        self.bias = nn.Parameter(torch.zeros(layer.in_features))

    def forward(self, z: Tensor) -> Tensor:
        """Codes (B, D) to rows (B, d)."""
        return z @ self.layer.weight + self.bias
