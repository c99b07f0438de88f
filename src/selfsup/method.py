"""The contract: hide part of the data, predict it from the rest. A method fills in these verbs and nothing else.

One step, in full, is what `step` below does::

    seen, hidden = method.hide(x, rng)
    terms = method.loss(method.predict(seen), method.target(hidden))
    sum of terms -> backward -> optimiser step -> method.after_step(answer)

``x`` is a float32 batch on the device: images (B, C, H, W) in [0, 1], vectors (B, d) as they came; of text it is int64, windows
(B, 2 w + 1) of word numbers with -1 where a sentence ends. ``seen``,
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
    """Statistics of the training part: of each channel (C,) or column (d,), float32; missing values do not count."""

    mean: np.ndarray
    std: np.ndarray
    unit: bool  # whether every value lies in [0, 1]

    @property
    def binary(self) -> bool:
        """Whether every value is 0 or 1: in [0, 1], x^2 = x holds for these alone, so the mean tells the variance."""
        mean, variance = self.mean.astype(np.float64), np.square(self.std.astype(np.float64))
        return self.unit and bool(np.allclose(mean - mean**2, variance, rtol=1e-4, atol=1e-6))


@dataclass(frozen=True)
class Field:
    """One column of a table, as its user knows it.

    Attributes
    ----------
    name
        Of the column.
    kind
        ``"number"``: one value in x. ``"boolean"``: one value, 0 or 1. ``"category"``: as many values in x as it has
        categories, one of them 1 and the others 0. A missing value is NaN (for a category: all its values).
    values
        The categories, in order; for a boolean that came as words, the two words; empty otherwise.
    """

    name: str
    kind: Literal["number", "boolean", "category"]
    values: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Number of values of x that it takes."""
        return len(self.values) if self.kind == "category" else 1


class Bags(NamedTuple):
    """Rows of a table that the vectors of words are means of: a word's own row first, then those of its n-grams."""

    offsets: np.ndarray  # (V + 1,) int64: word i has rows[offsets[i] : offsets[i + 1]]
    rows: np.ndarray  # (n,) int32, each in [0, size)
    size: int  # rows of the table


@dataclass(frozen=True)
class Spec:
    """What a method may know of the data before it sees a batch: enough to build its networks.

    Only ``shape`` and ``kind`` are kept in a run folder, so a method that uses the moments keeps them in buffers.

    Attributes
    ----------
    shape
        Of one sample: (C, H, W) or (d,); of text (V,), the size of the vocabulary.
    kind
        ``"image"``, ``"vector"`` or ``"text"``.
    covary
        Called with the most rows to look at (None: all), gives mean (d,), covariance (d, d) of the flattened training
        part, float64, and the number of rows they are of, in one pass.
    """

    shape: tuple[int, ...]
    kind: Literal["image", "vector", "text"]
    measure: Callable[[], Moments] | None = None  # None when a saved model is loaded: its buffers hold what it kept
    covary: Callable[[int | None], tuple[Tensor, Tensor, int]] | None = None  # None too for the untrained baseline
    fields: tuple[Field, ...] | None = None  # of a table with columns that are not all numbers; their widths sum to d
    missing: bool = False  # whether x may hold NaN
    counts: np.ndarray | None = None  # (V,) how often each word of the vocabulary occurs, in text
    bags: Bags | None = None  # of the words of the vocabulary, where subwords were asked for

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

    solver: ClassVar[Literal["sgd", "exact", "hogwild", "batched"]] = (
        "sgd"  # the preferred way to solve the declared problem
    )
    batch_coupled: bool = False  # True if the loss compares samples with each other
    kinds: ClassVar[tuple[str, ...]] = ("image", "vector")  # the data it can learn from
    hides: ClassVar[str] = "part of the sample"  # for people: what is hidden
    recipe: ClassVar[Recipe] = {}
    takes_missing: ClassVar[bool] = False  # whether x may hold NaN, for values that are missing
    progress: float = 0.0  # in [0, 1], set by the solver; schedules are plain functions of it
    phases: int = 1  # equal parts of the training, in each of which the learning rate runs its whole course

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

    def finish(self, spec: Spec) -> None:
        """After the last step of descent: what follows from statistics of the training part (`spec.covary`)."""

    def score(self, x: Tensor, rng: torch.Generator, draws: int | None = None) -> Tensor:
        """How normal each sample is, (B,); higher is more normal. By default minus the loss, over draws of what is hidden.

        Parameters
        ----------
        draws
            How often the random part is drawn; None is the method's default (here 1).
        """
        found = torch.zeros(len(x), device=x.device)
        for _ in range(draws or 1):
            terms = step(self, x, rng)[0]
            found -= torch.stack([term.expand(len(x)) for term in terms.values()]).sum(0) / (draws or 1)
        return found

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """New samples (n, ...) from the distribution that was learnt, where the method has one."""
        raise OptionError(f"{type(self).__name__} has no distribution to draw samples from")

    def show(self, part: Tree) -> Tree:
        """What a person should look at of something seen, guessed or answered: by default the thing itself."""
        return part

    def measures(self, x: Tensor) -> dict[str, float]:
        """The method's own figures on a batch (B, ...): kept in every epoch's record."""
        return {}

    def remarks(self, measures: Mapping[str, float]) -> list[str]:
        """Sentences of caution that follow from the last figures, each with a remedy."""
        return []

    @classmethod
    def decodes(cls) -> bool:
        """Whether the method has a way back from codes to data."""
        return cls.decode is not Method.decode

    @classmethod
    def samples(cls) -> bool:
        """Whether the method has a distribution of its own to draw from."""
        return cls.sample is not Method.sample


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
    if was_training := method.training:
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
    if was_training:
        method.train()
    mean = float(np.mean(shuffled))
    return {"loss": loss, "shuffled": mean, "gap": mean - loss, "gap_sd": float(np.std(shuffled))}
