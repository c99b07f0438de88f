"""The verb race."""

from __future__ import annotations

import json as coding
from pathlib import Path
from typing import Any

from selfsup.cli.common import free_file, importable
from selfsup.cli.fit import LONGEST, stem
from selfsup.cli.parser import Groups, say
from selfsup.system.screen import pasted


def race(
    data: tuple[str, ...],
    *,
    methods: str | tuple[str, ...] | None = None,
    out: str | None = None,
    json: bool = False,
    report: str | None = None,
    **settings: Any,
) -> None:
    """Find out which self-supervision suits the data: methods race within a time, and the winner's run is kept.

    Parameters
    ----------
    data
        Folder of images, a table (.csv, .parquet, .npy ...), hub:NAME, or digits; or several files.
    methods
        Those that race, one after the other: words of `selfsup methods`, or FILE.py:MyMethod, with options as in
        denoising:noise=0.3,lr=0.01; by default all that learn from such data without labels.
    out
        Run folder for the winner, which also holds race.json and race.html; by default runs/race-DATA.
    json
        Write JSON to standard output.
    report
        Write a page with chart and tables to this file too (.html).
    """
    from selfsup import store
    from selfsup.report.page import write_evaluation
    from selfsup.training.race import race as racing

    source = data[0] if len(data) == 1 else list(data)
    folder = Path(out) if out else store.free(Path("runs") / f"race-{stem(data[0])[:LONGEST] or 'data'}")
    page = free_file(report, settings.get("overwrite", False)) if report else None
    for value in (*((methods,) if isinstance(methods, str) else methods or ()), *settings.values()):
        importable(value)
    found = racing(source, methods=methods, out=folder, **settings)
    if page:
        write_evaluation(found.evaluation, f"a race on {data[0]}", page)
    if json:
        say(coding.dumps(found.to_dict(), indent=1, allow_nan=False))
        return
    run = pasted(folder)
    say(f"{found}\n\nrun:    {run}\npage:   {run}/report.html (the winner), {run}/race.html (the race)")
    say(f"next:   selfsup encode {run} {pasted(data[0])} --out codes.npy")


def options(words: list[str]) -> Groups:
    """Options in two groups: how the data are read, and the race's."""
    from selfsup.data.open import reader_of, reading_options
    from selfsup.options import options_of
    from selfsup.training.race import race as function

    reading = {
        name: o for name, o in reading_options(reader_of("", ("table",))).items() if name not in ("labels", "stream")
    }
    own = {name: o for name, o in options_of(function).items() if name not in ("data", "methods", "out")}
    return [("data", reading), ("race", own)]
