"""INLP, iterative nullspace projection (Ravfogel et al. 2020, algorithm 1): take away what linear classifiers go by."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from selfsup.errors import OptionError
from selfsup.lazy import sklearn
from selfsup.words.bias.direction import Direction
from selfsup.words.bias.given import units, whole_number
from selfsup.words.bias.labelled import HELD_OUT, RESTRICT, Labelled, N, of_direction, of_words
from selfsup.words.bias.transform import Transform
from selfsup.words.vectors import WordVectors

log = logging.getLogger("selfsup")
FLAT = 1e-6  # of a classifier's weights, relative to the largest, that is left to take away


def inlp(
    vectors: WordVectors,
    words: Direction | Sequence[str],
    negative: Sequence[str] | None = None,
    *,
    n: int = N,
    restrict: int | None = RESTRICT,
    neutral: bool | Sequence[str] = False,
    iterations: int = 35,
    held_out: float = HELD_OUT,
    seed: int = 0,
    allow_missing: bool = False,
) -> tuple[WordVectors, Transform]:
    """Project vectors onto the intersection of the nullspaces of linear classifiers, until these are at chance (INLP).

    Parameters
    ----------
    vectors
        Word vectors, used with length 1.
    words
        A direction: its `n` most biased words of each side are told apart. Or words of one class, and `negative` of the other.
    n, restrict
        Of a direction: words of each side, among the so many most frequent ones; 2,500 of 30,000 (in the paper 7,500
        of 150,000).
    neutral
        A third class, as in the paper: True for the `n` words nearest to neither side of a direction, or words.
    iterations
        Classifiers at most; 35 in the paper.
    held_out
        Share of the words of each class that no classifier is fitted on. Their accuracy ends the iteration: at most one
        standard error above the largest class. With 0 it is that of the words fitted on.
    seed
        Of the words held out and of the classifiers (linear SVM, C = 1).
    allow_missing
        Use given words all the same where more than a fifth of a class is missing.

    Returns
    -------
    tuple of WordVectors and Transform
        New vectors, not of length 1, and the projection. Its facts: how many words of each class were ``fitted`` and
        ``held_out``, and the fitted ones, ``positive`` and ``negative``; ``rank``, the dimensions taken away; ``accuracy``, on
        held-out words, of each classifier in turn, the last one of the vectors as they come out; and ``chance``, that of the
        largest class.

    Raises
    ------
    OptionError, DataError
        If words or an option cannot be used; each says why.
    """
    iterations = whole_number(iterations, "iterations")
    if isinstance(words, Direction):
        if negative is not None or not isinstance(neutral, bool):
            raise OptionError(
                "lists of words are for both sides, or for none: a direction has its own; say neutral=True"
            )
        named = of_direction(vectors, words, n=n, restrict=restrict, neutral=neutral, held_out=held_out, seed=seed)
    else:
        if negative is None:
            raise OptionError("inlp needs a direction, or the words of both classes")
        if neutral is True:
            raise OptionError("beside words, neutral is a list of words; True is for a direction")
        classes = {"positive": words, "negative": negative} | ({"neutral": neutral} if neutral else {})
        named = of_words(vectors, classes, allow_missing=allow_missing, held_out=held_out, seed=seed)
    basis, told = _nullified(units(vectors, named.rows), named, iterations, seed)
    attribute = words.attribute if isinstance(words, Direction) else ", ".join(named.names)
    transform = Transform(
        "inlp", attribute, matrix=np.eye(vectors.dim) - basis.T @ basis, unit=False, facts=named.facts(vectors) | told
    )
    return transform.apply(vectors), transform


def _nullified(x: np.ndarray, named: Labelled, iterations: int, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
    """Orthonormal rows (r, D) of what the classifiers of vectors x (m, D) went by, and how well they did."""
    fitted, judged = ~named.held, named.held if named.held.any() else ~named.held
    labels = named.classes
    chance = float(np.bincount(labels[judged]).max() / judged.sum())
    enough = chance + np.sqrt(chance * (1 - chance) / judged.sum())
    basis = np.zeros((0, x.shape[1]))
    accuracies: list[float] = []
    while True:
        seen = x - x @ basis.T @ basis
        classifier = sklearn.svm.LinearSVC(dual=False, random_state=seed).fit(seen[fitted], labels[fitted])
        accuracies.append(float(classifier.score(seen[judged], labels[judged])))
        if accuracies[-1] <= enough or len(accuracies) > iterations or len(basis) >= x.shape[1] - 1:
            break
        weights = np.array(classifier.coef_, np.float64)  # (1, D), or (K, D) of K > 2 classes
        new = weights - weights @ basis.T @ basis
        _, sizes, rows = np.linalg.svd(new, full_matrices=False)
        rows = rows[sizes > FLAT * np.linalg.norm(weights)][: x.shape[1] - 1 - len(basis)]
        if not len(rows):
            break
        basis = np.linalg.qr(np.vstack([basis, rows]).T)[0].T  # once more, against rounding
    told = f"INLP took {len(basis)} of {x.shape[1]} dimensions"
    log.info("%s: accuracy %.3f -> %.3f, chance %.3f", told, accuracies[0], accuracies[-1], chance)
    if accuracies[-1] > enough:
        log.warning(
            "%s and stopped at %.3f, chance is %.3f: raise iterations, or give more words", told, accuracies[-1], chance
        )
    return basis, {"rank": len(basis), "accuracy": accuracies, "chance": chance}
