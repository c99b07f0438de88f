"""Data and faults of the third panel: none of them is in the first two."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import _planted as p
from _planted import Rows, parted, photos
from selfsup import Method
from selfsup.method import Recipe
from selfsup.methods.autoencoder.base import scaling
from selfsup.options import Range


@cache
def pulses(learnt: int = 2000, seed: int = 0) -> Rows:
    """Stretches of 32 values with a pulse of one of four forms somewhere, the end being joined to the beginning."""
    rng, time = np.random.default_rng(21), np.linspace(-1, 1, 9)
    forms = np.stack([1 - time**2, time, np.sign(time) * (1 - abs(time)), np.cos(3 * np.pi * time)])
    labels, count = rng.integers(0, 4, learnt + 2000), learnt + 2000
    x = 0.2 * rng.standard_normal((count, 32))
    x[:, :9] += rng.uniform(0.8, 1.4, (count, 1)) * forms[labels]
    places = (np.arange(32) + rng.integers(0, 32, (count, 1))) % 32
    return parted(np.take_along_axis(x, places, 1).astype(np.float32), labels, learnt, 2000, seed)


@cache
def gratings(learnt: int = 1500, seed: int = 0) -> Rows:
    """Stripes of four directions in 12 x 12 pixels, anywhere, under noise."""
    rng, count = np.random.default_rng(22), learnt + 2000
    labels, at = rng.integers(0, 4, count), np.arange(12)
    angle, length = labels * np.pi / 4 + rng.normal(0, 0.1, count), rng.uniform(3.5, 5.5, count)
    phase = (np.cos(angle) / length)[:, None, None] * at[:, None] + (np.sin(angle) / length)[:, None, None] * at
    x = np.sin(2 * np.pi * (phase + rng.uniform(0, 1, (count, 1, 1)))) + 0.7 * rng.standard_normal((count, 12, 12))
    return parted((128 + 60 * x).clip(0, 255).astype(np.uint8), labels, learnt, 2000, seed)


@cache
def factors(learnt: int = 2500, seed: int = 0) -> Rows:
    """Six factors in 30 columns of other units, with noise that has long tails; the label is the quarter of the first two."""
    rng = np.random.default_rng(23)
    z = rng.standard_normal((learnt + 3000, 6))
    x = z @ rng.standard_normal((6, 30)) + rng.standard_t(4, (len(z), 30))
    labels = 2 * (z[:, 0] > 0) + (z[:, 1] > 0)
    return parted((x * rng.uniform(0.1, 50, 30)).astype(np.float32), labels, learnt, 3000, seed)


@cache
def products(learnt: int = 2500, seed: int = 0) -> Rows:
    """Five factors in 20 columns; the last column is the product of two of them, under noise; the label is its third."""
    rng = np.random.default_rng(24)
    z = rng.standard_normal((learnt + 3000, 5))
    product = z[:, 0] * z[:, 1]
    x = z @ rng.standard_normal((5, 20)) + 0.2 * rng.standard_normal((len(z), 20))
    x = np.concatenate([x, product[:, None] + rng.standard_normal((len(z), 1))], 1)
    return parted(x.astype(np.float32), np.digitize(product, (-0.3, 0.3)), learnt, 3000, seed)


@cache
def survey(learnt: int = 2000, seed: int = 0) -> Rows:
    """30 questions answered by yes or no, and an income, of five kinds of people."""
    rng = np.random.default_rng(25)
    labels = rng.integers(0, 5, learnt + 2000)
    yes = rng.beta(1.2, 1.2, (5, 30))[labels] > rng.uniform(0, 1, (len(labels), 30))
    income = np.exp(rng.normal(10, 0.5, len(labels)) + 0.1 * labels)
    return parted(np.column_stack([yes, income]).astype(np.float32), labels, learnt, 2000, seed)


@cache
def shapes(learnt: int = 1500, seed: int = 0) -> Rows:
    """A disc, a square, a cross or a ring in 16 x 16 pixels, of a colour that goes with the form, on a coloured ground."""
    rng, count = np.random.default_rng(26), learnt + 1500
    labels = rng.integers(0, 4, count)
    across, down = np.arange(16) - rng.uniform(5, 10, (2, count, 1))  # (count, 16) each
    across, down, size = abs(across)[:, None, :], abs(down)[:, :, None], rng.uniform(3, 5, (count, 1, 1))
    far = np.hypot(across, down)
    inside = np.select(
        [labels[:, None, None] == n for n in range(4)],
        [far < size, np.maximum(across, down) < 0.9 * size,
         (np.minimum(across, down) < 0.35 * size) & (np.maximum(across, down) < size),
         (far < size) & (far > 0.55 * size)],
    )  # fmt: skip
    colours = np.array([[220, 60, 50], [60, 190, 80], [70, 90, 220], [230, 200, 60]])[labels]
    ground = rng.integers(40, 120, (count, 1, 1, 1)) * np.array([1.0, 0.9, 0.8])
    x = np.where(inside[..., None], colours[:, None, None], ground) + rng.normal(0, 12, (count, 16, 16, 3))
    return parted(x.clip(0, 255).astype(np.uint8), labels, learnt, 1500, seed)


@cache
def photographs(learnt: int = 1200, seed: int = 0) -> Rows:
    """Windows of 20 x 20 pixels in two photographs; the label is which of the two, and the upper or the lower half."""
    from sklearn.datasets import load_sample_images

    rng, count = np.random.default_rng(27), learnt + 1200
    both = np.stack([smaller(image[None, :426], 2)[0] for image in load_sample_images().images])  # (2, 213, 320, 3)
    which, top, left = rng.integers(0, 2, count), rng.integers(0, 193, count), rng.integers(0, 300, count)
    x = np.stack([both[w, t : t + 20, at : at + 20] for w, t, at in zip(which, top, left, strict=True)])
    return parted(x, 2 * which + (top > 96), learnt, 1200, seed)


def smaller(x: np.ndarray, by: int) -> np.ndarray:
    """Images (n, H, W[, C]), every so many pixels averaged in both directions."""
    n, height, width = len(x), x.shape[1] // by, x.shape[2] // by
    parts = x[:, : height * by, : width * by].reshape(n, height, by, width, by, *x.shape[3:])
    return np.rint(parts.mean((2, 4))).astype(np.uint8)


@cache
def little() -> Rows:
    """MNIST in 14 x 14 pixels."""
    rows = photos("mnist", 1800, 1800, seed=7, of=3600)
    return rows._replace(x=smaller(rows.x, 2), fresh=smaller(rows.fresh, 2))


@cache
def scenes(by: int = 3) -> Rows:
    """Photographs of ten kinds of things in 32 x 32 pixels, or 48 x 48."""
    rows = photos("imagenette96", 1000, 600, seed=7, of=1600)
    return rows._replace(x=smaller(rows.x, by), fresh=smaller(rows.fresh, by))


def copyright_bar(x: np.ndarray, seed: int) -> np.ndarray:
    """A dark bar with light letters along the lower edge."""
    x, height = x.copy(), max(3, x.shape[1] // 10)
    x[:, -height:] = 20
    x[:, -height + 1 : -1, x.shape[2] // 3 :: 2] = 230
    return x


def bordered(x: np.ndarray, seed: int, width: int = 4) -> np.ndarray:
    """A border of one colour on every side."""
    x, colour = x.copy(), np.array([200, 40, 160], np.uint8)
    for side in (np.s_[:, :width], np.s_[:, -width:], np.s_[:, :, :width], np.s_[:, :, -width:]):
        x[side] = colour
    return x


def vignetted(x: np.ndarray, seed: int) -> np.ndarray:
    """Darker with the distance from a point right of the middle, as by a scanner whose lid stands open."""
    down, across = (np.linspace(-1, 1, size) for size in x.shape[1:3])
    far = np.square(across - 0.7)[None] + np.square(down)[:, None]
    light = (1 / (1 + 3 * far)).reshape(1, *far.shape, *[1] * (x.ndim - 3))
    return (x * light).astype(x.dtype)


def dated(x: np.ndarray, seed: int) -> np.ndarray:
    """A date in orange in the lower right corner, another in each picture."""
    x, rng = x.copy(), np.random.default_rng([28, seed])
    height, width = max(3, x.shape[1] // 8), x.shape[2] // 2
    ink = rng.uniform(0, 1, (len(x), height, width)) < 0.6
    x[:, -height - 1 : -1, -width - 1 : -1][ink] = (255, 140, 20)
    return x


def squeezed(x: np.ndarray, seed: int) -> np.ndarray:
    """As JPEG at a low quality: blocks of 8 pixels that begin at the upper left corner."""
    from PIL import Image

    def again(one: np.ndarray) -> np.ndarray:
        stored = io.BytesIO()
        Image.fromarray(one).save(stored, "jpeg", quality=4)
        return np.asarray(Image.open(stored))

    return np.stack([again(one) for one in x])


def lensed(x: np.ndarray, seed: int, share: float = 0.12) -> np.ndarray:
    """Red and blue larger about the middle, as by a cheap lens."""
    axis = torch.linspace(-1, 1, x.shape[1]) / (1 + share)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).flip(-1).expand(len(x), -1, -1, -1)
    x = torch.tensor(x)
    wide = F.grid_sample(x[..., ::2].permute(0, 3, 1, 2).float(), grid, padding_mode="border", align_corners=True)
    x[..., ::2] = wide.permute(0, 2, 3, 1).round().to(x.dtype)
    return x.numpy()


def cast(x: np.ndarray, seed: int) -> np.ndarray:
    """Grey photographs, each in a colour of its own."""
    colour = np.random.default_rng([29, seed]).uniform(0.1, 1.0, (len(x), 1, 1, 3))
    return (one_tone(x, seed) * colour).astype(np.uint8)


def one_tone(x: np.ndarray, seed: int) -> np.ndarray:
    """Pale grey photographs of little contrast."""
    return np.repeat(180 + 0.15 * x.mean(3, keepdims=True), 3, 3).astype(np.uint8)


def greyed(x: np.ndarray, seed: int) -> np.ndarray:
    """Grey pictures as three channels, of which the second is lighter and the third darker."""
    grey = x.mean(3, keepdims=True)
    return np.concatenate([grey, 0.8 * grey + 50, 0.7 * grey], 3).astype(np.uint8)


def rounds(x: np.ndarray, seed: int) -> np.ndarray:
    """Pictures that look the same at every turn: what is drawn depends on the distance from the middle alone."""
    side = x.shape[1]
    axis = np.arange(side) - (side - 1) / 2
    ring = np.hypot(axis, axis[:, None]).astype(int)
    return np.random.default_rng([30, seed]).integers(0, 256, (len(x), ring.max() + 1)).astype(np.uint8)[:, ring]


def put(*columns: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Callable[[np.ndarray, int], np.ndarray]:
    """Further columns, each made of all there are before it."""

    def made(x: np.ndarray, seed: int) -> np.ndarray:
        for n, column in enumerate(columns):
            found = column(x, np.random.default_rng([31, n, seed]))
            x = np.column_stack([x, found]).astype(np.float32)
        return x

    return made


def rounded(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The third column in steps of a fifth of its deviation."""
    return np.round(x[:, 2] / (step := 0.2 * x[:, 2].std())) * step


