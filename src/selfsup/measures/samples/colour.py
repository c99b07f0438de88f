"""How near guessed colours come to the true ones, beside grey and beside the mean colour (Zhang et al. 2016, section 3.1)."""

from __future__ import annotations

import numpy as np

from selfsup.measures.run import Evidence
from selfsup.measures.table import Look, Table, plain

FARTHEST = 150.0  # distance in ab up to which errors are told apart


def measure(evidence: Evidence) -> Table:
    """Area under the curve of the errors, plain and with each colour's pixels counting the less, the more frequent it is."""
    painted = evidence.painted
    assert painted is not None
    grey = np.linalg.norm(painted.true, axis=2)  # (n, P)
    even = np.ones(grey.shape)
    rows = []
    for name, guess in painted.guesses.items():
        apart = np.linalg.norm(painted.true - guess, axis=2)
        (auc, error), (fair, fair_error) = (area(apart, weights, grey) for weights in (even, painted.weights))
        figures = {"auc": auc, "se": error, "rebalanced_auc": fair, "rebalanced_se": fair_error}
        rows.append({"colours": name, **figures, "distance": float(apart.mean()), "images": len(apart)})
    return Table.of("colour", rows)


def area(apart: np.ndarray, weights: np.ndarray, beside: np.ndarray) -> tuple[float, float]:
    """Per cent of the area under the curve "share of pixels with an error of at most t", t from 0 to 150.

    That is the mean over the pixels of 1 - error / 150, where it is above 0.

    Parameters
    ----------
    apart
        (n, P) distances in ab, of P pixels of each image.
    weights
        (n, P) of the pixels.
    beside
        (n, P) distances of another guess.

    Returns
    -------
    tuple
        The area, and the standard error over images of its lead over the other guess: the same images were guessed by both.
    """
    gained, other = (100 * np.clip(1 - errors / FARTHEST, 0, None) for errors in (apart, beside))
    total = weights.sum()
    lead = (weights * (gained - other)).sum() / total
    residue = (weights * (gained - other - lead)).sum(1)  # of a ratio of sums over images
    return float((weights * gained).sum() / total), float(np.sqrt(np.square(residue).sum()) / total)


NOTE = (
    "AuC, in per cent: the area under the share of pixels whose guessed colour lies within a distance of the true one, in a and "
    "b of Lab, over distances from 0 to 150. Rebalanced: a pixel counts the less, the more frequent its colour is in training. "
    "se: standard error over images of the lead over grey. Mean colour: of the images that were trained on. Grey images are left "
    "out."
)
COLUMNS = ("colours", "auc", "se", "rebalanced_auc", "rebalanced_se", "distance", "images")
TITLE = "colours of images not trained on"


def lines(table: Table) -> list[str]:
    """The table on a terminal, under its title."""
    return [TITLE, *plain(table)[1:]]


LOOK = Look(TITLE, COLUMNS, ("grey", "mean colour"), NOTE, lines=lines, brief=lambda table, because: lines(table))
