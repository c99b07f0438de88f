"""The hardest samples: tested rows of which a linear probe of the codes is most surely wrong, and who else was."""

from __future__ import annotations

import numpy as np

from selfsup.measures.run import Evidence
from selfsup.measures.samples.confusion import name_of
from selfsup.measures.samples.probe import guesses_of
from selfsup.measures.table import Look, Row, Table

MOST = 12
TOLD = 5  # on a terminal
LETTERS = 40  # of a name there
PLACES = "hardest"  # in what measures keep for one another: places of these rows among those tested


def measure(evidence: Evidence) -> Table:
    """Rows that the probe with all labels guesses wrong, those whose wrong class has the largest chance first."""
    guesses, truth = guesses_of(evidence), np.asarray(evidence.y_test)
    own = guesses.get("model")
    if own is None or own.chances is None:
        return Table.of("hardest", [])
    chances = own.chances()  # (m,)
    wrong = np.flatnonzero(own.classes != truth)
    places = wrong[np.argsort(-chances[wrong], kind="stable")][:MOST]
    if evidence.kept is not None:
        evidence.kept[PLACES] = places
    rows: list[Row] = []
    for place in places.tolist():
        others = [
            [name, name_of(int(guess.classes[place]), evidence.classes)]
            for name, guess in guesses.items()
            if name != "model"
        ]
        rows.append(
            {
                "sample": evidence.named(place),
                "truth": name_of(int(truth[place]), evidence.classes),
                "guess": name_of(int(own.classes[place]), evidence.classes),
                "chance": float(chances[place]),
                "beside": others,
            }
        )
    return Table.of("hardest", rows)


def lines(table: Table) -> list[str]:
    """The first of them, on a terminal."""
    found = ["hardest samples: the probe is most surely wrong"]
    for row in table.rows[:TOLD]:
        name = row["sample"] if len(row["sample"]) <= LETTERS else f"…{row['sample'][1 - LETTERS :]}"
        right = [other for other, guess in row["beside"] if guess == row["truth"]]
        told = f"; right: {', '.join(right)}" if right else ""
        found.append(f"  {name}: {row['truth']}, guessed {row['guess']} ({row['chance']:.0%}){told}")
    return found


LOOK = Look(
    "hardest samples",
    ("sample", "truth", "guess", "chance", "beside"),
    note="Guesses of the linear probe of the judged layer with all labels, the most certain of the wrong ones first.",
    lines=lines,
)
