"""Text columns of tables as blocks: of files batch by batch, Hugging Face data sets, data frames. Arrow joins the rows."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from selfsup.data.text.blocks import Block, Left, of_bytes, opened, stamp, whole_file
from selfsup.data.text.kind import PACKED, bare
from selfsup.errors import DataError, unknown
from selfsup.lazy import pandas as pd, pyarrow as pa
from selfsup.system.reading import foreign

ROWS = 2048  # of a batch; a batch is cut further where its texts are long


def of_parquet(path: Path, column: str | None, size: int, left: Left) -> Iterator[Block]:
    """Blocks of the texts, or lists of tokens, of one column, of so many rows as are left.

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
            values = batch.column(0)
            values.validate(full=True)
            yield from _blocks(values.slice(0, left.take(len(batch))), f"{path}, column '{name}'", row, size, done)
            row += len(batch)
            if left.none:
                break
    if stamp(path) != before:
        raise DataError(f"{path} has changed while it was read; wait until it is written, then start again")


def of_table(path: Path, column: str | None, encoding: str, size: int, left: Left) -> Iterator[Block]:
    """Blocks of the texts, or lists of tokens, of one column of a csv, tsv, jsonl or json file, of so many rows as are left.

    Raises
    ------
    DataError
        If the file cannot be read as a table, changes meanwhile, or has no such column of text.
    """
    row = 0
    with whole_file(path), opened(path, encoding) as (text, done):
        is_json = bare(path).suffix.lower() in (".json", ".jsonl")
        with _as_table(path):
            for values in _from_json(text, path, column) if is_json else _from_csv(text, path, column, encoding):
                taken = pa.array(values.to_list()[: left.take(len(values))], from_pandas=True)
                yield from _blocks(taken, f"{path}, column '{values.name}'", row, size, done())
                row += len(values)
                if left.none:
                    break


@contextmanager
def _as_table(path: Path) -> Iterator[None]:
    """While a file is read by pandas; what is packed badly or not there is for `whole_file` to say."""
    try:
        with foreign(f"{path} as a table"):
            yield
    except DataError as error:
        if isinstance(error.__cause__, OSError | EOFError | zlib.error):
            raise error.__cause__ from None
        raise


def _from_csv(text: TextIO, path: Path, column: str | None, encoding: str) -> Iterator[Any]:
    """The column of text of a csv file, in pandas series of some rows."""
    with opened(path, encoding) as (again, _):
        line = again.readline()
    with opened(path, encoding) as (again, _):
        marks = [mark for mark in "\t;" if mark in line and "," not in line]
        told = {"sep": marks[0] if marks else ",", "skipinitialspace": True}
        name = of_frame(pd.read_csv(again, nrows=ROWS, **told), column, str(path)).name
    told |= {"dtype": str, "keep_default_na": False, "na_values": [""]}  # a text may be "NA" or "1984"
    for chunk in pd.read_csv(text, usecols=[name], chunksize=ROWS, **told):
        yield chunk[name]


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
) -> tuple[str, Callable[[int], Iterator[Block]], list[Any] | None]:
    """A Hugging Face data set (of a dictionary of splits: "train" or the first): its name, its blocks and its key."""
    if hasattr(given, "keys"):
        given = given["train" if "train" in given else next(iter(given))]
    print_ = getattr(given, "_fingerprint", None)
    is_table = hasattr(given, "with_format") and hasattr(given, "data")
    name = f"Hugging Face data set ({getattr(getattr(given, 'info', None), 'dataset_name', None) or 'in memory'})"

    def tables(size: int) -> Iterator[Block]:
        row, left = 0, Left(limit)
        batches = given.with_format("arrow").iter(ROWS) if is_table else given.iter(ROWS)
        for batch in batches:
            table = batch if isinstance(batch, pa.Table) else pa.table(dict(batch))
            chosen = _choose(table.schema, column, name)
            values = table.column(chosen).slice(0, left.take(len(table))).combine_chunks()
            for part in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
                yield from _blocks(part, f"{name}, column '{chosen}'", row, size, 0)
                row += len(part)
            if left.none:
                break

    if print_ is None or not is_table:
        return name, tables, None
    return name, tables, ["hub", str(print_), column, len(given) if limit is None else min(limit, len(given))]


def of_frame(frame: Any, column: str | None, name: str = "the data frame") -> Any:
    """The column of a pandas or polars frame that holds text or lists of tokens, without the rows where it is missing."""
    if column is None:
        every = {one: present(frame[one]) for one in frame.columns}
        return every[_only([one for one, values in every.items() if _holds_text(values)], list(every), name)]
    if column not in list(frame.columns):
        raise DataError(f"{name}: {unknown('column', column, [str(one) for one in frame.columns])}")
    values = present(frame[column])
    if len(values) and not _holds_text(values):
        kind = type(next(iter(values))).__name__
        raise DataError(f"{name}: column '{column}' holds values of type {kind}, neither text nor lists of tokens")
    return values


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
        return _only([field.name for field in schema if is_text(field.type)], list(schema.names), name)
    if column not in schema.names:
        raise DataError(f"{name}: {unknown('column', column, schema.names)}")
    if not is_text(schema.field(column).type):
        raise DataError(
            f"{name}: column '{column}' holds {schema.field(column).type}, neither text nor lists of tokens"
        )
    return column


def _only(found: list[Any], every: list[Any], name: str) -> str:
    if len(found) == 1:
        return str(found[0])
    among = found or every
    told = ", ".join(str(one) for one in among)
    raise DataError(f"{name} has {len(found) or 'no'} columns of text ({told}); " + (
        "choose one by column=" if found else "give one that has"))  # fmt: skip


def _blocks(values: Any, name: str, row: int, size: int, done: int) -> Iterator[Block]:
    """Join the rows (strings, or lists of strings) of an Arrow array by borders, in pieces of about `size` bytes."""
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
