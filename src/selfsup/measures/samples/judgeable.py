"""Whether labels can say anything of codes at all; where they cannot, why not, in words."""

from __future__ import annotations

import numpy as np

FEWEST = 5  # numbers below which nothing is to be chosen or fitted


def unjudgeable(known: np.ndarray, asked: np.ndarray) -> str:
    """Why labels say nothing of codes; "" where they do.

    Parameters
    ----------
    known, asked
        Labels of the training rows (n,) and of the test rows (m,): classes, int64, or numbers, float64.
    """
    if known.dtype.kind == "f" or asked.dtype.kind == "f":
        return _of_numbers(known, asked)
    if len(found := np.unique(known)) < 2:
        return "the labels are all of one class; a comparison needs at least 2 classes"
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
