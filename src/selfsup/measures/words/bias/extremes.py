"""Words of a list that lie farthest along a direction, to either side, such as occupations (Bolukbasi et al. 2016, figure 1)."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from selfsup.measures.table import WIDTH, Look, Row, Table
from selfsup.measures.words.bias.direct import WordList, among, checked
from selfsup.words.bias.direction import Direction
from selfsup.words.bias.given import NAMED, units, whole_number
from selfsup.words.vectors import WordVectors

BAR = 10  # characters of the longest bar
STRIP = 61  # characters of the strip of all words
SHADES = " .:-=+*#%@"  # of one character of the strip, by how many words stand there

Projected = list[tuple[str, float]]


@dataclass(frozen=True)
class Extremes:
    """The words farthest along a direction; ``str`` of it is the paper's two columns and a strip of all words.

    Attributes
    ----------
    positive, negative
        Words, as they are in the vectors, with their projections, the most extreme first. No word is in both.
    ends
        What the two sides are called.
    words
        Name of the list.
    asked, found
        Words of the list, and how many of them were compared.
    missing
        Words that the vectors do not have.
    left_out
        Words whose meaning has the attribute, such as "actress", which say nothing of a bias.
    projections
        Of every word that was compared, the largest first.
    """

    positive: Projected
    negative: Projected
    ends: tuple[str, str]
    words: str
    asked: int
    found: int
    missing: tuple[str, ...]
    left_out: tuple[str, ...]
    projections: Mapping[str, float] = field(repr=False)

    def __str__(self) -> str:
        return "\n".join(columns(self.table()))

    def table(self, stage: str = "before") -> Table:
        """The words as evidence, a row each; the first row also names the words that were missing or left out.

        Parameters
        ----------
        stage
            Of what vectors: such as "before" and "after" something was done to them.
        """
        strip = counted(list(self.projections.values()))
        rows: list[Row] = []
        for end, sign, side in zip(self.ends, (1, -1), (self.positive, self.negative), strict=True):
            for rank, (word, projection) in enumerate(side, 1):
                first = not rows
                told = {"missing": list(self.missing), "left_out": list(self.left_out), "strip": strip}
                rows.append(
                    {"stage": stage, "side": end, "sign": sign, "rank": rank, "word": word, "projection": projection}
                    | {"list": self.words, "found": self.found, "asked": self.asked}
                    | (told if first else dict.fromkeys(told))
                )
        return Table.of("bias_extremes", rows)


def extremes(
    vectors: WordVectors,
    direction: Direction,
    words: WordList = "occupations",
    n: int = 12,
    *,
    keep_specific: bool = False,
) -> Extremes:
    """Find the words of a list that lie farthest along a direction, to either side.

    Parameters
    ----------
    vectors
        The word vectors.
    direction
        See `selfsup.bias.direction`; it may be that of other vectors of the same length.
    words
        "occupations", a file (JSON, or a word a line), or a list of words. A word with "_" is looked for as it is written, then
        with " " and "-" in its place; each also in lower case.
    n
        How many to list on either side; where fewer than 2 n words are found, no word stands on both sides.
    keep_specific
        Also words whose meaning has the attribute: those that the list says are such ("actress"), those that the direction is
        from, and those that its attribute names.

    Raises
    ------
    OptionError, DataError
        If the list has another shape, none of its words is found, or one has a vector of zeros.
    """
    n = whole_number(n, "n")
    toward = checked(vectors, direction)
    name, there, left_out = among(vectors, words, None if keep_specific else direction)
    along = units(vectors, there.rows) @ toward  # (m,)
    order = np.argsort(-along, kind="stable").tolist()
    projected = [(there.words[place], float(along[place])) for place in order]
    lower = min(n, len(projected) // 2)
    upper = min(n, len(projected) - lower)
    return Extremes(
        projected[:upper],
        projected[len(projected) - lower :][::-1],
        direction.ends,
        name,
        len(there.asked) + len(left_out),
        len(projected),
        there.missing,
        left_out,
        dict(projected),
    )


def counted(projections: Sequence[float]) -> list[int]:
    """How many words (61,) stand in each part of the range of projections, which is as wide to both sides of 0."""
    reach = max(max(map(abs, projections), default=0.0), 1e-9)
    counts, _ = np.histogram([-one for one in projections], bins=STRIP, range=(-reach, reach))
    return [int(count) for count in counts]


def columns(table: Table) -> list[str]:
    """The two columns on a terminal, a bar beside each word, and the strip of all words; for each stage."""
    lines: list[str] = []
    for stage in dict.fromkeys(row.get("stage") for row in table.rows):
        rows = [row for row in table.rows if row.get("stage") == stage]
        lines += [*([""] if lines else []), *_one(rows, str(stage))]
    return lines


def _one(rows: Sequence[Row], stage: str) -> list[str]:
    """Lines of one stage."""
    sides = [[row for row in rows if row["sign"] == sign] for sign in (1, -1)]
    first = rows[0]
    reach = max(max(abs(row["projection"]) for row in rows), 1e-9)
    width = max(len(row["word"]) for row in rows) + 2
    each = width + 8 + BAR  # of a column: word, projection, bar
    heads = [f"extreme {side[0]['side']}" if side else "" for side in sides]
    said = f"{first['found']} of {first['asked']} {first['list']} compared" + (
        "" if stage == "before" else f", {stage}"
    )
    lines = [said, "".join(f"{head:<{each + 2}}" for head in heads).rstrip()]
    for pair in zip_longest(*sides):
        cells = [_cell(row, width, reach) if row else "" for row in pair]
        lines.append("".join(f"{cell:<{each + 2}}" for cell in cells).rstrip())
    if first.get("strip") and sides[1]:
        shaded = "".join(_shade(count, max(first["strip"])) for count in first["strip"])
        lines += ["", f"{sides[0][0]['side']} |{shaded}| {sides[1][0]['side']}"]
        lines += [
            f"{'':{len(sides[0][0]['side']) + 2}}{'^ 0':>{STRIP // 2 + 3}}".rstrip()
            + ", each word where it projects to"
        ]
    for key, title in (("left_out", "left out, as their meaning has the attribute"), ("missing", "not in the vectors")):
        if first.get(key):
            told = f"{title} ({len(first[key])}): {_listed(first[key])}"
            lines += textwrap.wrap(told, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return lines


def _listed(words: Sequence[str]) -> str:
    """The first words of many."""
    return ", ".join(words[:NAMED]) + (f" and {len(words) - NAMED} more" if len(words) > NAMED else "")


def _cell(row: Row, width: int, reach: float) -> str:
    """A word, its projection and its bar."""
    bar = "#" * round(BAR * abs(row["projection"]) / reach)
    return f"{row['word']:<{width}}{row['projection']:>+6.3f}  {bar}"


def _shade(count: int, most: int) -> str:
    """A character for how many words stand somewhere: darker for more."""
    return SHADES[0] if count == 0 else SHADES[1 + (len(SHADES) - 2) * (count - 1) // max(most - 1, 1)]


LOOK = Look(
    "words farthest along the direction",
    ("stage", "side", "rank", "word", "projection"),
    note="Projection: the cosine of the word with the direction. Words whose meaning has the attribute are left out; what was "
    "compared, left out and not in the vectors is counted.",
    key="stage",
    lines=columns,
)
