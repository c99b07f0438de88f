"""Denoising auto-encoder: repair a corrupted sample."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.errors import OptionError
from selfsup.hide import corrupt, shifted
from selfsup.method import Method, Recipe, Spec, Terms
from selfsup.nets import ConvDecoder, NetName, Standardize, make_trunk, mlp
from selfsup.options import Range


class Denoising(Method):
    """Repair a corrupted sample (denoising auto-encoder).

    Hides by corruption: noise is added, or values are blanked, and the clean sample is to be rebuilt from the rest
    (Vincent et al. 2010). Columns of tables are standardised inside the model; values that lie in [0, 1] are left as they are.

    Parameters
    ----------
    n_components
        Width of the code; by default 64 for images and 32 for vectors (or as many as they have values, if fewer).
    hidden
        Widths of the hidden layers (channels for images), outermost first.
    net
        Encoder: auto, mlp, conv, resnet18, or a module. The decoder mirrors it.
    corruption
        gaussian, masking or salt-and-pepper; images are moved a little as well, see shift.
    level
        Deviation of Gaussian noise, or the share of values that are masked or salted.
    shift
        Images only: each is moved by up to so many pixels, and is to be put back in place; by default an eighth of the
        side, at most 4. With level 0 and shift 0 this is a plain auto-encoder.
    """

    hides = "the clean values, under corruption"
    recipe: ClassVar[Recipe] = {"steps": 1500, "batch_size": 64, "lr": 2e-3, "weight_decay": 1e-4}

    def __init__(
        self,
        n_components: Annotated[int, Range(1)] | None = None,
        hidden: tuple[Annotated[int, Range(1)], ...] | None = None,
        net: NetName | nn.Module = "auto",
        corruption: Literal["gaussian", "masking", "salt-and-pepper"] = "gaussian",
        level: Annotated[float, Range(0)] = 0.25,
        shift: Annotated[int, Range(0)] | None = None,
    ) -> None:
        super().__init__()
        self.n_components, self.hidden, self.net = n_components, hidden, net
        if corruption != "gaussian" and level > 1:
            raise OptionError(f"option 'level' is a share of the values with {corruption}: at most 1; got {level:g}")
        self.corruption, self.level, self.shift = corruption, level, shift

    def build(self, spec: Spec) -> None:
        """Make the encoder's trunk, the code and the mirrored decoder."""
        mean, std, unit = spec.moments
        self.scale: nn.Module = nn.Identity() if unit else Standardize(mean, std, axes=len(spec.shape))
        self.trunk = make_trunk(self.net, spec.shape, self.hidden)
        self.most = min(min(spec.shape[1:], default=0) // 8, 4) if self.shift is None else self.shift
        last = self.trunk.maps[-1]
        width = self.n_components or min(64 if spec.kind == "image" else 32, spec.size)
        self.code = nn.Sequential(nn.Flatten(), nn.Linear(int(torch.Size(last).numel()), width))
        if len(last) == 3:
            self.decoder: nn.Module = ConvDecoder(width, [spec.shape, *self.trunk.maps])  # type: ignore[list-item]
        else:
            widths = [width, *(m[0] for m in reversed(self.trunk.maps)), spec.size]
            self.decoder = nn.Sequential(mlp(widths), nn.Unflatten(1, spec.shape))

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Corrupted x and clean x, both (B, ...) in standard units."""
        x = self.scale(x)
        moved = shifted(x, self.most, rng) if x.ndim == 4 and self.most else x
        return corrupt(moved, self.corruption, self.level, rng), x

    def predict(self, seen: Tensor) -> Tensor:
        """Reconstruction (B, ...)."""
        guess: Tensor = self.decoder(self.code(self.trunk(seen)))
        return guess

    def loss(self, guess: Tensor, answer: Tensor) -> Terms:
        """Squared error, summed over features: (B,)."""
        return {"reconstruction": F.mse_loss(guess, answer, reduction="none").flatten(1).sum(1)}

    def encode(self, x: Tensor) -> Tensor:
        """Codes (B, D) of the clean sample."""
        z: Tensor = self.code(self.trunk(self.scale(x)))
        return z

    def decode(self, z: Tensor) -> Tensor:
        """Samples (B, ...) from codes (B, D)."""
        x: Tensor = self.decoder(z)
        return self.scale.inverse(x) if isinstance(self.scale, Standardize) else x
