"""One door for every kind of data."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from selfsup.data import hub
from selfsup.data.arrays import arrays, npy
from selfsup.data.dataset import Dataset
from selfsup.data.form import Intake
from selfsup.data.images import folder
from selfsup.data.request import Request
from selfsup.data.tables import stored, tables
from selfsup.data.tables.frames import to_frame
from selfsup.errors import DataError, OptionError, unknown

WORDS = (
    "a folder of images or of parquet files, a .npy, .npz, .csv, .tsv, .parquet, .arrow, .json or .jsonl file, "
    "'hub:NAME', or 'digits'"
)
KINDS = f"an array, a tensor, a data frame, a pair (array, labels), {WORDS}"
READERS = {
    ".npy": npy.from_npy,
    ".npz": npy.from_npz,
    ".csv": tables.from_csv,
    ".tsv": tables.from_csv,
    ".parquet": stored.from_parquet,
    ".arrow": stored.from_arrow,
    ".json": stored.from_json,
    ".jsonl": stored.from_json,
}


def open_data(
    source: Any,
    *,
    labels: Any = None,
    label_column: str | None = None,
    like: Intake | None = None,
    size: int | None = None,
    limit: int | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    cache: bool = True,
    progress: bool = True,
) -> Dataset:
    """Open any kind of data as a `Dataset`: decoded once, in memory.

    Parameters
    ----------
    source
        (n, d) vectors; (n, H, W), (n, H, W, C) or (n, C, H, W) images (see `arrays.channels_last` for which); a pair
        (array, labels); a data frame; the path of a file or folder; ``"hub:NAME"``; ``"digits"``; or a `Dataset`.
    labels
        One label a row, or a file of them; for evaluation only.
    label_column
        Column (csv, parquet, hub) or array (npz) that holds the labels; else one with a usual name is taken.
    like
        The intake of a trained model: the data are brought to its form, or refused.
    size
        Side in pixels that image files are resized to: their short side, then the centre is cut out.
    limit
        Rows of the training part to use: the first, or of a folder of images as many evenly spread over its files.
    on_bad
        What to do about image files that cannot be read: "stop" with a list of them, or "skip" them.
    cache
        Keep decoded images in the user's cache folder (or in the folder that ``SELFSUP_CACHE`` names).
    progress
        Show progress on standard error.

    Raises
    ------
    DataError
        If the data cannot be used; the message says why and what to do.
    OptionError
        If an option is out of its range.
    """
    request = _checked(Request(labels, label_column, like, size, limit, on_bad, cache, progress))
    if isinstance(source, tuple) and len(source) == 2 and not _is_row(source[0]):
        if labels is not None:
            raise DataError("labels are given twice: in the pair (array, labels) and as labels=")
        source, request = source[0], replace(request, labels=source[1])
    return _dispatch(source, request)


def _checked(request: Request) -> Request:
    """The request, if every option is in its range."""
    for name, value in (("size", request.size), ("limit", request.limit)):
        if value is not None and value < 1:
            raise OptionError(f"option '{name}' must be at least 1; got {value}")
    if request.on_bad not in ("stop", "skip"):
        raise OptionError(f"option 'on_bad' must be one of 'stop', 'skip'; got {request.on_bad!r}")
    if request.labels is not None and request.label_column is not None:
        raise DataError("give labels= or label_column=, not both")
    return request


def _is_row(value: Any) -> bool:
    """Whether the value is a plain row of numbers, so that a tuple of two of them is an array and no pair."""
    return isinstance(value, list | tuple) and all(isinstance(part, int | float) for part in value)


def _dispatch(source: Any, request: Request) -> Dataset:
    if isinstance(source, Dataset):
        return _again(source, request)
    if isinstance(source, str | os.PathLike):
        return _from_words(os.fspath(source), request)
    if isinstance(source, np.ndarray | torch.Tensor | list | tuple) or hasattr(source, "nnz"):
        return arrays.from_array(source, request)
    if type(source).__module__.split(".")[0] == "datasets":
        return hub.from_datasets(source, request)
    if hasattr(source, "columns") and hasattr(source, "to_numpy"):
        return tables.from_frame(source, request)
    if hasattr(source, "__array__"):
        return arrays.from_array(np.asarray(source), request)
    raise DataError(f"cannot use a {type(source).__name__} as data; give {KINDS}")


def _again(made: Dataset, request: Request) -> Dataset:
    """A `Dataset` passes through; what is asked of it besides is done to its values."""
    given = (request.labels, request.label_column, request.size, request.limit)
    like = None if request.like is None else replace(request.like, missing=made.intake.missing)
    if all(option is None for option in given) and like in (None, made.intake):
        return made
    if like is not None and _form(like) != _form(made.intake) and like.columns and made.intake.columns:
        return _matched(made, request)
    like = like if like is not None else made.intake
    new = arrays.from_array(made.x, replace(request, like=like), made.source)
    if request.labels is None and made.labels is not None:
        new = replace(new, labels=made.labels[: len(new)], classes=made.classes)
    names = None if made.names is None else made.names[: len(new)]
    return replace(new, names=names, test=made.test, bad=made.bad, note=made.note)


def _form(intake: Intake) -> tuple[object, ...]:
    return intake.kind, intake.columns, intake.fields


def _matched(made: Dataset, request: Request) -> Dataset:
    """A table that was opened by itself, in the form of a model's: back to its columns, and from them anew."""
    labels = request.labels
    if labels is None and made.labels is not None:
        labels = np.asarray(made.classes)[made.labels]
    new = tables.from_frame(to_frame(made.intake, made.x), replace(request, labels=labels), made.source)
    if request.labels is None and made.labels is not None:
        new = replace(new, labels=made.labels[: len(new)], classes=made.classes)
    test = None if made.test is None else _matched(made.test, Request(like=request.like))
    return replace(new, test=test)


