"""The probe where a sample has several labels: mean average precision of one logistic regression a label on frozen codes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from selfsup.errors import DataError
from selfsup.lazy import scipy
from selfsup.measures.run import Evidence, Features, Rows
from selfsup.measures.samples.compare import check_codes
from selfsup.measures.samples.counted import encoder_rows, table_lines
from selfsup.measures.samples.errors import finished
from selfsup.measures.samples.judgeable import told_apart, unjudgeable
from selfsup.measures.samples.leads import NAMES
from selfsup.measures.samples.probe import (
    FEW,
    FIXED_STRENGTH,
    FOLD,
    ITERATIONS,
    STRENGTHS,
    TURNS,
    WORK,
    scale_features,
    turned,
)
from selfsup.measures.samples.regression import plan
from selfsup.measures.samples.rivals import with_rivals
from selfsup.measures.table import Look, Table
from selfsup.measures.wording import percent

log = logging.getLogger("selfsup")

COUNTS = (10, 30, 100, 1000)  # labelled rows; all of them are always there
DRAWS = 5
CHANCE = "chance"  # the encoder of codes that say nothing
ENOUGH = 20  # labelled rows below which C is not chosen
STEEP, ROUGH = (
    1e-4,
    1e-3,
)  # slopes of a label's mean loss at which a fit is done, as scikit-learn has it, and one that chooses C
FLAT = 1e7  # machine precisions by which the loss falls in the last step, scipy's default: 2e-9


class Fit(NamedTuple):
    """One logistic regression a label: the scores of codes (m, D) are codes @ weight + bias.

    Attributes
    ----------
    weight
        (D, L).
    bias
        (L,).
    """

    weight: np.ndarray
    bias: np.ndarray

    def scores(self, codes: Rows) -> np.ndarray:
        """Logarithms of the odds (m, L), float64."""
        return np.asarray(np.asarray(codes @ self.weight.astype(np.float32), np.float64) + self.bias)


class Judged(NamedTuple):
    """One encoder at one number of labelled rows.

    Attributes
    ----------
    shares
        (draws, m): what each test row adds to mean average precision, see `shares_of`.
    f1
        Micro-averaged F1 of "more likely than not", mean over the draws.
    validation
        Mean over the draws of mean average precision on held-out training rows; None where there were too few.
    """

    shares: np.ndarray
    f1: float
    validation: float | None

    @property
    def scores(self) -> np.ndarray:
        """Mean average precision of each draw (draws,)."""
        return np.asarray(self.shares.mean(1))


def measure(evidence: Evidence) -> Table:
    """Mean average precision of a linear probe on the codes of every encoder, and on codes that say nothing: chance."""
    sizes = len(np.asarray(evidence.y_train)), len(np.asarray(evidence.y_test))
    nothing = {(CHANCE, ""): Features(*(np.zeros((size, 1), np.float32) for size in sizes))}

    def compared(encoders: Mapping[tuple[str, str], Features]) -> list[dict[str, Any]]:
        return scored(encoders, evidence.y_train, evidence.y_test, seed=evidence.seed)

    features = {**(evidence.features or {}), **nothing}
    return Table.of("probe_several", with_rivals(evidence._replace(features=features), compared))


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
    """Mean average precision on the test rows of one logistic regression a label, for every number of labelled rows.

    Average precision is the area under the curve of precision over recall as PASCAL VOC 2010 and scikit-learn's
    ``average_precision_score`` take it, without interpolation: the mean over the rows that have a label of the precision
    among the rows that are scored at least as high. Its mean over labels is the score; guesses that know nothing of a sample
    have the share of rows that have the label.

    Parameters
    ----------
    encoders
        (name, layer) -> codes; row i is the same sample for all of them.
    y_train, y_test
        (n, L) and (m, L) bool. A label that all or none of the rows of either part have is left out (`told_apart`).
    counts
        Labelled rows, drawn ``draws`` times at random; those below n are used, and all n are always there.
    max_test
        Where there are more test rows, a random ``max_test`` of them are used.

    Returns
    -------
    list
        Rows: ``map``, the mean over the draws; ``sd`` over the draws; ``f1``, micro-averaged; ``counted``, how many labels;
        ``shares`` (draws, m), what each test row adds to it; ``validation``, the score on held-out training rows.

    Raises
    ------
    DataError
        If there is nothing to judge: see `unjudgeable`.
    """
    known, asked = np.asarray(y_train, bool), np.asarray(y_test, bool)
    check_codes(encoders, known, asked)
    rows = np.sort(np.random.default_rng(seed).permutation(len(asked))[:max_test])
    asked = asked[rows]
    if said := unjudgeable(known, asked):
        raise DataError(said)
    counted = told_apart(known, asked)
    known, asked = known[:, counted], asked[:, counted]
    tasks = plan(len(known), counts, draws, seed)
    found: dict[tuple[str, str], list[Judged]] = {}
    with threadpool_limits(1):  # see `samples.compare`
        for name, codes in encoders.items():
            found[name] = judged(Features(codes.train, codes.test[rows]), known, asked, tasks, seed)
            log.debug("evaluated %s %s: mAP %.3f with all labels", *name, found[name][-1].scores.mean())
    about = {"counted": asked.shape[1]}
    return encoder_rows(encoders, found, tasks, lambda one: {"map": float(one.scores.mean()), "f1": one.f1, **about})


def judged(
    codes: Features, known: np.ndarray, asked: np.ndarray, tasks: Sequence[Sequence[np.ndarray]], seed: int = 0
) -> list[Judged]:
    """One encoder at every number of labelled rows; its codes are scaled by statistics of all training rows, as by `probe`."""
    train, test = scale_features(codes.train, codes.train, codes.test)
    found = []
    for draws in tasks:
        shares, f1s, validations = list[np.ndarray](), list[float](), list[float | None]()
        for draw, rows in enumerate(draws):
            fit, validation = fitted(train[rows], known[rows], seed + draw)
            scores = fit.scores(test)
            shares.append(shares_of(scores, asked))
            f1s.append(micro_f1(scores > 0, asked))
            validations.append(validation)
        sure = [one for one in validations if one is not None]
        known_all = float(np.mean(sure)) if len(sure) == len(draws) else None
        found.append(Judged(np.stack(shares), float(np.mean(f1s)), known_all))
    return found


def fitted(train: Rows, labels: np.ndarray, seed: int = 0) -> tuple[Fit, float | None]:
    """One logistic regression a label, all with the C that gives held-out rows the greatest likelihood, fitted to all rows.

    One C for all labels, as there is one for all classes where a sample has one: of a label that few rows have, what is held
    out says next to nothing. Rows are held out as by `probe`: a fifth of many, of few each once, a third at a time.

    Parameters
    ----------
    train
        (n, D) float32, from `scale_features`.
    labels
        (n, L) bool.

    Returns
    -------
    Fit, float or None
        And mean average precision on the rows that chose C; None where there were too few.
    """
    n, order = len(labels), np.random.default_rng(seed).permutation(len(labels))
    if n < ENOUGH:
        return fit(train, labels, FIXED_STRENGTH), None
    held = [order[: n // FOLD]] if n >= FEW else [order[place::TURNS] for place in range(TURNS)]
    within = turned(train) if len(held) > 1 else train
    parts = [(np.setdiff1d(order, rows), rows) for rows in held]
    losses, precisions, fits = list[float](), list[list[float]](), list[Fit | None]([None] * len(held))
    for strength in STRENGTHS:
        losses.append(0.0)
        precisions.append([])
        for place, (rest, rows) in enumerate(parts):
            fits[place] = one = fit(within[rest], labels[rest], strength, fits[place], ROUGH)
            scores, asked = one.scores(within[rows]), told_apart(labels[rows], labels[rows])
            losses[-1] += float(_losses(scores, labels[rows]).sum())
            if asked.any():
                precisions[-1].append(float(shares_of(scores[:, asked], labels[rows][:, asked]).mean()))
        if losses[-1] > min(losses):  # the likelihood has one peak, or next to one
            break
    best = int(np.argmin(losses))  # of equals the strongest penalty
    validation = float(np.mean(precisions[best])) if precisions[best] else None
    return fit(train, labels, STRENGTHS[best]), validation


def _losses(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Logistic losses (m, L)."""
    return np.asarray(np.logaddexp(0, scores) - labels * scores)


