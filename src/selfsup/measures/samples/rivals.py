"""What the judged layer of a model is held against besides: PCA of that layer's width, and more than one untrained network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from selfsup.measures.run import Evidence, Features
from selfsup.measures.samples.errors import finished
from selfsup.measures.samples.leads import best_layer, count_of, unit_of

Row = dict[str, Any]
Compared = Callable[[Mapping[tuple[str, str], Features]], Sequence[Row]]


def with_rivals(evidence: Evidence, compared: Compared) -> list[Row]:
    """The rows of a table of all encoders, with those of PCA and of the untrained network as the judged layer asks for them.

    Both layers are chosen by the same rule on validation labels, that of the model and the best one of the first untrained
    network; the other networks are judged at these two alone, as a probe of every layer of each would take three times as long.

    Parameters
    ----------
    evidence
        With codes of PCA and of other networks, where there are such.
    compared
        Gives rows of encoders, each with a score, a number of labels, a validation score, and ``shares`` (draws, m): what each
        test row adds to its score.

    Returns
    -------
    list
        The rows with their errors (`with_errors`), without the shares.
    """
    features = evidence.features or {}
    rows = compared(features)
    layer = best_layer(rows)
    if layer is None:
        return finished(rows, evidence.seed)
    found = list(rows)
    width = features["model", layer].train.shape[1]
    known = features["PCA", ""].train.shape[1] if ("PCA", "") in features else width
    if evidence.pca is not None and (codes := evidence.pca(width)).train.shape[1] != known:
        found = _replaced(found, compared({("PCA", ""): codes}))
    best = best_layer(rows, "random init") or layer
    layers = {one for one in (layer, best) if ("random init", one) in features}
    others = [compared({("random init", one): net(one) for one in layers}) for net in evidence.others] if layers else []
    found = [_among(row, [same for same in map(_at(row), others) if same]) for row in found]
    return finished(found, evidence.seed)


def _at(row: Row) -> Callable[[Sequence[Row]], Row | None]:
    """The row of another table that is of the same encoder, layer and number of labels."""

    def key(one: Row) -> tuple[Any, ...]:
        return one["encoder"], one["layer"], count_of(one)

    return lambda rows: next((one for one in rows if key(one) == key(row)), None)


def _replaced(rows: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    return [_at(row)(new) or row for row in rows]


def _among(row: Row, others: Sequence[Row]) -> Row:
    """The row of a network as that of several: the mean score, each of them, and what each test row adds to each."""
    if not others:
        return row
    score = unit_of(row)
    nets = [float(one[score]) for one in (row, *others)]
    sd = math.sqrt(np.mean([one["sd"] ** 2 for one in (row, *others)]))
    shares = np.stack([one["shares"] for one in (row, *others)])  # (nets, draws, m)
    return {**row, score: float(np.mean(nets)), "sd": sd, "nets": nets, "shares": shares}
