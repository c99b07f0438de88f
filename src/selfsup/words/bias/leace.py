"""LEACE, least-squares concept erasure (Belrose et al. 2023, theorem 4.3): the smallest affine change that hides a class.

With x the vectors, z their classes (one-hot), S the covariance of x and C that of x with z, the eraser is
``r(x) = x - W^+ P W (x - E x)``, where W = (S^1/2)^+ whitens and P projects onto the column space of WC. Afterwards the means of
all classes are equal, so that no linear classifier has a smaller loss on these words than the best constant one (theorem 3.1).
It says nothing of other words, of other classifiers, or of vectors whose length is changed afterwards.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from selfsup.errors import OptionError
from selfsup.words.bias.direction import Direction
from selfsup.words.bias.given import units
from selfsup.words.bias.labelled import HELD_OUT, RESTRICT, N, by_class, of_direction, of_words
from selfsup.words.bias.transform import Transform
from selfsup.words.vectors import WordVectors

NOISE = 1e-14  # variance of unit vectors below which it is the rounding of float32
UNCORRELATED = 1e-8  # canonical correlation with the classes below which it is rounding


def leace(
    vectors: WordVectors,
    words: Direction | Sequence[str],
    classes: Sequence[Hashable] | None = None,
    *,
    n: int = N,
    restrict: int | None = RESTRICT,
    neutral: bool = False,
    held_out: float | None = None,
    seed: int = 0,
    allow_missing: bool = False,
) -> tuple[WordVectors, Transform]:
    """Hide the class of words from every linear classifier, with the least change of the vectors (LEACE).

    Parameters
    ----------
    vectors
        Word vectors, used with length 1.
    words
        A direction: its `n` most biased words of each side are the classes. Or m words, with `classes`.
    classes
        Class of each word (m,), two or more different ones.
    n, restrict
        Of a direction: words of each side, among the so many most frequent ones; 2,500 of 30,000 (Ravfogel et al. 2020 took 7,500
        of 150,000).
    neutral
        Of a direction: a third class, the `n` words nearest to neither side.
    held_out
        Share of the words that nothing is fitted on; 0.3 of a direction's, none of those given.
    seed
        Which they are.
    allow_missing
        Use given words all the same where more than a fifth of a class is missing.

    Returns
    -------
    tuple of WordVectors and Transform
        New vectors, not of length 1: to make them so would undo some of it. The transform's facts: how many words of each class
        were ``fitted`` and ``held_out``, and the fitted ones of the first two, ``positive`` and ``negative``; ``rank``, the
        dimensions that depend on the class; ``difference``, the largest one between two class means that is left.

    Raises
    ------
    OptionError, DataError
        If words, classes or an option cannot be used; each says why.
    """
    if isinstance(words, Direction):
        if classes is not None:
            raise OptionError("classes are for words; those of a direction are its sides")
        share = HELD_OUT if held_out is None else held_out
        named = of_direction(vectors, words, n=n, restrict=restrict, neutral=neutral, held_out=share, seed=seed)
    else:
        if classes is None:
            raise OptionError("leace needs a direction, or words and the class of each")
        if neutral:
            raise OptionError(
                "neutral is for a direction; beside words, give those of a third class a class of their own"
            )
        chosen = by_class(words, classes)
        named = of_words(
            vectors, chosen, allow_missing=allow_missing, held_out=0 if held_out is None else held_out, seed=seed
        )
    fitted = ~named.held
    x, labels = units(vectors, named.rows[fitted]), named.classes[fitted]
    matrix, centre, rank = erasure(x, labels)
    means = [one.mean(axis=0) for one in _by_label((x - centre) @ matrix, labels)]
    facts = named.facts(vectors) | {
        "rank": rank,
        "difference": float(max(np.linalg.norm(a - b) for a in means for b in means)),
    }
    attribute = words.attribute if isinstance(words, Direction) else ", ".join(named.names)
    transform = Transform("leace", attribute, matrix=matrix, shift=centre - centre @ matrix, unit=False, facts=facts)
    return transform.apply(vectors), transform


def erasure(x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The eraser of theorem 4.3, as ``x -> centre + (x - centre) @ matrix``.

    Parameters
    ----------
    x
        Vectors (m, D) float64 of length 1. Dimensions in which they hardly vary (`NOISE`) are left as they are.
    labels
        Class of each (m,), whole numbers from 0.

    Returns
    -------
    matrix
        (D, D).
    centre
        Mean of x (D,).
    rank
        Dimensions of x that depend on the class.
    """
    centre = x.mean(axis=0)
    x = x - centre
    variances, axes = np.linalg.eigh(x.T @ x / len(x))
    kept = variances > max(variances[-1] * max(x.shape) * np.finfo(np.float64).eps, NOISE)
    deviations, axes = np.sqrt(variances[kept]), axes[:, kept]  # (r,), (D, r)
    sums = [
        one.sum(axis=0) / np.sqrt(len(one)) for one in _by_label(x, labels)
    ]  # of z scaled so that they give correlations
    whitened = (np.stack(sums) @ axes / deviations).T / np.sqrt(len(x))  # (r, K)
    inside, correlations, _ = np.linalg.svd(whitened, full_matrices=False)
    inside = inside[:, correlations > UNCORRELATED]  # (r, k)
    removed = (axes / deviations) @ inside @ (inside.T * deviations) @ axes.T  # (D, D), of rows
    return np.eye(len(centre)) - removed, centre, inside.shape[1]


def _by_label(x: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    return [x[labels == label] for label in np.unique(labels)]
