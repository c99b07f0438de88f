"""The contract: hide part of the data, predict it from the rest. A method fills in these verbs and nothing else.

One step, in full, is what `step` below does::

    seen, hidden = method.hide(x, rng)
    terms = method.loss(method.predict(seen), method.target(hidden))

``x`` is a batch of the method's own view of the data, on the device. Rows of images are (B, C, H, W) float32 in [0, 1], rows of
tables (B, d) float32 as they came; of text it is int64: windows (B, 2 w + 1) or sequences (B, n) of word numbers, with -1 where a
sentence has ended, or pairs with their counts. ``seen``, ``hidden``, ``guess`` and ``answer`` are a tensor or a NamedTuple of
tensors; the leading axis is always B.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.errors import OptionError

Tree = Any  # a tensor, or a NamedTuple of tensors, each with the leading axis B
Terms = Mapping[str, Tensor]


class Samples(Protocol):
    """A view of data, as solvers see it: indexed by row numbers or a slice, it gives a batch x on the device."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: Tensor | slice) -> Tensor: ...
    def to(self, device: torch.device) -> Samples:
        """The same rows on the device, where they fit."""
        ...

    def probe(self, learnt: int) -> Tensor:
        """Numbers (m,) of those on which loss and gap are measured, where so many are learnt from."""
        ...


class About(Protocol):
    """What a method may know of the data before it sees a batch: enough to build its networks.

    Attributes
    ----------
    form
        Of the data (`selfsup.data.form`): ``kind``, ``shape`` of one sample, ``size``; of a table ``fields`` and ``missing``; of
        text ``shape`` is (V,) and ``words`` is the vocabulary. It is kept in the run folder.
    """

    form: Any

    def fact(self, name: str, **how: Any) -> Any:
        """Something measured of the data when asked for, once: "moments", "classes", "colours", "covariance", "counts",
        "cooccurrence".

        None is answered where it is not to be had any more: a saved model is made again from what was measured in training,
        which only the moments, the classes, the colours and the counts survive.
        """
        ...


class Data(About, Protocol):
    """A data set, or a part of one. Each kind of data has one implementation."""

    def __len__(self) -> int: ...
    def rows(self) -> Samples:
        """Samples of a table, or images."""
        ...

    def labelled(self, classes: Sequence[str] = ()) -> Samples:
        """Samples of a table, or images, flat, with the place of their label among the classes behind: (B, d + 1)."""
        ...

    def windows(self, width: int) -> Samples:
        """Of text: windows (B, 2 width + 1) around every word."""
        ...

    def sequences(self, length: int) -> Samples:
        """Of text: sentences (B, length), cut or filled with -1."""
        ...

    def passages(self, length: int, across: bool | None = None) -> Samples:
        """Of text: pieces (B, length) of it, over the ends of sentences, where -1 stands, or within; filled with -1."""
        ...

    def pairs(self, width: int) -> Samples:
        """Of text: pairs of words that stand within so many words of each other, (B, 3): row, column, count."""
        ...


class Recipe(TypedDict, total=False):
    """Training defaults that a method prefers; every one can be overridden by the option of the same name."""

    steps: int  # the number of epochs follows from it and the size of the data
    epochs: int  # passes over the data, instead of steps
    batch_size: int
    lr: float
    weight_decay: float
    optimizer: Literal["adamw", "sgd", "muon", "lars", "sparse-adam"]
    warmup: float
    clip: float | None
    betas: tuple[float, float]


class Start(NamedTuple):
    """What the first weights are."""

    name: str = (
        "random"  # or "pca", say: the model is then held against a random net, and never ends worse than it began
    )
    words: str = ""  # for people


