"""What several verbs need: a run that is loaded, a file that is free, what was skipped."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from selfsup.cli.parser import say
from selfsup.errors import OptionError, RunError

if TYPE_CHECKING:
    from selfsup.data import Dataset
    from selfsup.model.model import Model


def load_run(run: str, method: str | None, device: str) -> Model:
    """Load a run folder; a method that is not ours comes from the current folder or from what is installed."""
    from selfsup.model.load import load
    from selfsup.model.words import is_word_run
    from selfsup.training.job import choose_device

    if is_word_run(Path(run)):
        raise RunError(
            f"{run} holds word vectors, which this command has no use for; try selfsup evaluate {run} --analogies FILE"
        )
    return load(run, method=importable(method) if method else None, device=str(choose_device(device)))


def needs_decoder(model: Model) -> None:
    """Say early, before data are read, that there is no way back from codes."""
    if not model.method.decodes():
        name, hides = model.config["method"], model.method.hides
        raise OptionError(f"the method '{name}' has no decoder: it predicts {hides}, not the data")


def importable(method: str) -> str:
    """Let mymodule:MyMethod, or a penalty, be found in the current folder: after what is installed, which it cannot shadow."""
    if ":" in method and "" not in sys.path:
        sys.path.append("")
    return method


def free_file(out: str, overwrite: bool) -> Path:
    """Path of the file to write, which must not exist unless it may be replaced."""
    if (file := Path(out)).is_dir() or (file.exists() and not overwrite):
        raise RunError(f"{file} exists; choose another --out" + ("" if file.is_dir() else ", or --overwrite it"))
    return file


def say_skipped(dataset: Dataset) -> None:
    """Name the files that have no row."""
    if dataset.bad:
        some = ", ".join(bad.name for bad in dataset.bad[:5]) + (", ..." if len(dataset.bad) > 5 else "")
        say(f"{len(dataset.bad):,} files could not be read and have no row: {some}")


def names_of(dataset: Dataset) -> list[str]:
    """Name of each row: its file, or its number."""
    return list(dataset.names or map(str, range(len(dataset))))
