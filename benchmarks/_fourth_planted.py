"""Data of the fourth panel and marks that are put on it: none of them is in the first three."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from _planted import Rows, parted
from _planted_texts import written
from _third_planted import smaller

LATER = {"mnist": 4000, "cifar10": 4000, "imagenette96": 1600}  # rows from there on are in no other panel


@cache
def mixture(learnt: int = 2400, seed: int = 0) -> Rows:
    """Five groups that overlap in 18 columns of other units, each spread in directions of its own."""
    rng = np.random.default_rng(41)
    labels = rng.integers(0, 5, learnt + 2400)
    spread, z = rng.standard_normal((5, 4, 18)), rng.standard_normal((len(labels), 1, 4))
    x = 1.2 * rng.standard_normal((5, 18))[labels] + (z @ spread[labels])[:, 0]
    x += 0.4 * rng.standard_normal(x.shape)
    return parted((x * rng.uniform(0.01, 200, 18) + 30).astype(np.float32), labels, learnt, 2400, seed)


@cache
def newsgroups(learnt: int = 1500, seed: int = 0) -> Rows:
    """How often each of 60 words stands in an article; the label is which of five newsgroups it is from."""
    import pyarrow.parquet
    from sklearn.feature_extraction.text import CountVectorizer

    from _timing import data_folder

    found = pyarrow.parquet.read_table(data_folder() / "newsgroups" / "train.parquet").to_pydict()
    of = {5: 0, 7: 1, 10: 2, 14: 3, 15: 4}  # windows, cars, hockey, space, belief
    chosen = [row for row, label in enumerate(found["label"]) if label in of]
    texts = [found["text"][row][:4000] for row in chosen]
    x = CountVectorizer(stop_words="english", max_features=60).fit_transform(texts).toarray()
    labels = np.array([of[found["label"][row]] for row in chosen])
    return parted(x.astype(np.float32), labels, learnt, len(x) - learnt, seed)


@cache
def usage(learnt: int = 2000, seed: int = 0) -> Rows:
    """Days of 40 readings of a meter: a household of one of three habits, and what stays on from one reading to the next."""
    rng, count, time = np.random.default_rng(42), learnt + 2000, np.arange(40)
    labels = rng.integers(0, 3, count)
    x, left = np.zeros((count, 40)), np.zeros(count)
    for hour in time:
        left = 0.7 * left + 0.12 * rng.standard_normal(count)
        x[:, hour] = left
    late, much = rng.normal(0, 2, count), rng.uniform(0.6, 1.6, (count, 1))
    for habits in ((6, 10, 14), (28, 33, 24)):
        centre = (np.array(habits)[labels] + late)[:, None]
        x += much * np.exp(-np.square((time - centre) / 2.5))
    return parted(np.exp(0.6 * x).astype(np.float32), labels, learnt, 2000, seed)


@cache
def customers(learnt: int = 2200, seed: int = 0) -> Rows:
    """Regions and contracts as columns of 0 and 1, beside years, prices, calls and days, of four kinds of people."""
    rng, count = np.random.default_rng(43), learnt + 2200
    labels = rng.integers(0, 4, count)

    def one_of(classes: int) -> np.ndarray:
        shares = rng.dirichlet(np.full(classes, 0.6), 4)[labels]
        return np.eye(classes)[(shares.cumsum(1) < rng.uniform(0, 1, (count, 1))).sum(1).clip(0, classes - 1)]

    years = rng.gamma(2 + labels, 1.5)
    calls = rng.poisson(np.array([1, 3, 6, 2])[labels] + 0.3 * years)
    price = np.exp(3 + 0.3 * labels + 0.05 * years + 0.2 * rng.standard_normal(count))
    days = np.round(rng.exponential(30 + 20 * (labels % 2)))
    x = np.column_stack([years, calls, price, days, one_of(6), one_of(4), one_of(3), one_of(5)])
    return parted(x.astype(np.float32), labels, learnt, 2200, seed)


@cache
def sensors(learnt: int = 2000, seed: int = 0) -> Rows:
    """What 26 detectors in a house hear of somebody who walks in it; the label is the room, of six."""
    rng = np.random.default_rng(44)
    place = rng.uniform(0, (3, 2), (learnt + 2500, 2))
    far = np.square(place[:, None] - rng.uniform(0, (3, 2), (26, 2))).sum(2)  # (n, 26)
    x = rng.uniform(1, 9, 26) * np.exp(-far / 0.5) + 0.6 * rng.standard_normal(far.shape)
    return parted(x.astype(np.float32), place.astype(int) @ np.array([2, 1]), learnt, 2500, seed)


@cache
def spectra(learnt: int = 1600, seed: int = 0) -> Rows:
    """64 channels of the light of one of four substances: lines in places of its own, of any strength, over a background."""
    rng, count, at = np.random.default_rng(45), learnt + 2000, np.arange(64)
    labels = rng.integers(0, 4, count)
    lines = rng.uniform(4, 60, (4, 4))[labels] + rng.normal(0, 0.3, (count, 4))
    strength = rng.gamma(1.5, 0.5, (count, 4, 1))
    x = (strength * np.exp(-np.square((at - lines[..., None]) / 1.8))).sum(1)
    x += rng.uniform(0, 2, (count, 1)) * np.exp(-at / rng.uniform(15, 40, (count, 1)))
    x += 0.15 * rng.standard_normal(x.shape)
    return parted(x.astype(np.float32), labels, learnt, 2000, seed)


@cache
def later(name: str, learnt: int, fresh: int) -> Rows:
    """Photographs or digits (n, H, W[, C]) of which no other panel has one."""
    from _timing import data_folder
    from selfsup.data.open import open_data

    first = LATER[name]
    data = open_data(data_folder() / name, limit=first + learnt + fresh, progress=False).whole()
    x = data.rows()[torch.arange(first, len(data))].numpy()
    x = np.rint(255 * x.transpose(0, 2, 3, 1)).astype(np.uint8)
    return parted(x[..., 0] if x.shape[3] == 1 else x, np.asarray(data.labels)[first:], learnt, fresh, 8)


def cut(rows: Rows, change: Callable[[np.ndarray], np.ndarray]) -> Rows:
    return rows._replace(x=change(rows.x), fresh=change(rows.fresh))


@cache
def tiles() -> Rows:
    """Mean colours of the 16 parts of a photograph, in 48 columns; the label is whether of an animal or of a vehicle."""
    rows = later("cifar10", 1800, 1400)
    rows = cut(rows, lambda x: smaller(x, 8).reshape(len(x), 48).astype(np.float32))
    animal = np.isin(np.arange(10), (2, 3, 4, 5, 6, 7)).astype(int)
    return rows._replace(labels=animal[rows.labels], fresh_labels=animal[rows.fresh_labels])


@cache
def middles() -> Rows:
    """The middle of photographs, in 20 x 20 pixels."""
    rows = Rows(*(part[:1200] for part in later("cifar10", 1800, 1400)))
    return cut(rows, lambda x: x[:, 6:26, 6:26])


@cache
def greens() -> Rows:
    """The green channel of larger photographs, in 24 x 24 pixels."""
    return cut(later("imagenette96", 1200, 800), lambda x: smaller(x[..., 1], 4))


@cache
def numbers() -> Rows:
    """Numbers of two digits in 14 x 20 pixels; the label is the first digit."""
    rows = later("mnist", 1600, 1600)

    def beside(x: np.ndarray) -> np.ndarray:
        x = smaller(x, 2)[:, :, 2:12]
        return np.concatenate([x, np.roll(x, 1, 0)], 2)

    return cut(rows, beside)


@cache
def cropped() -> Rows:
    """Digits without their margin, in 20 x 20 pixels."""
    return cut(later("mnist", 1600, 1600), lambda x: x[:, 4:24, 4:24])


@cache
def letters(learnt: int = 1400, seed: int = 0) -> Rows:
    """One of six letters, printed in 16 x 16 pixels in any size, a little off its place, on paper of any tone."""
    from PIL import Image, ImageDraw, ImageFont

    rng, count = np.random.default_rng(46), learnt + 1400
    labels, x = rng.integers(0, 6, count), np.zeros((count, 16, 16))
    fonts = {size: ImageFont.load_default(size) for size in range(12, 17)}
    for row, label in enumerate(labels):
        page = Image.new("L", (16, 16))
        at = tuple(8 + rng.uniform(-1.5, 1.5, 2))
        ImageDraw.Draw(page).text(at, "AFGRTY"[label], 255, fonts[int(rng.integers(12, 17))], anchor="mm")
        x[row] = np.asarray(page)
    x = rng.integers(150, 240, (count, 1, 1)) - rng.uniform(0.3, 0.6, (count, 1, 1)) * x + rng.normal(0, 14, x.shape)
    return parted(x.clip(0, 255).astype(np.uint8), labels, learnt, 1400, seed)


@cache
def cells(learnt: int = 1500, seed: int = 0) -> Rows:
    """One to four bright cells anywhere in 18 x 18 pixels under a microscope; the label is how many."""
    rng, count, at = np.random.default_rng(47), learnt + 1500, np.arange(18)
    labels = rng.integers(0, 4, count)
    places, size = rng.uniform(0, 18, (2, count, 4, 1)), rng.uniform(1.5, 2.2, (count, 4, 1, 1))
    down, across = (np.square((at - one + 9) % 18 - 9) for one in places)  # (n, 4, 18): the ends are joined
    light = np.exp(-(down[..., None] + across[:, :, None]) / size**2)  # (n, 4, 18, 18)
    there = (np.arange(4) <= labels[:, None])[..., None, None]
    x = 60 + 130 * (there * light).sum(1) + rng.normal(0, 14, (count, 18, 18))
    return parted(x.clip(0, 255).astype(np.uint8), labels, learnt, 1500, seed)


def captioned(x: np.ndarray, seed: int) -> np.ndarray:
    """A pale band along the upper edge with a line of writing, another in each picture."""
    x, height = x.copy(), max(4, x.shape[1] // 5)
    x[:, :height] = 235
    ink = np.random.default_rng([48, seed]).uniform(0, 1, (len(x), height - 2, x.shape[2] - 2)) < 0.4
    x[:, 1 : height - 1, 1:-1][ink] = 40
    return x


def with_logo(x: np.ndarray, seed: int) -> np.ndarray:
    """A ring around a dot in the upper left corner, that lets a fifth of the picture through."""
    side = max(6, x.shape[1] // 3)
    axis = np.arange(side) - (side - 1) / 2
    far = np.hypot(axis, axis[:, None])
    ink = (abs(far - side / 3) < 1.1) | (far < 1)
    x = x.astype(np.float32)
    x[:, :side, :side][:, ink] = 0.2 * x[:, :side, :side][:, ink] + 0.8 * 255
    return x.astype(np.uint8)


def lit_aside(x: np.ndarray, seed: int) -> np.ndarray:
    """Light from the left of a room that is dark at the right."""
    light = np.linspace(1.0, 0.15, x.shape[2]).reshape(1, 1, -1, *[1] * (x.ndim - 3))
    return (x * light).astype(np.uint8)


def shaded(x: np.ndarray, seed: int) -> np.ndarray:
    """Dark corners about a point above the middle, as behind a lens hood that hangs."""
    down, across = (np.linspace(-1, 1, size) for size in x.shape[1:3])
    far = np.square(across)[None] + np.square(down + 0.6)[:, None]
    return (x * np.exp(-far).reshape(1, *far.shape, *[1] * (x.ndim - 3))).astype(np.uint8)


def framed(x: np.ndarray, seed: int) -> np.ndarray:
    """A frame of wood, lighter above than below."""
    x, width = x.copy(), 2
    x[:, :, :width], x[:, :, -width:] = (120, 80, 40), (120, 80, 40)
    x[:, :width], x[:, -width:] = (190, 140, 80), (70, 40, 15)
    return x


def mounted(x: np.ndarray, seed: int, width: int = 5) -> np.ndarray:
    """A broad white mount around the picture."""
    x = x.copy()
    x[:, :width], x[:, -width:], x[:, :, :width], x[:, :, -width:] = 255, 255, 255, 255
    return x


def dusty(x: np.ndarray, seed: int) -> np.ndarray:
    """Dust on the sensor: the same dark specks in every picture."""
    x, rng = x.copy(), np.random.default_rng(49)
    specks = rng.integers(1, x.shape[1] - 2, (5, 2))
    for down, across in specks:
        x[:, down : down + 2, across : across + 2] = 0
    return x


def abroad(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The third column in another currency, in whole cents."""
    return np.round(x[:, 2] * 117.3) / 100