def grown(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The fifth column as its exponential."""
    return np.exp(0.7 * x[:, 4] / x[:, 4].std())


def total(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The first two columns, in units of their deviation, added up."""
    return x[:, 0] / x[:, 0].std() + x[:, 1] / x[:, 1].std()


def stamp(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Seconds at which a row was written down."""
    return rng.uniform(0, 1e5, len(x))


def meter(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a counter shows at the time in the last column."""
    return x[:, -1] ** 1.1 + rng.normal(0, 600, len(x))


def group(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A group from 0 to 4 that has little to do with the other columns."""
    return rng.integers(0, 5, len(x))


def one_hot(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The last column as five."""
    return np.eye(5)[x[:, -1].astype(int)]


class Rest(Method):
    """Predict the second half of a row from the first.

    Parameters
    ----------
    hidden
        Units of each of the two hidden layers.
    """

    kinds, sees, hides = ("table",), "the first half of a row", "the second half"
    recipe: ClassVar[Recipe] = {"lr": 2e-3, "steps": 600, "batch_size": 64}
    by_heart = 0.8

    def __init__(self, hidden: Annotated[int, Range(1)] = 96) -> None:
        super().__init__()
        self.hidden = hidden

    def build(self, about) -> None:
        self.half, width = about.form.size // 2, self.hidden
        self.scale = scaling(about.form, about.fact("moments"))
        self.encoder = nn.Sequential(nn.Linear(self.half, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.head = nn.Linear(width, about.form.size - self.half)

    def hide(self, x, rng):
        x = self.scale(x)
        return x[:, : self.half], x[:, self.half :]

    def predict(self, seen):
        return self.head(self.encoder(seen))

    def loss(self, guess, answer):
        return {"half": (guess - answer).square().mean(1)}

    def encode(self, x):
        return self.encoder(self.scale(x)[:, : self.half])


class Contrast(Method):
    """Tell a moved sample from other samples (InfoNCE; van den Oord et al. 2018).

    A sample is moved in a circle: what leaves it on one side comes back on the other.

    Parameters
    ----------
    apart
        Whether other samples are pushed away. If not, a constant is the best answer.
    noise
        Deviation of the noise of a view.
    dim
        Width of the code.
    """

    sees, hides, coupled = "a moved sample", "the same sample moved otherwise", True
    recipe: ClassVar[Recipe] = {"lr": 2e-3, "steps": 600, "batch_size": 128}

    def __init__(self, apart: bool = True, noise: float = 0.1, dim: Annotated[int, Range(1)] = 48) -> None:
        super().__init__()
        self.apart, self.noise, self.dim = apart, noise, dim

    def build(self, about) -> None:
        self.scale = scaling(about.form, about.fact("moments"))
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(about.form.size, 128), nn.ReLU(), nn.Linear(128, self.dim))

    def moved(self, x: Tensor, rng: torch.Generator) -> Tensor:
        """X (B, d) or (B, C, H, W), each sample by a distance of its own."""
        for axis in range(x.ndim - 1, 1 if x.ndim > 2 else 0, -1):
            size = x.shape[axis]
            by = torch.randint(size, (len(x), 1), generator=rng, device=x.device)
            places = (torch.arange(size, device=x.device) + by) % size  # (B, size)
            places = places.view(len(x), *[size if n == axis else 1 for n in range(1, x.ndim)])
            x = x.gather(axis, places.expand_as(x))
        return x + self.noise * torch.randn(x.shape, generator=rng, device=x.device)

    def hide(self, x, rng):
        x = self.scale(x)
        return self.moved(x, rng), self.moved(x, rng)

    def predict(self, seen):
        return self.encoder(seen)

    def target(self, hidden):
        return self.encoder(hidden)

    def loss(self, guess, answer):
        if not self.apart:
            return {"distance": (guess - answer).square().mean(1)}
        likeness = F.normalize(guess, dim=1) @ F.normalize(answer, dim=1).T / 0.2  # (B, B)
        return {"which": F.cross_entropy(likeness, torch.arange(len(guess), device=guess.device), reduction="none")}

    def encode(self, x):
        return self.encoder(self.scale(x))


class Dimmed(p.Filled):
    """Fill in a square that was only made dimmer."""

    def __init__(
        self, forgets: Literal["nothing", "dimmed"] = "dimmed", hidden: Annotated[int, Range(1)] = 128
    ) -> None:
        super().__init__(hidden=hidden)
        self.forgets = forgets

    def blank(self, x):
        was, x = self.square(x).clone(), super().blank(x)
        if self.forgets == "dimmed":
            self.square(x).add_(0.2 * was)
        return x


class Blind(p.Column):
    """Predict a column where all others were blanked by mistake."""

    def blank(self, x):
        return torch.zeros_like(x)
