"""Gradient boosting on the columns themselves, and with the codes beside them: what people use on tables."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from selfsup.lazy import sklearn
from selfsup.measures.run import Columns, Evidence, Features
from selfsup.measures.samples import multilabel
from selfsup.measures.samples.compare import at_random
from selfsup.measures.samples.judgeable import told_apart
from selfsup.measures.samples.leads import score
from selfsup.measures.samples.regression import shares_of
from selfsup.measures.table import Look, Table
from selfsup.system.progress import roughly

ALONE, BESIDE = "boosting", "boosting + codes"
MOST = 10_000  # labelled rows at most; up to here scikit-learn does not stop early, and a fit has nothing random in it
DRAWS = 3  # of these rows, where there are more
BINS = 255  # categories that scikit-learn tells apart in one column; the places of more are taken as numbers
ROUNDS, TREE, COLUMN, ROW = (
    100,
    2e-4,
    5e-5,
    4e-7,
)  # trees a class, by default; seconds for one, for its columns and its rows
FULL = 600  # rows from which on a tree has all its 31 leaves, of 20 rows at least
LONG, SAID = 60.0, 5.0  # seconds: a comparison that takes longer is left out; one that takes so long is announced
SURE = 2.0  # standard errors
log = logging.getLogger("selfsup")


class Found(NamedTuple):
    """What each test row adds to the score, a mean over the draws (m,), and the score of each draw."""

    shares: np.ndarray
    draws: list[float]


def measure(evidence: Evidence) -> Table:
    """Accuracy (of numbers R2, of several labels mean average precision) of boosting on the columns, and its gain by the codes.

    scikit-learn's ``HistGradientBoosting`` with its defaults (100 trees a class of at most 31 leaves, learning rate 0.1), on the
    columns as the table has them: not standardised, categories as such, what is missing left missing. Nothing is chosen, so
    nothing can be chosen on the test rows.

    Returns
    -------
    Table
        Rows ``boosting`` and ``boosting + codes``: ``accuracy``, ``r2`` or ``map`` and its standard ``error``; of the second also
        its ``lead`` over the first and the standard error of that, ``lead_error``, paired over the test rows.
    """
    columns, codes = evidence.columns, codes_of(evidence.features or {})
    assert columns is not None
    known, asked = np.asarray(evidence.y_train), np.asarray(evidence.y_test)
    if known.ndim == 2:
        counted = told_apart(known, asked)
        known, asked = known[:, counted], asked[:, counted]
    draws, wider = _draws(known, evidence.seed), columns.with_codes(codes)
    expected = len(draws) * sum(seconds(len(draws[0]), one.width, classes_of(known)) for one in (columns, wider))
    if expected > SAID:
        log.info("boosting on the columns, without the codes and with them, takes about %s", roughly(expected))
    alone, beside = (_judged(one, known, asked, draws, evidence.seed) for one in (columns, wider))
    lead = Found(beside.shares - alone.shares, [b - a for a, b in zip(alone.draws, beside.draws, strict=True)])
    unit = "map" if known.ndim == 2 else "r2" if known.dtype.kind == "f" else "accuracy"
    about = {"labels": len(draws[0]), "tested": len(asked), "draws": len(draws)}
    rows: list[dict[str, Any]] = []
    for name, width, found in ((ALONE, columns.width, alone), (BESIDE, wider.width, beside)):
        scored = {"encoder": name, "width": width, unit: float(np.mean(found.draws)), "error": error_of(found)}
        rows.append({**scored, "lead": None, "lead_error": None, **about})
    rows[-1] |= {"lead": float(np.mean(lead.draws)), "lead_error": error_of(lead)}
    return Table.of("boosting", rows)


def _draws(known: np.ndarray, seed: int) -> list[np.ndarray]:
    """The labelled rows that are learnt from: all of them, or several draws where they are too many."""
    if len(known) <= MOST:
        return [np.arange(len(known))]
    orders = [np.random.default_rng([seed, draw]).permutation(len(known)) for draw in range(DRAWS)]
    if known.ndim == 2 or known.dtype.kind == "f":
        return [np.sort(order[:MOST]) for order in orders]
    places = np.unique(known, return_inverse=True)[1]
    return [at_random(places, order, MOST) for order in orders]


def codes_of(features: Mapping[tuple[str, str], Features]) -> Features:
    """What `encode` gives a user: the model's layer "code", or else its last."""
    layers = [layer for encoder, layer in features if encoder == "model"]
    return features["model", "code" if "code" in layers else layers[-1]]


