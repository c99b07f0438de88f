"""The report of a run: one HTML file that opens offline.

Strings of a run folder may come from a stranger. They are escaped by the templates, and the page's own policy forbids every
script and fetching anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

from selfsup import store
from selfsup.measures.evaluation import Evaluation
from selfsup.report import say
from selfsup.report.run import Run
from selfsup.report.sections import REGISTERED, claimed, find

OF_EVALUATION = ("verdict", "efficiency", "transfer", "race", "compare", "bias", "tables")  # sections that need no run

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
<main>
{% for part in parts %}
{{ part }}
{% endfor %}
<footer>Made by selfsup{{ ' ' ~ version if version }}{{ ', ' ~ created if created }}. \
This file holds all it needs: nothing is fetched.</footer>
</main>
</body>
</html>
"""


def page(folder: Path, sections: Iterable[str | Any] = ()) -> str:
    """Make the HTML report of a run folder.

    Parameters
    ----------
    folder
        Holds at least ``config.json`` and ``metrics.jsonl``; what else is missing is left out and said so.
    sections
        Of a user's own besides ours: objects with ``html(run)``, or their paths (``FILE.py:object``).

    Raises
    ------
    RunError
        If the folder or one of these files is missing, or a file is damaged.
    """
    shown = find(sections)
    return _page(Run.read(Path(folder), claimed(shown)), shown)


def write_evaluation(evaluation: Evaluation, title: str, file: Path) -> Path:
    """Write a page of an evaluation that belongs to no run folder: its verdict if it has one, what was measured, its notes."""
    parts = [name for name in OF_EVALUATION if name != "verdict" or evaluation.verdict]
    shown = [section for name, section in zip(REGISTERED, find(), strict=True) if name in parts]
    run = Run({"method": title}, [], evaluation.to_dict(), claimed=claimed(shown))
    store.write_text(file, _page(run, shown))
    return file


def _page(run: Run, shown: Iterable[Any]) -> str:
    """The sections that have something for a run, as one page."""
    found = [section.html(run) for section in shown if hasattr(section, "html")]
    title = f"{run.method}: {say.kind(run.verdict)}" if run.folder or run.verdict else run.method
    return document(title, found, say.plain(run.config.get("selfsup", "")), say.plain(run.config.get("created", "")))


def document(title: str, parts: Iterable[Markup | None], version: str = "", created: str = "") -> str:
    """Parts of ours, those that there are, as one page that fetches nothing."""
    made = say.html(
        PAGE,
        title=title,
        style=Markup((resources.files("selfsup.report") / "style.css").read_text(encoding="utf-8")),
        parts=[part for part in parts if part],
        version=version,
        created=created,
    )
    return say.whole(made)


def write(folder: Path, file: Path | None = None, sections: Iterable[str | Any] = ()) -> Path:
    """Write the report of a run anew, by default into its folder, and give its path; see `page`."""
    folder = store.found(folder)
    text = page(folder, sections)
    if file is not None:
        store.write_text(file, text)
        return file
    with store.renewing(folder, store.REPORT):
        store.write_text(folder / store.REPORT, text)
    return folder / store.REPORT
