"""The verbs report and methods."""

from __future__ import annotations

from pathlib import Path

from selfsup.cli.common import free_file, importable
from selfsup.cli.parser import UsageError, say

BESIDE = "report.html"  # of several runs, in the folder that all of them lie in


def report(
    runs: tuple[str, ...], *, out: str | None = None, sections: tuple[str, ...] = (), overwrite: bool = False
) -> None:
    """Write the report of a run anew: one HTML file that opens offline; or one of several runs side by side.

    Parameters
    ----------
    runs
        A run folder; or several, whose verdicts, curves and settings are shown beside each other, and compared where they were
        measured on the same rows.
    out
        Where to write it; by default report.html in the run folder, and of several runs in the folder that all of them lie in.
    sections
        Of your own besides ours: FILE.py:object, with a function html(run). For one run.
    overwrite
        Replace the page of several runs if it exists; that of one run is always written anew.
    """
    if len(runs) == 1:
        from selfsup.report import write

        file = write(Path(runs[0]), None if out is None else Path(out), [importable(path) for path in sections])
        say(f"report in {file}")
        return
    from selfsup.report import write_several
    from selfsup.training.several import compared

    if sections:
        raise UsageError("--sections is for the report of one run")
    file = free_file(out or str(_beside(runs)), overwrite)
    comparison, notes = compared(runs)
    say(f"report in {write_several(runs, file, comparison, notes)}")


def _beside(runs: tuple[str, ...]) -> Path:
    """The page of several runs: in the folder that all lie in, or here where they lie in different ones."""
    parents = {Path(run).parent for run in runs}
    return (parents.pop() if len(parents) == 1 else Path()) / BESIDE


def methods() -> None:
    """List the methods, one line each."""
    from selfsup.methods import listing

    say("\n".join(str(info) for info in listing()))
