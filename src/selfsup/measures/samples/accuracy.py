"""Tables of accuracies on a terminal: encoders down, numbers of labels across; the best of a column has a star."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from selfsup.measures.samples.leads import NAMES
from selfsup.measures.table import WIDTH, Look, Table, look_of

COLUMNS = ("encoder", "layer", "width", "labels_per_class", "labels", "accuracy", "sd", "draws")
NAME = 26  # of the first column, in characters
CELL = 13


def pivot(table: Table, head: Callable[[Any], str] | None = None) -> list[str]:
    """Lines of a table, with a head for each number of labels; more columns than fit go into a second table below."""
    rows = table.rows
    counts = list(dict.fromkeys(row["labels_per_class"] for row in rows))
    encoders = list(dict.fromkeys((row["encoder"], row["layer"]) for row in rows))
    cells = {(row["encoder"], row["layer"], row["labels_per_class"]): row for row in rows}
    widths = {(row["encoder"], row["layer"]): row["width"] for row in rows}
    best = {
        count: max(round(100 * row["accuracy"], 1) for row in rows if row["labels_per_class"] == count)
        for count in counts
    }
    fit = (WIDTH - NAME) // CELL
    title, lines = look_of(table.name).title, []
    for first in range(0, len(counts), fit):
        across = counts[first : first + fit]
        lines.append(
            f"{title + ', %':<{NAME}}" + "".join(f"{(head or heading)(count):>{CELL}}" for count in across).rstrip()
        )
        for encoder in encoders:
            line = f"{name_of(*encoder, widths[encoder]):<{NAME}}"
            for count in across:
                row = cells.get((*encoder, count))
                line += f"{cell(row, best[count]) if row else '':>{CELL}}"
            lines.append(line.rstrip())
    return [*lines, "(*: best of its column; ±: standard error)"]


def judged_layer(table: Table, because: Mapping[str, Any]) -> list[str]:
    """The model's layer that the verdict speaks of, beside the baselines."""
    rows = [row for row in table.rows if row["layer"] in ("", because.get("layer"))]
    return pivot(replace(table, rows=rows)) if rows else []


def heading(count: Any) -> str:
    """Head of a column; the space at its end stands above the star."""
    if count != "all" and count >= 1000:
        return f"{count / 1000:g}k a class "
    return f"{count} labels " if count == "all" else f"{count} a class "


def name_of(encoder: str, layer: str, width: int) -> str:
    """Name of a line, cut to its column."""
    name = f"{encoder}({width})" if encoder == "PCA" else f"{encoder}: {layer}" if layer else encoder
    return name if len(name) < NAME else name[: NAME - 2] + "…"


def cell(row: Mapping[str, Any], best: float) -> str:
    """Accuracy in per cent, its standard error (of old runs the deviation over several draws), a star if it is the best."""
    value, known = 100 * row["accuracy"], "error" in row
    error = row["error"] if known else row["sd"] if row["draws"] > 1 else None
    return f"{value:.1f}{'' if error is None else f' ±{100 * error:.1f}'}" + ("*" if round(value, 1) == best else " ")


NOTE = (
    "Bold: best of its column. ± is the standard error, of the test rows and of the draws of the labelled samples; the model's "
    "lead is over all numbers of labels, its error paired on the same rows and draws, and counts from two errors on. Raw input "
    "is the data themselves (images as they are, tables standardised by column unless all their values lie in [0, 1]), PCA a "
    "linear code of it of the same width, fitted on all rows that were learnt from, random init the same net before training "
    "(of the layers that are judged the mean of three to eight such nets), colour histogram the colours alone: whoever does not "
    "beat these has learnt nothing that was not there before."
)
PROBE = Look("linear probe", COLUMNS, tuple(NAMES), note=NOTE, lines=pivot, brief=judged_layer)
KNN = replace(PROBE, title="nearest neighbours", brief=Look("").brief)
