"""Runs side by side by what their evaluations hold: no guesses of single rows, so that errors are those of rows of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from selfsup.errors import RunError
from selfsup.measures.samples.efficiency import binomial
from selfsup.measures.samples.leads import best_layer, curve, unit_of
from selfsup.measures.samples.paired import SURE
from selfsup.measures.samples.runs import BASELINES, LEADS, MEAN, NAME, NEIGHBOURS, PROBE, RIDGE, SEVERAL, score_of
from selfsup.measures.table import Row, Table

# table of an evaluation -> what judged
WAYS = {"probe": PROBE, "knn": NEIGHBOURS, "probe_numbers": RIDGE, "probe_several": SEVERAL}
CODE = "code"  # the layer that `encode` gives


def tables_of_evaluations(held: Mapping[str, Sequence[Table]]) -> tuple[Table, Table] | None:
    """The tables of `runs.tables`, of what the evaluations of runs hold; None where none of them had labels.

    Parameters
    ----------
    held
        Run -> tables of its evaluation, all of the same split.

    Raises
    ------
    RunError
        If only some of them had labels, or they are of different numbers of labels or test rows.
    """
    by_name = {run: {table.name: table.rows for table in tables if table.rows} for run, tables in held.items()}
    rows, pairs = list[Row](), list[Row]()
    for name, by in WAYS.items():
        have = [run for run, tables in by_name.items() if name in tables]
        if not have:
            continue
        if len(have) < len(held):
            lack = next(run for run in held if run not in have)
            raise RunError(f"{have[0]} was evaluated by {by} and {lack} was not; give data to compare on")
        found = _curves({run: by_name[run][name] for run in held}, by)
        runs = list(held)
        best = max(runs, key=lambda run: _mean(found[run])[0])
        rows += [row | _beside(row, found, best, encoder) for encoder, own in found.items() for row in own.values()]
        compared = [*combinations(runs, 2), *((run, base) for run in runs for base in found if base not in runs)]
        for first, second in compared:
            pairs += _leads(found[first], found[second], first, second)
    return (Table.of(NAME, rows), Table.of(LEADS, pairs)) if rows else None


def _curves(tables: Mapping[str, Sequence[Row]], by: str) -> dict[str, dict[Any, Row]]:
    """Encoder -> number of labels -> row, of all runs and of the baselines as the first run has them."""
    found, first = dict[str, dict[Any, Row]](), next(iter(tables.values()))
    for run, rows in tables.items():
        layers = {row["layer"] for row in rows if row["encoder"] == "model"}
        layer = CODE if CODE in layers else best_layer(rows)
        own = _by_count(rows, "model", layer or "")
        found[run] = {count: _row(row, by, run, count) for count, row in own.items()}
    for base in BASELINES:
        if own := _by_count(first, base, ""):
            found[base] = {count: _row(row, by, base, count) for count, row in own.items()}
    expected = {count: (row["labels"], row["tested"]) for count, row in next(iter(found.values())).items()}
    for encoder, own in found.items():
        if {count: (row["labels"], row["tested"]) for count, row in own.items()} != expected:
            raise RunError(
                f"{next(iter(found))} and {encoder} were evaluated with other numbers of labels or test rows; give data to "
                "compare on"
            )
    return found


def _by_count(rows: Sequence[Row], encoder: str, layer: str) -> dict[Any, Row]:
    """Number of labels a class (of numbers: in all), or "all" -> row of one encoder."""
    most = max(row["labels"] for row in rows)
    named = [{**row, "labels_per_class": _count(row, most)} for row in rows]
    return {count: dict(row) for count, row in curve(named, encoder, layer).items()}


def _count(row: Row, most: int) -> Any:
    return row.get("labels_per_class", "all" if row["labels"] == most else row["labels"])


def _row(row: Row, by: str, encoder: str, count: Any) -> Row:
    """A row of the first table, without a lead."""
    unit, draws = unit_of(row), row.get("draws", 1)
    error = row.get("error")
    if error is None:
        error = float(np.hypot(binomial(score_of(row), row["tested"]), row["sd"] / np.sqrt(draws)))
    return {
        "by": by, "encoder": encoder, "width": row["width"], "count": count, "labels": row["labels"],
        unit: score_of(row), "error": error, "sd": row["sd"], "draws": draws, "tested": row["tested"],
    }  # fmt: skip


def _mean(own: Mapping[Any, Row]) -> tuple[float, float]:
    """Score and error on average over the numbers of labels: errors are of the same test rows, so that they do not shrink."""
    return float(np.mean([score_of(row) for row in own.values()])), float(
        np.mean([row["error"] for row in own.values()])
    )


def _beside(row: Row, found: Mapping[str, Mapping[Any, Row]], best: str, encoder: str) -> Row:
    """The lead of a row over the best run."""
    if encoder == best:
        return {"lead": None, "lead_error": None, "beside": None}
    other = found[best][row["count"]]
    return {
        "lead": score_of(row) - score_of(other), "lead_error": float(np.hypot(row["error"], other["error"])), "beside": best,
    }  # fmt: skip


def _leads(mine: Mapping[Any, Row], others: Mapping[Any, Row], first: str, second: str) -> list[Row]:
    """Leads of one encoder over another: on average over the numbers of labels, and at each."""
    ends = [(MEAN, None, *_mean(mine), *_mean(others))]
    ends += [
        (count, row["labels"], score_of(row), row["error"], score_of(others[count]), others[count]["error"])
        for count, row in mine.items()
    ]
    by = next(iter(mine.values()))["by"]
    rows = []
    for count, labels, one, error, two, other in ends:
        size, noise = one - two, float(np.hypot(error, other))
        rows.append({
            "by": by, "first": first, "second": second, "count": count, "labels": labels,
            "lead": size, "lead_error": noise, "differ": None, "clear": abs(size) > SURE * noise,
        })  # fmt: skip
    return rows
