"""How word vectors compare with those of counting and with untrained ones: the look of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfsup.measures.table import Look, Table

MODEL, COUNTING, UNTRAINED = "model", "counting", "random init"
HELD_OUT = "neighbours, on held-out text"
UNITS = {"analogies": (100, 2, " %"), "similarity": (1, 3, ""), "neighbours": (1, 4, "")}  # of what is shown


def lines(table: Table) -> list[str]:
    """The rows on a terminal: of each thing that was asked the model, and below it what it is held against."""
    found = ["held against counting and untrained vectors", f"{'':<14}{'score':>20}{'lead of the model':>24}{'of':>10}"]
    for what in dict.fromkeys(row["what"] for row in table.rows):
        found.append(what)
        for row in table.rows:
            if row["what"] == what:
                shown = f"{pair(what, row['score'], row['error']):>20}"
                lead = "" if row["lead"] is None else pair(what, row["lead"], row["lead_error"], signed=True)
                found.append(f"  {row['encoder']:<12}{shown}{lead:>24}{row['covered']:>10,}".rstrip())
    return found


def pair(what: str, value: float, error: float, signed: bool = False) -> str:
    """A score or a lead with its error, in the unit of what was asked."""
    scale, digits, unit = UNITS[what.split(",")[0]]
    sign = "+" if signed else ""
    return f"{scale * value:{sign}.{digits}f} ± {scale * error:.{digits}f}{unit}"


def of_neighbours(rows: Sequence[Mapping[str, Any]], encoder: str) -> Mapping[str, Any] | None:
    """The row of an encoder that the neighbours are held against, by a text; None where there is none."""
    return next((row for row in rows if row["encoder"] == encoder and row["what"] == HELD_OUT), None)


LOOK = Look(
    "held against counting and untrained vectors",
    ("what", "encoder", "score", "error", "lead", "lead_error", "covered"),
    (COUNTING, UNTRAINED),
    note="Counting: positive pointwise mutual information of the same text, window and words, and as many of its singular "
    "vectors; nothing is learnt. Neighbours: how much better the contexts of a word's 8 nearest words foretell its own than the "
    "frequency of contexts does, in nats (0: they say nothing). Analogies: share that is right. Similarity: Spearman's "
    "correlation with people's judgement. Errors are standard errors of words, questions or pairs drawn again; those of the "
    "leads are paired.",
    key="what",
    lines=lines,
)
