"""What several verbs need: a run that is loaded, a file that is free, what was skipped."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfsup.cli.parser import UsageError, say

if TYPE_CHECKING:
    from selfsup.model.model import Model


def load_run(run: str, method: str | None, device: str, given: tuple[str, ...] | None = None) -> Model:
    """Load a run folder; a method or a function that is not ours comes from the current folder or from what is installed."""
    from selfsup.model.load import load

    return load(run, method=importable(method), given=functions(given), device=device)


def functions(given: tuple[str, ...] | None) -> dict[str, Any]:
    """The functions that NAME=FILE.py:FUNCTION names."""
    from selfsup.system.imports import find

    found = {}
    for pair in given or ():
        name, equals, path = pair.partition("=")
        if not equals:
            raise UsageError(f"--given takes NAME=FILE.py:FUNCTION; got '{pair}'")
        found[name] = find(importable(path), name)
    return found


def importable(value: Any) -> Any:
    """Let mymodule:MyMethod, or a penalty, be found in the current folder: after what is installed, which it cannot shadow."""
    if isinstance(value, str) and ":" in value and "" not in sys.path:
        sys.path.append("")
    return value


def free_file(out: str, overwrite: bool) -> Path:
    """Path of the file to write, which must not exist unless it may be replaced."""
    from selfsup.system.files import check_free

    check_free(file := Path(out), overwrite=overwrite)
    return file


def say_skipped(opened: Any) -> None:
    """Name the files, or rows of a table, that have no row in what was written."""
    if bad := getattr(opened, "bad", []):
        some = ", ".join(one.name for one in bad[:5]) + (", ..." if len(bad) > 5 else "")
        things = "rows" if all(one.name.startswith("row ") for one in bad) else "files"
        many = f"{len(bad):,} {things} could not be read and have"
        if len(bad) == 1:
            many = f"1 {things[:-1]} could not be read and has"
        say(f"{many} no row: {some}")


def names_of(opened: Any, rows: int) -> list[str]:
    """Name of each row: its file, or its number."""
    return list(getattr(opened, "names", None) or map(str, range(rows)))
