"""Texts with a label each: columns of a table, lists, lines that begin with their label, or a folder for each class."""

from __future__ import annotations

import csv
import io
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from selfsup.data.labels import WHOLE, encode, flat, read
from selfsup.data.tables.tables import LABEL_NAMES
from selfsup.data.text.blocks import opened, whole_file
from selfsup.data.text.kind import bare
from selfsup.errors import DataError, unknown
from selfsup.lazy import pandas as pd, pyarrow as pa
from selfsup.system.files import missing
from selfsup.system.reading import foreign

TABLES = (".parquet", ".csv", ".tsv", ".jsonl", ".json")
QUOTED = r'^"((?:[^"]|"")*)"$'
MARK = "__label__"  # what fastText's files have before a label
KINDS = (
    "a table with a column of text and one of labels (parquet, csv, tsv, jsonl, json, a data frame, a Hugging Face data set), "
    "lines that begin with their label, a folder with a folder of texts for each class, or a list of texts with labels="
)
log = logging.getLogger("selfsup")
Rows = tuple[list[Any], list[Any]]  # texts and labels, None where one is missing


class LabelledTexts(NamedTuple):
    """Texts, and what each is labelled as.

    Attributes
    ----------
    texts
        n of them.
    labels
        (n,) int64 in 0..K-1.
    classes
        Names of the K classes.
    """

    texts: list[str]
    labels: np.ndarray
    classes: tuple[str, ...]


def open_labelled(
    data: Any,
    *,
    column: str | None = None,
    label_column: str | None = None,
    labels: Any = None,
    classes: Sequence[str] | None = None,
    encoding: str = "utf-8",
    on_bad: Literal["stop", "skip"] = "stop",
    limit: int | None = None,
) -> LabelledTexts:
    """Read texts and their labels.

    Parameters
    ----------
    data
        The path of a parquet, csv, tsv, jsonl or json file; of a text file whose lines begin with their label (as SST-2, TREC
        and fastText's files have it), or with `labels` are the texts; of a folder with a folder of texts for each class; a data
        frame; a Hugging Face data set; a list (array, column) of texts with `labels`; or a pair (texts, labels).
    column
        Of the texts; by default the only one that holds text and no labels.
    label_column
        Of the labels; by default one of a usual name.
    labels
        Labels (n,) where they are not in the data: whole numbers or strings, or a file of them, one a line.
    classes
        Names that labels are looked up in, such as those of the part that was trained on; by default all that occur.
    encoding
        Of text files and of csv, tsv and json.
    on_bad
        stop: a row without a text or a label is an error. skip: such rows are left out; how many is logged.
    limit
        Use the first so many rows only.

    Raises
    ------
    DataError
        If the data cannot be read, or a text or a label is missing or of another type.
    """
    if isinstance(data, LabelledTexts):
        data, classes = (data.texts, np.asarray(data.classes)[data.labels]), classes or data.classes
    if isinstance(data, tuple) and len(data) == 2 and not isinstance(data[1], str):
        if labels is not None:
            raise DataError("labels are given twice: in the pair (texts, labels) and as labels=")
        data, labels = data
    if labels is not None and label_column is not None:
        raise DataError("give labels= or label_column=, not both")
    name = str(data) if isinstance(data, str | os.PathLike) else f"the {type(data).__name__} of texts"
    texts, found = _rows(data, name, column, label_column, labels is not None, encoding)
    if labels is not None:
        found = _given(labels, len(texts))
    rows = slice(limit)
    texts, found = _whole(texts[rows], found[rows], name, on_bad)
    codes, names = encode(found, classes, f"labels of {name}")
    return LabelledTexts(texts, codes, names)


def _rows(data: Any, name: str, column: str | None, label_column: str | None, unlabelled: bool, encoding: str) -> Rows:
    """Texts and labels of any source; no labels where they are given apart."""
    if isinstance(data, str | os.PathLike):
        return _of_path(Path(data).expanduser(), column, label_column, unlabelled, encoding)
    if type(data).__module__.split(".")[0] == "datasets":
        return _of_hub(data, name, column, label_column, unlabelled)
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):
        return _of_columns(name, list(data.columns), lambda one: _listed(data[one]), column, label_column, unlabelled)
    if column is not None or label_column is not None:
        raise DataError(f"column= and label_column= are for tables; got {name}")
    if getattr(getattr(data, "dtype", None), "kind", "") in tuple("biufc"):
        raise DataError(f"texts are expected, one string each; got an array of numbers ({data.dtype})")
    if isinstance(data, bytes | dict) or not isinstance(data, Iterable):
        raise DataError(f"cannot read a {type(data).__name__} as labelled texts; give {KINDS}")
    if not unlabelled:
        raise DataError(f"{name} has no labels; give labels=, one a text")
    return _listed(data), []


