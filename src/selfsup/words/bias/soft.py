"""Soft debiasing (Bolukbasi et al. 2016, sec. 6, step 2b): give up as much of a direction as the other cosines allow.

With the vectors of all words as columns of W, those of neutral words of N, and the direction b, it looks for the T that minimises
``|(TW)'(TW) - W'W|_F^2 + tuning |(TN)'(Tb)|_F^2``. Only X = T'T, which is positive semidefinite, enters it, and the words only
through S = WW' and C = NN', both (D, D): ``tr((X - I) S (X - I) S) + tuning b'X C X b``. The number of words costs two sums.

In the basis of S = U diag(s^2) U' and with Y = diag(s) U'(X - I) U diag(s), a = U'b / s, d = s U'b, M = U'CU / (s s') it is
``|Y|_F^2 + tuning (d + Ya)' M (d + Ya)``: as well conditioned as can be. Its minimum over all symmetric Y has a closed form, as
``Y = -(g a' + a g')/2`` with ``g = tuning M (d + Ya)``. Where this X has a negative eigenvalue, the dual problem in D numbers is
solved by Newton's method; the distance between the two values says how far that is from the best.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from selfsup.errors import DataError, OptionError
from selfsup.words.bias.direction import Direction
from selfsup.words.bias.given import all_units
from selfsup.words.bias.hard import Lists, check, specific_of
from selfsup.words.bias.transform import Transform
from selfsup.words.vectors import WordVectors

log = logging.getLogger("selfsup")
GAP, WIDE = (
    1e-10,
    1e-6,
)  # of primal and dual value, relative: within which the iteration is done, and above which that is said
STEPS, HALVINGS = 100, 40  # of the iteration at most, and of the length of one
ENOUGH = 1e-4  # of the increase that the slope promises
MOST = 1e12  # tuning: it has taken all that float64 can tell long before
LITTLE = 0.95  # of the neutral words' projections left, from which on it is said how to take away more


class Softened(NamedTuple):
    """Minimum of the soft objective.

    Attributes
    ----------
    gram
        X (D, D), positive semidefinite.
    value
        Of the objective.
    gap
        Between value and lower bound, relative to the value; 0 where the closed form gave it.
    steps
        Of the iteration; 0 where none was needed.
    """

    gram: np.ndarray
    value: float
    gap: float
    steps: int


class _Problem(NamedTuple):
    """The objective in the basis of S, with tuning M = RR': ``|Y|_F^2 + |R'(d + Ya)|^2``. See the module."""

    squares: np.ndarray  # s^2 (r,)
    a: np.ndarray  # (r,)
    d: np.ndarray  # (r,)
    root: np.ndarray  # R (r, r), its columns orthogonal

    def value(self, y: np.ndarray) -> float:
        left = self.left(y)
        return float((y * y).sum() + left @ left)

    def left(self, y: np.ndarray) -> np.ndarray:
        """R'(d + Ya) (r,): what neutral words have of the direction."""
        rest: np.ndarray = self.root.T @ (self.d + y @ self.a)
        return rest

    def of(self, h: np.ndarray) -> np.ndarray:
        """Y (r, r) that a left (r,) asks for."""
        pull = self.root @ h
        return -(np.outer(pull, self.a) + np.outer(self.a, pull)) / 2

    def free(self) -> np.ndarray:
        """The left (r,) of the minimum over all symmetric Y: ``h = R'(d + Y(h)a)`` is diagonal, but for a term of rank one."""
        along, start = self.root.T @ self.a, self.root.T @ self.d
        scale = 1 / (1 + (self.a @ self.a) * (self.root * self.root).sum(axis=0) / 2)
        rest: np.ndarray = scale * (start - along * (along @ (scale * start)) / (2 + along @ (scale * along)))
        return rest

    def bounded(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Y (r, r) nearest to that of h for which X is positive semidefinite, and how ``Ya`` changes with ``Rh`` (r, r)."""
        # X is so where diag(s^2) + Y is: a positive definite matrix less one of rank two that has one positive eigenvalue, so
        # that at most one of its eigenvalues is negative.
        moved = np.diag(self.squares) + self.of(h)
        values, axes = np.linalg.eigh(moved)
        change = -((self.a @ self.a) * np.eye(len(self.a)) + np.outer(self.a, self.a)) / 2
        if values[0] < 0:
            low, axis, others = values[0], axes[:, 0], axes[:, 1:]
            along = self.a @ axis
            turned = (others / (low - values[1:])) @ (others.T * -along - np.outer(others.T @ self.a, axis)) / 2
            change += along**2 * np.outer(axis, axis) - low * (along * turned + np.outer(axis, self.a @ turned))
            moved -= low * np.outer(axis, axis)
        moved[np.diag_indices(len(moved))] -= self.squares
        return moved, change


def soft_debias(
    vectors: WordVectors,
    direction: Direction,
    *,
    tuning: float = 0.2,
    average: bool = False,
    specific: Lists = None,
) -> tuple[WordVectors, Transform]:
    """Reduce a direction by the linear map that best keeps the cosines of all words with each other (Bolukbasi et al. 2016).

    Parameters
    ----------
    vectors
        n words with vectors of length D; used with length 1.
    direction
        What to reduce, of vectors of the same length.
    tuning
        Weight of what neutral words have of the direction against the n^2 products of words, which is the paper's lambda; 0.2
        as there. As the first sum has about n times as many terms, the same number takes less from more words, and of
        tens of thousands almost nothing.
    average
        Divide the first sum by n^2 and the second by the number of neutral words, so that a tuning means the same whatever the
        number of words.
    specific
        Words that are not neutral, as for `hard_debias`. They go through the transform like all others.

    Returns
    -------
    tuple of WordVectors and Transform
        New vectors of length 1; and the transform, ``x @ T`` and length 1. Its facts: ``left``, the share of the neutral words'
        projections (root mean square) that is left by T; ``steps`` and ``gap`` of the iteration (0 where the closed
        form is the minimum).

    Raises
    ------
    OptionError
        If `tuning` is not a number above 0, or is too large to reckon with.
    DataError
        If the direction is of vectors of another length, no neutral word is left, or a vector is not finite.
    """
    if isinstance(tuning, bool) or not isinstance(tuning, int | float) or not 0 < tuning <= MOST:
        raise OptionError(f"tuning is a number above 0, 0.2 in the paper, and at most {MOST:g}; got {tuning!r}")
    check(vectors, direction)
    kept, told = specific_of(vectors, direction, specific)
    whole, neutral, count = _sums(vectors, kept)
    weight = tuning * len(vectors) ** 2 / count if average else tuning
    found = softened(whole, neutral, direction.vector, weight)
    values, axes = np.linalg.eigh(found.gram)
    matrix = (axes * np.sqrt(np.maximum(values, 0))) @ axes.T  # (D, D), T
    before, after = (_along(neutral, vector) for vector in (direction.vector, matrix @ direction.vector))
    left = math.sqrt(after / before) if before > 0 else 1.0
    facts = told | {"tuning": float(tuning), "average": average, "neutral": count, "left": left}
    facts |= {"steps": found.steps, "gap": found.gap}
    log.info(
        "soft debiasing leaves %.3g of the projections of %d neutral words on %s", left, count, direction.attribute
    )
    if left > LITTLE:
        log.warning(
            "soft debiasing with tuning %g leaves %.2f %% of the projections: the products of %d words with each other outweigh "
            "it; average=True weighs them as means, or a larger tuning takes more",
            tuning, 100 * left, len(vectors),
        )  # fmt: skip
    transform = Transform("soft", direction.attribute, matrix=matrix, facts=facts)
    return transform.apply(vectors), transform


def softened(whole: np.ndarray, neutral: np.ndarray, direction: np.ndarray, tuning: float = 0.2) -> Softened:
    """Minimise ``tr((X - I) S (X - I) S) + tuning b'X C X b`` over positive semidefinite X.

    Parameters
    ----------
    whole, neutral
        S and C (D, D): sums of the outer products of all words' and of neutral words' vectors. What S has no part in stays as
        it is: eigenvalues below D times the rounding error of the largest one count as none.
    direction
        b (D,).
    tuning
        Weight of the second term.
    """
    values, axes = np.linalg.eigh(whole)
    kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
    if not kept.any():
        raise DataError("every vector is zeros, so there is nothing to debias")
    squares, axes = values[kept], axes[:, kept]  # (r,), (D, r)
    s = np.sqrt(squares)
    inside = axes.T @ direction
    strengths, roots = np.linalg.eigh((axes.T @ neutral @ axes) / np.outer(s, s))
    root = roots * np.sqrt(tuning * np.maximum(strengths, 0))
    problem = _Problem(squares, inside / s, inside * s, root)
    y, gap, steps = problem.of(problem.free()), 0.0, 0
    lowest = np.linalg.eigvalsh(np.diag(squares) + y)[0]
    if lowest < -len(s) * np.finfo(np.float64).eps * squares[-1]:
        y, gap, steps = _bounded(problem)
    gram = np.eye(len(whole)) + (axes / s) @ y @ (axes / s).T
    return Softened((gram + gram.T) / 2, problem.value(y), gap, steps)


def _bounded(problem: _Problem) -> tuple[np.ndarray, float, int]:
    """Y where the bound is met, by Newton's method for the dual: the most of ``min_Y |Y|^2 + 2 h'R'(d + Ya) - |h|^2`` over h."""

    def dual(h: np.ndarray, y: np.ndarray) -> float:
        return float((y * y).sum() + 2 * h @ problem.left(y) - h @ h)

    h = problem.free()
    y, change = problem.bounded(h)
    best, gap, steps = dual(h, y), math.inf, 0
    while steps < STEPS:
        value = problem.value(y)
        gap = max(0.0, (value - best) / value)
        slope = problem.left(y) - h
        step = np.linalg.solve(np.eye(len(h)) - problem.root.T @ change @ problem.root, slope)
        if gap <= GAP or slope @ step <= np.finfo(np.float64).eps * value:
            break  # done, or what is left to gain is rounding
        steps += 1
        for length in 0.5 ** np.arange(HALVINGS):
            tried = h + length * step
            y, change = problem.bounded(tried)
            if (found := dual(tried, y)) > best and found >= best + ENOUGH * length * (slope @ step):
                break
        else:
            break  # rounding
        h, best = tried, found
    if gap > WIDE:
        log.warning("soft debiasing stopped after %d steps, within %.2g of the best value", steps, gap)
    return y, gap, steps


def _sums(vectors: WordVectors, specific: Sequence[str]) -> tuple[np.ndarray, np.ndarray, int]:
    """S and C (D, D), sums over all and over neutral words, and how many the latter are."""
    specifics, others = np.zeros((2, vectors.dim, vectors.dim))
    neutral = np.ones(len(vectors), bool)
    neutral[[vectors.index[word] for word in specific]] = False
    if not neutral.any():
        raise DataError("all words are specific, so none is neutral to the direction; give fewer as specific=[...]")
    for part, units in all_units(vectors):
        for sums, chosen in ((specifics, ~neutral[part]), (others, neutral[part])):
            sums += (rows := units[chosen]).T @ rows
    return specifics + others, others, int(neutral.sum())


def _along(sums: np.ndarray, direction: np.ndarray) -> float:
    return max(float(direction @ sums @ direction), 0.0)