def _from_words(words: str, request: Request) -> Dataset:
    """A path, ``hub:NAME`` or ``digits``; what is wrong with it is said with its name."""
    if not words.strip():
        raise DataError(f"the path is empty; give {WORDS}")
    try:
        return _named(words, request)
    except DataError as error:
        if Path(words).name in str(error):
            raise
        raise DataError(f"{words}: {error}") from error


def _named(words: str, request: Request) -> Dataset:
    if words == "digits":
        return arrays.digits(request)
    if words.startswith("hub:"):
        return hub.from_hub(words.removeprefix("hub:"), request)
    path = Path(words).expanduser()
    if path.is_dir():
        return _from_folder(path, request)
    if not path.exists():
        raise DataError(_missing(words, path))
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        alone = "; for a single image, give its folder" if path.suffix.lower() in folder.SUFFIXES else ""
        raise DataError(f"cannot tell what {path} holds from its name{alone}; give {WORDS}")
    return reader(path, request)


def _from_folder(path: Path, request: Request) -> Dataset:
    if hub.is_saved(path):
        return hub.from_saved(path, request)
    files = stored.parquet_files(path)
    return stored.from_parquet_folder(path, files, request) if files else folder.from_folder(path, request)


def _missing(words: str, path: Path) -> str:
    """Say that there is no such path, what is nearest, and what could be given."""
    parent = path.parent
    while not parent.is_dir() and parent != parent.parent:
        path, parent = parent, parent.parent
    try:
        names = [name for name in os.listdir(parent) if not name.startswith(".")]
    except OSError:
        names = []
    told = unknown("file or folder", path.name, [*names, "digits"] if words == path.name else names)
    near = told.partition("; did you mean")
    where = "" if words == path.name else f" in {parent}" if parent != Path() else " in the current folder"
    said = f"no '{path.name}'{where}" + (f"; did you mean{near[2]} Otherwise give" if near[1] else ". Give")
    return f"there is no data at '{words}': {said} {WORDS}"
