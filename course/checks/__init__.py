"""What the exercises are checked by: a module a chapter, each with a function `check`."""

from __future__ import annotations


class Missing(Exception):
    """The data of a chapter are not there: `course/run.py` counts the chapter as skipped, with these words as the reason."""
