"""Several files of questions: one or many, and what tells two of the same name apart."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from selfsup.errors import OptionError
from selfsup.measures.table import Row

Files = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def listed(files: Files | None) -> list[str]:
    """Paths of one file or of several, each once.

    Raises
    ------
    OptionError
        If it is neither.
    """
    several = [files] if isinstance(files, str | os.PathLike) else [] if files is None else files
    if not isinstance(several, list | tuple) or not all(isinstance(file, str | os.PathLike) for file in several):
        raise OptionError(f"files of questions are a path, or a list of paths; got {str(files)[:60]}")
    return list(dict.fromkeys(os.fspath(file) for file in several))


def named_apart(tables: Sequence[tuple[str, list[Row]]]) -> list[Row]:
    """Rows of several files (path, rows) as one list; files of one name get that of their folder in front."""
    count = Counter(PurePath(path).name for path, _ in tables)
    rows = []
    for path, own in tables:
        name = PurePath(path).name
        told = name if count[name] == 1 else "/".join(PurePath(path).parts[-2:])
        rows += [row | {"file": told} for row in own]
    return rows
