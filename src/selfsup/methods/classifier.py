"""Fine-tuning: what is hidden is the label, and the net is one that another method has trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.errors import DataError, OptionError, unknown
from selfsup.hide import random_crop
from selfsup.method import About, Data, Method, Recipe, Samples, Terms
from selfsup.methods import find
from selfsup.nets import Standardize
from selfsup.options import Range, resolve

COLOURS = 3  # channels of photographs, whose mirror images are photographs too
SHIFT = 8  # images are shifted by up to this part of their shorter side


class Classifier(Method):
    """Predict the label of each sample, by the net of another method and a linear classifier on it.

    Hides the label. It learns from labels, so its codes are no longer those of a self-supervised method: `selfsup.finetune`
    makes it from a run, begins with the weights of that, and holds the result against the frozen net.

    Parameters
    ----------
    base
        The method whose net it is: a word of `selfsup methods`, mymodule:MyMethod, FILE.py:MyMethod or a class.
    base_options
        Options of that method, by name.
    layer
        Which of its layers the classes are read from; by default the last: the whole net can learn.
    backbone_rate
        Learning rate of the net, beside that of the linear classifier; 0: the net stays as it is, to the bit.
    mirror
        Draw mirror images; by default of colour images only.
    shift
        Largest random shift of images in pixels; by default an eighth of the shorter side.
    """

    sees = "the sample"
    hides = "its label"
    # the classifier begins at 0 and has far to go, the net has not; a short warm-up keeps the first steps from undoing it
    recipe: ClassVar[Recipe] = {"steps": 1000, "batch_size": 64, "lr": 3e-3, "weight_decay": 1e-2, "warmup": 0.1}

    def __init__(
        self,
        base: str | Callable[..., Any] = "denoising",
        base_options: dict[str, Any] | None = None,
        layer: str | None = None,
        backbone_rate: Annotated[float, Range(0)] = 0.3,
        mirror: bool | None = None,
        shift: Annotated[int, Range(0)] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(base, str | type):
            base()  # a stand-in for a class that was not given: it says how to give it
        name, cls = find(base)  # type: ignore[arg-type]
        if issubclass(cls, Classifier):
            raise OptionError("option 'base' must be a method that learns without labels; a classifier is none")
        given = {key: tuple(value) if isinstance(value, list) else value for key, value in (base_options or {}).items()}
        self.base: Method = cls(**resolve(cls, given, f"method '{name}'"))
        self.base_name, self.layer, self.backbone_rate = name, layer, backbone_rate
        self.mirror, self.shift = mirror, shift
        self.takes_missing = self.base.takes_missing  # type: ignore[misc]
        self.names: tuple[str, ...] = ()

    def view(self, data: Data) -> Samples:
        """Samples with their labels behind, or the plain ones where there are none."""
        return data.labelled(self.names)

    def build(self, about: About) -> None:
        """Make the other method, and a linear classifier on its layer that gives all classes the same chance.

        Raises
        ------
        DataError
            If the data have no labels, or are of a kind that the other method does not learn from.
        """
        classes = about.fact("classes")
        if classes is None:
            raise DataError(
                "a classifier learns from labels, and these data have none: give sub-folders that are classes, a column "
                "(option 'label_column'), or labels="
            )
        if about.form.kind not in self.base.kinds:
            raise DataError(
                f"method '{self.base_name}' learns from {' and '.join(self.base.kinds)}s; these data are {about.form.kind}s"
            )
        self.names, self.shape = classes.names, about.form.shape
        self.base.build(about)
        self.base.progress = 1.0
        codes = self._look()
        self.standard = Standardize(np.zeros(codes.shape[1]), np.ones(codes.shape[1]), axes=1)
        self.head = nn.Linear(codes.shape[1], len(self.names))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        if self.mirror is None:
            self.mirror = len(self.shape) == 3 and self.shape[0] == COLOURS
        if self.shift is None:
            self.shift = min(self.shape[1:]) // SHIFT if len(self.shape) == 3 else 0

    def _look(self) -> Tensor:
        """Codes (2, D) of blank samples; what has no part in them, or is to stay as it is, is not trained."""
        self.base.eval()
        weights, blank = list(self.base.parameters()), torch.zeros(2, *self.shape)
        with torch.enable_grad():
            layers = self.base.layers(blank)
            self.read = list(layers)[-1] if self.layer is None else self.layer
            if self.read not in layers:
                raise OptionError(unknown("layer", self.read, layers))
            codes = layers[self.read]
            used = torch.autograd.grad(codes.sum(), weights, allow_unused=True) if codes.requires_grad else ()
        self.base.train()
        for weight, gradient in zip(weights, used or [None] * len(weights), strict=True):
            weight.requires_grad_(weight.requires_grad and gradient is not None and self.backbone_rate > 0)
        return codes.detach()

    @torch.no_grad()
    def settle(self, mean: np.ndarray, size: float, weight: np.ndarray, bias: np.ndarray) -> None:
        """Have the classifier begin with scores weight (K, D) (code - mean) / size + bias."""
        self.standard.mean.copy_(torch.from_numpy(mean))
        self.standard.std.fill_(size)
        self.head.weight.copy_(torch.from_numpy(weight))
        self.head.bias.copy_(torch.from_numpy(bias))

    def train(self, mode: bool = True) -> Classifier:
        """As of any module; a net that is to stay as it is stays in the mode of evaluation, statistics included."""
        super().train(mode)
        if self.backbone_rate == 0:
            self.base.eval()
        return self

    def rates(self) -> Mapping[str, float]:
        """The net's own rate."""
        learns = any(weight.requires_grad for weight in self.base.parameters())
        return {"base": self.backbone_rate} if learns and self.backbone_rate != 1 else {}

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """X (B, d + 1) to samples (B, ...), in training shifted and mirrored, and the places (B,) of their labels."""
        if x.shape[1:] == self.shape:
            raise DataError(
                "these data have no labels to hold the guesses against: give sub-folders that are classes, a column (option "
                "'label_column'), or labels="
            )
        samples, labels = self.bare(x), x[:, -1].long()
        if not self.training and bool((labels < 0).any()):
            raise DataError(
                f"some of these labels are none of the classes that were learnt: {', '.join(self.names[:10])}"
                + (", ..." if len(self.names) > 10 else "")
            )
        if self.training and (self.mirror or self.shift):
            samples = random_crop(samples, self.shift or 0, rng, mirror=bool(self.mirror))
        return samples, labels

    def predict(self, seen: Tensor) -> Tensor:
        """Scores (B, K)."""
        scores: Tensor = self.head(self.standard(self._codes(seen)))
        return scores

    def loss(self, guess: Tensor, answer: Tensor) -> Terms:
        """Cross-entropy in nats (B,)."""
        return {"label": F.cross_entropy(guess, answer, reduction="none")}

    def classify(self, x: Tensor) -> Tensor:
        """Probabilities (B, K) of the classes `names`, with labels behind x or without."""
        return self.predict(self.bare(x)).float().softmax(1)

    def encode(self, x: Tensor) -> Tensor:
        """Codes (B, D): the layer that the classes are read from."""
        return self._codes(self.bare(x))

    def layers(self, x: Tensor) -> dict[str, Tensor]:
        """The other method's layers."""
        return self.base.layers(self.bare(x))

    def maps(self, x: Tensor) -> dict[str, Tensor]:
        """The other method's maps."""
        return self.base.maps(self.bare(x))

    @property
    def scale(self) -> Any:
        """The other method's standardisation, for who takes its backbone out."""
        return self.base.scale

    @property
    def code_block(self) -> Any:
        """The block that gives the other method's code."""
        return self.base.code_block

    def score(self, x: Tensor, rng: torch.Generator, draws: int | None = None) -> Tensor:
        """Log-probability (B,) of the class that is guessed (Hendrycks & Gimpel 2017): samples unlike any class have less."""
        return self.classify(x).amax(1).log()

    def measures(self, x: Tensor) -> dict[str, float]:
        """Accuracy, where there are labels."""
        if x.shape[1:] == self.shape:
            return {}
        return {"accuracy": float((self.classify(x).argmax(1) == x[:, -1]).float().mean())}

    def net_words(self) -> str:
        """The net, and what is read from which of its layers."""
        return f"{self.base.net_words()}; a linear classifier of {len(self.names)} classes on {self.read}"

    def _codes(self, samples: Tensor) -> Tensor:
        """Codes (B, D) of samples (B, ...) without labels."""
        return self.base.layers(samples)[self.read]

    def bare(self, x: Tensor) -> Tensor:
        """Samples (B, ...) without the labels behind them."""
        return x if x.shape[1:] == self.shape else x[:, :-1].unflatten(1, self.shape)
