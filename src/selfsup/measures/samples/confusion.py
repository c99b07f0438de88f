"""Which classes are taken for which: guesses with all labels, counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from selfsup.measures.run import Evidence
from selfsup.measures.samples.probe import guesses_of
from selfsup.measures.table import Look, Row, Table

CLASSES = 20  # up to so many every pair is kept, of more the most confused ones only
PAIRS = 40  # of those
TOLD = 5  # pairs on a terminal
LETTERS = 30  # of a class's name there


def measure(evidence: Evidence) -> Table:
    """Guesses of the probe of the model's judged layer beside the truth; nothing is fitted for it."""
    guess = guesses_of(evidence).get("model")
    if guess is None:
        return Table.of("confusion", [])
    return counted(np.asarray(evidence.y_test), guess.classes, evidence.classes)


def counted(truth: np.ndarray, guess: np.ndarray, names: Sequence[str] = ()) -> Table:
    """The table of true and guessed classes.

    Parameters
    ----------
    truth, guess
        (m,) int64, of the same rows.
    names
        Of the classes, by number.

    Returns
    -------
    Table
        Rows of ``truth`` and ``guess`` by name, how often the one was guessed for the other (``count``), and how many tested rows
        are truly that (``of``); of up to `CLASSES` classes all pairs that occur, ordered by class, of more the `PAIRS` of
        different classes that occur most often.
    """
    pairs, counts = np.unique(np.stack([truth, guess], axis=1), axis=0, return_counts=True)
    sizes = dict(zip(*(part.tolist() for part in np.unique(truth, return_counts=True)), strict=True))
    rows: list[Row] = [
        {"truth": name_of(one, names), "guess": name_of(two, names), "count": count, "of": sizes[one]}
        for (one, two), count in zip(pairs.tolist(), counts.tolist(), strict=True)
    ]
    if len(np.unique(pairs)) > CLASSES:
        rows = worst(rows)[:PAIRS]
    return Table.of("confusion", rows)


def worst(rows: Sequence[Row]) -> list[Row]:
    """Pairs of different classes, the most frequent first, and of equally frequent ones the larger share first."""
    wrong = [row for row in rows if row["truth"] != row["guess"]]
    return sorted(wrong, key=lambda row: (-row["count"], row["of"]))


def name_of(label: int, names: Sequence[str]) -> str:
    """A class's name, or its number where it has none."""
    return str(names[label]) if 0 <= label < len(names) else str(label) if label >= 0 else "another class"


def lines(table: Table) -> list[str]:
    """The most confused pairs, on a terminal."""
    wrong = worst(table.rows)
    if not wrong:
        return ["confusion with all labels: no class was taken for another"]
    found = ["most often confused, with all labels"]
    for row in wrong[:TOLD]:
        truth, guess = (
            name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…" for name in (row["truth"], row["guess"])
        )
        found.append(f"  {truth} taken for {guess}: {row['count']:,} of {row['of']:,} ({row['count'] / row['of']:.0%})")
    return found


LOOK = Look(
    "confusion",
    ("truth", "guess", "count", "of"),
    note="Guesses with all labels (of codes by the linear probe of the judged layer) on the rows that were tested.",
    lines=lines,
)
