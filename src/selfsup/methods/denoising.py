"""Denoising auto-encoder: repair a corrupted sample. With `layerwise` it is the stacked one (SDAE)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.data.form import Form
from selfsup.errors import OptionError
from selfsup.hide import corrupt_places, random_crop
from selfsup.method import About, Recipe, Terms, Tree
from selfsup.methods.autoencoder import AutoEncoder, Guess
from selfsup.nets import Backbone, make_backbone, mirrored
from selfsup.nets.mlp import ACTIVATIONS, Activation
from selfsup.options import Range


class Emphasised(NamedTuple):
    """The clean sample, and what each of its values counts in the loss."""

    x: Tensor  # (B, ...)
    weight: Tensor  # (B, ...)


class Denoising(AutoEncoder):
    """Repair a corrupted sample (denoising auto-encoder).

    Hides by corruption: noise is added, or values are blanked, and the clean sample is to be rebuilt from the rest
    (Vincent et al. 2010). Columns of tables are standardised inside the model; values that lie in [0, 1] are left as they are.

    Parameters
    ----------
    corruption
        gaussian, masking or salt-and-pepper; images are moved a little as well, see shift.
    level
        Deviation of Gaussian noise, or the share of values that are masked or salted.
    shift
        Images only: each is moved by up to so many pixels, and is to be put back in place; by default an eighth of the
        side, at most 4. With level 0 and shift 0 this is a plain auto-encoder.
    emphasis
        Share of the loss that goes to the corrupted values, the rest to the others, beside 0.5 for equal weight; masking and
        salt-and-pepper only.
    activation
        Of an mlp's layers: relu, sigmoid, tanh or gelu.
    layerwise
        Train the layers of an mlp one after the other, each to repair the corrupted output of those below (a stack); each has
        its share of the epochs, and the code passes the activation too.
    """

    sees = "a corrupted sample"
    hides = "the clean sample"
    recipe: ClassVar[Recipe] = {"steps": 1500, "batch_size": 64, "lr": 2e-3, "weight_decay": 1e-4}

    def __init__(
        self,
        corruption: Literal["gaussian", "masking", "salt-and-pepper"] = "gaussian",
        level: Annotated[float, Range(0)] = 0.25,
        shift: Annotated[int, Range(0)] | None = None,
        emphasis: Annotated[float, Range(0, 1)] = 0.5,
        activation: Activation = "relu",
        layerwise: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        if corruption != "gaussian" and level > 1:
            raise OptionError(f"option 'level' is a share of the values with {corruption}: at most 1; got {level:g}")
        if corruption == "gaussian" and emphasis != 0.5:
            raise OptionError("option 'emphasis': gaussian noise corrupts every value; use masking or salt-and-pepper")
        if layerwise and shared.get("start") == "pca":
            raise OptionError("option 'start': a stack is trained layer by layer and cannot start from PCA; use random")
        if layerwise and self.omega is not None:
            raise OptionError("option 'omega' is for the code of a whole net; a stack's layers are trained without one")
        self.corruption, self.level, self.shift = corruption, level, shift
        self.emphasis, self.activation, self.layerwise = emphasis, activation, layerwise

    def build(self, about: About) -> None:
        """Make the nets; a stack's layers are trained in as many phases."""
        super().build(about)
        self.most = min(min(self.shape[1:], default=0) // 8, 4) if self.shift is None else self.shift
        if not self.layerwise:
            return
        self.phases = 1 + sum(not isinstance(block, nn.Flatten) for block in self.backbone.blocks)
        linear = [module for module in self.decoder.modules() if isinstance(module, nn.Linear)]
        if not isinstance(self.decoder, nn.Sequential) or len(linear) != self.phases:
            raise OptionError("option 'layerwise' needs net mlp, whose layers can be taken one by one")

    def make_backbone(self, form: Form) -> Backbone:
        """Blocks of the encoder; a stack of images is an mlp."""
        net = "mlp" if self.net == "auto" and self.layerwise else self.net
        return make_backbone(net, form.shape, self.hidden, activation=self.activation)

    def make_code(self, size: int, width: int) -> nn.Module:
        """A linear layer; in a stack with the activation, as every other."""
        code = [nn.Flatten(), nn.Linear(size, width)]
        return nn.Sequential(*code, ACTIVATIONS[self.activation]()) if self.layerwise else nn.Sequential(*code)

    def make_decoder(self, width: int, form: Form) -> nn.Module:
        """The mirror."""
        return mirrored(width, form.shape, self.backbone, self.activation)

    def layer(self) -> int | None:
        """Layer of the stack that is being trained, from 0; None where the whole net is looked at."""
        if not (self.layerwise and self.training and self.phases > 1):
            return None
        return min(int(self.progress * self.phases), self.phases - 1)

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tree, Tree]:
        """Corrupted x and clean x, both (B, ...) in standard units; in a stack the outputs (B, h) of the layers below."""
        x = self.scale(x)
        seen = self.filled(x) if self.missing else x
        if layer := self.layer():
            with torch.no_grad():
                for block in self.encoders()[:layer]:
                    seen = block(seen)
            x = seen
        moved = random_crop(seen, self.most, rng) if seen.ndim == 4 and self.most else seen
        seen, places = corrupt_places(moved, self.corruption, self.level, rng)
        if self.emphasis == 0.5 or places is None:
            return seen, x
        return seen, Emphasised(x, torch.where(places, 2 * self.emphasis, 2 - 2 * self.emphasis))

    def encoders(self) -> list[nn.Module]:
        """Layers of a stack, the code as the last."""
        return [*self.backbone.blocks, self.code] if self.phases > 1 else [self.code]

    def rebuilt(self, layer: int, z: Tensor) -> Tensor:
        """What the mirror of one layer gives: its linear map, and the activation that follows, if any."""
        assert isinstance(self.decoder, nn.Sequential)
        modules = list(self.decoder)
        places = [place for place, module in enumerate(modules) if isinstance(module, nn.Linear)]
        start = places[self.phases - 1 - layer]
        for module in modules[start : start + 2]:
            z = module(z)
        return z

    def predict(self, seen: Tree) -> Tree:
        """Code and reconstruction, of the whole net or of the layer that is being trained."""
        layer = self.layer()
        if layer is None:
            return super().predict(seen)
        z = self.encoders()[layer](seen)
        return Guess(self.rebuilt(layer, z), z)

    def loss(self, guess: Tree, answer: Tree) -> Terms:
        """Reconstruction (B,), summed over features, with the emphasis, and the penalty."""
        x, weight = answer if isinstance(answer, Emphasised) else (answer, None)
        if self.layer():  # outputs of a layer, whatever the data are
            losses = F.mse_loss(guess.output, x, reduction="none")
        elif weight is None:
            return super().loss(guess, x)
        else:
            losses = self.likelihood_of.elementwise(guess.output, self.filled(x)).masked_fill(x.isnan(), 0.0)
        weighted = losses if weight is None else losses * weight
        return {"reconstruction": weighted.flatten(1).sum(1)} | (self.charge(guess, x) if not self.layer() else {})
