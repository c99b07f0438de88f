"""Logistic regression whose strength, and whose features, are chosen by cross-validation within the rows that it learns from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from selfsup.lazy import sklearn
from selfsup.measures.samples.compare import rank_in_class

FOLDS = 5
FEW = 20  # labels that nothing is chosen by
MUCH = 6_000  # labels times classes
ITERATIONS = 200
TOLERANCE = 1e-5  # of the gradient of the mean loss: a rare word has a small one, and 1e-3 ends before it has moved
# Features of two parts: of rows to fit, by their places among the labelled rows, and of held-out ones; None for the test rows.
Make = Callable[[np.ndarray, np.ndarray | None], tuple[Any, Any]]


class Choice(NamedTuple):
    """Features by their number, and the strength C (inverse to the penalty)."""

    features: int
    strength: float


def folds(labels: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit and rows to choose by, as many of each class in every fold; none where there are too few labels."""
    if len(labels) < FEW or len(np.unique(labels)) < 2:
        return []
    order = np.random.default_rng(seed).permutation(len(labels))
    number = np.empty(len(labels), np.int64)
    number[order] = rank_in_class(labels[order]) % FOLDS
    parts = [(np.flatnonzero(number != fold), np.flatnonzero(number == fold)) for fold in range(FOLDS)]
    parts = [(fit, held) for fit, held in parts if len(held) and len(np.unique(labels[fit])) > 1]
    return parts[:1] if much(labels) else parts


def choose(makes: Sequence[Make], strengths: Sequence[float], usual: Choice, labels: np.ndarray, seed: int) -> Choice:
    """The features and the strength that guess held-out labels best; of equals the ones with the least log-loss.

    All pairs of the two are tried. Where that is much work, first the features at the usual strength, and from there stronger and
    weaker ones for as long as they are better.

    Parameters
    ----------
    makes
        Ways to features.
    strengths
        Ascending, so that each fit warms up the next.
    usual
        What is taken where there are too few labels to choose by.
    labels
        (n,) classes of the labelled rows.
    """
    parts = folds(labels, seed)
    if not parts:
        return usual
    if not much(labels):
        return _best(_scores(makes, range(len(makes)), strengths, labels, parts))
    found = _scores(makes, range(len(makes)), [usual.strength], labels, parts)
    number, start = _best(found).features, strengths.index(usual.strength)
    for way in (strengths[start + 1 :], strengths[:start][::-1]):
        for strength in way:
            more = _scores(makes, range(number, number + 1), [strength], labels, parts)
            better = more[Choice(number, strength)] > found[_best(found)]
            found |= more
            if not better:
                break
    return _best(found)


def much(labels: np.ndarray) -> bool:
    """Whether there are so many labels, or classes, that one fold says enough."""
    return len(labels) * len(np.unique(labels)) > MUCH


def _best(found: Mapping[Choice, tuple[float, float]]) -> Choice:
    return max(found.items(), key=lambda item: item[1])[0]


def _scores(
    makes: Sequence[Make],
    every: range,
    strengths: Sequence[float],
    labels: np.ndarray,
    parts: Sequence[tuple[np.ndarray, np.ndarray]],
) -> dict[Choice, tuple[float, float]]:
    """Held-out accuracy and log-likelihood of each pair, means over the folds."""
    found: dict[Choice, list[tuple[float, float]]] = {}
    for number in every:
        for fit, held in parts:
            train, test = makes[number](fit, held)
            model = regression()
            for strength in strengths:
                model.C = strength
                trained(model, train, labels[fit])
                found.setdefault(Choice(number, strength), []).append(_score(model, test, labels[held]))
    means = {key: np.mean(scores, 0) for key, scores in found.items()}
    return {key: (round(float(accuracy), 9), float(likely)) for key, (accuracy, likely) in means.items()}


def _score(model: Any, test: Any, labels: np.ndarray) -> tuple[float, float]:
    chances = model.predict_proba(test)
    place = np.minimum(np.searchsorted(model.classes_, labels), len(model.classes_) - 1)
    known = model.classes_[place] == labels
    right = np.where(known, chances[np.arange(len(labels)), place], 0)
    return float(np.mean(model.classes_[chances.argmax(1)] == labels)), float(np.log(np.maximum(right, 1e-12)).mean())


def regression(strength: float = 1.0) -> Any:
    """A logistic regression that is not fitted."""
    return sklearn.linear_model.LogisticRegression(
        C=strength, max_iter=ITERATIONS, tol=TOLERANCE, warm_start=True, solver="lbfgs"
    )


def trained(model: Any, features: Any, labels: np.ndarray) -> Any:
    """It, fitted; that it has not wholly converged is no matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes")  # one label a class is what was asked for
        return model.fit(features, labels)
