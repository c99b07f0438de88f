"""Methods that fail in a known way, small honest ones beside them, and the data they are planted in.

Every fault is made here and by no option of ours: a hide that forgets to hide, a loss that a constant answers, a mark in the
picture. `_panels.py` says which is tried on which data; `_truth.py` measures what became of it.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup import Method
from selfsup.method import Recipe
from selfsup.methods import find
from selfsup.methods.autoencoder.base import scaling
from selfsup.options import Range

Denoising, Rotation = (find(name)[1] for name in ("denoising", "rotation"))


class Rows(NamedTuple):
    """Samples to learn from, and fresh ones to measure the truth on."""

    x: np.ndarray
    labels: np.ndarray
    fresh: np.ndarray
    fresh_labels: np.ndarray


def parted(x: np.ndarray, labels: np.ndarray, learnt: int, fresh: int, seed: int) -> Rows:
    """Two disjoint draws of rows."""
    order = np.random.default_rng(seed).permutation(len(x))
    first, last = order[:learnt], order[learnt : learnt + fresh]
    return Rows(x[first], labels[first], x[last], labels[last])


@cache
def digits(learnt: int = 900, seed: int = 0) -> Rows:
    """8 x 8 digits of scikit-learn."""
    from sklearn.datasets import load_digits

    x, labels = load_digits(return_X_y=True)
    return parted(x.reshape(-1, 8, 8).astype(np.float32), labels, learnt, 1797 - learnt, seed)


@cache
def table(name: str, learnt: int, seed: int = 0) -> Rows:
    """A table of scikit-learn: wine, breast_cancer, iris or diabetes (above the median or not)."""
    from sklearn import datasets

    x, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    if name == "diabetes":
        labels = (labels > np.median(labels)).astype(int)
    return parted(x.astype(np.float32), labels.astype(int), learnt, len(x) - learnt, seed)


@cache
def curved(learnt: int = 800, seed: int = 0) -> Rows:
    """Five classes along a folded sheet of 3 dimensions in 40 columns, and noise."""
    rng = np.random.default_rng(11)
    z = rng.uniform(-1, 1, (learnt + 1500, 3))
    lift = [np.sin(z @ rng.normal(0, 2, (3, 20))), np.cos(z @ rng.normal(0, 2, (3, 20)))]
    x = np.concatenate(lift, 1) + 0.1 * rng.standard_normal((len(z), 40))
    return parted(x.astype(np.float32), np.digitize(z[:, 0], (-0.6, -0.2, 0.2, 0.6)), learnt, 1500, seed)


@cache
def photos(name: str, learnt: int = 700, fresh: int = 700, seed: int = 0, of: int = 4000) -> Rows:
    """MNIST (n, 28, 28) or CIFAR-10 (n, 32, 32, 3), from the first so many of the training part."""
    from _timing import data_folder
    from selfsup.data.open import open_data

    data = open_data(data_folder() / name, limit=of, progress=False).whole()
    x = data.rows()[torch.arange(len(data))].numpy()  # (n, C, H, W) in [0, 1]
    x = np.rint(255 * x.transpose(0, 2, 3, 1)).astype(np.uint8)
    return parted(x[..., 0] if x.shape[3] == 1 else x, np.asarray(data.labels), learnt, fresh, seed)


def changed(rows: Rows, change) -> Rows:
    """The same rows with something done to all samples, from the same seed for both parts."""
    return rows._replace(x=change(rows.x, 1), fresh=change(rows.fresh, 2))


def scaled(rows: Rows) -> Rows:
    """Columns in standard units."""
    mean, std = rows.x.mean(0), rows.x.std(0)
    return rows._replace(x=(rows.x - mean) / std, fresh=(rows.fresh - mean) / std)


def noise_like(x: np.ndarray, seed: int) -> np.ndarray:
    """Every value drawn anew, uniformly within the range of all."""
    rng = np.random.default_rng([5, seed])
    return rng.uniform(x.min(), x.max(), x.shape).astype(x.dtype)


def columns_apart(x: np.ndarray, seed: int) -> np.ndarray:
    """Every column in an order of its own: what stands in one tells nothing of another."""
    rng = np.random.default_rng([6, seed])
    return np.stack([rng.permutation(column) for column in x.T], 1)


def marked(x: np.ndarray, seed: int, size: int = 2) -> np.ndarray:
    """A white square in the lower left corner."""
    x = x.copy()
    x[:, -size:, :size] = 255 if x.dtype == np.uint8 else x.max()
    return x


def barred(x: np.ndarray, seed: int) -> np.ndarray:
    """A white line along the lower edge, as of a caption."""
    x = x.copy()
    x[:, -1] = 255 if x.dtype == np.uint8 else x.max()
    return x


def lit(x: np.ndarray, seed: int) -> np.ndarray:
    """Lit from above: brighter towards the upper edge."""
    light = np.linspace(0.6, 0.0, x.shape[1]).reshape(1, -1, *[1] * (x.ndim - 2))
    most = 255 if x.dtype == np.uint8 else x.max()
    return ((0.4 * x + most * light).clip(0, most)).astype(x.dtype)


def tinted(x: np.ndarray, seed: int) -> np.ndarray:
    """Colours (n, H, W, 3) that run over the picture: red to the right, blue downwards."""
    x, (height, width) = x.astype(np.float32).copy(), x.shape[1:3]
    x = 60 + 0.25 * x
    x[..., 0] += np.linspace(0, 120, width)[None, None, :]
    x[..., 2] += np.linspace(0, 120, height)[None, :, None]
    return x.clip(0, 255).astype(np.uint8)


def toned(x: np.ndarray, seed: int) -> np.ndarray:
    """Pictures (n, H, W, 3) as grey ones in a tone of brown that follows from the grey."""
    grey = x.astype(np.float32).mean(3, keepdims=True)
    return (grey * np.array([1.0, 0.75, 0.45], np.float32)).clip(0, 255).astype(np.uint8)


def tripled(x: np.ndarray, seed: int) -> np.ndarray:
    """Grey pictures (n, H, W) with three equal channels."""
    return np.repeat(x[..., None], 3, 3)


def with_copy(column: int):
    """A last column that is a column in other units: 3 times it, and 7."""
    return lambda x, seed: np.concatenate([x, 3 * x[:, [column]] + 7], 1).astype(np.float32)


def with_label(rows: Rows) -> Rows:
    """The label as the first column and, coded otherwise, as the last."""

    def put(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return np.concatenate([labels[:, None], x, 10 - 2 * labels[:, None]], 1).astype(np.float32)

    return rows._replace(x=put(rows.x, rows.labels), fresh=put(rows.fresh, rows.fresh_labels))


class Twins(Method):
    """Two noisy views of a sample are to have the same code.

    Without a stop-gradient (Chen & He 2021, section 4.1) and at `variance` 0 a constant is the best answer. A variance without a
    covariance (Bardes et al. 2022, section 4) keeps one direction alive, in every unit the same.

    Parameters
    ----------
    variance
        Weight of the term that keeps the deviation of every unit at 1.
    covariance
        Weight of the term that keeps units from saying the same.
    noise
        Deviation of the noise of a view, of that of the data.
    dim
        Width of the code.
    """

    sees, hides, coupled = "a noisy view", "another noisy view", True
    recipe: ClassVar[Recipe] = {"lr": 3e-3, "steps": 400, "batch_size": 128}

    def __init__(
        self, variance: float = 0.0, covariance: float = 0.0, noise: float = 0.5, dim: Annotated[int, Range(1)] = 32
    ) -> None:
        super().__init__()
        self.variance, self.covariance, self.noise, self.dim = variance, covariance, noise, dim

    def build(self, about) -> None:
        moments, axes = about.fact("moments"), len(about.form.shape)
        self.scale = scaling(about.form, moments)
        self.spread = float(moments.std.mean()) if axes == 3 and moments.unit else 1.0
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(about.form.size, 96), nn.ReLU(), nn.Linear(96, self.dim))

    def hide(self, x, rng):
        x = self.scale(x)
        drawn = [torch.randn(x.shape, generator=rng, device=x.device) for _ in range(2)]
        return tuple(x + self.noise * self.spread * one for one in drawn)

    def predict(self, seen):
        return self.encoder(seen)

    def target(self, hidden):
        return self.encoder(hidden)  # no detach: this is what breaks it

    def loss(self, guess, answer):
        terms = {"distance": (guess - answer).square().mean(1)}
        if self.variance:
            short = sum(F.relu(1 - (z.var(0) + 1e-4).sqrt()).mean() for z in (guess, answer))
            terms["variance"] = self.variance * short
        if self.covariance:
            products = [(z - z.mean(0)).T @ (z - z.mean(0)) / (len(z) - 1) for z in (guess, answer)]
            other = sum((one - torch.diag(one.diag())).square().sum() for one in products)
            terms["covariance"] = self.covariance * other / self.dim
        return terms

    def encode(self, x):
        return self.encoder(self.scale(x))


class Column(Method):
    """Predict one column of a table from the others.

    Parameters
    ----------
    column
        Which, from 0; from the end below 0.
    forgets
        The column is not hidden, though it is asked for.
    hidden
        Units of each of the two hidden layers.
    """

    kinds, sees, hides = ("table",), "the other columns", "one column"
    recipe: ClassVar[Recipe] = {"lr": 3e-3, "steps": 600, "batch_size": 64}
    by_heart = 0.8

    def __init__(self, column: int = 0, forgets: bool = False, hidden: Annotated[int, Range(1)] = 64) -> None:
        super().__init__()
        self.column, self.forgets, self.hidden = column, forgets, hidden

    def build(self, about) -> None:
        self.scale = scaling(about.form, about.fact("moments"))
        size, width = about.form.size, self.hidden
        self.encoder = nn.Sequential(nn.Linear(size, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.head = nn.Linear(width, 1)

    def blank(self, x: Tensor) -> Tensor:
        x = x.clone()
        if not self.forgets:
            x[:, self.column] = 0
        return x

    def hide(self, x, rng):
        x = self.scale(x)
        return self.blank(x), x[:, self.column]

    def predict(self, seen):
        return self.head(self.encoder(seen))[:, 0]

    def loss(self, guess, answer):
        return {"column": (guess - answer).square()}

    def encode(self, x):
        return self.encoder(self.blank(self.scale(x)))


class Filled(Method):
    """Fill in a square of a picture.

    Parameters
    ----------
    forgets
        What is not hidden: nothing, one channel of the square, or a copy of the square in the corner.
    hidden
        Units of the hidden layer.
    """

    kinds, sees, hides = ("image",), "what lies around a square", "the square"
    recipe: ClassVar[Recipe] = {"lr": 2e-3, "steps": 600, "batch_size": 64}
    by_heart = 0.8

    def __init__(
        self,
        forgets: Literal["nothing", "channel", "copy"] = "nothing",
        hidden: Annotated[int, Range(1)] = 128,
    ) -> None:
        super().__init__()
        self.forgets, self.hidden = forgets, hidden

    def build(self, about) -> None:
        channels, height, width = about.form.shape
        side = min(height, width) // 3
        self.top, self.left, self.side = (height - side) // 2, (width - side) // 2, side
        moments = about.fact("moments")
        self.scale = scaling(about.form, moments)
        self.into = nn.Sequential(nn.Flatten(), nn.Linear(about.form.size, self.hidden), nn.ReLU())
        self.deeper = nn.Sequential(nn.Linear(self.hidden, self.hidden), nn.ReLU())
        self.head = nn.Linear(self.hidden, channels * side * side)

    def square(self, x: Tensor) -> Tensor:
        """The square (B, C, S, S), a window into x (B, C, H, W)."""
        return x[:, :, self.top : self.top + self.side, self.left : self.left + self.side]

    def blank(self, x: Tensor) -> Tensor:
        """X without its square."""
        x, was = x.clone(), self.square(x).clone()
        self.square(x)[:, 1 if self.forgets == "channel" else 0 :] = 0
        if self.forgets == "copy":
            x[:, :, : self.side, : self.side] = was
        return x

    def hide(self, x, rng):
        x = self.scale(x)
        return self.blank(x), self.square(x)

    def predict(self, seen):
        return self.head(self.deeper(self.into(seen))).view(len(seen), -1, self.side, self.side)

    def loss(self, guess, answer):
        return {"square": (guess - answer).square().flatten(1).mean(1)}

    def encode(self, x):
        return self.deeper(self.into(self.scale(x)))


class Still(Denoising):
    """Denoising whose codes come to be the same for every sample: they are pressed together by a loss of their own.

    Parameters
    ----------
    press
        Weight of the variance of the codes in the loss.
    """

    def __init__(self, press: float = 100.0, **more) -> None:
        super().__init__(**more)
        self.press = press

    coupled = True

    def loss(self, guess, answer):
        return {**super().loss(guess, answer), "press": self.press * guess.code.var(0).sum()}


class OneWay(Rotation):
    """Rotation whose guess is the mean guess of the batch."""

    coupled = True

    def predict(self, seen):
        guess = super().predict(seen)
        return guess.mean(0, keepdim=True).expand_as(guess)


@cache
def rings(learnt: int = 700, seed: int = 0) -> Rows:
    """Four shells around one centre in 3 dimensions, turned into 24 columns, and noise."""
    rng = np.random.default_rng(12)
    z = rng.standard_normal((learnt + 1200, 3))
    labels = rng.integers(0, 4, len(z))
    z *= ((1 + labels) / np.linalg.norm(z, axis=1))[:, None]
    x = z @ rng.standard_normal((3, 24)) + 0.2 * rng.standard_normal((len(z), 24))
    return parted(x.astype(np.float32), labels, learnt, 1200, seed)


@cache
def waves(learnt: int = 700, seed: int = 0) -> Rows:
    """Stretches of 24 values of sums of two waves with noise, by the quicker one's length; the last but one is the last again."""
    rng = np.random.default_rng(13)
    count, time = learnt + 1000, np.arange(24)
    labels = rng.integers(0, 3, count)
    quick = np.array([3.1, 4.3, 6.7])[labels]
    phases, slow = rng.uniform(0, 2 * np.pi, (2, count, 1)), rng.uniform(9, 14, (count, 1))
    x = np.sin(2 * np.pi * time / quick[:, None] + phases[0]) + np.sin(2 * np.pi * time / slow + phases[1])
    x += 0.3 * rng.standard_normal(x.shape)
    return parted(x.astype(np.float32), labels, learnt, 1000, seed)


def nearly_copied(column: int, place: int):
    """One column in the place of another, to within a hundredth."""

    def put(x: np.ndarray, seed: int) -> np.ndarray:
        x, rng = x.copy(), np.random.default_rng([7, seed])
        x[:, place] = -x[:, column] + 0.01 * x[:, column].std() * rng.standard_normal(len(x))
        return x

    return put
