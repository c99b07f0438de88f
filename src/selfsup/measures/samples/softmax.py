"""Multinomial logistic regression with a penalty on squares: scikit-learn's objective, several sets of rows fitted at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from selfsup.lazy import scipy

GRADIENT = 1e-4  # where a fit ends, as that of scikit-learn does
ROUGH = 3e-3  # where one ends that only chooses a strength: the same choices in a fraction of the time
MEMORY = 10  # steps that L-BFGS remembers, scipy's default


class Softmax(NamedTuple):
    """A linear classifier.

    Attributes
    ----------
    classes
        (K,) in ascending order.
    weight, bias
        (K, D) and (K,).
    """

    classes: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def scores(self, rows: Any) -> np.ndarray:
        """Scores (m, K) of rows (m, D)."""
        return np.asarray(rows @ self.weight.T.astype(rows.dtype) + self.bias)

    def predict(self, rows: Any) -> np.ndarray:
        """Classes (m,) of rows (m, D)."""
        return np.asarray(self.classes[self.scores(rows).argmax(1)])

    def predict_proba(self, rows: Any) -> np.ndarray:
        """Chances (m, K) of the classes."""
        return np.asarray(scipy.special.softmax(self.scores(rows), axis=1))


def fit(
    rows: Any,
    places: np.ndarray,
    classes: int,
    strength: float,
    *,
    counted: np.ndarray | None = None,
    start: np.ndarray | None = None,
    slope: float = GRADIENT,
    steps: int = 200,
    told: Callable[[None], None] = lambda _: None,
) -> np.ndarray:
    """Fit a classifier to each of several sets of the same rows, in one L-BFGS: their objectives share no parameter.

    Each minimises ``strength`` times the sum of the log-losses plus half the squared norm of the weights, as scikit-learn's
    ``LogisticRegression(C=strength)``. Of two classes the weights are opposite, so the penalty counts twice, as it would of
    their difference alone.

    Parameters
    ----------
    rows
        (n, D) float32, or sparse.
    places
        (n,) classes 0..K-1.
    classes
        K.
    counted
        (F, n): whether a set counts a row; by default one set counts all.
    start
        (F, K, D + 1) from which to begin: zeros by default.
    slope
        Largest component of the gradient of the mean log-loss at which the fit ends.
    steps
        At most.
    told
        Is called with every gradient.

    Returns
    -------
    numpy.ndarray
        (F, K, D + 1) float64: weights, the bias last.
    """
    n, width = rows.shape
    counted = np.ones((1, n), rows.dtype) if counted is None else counted.astype(rows.dtype)
    sets = len(counted)
    every, penalty = np.arange(n), (2 if classes == 2 else 1) / (strength * counted.sum(1).mean())
    share, columns = (counted / counted.sum(1).mean()), rows.T

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        told(None)
        table = flat.reshape(sets * classes, width + 1)
        weight = table[:, :-1]
        scores = np.asarray(weight.astype(rows.dtype) @ columns).reshape(sets, classes, n)
        scores += table[:, -1].astype(rows.dtype).reshape(sets, classes, 1)
        scores -= scores.max(1, keepdims=True)
        own = scores[:, places, every]  # (F, n)
        chances = np.exp(scores, out=scores)
        total = chances.sum(1)  # (F, n)
        value = float(np.vdot(share, np.log(total) - own)) + 0.5 * penalty * float(np.vdot(weight, weight))
        chances *= (share / total)[:, None]
        chances[:, places, every] -= share
        residual = chances.reshape(sets * classes, n)
        gradient = np.empty_like(table)
        gradient[:, :-1] = np.asarray(residual @ rows)
        gradient[:, :-1] += penalty * weight
        gradient[:, -1] = residual.sum(1)
        return value, gradient.ravel()

    begin = np.zeros((sets, classes, width + 1)) if start is None else np.asarray(start, np.float64)
    found = scipy.optimize.fmin_l_bfgs_b(
        objective, begin.ravel(), m=MEMORY, factr=64, pgtol=slope, maxiter=steps, maxfun=2 * steps
    )[0]
    weights = np.asarray(found).reshape(sets, classes, width + 1)
    # what all classes have in common changes no guess, and is rounding
    return np.asarray(weights - weights.mean(1, keepdims=True))
