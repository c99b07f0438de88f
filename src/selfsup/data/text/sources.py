"""What can be read as a corpus: files, folders, columns of tables, iterables and the documentation of Python packages."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from selfsup.data.text import blocks, columns, docstrings, tokens
from selfsup.data.text.blocks import Block
from selfsup.data.text.kind import TABLES, bare, is_no_path, is_text_name
from selfsup.data.text.seen import ADVICE, Errors, Seen, is_missing
from selfsup.errors import DataError
from selfsup.system.files import missing

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
    limit, errors
        See `Seen`.
    once
        Whether it can be read but a single time.
    """

    name: str
    blocks: Callable[[int, Seen], Iterator[Block]]
    key: list[Any] | None = None
    size: int = 0
    limit: int | None = None
    errors: Errors = "stop"
    once: bool = False

    def read(self, size: int) -> tuple[Seen, Iterator[Block]]:
        """What is met, and the blocks by which it is."""
        seen = Seen(self.limit, self.errors)
        return seen, self.blocks(size, seen)


def find(source: Any, column: str | None, encoding: str, limit: int | None = None, errors: Errors = "stop") -> Source:
    """Find out what a source is; see `open_text` for the options.

    Raises
    ------
    DataError
        If it is nothing that can be read as text, or is not there.
    """
    found = _found(source, column, encoding, limit)
    more: list[Any] = [] if limit is None else [limit]
    more += [] if errors == "stop" else [errors]
    return replace(found, key=None if found.key is None else [*found.key, *more], limit=limit, errors=errors)


def _found(source: Any, column: str | None, encoding: str, limit: int | None) -> Source:
    if isinstance(source, str | os.PathLike):
        if source == "docstrings":
            return _docstrings()
        return _of_files(_paths(os.fspath(source)), str(source), column, encoding)
    if _are_paths(source):
        paths = list(chain.from_iterable(_paths(os.fspath(one)) for one in source))
        name = f"{source[0]} and {len(source) - 1} more" if len(source) > 1 else str(source[0])
        return _of_files(paths, name, column, encoding)
    if type(source).__module__.split(".")[0] == "datasets":
        return Source(*columns.of_hub(source, column, limit))
    name = f"iterable ({type(source).__name__})"
    if hasattr(source, "to_numpy") and hasattr(source, "columns"):
        source = columns.of_frame(source if limit is None else source.head(limit), column)
        name = f"column '{source.name}'"
    elif column is not None:
        raise DataError(f"column='{column}' is for tables: files, data frames and Hugging Face data sets")
    if callable(source) and not isinstance(source, type):
        source = source()
    if isinstance(source, bytes | dict) or not isinstance(source, Iterable):
        raise DataError(f"cannot read a {type(source).__name__} as text; give {KINDS}")
    given: Iterable[Any] = source
    return Source(name, lambda size, seen: _of_iterable(given, size, seen), once=isinstance(given, Iterator))


def _docstrings() -> Source:
    paths = docstrings.files(docstrings.roots())
    stamps = [blocks.stamp(path) for path in paths]
    key = [[str(path), *stamp] for path, stamp in zip(paths, stamps, strict=True)]

    def read(size: int, seen: Seen) -> Iterator[Block]:
        for block in docstrings.blocks(paths, size):
            yield blocks.lines(block, seen)
            if seen.enough:
                break

    return Source("docstrings", read, ["docstrings", key], sum(size for size, _ in stamps))


def _of_files(paths: list[Path], name: str, column: str | None, encoding: str) -> Source:
    """Files one after the other, each a document of its own."""
    if column is not None and not any(map(_is_table, paths)):
        raise DataError(f"column='{column}' is for tables; {name} is text")
    for path in paths:
        _check_plain(path)
    stamps = [blocks.stamp(path) for path in paths]
    key = [[str(path.resolve()), *stamp] for path, stamp in zip(paths, stamps, strict=True)]

    def read(size: int, seen: Seen) -> Iterator[Block]:
        before = 0
        for path, (length, _) in zip(paths, stamps, strict=True):
            end: Block | None = None
            for block in _of_file(path, column, encoding, size, seen):
                if end is not None:
                    yield end._replace(ends=_is_table(path) and end.ends)
                end = block._replace(done=before + block.done)
            if end is not None:  # a line that ends with its file has ended already
                yield end._replace(ends=end.ends or end.data[-1:].tobytes() != b"\n")
            before += length
            if seen.enough:
                break

    return Source(name, read, ["files", key, column, encoding], sum(length for length, _ in stamps))


def _check_plain(path: Path) -> None:
    """Refuse what has the name of something else."""
    endings = {path.suffix.lower(), bare(path).suffix.lower()}
    if endings & {".tar", ".tgz", ".zip"}:
        raise DataError(f"{path} is an archive of files: unpack it, and give its folder or its files")
    if endings & BINARY:
        raise DataError(f"{path} is no plain text; give {KINDS}")


def _of_file(path: Path, column: str | None, encoding: str, size: int, seen: Seen) -> Iterator[Block]:
    if not _is_table(path):
        return blocks.of_file(path, encoding, size, seen)
    if path.suffix.lower() == ".parquet":
        return columns.of_parquet(path, column, size, seen)
    return columns.of_table(path, column, encoding, size, seen)


def _is_table(path: Path) -> bool:
    return bare(path).suffix.lower() in TABLES


def _paths(words: str) -> list[Path]:
    """The files that a path, a folder or a glob means."""
    path = Path(words).expanduser()
    if not words.strip():
        raise DataError(f"the path is empty; give {KINDS}")
    if is_no_path(words):
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
    if not all(isinstance(one, str) and not is_no_path(one) for one in source):
        return False
    first = Path(source[0]).expanduser()
    return (" " not in source[0] and (is_text_name(source[0]) or _is_table(first))) or first.is_file()


def _of_iterable(given: Iterable[Any], size: int, seen: Seen) -> Iterator[Block]:
    """Blocks of texts (strings, each a document), or of sentences (lists of tokens); what is missing is left out."""
    held: list[Any] = []
    length, start, kind = 0, 0, None
    for number, one in enumerate(islice(given, seen.limit)):
        if is_missing(one):
            seen.missing += 1
            continue
        is_text = isinstance(one, str)
        if not is_text and (isinstance(one, bytes | dict) or not isinstance(one, Iterable)):
            raise DataError(f"item {number} of the iterable is a {type(one).__name__}; give texts, or lists of tokens")
        if kind is None:
            kind = is_text
        if is_text != kind:
            has, others = ("a text", "lists of tokens") if is_text else ("a list of tokens", "texts")
            raise DataError(f"item {number} of the iterable is {has}, and those before it are {others}; give one kind")
        held.append(one if is_text else one if isinstance(one, list | tuple) else list(one))
        length += len(one) + 1 if is_text else 6 * len(held[-1])
        if length >= size:
            yield _joined(held, bool(kind), start, seen)
            held, length, start = [], 0, number + 1
    if held:
        yield _joined(held, bool(kind), start, seen)


def _joined(held: list[Any], is_text: bool, start: int, seen: Seen) -> Block:
    place = f"items {start:,} to {start + len(held) - 1:,} of the iterable"
    try:
        content = "\n".join(held).encode() if is_text else tokens.join(held)
    except UnicodeEncodeError as error:
        if seen.errors == "stop":
            raise DataError(f"{place}: {error}; decode the texts anew, {ADVICE}") from error
        content = "\n".join(map(seen.halves, held)).encode()
    except DataError as error:
        raise DataError(f"{place}: {error}") from error
    return blocks.of_bytes(content, lambda byte: place, joined=not is_text)
