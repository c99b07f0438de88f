"""What can be read as a corpus: files, folders, columns of tables, iterables and the documentation of Python packages."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from selfsup.data.text import blocks, columns, docstrings, tokens
from selfsup.data.text.blocks import Block, Left
from selfsup.data.text.kind import bare, is_text_name
from selfsup.errors import DataError
from selfsup.system.files import missing

LONGEST = 1000  # characters of a path
TABLES = (".csv", ".tsv", ".jsonl", ".json")
BINARY = {".npy", ".npz", ".bin", ".pt", ".safetensors", ".zip", ".tar", ".pdf", ".docx", ".xz", ".bz2", ".arrow"}
KINDS = (
    "a text file (plain, .gz or .zst), a folder or glob of them, a table (parquet, csv, tsv, jsonl, json), an iterable of texts "
    "or of lists of tokens, a Hugging Face data set, a data frame, or 'docstrings'"
)


@dataclass(frozen=True)
class Source:
    """Something to read.

    Attributes
    ----------
    name
        In words for people.
    blocks
        Reads it from its beginning, in blocks of about so many bytes.
    key
        What tells it from another without reading it (JSON), or None if only its content does.
    size
        Bytes to read, as far as they are known (0: not at all).
    """

    name: str
    blocks: Callable[[int], Iterator[Block]]
    key: list[Any] | None = None
    size: int = 0


def find(source: Any, column: str | None, encoding: str, limit: int | None = None) -> Source:
    """Find out what a source is; see `open_text` for the options.

    Raises
    ------
    DataError
        If it is nothing that can be read as text, or is not there.
    """
    if isinstance(source, str | os.PathLike):
        if source == "docstrings":
            return _docstrings(limit)
        return _of_files(_paths(os.fspath(source)), str(source), column, encoding, limit)
    if _are_paths(source):
        paths = list(chain.from_iterable(_paths(os.fspath(one)) for one in source))
        name = f"{source[0]} and {len(source) - 1} more" if len(source) > 1 else str(source[0])
        return _of_files(paths, name, column, encoding, limit)
    if type(source).__module__.split(".")[0] == "datasets":
        return Source(*columns.of_hub(source, column, limit))
    if hasattr(source, "to_numpy") and hasattr(source, "columns"):
        source = columns.of_frame(source if limit is None else source.head(limit), column)
        limit = None
    elif hasattr(source, "to_numpy") and (hasattr(source, "dropna") or hasattr(source, "drop_nulls")):  # a lone column
        source, limit = columns.present(source if limit is None else source.head(limit)), None
    elif column is not None:
        raise DataError(f"column='{column}' is for tables: files, data frames and Hugging Face data sets")
    if callable(source) and not isinstance(source, type):
        source = source()
    if isinstance(source, bytes | dict) or not isinstance(source, Iterable):
        raise DataError(f"cannot read a {type(source).__name__} as text; give {KINDS}")
    given: Iterable[Any] = source
    return Source(f"iterable ({type(source).__name__})", lambda size: _of_iterable(islice(given, limit), size))


def _docstrings(limit: int | None) -> Source:
    paths = docstrings.files(docstrings.roots())
    stamps = [blocks.stamp(path) for path in paths]
    key = [[str(path), *stamp] for path, stamp in zip(paths, stamps, strict=True)]

    def read(size: int) -> Iterator[Block]:
        left = Left(limit)
        for block in docstrings.blocks(paths, size):
            yield left.lines(block)
            if left.none:
                break

    more = [] if limit is None else [limit]
    return Source("docstrings", read, ["docstrings", key, *more], sum(size for size, _ in stamps))


def _of_files(paths: list[Path], name: str, column: str | None, encoding: str, limit: int | None) -> Source:
    """Files one after the other, each a document of its own."""
    if column is not None and not any(map(_is_table, paths)):
        raise DataError(f"column='{column}' is for tables; {name} is text")
    for path in paths:
        if {path.suffix.lower(), bare(path).suffix.lower()} & BINARY:
            raise DataError(f"{path} is no plain text; give {KINDS}")
    stamps = [blocks.stamp(path) for path in paths]
    key = [[str(path.resolve()), *stamp] for path, stamp in zip(paths, stamps, strict=True)]

    def read(size: int) -> Iterator[Block]:
        before, left = 0, Left(limit)
        for path, (length, _) in zip(paths, stamps, strict=True):
            end: Block | None = None
            for block in _of_file(path, column, encoding, size, left):
                if end is not None:
                    yield end._replace(ends=_is_table(path) and end.ends)
                end = block._replace(done=before + block.done)
            if end is not None:
                yield end._replace(ends=True)
            before += length
            if left.none:
                break

    more = [] if limit is None else [limit]
    return Source(name, read, ["files", key, column, encoding, *more], sum(length for length, _ in stamps))


def _of_file(path: Path, column: str | None, encoding: str, size: int, left: Left) -> Iterator[Block]:
    if not _is_table(path):
        return blocks.of_file(path, encoding, size, left)
    if path.suffix.lower() == ".parquet":
        return columns.of_parquet(path, column, size, left)
    return columns.of_table(path, column, encoding, size, left)


def _is_table(path: Path) -> bool:
    return path.suffix.lower() == ".parquet" or bare(path).suffix.lower() in TABLES


def _paths(words: str) -> list[Path]:
    """The files that a path, a folder or a glob means."""
    path = Path(words).expanduser()
    if not words.strip():
        raise DataError(f"the path is empty; give {KINDS}")
    if "\n" in words or len(words) > LONGEST:
        raise DataError(f"a string is a path, and this one of {len(words):,} characters is none; put a text in a list")
    try:
        is_folder, is_file, is_there = path.is_dir(), path.is_file(), path.exists()
    except OSError as error:
        raise DataError(f"cannot read '{words}': {error.strerror or error}") from error
    if is_folder:
        return _in_folder(path)
    if is_file:
        return [path]
    if is_there:
        raise DataError(
            f"{words} is a pipe or a device, not a file: it cannot be read a second time; write it to a file first"
        )
    if glob.has_magic(words):
        found = sorted(Path(one) for one in glob.glob(str(path), recursive=True))
        found = [one for one in found if one.is_file()]
        if not found:
            raise DataError(
                f"no file matches '{words}' (from the folder {Path.cwd()}); put quotation marks around a pattern"
            )
        return found
    raise DataError(missing(path, KINDS, ["docstrings"]))


def _in_folder(folder: Path) -> list[Path]:
    every = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    found = [path for path in every if is_text_name(path.name)] or [path for path in every if _is_table(path)]
    if not found:
        held = f"{len(every)} other files, e.g. {every[0].name}" if every else "no files"
        raise DataError(f"the folder {folder} has neither .txt files (also .gz, .zst) nor tables ({held}); "
                        f"name files by a pattern, e.g. '{folder}/*{every[0].suffix if every else '.txt'}'")  # fmt: skip
    return found


def _are_paths(source: Any) -> bool:
    """Whether a list holds paths: path objects, or short strings of which the first is a file or has the name of one."""
    if not isinstance(source, list | tuple) or not source:
        return False
    if all(isinstance(one, os.PathLike) for one in source):
        return True
    if not all(isinstance(one, str) and len(one) < LONGEST and "\n" not in one for one in source):
        return False
    first = Path(source[0]).expanduser()
    return (" " not in source[0] and (is_text_name(source[0]) or _is_table(first))) or first.is_file()


def _of_iterable(given: Iterable[Any], size: int) -> Iterator[Block]:
    """Blocks of texts (strings, each a document), or of sentences (lists of tokens)."""
    held: list[Any] = []
    length, start, kind = 0, 0, None
    for number, one in enumerate(given):
        is_text = isinstance(one, str)
        if kind is None:
            kind = is_text
        if is_text != kind:
            raise DataError(
                f"item {number} of the iterable is {'a text' if is_text else 'no text'}, others are not; do not mix"
            )
        if not is_text and (isinstance(one, bytes | dict) or not isinstance(one, Iterable)):
            raise DataError(f"item {number} of the iterable is a {type(one).__name__}; give texts, or lists of tokens")
        held.append(one if is_text else one if isinstance(one, list | tuple) else list(one))
        length += len(one) + 1 if is_text else 6 * len(held[-1])
        if length >= size:
            yield _joined(held, bool(kind), start)
            held, length, start = [], 0, number + 1
    if held:
        yield _joined(held, bool(kind), start)


def _joined(held: list[Any], is_text: bool, start: int) -> Block:
    try:
        content = "\n".join(held).encode() if is_text else tokens.join(held)
    except (UnicodeEncodeError, DataError) as error:
        raise DataError(f"items {start:,} to {start + len(held) - 1:,} of the iterable: {error}") from error
    place = f"items {start:,} to {start + len(held) - 1:,} of the iterable"
    return blocks.of_bytes(content, lambda byte: place, joined=not is_text)
