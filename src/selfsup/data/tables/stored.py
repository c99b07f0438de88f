"""Files of columns: parquet, Arrow, JSON; one, several, or a folder with splits. Hugging Face's own cache is left alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from selfsup.data.dataset import Dataset
from selfsup.data.request import Request
from selfsup.data.tables.columnar import Part, Table, checked, class_names, from_parts
from selfsup.data.tables.delimited import opened
from selfsup.data.tables.tables import some
from selfsup.errors import DataError
from selfsup.lazy import pyarrow as pa
from selfsup.system import memory
from selfsup.system.reading import check_unpacked, foreign

LEAST = 1 << 20  # rows that any file may have: where a value is repeated, they take next to no room
LEAST_BYTES = 4  # of a value in memory
TEST = ("test", "val", "valid", "validation", "dev")


def from_parquet(path: Path, request: Request) -> Dataset:
    """Make a `Dataset` of a parquet file."""
    return from_parts(_part([path], path.name, path.parent), None, request)


def from_parquet_files(paths: Sequence[Path], source: str, request: Request) -> Dataset:
    """Make a `Dataset` of parquet files with the same columns, one below the other."""
    return from_parts(_part(paths, source, paths[0].parent), None, request)


def parquet_files(folder: Path) -> list[Path]:
    """Parquet files in a folder, or in its sub-folder ``data`` (as the Hugging Face hub lays them out)."""
    for place in (folder, folder / "data"):
        if place.is_dir():
            found = sorted(path for path in place.glob("*.parquet") if not path.name.startswith("."))
            if found:
                return found
    return []


def from_parquet_folder(folder: Path, files: Sequence[Path], request: Request) -> Dataset:
    """Make a `Dataset` of a folder of parquet files.

    Files whose names begin with ``train`` are learnt from, and the first of ``test``, ``val``, ``valid``,
    ``validation``, ``dev`` there is becomes the test part. Without either, all files are learnt from.
    """
    train, tests = split_of(files)
    tested = _part(tests, str(folder), folder) if tests else None
    return from_parts(_part(train, str(folder), folder), tested, request)


def split_of(files: Sequence[Path]) -> tuple[Sequence[Path], Sequence[Path]]:
    """Files of the training part and of the test part, by what their names begin with; without ``train`` all are learnt from."""
    split: dict[str, list[Path]] = {}
    for path in files:
        split.setdefault(re.split(r"[-_.\d]", path.name.lower(), maxsplit=1)[0], []).append(path)
    if "train" not in split:
        return files, []
    return split["train"], next((split[word] for word in TEST if word in split), [])


class Parquet:
    """Parquet files as one table (`columnar.Columns`); a column is read when it is asked for."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files: list[tuple[Path, Any]] = []
        self.rows, self.schema = 0, None
        for path in files:
            with foreign(f"{path} as parquet"):
                file = pa.parquet.ParquetFile(path, memory_map=True)
                self._files.append((path, file))
                check_unpacked(f"{path}, in rows,", file.metadata.num_rows, path.stat().st_size, LEAST)
                self.rows += file.metadata.num_rows
                self.schema = checked(file.schema_arrow) if len(self._files) == 1 else self.schema
                if not file.schema_arrow.equals(self.schema):
                    raise DataError(f"{path} and {files[0]} have different columns")

    def read(self, column: str, child: str | None = None) -> Any:
        """A column, or one field of a struct column, of all the files."""
        memory.check(
            LEAST_BYTES * self.rows, f"{self.rows:,} values of column '{column}'", "use a stream, or fewer rows"
        )
        chunks = []
        for path, file in self._files:
            with foreign(f"{path} as parquet"):
                table = file.read(columns=[column if child is None else f"{column}.{child}"])
                if len(table) != file.metadata.num_rows:
                    raise DataError(
                        f"{path} is damaged: it has {file.metadata.num_rows:,} rows, column '{column}' {len(table):,}"
                    )
                chunks += Table(table, str(path)).read(table.column_names[0], child).chunks
        return pa.chunked_array(chunks)


def _part(files: Sequence[Path], source: str, folder: Path) -> Part:
    """Take parquet files as one split; raises `DataError` where one is damaged or they do not fit together."""
    table = Parquet(files)
    identity: list[str | int] = []
    for path in files:
        state = path.stat()
        identity += [str(path.resolve()), state.st_size, state.st_mtime_ns]
    return Part(table, source, identity, _names(folder) or class_names(table.schema), (folder,))


def _names(folder: Path) -> dict[str, Sequence[str]]:
    """Class names in ``classes.txt``, one a line."""
    try:
        lines = (folder / "classes.txt").read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    words = [line.strip() for line in lines if line.strip()]
    return {"": words} if words else {}


def from_arrow(path: Path, request: Request) -> Dataset:
    """Make a `Dataset` of an ``.arrow`` file (the stream form that Hugging Face writes, or the file form)."""
    return from_arrow_files([path], path.name, request)


def from_arrow_files(paths: Sequence[Path], source: str, request: Request) -> Dataset:
    """Make a `Dataset` of such files, one below the other; their columns are matched by name."""
    return from_parts(_joined(paths, source, _arrow), None, request)


def from_json(path: Path, request: Request) -> Dataset:
    """Make a `Dataset` of a file of JSON, plain or ``.gz``: an object a line, a list of objects, or lists by column."""
    return from_json_files([path], path.name, request)


def from_json_files(paths: Sequence[Path], source: str, request: Request) -> Dataset:
    """Make a `Dataset` of such files, one below the other; their columns are matched by name."""
    return from_parts(_joined(paths, source, _json), None, request)


def _arrow(path: Path) -> Any:
    with foreign(f"{path} as Arrow"), pa.memory_map(str(path)) as file:
        try:
            return pa.ipc.open_stream(file).read_all()
        except pa.ArrowInvalid:
            return pa.ipc.open_file(file).read_all()


def _json(path: Path) -> Any:
    bare = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    with foreign(f"{path} as a table"), opened(path) as file:
        if bare.suffix.lower() == ".jsonl":
            _check_lines(path)
            return pa.json.read_json(file)
        held = json.loads(file.read().decode("utf-8-sig"))
        return pa.Table.from_pydict(held) if isinstance(held, dict) else pa.Table.from_pylist(held)


def _check_lines(path: Path) -> None:
    """Refuse a line that is no object: at the beginning of a block ``null`` makes Arrow's reader crash."""
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            for part in (line,) if b"\r" not in line else line.splitlines():  # Arrow ends a block at either
                if part.lstrip()[:1] not in (b"{", b""):
                    raise DataError(f"{path}, line {number}: an object expected, {{...}}; got {part.strip()[:40]!r}")


def _joined(paths: Sequence[Path], source: str, read: Callable[[Path], Any]) -> Part:
    """Files with columns of the same names as one table.

    Raises
    ------
    DataError
        If one has other columns than the first, or of another type.
    """
    tables: list[Any] = []
    identity: list[str | int] = []
    for path in paths:
        state = path.stat()
        identity += [str(path.resolve()), state.st_size, state.st_mtime_ns]
        table = read(path)
        checked(table.schema)
        first = tables[0] if tables else table
        if odd := sorted({*table.column_names} ^ {*first.column_names}):
            raise DataError(f"{paths[0]} and {path} have different columns: {some(odd)} in one of them only")
        tables.append(table.select(first.column_names))
    with foreign(f"{source} as one table"):
        whole = tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="permissive")
    names = class_names(tables[0].schema)
    return Part(Table(whole, str(paths[0]) if len(paths) == 1 else source), source, identity, names, (paths[0].parent,))
