"""The contract: hide part of the data, predict it from the rest. A method fills in these verbs and nothing else.

One step, in full, is what `step` below does::

    seen, hidden = method.hide(x, rng)
    terms = method.loss(method.predict(seen), method.target(hidden))
    sum of terms -> backward -> optimiser step -> method.after_step(answer)

``x`` is a float32 batch on the device: images (B, C, H, W) in [0, 1], vectors (B, d) as they came. ``seen``,
``hidden``, ``guess`` and ``answer`` are a tensor or a NamedTuple of tensors; the leading axis is always B.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.errors import OptionError

Tree = Any  # a tensor, or a NamedTuple of tensors, each with the leading axis B
Terms = Mapping[str, Tensor]


class Moments(NamedTuple):
    """Statistics of the training part: of each channel (C,) or column (d,), float32."""

    mean: np.ndarray
    std: np.ndarray
    unit: bool  # whether every value lies in [0, 1]


@dataclass(frozen=True)
class Spec:
    """What a method may know of the data before it sees a batch: enough to build its networks.

    Only ``shape`` and ``kind`` are kept in a run folder, so a method that uses the moments keeps them in buffers.

    Attributes
    ----------
    shape
        Of one sample: (C, H, W) or (d,).
    kind
        ``"image"`` or ``"vector"``.
    """

    shape: tuple[int, ...]
    kind: Literal["image", "vector"]
    measure: Callable[[], Moments] | None = None  # None when a saved model is loaded: its buffers hold what it kept

    @property
    def size(self) -> int:
        """Number of values in one sample."""
        return math.prod(self.shape)

    @cached_property
    def moments(self) -> Moments:
        """Mean and deviation of the training part; measured in one pass when first asked for."""
        if self.measure is None:
            axis = self.shape[0]
            return Moments(np.zeros(axis, np.float32), np.ones(axis, np.float32), True)
        return self.measure()


class Samples(Protocol):
    """Rows in memory, as solvers see them: indexed by row numbers or a slice, they give a float32 batch."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: Tensor | slice) -> Tensor: ...
    def to(self, device: torch.device) -> Samples:
        """The same rows on the device, where they fit."""
        ...


class Recipe(TypedDict, total=False):
    """Training defaults that a method prefers; every one can be overridden by the option of the same name."""

    steps: int  # the number of epochs follows from it and the size of the data
    batch_size: int
    lr: float
    weight_decay: float
    optimizer: Literal["adamw", "sgd"]


class Method(nn.Module):
    """Base of every method. A constructor takes the options only; what depends on the data is made in `build`."""

    solver: ClassVar[Literal["sgd", "exact"]] = "sgd"  # the preferred way to solve the declared problem
    batch_coupled: ClassVar[bool] = False  # True if the loss compares samples with each other
    kinds: ClassVar[tuple[str, ...]] = ("image", "vector")  # the data it can learn from
    hides: ClassVar[str] = "part of the sample"  # for people: what is hidden
    recipe: ClassVar[Recipe] = {}
    progress: float = 0.0  # in [0, 1], set by the solver; schedules are plain functions of it

    def __init__(self) -> None:
        super().__init__()

    def build(self, spec: Spec) -> None:
        """Make the parts that depend on the shape of the data. A method with a fixed net needs none."""

    def hide(self, x: Tensor, rng: torch.Generator) -> tuple[Tree, Tree]:
        """Split x (B, ...) into what is seen and what is hidden. All randomness is here; x is left as it is."""
        raise NotImplementedError

    def predict(self, seen: Tree) -> Tree:
        """Guess what is hidden: the student."""
        raise NotImplementedError

    def target(self, hidden: Tree) -> Tree:
        """Where the answer lives: in the data (the default), a label, a latent."""
        return hidden

    def loss(self, guess: Tree, answer: Tree) -> Terms:
        """Weighted terms, each (B,) or a scalar; the sum of their means is minimised. Pure."""
        raise NotImplementedError

    def encode(self, x: Tensor) -> Tensor:
        """Codes (B, D) of x (B, ...): all that evaluation, saving and users see."""
        raise NotImplementedError

    def layers(self, x: Tensor) -> dict[str, Tensor]:
        """Codes (B, D_block) of every block that is worth a probe of its own."""
        return {"code": self.encode(x)}

    def decode(self, z: Tensor) -> Tensor:
        """Samples (B, ...) from codes (B, D), where the method has a way back."""
        raise OptionError(f"{type(self).__name__} has no decoder: it predicts {self.hides}, not the data")

    def after_step(self, answer: Tree) -> None:
        """After an optimiser step: a teacher's average, centring. The only place for state besides parameters."""

    def solve(self, mean: Tensor, covariance: Tensor, rows: int) -> None:
        """Set the parameters to the closed-form solution, from moments in float64 (``solver = "exact"``)."""
        raise OptionError(f"{type(self).__name__} has no closed form; use solver='sgd'")

    @classmethod
    def decodes(cls) -> bool:
        """Whether the method has a way back from codes to data."""
        return cls.decode is not Method.decode


def step(method: Method, x: Tensor, rng: torch.Generator) -> tuple[Terms, Tree, Tree]:
    """Hide, predict, target, loss: the terms, the guess and the answer of one batch."""
    seen, hidden = method.hide(x, rng)
    guess, answer = method.predict(seen), method.target(hidden)
    return method.loss(guess, answer), guess, answer


def total(terms: Terms) -> Tensor:
    """The scalar that is minimised: the sum over terms of the mean over the batch."""
    return torch.stack([term.mean() for term in terms.values()]).sum()


def permute(tree: Tree, order: Tensor) -> Tree:
    """Reorder the leading axis of a tensor or of a NamedTuple of tensors."""
    if isinstance(tree, Tensor):
        return tree[order]
    return type(tree)(*(permute(part, order) for part in tree))


@torch.no_grad()
def shuffle_gap(method: Method, x: Tensor, seed: int = 0, draws: int = 5) -> dict[str, float]:
    """Loss with the guesses permuted over the batch, minus the loss: how much a guess owes to its own sample.

    About 0 before training for every method; still about 0 later means that nothing is learnt, however small the loss.

    Parameters
    ----------
    x
        Batch (B, ...), best from held-out data, B >= 2.

    Returns
    -------
    dict
        ``loss``, ``shuffled`` (mean over the draws), ``gap`` and ``gap_sd`` (over the draws), in the loss's unit.
    """
    was_training = method.training
    method.eval()
    rng = torch.Generator(device=x.device).manual_seed(seed)
    terms, guess, answer = step(method, x, rng)
    loss = float(total(terms))
    shuffled = []
    for _ in range(draws):
        # a turn by a random number of places of a random order: no sample keeps its own guess
        order = torch.randperm(len(x), generator=rng, device=x.device)
        turned = torch.empty_like(order)
        turned[order] = order.roll(1)
        shuffled.append(float(total(method.loss(permute(guess, turned), answer))))
    method.train(was_training)
    mean = float(np.mean(shuffled))
    return {"loss": loss, "shuffled": mean, "gap": mean - loss, "gap_sd": float(np.std(shuffled))}
