"""Scenes of what needs no model: word vectors, and data as they are; and of data with the codes that a model gave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from selfsup.data.dataset import Dataset
from selfsup.errors import DataError
from selfsup.explorer import columns
from selfsup.explorer.mapping import Map, Planes, check_finite
from selfsup.explorer.planes import Vectors
from selfsup.explorer.scene import Column, Scene, Space
from selfsup.explorer.thumbnails import Pictures
from selfsup.measures import search
from selfsup.words.bias.lists import ATTRIBUTES, bundled
from selfsup.words.vectors import WordVectors

WORDS, SAMPLES = 1_000_000, 100_000  # points of a page, unless asked for
BYTES = 512 << 20  # of a page's vectors, a byte a value
PAIRS = 12  # axes to begin with
POOLED = 16  # side that the pixels of images are brought to, where nothing better stands for them
WIDEST = 3 * POOLED**2  # values of an image then


@dataclass(frozen=True)
class Look:
    """How points are to be shown.

    Attributes
    ----------
    map
        See `selfsup.explorer.mapping.Planes`.
    limit
        Most points; by default as many as a page carries.
    tile
        Longest side of a thumbnail.
    seed
        Of all that is drawn.
    """

    map: Map = "auto"
    limit: int | None = None
    tile: int = 48
    seed: int = 0

    def most(self, usual: int, width: int) -> int:
        """Points of so many values that are shown."""
        return self.limit if self.limit is not None else max(1, min(usual, BYTES // max(width, 1)))


def of_words(
    vectors: WordVectors,
    title: str,
    look: Look,
    beside: WordVectors | None = None,
    names: Sequence[str] = ("before", "after"),
) -> Scene:
    """The scene of word vectors, or of two of the same words.

    Parameters
    ----------
    vectors
        The most frequent words are shown.
    title
        Of the page.
    look
        How.
    beside
        Vectors after something was changed; words in common are shown.
    names
        Of both.

    Raises
    ------
    DataError
        If a vector is not finite, or the two have no word in common.
    """
    rows, places, notes = _in_common(vectors, beside, names)
    total, most = len(rows), look.most(WORDS, vectors.dim)
    if total > most:
        rows, places = rows[:most], places[:most]
        first = "most frequent" if vectors.counts is not None else "first"
        notes.append(f"The {most:,} {first} of {total:,} words are shown.")
    words = [vectors.words[row] for row in rows.tolist()]
    tables = [_table(vectors, rows)] + ([_table(beside, places)] if beside is not None else [])
    for table in tables:
        check_finite(table, words.__getitem__, "the vector")
    found = Planes([Vectors(table, unit=True) for table in tables], look.map, look.seed)
    spaces = [
        Space(name, table) for name, table in zip(names if beside is not None else ("words",), tables, strict=True)
    ]
    ranked = [
        Column(
            "frequency rank" if vectors.counts is not None else "place in the file",
            "number",
            np.arange(1.0, len(rows) + 1),
        )
    ]
    if vectors.counts is not None:
        ranked.append(Column("count", "number", vectors.counts[rows].astype(np.float64)))
    return Scene(
        title, "word", "words", words, tuple(spaces), found.planes, tuple(ranked), ranked[0].name, later=found.later,
        words=True, pairs=pairs_in(words), notes=tuple(notes), total=total,
    )  # fmt: skip


def _in_common(
    vectors: WordVectors, beside: WordVectors | None, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Rows (n,) of the words that are shown, the most frequent first, their rows in the second, and what is to be said."""
    rows = vectors.frequent(None)
    if beside is None or beside.words is vectors.words:
        return rows, rows, []
    places = np.fromiter((beside.index.get(vectors.words[row], -1) for row in rows.tolist()), np.int64, len(rows))
    rows, places = rows[places >= 0], places[places >= 0]
    if not len(rows):
        raise DataError(
            f"{names[0]} and {names[1]} have no word in common: give vectors of the same words, as a reducer makes them"
        )
    if len(rows) == max(len(vectors), len(beside)):
        return rows, places, []
    said = f"The {len(rows):,} words that both have are shown; {names[0]} has {len(vectors):,}, {names[1]} {len(beside):,}."
    return rows, places, [said]