def left(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Who left, by chance."""
    return rng.integers(0, 2, len(x))


def since(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Days since somebody left, and 0 of who did not: known only afterwards."""
    return x[:, -1] * rng.integers(20, 400, len(x))


def code(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A code of a shop from 0 to 7."""
    return rng.integers(0, 8, len(x))


def bits(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The last column as three of 0 and 1."""
    return (x[:, -1:].astype(int) >> np.arange(3)) & 1


def pieces(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How many were bought."""
    return rng.uniform(1, 9, len(x))


def paid(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What was paid, by its order of size: the price in the third column, so many times."""
    return np.log(x[:, 2]) + np.log(x[:, -1])


def number(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The number of a customer, given by chance."""
    return rng.integers(0, 10**6, len(x))


def rank(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Place of a row in the order of its first column."""
    return np.argsort(np.argsort(x[:, 0]))


def standing(start: int, stop: int) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """What the meter stands at after some readings."""
    return lambda x, rng: x[:, start:stop].sum(1)


def echoed(x: np.ndarray, seed: int) -> np.ndarray:
    """The second half of a row in place of the first as well, in other units."""
    half = x[:, x.shape[1] // 2 :]
    return np.concatenate([7 - 2.5 * half, half], 1).astype(np.float32)


def hissing(x: np.ndarray, seed: int) -> np.ndarray:
    """Noise alone, that is never below 0."""
    return np.random.default_rng([50, seed]).standard_gamma(2.0, x.shape).astype(np.float32)


def grid(path, lines: int = 300, seed: int = 0, random: bool = False):
    """Lines of twelve words on a walk over 10 x 10 places whose ends are joined; or all words in any order."""
    rng = np.random.default_rng([51, seed])
    steps = rng.integers(-1, 2, (2, lines, 12))
    down, across = (np.cumsum(steps, 2) + rng.integers(0, 10, (2, lines, 1))) % 10
    places = 10 * down + across
    return written(path, rng.permutation(places.ravel()).reshape(places.shape) if random else places)


def next_to(places: np.ndarray) -> np.ndarray:
    """Which words at these places (n,) of `grid` are at most one step from each other, down and across: (n, n)."""
    far = [abs(at[:, None] - at) for at in (places // 10, places % 10)]
    return np.maximum(*[np.minimum(one, 10 - one) for one in far]) <= 1
