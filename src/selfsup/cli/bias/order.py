"""The words of `selfsup bias` in their order: the vectors, then the verb, or none; the other way round is understood."""

from __future__ import annotations

import os
from collections.abc import Callable

from selfsup.cli.parser import Parser, UsageError
from selfsup.errors import unknown

NAMES = ("extremes", "measure", "debias", "report")
FIRST = NAMES[0]  # what is shown where no verb is given
PAGE = "--report"  # `selfsup bias VECTORS --report FILE` is `selfsup bias VECTORS report --out FILE`


class Second(Parser):
    """The words of a verb that stands after the vectors."""

    def __init__(self, name: str, verb: Callable[..., None]) -> None:
        super().__init__(f"bias {name}", verb, [])
        self.usage = str(self.usage).replace(f"bias {name} VECTORS", f"bias VECTORS {name}")


def in_order(words: list[str]) -> tuple[str, list[str]]:
    """The verb, and the other words with the vectors before them.

    Raises
    ------
    UsageError
        If the vectors are missing, or the second word is neither a verb nor an option.
    """
    first, *rest = words
    if first.startswith("-"):
        raise UsageError(
            f"the word vectors come first: selfsup bias VECTORS {words[-1] if words[-1] in NAMES else FIRST}"
        )
    if first in NAMES and not (rest and rest[0] in NAMES) and not os.path.exists(first):
        return first, rest
    if rest and rest[0] in NAMES:
        return rest[0], [first, *rest[1:]]
    if rest and not rest[0].startswith("-"):
        if rest[0] == "help":
            return FIRST, [first, "--help"]
        raise UsageError(unknown("verb of `selfsup bias`", rest[0], NAMES))
    if page := next((word for word in rest if word.split("=")[0] == PAGE), None):
        return NAMES[-1], [first, *(word.replace(PAGE, "--out", 1) if word == page else word for word in rest)]
    return FIRST, words
