"""What is met while a source is read: how much of it may still be read, what is missing, and bytes that are no text."""

from __future__ import annotations

import codecs
import re
from typing import Any, Literal

Errors = Literal["stop", "replace", "skip"]
MARKED = "selfsup.marked"  # how `codecs` treats bytes that are no text: a mark stands for them
MARK = "\ufdd0"  # it is no character of Unicode, so no text has it
REPLACEMENT = "\ufffd"
ADVICE = "or say what becomes of such bytes, errors='replace' or errors='skip'"
_HALF = re.compile("[\ud800-\udfff]")
codecs.register_error(MARKED, lambda error: (MARK, error.end))  # type: ignore[attr-defined]


class Seen:
    """One reading of a source, all its files together.

    Parameters
    ----------
    limit
        Lines, texts or rows that may be read; None is no limit.
    errors
        What becomes of bytes that are no text: an error (stop), U+FFFD (replace), or their line is left out (skip).

    Attributes
    ----------
    missing
        Values that are none: None, NaN, null.
    bad
        Places that were replaced, or lines, texts or rows that were left out.
    """

    def __init__(self, limit: int | None = None, errors: Errors = "stop") -> None:
        self.limit, self.errors = limit, errors
        self.missing = self.bad = 0

    @property
    def enough(self) -> bool:
        """Whether as much has been read as may be."""
        return self.limit == 0

    @property
    def handler(self) -> str:
        """What `codecs` does with bytes that are no text."""
        return "strict" if self.errors == "stop" else MARKED

    def take(self, rows: int) -> int:
        """How many of so many rows may be read, which then have been."""
        if self.limit is None:
            return rows
        taken = min(rows, self.limit)
        self.limit -= taken
        return taken

    def text(self, content: bytes) -> bytes:
        """UTF-8 of whole lines, mended."""
        try:
            text = content.decode()
        except UnicodeDecodeError:
            text = content.decode("utf-8", MARKED)
        return self.mended(text).encode() if MARK in text else content

    def mended(self, text: str) -> str:
        """Text with another character in the place of each mark, or without the lines that have one; they are counted."""
        if MARK not in text:
            return text
        if self.errors == "replace":
            self.bad += text.count(MARK)
            return text.replace(MARK, REPLACEMENT)
        lines = text.split("\n")
        kept = [line for line in lines if MARK not in line]
        self.bad += len(lines) - len(kept)
        return "\n".join(kept)

    def values(self, values: list[Any]) -> list[Any]:
        """Texts, lists of tokens and None of a column that was read with marks, mended: a text is left out as a whole."""
        if self.errors == "skip":
            kept = [one for one in values if one is None or not _marked(one)]
            self.bad += len(values) - len(kept)
            return kept
        return [self.mended(one) if isinstance(one, str) else one for one in values]

    def halves(self, text: str) -> str:
        """A string of Python's that holds halves of characters, which stand for bytes that were no text, mended."""
        return self.mended(_HALF.sub(MARK, text))


def _marked(value: Any) -> bool:
    return any(MARK in one for one in ([value] if isinstance(value, str) else value))


def is_missing(value: Any) -> bool:
    """Whether an item of a list or series is none: None, NaN, or what pandas has for it."""
    return (
        value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    )
