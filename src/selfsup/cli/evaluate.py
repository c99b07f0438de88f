"""The verb evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfsup.cli.common import free_file, importable, load_run
from selfsup.cli.parser import Groups, UsageError, say
from selfsup.errors import RunError


def evaluate(
    run: str,
    *,
    data: str | None = None,
    out: str | None = None,
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    device: str = "cpu",
    **settings: Any,
) -> None:
    """Measure a run on data; with labels, beside raw input, PCA and the untrained network. Word vectors: by questions, or bias.

    Parameters
    ----------
    run
        Run folder, or a file of word vectors.
    data
        Data of the kind it learnt from; with labels (sub-folders that are classes, or a column) its codes are compared. Beside
        questions: the text that word vectors were learnt from, so that vectors by counting it are asked them too.
    out
        Write the evaluation to this file too, as JSON.
    overwrite
        Replace that file if it exists.
    """
    from selfsup import store
    from selfsup.training import evaluate as evaluating
    from selfsup.words.vectors import WordVectors

    file = free_file(out, overwrite) if out else None
    asked = [name for name in evaluating.OF_WORDS if settings.get(name)]
    if data is None and not asked:
        raise UsageError(
            "--data is missing; of word vectors --analogies, --similarity or --bias; see `selfsup evaluate --help`"
        )
    for path in settings.get("measures") or ():
        importable(path)
    is_run = evaluating.is_run(run)
    model = load_run(run, method, device, given) if is_run or not asked else WordVectors.load(run)
    found = evaluating.evaluate(model, data, **settings)
    if file:
        store.write_json(file, found.to_dict())
    say(str(found))
    if is_run and (asked or (settings.get("measures") is None and is_more(model, found))):
        keep(model, found, run)


def is_more(model: Any, found: Any) -> bool:
    """Whether an evaluation takes the place of the run's own: it is of the same data, and has every table of that."""
    known = [] if model.evaluation is None else [table.name for table in model.evaluation.tables if table.rows]
    same = found.measured_on == model.config["data"]["fingerprint"]
    return same and {table.name for table in found.tables if table.rows} >= set(known)


def keep(model: Any, found: Any, run: str) -> None:
    """Keep what was found with its run; that the folder may not be written to is no reason to lose it."""
    model.evaluation = found
    try:
        model.write_evidence(Path(run))
    except RunError as error:
        say(f"not kept in the run folder: {error}")
    else:
        say(f"kept in {run}: see its report.html")


def options(words: list[str]) -> Groups:
    """Options of the evaluation itself."""
    from selfsup.options import options_of
    from selfsup.training.evaluate import evaluate as function

    own = {name: o for name, o in options_of(function).items() if name not in ("model", "labelled", "labels")}
    return [("evaluation", own)]