class Method(nn.Module):
    """Base of every method. A constructor takes the options only; what depends on the data is made in `build`.

    Capabilities are declared by having a verb: ``solve(covariance)`` (a closed form, for the solver exact), ``problem()`` and
    ``tables()`` (for the fast solvers of word vectors), ``words()`` (the table (V, D) of word vectors that comes out), `decode`,
    `sample`, ``atoms()``.
    """

    kinds: ClassVar[tuple[str, ...]] = ("image", "table")  # the data it can learn from: image, table, text
    sees: ClassVar[str] = "the sample"  # for people: what it predicts from
    hides: ClassVar[str] = "part of the sample"  # for people: what is hidden
    solvers: ClassVar[tuple[str, ...]] = ("sgd",)  # that can solve the declared problem, in order of preference
    recipe: ClassVar[Recipe] = {}
    # share of its first loss to which the loss falls when eight samples are learnt by heart; of the loss with answers of others,
    # where a net makes the answers
    by_heart: ClassVar[float] = 0.35
    takes_missing: ClassVar[bool] = False  # whether x may hold NaN, for values that are missing
    weighed: ClassVar[bool] = False  # whether the length of a word's vector is its weight in a text
    coupled: bool = False  # True if the loss compares samples with each other
    # tensors that predict leaves for after_step, and which of several processes' counts
    noted: ClassVar[Mapping[str, Literal["max", "min"]]] = {}
    progress: float = 0.0  # in [0, 1], set by the solver; schedules are plain functions of it
    phases: int = 1  # equal parts of the training, in each of which the learning rate runs its whole course

    def __init__(self) -> None:
        super().__init__()

    def refuses(self, form: Any) -> str | None:
        """Why it cannot learn from data of this form, though they are of its kind, in words; None if it can."""
        return None

    def view(self, data: Data) -> Samples:
        """What a sample is: ``data.rows()`` (the default), ``data.windows(w)``, ``data.sequences(n)`` or ``data.pairs(w)``."""
        return data.rows()

    def build(self, about: About) -> None:
        """Make the parts that depend on the data. A method with a fixed net needs none."""

    def start(self, about: About) -> Start:
        """Set the first weights, where they are not to be those of `build`, from facts of the training part; draw nothing."""
        return Start()

    def net_words(self) -> str:
        """What the network is, for people."""
        words = str(getattr(getattr(self, "backbone", None), "words", ""))
        return words or f"{type(self).__name__}'s own net"

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

    def maps(self, x: Tensor) -> dict[str, Tensor]:
        """Maps (B, C, H, W) of the blocks of its backbone, where it has one and these are maps; x is scaled where it scales."""
        backbone: Any = getattr(self, "backbone", None)
        scale = getattr(self, "scale", None)
        if not callable(getattr(backbone, "mapped", None)) or x.ndim != 4:
            return {}
        outputs = backbone.outputs(scale(x) if isinstance(scale, nn.Module) else x)
        maps = {f"block{number}": backbone.mapped(out) for number, out in enumerate(outputs, start=1)}
        return {name: made for name, made in maps.items() if made is not None}

    def decode(self, z: Tensor) -> Tensor:
        """Samples (B, ...) from codes (B, D), where the method has a way back."""
        raise OptionError(f"{type(self).__name__} has no decoder: it predicts {self.hides}, not the data")

    def after_step(self, answer: Tree) -> None:
        """After an optimiser step: a teacher's average, centring. The only place for state besides parameters."""

    def rates(self) -> Mapping[str, float]:
        """Factors of the learning rate by prefix of parameter names, a pure function of `progress`; 0 freezes."""
        return {}

    def finish(self, about: About) -> None:
        """After the last step of descent: what follows from facts of the training part."""

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


def _each(terms: Terms, rows: int) -> Tensor:
    """Loss (B,) of each sample, in float64: beside a large constant a gap would be lost in the rounding of float32."""
    return torch.stack([term.detach().cpu().double().expand(rows) for term in terms.values()]).sum(0)


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
        ``loss`` and ``loss_sd`` (over the samples; 0 where a loss is of the batch as a whole), ``shuffled`` (mean over the
        draws), ``gap`` and ``gap_sd`` (over the draws), ``stir`` (by how much another sample's guess changes the loss of one, up
        or down: 0 where all guesses are the same), in the loss's unit.
    """
    if was_training := method.training:
        method.eval()
    rng = torch.Generator(device=x.device).manual_seed(seed)
    terms, guess, answer = step(method, x, rng)
    own, shuffled, stirred = _each(terms, len(x)), [], []
    for _ in range(draws):
        # a turn by a random number of places of a random order: no sample keeps its own guess
        order = torch.randperm(len(x), generator=rng, device=x.device)
        turned = torch.empty_like(order)
        turned[order] = order.roll(1)
        others = _each(method.loss(permute(guess, turned), answer), len(x))
        shuffled.append(float(others.mean()))
        stirred.append(float((others - own).abs().mean()))
    if was_training:
        method.train()
    mean, loss = float(np.mean(shuffled)), float(own.mean())
    return {
        "loss": loss, "loss_sd": float(own.std(correction=0)), "shuffled": mean, "gap": mean - loss,
        "gap_sd": float(np.std(shuffled)), "stir": float(np.mean(stirred)),
    }  # fmt: skip
