"""Whether labels can say anything of codes at all; where they cannot, why not, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FEWEST = 5  # numbers below which nothing is to be chosen or fitted
NAMED = 5  # labels that are named, at most


def unjudgeable(known: np.ndarray, asked: np.ndarray) -> str:
    """Why labels say nothing of codes; "" where they do.

    Parameters
    ----------
    known, asked
        Labels of the training rows (n,) and of the test rows (m,): classes, int64, or numbers, float64; or (n, L) and (m, L)
        bool, where a sample has several.
    """
    if known.ndim == 2:
        return _of_several(known, asked)
    if known.dtype.kind == "f" or asked.dtype.kind == "f":
        return _of_numbers(known, asked)
    if len(found := np.unique(known)) < 2:
        return "the labels are all of one class; a comparison needs at least 2 classes"
    if len(np.unique(asked)) < 2:
        return f"the test rows ({len(asked):,}) are all of one class, which any guess of it meets; give more rows of the others"
    if not np.isin(asked, found).any():
        return (
            f"no class of the {len(asked):,} test rows is among the {len(found):,} classes of the {len(known):,} training rows, "
            "so there is nothing to tell by; a class needs rows of both (if the labels are numbers, say so: option 'labels_are')"
        )
    return ""


def _of_numbers(known: np.ndarray, asked: np.ndarray) -> str:
    if len(known) < FEWEST:
        return f"a regression on numbers as labels needs at least {FEWEST} training rows; got {len(known)}"
    if len(asked) < 2:
        return f"R2 needs at least 2 test rows; got {len(asked)}"
    for part, labels in (("training", known), ("test", asked)):
        if not np.isfinite(labels).all():
            return f"the labels of the {part} rows must be finite numbers"
        if labels.min() == labels.max():
            return f"the labels of the {part} rows are all the same number, {labels[0]:g}: there is nothing to explain"
    return ""


def told_apart(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Which of several labels a sample (L,) some rows of both parts have, and some have not: of others nothing can be told."""
    return np.asarray(known.any(0) & ~known.all(0) & asked.any(0) & ~asked.all(0))


def left_out(known: np.ndarray, asked: np.ndarray, names: Sequence[str]) -> str:
    """Which of several labels say nothing, by name and why; "" where all do."""
    found: dict[str, list[str]] = {}
    for place in np.flatnonzero(~told_apart(known, asked)).tolist():
        one = known[:, place]
        part, rows = ("training", one) if one.all() or not one.any() else ("test", asked[:, place])
        found.setdefault(f"{'all' if rows[0] else 'none'} of the {part} rows", []).append(names[place])
    said = [f"{_some(labels)}, which {who} have" for who, labels in found.items()]
    return f"left out of the mean over labels: {'; '.join(said)}" if said else ""


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(f"'{name}'" for name in names[:NAMED]) + more


def _of_several(known: np.ndarray, asked: np.ndarray) -> str:
    if len(known) < FEWEST or len(asked) < 2:
        said = f"got {len(known)} and {len(asked)}"
        return f"a probe of several labels needs at least {FEWEST} training rows and 2 test rows; {said}"
    if told_apart(known, asked).any():
        return ""
    return (
        f"none of the {known.shape[1]:,} labels is had by some and not by all rows of both the {len(known):,} training rows and "
        f"the {len(asked):,} test rows, so there is nothing to tell by; give more rows"
    )
