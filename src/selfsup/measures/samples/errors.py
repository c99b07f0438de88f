"""Rows of a table of scores with their standard errors, and those of the model's leads, paired on the same rows and draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from selfsup.measures.samples.leads import best_layer, count_of
from selfsup.measures.samples.paired import DIFFERENT, leads

Row = dict[str, Any]
# The deviation of four rows more, two right and two wrong (Agresti and Coull 1998): where next to none is wrong, or two encoders
# differ on a handful, what the rows differ by says too little. Where they never differ they are the same.
UNSEEN, MORE = math.sqrt(2), 4


def with_errors(rows: Sequence[Row], shares: Sequence[np.ndarray], seed: int = 0) -> list[Row]:
    """The rows, each with `error`, of its score; those of baselines with errors of the model's lead, by its best layer, too.

    Parameters
    ----------
    rows
        Of all encoders, the same numbers of labels of each, in the same order.
    shares
        (draws, m) of each row: what the m test rows add to its score, of which it is the mean. Of a row that stands for several
        untrained nets (nets, draws, m).
    seed
        Of what is resampled.

    Returns
    -------
    list
        Of a baseline also ``lead_error``, that of the lead at its number of labels, and ``mean_lead_error``, that of the mean
        lead over all of them: draws of few labels lie within those of more, and what was drawn once is in every draw. Over
        untrained nets it is that of a lead over one of them, as the model began as one.
    """
    tables = [np.asarray(table, np.float32) for table in shares]
    layer, m = best_layer(rows), tables[0].shape[-1] if tables else 0
    counted = all("accuracy" in row for row in rows)  # right or wrong: of few rows none is known for certain
    errors = [math.hypot(one.error, UNSEEN * counted / (m + MORE)) for one in leads(tables, seed)]
    found = [{**row, "error": error, "lead_error": None} for row, error in zip(rows, errors, strict=True)]
    if layer is None:
        return found
    model = {
        count_of(row): place for place, row in enumerate(rows) if (row["encoder"], row["layer"]) == ("model", layer)
    }
    others: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(rows):
        if row["encoder"] != "model":
            others.setdefault((row["encoder"], row["layer"]), []).append(place)
    apart = {place: tables[model[count_of(rows[place])]] - tables[place] for one in others.values() for place in one}
    draws = max(table.shape[-2] for table in tables)
    means = [np.mean([_drawn(apart[place], draws) for place in one], axis=0) for one in others.values()]
    if not apart:
        return found
    led = [
        math.hypot(one.error, UNSEEN * counted * (0 < one.differ < DIFFERENT) / (m + MORE))
        for one in leads([*apart.values(), *means], seed, another=True)
    ]
    for place, error in zip(apart, led, strict=False):
        found[place]["lead_error"] = error
    for one, error in zip(others.values(), led[len(apart) :], strict=True):
        for place in one:
            found[place]["mean_lead_error"] = error
    return found


def finished(rows: Sequence[Row], seed: int = 0) -> list[Row]:
    """Rows with ``shares``, without these and with errors instead."""
    bare = [{key: value for key, value in row.items() if key != "shares"} for row in rows]
    return with_errors(bare, [row["shares"] for row in rows], seed)


def _drawn(table: np.ndarray, draws: int) -> np.ndarray:
    """The table of so many draws: of one that was drawn once, the same in each."""
    *nets, once, m = table.shape
    return np.broadcast_to(table, (*nets, draws, m)) if once == 1 else table
