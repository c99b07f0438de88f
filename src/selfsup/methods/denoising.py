"""Denoising auto-encoder: repair a corrupted sample."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from selfsup.hide import corrupt
from selfsup.method import Method, Spec, Terms
from selfsup.nets import ConvDecoder, NetName, Standardize, make_trunk, mlp
from selfsup.options import Range


class Denoising(Method):
    """Repair a corrupted sample (denoising auto-encoder).

    Hides by corruption: noise is added, or values are blanked, and the clean sample is to be rebuilt from the rest
    (Vincent et al. 2010). Columns of tables are standardised inside the model; values that lie in [0, 1] are left as they are.

    Parameters
    ----------
    n_components
        Width of the code; by default 32 for vectors (fewer if they are shorter) and 128 for images.
    hidden
        Widths of the hidden layers (channels for images), outermost first.
    net
        Encoder: auto, mlp, conv, resnet18, or a module. The decoder mirrors it.
    corruption
        gaussian, masking or salt-and-pepper.
    level
        Deviation of Gaussian noise, or the share of values that are masked or salted. 0 is a plain auto-encoder.
    """

    hides = "the clean values, under corruption"
    recipe = {"steps": 4000, "batch_size": 128, "lr": 1e-3, "weight_decay": 0.0}

    def __init__(
        self,
        n_components: Annotated[int, Range(1)] | None = None,
        hidden: tuple[Annotated[int, Range(1)], ...] | None = None,
        net: NetName | nn.Module = "auto",
        corruption: Literal["gaussian", "masking", "salt-and-pepper"] = "gaussian",
        level: Annotated[float, Range(0)] = 0.3,
    ) -> None:
        super().__init__()
        self.n_components, self.hidden, self.net = n_components, hidden, net
        self.corruption, self.level = corruption, level

    def build(self, spec: Spec) -> None:
        """Make the encoder's trunk, the code and the mirrored decoder."""
        mean, std, unit = spec.moments
        self.scale: nn.Module = nn.Identity() if unit else Standardize(mean, std, axes=len(spec.shape))
        self.trunk = make_trunk(self.net, spec.shape, self.hidden)
        last = self.trunk.maps[-1]
        width = self.n_components or (128 if spec.kind == "image" else min(32, spec.size))
        self.code = nn.Sequential(nn.Flatten(), nn.Linear(int(torch.Size(last).numel()), width))
        if len(last) == 3:
            self.decoder: nn.Module = ConvDecoder(width, [spec.shape, *self.trunk.maps])  # type: ignore[list-item]
        else:
            widths = [width, *(m[0] for m in reversed(self.trunk.maps)), spec.size]
            self.decoder = nn.Sequential(mlp(widths), nn.Unflatten(1, spec.shape))

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Corrupted x and clean x, both (B, ...) in standard units."""
        x = self.scale(x)
        return corrupt(x, self.corruption, self.level, rng), x

    def predict(self, seen: Tensor) -> Tensor:
        """Reconstruction (B, ...)."""
        return self.decoder(self.code(self.trunk(seen)))

    def loss(self, guess: Tensor, answer: Tensor) -> Terms:
        """Squared error, summed over features: (B,)."""
        return {"reconstruction": (guess - answer).square().flatten(1).sum(1)}

    def layers(self, x: Tensor) -> dict[str, Tensor]:
        """Every block of the trunk (maps averaged in a grid of at most 2 x 2), and the code."""
        return {"code": self.encode(x)}

    def encode(self, x: Tensor) -> Tensor:
        """Codes (B, D) of the clean sample."""
        return self.code(self.trunk(self.scale(x)))

    def decode(self, z: Tensor) -> Tensor:
        """Samples (B, ...) from codes (B, D)."""
        x = self.decoder(z)
        return self.scale.inverse(x) if isinstance(self.scale, Standardize) else x
