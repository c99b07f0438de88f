"""The probe where labels are numbers: how much of their variance a ridge regression on frozen codes explains."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from selfsup.errors import DataError
from selfsup.measures.run import Evidence, Features, Rows
from selfsup.measures.samples.compare import check_codes
from selfsup.measures.samples.counted import encoder_rows, table_lines
from selfsup.measures.samples.errors import finished
from selfsup.measures.samples.judgeable import unjudgeable
from selfsup.measures.samples.leads import NAMES
from selfsup.measures.samples.probe import scale_features
from selfsup.measures.samples.rivals import with_rivals
from selfsup.measures.table import Look, Table

log = logging.getLogger("selfsup")

COUNTS = (10, 100, 1000)  # labels in all; all of them are always there
STRENGTHS = 10.0 ** np.arange(
    -4, 8.25, 0.5
)  # penalties beside rows of the mean squared norm that `scale_features` gives
DRAWS = 10  # of few labels, which differ much from draw to draw; a fit takes milliseconds


class Ridge(NamedTuple):
    """A regression, fitted.

    Attributes
    ----------
    guesses
        (m,) float64, of the test rows.
    strength
        The penalty that was chosen.
    validation
        R2 of the training rows, each guessed by a fit to all others.
    """

    guesses: np.ndarray
    strength: float
    validation: float


# Of few labels a fit may go through almost all of them, and what is then left of a row says nothing: over 30 draws of 20 labels
# R2 on columns of noise was -1.5 by the penalty that leaving rows out gives, and -0.2 with this; 0.11 and 0.21 on wine's alcohol.
FEW, LEAST = 200, 0.1  # labels below which one less the leverage of each row must be at least so much


def ridge(train: Rows, labels: np.ndarray, test: Rows, strengths: np.ndarray = STRENGTHS) -> Ridge:
    """Ridge regression with an intercept; the penalty is the one with the least squared error of rows that are left out.

    One eigen-decomposition serves all penalties, and the error of leaving each row out in turn follows from the fit to all
    (Allen 1974): it is the residual divided by one less the row's leverage. Of few labels only such penalties are looked at as
    leave each row less leverage than 1 - `LEAST`.

    Parameters
    ----------
    train, test
        (n, D) and (m, D), on one scale.
    labels
        (n,) float64.
    strengths
        (S,) penalties on the squared norm of the weights.
    """
    y, middle, n = labels - labels.mean(), float(labels.mean()), len(labels)
    if not y.any():  # drawn labels that are all equal: their value is all that can be guessed
        return Ridge(np.full(test.shape[0], middle), float(strengths[-1]), 0.0)
    x, asked, mean = _centred(train, test)
    basis, values, right = _decomposed(x)  # (n, r), (r,) squared singular values, (D, r)
    shrunk = values / (values + strengths[:, None])  # (S, r)
    along = basis.T @ y  # (r,)
    left = 1 - 1 / n - shrunk @ np.square(basis).T  # (S, n): one less the leverage, the intercept's included
    residual = y - (shrunk * along) @ basis.T  # (S, n)
    errors = np.square(residual / np.maximum(left, 1e-12)).sum(1)
    if n < FEW and (safe := left.min(1) >= LEAST).any():
        errors[~safe] = np.inf
    best = int(len(errors) - 1 - np.argmin(errors[::-1]))  # of equals the strongest
    weight = right @ (along * np.sqrt(values) / (values + strengths[best]))  # (D,)
    guesses = np.asarray(asked @ weight - float(mean @ weight)).reshape(-1) + middle
    return Ridge(guesses, float(strengths[best]), 1 - float(errors[best] / np.square(y).sum()))


def _centred(train: Rows, test: Rows) -> tuple[np.ndarray, Any, np.ndarray]:
    """Training rows less their mean, test rows as they are, and the mean, in float64."""
    if not isinstance(train, np.ndarray):  # sparse: the known rows are few, the test rows stay as they are
        train = train.toarray()
    x = train.astype(np.float64)
    mean = x.mean(0)
    x -= mean
    return x, test.astype(np.float64), mean


def _decomposed(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Left vectors (n, r), squared singular values (r,) and right vectors (D, r), by the smaller of the two squares of x."""
    wide = x.shape[1] > x.shape[0]
    values, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
    kept = values > max(values[-1], 0.0) * max(x.shape) * np.finfo(np.float64).eps
    values, vectors = values[kept], vectors[:, kept]
    other = (x.T @ vectors if wide else x @ vectors) / np.sqrt(values)
    return (vectors, values, other) if wide else (other, values, vectors)


class Judged(NamedTuple):
    """One encoder at one number of labels.

    Attributes
    ----------
    shares
        (draws, m): what each test row adds to R2, see `shares_of`.
    validation
        Mean over the draws of R2 on left-out training rows.
    """

    shares: np.ndarray
    validation: float

    @property
    def scores(self) -> np.ndarray:
        """R2 of each draw (draws,)."""
        return np.asarray(self.shares.mean(1))


