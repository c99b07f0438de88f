"""Word similarity: do cosines put pairs of words in the order that people do?"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from selfsup.measures.run import Evidence
from selfsup.measures.table import Look, Table
from selfsup.measures.words.files import listed, named_apart
from selfsup.measures.words.pairs import read_pairs
from selfsup.words.search import unit_rows

if TYPE_CHECKING:
    from selfsup.words.vectors import WordVectors

FEWEST = 3  # pairs for a correlation


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
    judgement
        Heading of the column with people's judgement; empty where there is none.
    cosines, people
        Of each pair, in the order of the file; a cosine is None where one of the words is not known.
    """

    source: str
    spearman: float | None
    pearson: float | None
    covered: int
    asked: int
    judgement: str = ""
    cosines: list[float | None] = field(default_factory=list, repr=False)
    people: list[float] = field(default_factory=list, repr=False)

    @property
    def error(self) -> float | None:
        """Standard error of Spearman's correlation (see `error_of_rank`)."""
        return error_of_rank(self.spearman, self.covered)

    def __str__(self) -> str:
        name = os.path.basename(self.source)
        if self.spearman is None or self.pearson is None:
            return f"{name}: no correlation; {self.covered} of {self.asked} pairs covered"
        error = "" if self.error is None else f" ± {self.error:.4f}"
        return (
            f"{name}: Spearman {self.spearman:.4f}{error}, Pearson {self.pearson:.4f}; "
            f"{self.covered} of {self.asked} pairs covered"
        )

    def table(self) -> Table:
        """The scores as evidence; a folder of this machine is nobody's business."""
        row = {
            "file": PurePath(self.source).name, "spearman": self.spearman, "pearson": self.pearson, "covered": self.covered,
            "asked": self.asked, "judgement": self.judgement,
        }  # fmt: skip
        return Table.of("similarity", [row])


def error_of_rank(rho: float | None, n: float) -> float | None:
    """Standard error of Spearman's correlation of n pairs: Fisher's, with the factor of Bonett and Wright (2000, sec. 2)."""
    if rho is None or n <= FEWEST:
        return None
    return (1 - rho * rho) * math.sqrt((1 + rho * rho / 2) / (n - 3))


def scored(table: Table) -> list[str]:
    """The scores on a terminal, a line a file."""
    width = max([len(row["file"]) for row in table.rows] + [28]) + 2
    lines = ["word similarity", f"{'':<{width}}{'Spearman':>17}{'Pearson':>10}{'covered':>10}{'asked':>10}"]
    for row in table.rows:
        rho, error = row["spearman"], error_of_rank(row["spearman"], row["covered"])
        shown = "-" if rho is None else f"{rho:.4f}" + ("" if error is None else f" ± {error:.4f}")
        pearson = "-" if row["pearson"] is None else f"{row['pearson']:.4f}"
        lines.append(f"{row['file']:<{width}}{shown:>17}{pearson:>10}{row['covered']:>10}{row['asked']:>10}")
    return lines


LOOK = Look(
    "word similarity",
    ("file", "spearman", "pearson", "covered", "asked"),
    note="Covered: pairs of which both words are known; the correlation with people's judgement is over these alone. "
    "±: one standard error.",
    key="file",
    lines=scored,
)


def measure(evidence: Evidence) -> Table:
    """The similarity of the pairs in the files that the options name."""
    words = evidence.words
    assert words is not None
    scores = [similarity(words, path) for path in listed(evidence.options["similarity"])]
    return Table.of("similarity", named_apart([(one.source, one.table().rows) for one in scores]))


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
        A file as it is published, or its lines: two words and a number, separated by tabs, commas, semicolons or spaces. The
        first column of numbers after the words counts (`SimilarityScores.judgement` is its heading). A line of headings and
        comments (#) are passed over; a pair that stands there twice counts twice. Where all words end in a part of speech
        ("sun-n"), it is taken off.
    restrict
        Only the most frequent words are known; None: all.
    fold_case
        Upper and lower case are one: of words that differ by case only the most frequent one counts.
    """
    source, asked, judgement = read_pairs(pairs)
    known: dict[str, int] = {}
    for row in vectors.frequent(restrict).tolist():
        word = vectors.words[row]
        known.setdefault(word.upper() if fold_case else word, row)
    found, judged = [], [judgement for _, _, judgement in asked]
    every: list[float | None] = [None] * len(asked)
    for place, (a, b, value) in enumerate(asked):
        rows = [known.get(word.upper() if fold_case else word) for word in (a, b)]
        if None not in rows:
            found.append((*rows, value, place))
    if not found:
        return SimilarityScores(source, None, None, 0, len(asked), judgement, every, judged)
    left, right, people, places = (np.array(column) for column in zip(*found, strict=True))  # (p,) each
    cosines = np.einsum("pd,pd->p", unit_rows(vectors.rows(left)), unit_rows(vectors.rows(right)))
    for place, cosine in zip(places.tolist(), cosines.tolist(), strict=True):
        every[place] = cosine
    spearman = correlation(ranks(cosines), ranks(people))
    pearson = correlation(cosines, people)
    return SimilarityScores(source, spearman, pearson, len(found), len(asked), judgement, every, judged)


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks (n,) of values (n,) from 1 on; equal ones share the mean of theirs. SciPy's takes a second to import."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean: np.ndarray = counts.cumsum() - (counts - 1) / 2
    return mean[places]


def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Pearson's correlation; None where it is not defined."""
    a, b = a.astype(np.float64) - a.mean(), b.astype(np.float64) - b.mean()
    norm = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / norm if len(a) >= FEWEST and norm > 0 else None
