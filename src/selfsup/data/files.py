"""Several files as one source: a list of paths, or a glob."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from selfsup.data.arrays import arrays, npy
from selfsup.data.dataset import Dataset
from selfsup.data.images import folder
from selfsup.data.request import Request
from selfsup.data.tables import delimited, stored
from selfsup.errors import DataError
from selfsup.system.files import missing

PACKED = ".gz"
TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".jsonl", ".jsonl.gz", ".arrow")
KINDS = "csv and tsv files, parquet files, .arrow, .json, .jsonl or .npy files, or images"


TOGETHER = {  # what a single file is read by -> what several of them are
    delimited.from_csv: delimited.from_csv_files,
    stored.from_parquet: stored.from_parquet_files,
    stored.from_arrow: stored.from_arrow_files,
    stored.from_json: stored.from_json_files,
    folder.from_file: folder.from_files,
}


def suffix_of(path: Path) -> str:
    """The ending that tells what a file holds, with that of its packing: ``.csv.gz``."""
    suffix = path.suffix.lower()
    return f"{path.with_suffix('').suffix.lower()}{suffix}" if suffix == PACKED else suffix


def from_files(
    paths: Sequence[Path], source: str, readers: Mapping[str, Callable[[Path, Request], Dataset]], request: Request
) -> Dataset:
    """Make a `Dataset` of files of one kind, one below the other, in the order given.

    Parameters
    ----------
    source
        What they are, in words.
    readers
        By ending: what a single file is read by.

    Raises
    ------
    DataError
        If a file is missing or of another kind than the first, or such files are not read together.
    """
    if request.like is not None and not any(map(_is_named, paths)):
        raise DataError(
            f"the model takes {request.like.describe()}; got {len(paths):,} words or texts, no paths of files"
        )
    for path in paths:
        if not path.is_file():
            raise DataError(
                missing(path, KINDS) if not path.exists() else f"{path} is a folder; in a list give {KINDS}"
            )
        if suffix_of(path) not in readers:
            raise DataError(f"cannot tell what {path} holds from its name; in a list or a pattern give {KINDS}")
    kinds = {readers[suffix_of(path)] for path in paths}
    if len(kinds) > 1:
        odd = next(path for path in paths if readers[suffix_of(path)] != readers[suffix_of(paths[0])])
        raise DataError(
            f"{paths[0]} and {odd} are of different kinds; in a list or a pattern give files of one kind: {KINDS}"
        )
    if len(paths) == 1:
        return kinds.pop()(paths[0], request)
    one = kinds.pop()
    if one == npy.from_npy:
        return _stacked(paths, source, request)
    if one not in TOGETHER:
        raise DataError(f"several {suffix_of(paths[0])} files are not read together; give {KINDS}")
    return TOGETHER[one](paths, source, request)


def _is_named(path: Path) -> bool:
    """Whether there is such a path, or it could be one by its name."""
    try:
        return bool(path.suffix) or path.exists()
    except (OSError, ValueError):  # too long to be a path, or of what no path holds
        return False


def tables_in(root: Path) -> list[Path]:
    """Tables that a folder holds, sorted, where there is no image in it; none of the folder of a run."""
    found = sorted(path for path in root.iterdir() if suffix_of(path) in TABLES and not path.name.startswith("."))
    return [] if (root / "config.json").exists() or (found and folder.find(root)) else found


def from_tables(
    root: Path, paths: Sequence[Path], readers: Mapping[str, Callable[[Path, Request], Dataset]], request: Request
) -> Dataset:
    """Make a `Dataset` of a folder of tables; files whose names begin with ``test`` beside ``train`` are its test part."""
    train, tests = stored.split_of(paths)
    made = from_files(train, str(root), readers, request)
    if not tests or request.labels is not None:
        return made
    tested = from_files(tests, str(root), readers, replace(request, like=made.form, limit=None))
    if tested.labels is None or made.labels is None:
        return replace(made, test=replace(tested, labels=None, classes=()))
    held = np.asarray(tested.classes)[tested.labels] if tested.classes else tested.labels
    return replace(made, test=arrays.same_classes(tested, held, made))


def _stacked(paths: Sequence[Path], source: str, request: Request) -> Dataset:
    """Arrays of one shape a sample, one below the other."""
    if request.label_column is not None:
        raise DataError("an array has no columns; give labels= instead of label_column=")
    parts = [npy.from_npy(path, replace(request, labels=None, limit=None, like=None)).x for path in paths]
    for path, part in zip(paths, parts, strict=True):
        if part.shape[1:] != parts[0].shape[1:] or part.dtype != parts[0].dtype:
            raise DataError(
                f"{paths[0]} holds samples of shape {parts[0].shape[1:]} ({parts[0].dtype}), {path} of {part.shape[1:]} "
                f"({part.dtype})"
            )
    return arrays.from_array(np.concatenate(parts), request, source)