def _of_path(path: Path, column: str | None, label_column: str | None, unlabelled: bool, encoding: str) -> Rows:
    if path.is_dir():
        return _of_folder(path, encoding)
    if not path.is_file():
        raise DataError(missing(path, KINDS, []))
    kind = bare(path).suffix.lower()
    if kind in TABLES:
        names, values = _table(path, kind, encoding)
        return _of_columns(str(path), names, values, column, label_column, unlabelled)
    if column is not None or label_column is not None:
        raise DataError(f"column= and label_column= are for tables; {path} is text")
    lines = _lines(path, encoding)
    return (lines, []) if unlabelled else _labelled_lines([line for line in lines if line.strip()], str(path))


def _of_columns(
    name: str,
    columns: list[Any],
    values: Callable[[Any], list[Any]],
    column: str | None,
    label_column: str | None,
    unlabelled: bool,
) -> Rows:
    """The column of texts and that of labels, which are not the same one."""
    label = None if unlabelled else _label_column(name, columns, label_column)
    if column is not None and column not in columns:
        raise DataError(f"{name}: {unknown('column', column, [str(one) for one in columns])}")
    if column is None:
        texts = {one: values(one) for one in columns if one != label}
        held = [one for one, column in texts.items() if isinstance(_first(column), str)]
        if len(held) != 1:
            told = ", ".join(str(one) for one in held or columns)
            advice = "choose one by column=" if held else "give one that has"
            raise DataError(f"{name} has {len(held) or 'no'} columns of text beside the labels ({told}); {advice}")
        column = held[0]
        return texts[column], [] if label is None else values(label)
    return values(column), [] if label is None else values(label)


def _label_column(name: str, columns: Sequence[Any], given: str | None) -> Any:
    if given is not None:
        if given not in columns:
            raise DataError(f"{name}: {unknown('label column', given, [str(one) for one in columns])}")
        return given
    found = next((one for one in LABEL_NAMES if one in columns), None)
    if found is None:
        told = ", ".join(str(one) for one in columns)
        raise DataError(f"{name} has no column with a usual name of labels ({told}); name it by label_column=")
    return found


def _table(path: Path, kind: str, encoding: str) -> tuple[list[Any], Callable[[Any], list[Any]]]:
    """Names of the columns of a file, and a function that gives the values of one."""
    with whole_file(path), foreign(f"{path} as a table"):
        if kind == ".parquet":
            schema = pa.parquet.read_schema(path)
            return list(schema.names), lambda one: _parquet_column(path, one)
        with opened(path, encoding) as (text, _):
            if kind in (".json", ".jsonl"):
                frame = pd.read_json(text, lines=kind == ".jsonl", dtype=False)
            else:
                frame = _delimited(text.read(), _separator(path, encoding))
    return list(frame.columns), lambda one: _numbers(_listed(frame[one]))


def _parquet_column(path: Path, name: str) -> list[Any]:
    with foreign(f"{path} as parquet"):
        found: list[Any] = pa.parquet.read_table(path, columns=[name], partitioning=None).column(0).to_pylist()
    return found


def _delimited(content: str, mark: str) -> Any:
    """A frame of strings; what is empty is missing, and "NA" or "1984" may be a text.

    Tables with tabs are often published without quoting (GLUE, SemEval): where each line has as many fields as the first, a
    quotation mark is one.
    """
    told: dict[str, Any] = {"sep": mark, "dtype": str, "keep_default_na": False}
    tabs = {line.count("\t") for line in content.split("\n") if line} if mark == "\t" else set()
    if len(tabs) == 1:
        frame = pd.read_csv(io.StringIO(content), quoting=csv.QUOTE_NONE, **told)
        frame = frame.apply(lambda column: column.str.replace(QUOTED, r"\1", regex=True).str.replace('""', '"'))
    else:
        frame = pd.read_csv(io.StringIO(content), **told)
    return frame.mask(frame == "")


def _separator(path: Path, encoding: str) -> str:
    with opened(path, encoding) as (text, _):
        line = text.readline()
    return next((mark for mark in "\t;" if mark in line and "," not in line), ",")


