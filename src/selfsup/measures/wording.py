"""Numbers and lists as people read them, for the sentence of the verdict."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any


def percent(share: float) -> str:
    """A share in per cent, one decimal."""
    return f"{100 * share:.1f}"


def number(value: float) -> str:
    """A loss or a gap, short enough to read."""
    if 0 < abs(value) < 5e-5:
        return f"{value:.1e}"  # not 0.0000, and never -0.0000
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"


def words(parts: Sequence[str]) -> str:
    """A, b and c."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def with_counts(counts: Sequence[Any]) -> str:
    """With 1, 5 and 20 labels a class, with all labels, or both."""
    some = [str(count) for count in counts if count != "all"]
    plural = "label" if some == ["1"] else "labels"
    parts = [f"{words(some)} {plural} a class"] if some else []
    return "with " + " and with ".join(parts + (["all labels"] if "all" in counts else []))


def with_labels(counts: Sequence[Any]) -> str:
    """With 10, 100 and 353 labels, in all and not of a class."""
    return f"with {words([f'{count:,}' for count in counts])} labels"


def with_rows(counts: Sequence[Any]) -> str:
    """With 10, 100 and 353 labelled rows, each of which has several labels."""
    return with_labels(counts).removesuffix("labels") + "labelled rows"


def codes_of(layer: str) -> str:
    """The codes, or the codes of a block that is not what ``encode`` gives."""
    return "the codes" if layer in ("", "code") else f"the codes of {layer}"


def names_of(paths: Sequence[str]) -> list[str]:
    """Names that tell runs apart: the folder's, the whole path where that is another's too, and numbers where both are."""
    short = [PurePath(os.path.normpath(one)).name for one in paths]
    names = [name if short.count(name) == 1 or one == name else one for name, one in zip(short, paths, strict=True)]
    return [
        name if names.count(name) == 1 else f"{name} ({names[: place + 1].count(name)})"
        for place, name in enumerate(names)
    ]
