"""The verb finetune."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from selfsup.cli.common import load_run
from selfsup.cli.parser import Groups, UsageError, say
from selfsup.errors import Interrupted
from selfsup.system.screen import pasted

LONGEST = 50  # letters of the data's name in the name of a run


def finetune(
    run: str, *, data: str, method: str | None = None, given: tuple[str, ...] | None = None, **settings: Any
) -> None:
    """Teach a trained net classes: its weights go on from a run, held against the frozen net and training from scratch.

    Parameters
    ----------
    run
        Run folder of images or a table.
    data
        Data of the kind it learnt from, with labels: sub-folders that are classes, or a table with a column of them.
    """
    from selfsup import store
    from selfsup.cli.summary import summary
    from selfsup.training import finetune as tuning

    if settings.get("out") is None:
        if settings.get("resume"):
            raise UsageError("--resume needs the --out of the run to go on with")
        stem = Path(data.split(":")[-1].rstrip("/")).stem[:LONGEST] or "data"
        settings["out"] = store.free(Path("runs") / f"finetuned-{stem}")
    out = Path(settings["out"])
    model = load_run(run, method, "cpu", given)
    try:
        tuned = tuning.finetune(model, data, **settings)
    except KeyboardInterrupt as error:
        kept = (store.partial(out) / store.RESUME).is_dir()
        hint = f"; to go on, repeat the command with --out {pasted(out)} --resume" if kept else ""
        raise Interrupted((str(error) or "interrupted") + hint) from error
    say(summary(tuned, pasted(data)))


def options(words: list[str]) -> Groups:
    """Options in four groups: how the data are read, how the net learns, the solver's, and the run's."""
    from selfsup.data.open import KINDS, reading_options
    from selfsup.methods import find
    from selfsup.options import options_of
    from selfsup.solvers import find as find_solver
    from selfsup.training import finetune as tuning

    name, cls = find(tuning.METHOD)
    run = {key: option for key, option in options_of(tuning.finetune).items() if key not in ("run", "labelled")}
    reader = KINDS[cls.kinds[0]]
    told = {
        key: replace(o, help=o.help.replace(", for evaluation only", "")) for key, o in reading_options(reader).items()
    }
    reading = {key: option for key, option in told.items() if key not in (*run, *tuning.UNREAD)}
    own = {key: option for key, option in options_of(cls).items() if key not in tuning.OURS}
    solver = cls.solvers[0]
    return [
        ("data", reading), (f"the {name}", own), (f"solver {solver}", options_of(find_solver(solver))), ("run", run),
    ]  # fmt: skip
