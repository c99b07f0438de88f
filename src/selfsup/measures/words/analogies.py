"""Analogies: a is to b as c is to what? All questions of a file in a second or two.

The cosines of the few hundred different words asked with all words are one product; each question then adds
(3CosAdd) or multiplies (3CosMul) three rows of it. Mikolov et al., 2013; Levy and Goldberg, 2014 (3CosMul, eq. 4).
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from selfsup.errors import DataError, OptionError, unknown
from selfsup.measures.run import Evidence
from selfsup.measures.table import Look, Table
from selfsup.measures.words.files import listed, named_apart
from selfsup.words.formats.io import lines_of
from selfsup.words.search import unit_rows

if TYPE_CHECKING:
    from selfsup.words.vectors import WordVectors

Arithmetic = Literal["add", "mul"]
COLUMNS = 1 << 15  # words among which answers are looked for at once
EPSILON = 1e-3  # of 3CosMul


class Section(NamedTuple):
    """Score on one section: questions answered rightly, those whose four words are all known, and those asked."""

    name: str
    correct: int
    covered: int
    asked: int

    @property
    def accuracy(self) -> float | None:
        """Share of the covered questions answered rightly; None where none is covered."""
        return self.correct / self.covered if self.covered else None

    @property
    def error(self) -> float | None:
        """Standard error of the accuracy (see `error_of_share`)."""
        return None if self.accuracy is None else error_of_share(self.accuracy, self.covered)


def error_of_share(share: float, n: float) -> float | None:
    """Half the width of Wilson's interval of one standard error: the binomial one where n is large, and not 0 for 3 of 3.

    It takes the questions as drawn one by one. Those of a section share their words, so that the truth is somewhat wider.
    """
    if not n:
        return None
    return math.sqrt(share * (1 - share) / n + 1 / (4 * n * n)) / (1 + 1 / n)


def scored(table: Table) -> list[str]:
    """The scores on a terminal, a block for each file."""
    lines, file = [], None
    for row in table.rows:
        if row["file"] != file:
            file, name = row["file"], {"add": "3CosAdd", "mul": "3CosMul"}[row["method"]]
            among = "all words" if row["restrict"] is None else f"the {row['restrict']:,} most frequent words"
            lines += [
                f"Analogies, {name}, among {among} ({file})",
                f"{'':<30}{'right, %':>16}{'covered':>10}{'asked':>10}",
            ]
        share = "-"
        if row["accuracy"] is not None:
            share = f"{100 * row['accuracy']:.2f} ± {100 * (error_of_share(row['accuracy'], row['covered']) or 0):.2f}"
        lines.append(f"{row['section'][:29]:<30}{share:>16}{row['covered']:>10}{row['asked']:>10}")
    return lines


LOOK = Look(
    "analogies",
    ("file", "section", "accuracy", "correct", "covered", "asked", "sum", "method", "restrict"),
    note="Covered: questions whose four words are all known; the accuracy is of these alone. ±: one standard error.",
    key="file",
    lines=scored,
)


@dataclass(frozen=True)
class AnalogyScores:
    """Scores on a file of analogies; ``str`` of it is a table.

    Attributes
    ----------
    source
        The file.
    method
        "add" (3CosAdd) or "mul" (3CosMul).
    restrict
        How many of the most frequent words could be asked and answered; None: all.
    sections
        In the order of the file.
    answers
        The word that was answered to each question, in the order of the file; None where one of its words is not known.
    right
        Whether that is the answer, likewise.
    """

    source: str
    method: str
    restrict: int | None
    sections: list[Section]
    answers: list[str | None] = field(default_factory=list, repr=False)
    right: list[bool | None] = field(default_factory=list, repr=False)

    @property
    def total(self) -> Section:
        """All sections."""
        return summed("total", self.sections)

    @property
    def semantic(self) -> Section:
        """Sections whose names do not begin with "gram"; none where no name does, as then names do not tell."""
        told = any(section.name.startswith("gram") for section in self.sections)
        return summed("semantic", [part for part in self.sections if told and not part.name.startswith("gram")])

    @property
    def syntactic(self) -> Section:
        """Sections whose names begin with "gram"."""
        return summed("syntactic", [section for section in self.sections if section.name.startswith("gram")])

    @property
    def sums(self) -> list[Section]:
        """All sections together; before them the semantic and the syntactic ones, where the file has both."""
        parts = [self.semantic, self.syntactic]
        return [*(parts if all(part.asked for part in parts) else []), self.total]

    def __str__(self) -> str:
        return "\n".join(scored(self.table()))

    def table(self) -> Table:
        """The scores as evidence: a row a section, and the sums; a folder of this machine is nobody's business."""
        file, parts = PurePath(self.source).name, [(section, False) for section in self.sections]
        rows = [
            {
                "file": file, "section": part.name, "accuracy": part.accuracy, "correct": part.correct,
                "covered": part.covered, "asked": part.asked, "sum": total, "method": self.method, "restrict": self.restrict,
            }
            for part, total in [*parts, *((section, True) for section in self.sums)]
        ]  # fmt: skip
        return Table.of("analogies", rows)


def summed(name: str, sections: list[Section]) -> Section:
    """Sections as one."""
    correct = sum(section.correct for section in sections)
    return Section(
        name, correct, sum(section.covered for section in sections), sum(section.asked for section in sections)
    )


def measure(evidence: Evidence) -> Table:
    """The analogies of the files that the options name."""
    words = evidence.words
    assert words is not None
    scores = [analogies(words, path) for path in listed(evidence.options["analogies"])]
    return Table.of("analogies", named_apart([(one.source, one.table().rows) for one in scores]))


