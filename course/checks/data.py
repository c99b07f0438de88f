"""What the chapters 7 to 10 learn from: photographs and reviews; real ones where SELFSUP_DATA has them, and others where not.

SELFSUP_DATA names a folder with `imagenette96/train.parquet` and `imdb/*.parquet`; by default it is `shared/data` beside the
checkout. Without it the photographs are cut from the two that come with scikit-learn, and the reviews are put together here.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from sklearn.datasets import load_sample_images


class Photographs(NamedTuple):
    """Pictures (n, 3, side, side) float32 in [0, 1], to learn from and held out, and in words where they come from."""

    train: np.ndarray
    held: np.ndarray
    source: str


class Reviews(NamedTuple):
    """Texts without labels, texts with labels (0: no, 1: yes) to learn from and to be tested on, and where they come from."""

    unlabelled: list[str]
    texts: list[str]
    labels: np.ndarray
    test_texts: list[str]
    test_labels: np.ndarray
    source: str


def folder() -> Path:
    """Where real data would lie."""
    return Path(os.environ.get("SELFSUP_DATA") or Path(__file__).resolve().parents[2].parent / "shared" / "data")


def real(name: str) -> bool:
    """Whether the folder SELFSUP_DATA has this file."""
    return (folder() / name).is_file()


def photographs(side: int, train: int, held: int, seed: int = 0) -> Photographs:
    """Square photographs: of imagenette96 whole ones, else crops of two, and those held out are then crops of the same two.

    Parameters
    ----------
    side
        Pixels to a side, at most 96.
    train, held
        How many.
    seed
        Of the choice.
    """
    file, rng = folder() / "imagenette96" / "train.parquet", np.random.default_rng(seed)
    if file.is_file():
        cells = pq.read_table(file, columns=["image"]).column("image")  # type: ignore[no-untyped-call]
        rows = rng.permutation(len(cells))[: train + held]
        found = [_middle(Image.open(io.BytesIO(cells[int(row)].as_py()["bytes"])), side) for row in rows]
        return Photographs(
            _stack(found[:train]), _stack(found[train:]), f"{train + held:,} photographs of imagenette96"
        )
    photos = [Image.fromarray(photo) for photo in load_sample_images().images]
    crops = [_crop(photos[at % 2], side, rng) for at in range(train + held)]
    source = f"{train + held:,} crops of scikit-learn's two photographs, so that those held out overlap with the others"
    return Photographs(_stack(crops[:train]), _stack(crops[train:]), source)


def _middle(image: Image.Image, side: int) -> Image.Image:
    """The square in the middle of a photograph, made as small as asked."""
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    return image.convert("RGB").resize((side, side), Image.Resampling.BOX, (left, top, left + short, top + short))


def _crop(photo: Image.Image, side: int, rng: np.random.Generator) -> Image.Image:
    """A square of 96 to 200 pixels somewhere in the photograph, made as large as asked."""
    wide = int(rng.integers(96, 200))
    left, top = int(rng.integers(0, photo.width - wide + 1)), int(rng.integers(0, photo.height - wide + 1))
    return photo.resize((side, side), Image.Resampling.BOX, (left, top, left + wide, top + wide))


def _stack(images: list[Image.Image]) -> np.ndarray:
    """Pictures to an array (n, 3, side, side)."""
    return np.stack([np.asarray(image, np.float32).transpose(2, 0, 1) / 255 for image in images])


def reviews(unlabelled: int, labelled: int, test: int, seed: int = 0) -> Reviews:
    """Film reviews with an opinion: of IMDB, where it is there, else sentences that a small grammar makes."""
    rng = np.random.default_rng(seed)
    if real("imdb/unsupervised.parquet") and real("imdb/train.parquet"):
        table = pq.read_table(folder() / "imdb" / "train.parquet")  # type: ignore[no-untyped-call]
        rows = rng.permutation(len(table))[: labelled + test]
        more = pq.read_table(folder() / "imdb" / "unsupervised.parquet")  # type: ignore[no-untyped-call]
        texts = table.column("text").take(rows).to_pylist()
        labels = np.array(table.column("label").take(rows).to_pylist())
        free = more.column("text")[:unlabelled].to_pylist()
        source = f"{len(free) + len(texts):,} film reviews of IMDB"
    else:
        free = [made_review(int(rng.integers(2)), rng) for _ in range(unlabelled)]
        labels = rng.integers(2, size=labelled + test)
        texts = [made_review(int(label), rng) for label in labels]
        source = f"{len(free) + len(texts):,} reviews that were put together of made words"
    return Reviews(free, texts[:labelled], labels[:labelled], texts[labelled:], labels[labelled:], source)


STEMS = [first + second for first in "bdfgklmnprstv" for second in "aeiou"]
GOOD, BAD, PLAIN = (
    [
        stem + other + tail
        for stem in STEMS
        for other, tail in zip(STEMS[at::9], ["n", "l", "rk", "lt", "x", "m"] * 2, strict=False)
    ]
    for at in (0, 3, 6)
)  # invented words: of praise, of blame, and of neither


def made_review(label: int, rng: np.random.Generator) -> str:
    """Of 40 invented words 26 say nothing, and of the others three quarters are of its own side; a side has some 500 synonyms."""
    own, other = (GOOD, BAD) if label else (BAD, GOOD)
    words = [_word(PLAIN, rng) for _ in range(26)]
    words += [_word(own if rng.random() < 0.75 else other, rng) for _ in range(14)]
    return " ".join(words[at] for at in rng.permutation(len(words)))


def _word(words: list[str], rng: np.random.Generator) -> str:
    """A word of the list; the first are more frequent."""
    return words[int(len(words) * rng.random() ** 1.5)]
