"""Transfer: what learnt vectors, or a trained net, are worth for a task with labels, beside what the labels give without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from selfsup.measures.run import Attempt, Evidence
from selfsup.measures.samples import efficiency
from selfsup.measures.samples.accuracy import pivot
from selfsup.measures.samples.efficiency import FROZEN as PROBED, MAJORITY, RAW, SCRATCH, SURE, TUNED, as_encoders
from selfsup.measures.table import Look, Table
from selfsup.measures.wording import percent

NAME = "transfer"
FROZEN, KEPT, TFIDF, BOTH = "frozen codes", "fine-tuned, unseen kept", "TF-IDF", "codes + TF-IDF"
BASELINES = (TFIDF, RAW)  # what a lead is over: the first of them that was tried
OURS = (FROZEN, PROBED, TUNED, KEPT, BOTH)  # ways that use what was learnt without these labels
COLUMNS = ("way", "labels", "accuracy", "spread", "draws", "error", "lead", "lead_error", "tested")


def measure(evidence: Evidence) -> Table:
    """Accuracy of each way at each number of labels, and its lead over the baseline on the same draws and the same test rows."""
    attempts, asked = list(evidence.transferred or ()), np.asarray(evidence.y_test)
    found = efficiency.measure(Evidence(attempts=attempts, y_test=asked)).rows
    ways = {attempt.way for attempt in attempts}
    baseline = next((way for way in BASELINES if way in ways), None)
    rows = []
    for row in found:
        mine, others = (_right(attempts, way, row["labels_per_class"], asked) for way in (row["way"], baseline))
        known = row["way"] != baseline and len(mine) == len(others) > 0
        size, error = lead(mine, others) if known else (None, None)
        rows.append({
            "way": row["way"], "labels": "all" if row["labels_per_class"] == "all" else row["labels"],
            **{key: row[key] for key in ("accuracy", "spread", "draws", "error")},
            "lead": size, "lead_error": error, "tested": row["tested"], "learnt": row["labels"],
        })  # fmt: skip
    return Table.of(NAME, rows)


def _right(attempts: Sequence[Attempt], way: str | None, count: Any, asked: np.ndarray) -> np.ndarray:
    """Whether each test row was guessed right in each draw, (draws, m) float64."""
    return np.array([one.classes == asked for one in attempts if one.way == way and one.per_class == count], np.float64)


def lead(mine: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """How far one way is ahead of another, and the standard error of that.

    Parameters
    ----------
    mine, others
        (draws, m): 1 where a test row was guessed right, from the same draws.

    Returns
    -------
    float, float
        The mean difference; of its error that of the test rows and, of several draws, that of the draws, which are independent.
    """
    apart = mine - others
    rows = apart.mean(0)
    of_rows = float(rows.std(ddof=1) / np.sqrt(len(rows))) if len(rows) > 1 else 0.0
    draws = apart.mean(1)
    of_draws = float(draws.std(ddof=1) / np.sqrt(len(draws))) if len(draws) > 1 else 0.0
    return float(apart.mean()), float(np.hypot(of_rows, of_draws))


def in_counts(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the keys that a table of encoders has: each way is one."""
    return as_encoders([{**row, "labels_per_class": row.get("labels"), "labels": row.get("learnt")} for row in rows])


def heading(count: Any) -> str:
    """Head of a column of the terminal; the space at its end stands above the star."""
    return f"{count:,} labels " if isinstance(count, int) else f"{count} labels "


def lines(table: Table) -> list[str]:
    """Ways down, numbers of labels across."""
    return pivot(replace(table, rows=in_counts(table.rows)), heading)


def verdict(table: Table) -> dict[str, Any]:
    """What wins at each number of labels, and by how much more than chance.

    The kind is "helps" where the best way that uses what was learnt before is ahead of the baseline, at some number of labels, by
    more than `SURE` standard errors; else "no help".
    """
    rows = [row for row in table.rows if row["way"] != MAJORITY]
    because: dict[str, Any] = {}
    parts, won = [], False
    for count in dict.fromkeys(row["labels"] for row in rows):
        said, ahead = _at(count, {row["way"]: row for row in rows if row["labels"] == count}, because)
        parts.append(said)
        won = won or ahead
    sentence = "; ".join(parts)
    return {
        "kind": "helps" if won else "no help",
        "sentence": sentence[:1].upper() + sentence[1:] + ".",
        "because": because,
    }


def _at(count: Any, here: Mapping[str, Mapping[str, Any]], because: dict[str, Any]) -> tuple[str, bool]:
    """What wins at one number of labels, in words, and whether it is a way of ours and clearly ahead of the baseline."""
    baseline = next(here[way] for way in BASELINES if way in here)
    ours = max((row for way, row in here.items() if way in OURS), key=lambda row: row["accuracy"])
    size, error = ours["lead"], ours["lead_error"]
    because |= {f"lead_{count}": size, f"lead_error_{count}": error}
    first, second = (ours, baseline) if size >= 0 else (baseline, ours)
    where = f"with {'all ' if count == 'all' else ''}{ours['learnt']:,} labels"
    wins = f"{first['way']} wins" if abs(size) > SURE * error else "nothing clearly wins"
    beside = f"{first['way']} {percent(first['accuracy'])} % beside {second['way']} {percent(second['accuracy'])}"
    said = f"{where} {wins}: {beside}, {percent(abs(size))} points ± {percent(error)} apart"
    return said, size > SURE * error


NOTE = (
    "Accuracy on test rows that nothing was chosen by, on the same draws of labelled rows for all ways; bold: best of its "
    "column, ± is the standard error, of test rows and draws. What is chosen (strengths, features, epochs) is chosen within the "
    "labels of a draw. "
)
OF_TEXTS = (
    "Frozen codes: logistic regression on the weighted mean of a text's word vectors. Fine-tuned: an embedding layer that goes "
    "on from these vectors, of the words in the labelled rows; unseen kept: words that these lack stay where they were, instead "
    "of being left out. From scratch: the same from random vectors. TF-IDF: logistic regression on words and pairs of words."
)
OF_SAMPLES = (
    "Frozen + probe: a linear classifier on the net as it was. Fine-tuned: the net goes on from what it learnt without labels. "
    "From scratch: the same net from random weights. Raw input: a linear classifier on the samples themselves."
)


def note(rows: Sequence[Mapping[str, Any]]) -> str:
    """What a reader should know of the ways that are there."""
    return NOTE + (OF_TEXTS if any(row.get("way") == TFIDF for row in rows) else OF_SAMPLES)


def brief(table: Table, because: Mapping[str, Any]) -> list[str]:
    """The whole table: it is short."""
    return lines(table) if table.rows else []


LOOK = Look("accuracy", COLUMNS, (TFIDF, RAW, SCRATCH, MAJORITY), note=NOTE, lines=lines, brief=brief)
