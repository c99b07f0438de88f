"""What it cost to reduce a bias: analogies and similarity before and after, words that moved, neighbours that were lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from selfsup.errors import DataError
from selfsup.measures.table import Look, Row, Table
from selfsup.measures.words.analogies import Section, analogies as answered, summed
from selfsup.measures.words.bias.both import columns, shared, units
from selfsup.measures.words.bias.score import CAUTION, shown
from selfsup.measures.words.files import Files, listed, named_apart
from selfsup.measures.words.similarity import similarity as compared
from selfsup.words.bias.given import whole_number
from selfsup.words.search import nearest
from selfsup.words.vectors import WordVectors

COLUMNS = ("measure", "of", "before", "before_error", "after", "after_error", "covered", "asked", "words", "note")
SAME = "one standard error each; the questions are the same before and after, so that their difference is surer than either"


@dataclass(frozen=True)
class Cost:
    """What a reducer cost; ``str`` of it is a table of before and after.

    Attributes
    ----------
    rows
        Of the table ``bias_cost``.
    moved
        The words that moved most, each with its cosine with itself before.
    """

    rows: tuple[Row, ...]
    moved: tuple[tuple[str, float], ...]

    def table(self) -> Table:
        """The cost as evidence."""
        return Table.of("bias_cost", [dict(row) for row in self.rows])

    def __str__(self) -> str:
        return "\n".join(lines(self.table()))


def lines(table: Table) -> list[str]:
    """The cost on a terminal: before and after side by side, the words that moved most, then the caution."""
    cells = [["what it cost", "before", "after", "covered"]]
    for row in table.rows:
        if not row["words"]:
            numbers = [_with_error(row[side], row[f"{side}_error"]) for side in ("before", "after")]
            cells.append([f"{row['measure']}, {row['of']}", *numbers, f"{row['covered']:,} of {row['asked']:,}"])
    made = columns(cells)
    for row in table.rows:
        if row["words"]:
            made.append(f"{row['measure']}: " + ", ".join(f"{word} {shown(cosine)}" for word, cosine in row["words"]))
        elif row["after"] is None:
            made.append(f"  {row['measure']}, {row['of']}: {row['note']}")
    return [*made, CAUTION]


LOOK = Look(
    "what it cost",
    COLUMNS,
    note="Analogies: share of the covered questions answered rightly (3CosAdd); similarity: Spearman's correlation with people's "
    "judgement over the covered pairs; ±: one standard error. A word with itself: mean cosine of its vectors before and after. "
    f"Neighbours kept: share of the nearest words before that are among the nearest after. {CAUTION}",
    lines=lines,
)


def cost(
    before: WordVectors,
    after: WordVectors,
    *,
    analogies: Files = (),
    similarity: Files = (),
    restrict: int | None = 30_000,
    k: int = 10,
    sample: int = 1000,
    moved: int = 10,
    seed: int = 0,
) -> Cost:
    """What a reducer changed that nobody asked it to: quality on files of questions, words that moved, neighbours.

    Parameters
    ----------
    before, after
        The vectors, and what a reducer made of them, of the same words.
    analogies, similarity
        Files of questions, one or several (see `selfsup.measures.words`).
    restrict
        Only the most frequent words are asked, may answer, and are looked at; similarity knows all words, as ever. None: all.
    k
        Neighbours of which those are counted that stay.
    sample
        Words, drawn among these, whose neighbours are compared.
    moved
        Words named that moved most.
    seed
        Of the draw.

    Raises
    ------
    OptionError
        If an option is out of its range.
    DataError
        If too many words are missing after, a vector is not finite, or a file holds no questions.
    """
    for name, value, least in (("k", k, 1), ("sample", sample, 2), ("moved", moved, 1), ("seed", seed, 0)):
        whole_number(value, name, least=least)
    rows, places = shared(before, after, restrict)
    made = _analogies(before, after, listed(analogies), restrict) + _similarity(before, after, listed(similarity))
    (x, lengths), (y, after_lengths) = units(before, rows), units(after, places)
    some = (lengths > 0) & (after_lengths > 0)
    if not some.any():
        raise DataError("no word has a vector both before and after that is not all zeros")
    x, y, rows = x[some], y[some], rows[some]
    made.append(_kept(x, y, k, sample, seed, len(some)))
    if x.shape[1] != y.shape[1]:
        return Cost(tuple(made), ())  # vectors of another length have no cosine with these
    cosines = np.einsum("md,md->m", x, y, dtype=np.float64).clip(-1, 1)
    order = np.argsort(cosines, kind="stable")[:moved]
    most = tuple(
        (before.words[row], float(cosines[at])) for at, row in zip(order.tolist(), rows[order].tolist(), strict=True)
    )
    spread = np.quantile(cosines, (0.05, 0.5)).tolist()
    note = f"median {spread[1]:.4f}; for 5 % of the words it is below {spread[0]:.4f}; ±: deviation over the words"
    deviations = {"before_error": 0.0, "after_error": float(cosines.std())}
    made.append(
        _row(
            "a word with itself", _among(len(rows), restrict), 1.0, float(cosines.mean()), (len(rows), len(some)), note
        )
        | deviations
    )
    named = _row(
        "moved most",
        _among(len(rows), restrict),
        None,
        None,
        (len(rows), len(some)),
        "words and their cosine with themselves before",
    )
    made.append(named | {"words": [[word, cosine] for word, cosine in most]})
    return Cost(tuple(made), most)


def _analogies(before: WordVectors, after: WordVectors, files: list[str], restrict: int | None) -> list[Row]:
    tables = []
    for path in files:
        scores = [answered(vectors, path, restrict=restrict) for vectors in (before, after)]
        pairs = list(zip(*(one.sums for one in scores), strict=True))
        rows = []
        for first, second in [*pairs, *_most_changed(*(one.sections for one in scores))]:
            note = SAME if first.covered == second.covered else f"after, {second.covered} of the questions are covered"
            note = note if first.covered else "no question is covered"
            row = _row("analogies", first.name, first.accuracy, second.accuracy, (first.covered, first.asked), note)
            rows.append(row | {"before_error": first.error, "after_error": second.error})
        tables.append((path, rows))
    return _of_files(tables)


def _most_changed(before: list[Section], after: list[Section]) -> list[tuple[Section, Section]]:
    """The section that changed most, and all others: to equalize "brother" and "sister" answers questions by itself."""
    changes = [abs((b.accuracy or 0) - (a.accuracy or 0)) for b, a in zip(before, after, strict=True)]
    if len(changes) < 2 or not max(changes):
        return []
    at = int(np.argmax(changes))
    first, second = (part[at]._replace(name=f"{part[at].name}, changed most") for part in (before, after))
    rest = [summed("all others", [*part[:at], *part[at + 1 :]]) for part in (before, after)]
    return [(first, second), (rest[0], rest[1])]


def _similarity(before: WordVectors, after: WordVectors, files: list[str]) -> list[Row]:
    tables = []
    for path in files:
        first, second = (compared(vectors, path) for vectors in (before, after))
        note = SAME if first.covered == second.covered else f"after, {second.covered} of the pairs are covered"
        note = note if first.spearman is not None else "no correlation: too few pairs are covered, or all are alike"
        row = _row("similarity", "", first.spearman, second.spearman, (first.covered, first.asked), note)
        tables.append((path, [row | {"before_error": first.error, "after_error": second.error}]))
    return _of_files(tables)


def _of_files(tables: list[tuple[str, list[Row]]]) -> list[Row]:
    """Rows of several files, with the file's name in `of`."""
    made = []
    for row in named_apart(tables):
        file = row.pop("file")
        made.append(row | {"of": ", ".join(part for part in (file, row["of"]) if part)})
    return made


