"""The words that vectors have in common before and after a reducer was at work, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from selfsup.errors import DataError, OptionError
from selfsup.words.bias.direction import Direction
from selfsup.words.bias.given import known, named, whole_number
from selfsup.words.bias.transform import Transform
from selfsup.words.vectors import WordVectors

LOST = 0.2  # largest share of the frequent words that the vectors after may lack
ROWS = 1 << 13  # made float64 at once
MAKERS = {"direction": "direction(before, ...) gives", "transform": "a reducer gives beside the vectors"}


class Told(NamedTuple):
    """Words to be told apart: their vectors before (m, D) and after (m, E), and on which side each is, (m,) bool."""

    rows: tuple[np.ndarray, np.ndarray]
    labels: np.ndarray

    @property
    def fewest(self) -> int:
        """Words of the smaller side."""
        return int(min(self.labels.sum(), (~self.labels).sum()))


@dataclass(frozen=True)
class Both:
    """The words that vectors before and after share, without those that say what the attribute is.

    Attributes
    ----------
    words
        m words, the most frequent first.
    before, after
        Vectors (m, D) and (m, E), float32, of length 1.
    bias
        Cosines (m,) before with the direction.
    tables
        The vectors they are from.
    unit
        Whether what was promised of the vectors after is promised of length 1.
    """

    words: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray
    bias: np.ndarray
    tables: tuple[WordVectors, WordVectors]
    unit: bool

    def sides(self, n: int, among: np.ndarray | None = None) -> tuple[list[str], list[str]]:
        """The most biased words of each side, n or as many as both sides have; among places (p,), or all."""
        places = np.arange(len(self.words)) if among is None else among
        bias = self.bias[places]
        order = places[np.argsort(-bias, kind="stable")].tolist()
        m = min(n, int((bias > 0).sum()), int((bias < 0).sum()))
        return [self.words[at] for at in order[:m]], [self.words[at] for at in order[len(order) - m :]]

    def told(self, positive: Sequence[str], negative: Sequence[str]) -> Told:
        """Words of two sides with their vectors; after, of the length for which something was promised."""
        names = [*positive, *negative]
        rows = [np.array([table.index[name] for name in names], np.int64) for table in self.tables]
        before, after = (units(table, some) for table, some in zip(self.tables, rows, strict=True))
        kept = after[0] if self.unit else self.tables[1].rows(rows[1])
        return Told((before[0], kept), np.arange(len(names)) < len(positive))

    def fitted(self, positive: Sequence[str], negative: Sequence[str], n: int) -> tuple[Told, Told]:
        """The words that a reducer was fitted on, as far as they are known; and the n most biased of each side of all others."""
        known = [
            [word for word in side if all(word in table.index for table in self.tables)]
            for side in (positive, negative)
        ]
        seen = {*positive, *negative}
        others = np.array([at for at, word in enumerate(self.words) if word not in seen], np.int64)
        return self.told(*known), self.told(*self.sides(n, others))


def pairwise(
    before: WordVectors, after: WordVectors, direction: Direction, *, restrict: int | None, transform: Transform | None
) -> tuple[Both, int]:
    """Words of both, with their vectors; and how many were left out as they say what the attribute is.

    Raises
    ------
    OptionError, DataError
        If direction or transform are something else, or of vectors of another length; or too many words are missing after.
    """
    for name, given, kind in (("direction", direction, Direction), ("transform", transform, Transform | None)):
        if not isinstance(given, kind):
            raise OptionError(f"{name} is what {MAKERS[name]}; got {type(given).__name__}")
    rows, places = shared(before, after, restrict)
    if before.dim != len(direction.vector):
        told = f"the direction is of vectors of length {len(direction.vector)}; got {before.dim} before"
        raise DataError(f"{told}: give direction(before, ...)")
    about = direction.about
    out = {word for pair in (*about.pairs, *about.equalize, about.specific, direction.pairs[0]) for word in pair}
    out |= set(transform.kept if transform else ())
    folded = {word.lower() for word in out}
    spelled = [before.words[row] for row in rows.tolist()]
    free = np.array([word.lower() not in folded for word in spelled], bool)
    (x, lengths), (y, after_lengths) = units(before, rows[free]), units(after, places[free])
    some = (lengths > 0) & (after_lengths > 0)  # what has no direction is biased to no side
    if not some.any():
        raise DataError("no word is left that has a vector before and after and does not say what the attribute is")
    names = tuple(
        word for word, kept in zip(np.array(spelled, object)[free].tolist(), some.tolist(), strict=True) if kept
    )
    bias = x[some].astype(np.float64) @ direction.vector
    unit = transform is None or transform.unit
    return Both(names, x[some], y[some], bias, (before, after), unit), int((~free).sum())


def shared(before: WordVectors, after: WordVectors, restrict: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Rows (m,) before and after of the most frequent words before that are in both.

    Raises
    ------
    DataError
        If more than a fifth of them is not in the vectors after; it names some.
    """
    if restrict is not None:
        whole_number(restrict, "restrict")
    rows = known(before).frequent(restrict)
    if known(after).words is before.words:
        return rows, rows
    places = np.array([after.index.get(before.words[row], -1) for row in rows.tolist()], np.int64)
    here = places >= 0
    if (~here).sum() > LOST * len(rows):
        lost = [before.words[row] for row in rows[~here].tolist()]
        told = f"{len(lost)} of the {len(rows)} most frequent words before are not in the vectors after: {named(lost)}"
        raise DataError(f"{told}; give what a reducer made of the same vectors")
    return rows[here], places[here]


def units(vectors: WordVectors, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (m, D) float32 of length 1 of rows (m,), and their lengths (m,); one of zeros stays one.

    Raises
    ------
    DataError
        If a vector is not finite; it names the word.
    """
    made, lengths = np.empty((len(rows), vectors.dim), np.float32), np.empty(len(rows))
    for first in range(0, len(rows), ROWS):
        part = slice(first, first + ROWS)
        given = vectors.rows(rows[part]).astype(np.float64)  # (b, D)
        lengths[part] = np.sqrt(np.einsum("bd,bd->b", given, given))
        if not np.isfinite(lengths[part]).all():
            word = vectors.words[int(rows[part][int(np.argmin(np.isfinite(lengths[part])))])]
            raise DataError(f"the vector of {word!r} is not finite; leave the word out")
        made[part] = given / np.where(lengths[part] > 0, lengths[part], 1)[:, None]
    return made, lengths


def columns(cells: Sequence[Sequence[str]]) -> list[str]:
    """Lines of cells side by side, the first column to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in cells]
    return ["  ".join(line).rstrip() for line in lines]
