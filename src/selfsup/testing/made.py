"""Small made data of every kind, for trying methods on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from selfsup.data.dataset import Dataset
from selfsup.data.form import Form
from selfsup.data.text.numbered import Corpus
from selfsup.data.text.vocabulary import Vocabulary

ROWS = 40  # samples that are looked at


def pictures(n: int, channels: int = 1, height: int = 12, width: int = 12, seed: int = 0) -> np.ndarray:
    """Images (n, C, H, W) float32 in [0, 1] with an upright: a bright bar in the upper half, at a random place."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 0.2, (n, channels, height, width)).astype(np.float32)
    for image in x:
        top, left = rng.integers(0, max(height // 4, 1)), rng.integers(0, max(width // 3, 1))
        image[:, top : top + 2, left : left + width // 2] += 0.7
    return x.clip(0, 1)


def table(n: int, columns: int = 6, seed: int = 0) -> np.ndarray:
    """Vectors (n, d) float32 of rank 2 plus a little noise, in columns of different scale."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)) @ rng.normal(size=(2, columns)) + 0.05 * rng.normal(size=(n, columns))
    return (x * np.logspace(-1, 1, columns) + np.arange(columns)).astype(np.float32)


def with_gaps(x: np.ndarray) -> np.ndarray:
    """The vectors (n, d), with every eleventh value missing."""
    return np.where(np.arange(x.size).reshape(x.shape) % 11 == 3, np.float32("nan"), x)


def text(sentences: int, seed: int = 0) -> Corpus:
    """Sentences of one to nine words, each of one of two subjects that share no word; some words are far more frequent."""
    rng = np.random.default_rng(seed)
    chance = 1 / np.arange(1, 9) ** 1.5
    drawn = [8 * (k % 2) + rng.choice(8, rng.integers(1, 10), p=chance / chance.sum()) for k in range(sentences)]
    counts = np.bincount(np.concatenate(drawn), minlength=16)
    order = np.argsort(-counts, kind="stable")
    number = np.argsort(order).astype(np.int32)
    ids = np.concatenate([part for one in drawn for part in (number[one], np.array([-1], np.int32))])[:-1]
    vocabulary = Vocabulary(
        [f"word{k}" for k in order[counts[order] > 0]], counts[order][counts[order] > 0], int(counts.sum())
    )
    return Corpus(ids, vocabulary, int(counts.sum()), sentences, f"made text {sentences} {seed}", "made text")


MADE: dict[
    str, tuple[str, Callable[[], Any]]
] = {  # case -> kind of data, and the data; the first of a kind is trained on
    "square image": ("image", lambda: pictures(ROWS)),
    "odd colour image": ("image", lambda: pictures(ROWS, 3, 11, 9)),
    "tiny image": ("image", lambda: pictures(ROWS, 1, 5, 5)),
    "table": ("table", lambda: table(ROWS)),
    "one column": ("table", lambda: table(ROWS, 1)),
    "table with gaps": (
        "table",
        lambda: with_gaps(table(ROWS)),
    ),
    "text": ("text", lambda: text(60)),
}


@cache
def made(name: str) -> Any:
    """The `Dataset` or `Corpus` of a case; nobody may write into it."""
    kind, make = MADE[name]
    x = make()
    if not isinstance(x, np.ndarray):
        return x
    form = Form(kind, x.shape[1:], missing=bool(np.isnan(x).any()))  # type: ignore[arg-type]
    means = np.nanmean(x.reshape(len(x), -1), 1)
    labels = (means > np.median(means)).astype(np.int64)  # for methods that learn from them
    return Dataset(x, form, "made data", f"made {name}", labels, ("dark", "bright"))
