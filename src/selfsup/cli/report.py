"""The verbs report and methods."""

from __future__ import annotations

from pathlib import Path

from selfsup.cli.common import importable
from selfsup.cli.parser import say


def report(run: str, *, out: str | None = None, sections: tuple[str, ...] = ()) -> None:
    """Write the report of a run anew: one HTML file that opens offline.

    Parameters
    ----------
    out
        Where to write it; by default report.html in the run folder.
    sections
        Of your own besides ours: FILE.py:object, with a function html(run).
    """
    from selfsup.report import write

    file = write(Path(run), None if out is None else Path(out), [importable(path) for path in sections])
    say(f"report in {file}")


def methods() -> None:
    """List the methods, one line each."""
    from selfsup.methods import listing

    say("\n".join(str(info) for info in listing()))
