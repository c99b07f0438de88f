"""The verb compare."""

from __future__ import annotations

import json as coding
from pathlib import Path
from typing import Any

from selfsup.cli.common import free_file
from selfsup.cli.parser import Groups, say


def compare(
    runs: tuple[str, ...],
    *,
    data: str | None = None,
    json: bool = False,
    out: str | None = None,
    report: str | None = None,
    overwrite: bool = False,
    **settings: Any,
) -> None:
    """Hold runs side by side on the same rows: which is better, and which leads are more than chance.

    Parameters
    ----------
    runs
        Run folders, two or more.
    data
        Data of the kind they learnt from, with labels (sub-folders that are classes, or a column); without it what their own
        evaluations hold is compared, if they saw the same split.
    json
        Write JSON to standard output.
    out
        Write the comparison to this file too, as JSON.
    report
        Write a page with chart and tables to this file (.html).
    overwrite
        Replace these files if they exist.
    """
    from selfsup import store
    from selfsup.report.page import write_evaluation
    from selfsup.training.compare import compare as comparing

    files = [free_file(name, overwrite) if name else None for name in (out, report)]
    found = comparing(list(runs), data, **settings)
    if files[0]:
        store.write_json(files[0], found.to_dict())
    if files[1]:
        write_evaluation(found, f"comparison of {', '.join(Path(run).name for run in runs)}", files[1])
    say(coding.dumps(found.to_dict(), indent=1, allow_nan=False) if json else str(found))


def options(words: list[str]) -> Groups:
    """Options of the comparison itself."""
    from selfsup.options import options_of
    from selfsup.training.compare import compare as function

    own = {name: o for name, o in options_of(function).items() if name not in ("runs", "data", "labels")}
    return [("comparison", own)]