def measure(evidence: Evidence) -> Table:
    """R2 of a ridge regression on the codes of every encoder."""

    def compared(encoders: Mapping[tuple[str, str], Features]) -> list[dict[str, Any]]:
        return scored(encoders, evidence.y_train, evidence.y_test, seed=evidence.seed)

    return Table.of("probe_numbers", with_rivals(evidence, compared))


def compare(
    encoders: Mapping[tuple[str, str], Features], y_train: Any, y_test: Any, **more: Any
) -> list[dict[str, Any]]:
    """The rows of `scored`, with their errors (`with_errors`) in place of the shares."""
    return finished(scored(encoders, y_train, y_test, **more), more.get("seed", 0))


def scored(
    encoders: Mapping[tuple[str, str], Features],
    y_train: Any,
    y_test: Any,
    counts: Iterable[int] = COUNTS,
    draws: int = DRAWS,
    seed: int = 0,
    max_test: int = 10_000,
) -> list[dict[str, Any]]:
    """R2 on the test rows of a ridge regression on the codes of every encoder, for every number of labels.

    Parameters
    ----------
    encoders
        (name, layer) -> codes; row i is the same sample for all of them.
    y_train, y_test
        (n,) and (m,) finite numbers.
    counts
        Labels, drawn ``draws`` times at random; those below n are used, and all n are always there.
    max_test
        Where there are more test rows, a random ``max_test`` of them are used.

    Returns
    -------
    list
        Rows: ``r2``, the mean over the draws; ``sd`` over the draws; ``shares`` (draws, m), what each test row adds to it; and
        ``validation``, the mean R2 on left-out training rows.

    Raises
    ------
    DataError
        If there is nothing to judge: see `unjudgeable`.
    """
    known, asked = np.asarray(y_train, np.float64), np.asarray(y_test, np.float64)
    if said := unjudgeable(known, asked):
        raise DataError(said)
    check_codes(encoders, known, asked)
    rows = np.sort(np.random.default_rng(seed).permutation(len(asked))[:max_test])
    asked = asked[rows]
    if said := unjudgeable(known, asked):
        raise DataError(said)
    tasks = plan(len(known), counts, draws, seed)
    found: dict[tuple[str, str], list[Judged]] = {}
    with threadpool_limits(1):  # see `samples.compare`
        for name, codes in encoders.items():
            found[name] = judged(Features(codes.train, codes.test[rows]), known, asked, tasks)
    return encoder_rows(encoders, found, tasks, lambda one: {"r2": float(one.scores.mean())})


def plan(rows: int, counts: Iterable[int], draws: int, seed: int) -> list[list[np.ndarray]]:
    """Rows (k,) that are labelled in each draw, for every number of labels; smaller draws lie within larger ones."""
    orders = [np.random.default_rng([seed, draw]).permutation(rows) for draw in range(draws)]
    few = [[np.sort(order[:count]) for order in orders] for count in sorted(counts) if count < rows]
    return [*few, [np.arange(rows)]]


def judged(
    codes: Features, known: np.ndarray, asked: np.ndarray, tasks: Sequence[Sequence[np.ndarray]]
) -> list[Judged]:
    """One encoder at every number of labels; its rows are scaled by the statistics of all training rows, as by `probe`."""
    train, test = scale_features(codes.train, codes.train, codes.test)
    found = []
    for draws in tasks:
        fits = [ridge(train[rows], known[rows], test) for rows in draws]
        shares = np.stack([shares_of(fit.guesses, asked) for fit in fits])
        found.append(Judged(shares, float(np.mean([fit.validation for fit in fits]))))
    return found


def shares_of(guesses: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """What each test row adds to R2 (m,): their mean is R2, and their spread tells how far it is from R2 on all there might be.

    R2 is 1 - S / V, of the mean square S of the errors and V of the labels about their mean; to first order a row changes it by
    the change of S over V, and by that of V times S over V squared.
    """
    squares, about = np.square(guesses - asked), np.square(asked - asked.mean())
    left = squares.mean() / about.mean()
    return np.asarray(1 - squares / about.mean() + left * (about / about.mean() - 1))


def lines(table: Table) -> list[str]:
    """Lines on a terminal."""
    return table_lines(table.rows, f"{LOOK.title}, R2", "r2", "labels", "{:.2f}".format)


def brief(table: Table, because: Mapping[str, Any]) -> list[str]:
    """The model's layer that the verdict speaks of, beside the baselines."""
    rows = [row for row in table.rows if row["layer"] in ("", because.get("layer"))]
    return lines(replace(table, rows=rows)) if rows else []


NOTE = (
    "R2 of a ridge regression on test rows: the share of the labels' variance that is explained; 0 is what guessing their mean "
    "gives, and below 0 is worse than that. The penalty is chosen by leaving out training rows in turn; ± is the standard error, "
    "of the test rows and of the drawn labels. Raw input, PCA and random init are scaled as the model's codes are."
)
COLUMNS = ("encoder", "layer", "width", "labels", "r2", "error", "lead_error")
LOOK = Look("ridge regression", COLUMNS, tuple(NAMES), note=NOTE, lines=lines, brief=brief)
