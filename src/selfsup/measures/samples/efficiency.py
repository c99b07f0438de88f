"""Label efficiency: what a net that was trained without labels makes of few of them, beside the same net without that."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from selfsup.measures.run import Attempt, Evidence
from selfsup.measures.samples.accuracy import pivot
from selfsup.measures.table import Look, Table
from selfsup.measures.verdict import REASONS, judge_health, of_samples
from selfsup.measures.wording import percent, with_counts

NAME = "label_efficiency"
TUNED, FROZEN, SCRATCH, MAJORITY = "fine-tuned", "frozen + probe", "from scratch", "most frequent class"
RAW = "raw input"
COLUMNS = ("way", "labels_per_class", "labels", "accuracy", "spread", "draws", "error", "tested")
SURE = 2.0  # standard errors of the test rows by which an accuracy must exceed that of the most frequent class


def measure(evidence: Evidence) -> Table:
    """Accuracy of each way at each number of labels: mean and deviation over the draws, and the error of the test rows."""
    asked = np.asarray(evidence.y_test)
    found: dict[tuple[str, Any], list[Attempt]] = {}
    for attempt in evidence.attempts or ():
        found.setdefault((attempt.way, attempt.per_class), []).append(attempt)
    rows = []
    for (way, per_class), attempts in found.items():
        right = [float(np.mean(one.classes == asked)) for one in attempts]
        accuracy = float(np.mean(right))
        rows.append(
            {
                "way": way,
                "labels_per_class": per_class,
                "labels": attempts[0].labels,
                "accuracy": accuracy,
                "spread": float(np.std(right, ddof=1)) if len(right) > 1 else 0.0,
                "draws": len(right),
                "error": binomial(accuracy, len(asked)),
                "tested": len(asked),
            }
        )
    ways, counts = (list(dict.fromkeys(row[key] for row in rows)) for key in ("way", "labels_per_class"))
    counts.sort(key=lambda count: (count == "all", 0 if count == "all" else count))
    rows.sort(key=lambda row: (ways.index(row["way"]), counts.index(row["labels_per_class"])))
    return Table.of(NAME, rows)


def binomial(accuracy: float, rows: int) -> float:
    """Standard error of an accuracy on so many rows."""
    return float(np.sqrt(accuracy * (1 - accuracy) / rows))


def as_encoders(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the keys that a table of encoders has: each way is one, its error of test rows and of draws."""
    return [{**row, "encoder": row.get("way"), "layer": "", "width": 0, "error": error_of(row)} for row in rows]


def error_of(row: Mapping[str, Any]) -> Any:
    """Standard error of a row's accuracy: that of the test rows, and of several draws that of their mean."""
    parts: tuple[Any, ...] = (row.get("error"), row.get("spread"), row.get("draws"))
    if not all(isinstance(part, int | float) for part in parts):
        return row.get("error")
    error, spread, draws = parts
    return math.hypot(error, spread / math.sqrt(draws)) if draws > 1 else error


def lines(table: Table) -> list[str]:
    """Ways down, numbers of labels across."""
    return pivot(replace(table, rows=as_encoders(table.rows)))


def verdict(health: Mapping[str, float], table: Table, where: str = "") -> dict[str, Any]:
    """Judge the classifier of the first row by its accuracy beside that of the most frequent class; see `measures.verdict`.

    What it says of the other ways is what was measured of them with all labels, no more.
    """
    kept = ("gap", "gap_start", "gap_sd", "loss", "loss_start", "spread", "rank")
    because: dict[str, Any] = {key: float(health[key]) for key in kept}
    rows = {row["way"]: row for row in table.rows if row["labels_per_class"] == "all"}
    tuned, blind = rows[table.rows[0]["way"]], rows[MAJORITY]
    because |= {"accuracy": tuned["accuracy"], "error": tuned["error"], "most_frequent_class": blind["accuracy"]}
    reason = judge_health(health)
    said = f"{of_row(tuned)} of {tuned['tested']:,} test rows are classified right"
    if reason == "alike":
        kind, sentence = REASONS[reason], of_samples(reason, health)
    elif tuned["accuracy"] - blind["accuracy"] <= SURE * max(tuned["error"], blind["error"]):
        kind = "not learning"
        sentence = f"{said}, and to answer the most frequent class always is right for {percent(blind['accuracy'])} %"
        sentence += "; give more labels, or train longer"
    else:
        kind = "learning"
        beside = [way for way in TOLD if way in rows and way != tuned["way"]]
        for way in beside:
            key = way.replace(" ", "_")
            because |= {f"lead_{key}": lead(tuned, rows[way]), f"noise_{key}": noise(tuned, rows[way])}
        others = [f"{TOLD[way]} {of_row(rows[way])}" for way in beside]
        others.append(f"the most frequent class {percent(blind['accuracy'])} %")
        sentence = f"{said}, with {tuned['labels']:,} labels; with the same labels {', '.join(others)}"
        sentence += "".join(f"; {said}" for said in (_worth(rows), _few(table.rows)) if said)
    sentence = f"{where}, {sentence}" if where else sentence
    return {"kind": kind, "sentence": sentence[0].upper() + sentence[1:] + ".", "because": because}


TOLD = {FROZEN: "a linear probe on the frozen net gives", SCRATCH: "the same net from random weights"}


def of_row(row: Mapping[str, Any]) -> str:
    """An accuracy with the standard error of its test rows, in per cent."""
    return f"{percent(row['accuracy'])} % ± {percent(row['error'])}"


def lead(tuned: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """How far one way is ahead of another on the same test rows."""
    return float(tuned["accuracy"] - other["accuracy"])


def noise(tuned: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Standard error of that lead, as if the two were measured on rows of their own: on the same ones it is rather less."""
    return float(np.hypot(tuned["error"], other["error"]))


def _worth(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """What the training without labels is worth with all labels, where that was measured."""
    if not {TUNED, SCRATCH} <= rows.keys():
        return ""
    size, chance = lead(rows[TUNED], rows[SCRATCH]), SURE * noise(rows[TUNED], rows[SCRATCH])
    if abs(size) <= chance:
        return "with so many labels there is no clear difference to training from scratch"
    how = "ahead of" if size > 0 else "behind"
    return f"fine-tuned it is {percent(abs(size))} points {how} training from scratch"


def _few(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the fewest labels give, fine-tuned and from scratch, where both were drawn several times."""
    few = [row for row in rows if row["labels_per_class"] != "all"]
    if not few:
        return ""
    least = min(row["labels_per_class"] for row in few)
    found = {row["way"]: row for row in few if row["labels_per_class"] == least}
    if not {TUNED, SCRATCH} <= found.keys():
        return ""
    told = [f"{percent(found[way]['accuracy'])} %" for way in (TUNED, SCRATCH)]
    return f"{with_counts([least])} {told[0]} beside {told[1]} from scratch"


NOTE = (
    "Accuracy on test rows that nothing was chosen by; bold: best of its column; ± is the standard error, of the test rows and "
    "of the draws of the labels. Fine-tuned: the net goes on from the weights that it learnt without labels. Frozen + probe: a "
    "linear classifier on that net as it was, on the block that held-out training labels chose. From scratch: the same net and "
    "the same recipe from random weights. What lies between the first and the last is what the training without labels is worth."
)


def brief(table: Table, because: Mapping[str, Any]) -> list[str]:
    """The whole table: it is short."""
    return lines(table) if table.rows else []


LOOK = Look("accuracy", COLUMNS, (FROZEN, SCRATCH, MAJORITY), note=NOTE, lines=lines, brief=brief)