def analogies(
    vectors: WordVectors,
    questions: str | os.PathLike[str] | Iterable[str],
    *,
    restrict: int | None = 30_000,
    method: Arithmetic = "add",
    fold_case: bool = True,
) -> AnalogyScores:
    """Answer the analogies of a file and count what is right.

    Parameters
    ----------
    vectors
        The words and their vectors.
    questions
        A file, or its lines: ``: section``, and below it four words a line, "Athens Greece Oslo Norway".
    restrict
        Only the most frequent words are asked and answered; None: all.
    method
        "add": the word nearest to b - a + c (of unit vectors); "mul": the largest cos(d, b) cos(d, c) / (cos(d, a) + .001),
        with cosines brought into [0, 1].
    fold_case
        Upper and lower case are one; of words that differ by case only the most frequent one is asked, and the others
        may not answer where the word may not.

    Returns
    -------
    AnalogyScores
        Words of the question are never its answer; a question with an unknown word counts as asked, not as covered.
    """
    if method not in get_args(Arithmetic):
        raise OptionError(unknown("method", method, get_args(Arithmetic)))
    source, sections = _parse(questions)
    rows = vectors.frequent(restrict)  # (r,)
    known, twins = _groups([vectors.words[row] for row in rows.tolist()], fold_case=fold_case)
    asked = [[known.get(_fold(word, fold_case)) for word in four] for _, fours in sections for four in fours]
    whole = np.array([None not in four for four in asked], bool)  # (q,)
    covered = np.array([four for four in asked if None not in four], np.int64).reshape(-1, 4)
    right = np.zeros(len(asked), bool)
    answers = _answers(unit_rows(vectors.rows(rows)), covered[:, :3], twins, method)
    first = {twin: word for word, more in twins.items() for twin in more}
    right[whole] = [
        first.get(answer, answer) == word for answer, word in zip(answers.tolist(), covered[:, 3].tolist(), strict=True)
    ]
    said: list[str | None] = [None] * len(asked)
    for question, answer in zip(np.flatnonzero(whole).tolist(), rows[answers].tolist(), strict=True):
        said[question] = vectors.words[answer]
    scores, at = [], 0
    for name, fours in sections:
        part = slice(at, at + len(fours))
        scores.append(Section(name, int(right[part].sum()), int(whole[part].sum()), len(fours)))
        at += len(fours)
    marks = [mark if known else None for mark, known in zip(right.tolist(), whole.tolist(), strict=True)]
    return AnalogyScores(source, method, restrict, scores, said, marks)


def _parse(questions: str | os.PathLike[str] | Iterable[str]) -> tuple[str, list[tuple[str, list[list[str]]]]]:
    """Name of the source, and each section's name and questions."""
    source, lines = lines_of(questions)
    sections: list[tuple[str, list[list[str]]]] = []
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or line.startswith(("//", "#")):
            continue
        if line.startswith(":"):
            sections.append((line[1:].strip(), []))
            continue
        if len(fields) != 4:
            raise DataError(f"{source}, line {number}: ': section' or four words expected; got {line.strip()[:60]!r}")
        if not sections:
            sections.append(("questions", []))
        sections[-1][1].append(fields)
    if not any(fours for _, fours in sections):
        raise DataError(f"{source} has no questions; one is four words a line")
    return source, sections


def _fold(word: str, fold_case: bool) -> str:
    return word.upper() if fold_case else word


def _groups(words: list[str], *, fold_case: bool) -> tuple[dict[str, int], dict[int, list[int]]]:
    """Place of each word, the first of those that differ by case only; and the others of such a first one."""
    known: dict[str, int] = {}
    twins: dict[int, list[int]] = defaultdict(list)
    for place, word in enumerate(words):
        first = known.setdefault(_fold(word, fold_case), place)
        if first != place:
            twins[first].append(place)
    return known, dict(twins)


def _answers(unit: np.ndarray, questions: np.ndarray, twins: dict[int, list[int]], method: Arithmetic) -> np.ndarray:
    """Place (q,) of the best word for each question (q, 3) among the unit rows (r, D)."""
    asked, places = np.unique(questions, return_inverse=True)  # (w,) different words
    triples = places.reshape(-1, 3)
    order = np.lexsort((triples[:, 1], triples[:, 0]))  # questions that share a and b one after the other
    banned = [[place for word in three for place in (word, *twins.get(word, ()))] for three in questions.tolist()]
    best = np.full(len(questions), -np.inf, np.float32)
    answers = np.zeros(len(questions), np.int64)
    for start in range(0, len(unit), COLUMNS):
        cosines = unit[asked] @ unit[start : start + COLUMNS].T  # (w, columns)
        if method == "mul":
            cosines = (1 + cosines) / 2
        scores, pair, base = np.empty(cosines.shape[1], np.float32), (-1, -1), cosines[:1]
        for question, (a, b, c) in zip(order.tolist(), triples[order].tolist(), strict=True):
            if (a, b) != pair:
                pair, base = (a, b), cosines[b] - cosines[a] if method == "add" else cosines[b] / (cosines[a] + EPSILON)
            (np.add if method == "add" else np.multiply)(base, cosines[c], out=scores)
            for place in banned[question]:
                if start <= place < start + len(scores):
                    scores[place - start] = -np.inf
            top = int(scores.argmax())
            if scores[top] > best[question]:
                best[question], answers[question] = scores[top], start + top
    return answers
