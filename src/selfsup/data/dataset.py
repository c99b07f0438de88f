"""A data set: decoded once, in memory, and all that later rooms may ask of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from selfsup.data import several
from selfsup.data.arrays.labelled import Labelled
from selfsup.data.arrays.moments import covariance, measure
from selfsup.data.arrays.rows import Rows, as_tensor
from selfsup.data.facts import SAVED, Classes, Covariance
from selfsup.data.form import BadFile, Form
from selfsup.data.images import colours
from selfsup.data.tables.missing import say
from selfsup.errors import DataError

HELD_OUT_SHARE, HELD_OUT_ROWS = 0.2, 2_000  # by default a fifth of the rows is held out, at most so many


@dataclass(frozen=True, eq=False)
class Dataset:
    """Decoded data and where they came from.

    Attributes
    ----------
    x
        Images (n, C, H, W) uint8 or float32, or vectors (n, d) float32. May be the caller's own memory, or a
        memory-mapped file: never write into it.
    form
        Shape, range, columns, and whether these data have missing values (NaN).
    source
        Where the data came from, in words.
    fingerprint
        Of the values (arrays), or of path, sizes and times of change (files).
    labels
        Places of classes (n,) int64 in 0..K-1, or numbers (n,) float64, or several (n, L) bool, or None. For evaluation only.
    classes
        Names of the K classes, or of the L labels; empty without labels, and where these are numbers.
    names
        One name a row (paths of files), or None.
    test
        The source's own test part, in the same form, or None.
    bad
        Files or rows that could not be read and were skipped.
    note
        What was done to the data on the way in: ``short side resized to 96, centre crop``.
    known
        Facts that were measured before, of rows that are not here.
    taught
        Whether a method learns from the labels; otherwise they are for evaluation only.
    root
        Folder that the names are files of, or None where they are no files of images.
    others
        Columns (n,) that nothing is learnt from, such as ids and text, where they were asked for.
    """

    x: np.ndarray
    form: Form
    source: str
    fingerprint: str
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    names: Sequence[str] | None = None
    test: Dataset | None = None
    bad: list[BadFile] = field(default_factory=list)
    note: str = ""
    known: Mapping[str, Any] = field(default_factory=dict)
    taught: bool = False
    root: Path | None = None
    others: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        return f"<Dataset: {self.describe()}>"

    def describe(self) -> str:
        """Say what the data are, in one line.

        ``1,797 grey images of 8x8 (scikit-learn digits), 10 classes used for evaluation only``.
        """
        words = f"{len(self):,} {self.form.describe()}"
        if len(self) == 1:
            words = words.replace("images", "image", 1).replace("vectors", "vector", 1)
        said = [part for part in (self.source if self.source != "array" else "", self.note) if part]
        parts = [f"{words} ({'; '.join(said)})" if said else words]
        if self.several and self.labels is not None:
            parts.append(f"{several.count(self.labels)}, used for evaluation only")
        elif self.classes:
            many, use = (
                "class" if len(self.classes) == 1 else "classes",
                "learnt" if self.taught else "used for evaluation only",
            )
            parts.append(f"{len(self.classes)} {many} {use}")
        elif self.labels is not None and len(self.labels):
            parts.append(
                f"numbers as labels ({self.labels.min():g} to {self.labels.max():g}), used for evaluation only"
            )
        if self.test is not None:
            parts.append(f"+ {len(self.test):,} test")
        if self.bad:
            what = "row" if self.form.kind == "table" else "file"
            parts.append(f"{len(self.bad):,} unreadable {what if len(self.bad) == 1 else what + 's'} skipped")
        return ", ".join(parts)

    @property
    def several(self) -> bool:
        """Whether a sample has several labels, each yes or no."""
        return self.labels is not None and self.labels.ndim == 2

    def samples(self, numbers: np.ndarray | torch.Tensor | None = None) -> Rows:
        """Rows (m,) by number, or all of them, as `selfsup.method.Samples`; nothing is copied.

        Raises
        ------
        DataError
            If a row number is not one of 0..n-1.
        """
        selected = None if numbers is None else torch.as_tensor(numbers).to("cpu", torch.int64)
        if selected is not None:
            if len(selected) and (int(selected.min()) < 0 or int(selected.max()) >= len(self)):
                raise DataError(f"row numbers must lie in 0 to {len(self) - 1:,}")
            if len(selected) == len(self) and torch.equal(selected, torch.arange(len(self))):
                selected = None
        return Rows(as_tensor(self.x), self.form.low, self.form.high, selected)

    def rows(self) -> Rows:
        """Every row, as a view (`selfsup.method.Data`)."""
        return self.samples()

    def labelled(self, classes: Sequence[str] = ()) -> Rows | Labelled:
        """Every row with its label, as a view; see `Part.labelled`."""
        return self.whole().labelled(classes)

    def part(self, numbers: np.ndarray, seed: int = 0) -> Part:
        """Some rows (m,) int64, by number."""
        return Part(self, numbers, seed)

    def whole(self) -> Part:
        """Every row."""
        return self.part(np.arange(len(self)))

    def split(self, share: float | None, seed: int) -> tuple[Part, Part]:
        """Rows to learn from and rows to hold out: a seeded shuffle that knows no labels.

        Parameters
        ----------
        share
            That is held out; None is a fifth, at most 2,000 rows.
        """
        if len(self) < 2:
            raise DataError(f"learning needs at least 2 samples; got {len(self)}")
        if self.alike():
            raise DataError(f"all {len(self):,} samples are the same, to the bit: there is nothing to learn from them")
        if share is None:
            share = min(HELD_OUT_SHARE, HELD_OUT_ROWS / len(self))
        return self.cut(min(int(len(self) * share), len(self) - 2), seed)

    def alike(self) -> bool:
        """Whether all rows are the same."""
        first = self.x[:1]
        return bool((self.x[-1:] == first).all() and (self.x == first).all())

    def cut(self, count: int, seed: int) -> tuple[Part, Part]:
        """All but so many rows, and those."""
        order = np.random.default_rng(seed).permutation(len(self))
        return self.part(np.sort(order[count:]), seed), self.part(np.sort(order[:count]), seed)

    def missing_words(self) -> str:
        """Say how many values are missing and where the first is; "" if none is.

        ``17 values are missing (NaN), the first in row 3, column 'age'``.
        """
        return say(self.x, self.form) if self.form.missing else ""

    def complete(self) -> Dataset:
        """The rows of which no value is missing; the others are listed in `bad`.

        Raises
        ------
        DataError
            If there is none.
        """
        gaps = np.isnan(self.x).any(tuple(range(1, self.x.ndim)))
        rows, left = np.flatnonzero(~gaps), np.flatnonzero(gaps).tolist()
        if not len(rows):
            raise DataError(f"every row has a value that is missing; {self.missing_words()}: fill them in")
        names = self.names or [f"row {row}" for row in range(len(self))]
        return replace(
            self,
            x=self.x[rows],
            form=replace(self.form, missing=False),
            labels=None if self.labels is None else self.labels[rows],
            names=[names[row] for row in rows.tolist()],
            bad=[*self.bad, *(BadFile(names[row], "a value is missing") for row in left)],
            others={name: held[rows] for name, held in self.others.items()},
        )

    def learnt(self, rows: int) -> int:
        """Rows that so many here stand for: all of the source, where it was read in chunks and these are a sample."""
        return self.known["covariance"].rows if "covariance" in self.known else rows

    @property
    def source_rows(self) -> int:
        """Rows of the source."""
        return self.learnt(len(self))

    def unreadable(self) -> list[BadFile]:
        """What could not be read, of the test part too."""
        return [*self.bad, *(self.test.bad if self.test else [])]


class Part:
    """Rows of a data set as methods and solvers see them (`selfsup.method.Data`); nothing is copied.

    Attributes
    ----------
    data
        The data set.
    numbers
        (m,) int64, of its rows.
    """

    def __init__(self, data: Dataset, numbers: np.ndarray, seed: int = 0) -> None:
        self.data, self.numbers, self._seed = data, numbers, seed

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def form(self) -> Form:
        """Of the data set."""
        return self.data.form

    @property
    def labels(self) -> np.ndarray | None:
        """(m,) int64 in 0..K-1, or float64 where they are numbers, or (m, L) bool of several, or None."""
        return None if self.data.labels is None else self.data.labels[self.numbers]

    def name(self, place: int) -> str:
        """What one of these rows is called, by its place: its file, or its number in the data."""
        number, names = int(self.numbers[place]), self.data.names
        return f"row {number:,}" if names is None else str(names[number])

    def rows(self) -> Rows:
        """The samples."""
        return self.data.samples(self.numbers)

    def labelled(self, classes: Sequence[str] = ()) -> Rows | Labelled:
        """The samples, flat, with the place of each label among the classes behind: (B, d + 1); without labels `rows`.

        Parameters
        ----------
        classes
            Names of the K classes; a label that is none of them has the place -1. By default those of the data.
        """
        if self.labels is None:
            return self.rows()
        if self.data.several:
            raise DataError("a sample has several of these labels, and what is learnt from are classes: one a sample")
        if not self.data.classes:
            raise DataError(
                "these labels are numbers, and what is learnt from them are classes; where each number is one, say so: option "
                "'labels_are' classes"
            )
        place = {name: number for number, name in enumerate(classes or self.data.classes)}
        places = np.asarray([place.get(name, -1) for name in self.data.classes], np.float32)
        return Labelled(self.rows(), torch.from_numpy(places[self.labels]))

    def part(self, places: np.ndarray) -> Part:
        """Some of these rows (k,), by place."""
        return Part(self.data, self.numbers[places], self._seed)

    def some(self, most: int, rng: np.random.Generator) -> Part:
        """At most so many of the rows, drawn without looking at labels."""
        return self if len(self) <= most else self.part(np.sort(rng.choice(len(self), most, replace=False)))

    def fact(self, name: str, **how: Any) -> Any:
        """Moments, classes, colours, or the covariance (``rows``: of so many at most; ``device``: where products are formed)."""
        if name in SAVED and name in self.data.known:
            return self.data.known[name]
        if name == "moments":
            return measure(self.rows())
        if name == "classes":
            return Classes(self.data.classes) if self.data.classes and not self.data.several else None
        if name == "colours":
            return colours.measure(self.rows()) if self.form.kind == "image" and self.form.shape[0] == 3 else None
        return self._covariance(**how) if name == "covariance" else None

    def _covariance(self, rows: int | None = None, device: torch.device | None = None) -> Covariance:
        if "covariance" in self.data.known:
            found: Covariance = self.data.known["covariance"]
            return found
        numbers = self.numbers
        if rows is not None and len(self) > rows:
            numbers = np.sort(np.random.default_rng(self._seed).choice(numbers, rows, replace=False))
        return covariance(self.data.samples(numbers).to(device or torch.device("cpu")))

    def windows(self, width: int) -> NoReturn:
        """Of text only."""
        self._no("windows of words")

    def sequences(self, length: int) -> NoReturn:
        """Of text only."""
        self._no("sentences")

    def pairs(self, width: int) -> NoReturn:
        """Of text only."""
        self._no("pairs of words")

    def _no(self, view: str) -> NoReturn:
        raise DataError(f"{view} are a view of text; these data are {self.form.describe()}, whose view is rows()")