def fit(x: np.ndarray, labels: np.ndarray, strength: float, start: Fit | None = None, slope: float = STEEP) -> Fit:
    """One logistic regression a label by L-BFGS, all at once: they share no weight, so the sum is least where each is.

    What all or none of the rows have is always guessed so.

    Parameters
    ----------
    x
        (n, D) float32.
    labels
        (n, L) bool.
    strength
        C, inverse to the penalty: as scikit-learn's ``LogisticRegression(C=strength)`` has it.
    start
        Where to begin.
    slope
        Largest component of the gradient of a label's mean loss at which it is done.
    """
    n, width = x.shape
    varied = told_apart(labels, labels)
    y, share = labels[:, varied].astype(np.float64), (labels.sum(0) + 0.5) / (n + 1)
    weight, bias = np.zeros((width, labels.shape[1])), np.log(share / (1 - share))
    if not y.size:
        return Fit(weight, bias)
    size, penalty, columns = (width + 1, y.shape[1]), 1 / (strength * n), x.T

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = flat.reshape(size)
        scores = Fit(table[:-1], table[-1]).scores(x)  # (n, varied)
        apart = ((sigmoid(scores) - y) / n).astype(np.float32)
        slopes = np.empty(size)
        slopes[:-1], slopes[-1] = columns @ apart, apart.sum(0)
        slopes[:-1] += penalty * table[:-1]
        return float(_losses(scores, y).sum() / n + penalty / 2 * np.vdot(table[:-1], table[:-1])), slopes.ravel()

    begin, sigmoid = start or Fit(weight, bias), scipy.special.expit
    flat = np.concatenate([begin.weight[:, varied], begin.bias[None, varied]]).ravel()
    steps = int(np.clip(WORK / (n * width * y.shape[1]), 10, ITERATIONS))
    found = scipy.optimize.fmin_l_bfgs_b(loss, flat, pgtol=slope, factr=FLAT, maxiter=steps)[0].reshape(size)
    weight[:, varied], bias[varied] = found[:-1], found[-1]
    return Fit(weight, bias)


