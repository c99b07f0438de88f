"""Whether a source is text, by its looks: nothing is read of a file, and nothing heavy is imported."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from selfsup.data.text.seen import is_missing

PACKED = (".gz", ".zst")
TEXTS = (".txt", ".text")
TABLES = (".parquet", ".csv", ".tsv", ".jsonl", ".json")
FILES = (
    *TABLES,
    ".arrow",
    ".npy",
    ".npz",
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".gif",
    ".bmp",
    ".tif",
    ".tiff",
)  # which may hold samples
LOOKED_AT = 100  # files of a folder, or of a glob; items of a list
LONGEST, NAME = 1000, 255  # characters of a path, and of one name in it


def reads(source: Any) -> bool:
    """Whether a source looks like text.

    That is a path of a text file (``.txt``, also packed), a folder or a glob of which most files are such, ``"docstrings"``, a
    list (or anything else that can be gone through twice) of strings or of lists of strings, or text that was opened already.
    Tables with a column of text do not: a method says by its `kinds` that it learns from text.
    """
    if isinstance(source, str | os.PathLike):
        return _path_reads(os.fspath(source))
    if getattr(getattr(source, "form", None), "kind", None) == "text":
        return True
    if isinstance(source, Mapping) or hasattr(source, "columns") or not isinstance(source, Iterable):
        return False
    if isinstance(source, Iterator) or getattr(source, "shape", None) == ():  # which could not be read again, or at all
        return False
    first: Any = next((one for one in islice(source, LOOKED_AT) if not is_missing(one)), None)
    if isinstance(first, os.PathLike):
        return _path_reads(os.fspath(first))
    if isinstance(first, str):
        return not (isinstance(source, list | tuple) and _are_samples(source))
    in_list = isinstance(first, list | tuple) and not isinstance(source, tuple)  # a tuple may be a pair (rows, labels)
    return in_list and bool(first) and all(isinstance(word, str) for word in first)


def is_text_name(name: str) -> bool:
    """Whether a file has the name of plain text, packed or not."""
    return bare(Path(name)).suffix.lower() in TEXTS


def bare(path: Path) -> Path:
    """The path without the ending that says how it is packed."""
    return path.with_suffix("") if path.suffix.lower() in PACKED else path


def may_read(source: Any) -> bool:
    """Whether a source that does not look like text may have a column of it: a table, in a file or in memory."""
    if isinstance(source, str | os.PathLike):
        return bare(Path(source)).suffix.lower() in TABLES
    return hasattr(source, "columns") or type(source).__module__.split(".")[0] == "datasets"


def is_no_path(words: str) -> bool:
    """Whether a string is a text itself, which is no name of a file."""
    return "\n" in words or len(words) > LONGEST or max(map(len, Path(words).parts), default=0) > NAME


def _are_samples(words: Sequence[Any]) -> bool:
    """Whether strings are paths of files that hold no text by their names, and there are such files: tables, images."""
    some = [word for word in words[:LOOKED_AT] if isinstance(word, str)]
    named = all(
        "\n" not in word and Path(word).suffix.lower() in (*FILES, *PACKED) and not is_text_name(word) for word in some
    )
    return (
        named and len(some) == len(words[:LOOKED_AT]) and any(os.path.exists(os.path.expanduser(word)) for word in some)
    )


def _path_reads(words: str) -> bool:
    if words == "docstrings" or is_no_path(words) or is_text_name(words):
        return True
    path = Path(words).expanduser()
    try:
        if path.is_dir():
            return _mostly_text(name for _, _, names in os.walk(path) for name in sorted(names))
    except (OSError, ValueError):
        return False
    return glob.has_magic(words) and _mostly_text(glob.iglob(str(path), recursive=True))


def _mostly_text(names: Iterable[str]) -> bool:
    """Whether more than half of the first files have the name of text."""
    looked = [
        is_text_name(name) for name in islice((one for one in names if not Path(one).name.startswith(".")), LOOKED_AT)
    ]
    return 2 * sum(looked) > len(looked)
