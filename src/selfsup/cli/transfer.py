"""The verb transfer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfsup.cli.common import free_file, load_run
from selfsup.cli.evaluate import keep
from selfsup.cli.parser import Groups, say

if TYPE_CHECKING:
    from selfsup.options import Option


def transfer(
    vectors: str,
    *,
    data: str,
    test: str | None = None,
    out: str | None = None,
    report: str | None = None,
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    **settings: Any,
) -> None:
    """Use word vectors, or a net, for a task with labels: frozen, fine-tuned, from scratch, beside TF-IDF or raw input.

    Parameters
    ----------
    vectors
        File of word vectors, or run folder.
    data
        Labelled texts: a parquet, csv, tsv or jsonl file, lines that begin with a label, a folder for each class. For a run of
        images or a table: data of that kind, with labels.
    test
        Labelled texts to measure on; without them a part of the data is held out.
    out
        Write the evaluation to this file too, as JSON.
    report
        Write a page with the curve to this file (.html). In a run folder the run's own report has it.
    overwrite
        Replace these files if they exist.
    """
    from selfsup import store
    from selfsup.measures.evaluation import Evaluation
    from selfsup.report.page import write_evaluation
    from selfsup.training.transfer import transfer as transferring

    files = [free_file(name, overwrite) if name else None for name in (out, report)]
    is_run = os.path.isfile(Path(vectors) / store.CONFIG)
    model = load_run(vectors, method, "cpu", given)
    found = transferring(model, data, test=test, **settings)
    if files[0]:
        store.write_json(files[0], found.to_dict())
    if files[1]:
        write_evaluation(found, f"transfer of {Path(vectors).name} to {Path(data).name}", files[1])
    say(str(found))
    if is_run:
        known = model.evaluation or Evaluation()
        known.notes = [*known.notes, *(note for note in found.notes if note not in known.notes)]
        keep(model, known.with_table(found.tables[0]), vectors)


def options(words: list[str]) -> Groups:
    """Options of the comparison itself, and for a net those of `finetune`."""
    from selfsup.cli.finetune import options as of_finetune
    from selfsup.options import options_of
    from selfsup.training.transfer import transfer as function

    own = {name: o for name, o in options_of(function).items() if name not in ("vectors", "labelled", "labels", "test")}
    unused = {*own, "curve", "counts", "out", "resume", "evaluate", "overwrite", "checkpoint_every", "label_column"}
    of_net: dict[str, Option] = {}
    for _, group in of_finetune(words):
        of_net |= {name: option for name, option in group.items() if name not in unused}
    return [("comparison", own), ("for a net, not for word vectors", of_net)]
