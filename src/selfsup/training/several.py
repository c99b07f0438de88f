"""Runs for one page: those among them that their own evaluations can compare, and why the others were not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfsup import store
from selfsup.errors import SelfsupError
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.wording import names_of, words
from selfsup.training.compare import compare


def compared(runs: Sequence[str | os.PathLike[str]]) -> tuple[Evaluation | None, list[str]]:
    """Which run is better by their own evaluations, of as many as were measured on the same rows; and what a reader should know.

    Parameters
    ----------
    runs
        Run folders, two or more.

    Returns
    -------
    tuple
        The comparison (`selfsup.compare` without data), or None where no two were measured on the same rows; and notes that name
        the runs that are not in it.
    """
    folders = [store.found(Path(run)) for run in runs]
    names = names_of([os.fspath(run) for run in runs])
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, folder in enumerate(folders):
        groups.setdefault(_rows(folder), []).append(place)
    best = max(groups.values(), key=len)
    if len(best) < 2:
        return None, ["no two of these runs were measured on the same rows (the data, the seed and what was held out)"]
    others = [names[place] for place in range(len(runs)) if place not in best]
    notes = [f"not compared, as measured on other rows: {words(others)}"] if others else []
    try:
        return compare([runs[place] for place in best]), notes
    except SelfsupError as error:
        return None, [f"not compared: {error}"]


def _rows(folder: Path) -> tuple[Any, ...]:
    """What says which rows a run was measured on."""
    config = store.read_json(folder, store.CONFIG)
    parts = [config.get(name) if isinstance(config, dict) else None for name in ("data", "training")]
    data, training = (part if isinstance(part, dict) else {} for part in parts)
    seed = config.get("seed") if isinstance(config, dict) else None
    return tuple(map(str, (data.get("fingerprint"), training.get("heldout_rows"), seed)))
