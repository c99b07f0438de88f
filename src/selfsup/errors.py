"""The errors a user can meet: each names the thing, what was allowed, what was given and the next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SelfsupError(Exception):
    """Root of every error that selfsup raises on purpose; ``except SelfsupError`` catches ours and nothing of Python's."""


class OptionError(SelfsupError, ValueError):
    """An option is unknown, of the wrong type or out of its range."""


class DataError(SelfsupError, ValueError):
    """The data cannot be used as given."""


class RunError(SelfsupError):
    """A run folder is missing, unfinished, foreign or damaged."""


class TrainingError(SelfsupError):
    """Training cannot go on: a loss is not finite, or a method breaks the contract."""


class MissingError(SelfsupError, ImportError):
    """A package that is needed for this is not installed."""


class Interrupted(SelfsupError, KeyboardInterrupt):
    """The user stopped training; where the run has a folder, its state was saved and can be resumed."""


def unknown(thing: str, given: str, allowed: Iterable[str]) -> str:
    """Say that a word is unknown: its nearest match, or else everything that is allowed."""
    known = sorted(allowed)
    near = difflib.get_close_matches(given, known, n=1, cutoff=0.5)
    if near:
        return f"unknown {thing} '{given}'; did you mean '{near[0]}'?"
    return f"unknown {thing} '{given}'; known: {', '.join(known) or 'none'}"