def _table(vectors: WordVectors, rows: np.ndarray) -> np.ndarray:
    """Some rows of a table as they are stored, the first ones without a copy; of int8 in float16, of length 1."""
    if vectors.scale is not None:
        table = np.empty((len(rows), vectors.dim), np.float16)
        for first in range(0, len(rows), 1 << 14):
            part = slice(first, first + (1 << 14))
            numbers = vectors.vectors[rows[part]].astype(np.float32)
            lengths = np.linalg.norm(numbers, axis=1, keepdims=True)
            table[part] = np.divide(numbers, lengths, out=np.zeros_like(numbers), where=lengths > 0)
            table[part][vectors.scale[rows[part]] == 0] = 0
        return table
    if len(rows) and np.array_equal(rows, np.arange(len(rows))):
        return vectors.vectors[: len(rows)]
    kept: np.ndarray = vectors.vectors[rows]
    return kept


def pairs_in(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of words that make an axis, of the lists that come with the package: those of which both words are there."""
    listed = [(first, second) for name in ATTRIBUTES for first, second in bundled(name)["pairs"]]
    wanted = {word for pair in listed for word in pair}
    there = wanted.intersection(words)
    return tuple(pair for pair in dict.fromkeys(listed) if there.issuperset(pair))[:PAIRS]


def of_texts(
    texts: Sequence[str],
    title: str,
    look: Look,
    encoders: Sequence[tuple[str, Callable[[list[str]], np.ndarray]]],
    beside: Sequence[Column] = (),
) -> Scene:
    """The scene of texts, by one or two codes of each.

    Parameters
    ----------
    encoders
        Name of each space, and what gives the codes (n, D) of texts.
    beside
        Columns of all texts.

    Raises
    ------
    DataError
        If a code is not finite.
    """
    total, notes = len(texts), []
    numbers = np.arange(total)
    if total > (most := look.most(SAMPLES, 256)):
        numbers = np.sort(np.random.default_rng(look.seed).choice(total, most, replace=False))
        notes.append(f"{most:,} of {total:,} are shown, drawn with seed {look.seed}.")
    some = [texts[row] for row in numbers.tolist()]
    spaces = [(name, encode(some)) for name, encode in encoders]
    for name, table in spaces:
        check_finite(table, some.__getitem__, f"the vector ({name})")
    empty = int((~spaces[0][1].any(1)).sum())
    if empty:
        notes.append(f"{empty:,} texts hold no known word: they lie together, and are nobody's neighbours.")
    found = Planes([Vectors(table) for _, table in spaces], look.map, look.seed)
    shown = tuple(Column(one.name, one.kind, one.values[numbers], one.classes) for one in beside)
    return Scene(
        title, "text", "texts", [" ".join(text.split()) for text in some],
        tuple(Space(name, placed(table)) for name, table in spaces), found.planes, shown, shown[0].name if shown else None,
        later=found.later, notes=tuple(notes), total=total,
    )  # fmt: skip


def some(data: Dataset, numbers: np.ndarray) -> Dataset:
    """Some rows of data, by their numbers (m,), each with the name that it had."""
    names = data.names
    kept = [names[row] if names is not None else f"{_sample(data)} {row}" for row in numbers.tolist()]
    labels = None if data.labels is None else data.labels[numbers]
    others = {name: values[numbers] for name, values in data.others.items()}
    return replace(data, x=data.x[numbers], names=kept, labels=labels, test=None, others=others)


def drawn(data: Dataset, look: Look, width: int) -> tuple[Dataset, tuple[str, ...]]:
    """The rows that are shown, a uniform sample of them where there are too many, and what is to be said of that."""
    notes = (
        [f"{len(data.bad):,} could not be read, the first: {data.bad[0].name} ({data.bad[0].reason})."]
        if data.bad
        else []
    )
    most = look.most(SAMPLES if len(data.form.shape) == 3 else WORDS, width)
    if data.source_rows > len(data):
        notes.append(f"These are {len(data):,} rows, drawn from {data.source_rows:,}.")
    if len(data) <= most:
        return data, tuple(notes)
    numbers = np.sort(np.random.default_rng(look.seed).choice(len(data), most, replace=False))
    notes.append(f"{most:,} of {len(data):,} are shown, drawn with seed {look.seed}.")
    return some(data, numbers), tuple(notes)


def of_samples(
    data: Dataset,
    title: str,
    look: Look,
    codes: Sequence[tuple[str, np.ndarray]] = (),
    beside: Sequence[Column] = (),
    notes: Sequence[str] = (),
    total: int | None = None,
) -> Scene:
    """The scene of images or rows, by one or two codes of theirs or else by their own values.

    Parameters
    ----------
    data
        n rows that are shown, as `drawn` gives them.
    title
        Of the page.
    look
        How.
    codes
        Name and codes (n, D) float32 of each space.
    beside
        More columns.
    notes
        Sentences that are to be read.
    total
        Rows that there were.

    Raises
    ------
    DataError
        If there are no rows, or a value is not finite.
    """
    if not len(data):
        raise DataError(f"{data.source} holds nothing to show")
    sample = _sample(data)
    names = columns.called(data) or list(data.names or [f"{sample} {row}" for row in range(len(data))])
    spaces = list(codes) or [own_values(data)]
    for name, table in spaces:
        check_finite(table, names.__getitem__, f"the vector ({name})")
    found = Planes([Vectors(table) for _, table in spaces], look.map, look.seed)
    labels = columns.labels(data)
    shown, left = columns.distinct([*labels, *beside, *columns.values(data), *columns.others(data)])
    told = [f"{left:,} more columns are not shown."] if left else []
    pictures = Pictures(data, look.tile) if len(data.form.shape) == 3 else None
    if pictures is not None and (gone := pictures.moved()):
        whose = "file is no longer in", "its picture is the one that was decoded before"
        if gone > 1:
            whose = "files are no longer in", "their pictures are those that were decoded before"
        told.append(f"{gone:,} {whose[0]} {data.root}: {whose[1]}.")
    return Scene(
        title, sample, f"{sample}s", names, tuple(Space(name, placed(table)) for name, table in spaces), found.planes, shown,
        shown[0].name if labels or beside else None, pictures, look.tile, None if pictures is None else pictures.original,
        found.later, notes=(*notes, *told), total=total or len(data),
    )  # fmt: skip


def _sample(data: Dataset) -> str:
    return "image" if len(data.form.shape) == 3 else "row"


def placed(table: np.ndarray) -> np.ndarray:
    """Vectors (n, D) whose cosines are those of `Model.search`: centred, their directions of large spread shrunk."""
    size = float(np.abs(table).max(initial=0.0)) or 1.0
    scaled = table if 1e-6 < size < 1e6 else table / np.float32(size)
    return search.Space(scaled).place(scaled)


def own_values(data: Dataset) -> tuple[str, np.ndarray]:
    """What data are without a model: pixels, pooled, or the values of a table, of variance 1 each; missing ones as means."""
    if len(data.form.shape) == 3:
        return _pixels(data)
    x: np.ndarray = data.x.astype(np.float32) * np.float32(
        1 / max(1.0, float(np.abs(np.nan_to_num(data.x)).max(initial=0)))
    )
    gone = np.isnan(x)
    many = np.maximum((~gone).sum(0), 1)
    x = x - np.where(gone, 0, x).sum(0) / many
    x[gone] = 0
    spread = np.sqrt(np.square(x, dtype=np.float64).sum(0) / many)
    return "values, each with variance 1", (x / np.where(spread > 0, spread, 1)).astype(np.float32)


def _pixels(data: Dataset) -> tuple[str, np.ndarray]:
    channels, height, width = data.form.shape
    step = max(1, -(-max(height, width) // POOLED))
    high, wide = -(-height // step), -(-width // step)
    made = np.empty((len(data), channels * high * wide), np.float32)
    weights = (np.add.reduceat(np.ones(size), np.arange(0, size, step)) for size in (height, width))
    area = np.outer(*weights).astype(np.float32)
    for first in range(0, len(data), 256):
        some = data.x[first : first + 256].astype(np.float32)  # (b, C, H, W)
        pooled = (
            np.add.reduceat(np.add.reduceat(some, np.arange(0, height, step), 2), np.arange(0, width, step), 3) / area
        )
        made[first : first + 256] = np.nan_to_num(pooled, nan=0.0).reshape(len(some), -1)
    return f"pixels, {high} x {wide}", made
