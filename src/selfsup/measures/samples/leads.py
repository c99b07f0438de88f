"""How far the model is ahead of each baseline, at which of its layers, and how much of that may be chance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Row = Mapping[str, Any]

BEST = "random init, best layer"
NAMES = {
    "raw input": "raw input", "PCA": "PCA", "random init": "a random network", BEST: "the best layer of a random network"
}  # fmt: skip


class Lead(NamedTuple):
    """Mean score over the label counts, the model's and a baseline's, and the standard error of the difference."""

    baseline: str
    model: float
    other: float
    noise: float

    @property
    def size(self) -> float:
        """How far the model is ahead."""
        return self.model - self.other


def best_layer(probe: Sequence[Row], encoder: str = "model") -> str | None:
    """The model's layer with the best validation accuracy at the largest number of labels; None without model rows.

    Or that of another encoder. The test rows have no say, or the choice itself would look like progress. Where there were too
    few labels to validate, it is "code" (what `encode` gives), or else the last layer.
    """
    rows = [row for row in probe if row["encoder"] == encoder]
    if not rows:
        return None
    largest = max(row["labels"] for row in rows)
    rows = [row for row in rows if row["labels"] == largest]
    if any(row.get("validation") is None for row in rows):
        named = [row for row in rows if row["layer"] == "code"]
        return str((named or rows)[-1]["layer"])
    # of equals "code", since it is what the user gets from encode, and else the later layer
    scored = [(row["validation"], row["layer"] == "code", place) for place, row in enumerate(rows)]
    return str(rows[max(scored)[2]]["layer"])


def curve(table: Iterable[Row], encoder: str, layer: str) -> dict[Any, Row]:
    """Label count -> row of one encoder, at the named layer where the encoder has several."""
    rows = [row for row in table if row["encoder"] == encoder]
    layers = {row["layer"] for row in rows}
    return {count_of(row): row for row in rows if len(layers) == 1 or row["layer"] == layer}


def count_of(row: Row) -> Any:
    """Labels a class of a row, or "all"; where labels are numbers, how many there are."""
    return row["labels_per_class"] if "labels_per_class" in row else row["labels"]


# where a sample has one class, a number, or several labels (mean average precision)
SCORES = {"accuracy": "accuracy in %", "r2": "R2", "map": "mAP in %"}


def unit_of(row: Row) -> str:
    """Which score a row has."""
    return next(name for name in SCORES if name in row)


def score(row: Row) -> float:
    """What a row has scored."""
    return float(row[unit_of(row)])


def leads(table: Sequence[Row], layer: str) -> list[Lead]:
    """The model's mean lead over each baseline that is there, over the label counts both have."""
    model = curve(table, "model", layer)
    found = []
    for name in NAMES:
        other = rival(table, name, layer)
        pairs = [(model[count], other[count]) for count in model if count in other]
        if pairs:
            means = np.mean([(score(one), score(two)) for one, two in pairs], axis=0)
            found.append(Lead(name, float(means[0]), float(means[1]), noise(pairs)))
    return found


def rival(table: Sequence[Row], name: str, layer: str) -> dict[Any, Row]:
    """Rows of a baseline at the judged layer, or of the untrained network at the one that it would be judged by itself."""
    if name != BEST:
        return curve(table, name, layer)
    best = best_layer(table, "random init")
    return {} if best in (None, layer) else curve(table, "random init", str(best))


def noise(pairs: Sequence[tuple[Row, Row]]) -> float:
    """Standard error of the mean difference of two encoders: of the drawn labels, and of the choice of test rows.

    The draws are taken as independent, which overstates their part, since both encoders share them. The test rows are
    the same for all counts, so their part does not shrink with more counts. With a mean error e, the variance of the
    difference on one row is 2 e (1 - e) (1 - r); the correlation r of two encoders' errors is taken as 1/2 (measured
    on the digits, raw input and a random network: e (1 - e) = 0.25, 0.15, 0.09, 0.03 at four label counts, rows where
    exactly one was right: 0.20, 0.14, 0.09, 0.04).
    """
    known = pairs[0][1].get("mean_lead_error")  # paired on the same rows, draws and nets, over all counts
    if known is not None:
        return float(known)
    drawn = sum(row["sd"] ** 2 / row["draws"] for pair in pairs for row in pair) / len(pairs) ** 2
    tested = 0.0
    for one, two in pairs:
        error = 1 - (one["accuracy"] + two["accuracy"]) / 2
        tested += error * (1 - error) / one.get("tested", np.inf) / len(pairs)
    return float(np.sqrt(drawn + tested))
