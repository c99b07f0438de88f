"""Samples: arrays, images and tables, from whatever holds them, as one `Dataset`."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch

from selfsup.data import hub
from selfsup.data.arrays import arrays, indexed, npy
from selfsup.data.arrays.moments import covariance_of_chunks
from selfsup.data.arrays.stream import Stream
from selfsup.data.dataset import Dataset
from selfsup.data.files import from_files, from_tables, suffix_of, tables_in
from selfsup.data.form import Form
from selfsup.data.images import folder
from selfsup.data.labels import given
from selfsup.data.request import Request, only
from selfsup.data.tables import delimited, stored, tables
from selfsup.data.tables.frames import columns_of
from selfsup.errors import DataError, OptionError
from selfsup.options import Range
from selfsup.system.files import expanded, missing

WORDS = (
    "a folder of images or of tables, an image, a .npy, .npz, .csv, .tsv, .parquet, .arrow, .json or .jsonl file, "
    "'hub:NAME', or 'digits'"
)
KINDS = f"an array, a tensor, a data frame, a pair (array, labels), {WORDS}"
STREAM_SAMPLE = 10_000  # rows of a stream that are kept, to gather evidence on
READERS = {
    ".npy": npy.from_npy,
    ".npz": npy.from_npz,
    ".csv": delimited.from_csv,
    ".tsv": delimited.from_csv,
    ".csv.gz": delimited.from_csv,
    ".tsv.gz": delimited.from_csv,
    ".parquet": stored.from_parquet,
    ".arrow": stored.from_arrow,
    ".json": stored.from_json,
    ".jsonl": stored.from_json,
    ".json.gz": stored.from_json,
    ".jsonl.gz": stored.from_json,
} | dict.fromkeys(folder.SUFFIXES, folder.from_file)


def open_samples(
    source: Any,
    *,
    labels: Any = None,
    label_column: str | tuple[str, ...] | None = None,
    labels_are: Literal["classes", "numbers", "several"] | None = None,
    size: Annotated[int, Range(8)] | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    stream: bool = False,
    like: Form | None = None,
    limit: int | None = None,
    closed: bool = True,
    seed: int = 0,
    cache: bool = True,
    progress: bool = True,
    columns: tuple[str, ...] | None = None,
    drop: tuple[str, ...] | None = None,
    encoding: str | None = None,
    header: Literal["auto", "first", "none"] = "auto",
    others: bool = False,
) -> Dataset:
    """Open arrays, images or a table as a `Dataset`: decoded once, in memory.

    Parameters
    ----------
    source
        (n, d) vectors; (n, H, W), (n, H, W, C) or (n, C, H, W) images (see `arrays.channels_last` for which); a pair
        (array, labels); a data frame; the path of a file or folder, a list of paths or a glob; a data set of PyTorch with a
        length; ``"hub:NAME"``; ``"digits"``; or a `Dataset`.
    labels
        Labels (n,) of an array, or several a sample (n, L), each 0 or 1, or a file of them, for evaluation only.
    label_column
        Name of the column that holds labels, for evaluation only; else one with a usual name is taken. The names of several
        columns, each 0 or 1, are so many labels a sample.
    labels_are
        classes; numbers, which a ridge regression is to read from the codes; or several labels a sample, of a column whose cells
        hold them ("cat;dog"). By default fractions are numbers, and so are more than 20 different whole numbers that do not count
        from 0 or 1 without a gap; columns of 0 and 1 and lists are several; all else are classes.
    size
        Side in pixels to which images are resized and cropped.
    on_bad
        stop: files that cannot be read are an error. skip: leave them out, count and list them. Of a table skip leaves out
        columns that cannot be learnt from; where a model was trained, a value that training never saw is taken as missing.
    stream
        Read the rows in chunks, once (many wide ones again and again), and never hold them all: for a closed form (the method
        linear) on numbers in parquet, .npy, or an iterable of arrays (b, d). An iterator is always read so.
    like
        The form of a trained model: the data are brought to its form, or refused.
    limit
        Rows of the training part to use: the first, or of a folder of images as many evenly spread over its files.
    closed
        Whether a closed form is wanted of the data, so that chunks will do.
    seed
        Of the sample that is kept of a stream.
    cache
        Keep decoded images in the user's cache folder (or in the folder that ``SELFSUP_CACHE`` names).
    progress
        Show progress on standard error.
    columns
        Names of a table's columns to learn from; by default all but the labels.
    drop
        Names of a table's columns to leave out.
    encoding
        Of a csv or tsv file, such as cp1252 or latin-1; by default UTF-8, or what a mark at its beginning says.
    header
        Of a csv or tsv file: whether the first line has the names of the columns (first) or is a row (none); auto finds out.
    others
        Keep a table's columns that nothing is learnt from, for people to look at.

    Raises
    ------
    DataError
        If the data cannot be used; the message says why and what to do.
    OptionError
        If an option is out of its range.
    """
    if stream or isinstance(source, Stream | Iterator):
        taken = {"labels": labels, "size": size, "limit": limit}
        taken |= {"columns": columns, "drop": drop, "encoding": encoding}
        return _streamed(source, label_column, taken, seed, closed=closed, labels_are=labels_are)
    asked = Request(labels, label_column, labels_are, like, size, limit, on_bad, cache, progress)
    request = _checked(replace(asked, columns=columns, drop=drop, encoding=encoding, header=header, others=others))
    if isinstance(source, tuple) and len(source) == 2 and not _is_row(source[0]):
        if labels is not None:
            raise DataError("labels are given twice: in the pair (array, labels) and as labels=")
        source, request = source[0], replace(request, labels=source[1])
    return _dispatch(source, request)


def _streamed(
    source: Any,
    label_column: str | tuple[str, ...] | None,
    taken: Mapping[str, Any],
    seed: int,
    *,
    closed: bool,
    labels_are: Literal["classes", "numbers", "several"] | None,
) -> Dataset:
    """One pass over rows that need not fit in memory: a sample of them, which knows the mean and covariance of all."""
    if not closed:
        raise OptionError("data that are read in chunks can only be learnt from in closed form: use method 'linear'")
    for name, value in taken.items():
        if value is not None:
            raise OptionError(f"option '{name}' cannot be used with data that are read in chunks")
    opened = source if isinstance(source, Stream) else Stream(source, label_column=only(label_column))
    again = None if opened.once else lambda: map(torch.from_numpy, opened.chunks(1))
    found = covariance_of_chunks(map(torch.from_numpy, opened.chunks(STREAM_SAMPLE, seed)), again)
    return replace(opened.sample(min(STREAM_SAMPLE, found.rows), seed, labels_are), known={"covariance": found})


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
    if isinstance(source, list | tuple) and source and all(isinstance(one, str | os.PathLike) for one in source):
        return from_files([Path(one).expanduser() for one in source], f"{len(source):,} files", READERS, request)
    _check_columns(source, request)
    if isinstance(source, np.ndarray | torch.Tensor | list | tuple) or hasattr(source, "nnz"):
        return arrays.from_array(source, request)
    if type(source).__module__.split(".")[0] == "datasets":
        return hub.from_datasets(source, request)
    if hasattr(source, "columns") and hasattr(source, "to_numpy"):
        return tables.from_frame(source, request)
    if indexed.knows(source):
        return indexed.from_indexed(source, request)
    if hasattr(source, "__array__"):
        return arrays.from_array(np.asarray(source), request)
    raise DataError(f"cannot use a {type(source).__name__} as data; give {KINDS}")


def _check_columns(source: Any, request: Request) -> None:
    """Refuse to choose columns of what has none."""
    named = hasattr(source, "columns") or type(source).__module__.split(".")[0] == "datasets"
    for option in ("columns", "drop"):
        if getattr(request, option) is not None and not named:
            raise DataError(f"option '{option}' is for tables, whose columns have names; of an array give x[:, [...]]")


def _again(made: Dataset, request: Request) -> Dataset:
    """A `Dataset` passes through; what is asked of it besides is done to its values."""
    if request.labels is None and request.labels_are is not None and made.labels is not None:
        request = replace(request, labels=given(made.labels, made.classes))
    if (request.columns is not None or request.drop is not None) and made.form.columns:
        made, request = _matched(made, replace(request, like=None)), replace(request, columns=None, drop=None)
    wanted = (request.labels, request.label_column, request.size, request.limit)
    like = None if request.like is None else replace(request.like, missing=made.form.missing)
    if all(option is None for option in wanted) and like in (None, made.form):
        return made
    if like is not None and _form(like) != _form(made.form) and like.columns and made.form.columns:
        return _matched(made, request)
    like = like if like is not None else made.form
    new = arrays.from_array(made.x, replace(request, like=like), made.source)
    if request.labels is None and made.labels is not None:
        new = replace(new, labels=made.labels[: len(new)], classes=made.classes)
    names = None if made.names is None else made.names[: len(new)]
    return replace(new, names=names, test=made.test, bad=made.bad, note=made.note, root=made.root)


def _form(form: Form) -> tuple[object, ...]:
    return form.kind, form.columns, form.fields


def _matched(made: Dataset, request: Request) -> Dataset:
    """A table that was opened by itself, in the form of a model's: back to its columns, and from them anew."""
    labels = request.labels
    if labels is None and made.labels is not None:
        labels = given(made.labels, made.classes)
    new = tables.from_columns(columns_of(made.form, made.x), replace(request, labels=labels), made.source)
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
    if os.path.isdir(path):
        return _from_folder(path, request)
    if not os.path.exists(path):
        if paths := expanded(path):
            return from_files(paths, words, READERS, request)
        if glob.has_magic(words):
            raise DataError(f"no file is called as the pattern '{words}' says; give {WORDS}")
        raise DataError(missing(path, WORDS, ["digits"]))
    reader = READERS.get(suffix_of(path))
    if reader is None:
        raise DataError(f"cannot tell what {path} holds from its name; give {WORDS}")
    return reader(path, request)


def _from_folder(path: Path, request: Request) -> Dataset:
    if hub.is_saved(path):
        return hub.from_saved(path, request)
    files = stored.parquet_files(path)
    if files:
        return stored.from_parquet_folder(path, files, request)
    tables_ = tables_in(path)
    return from_tables(path, tables_, READERS, request) if tables_ else folder.from_folder(path, request)