def classes_of(labels: np.ndarray) -> int:
    """How many trees at a time labels take."""
    if labels.ndim == 2:
        return int(labels.shape[1])
    classes = 1 if labels.dtype.kind == "f" else len(np.unique(labels))
    return 1 if classes == 2 else classes


def seconds(rows: int, columns: int, trees: int) -> float:
    """How long boosting takes, about, with so many trees at a time."""
    return ROUNDS * trees * (TREE + COLUMN * columns * min(1.0, rows / FULL) + ROW * min(rows, MOST))


def error_of(found: Found) -> float:
    """Standard error of a mean over test rows, with what the draws differ by.

    As if two rows more had been tested, one half right and one half wrong: of few rows none is known for certain.
    """
    m = len(found.shares)
    rows = (np.var(found.shares) * m + 0.5) / (m + 2) / (m + 2)
    drawn = np.var(found.draws, ddof=1) / len(found.draws) if len(found.draws) > 1 else 0.0
    return float(math.sqrt(rows + drawn))


def _judged(columns: Columns, known: np.ndarray, asked: np.ndarray, draws: list[np.ndarray], seed: int) -> Found:
    numbers, several = known.dtype.kind == "f", known.ndim == 2
    room = sklearn.ensemble
    make = room.HistGradientBoostingRegressor if numbers else room.HistGradientBoostingClassifier
    categories = columns.categories if columns.categories.any() else None
    shares = []
    for draw, rows in enumerate(draws):
        model = make(categorical_features=categories, random_state=seed + draw)
        # threads that wait on one another are slower on tables of this size
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The number of unique classes")  # a row or two a class is what was given
            if several:
                shares.append(multilabel.shares_of(_scores(model, columns, known, rows), asked))
                continue
            guesses = model.fit(columns.train[rows], known[rows]).predict(columns.test)
        shares.append(shares_of(guesses, asked) if numbers else (guesses == asked).astype(float))
    return Found(np.mean(shares, axis=0), [float(one.mean()) for one in shares])


def _scores(model: Any, columns: Columns, known: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Scores (m, L) of several labels, a model for each; the same for all rows of a label that all or none of these rows have."""
    found = np.zeros((len(columns.test), known.shape[1]))
    for label, own in enumerate(known[rows].T):
        if own.any() and not own.all():
            found[:, label] = model.fit(columns.train[rows], own).decision_function(columns.test)
    return found


def lines(table: Table) -> list[str]:
    """The table on a terminal, and what it answers."""
    kind = "R2" if any("r2" in row for row in table.rows) else "%"
    name = "mAP" if any("map" in row for row in table.rows) else "accuracy"
    found = [f"{f'gradient boosting, {kind}':<26}{kind.replace('%', name):>14}{'lead':>16}"]
    for row in table.rows:
        own = said(score(row), row["error"], kind)
        lead = "" if row["lead"] is None else said(row["lead"], row["lead_error"], kind, sign="+")
        found.append(f"{row['encoder']:<26}{own:>14}{lead:>16}".rstrip())
    return [*found, *answer(table, {})]


def said(score: Any, error: Any, kind: str, sign: str = "") -> str:
    """A score and its error: in per cent with one decimal, or of R2 with three."""
    share, digits = (100, 1) if kind == "%" else (1, 3)
    return f"{round(share * score, digits) + 0.0:{sign}.{digits}f} ± {share * error:.{digits}f}"  # no -0.0


def answer(table: Table, because: Mapping[str, Any]) -> list[str]:
    """One line: whether the codes helped beside the columns."""
    rows = {row["encoder"]: row for row in table.rows}
    if ALONE not in rows or BESIDE not in rows:
        return []
    lead, error = rows[BESIDE]["lead"], rows[BESIDE]["lead_error"]
    word = "yes" if lead > SURE * error else "no, they cost" if lead < -SURE * error else "not clearly"
    kind = "R2" if "r2" in rows[BESIDE] else "%"
    scores = [score(rows[name]) for name in (BESIDE, ALONE)]
    both = "{:.1f} % beside {:.1f}".format(*(100 * score for score in scores))
    if kind == "R2":
        both = "R2 {:.3f} beside {:.3f}".format(*scores)
    return [f"Did it help against boosting on your columns? {word}: {both} ({said(lead, error, kind, sign='+')})"]


LOOK = Look(
    "gradient boosting",
    baselines=(ALONE,),
    note=(
        "scikit-learn's histogram gradient boosting with its defaults, on the columns as they are (categories as such, what is "
        "missing left missing), and once more with the codes as further columns. Error: the standard error of the score; lead: "
        "what is gained by the codes, with its own standard error, paired over the same test rows."
    ),
    lines=lines,
    brief=answer,
)
