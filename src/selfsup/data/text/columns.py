"""Text columns of tables as blocks: of files batch by batch, Hugging Face data sets, data frames. Arrow joins the rows."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from selfsup.data.text.blocks import Block, of_bytes, opened, stamp, whole_file
from selfsup.data.text.kind import PACKED, bare
from selfsup.data.text.seen import ADVICE, MARKED, Seen, is_missing
from selfsup.errors import DataError, unknown
from selfsup.lazy import pandas as pd, pyarrow as pa
from selfsup.system.reading import foreign

QUOTED = r'^"((?:[^"]|"")*)"$'
ROWS = 2048  # of a batch; a batch is cut further where its texts are long


def of_parquet(path: Path, column: str | None, size: int, seen: Seen) -> Iterator[Block]:
    """Blocks of the texts, or lists of tokens, of one column, of so many rows as may be read.

    Raises
    ------
    DataError
        If the file is damaged, changes meanwhile, or has no such column of text.
    """
    before = stamp(path)
    with foreign(f"{path} as parquet"), pa.parquet.ParquetFile(path) as file:
        name = _choose(file.schema_arrow, column, str(path))
        whole = max(file.metadata.num_rows, 1)
        row = 0
        for batch in file.iter_batches(ROWS, columns=[name]):
            done = before[0] * (row + len(batch)) // whole
            values = _whole(batch.column(0), seen).slice(0, seen.take(len(batch)))
            yield from _blocks(values, f"{path}, column '{name}'", row, size, done, seen)
            row += len(batch)
            if seen.enough:
                break
    if stamp(path) != before:
        raise DataError(f"{path} has changed while it was read; wait until it is written, then start again")


def of_table(path: Path, column: str | None, encoding: str, size: int, seen: Seen) -> Iterator[Block]:
    """Blocks of the texts, or lists of tokens, of one column of a csv, tsv, jsonl or json file, of so many rows as may be read.

    Raises
    ------
    DataError
        If the file cannot be read as a table, changes meanwhile, or has no such column of text.
    """
    row = 0
    with whole_file(path), opened(path, encoding, seen.handler) as (text, done):
        is_json = bare(path).suffix.lower() in (".json", ".jsonl")
        with _as_table(path, encoding):
            for values in _from_json(text, path, column) if is_json else _from_csv(text, path, column, encoding):
                taken = [None if is_missing(one) else one for one in values.to_list()[: seen.take(len(values))]]
                named = f"{path}, column '{values.name}'"
                yield from _blocks(pa.array(seen.values(taken)), named, row, size, done(), seen)
                row += len(values)
                if seen.enough:
                    break


@contextmanager
def _as_table(path: Path, encoding: str) -> Iterator[None]:
    """While a file is read by pandas; what is packed badly or not there is for `whole_file` to say."""
    try:
        with foreign(f"{path} as a table"):
            yield
    except DataError as error:
        if isinstance(error.__cause__, OSError | EOFError | zlib.error):
            raise error.__cause__ from None
        if isinstance(error.__cause__, UnicodeError):
            why = error.__cause__
            raise DataError(f"{path} is not {encoding} ({why}); give another encoding, {ADVICE}") from why
        raise


def _whole(values: Any, seen: Seen) -> Any:
    """A column of a file whose strings have been looked at."""
    try:
        values.validate(full=True)
        return values
    except pa.ArrowInvalid:
        if seen.errors == "stop" or not pa.types.is_string(values.type):
            raise
        found = [None if one is None else one.decode("utf-8", MARKED) for one in values.cast(pa.binary()).to_pylist()]
        return pa.array(seen.values(found), pa.string())


def _from_csv(text: TextIO, path: Path, column: str | None, encoding: str) -> Iterator[Any]:
    """The column of text of a csv or tsv file, in pandas series of some rows."""
    with opened(path, encoding, MARKED) as (again, _):
        line = again.readline()
        marks = [mark for mark in "\t;" if mark in line and "," not in line]
        mark = "\t" if bare(path).suffix.lower() == ".tsv" else marks[0] if marks else ","
        # tables with tabs are often published without quoting: where all lines have as many fields, a quotation mark is one
        unquoted = mark == "\t" and {one.count(mark) for one in again if one.strip()} == {line.count(mark)}
    told: dict[str, Any] = {"sep": mark, "skipinitialspace": True}
    told |= {"quoting": csv.QUOTE_NONE} if unquoted else {}
    with opened(path, encoding, MARKED) as (again, _):
        name = of_frame(pd.read_csv(again, nrows=ROWS, **told), column, str(path)).name
    told |= {"dtype": str, "keep_default_na": False, "na_values": [""]}  # a text may be "NA" or "1984"
    for chunk in pd.read_csv(text, usecols=[name], chunksize=ROWS, **told):
        values = chunk[name]
        yield values.str.replace(QUOTED, r"\1", regex=True).str.replace('""', '"') if unquoted else values


def _from_json(text: TextIO, path: Path, column: str | None) -> Iterator[Any]:
    """The column of text of objects, one a line or in a list, or of lists by column; in pandas series of some rows."""
    told = {"dtype": False}  # a text stays a text
    lines = path.name.lower().removesuffix(path.suffix.lower() if path.suffix.lower() in PACKED else "").endswith("l")
    frames = pd.read_json(text, lines=True, chunksize=ROWS, **told) if lines else [pd.read_json(text, **told)]
    for frame in frames:
        column = str(of_frame(frame, column, str(path)).name)
        yield frame[column]


def of_hub(
    given: Any, column: str | None, limit: int | None
) -> tuple[str, Callable[[int, Seen], Iterator[Block]], list[Any] | None]:
    """A Hugging Face data set (of a dictionary of splits: "train" or the first): its name, its blocks and its key."""
    if hasattr(given, "keys"):
        given = given["train" if "train" in given else next(iter(given))]
    print_ = getattr(given, "_fingerprint", None)
    is_table = hasattr(given, "with_format") and hasattr(given, "data")
    name = f"Hugging Face data set ({getattr(getattr(given, 'info', None), 'dataset_name', None) or 'in memory'})"

    def tables(size: int, seen: Seen) -> Iterator[Block]:
        row = 0
        batches = given.with_format("arrow").iter(ROWS) if is_table else given.iter(ROWS)
        for batch in batches:
            table = batch if isinstance(batch, pa.Table) else pa.table(dict(batch))
            chosen = _choose(table.schema, column, name)
            values = table.column(chosen).slice(0, seen.take(len(table))).combine_chunks()
            for part in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
                yield from _blocks(part, f"{name}, column '{chosen}'", row, size, 0, seen)
                row += len(part)
            if seen.enough:
                break

    if print_ is None or not is_table:
        return name, tables, None
    return name, tables, ["hub", str(print_), column, len(given) if limit is None else min(limit, len(given))]


def of_frame(frame: Any, column: str | None, name: str = "the data frame") -> Any:
    """The column of a pandas or polars frame that holds text or lists of tokens; values may be missing."""
    if column is None:
        texts = [one for one in frame.columns if _holds_text(present(frame[one]))]
        return frame[_only(texts, list(frame.columns), name)]
    if column not in list(frame.columns):
        raise DataError(f"{name}: {unknown('column', column, [str(one) for one in frame.columns])}")
    values = present(frame[column])
    if len(values) and not _holds_text(values):
        kind = type(next(iter(values))).__name__
        raise DataError(f"{name}: column '{column}' holds values of type {kind}, neither text nor lists of tokens")
    return frame[column]


def present(values: Any) -> Any:
    """A column of pandas or polars without what is missing."""
    return values.drop_nulls() if hasattr(values, "drop_nulls") else values.dropna()


def _holds_text(values: Any) -> bool:
    """Whether the first value is a text, or a list of tokens."""
    first = next(iter(values), None)
    if isinstance(first, str) or not isinstance(first, Iterable) or isinstance(first, bytes | dict):
        return isinstance(first, str)
    return all(isinstance(one, str) for one in first)


def _choose(schema: Any, column: str | None, name: str) -> str:
    """The column to read: the one that is named, or the only one of text, or of lists of it."""

    def is_text(kind: Any) -> bool:
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            kind = kind.value_type
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

    if column is None:
        return str(_only([field.name for field in schema if is_text(field.type)], list(schema.names), name))
    if column not in schema.names:
        raise DataError(f"{name}: {unknown('column', column, schema.names)}")
    if not is_text(schema.field(column).type):
        raise DataError(
            f"{name}: column '{column}' holds {schema.field(column).type}, neither text nor lists of tokens"
        )
    return column


def _only(found: list[Any], every: list[Any], name: str) -> Any:
    if len(found) == 1:
        return found[0]
    among = found or every
    told = ", ".join(str(one) for one in among)
    raise DataError(f"{name} has {len(found) or 'no'} columns of text ({told}); " + (
        "choose one by column=" if found else "give one that has"))  # fmt: skip


def _blocks(values: Any, name: str, row: int, size: int, done: int, seen: Seen) -> Iterator[Block]:
    """Join the rows (strings, or lists of strings) of an Arrow array by borders, in pieces of about `size` bytes."""
    seen.missing += values.null_count
    values = values.drop_null()
    is_list = pa.types.is_list(values.type) or pa.types.is_large_list(values.type)
    if is_list:
        values = pa.compute.binary_join(values.cast(pa.list_(pa.large_string())), pa.scalar("\x00", pa.large_string()))
    values, border = values.cast(pa.large_string()), pa.scalar("\x01" if is_list else "\n", pa.large_string())
    ends = np.cumsum(pa.compute.binary_length(values).to_numpy() + 1) if len(values) else np.zeros(0, np.int64)
    start = 0
    while start < len(values):
        before = int(ends[start - 1]) if start else 0
        stop = max(int(np.searchsorted(ends, before + size, side="right")), start + 1)
        part = values.slice(start, stop - start)
        rows = pa.ListArray.from_arrays(pa.array([0, len(part)], pa.int32()), part)
        content = pa.compute.binary_join(rows, border)[0].as_buffer().to_pybytes()
        if is_list:
            _check(content, part, name)
        yield of_bytes(content, _place(name, row + start, ends[start:stop] - before), joined=is_list, done=done)
        start = stop


def _check(content: bytes, part: Any, name: str) -> None:
    if content.count(b"\x01") != len(part) - 1:
        raise DataError(f"{name}: a token holds the character U+0001, which is no text; leave it out")


def _place(name: str, row: int, ends: np.ndarray) -> Callable[[int], str]:
    return lambda byte: f"{name}, row {row + int(np.searchsorted(ends, byte, side='right')):,}"
