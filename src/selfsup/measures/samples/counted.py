"""Tables by the number of labelled rows, where labels are numbers or several a sample: rows, and lines on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from selfsup.measures.run import Features
from selfsup.measures.samples.accuracy import CELL, NAME, name_of
from selfsup.measures.table import WIDTH

Row = dict[str, Any]


class Judged(Protocol):
    """One encoder at one number of labelled rows: what each test row adds to the score of each draw (draws, m)."""

    @property
    def scores(self) -> np.ndarray:
        """Of each draw (draws,)."""
        ...

    @property
    def shares(self) -> np.ndarray:
        """(draws, m), of which the scores are means."""
        ...

    @property
    def validation(self) -> float | None:
        """The score on held-out training rows, or None."""
        ...


One = TypeVar("One", bound=Judged)


def encoder_rows(
    encoders: Mapping[tuple[str, str], Features],
    found: Mapping[tuple[str, str], Sequence[One]],
    tasks: Sequence[Sequence[np.ndarray]],
    own: Callable[[One], Mapping[str, Any]],
) -> list[Row]:
    """A row for each encoder and number of labelled rows; ``own`` gives what the score is called, and what else there is."""
    rows: list[Row] = []
    for (name, layer), codes in encoders.items():
        for draws, one in zip(tasks, found[name, layer], strict=True):
            scores = one.scores
            about = {"encoder": name, "layer": layer, "width": int(codes.train.shape[1]), "labels": len(draws[0])}
            how = {
                "sd": float(scores.std(ddof=1)) if len(scores) > 1 else 0.0,
                "draws": len(scores),
                "tested": one.shares.shape[1],
                "validation": one.validation,
                "shares": one.shares,
            }
            rows.append({**about, **own(one), **how})
    return rows


def table_lines(
    rows: Sequence[Mapping[str, Any]],
    title: str,
    score: str,
    labelled: str,
    shown: Callable[[float], str],
    note: str = "",
) -> list[str]:
    """Encoders down, numbers of labelled rows across; the best of a column has a star."""
    counts = sorted({row["labels"] for row in rows})
    cells = {(row["encoder"], row["layer"], row["labels"]): row for row in rows}
    fit, found = (WIDTH - NAME) // CELL, list[str]()
    for first in range(0, len(counts), fit):
        across = counts[first : first + fit]
        head = "".join(f"{f'{count:,} {labelled} ':>{CELL}}" for count in across)
        found.append(f"{title:<{NAME}}{head}".rstrip())
        best = {count: max(round(row[score], 3) for row in rows if row["labels"] == count) for count in across}
        for row in {(row["encoder"], row["layer"]): row for row in rows}.values():
            line = f"{name_of(row['encoder'], row['layer'], row['width']):<{NAME}}"
            for count in across:
                one = cells.get((row["encoder"], row["layer"], count))
                said = "" if one is None else f"{shown(one[score])} ±{shown(one['error'])}"
                line += f"{said + ('*' if one and round(one[score], 3) == best[count] else ' '):>{CELL}}"
            found.append(line.rstrip())
    return [*found, f"(*: best of its column; ±: standard error{note})"] if rows else []