def _kept(x: np.ndarray, y: np.ndarray, k: int, sample: int, seed: int, asked: int) -> Row:
    """Share of the k nearest before that are among the k nearest after, of words drawn."""
    of = f"their {k} nearest"
    if len(x) <= k:
        return _row("neighbours kept", of, None, None, (0, asked), f"withheld: {len(x)} words are too few")
    drawn = np.random.default_rng(seed).permutation(len(x))[:sample]
    first, second = (nearest(rows, rows[drawn], k + 1).others(drawn, k).rows for rows in (x, y))
    shares = np.array([len(np.intersect1d(a, b)) for a, b in zip(first, second, strict=True)]) / k
    chance = f"of words at random {k / (len(x) - 1):.2g} would be; words were drawn, ±: one standard error"
    row = _row("neighbours kept", of, 1.0, float(shares.mean()), (len(drawn), len(x)), chance)
    return row | {"before_error": 0.0, "after_error": float(shares.std() / np.sqrt(len(drawn)))}


def _row(
    measure: str, of: str, before: float | None, after: float | None, counted: tuple[int, int], note: str
) -> dict[str, Any]:
    values: tuple[Any, ...] = (measure, of, before, None, after, None, *counted, [], note)
    return dict(zip(COLUMNS, values, strict=True))


def _among(words: int, restrict: int | None) -> str:
    return "all words" if restrict is None else f"the {words:,} most frequent"


def _with_error(value: float | None, error: float | None) -> str:
    return shown(value) + ("" if value is None or not error else f" ± {shown(error)}")
