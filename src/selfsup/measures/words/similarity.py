"""Word similarity: do cosines put pairs of words in the order that people do?"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from selfsup.errors import DataError
from selfsup.lazy import scipy
from selfsup.measures.run import Evidence
from selfsup.measures.table import Look, Table
from selfsup.words.formats.io import lines_of
from selfsup.words.search import unit_rows

if TYPE_CHECKING:
    from selfsup.words.vectors import WordVectors

Pair = tuple[str, str, float]
FEWEST = 3  # pairs for a correlation
LARGEST = 1e30  # of a judgement: squares of it are summed
LOOK = Look(
    "word similarity",
    ("file", "spearman", "pearson", "covered", "asked"),
    note="Covered: pairs of which both words are known; the correlation with people's judgement is over these alone.",
    key="file",
)


@dataclass(frozen=True)
class SimilarityScores:
    """Correlation of cosines with people's judgement of pairs of words; ``str`` of it is a line.

    Attributes
    ----------
    source
        The file.
    spearman, pearson
        Over the covered pairs; None where they are fewer than 3, or all are alike.
    covered, asked
        Pairs of known words, and all pairs.
    """

    source: str
    spearman: float | None
    pearson: float | None
    covered: int
    asked: int

    def __str__(self) -> str:
        name = os.path.basename(self.source)
        if self.spearman is None or self.pearson is None:
            return f"{name}: no correlation; {self.covered} of {self.asked} pairs covered"
        return f"{name}: Spearman {self.spearman:.4f}, Pearson {self.pearson:.4f}; {self.covered} of {self.asked} pairs covered"

    def table(self) -> Table:
        """The scores as evidence; a folder of this machine is nobody's business."""
        row = asdict(self)
        return Table.of("similarity", [{"file": PurePath(row.pop("source")).name} | row])


def measure(evidence: Evidence) -> Table:
    """The similarity of the pairs in the file that the options name."""
    assert evidence.words is not None
    return similarity(evidence.words, evidence.options["similarity"]).table()


def similarity(
    vectors: WordVectors,
    pairs: str | os.PathLike[str] | Iterable[str],
    *,
    restrict: int | None = None,
    fold_case: bool = True,
) -> SimilarityScores:
    """Compare the cosines of pairs of words with people's judgement.

    Parameters
    ----------
    vectors
        The words and their vectors.
    pairs
        A file, or its lines: two words and a number, separated by tabs, commas, semicolons or spaces; the first number
        after the words counts. A line of headings and comments (#) are passed over.
    restrict
        Only the most frequent words are known; None: all.
    fold_case
        Upper and lower case are one: of words that differ by case only the most frequent one counts.
    """
    source, asked = _parse(pairs)
    known: dict[str, int] = {}
    for row in vectors.frequent(restrict).tolist():
        word = vectors.words[row]
        known.setdefault(word.upper() if fold_case else word, row)
    found = []
    for a, b, judged in asked:
        rows = [known.get(word.upper() if fold_case else word) for word in (a, b)]
        if None not in rows:
            found.append((*rows, judged))
    if not found:
        return SimilarityScores(source, None, None, 0, len(asked))
    left, right, people = (np.array(column) for column in zip(*found, strict=True))  # (p,) each
    cosines = np.einsum("pd,pd->p", unit_rows(vectors.vectors[left]), unit_rows(vectors.vectors[right]))
    spearman = _correlation(scipy.stats.rankdata(cosines), scipy.stats.rankdata(people))
    return SimilarityScores(source, spearman, _correlation(cosines, people), len(found), len(asked))


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Pearson's correlation; None where it is not defined."""
    a, b = a.astype(np.float64) - a.mean(), b.astype(np.float64) - b.mean()
    norm = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / norm if len(a) >= FEWEST and norm > 0 else None


def _parse(pairs: str | os.PathLike[str] | Iterable[str]) -> tuple[str, list[Pair]]:
    """Name of the source, and its pairs."""
    source, lines = lines_of(pairs)
    found: list[Pair] = []
    headed = False
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        pair = _pair(line)
        if pair is not None:
            found.append(pair)
        elif found or headed:
            raise DataError(f"{source}, line {number}: two words and a number expected; got {line.strip()[:60]!r}")
        headed = True
    if not found:
        raise DataError(f"{source} has no pairs; one is two words and a number a line")
    return source, found


def _pair(line: str) -> Pair | None:
    """Two words, and the first number after them."""
    separator = next((mark for mark in "\t,;" if mark in line), None)
    fields = [field.strip() for field in (line.split() if separator is None else line.split(separator))]
    values = [float(field) for field in fields[2:] if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", field)]
    judged = bool(values) and abs(values[0]) <= LARGEST
    return (fields[0], fields[1], values[0]) if judged and fields[0] and fields[1] else None
