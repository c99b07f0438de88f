"""What a measure of bias found: its value, and beside it an interval, chance, the value of no bias and the words it rests on."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from selfsup.errors import DataError
from selfsup.measures.table import WIDTH, Look, Row, Table
from selfsup.words.bias.given import Found, disjoint, found, listed, row_of, units
from selfsup.words.vectors import WordVectors

CAUTION = (
    "A lower score is lower on this measure; it does not mean that the vectors are unbiased, "
    "and says nothing of what is built on them."
)
NUMBERS = ("value", "low", "high", "chance", "none", "p")
NAMED = 6  # words of a list on a terminal
LONGEST = 50  # letters of what a score is of, there
LOST = 0.2  # largest share of a set's words that the vectors may lack


@dataclass(frozen=True)
class Score:
    """One measure of bias; ``str`` of it is a line.

    Attributes
    ----------
    measure
        Its name, such as ``WEAT``.
    of
        Which sets, or pairs, of words.
    value
        None where it is withheld.
    low, high
        95 % interval of the bootstrap over words (see `selfsup.measures.words.bias.bootstrap.interval`), widened to hold the
        value: near the end of a measure's range words drawn anew may all give more bias than the words do. None where there is
        nothing to draw from.
    chance
        What a random direction, or random words, give on average (`note` says which); None where nobody can say.
    none
        The value of no bias.
    p
        Of a permutation, or None.
    words, asked
        Words that were found, and all words.
    missing
        Words that the vectors lack, by name.
    withheld
        Why there is no value; empty where there is one.
    note
        What a reader should know.
    """

    measure: str
    of: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    none: float | None = None
    p: float | None = None
    words: int = 0
    asked: int = 0
    missing: tuple[str, ...] = ()
    withheld: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        for name in NUMBERS:
            number = getattr(self, name)
            if number is None:
                continue
            if not math.isfinite(number):
                raise DataError(
                    f"{self.measure} of {self.of}: its {name} is not a finite number; look at the words' vectors"
                )
            object.__setattr__(self, name, float(number))
        if self.value is not None and self.low is not None and self.high is not None:
            object.__setattr__(self, "low", min(self.low, self.value))
            object.__setattr__(self, "high", max(self.high, self.value))
        object.__setattr__(self, "missing", tuple(self.missing))
        if self.value is None and not self.withheld:
            raise DataError(f"{self.measure} of {self.of} has no value and does not say why; give withheld=...")

    def __str__(self) -> str:
        line = "  ".join(part for part in _cells(self.row()) if part)
        return f"{line}: {self.withheld}" if self.withheld else line

    def row(self, stage: str = "before") -> Row:
        """The score as a row of the table ``bias``."""
        note = " ".join(part for part in (f"Withheld: {self.withheld}" if self.withheld else "", self.note) if part)
        numbers = {name: getattr(self, name) for name in NUMBERS}
        found = {"words": self.words, "asked": self.asked, "missing": list(self.missing), "note": note}
        return {"stage": stage, "measure": self.measure, "of": self.of} | numbers | found


def table(scores: Sequence[Score], stage: str = "before") -> Table:
    """Scores as evidence, a row each; `stage` says of which vectors, such as ``before`` and ``after``."""
    return Table.of("bias", [score.row(stage) for score in scores])


class Sets(NamedTuple):
    """Sets of words as they were found, and their vectors.

    Attributes
    ----------
    found
        What was found of each set, by the set's name.
    units
        Vectors (m, D) float64 of length 1 of each.
    """

    found: dict[str, Found]
    units: dict[str, np.ndarray]

    @property
    def facts(self) -> dict[str, Any]:
        """The fields of a `Score` that say how many words were found, of how many, and which were not."""
        every = self.found.values()
        missing = tuple(word for one in every for word in one.missing)
        return {
            "words": sum(len(one.words) for one in every),
            "asked": sum(len(one.asked) for one in every),
            "missing": missing,
        }


def sets_of(
    vectors: WordVectors, sets: Mapping[str, Sequence[str]], *, allow_missing: bool = False, least: int = 1
) -> Sets:
    """Find sets of words, which must not share any.

    Raises
    ------
    DataError
        If one lost more than 20 % of its words (unless `allow_missing`) or has fewer than `least`, or two share words.
    """
    lost = None if allow_missing else LOST
    every = {name: found(vectors, words, name, lost=lost, least=least) for name, words in sets.items()}
    disjoint(**every)
    return Sets(every, {name: units(vectors, one.rows) for name, one in every.items()})


def or_withheld(score: Callable[[], Score], measure: str, of: str, vectors: WordVectors, *sets: Sequence[str]) -> Score:
    """A score, or a withheld one that says why the words do not allow it: in a table one set must not stop the rest.

    Parameters
    ----------
    score
        Gives the score, or raises a DataError.
    measure, of
        What the row is called.
    vectors
        Where the words were looked for.
    sets
        All words that it asks for.
    """
    try:
        return replace(score(), of=of)
    except DataError as error:
        asked, missing = 0, []
        for words in sets:
            every = listed(words, of)
            asked += len(every)
            missing += [word for word in every if row_of(vectors, word) is None]
        return Score(measure, of, words=asked - len(missing), asked=asked, missing=tuple(missing), withheld=str(error))


def shown(value: float | None) -> str:
    """A number of a measure of bias: three digits after the point, or more where it is small."""
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2g}"


def _cells(row: Row) -> list[str]:
    """What a line says of a score: measure, sets, value, interval, chance, no bias, p, words."""
    interval = "" if row["low"] is None else f"[{shown(row['low'])}, {shown(row['high'])}]"
    value = "withheld" if row["value"] is None else shown(row["value"])
    told = [f"{name} {shown(row[key])}" if row[key] is not None else "" for name, key in TOLD]
    return [row["measure"], row["of"], value, interval, *told, f"{row['words']} of {row['asked']} words"]


TOLD = (("chance", "chance"), ("no bias", "none"), ("p", "p"))


def lines(table: Table) -> list[str]:
    """The scores on a terminal, a line each, stages side by side; below them what is missing and why a value is withheld."""
    stages = list(dict.fromkeys(row["stage"] for row in table.rows))
    found: dict[tuple[str, str, int], dict[str, Row]] = {}
    seen = Counter[tuple[str, str, str]]()
    for row in table.rows:
        seen[title := (row["measure"], row["of"], row["stage"])] += 1
        found.setdefault((*title[:2], seen[title]), {})[row["stage"]] = row
    cells = [["bias", "", *(stages if len(stages) > 1 else ["value"]), *(name for name, _ in TOLD), "words"]]
    for (measure, of, _), by_stage in found.items():
        rows = [by_stage.get(stage) for stage in stages]
        first = next(row for row in rows if row is not None)
        told = [shown(first[key]) if first["value"] is not None else "" for _, key in TOLD[:-1]]
        p = " → ".join(shown(row["p"]) for row in rows if row is not None and row["p"] is not None)
        counted = f"{first['words']} of {first['asked']} words"
        cells.append([measure, _short(of), *map(_value, rows), *told, p, counted])
    widths = [max(map(len, column)) + 2 for column in zip(*cells, strict=True)]
    made = ["".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return [*made, *_below(table.rows), CAUTION]


def _value(row: Row | None) -> str:
    """A value and its interval."""
    if row is None or row["value"] is None:
        return "" if row is None else "withheld"
    return shown(row["value"]) + ("" if row["low"] is None else f" [{shown(row['low'])}, {shown(row['high'])}]")


def _below(rows: Sequence[Row]) -> list[str]:
    """What is missing, and why values are withheld; what several scores have in common stands there once."""
    lost: dict[tuple[str, ...], dict[str, None]] = {}
    why: dict[str, str] = {}
    for row in rows:
        if row["value"] is None:
            why[f"{row['measure']}, {row['of']}"] = row["note"]
        elif row["missing"]:
            of = row["of"] if len(row["missing"]) < NAMED else ""
            lost.setdefault(tuple(row["missing"]), {})[", ".join(part for part in (row["measure"], of) if part)] = None
    made = []
    for missing, titles in lost.items():
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        made.append(f"  {', '.join(titles)}: not in the vectors: {', '.join(missing[:NAMED])}{more}")
    advice = Counter(note.partition("; ")[2] for note in why.values())
    shared = [text for text, count in advice.items() if text and count > 1]
    for title, note in why.items():
        said, _, rest = note.partition("; ")
        made.append(f"  {title}: {said if rest in shared else note}")
    made += [f"  {text[:1].upper()}{text[1:]}" for text in shared]
    return [line for text in made for line in textwrap.wrap(text, WIDTH, subsequent_indent="    ")]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


LOOK = Look(
    "bias",
    ("stage", "measure", "of", *NUMBERS, "words", "asked", "missing", "note"),
    note="Low, high: 95 % interval of a bootstrap over the words. Chance: what random words, or a random direction, give. "
    f"None: the value of no bias. Measures of different names answer different questions and may disagree. {CAUTION}",
    lines=lines,
)
