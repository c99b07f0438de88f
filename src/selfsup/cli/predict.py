"""The verb predict."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from selfsup.cli.common import load_run, names_of, say_skipped
from selfsup.cli.parser import say
from selfsup.cli.writing import TABLES, output, write_predictions

MOST = 10  # classes whose numbers are told


def predict(
    run: str,
    data: str,
    *,
    out: str,
    on_bad: Literal["stop", "skip"] = "stop",
    overwrite: bool = False,
    method: str | None = None,
    given: tuple[str, ...] | None = None,
    device: str = "cpu",
    progress: bool = True,
) -> None:
    """Write the class of each row or file by a fine-tuned run, in order, and how probable it is.

    Parameters
    ----------
    run
        Run folder, as `selfsup finetune` makes it.
    out
        File to write: .csv or .parquet with name, label and probability, or .npy with the labels alone.
    """
    file = output(out, overwrite, TABLES)
    model = load_run(run, method, device, given)
    classes = model.classes  # a run without any is refused before the data are read
    opened = model.open(data, on_bad=on_bad, progress=progress)
    chances = model.predict_proba(opened)
    places = chances.argmax(1)
    labels, sure = classes[places], chances.max(1)
    write_predictions(file, labels, sure, names_of(opened, len(labels)))
    say(f"{len(labels):,} labels in {file}, of mean probability {sure.mean(dtype=float):.3f}")
    counted = Counter(labels.tolist()).most_common(MOST)
    say(
        ", ".join(f"{label}: {count:,}" for label, count in counted)
        + (", ..." if len(set(places.tolist())) > MOST else "")
    )
    say_skipped(opened)
