"""A data set: decoded once, in memory, and all that later rooms may ask of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from selfsup.data.arrays.moments import measure
from selfsup.data.arrays.rows import Rows, as_tensor
from selfsup.data.form import BadFile, Intake
from selfsup.data.tables.missing import say
from selfsup.errors import DataError
from selfsup.method import Spec


@dataclass(frozen=True, eq=False)
class Dataset:
    """Decoded data and where they came from.

    Attributes
    ----------
    x
        Images (n, C, H, W) uint8 or float32, or vectors (n, d) float32. May be the caller's own memory, or a
        memory-mapped file: never write into it.
    intake
        Shape, range, columns, and whether these data have missing values (NaN).
    source
        Where the data came from, in words.
    fingerprint
        Of the values (arrays), or of path, sizes and times of change (files).
    labels
        (n,) int64 in 0..K-1, or None. Used for evaluation only.
    classes
        Names of the K classes; empty without labels.
    names
        One name a row (paths of files), or None.
    test
        The source's own test part, in the same form, or None.
    bad
        Files or rows that could not be read and were skipped.
    note
        What was done to the data on the way in: ``short side resized to 96, centre crop``.
    """

    x: np.ndarray
    intake: Intake
    source: str
    fingerprint: str
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    names: Sequence[str] | None = None
    test: Dataset | None = None
    bad: list[BadFile] = field(default_factory=list)
    note: str = ""

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        return f"<Dataset: {self.describe()}>"

    def describe(self) -> str:
        """Say what the data are, in one line.

        ``1,797 grey images of 8x8 (scikit-learn digits), 10 classes used for evaluation only``.
        """
        words = f"{len(self):,} {self.intake.words()}"
        if len(self) == 1:
            words = words.replace("images", "image", 1).replace("vectors", "vector", 1)
        said = [part for part in (self.source if self.source != "array" else "", self.note) if part]
        parts = [f"{words} ({'; '.join(said)})" if said else words]
        if self.classes:
            parts.append(
                f"{len(self.classes)} {'class' if len(self.classes) == 1 else 'classes'} used for evaluation only"
            )
        if self.test is not None:
            parts.append(f"+ {len(self.test):,} test")
        if self.bad:
            parts.append(f"{len(self.bad):,} unreadable {'file' if len(self.bad) == 1 else 'files'} skipped")
        return ", ".join(parts)

    def samples(self, rows: np.ndarray | torch.Tensor | None = None) -> Rows:
        """Rows (m,) of the data, or all of them, as `selfsup.method.Samples`; nothing is copied.

        Raises
        ------
        DataError
            If a row number is not one of 0..n-1.
        """
        selected = None if rows is None else torch.as_tensor(rows).to("cpu", torch.int64)
        if selected is not None:
            if len(selected) and (int(selected.min()) < 0 or int(selected.max()) >= len(self)):
                raise DataError(f"row numbers must lie in 0 to {len(self) - 1:,}")
            if len(selected) == len(self) and torch.equal(selected, torch.arange(len(self))):
                selected = None
        return Rows(as_tensor(self.x), self.intake.low, self.intake.high, selected)

    def spec(self, rows: np.ndarray | torch.Tensor | None = None) -> Spec:
        """What a method may know of the data; the moments (of the rows, or of all) are measured when asked for."""
        samples = self.samples(rows)
        fields, missing = self.intake.fields, self.intake.missing
        return Spec(self.intake.shape, self.intake.kind, lambda: measure(samples), fields=fields, missing=missing)

    def missing_words(self) -> str:
        """Say how many values are missing and where the first is; "" if none is.

        ``17 values are missing (NaN), the first in row 3, column 'age'``.
        """
        return say(self.x, self.intake) if self.intake.missing else ""