def shares_of(scores: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """What each test row adds to mean average precision (m,): their mean is it, and their spread tells how sure it is.

    Average precision is no mean over rows: a row without the label, scored high, lowers the precision of every row below. A row's
    share is the score plus its influence, to first order, as if the test set had a little more of it (Hampel 1974; the
    infinitesimal jackknife).

    Parameters
    ----------
    scores
        (m, L): the higher, the surer of a label.
    asked
        (m, L) bool: who has it; no label that all or none have.
    """
    return np.asarray(np.mean([_shares(scores[:, label], asked[:, label]) for label in range(asked.shape[1])], axis=0))


def _shares(scores: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Of one label: average precision and the influence of each row on it (m,)."""
    m, order = len(scores), np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), m - 1)  # equal scores have one place
    above = ends + 1  # rows that are scored at least as high
    found = np.cumsum(asked[order])[ends]
    precision, own = found / above, np.diff(found, prepend=0)
    place = np.empty(m, np.int64)
    place[order] = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=-1))
    share, mean = asked.mean(), float(own @ precision) / asked.sum()
    # what a row more changes in the precision of itself, and of the rows that are scored no higher
    gain, cost = (np.cumsum(one[::-1])[::-1] for one in (own / above, own / above * precision))
    return np.asarray(mean + (asked * (precision + gain - mean)[place] - cost[place]) / share)


def micro_f1(guesses: np.ndarray, asked: np.ndarray) -> float:
    """F1 of all labels of all rows together (m, L); 0 where nothing is guessed right."""
    right, either = np.count_nonzero(guesses & asked), np.count_nonzero(guesses) + np.count_nonzero(asked)
    return 2 * right / either if either else 0.0


def lines(table: Table) -> list[str]:
    """Lines on a terminal."""
    over = f"; mean over {table.rows[0]['counted']:,} labels" if table.rows else ""
    return table_lines(table.rows, f"{LOOK.title}, mAP %", "map", "rows", percent, over)


def brief(table: Table, because: Mapping[str, Any]) -> list[str]:
    """The model's layer that the verdict speaks of, beside the baselines."""
    rows = [row for row in table.rows if row["layer"] in ("", because.get("layer"))]
    return lines(replace(table, rows=rows)) if rows else []


NOTE = (
    "Mean average precision (mAP) on test rows of one logistic regression a label: for each label the area under the curve of "
    "precision over recall, and of these the mean; chance, of guesses that know nothing of a sample, is the share of rows with "
    "the label. C is chosen on held-out training rows; ± is the standard error, of the test rows and of the drawn rows. Raw "
    "input, PCA and random init are scaled as the model's codes are."
)
COLUMNS = ("encoder", "layer", "width", "labels", "map", "error", "lead_error", "f1")
LOOK = Look("multi-label probe", COLUMNS, tuple(NAMES), note=NOTE, lines=lines, brief=brief)