def _of_hub(data: Any, name: str, column: str | None, label_column: str | None, unlabelled: bool) -> Rows:
    """A Hugging Face data set; of several splits "train", or the first. Labels that have names are called by these."""
    if hasattr(data, "keys"):
        data = data["train" if "train" in data else next(iter(data))]

    def values(one: Any) -> list[Any]:
        found, names = list(data[one]), getattr((data.features or {}).get(one), "names", None)
        return [None if place is None or place < 0 else names[place] for place in found] if names else found

    return _of_columns(name, list(data.column_names), values, column, label_column, unlabelled)


def _of_folder(folder: Path, encoding: str) -> Rows:
    """Files of texts in a folder for each class."""
    classes = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    texts, labels = [], []
    for one in classes:
        for path in sorted(path for path in one.rglob("*") if path.is_file() and not path.name.startswith(".")):
            texts.append("\n".join(_lines(path, encoding)))
            labels.append(one.name)
    if len(classes) < 2 or not texts:
        raise DataError(f"the folder {folder} has no folder of texts for each of 2 classes or more; give {KINDS}")
    return texts, labels


def _lines(path: Path, encoding: str) -> list[str]:
    """The lines of a text file, which may be packed."""
    try:
        with whole_file(path), opened(path, encoding) as (text, _):
            lines = text.read().replace("\r\n", "\n").split("\n")
    except UnicodeError as error:
        raise DataError(f"{path} is not {encoding} ({error}); give another encoding, e.g. latin-1") from error
    return lines if lines[-1] else lines[:-1]


def _labelled_lines(lines: Sequence[str], name: str) -> Rows:
    """Lines of a label, white space and a text."""
    parts = [line.split(None, 1) for line in lines]
    labels: list[Any] = [part[0].removeprefix(MARK) for part in parts]
    texts: list[Any] = [part[1] if len(part) > 1 else None for part in parts]
    if several := sum(text is not None and text.startswith(MARK) for text in texts):
        raise DataError(f"{name}: {several:,} lines have more than one label; a text here has one")
    if len(different := set(labels)) > max(2, len(labels) // 2):
        raise DataError(
            f"{name}: its lines do not begin with a label ({len(different):,} different first words in {len(labels):,} "
            "lines); give labels=, or a table"
        )
    return texts, _numbers(labels)


def _numbers(labels: list[Any]) -> list[Any]:
    """Labels of a text file that are all whole numbers, as numbers."""
    held = [label for label in labels if label is not None]
    if held and all(isinstance(label, str) and WHOLE.fullmatch(label) for label in held):
        return [None if label is None else int(label) for label in labels]
    return labels


def _given(labels: Any, rows: int) -> list[Any]:
    found = _listed(read(Path(labels)) if isinstance(labels, str | os.PathLike) else labels)
    if len(found) != rows:
        raise DataError(f"got {len(found):,} labels for {rows:,} texts; give one a text, in their order")
    return found


def _listed(values: Any) -> list[Any]:
    """Values of a column, array, tensor or list; None where one is missing."""
    if hasattr(values, "detach"):
        values = flat(values)
    found = values.to_list() if hasattr(values, "to_list") else list(values)
    found = [value.item() if isinstance(value, np.generic) else value for value in found]
    return [None if value is None or value is pd.NA or value != value else value for value in found]


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None), None)


def _whole(texts: list[Any], labels: list[Any], name: str, on_bad: str) -> tuple[list[str], list[Any]]:
    """The rows that have both a text and a label."""
    for row, text in enumerate(texts):
        if text is not None and not isinstance(text, str):
            raise DataError(f"{name}: row {row:,} is no text but a {type(text).__name__}")
    bad = [row for row, pair in enumerate(zip(texts, labels, strict=True)) if None in pair]
    if bad:
        what = "text" if texts[bad[0]] is None else "label"
        said = f"{name}: {len(bad):,} of {len(texts):,} rows have no text or no label, the first is row {bad[0]:,} (no {what})"
        if on_bad != "skip":
            raise DataError(f"{said}; fill them in, or leave them out by on_bad='skip'")
        log.warning("%s; they are left out", said)
        left = set(bad)
        texts, labels = ([one for row, one in enumerate(part) if row not in left] for part in (texts, labels))
    if not texts:
        raise DataError(f"{name} has no labelled texts")
    return texts, labels
