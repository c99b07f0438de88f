"""The sections of the page and of the card, in their order. To add one: its file, and one line here.

A section is a module, or any object, with ``html(run)`` and ``markdown(run)``, or one of them: they give None where a run has
nothing for it. ``TABLES`` names the tables that it shows; one that no section shows has a plain one.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from selfsup.errors import OptionError
from selfsup.system import imports

REGISTERED = {
    "verdict": "selfsup.report.sections.verdict",
    "facts": "selfsup.report.sections.facts",
    "efficiency": "selfsup.report.sections.efficiency",
    "transfer": "selfsup.report.sections.transfer",
    "race": "selfsup.report.sections.race",
    "compare": "selfsup.report.sections.compare",
    "accuracy": "selfsup.report.sections.accuracy",
    "confusion": "selfsup.report.sections.confusion",
    "hardest": "selfsup.report.sections.hardest",
    "numbers": "selfsup.report.sections.numbers",
    "boosting": "selfsup.report.sections.boosting",
    "counting": "selfsup.report.sections.counting",
    "neighbours": "selfsup.report.sections.neighbours",
    "scores": "selfsup.report.sections.scores",
    "bias": "selfsup.report.sections.bias",
    "wordmap": "selfsup.report.sections.wordmap",
    "pictures": "selfsup.report.sections.pictures",
    "decoded": "selfsup.report.sections.decoded",
    "training": "selfsup.report.sections.training",
    "health": "selfsup.report.sections.health",
    "nearest": "selfsup.report.sections.nearest",
    "codemap": "selfsup.report.sections.codemap",
    "tables": "selfsup.report.sections.tables",
    "limits": "selfsup.report.sections.limits",
    "use": "selfsup.report.sections.use",
    "settings": "selfsup.report.sections.settings",
}
OWN = "limits"  # those of a user's own stand before this one


def find(own: Iterable[str | Any] = ()) -> list[Any]:
    """All sections, with those of a user's own among them: objects, or their paths (``FILE.py:object``, ``module:object``).

    Raises
    ------
    OptionError
        If a path does not import, or what it names has neither ``html`` nor ``markdown``.
    """
    more = [imports.find(section, "section") if isinstance(section, str) else section for section in own]
    for section in more:
        if not (hasattr(section, "html") or hasattr(section, "markdown")):
            raise OptionError(f"a section has html(run) or markdown(run), or both; {section!r} has neither")
    found: list[Any] = []
    for name, module in REGISTERED.items():
        found += more if name == OWN else []
        found.append(importlib.import_module(module))
    return found


def claimed(sections: Iterable[Any]) -> frozenset[str]:
    """Names of the tables that some section shows."""
    return frozenset(name for section in sections for name in getattr(section, "TABLES", ()))
