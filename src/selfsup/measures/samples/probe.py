"""The linear probe: how much of the labels a linear classifier on frozen codes can read, with how many labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from selfsup.lazy import scipy
from selfsup.measures.run import Evidence, Features, Rows
from selfsup.measures.samples import softmax
from selfsup.measures.samples.compare import Guess, Guesser, Row, scored
from selfsup.measures.samples.leads import best_layer
from selfsup.measures.samples.rivals import with_rivals
from selfsup.measures.samples.softmax import Softmax
from selfsup.measures.table import Table

# With rows of this mean squared norm, scikit-learn's own C = 1 is about right for a few labels a class, and the best C
# lay within the grid for every number of labels and for raw, PCA and random codes of the digits.
SQUARED_NORM = 100.0
STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)  # C, inverse to the penalty; ascending, so that each fit warms up the next
FIXED_STRENGTH = 1.0  # where there are too few labels to choose
FOLD = 5  # a fifth of the labels of each class that has at least this many chooses C
FEW = 300  # labels below which C is chosen by cross-validation
TURNS = 3  # of it: five take twice as long, and were no better on digits and wine with 10 to 50 labels a class
ENOUGH = 10  # labels of two classes below which it is not chosen at all
ITERATIONS = 200
AT_ONCE = 20_000  # weights above which turns of a choice are fitted one by one
KEPT = "guesses"  # in what measures keep for one another
WORK = 3e10  # multiplications in one fit at most, in rows x width x classes x iterations: a few seconds


def measure(evidence: Evidence) -> Table:
    """Accuracy of a linear probe on the codes of every encoder."""
    known, asked = np.asarray(evidence.y_train), np.asarray(evidence.y_test)
    guesses: dict[tuple[str, str], Guess] = {}

    def compared(encoders: Mapping[tuple[str, str], Features]) -> list[Row]:
        return scored(encoders, known, asked, judge, seed=evidence.seed, kept=guesses)

    rows = with_rivals(evidence, compared)
    if evidence.kept is not None and (layer := best_layer(rows)) is not None:
        own = {name: guess for (name, block), guess in guesses.items() if block == ""}
        evidence.kept[KEPT] = {"model": guesses["model", layer], **own}
    return Table.of("probe", rows)


def guesses_of(evidence: Evidence) -> dict[str, Guess]:
    """What the probe guessed of the test rows with all labels: of the model's judged layer, and of each baseline without layers.

    Nothing is fitted again where the probe was measured of the same evidence.
    """
    known = evidence if evidence.kept is not None else evidence._replace(kept={})
    assert known.kept is not None
    if KEPT not in known.kept:
        measure(known)
    found: dict[str, Guess] = known.kept.get(KEPT, {})
    asked = len(np.asarray(evidence.y_test))
    return {name: guess for name, guess in found.items() if len(guess.classes) == asked}


def judge(features: Features, used: np.ndarray) -> Guesser:
    """Prepare one encoder: only rows that some draw labels are scaled and kept, by statistics of all rows."""
    train, test = scale_features(features.train, features.train[used], features.test)
    return lambda rows, labels, seed: probe(train[rows], labels, test, seed)


def scale_features(train: Rows, *parts: Rows) -> list[Rows]:
    """Centre by the mean of the training rows and divide by one number: the same rule for every encoder.

    One number for all dimensions, because dividing each by its own deviation would blow up those that an encoder keeps
    small, and would undo much of what makes PCA or a trained code differ from raw input.

    Parameters
    ----------
    train
        (n, D): all training rows, whether they have a label or not. Sparse rows are divided and not centred.
    parts
        (m, D) each: what is to be scaled by the statistics of ``train``.

    Returns
    -------
    list of numpy.ndarray
        float32, of the shapes of ``parts``; ``train`` itself would have the mean squared row norm `SQUARED_NORM`.
    """
    if not isinstance(train, np.ndarray):  # sparse: what is centred is no longer so, and the intercept sees to the mean
        squares = float(np.square(train.data, dtype=np.float64).sum()) / train.shape[0]
        size = np.float32(np.sqrt(SQUARED_NORM / squares) if squares > 0 else 0)
        return [(part * size).tocsr() for part in parts]
    mean = train.mean(0, dtype=np.float64)
    # E|x - mean|^2 dimension by dimension, in chunks: no second copy of the training rows
    squares = sum(float(np.square(train[i : i + 4096] - mean).sum()) for i in range(0, len(train), 4096)) / len(train)
    factor = np.sqrt(SQUARED_NORM / squares) if squares > 0 else 0.0  # constant codes: all zeros, not rounding noise
    return [((part - mean) * factor).astype(np.float32) for part in parts]


def split(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows to fit and rows to choose by: a fifth of every class with enough labels; None if two classes have not."""
    order = np.random.default_rng(seed).permutation(len(labels))
    held = [order[labels[order] == c] for c in np.unique(labels)]
    held = [rows[: len(rows) // FOLD] for rows in held if len(rows) >= FOLD]
    if len(held) < 2:
        return None
    chosen = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(labels)), chosen), chosen


def held_out(labels: np.ndarray, seed: int) -> list[np.ndarray]:
    """Rows that choose C, by turns: a fifth of many labels; of few each once, a third at a time.

    None where two classes have not `ENOUGH` labels: on wine, breast cancer, iris and digits, with 5 labels a class, the fixed C
    was as good as any choice or better.
    """
    if len(labels) < FEW:
        enough = np.count_nonzero(np.unique(labels, return_counts=True)[1] >= ENOUGH) >= 2
        return folds(labels, np.random.default_rng(seed)) if enough else []
    parts = split(labels, seed)
    return [] if parts is None else [parts[1]]


def folds(labels: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Rows of each fold, with each class dealt out over them; the only row of a class is in none."""
    order, places, dealt = rng.permutation(len(labels)), np.full(len(labels), -1), 0
    for one in np.unique(labels):
        rows = order[labels[order] == one]
        if len(rows) > 1:
            places[rows] = (dealt + np.arange(len(rows))) % TURNS
            dealt += len(rows)
    return [np.flatnonzero(places == place) for place in range(min(TURNS, dealt))]


def turned(train: Rows) -> Rows:
    """Rows (n, D) in the n dimensions that they span, where they are wider than that: a penalty on squares sees no difference."""
    if not isinstance(train, np.ndarray) or train.shape[1] <= train.shape[0]:
        return train
    rows = train.astype(np.float64)
    values, vectors = np.linalg.eigh(rows @ rows.T)
    return (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)


def probe(train: Rows, labels: np.ndarray, test: Rows, seed: int = 0) -> Guess:
    """Logistic regression on scaled codes; C is chosen on held-out labels (`held_out`) and the fit repeated on all of them.

    Parameters
    ----------
    train, test
        (n, D) and (m, D) float32, from `scale_features`.
    labels
        (n,) int64, of at least 2 classes.
    seed
        Of the split, so that every encoder is judged on the same one.
    """
    model, validation = fitted(train, labels, seed)
    return Guess(model.predict(test), validation, lambda: model.predict_proba(test).max(1))


def fitted(train: Rows, labels: np.ndarray, seed: int) -> tuple[Softmax, float | None]:
    """The regression, and its accuracy on the labels that chose C; None where there were too few."""
    classes, places = np.unique(labels, return_inverse=True)
    values = train.size if isinstance(train, np.ndarray) else train.nnz
    steps = int(np.clip(WORK / max(values * len(classes), 1), 10, ITERATIONS))
    strength, validation, start = FIXED_STRENGTH, None, None
    if held := held_out(labels, seed):
        within = turned(train) if len(held) > 1 else train
        strength, validation, start = choose(within, places, held, steps)
        start = start[None] if within is train else None
    found = softmax.fit(train, places, len(classes), strength, start=start, steps=steps)[0]
    return Softmax(classes, found[:, :-1], found[:, -1]), validation


class Weights(NamedTuple):
    """A linear classifier: the scores of a code are weight (code - mean) / size + bias, where codes are of mean square 1."""

    mean: np.ndarray  # (D,)
    size: float
    weight: np.ndarray  # (K, D)
    bias: np.ndarray  # (K,)


def weights(codes: np.ndarray, labels: np.ndarray, classes: int, seed: int = 0) -> Weights:
    """The linear classifier itself, for who goes on from it.

    Parameters
    ----------
    codes
        (n, D) float32, not scaled.
    labels
        (n,) int64 in 0..K-1.
    classes
        K; one that has no label has the weights 0.
    """
    mean = codes.mean(0, dtype=np.float64)
    size = float(np.sqrt(np.square(codes - mean).mean())) or 1.0
    weight, bias = np.zeros((classes, codes.shape[1])), np.zeros(classes)
    unit = float(
        np.sqrt(SQUARED_NORM / codes.shape[1])
    )  # from a mean square of 1 to the norm that the strengths are made for
    model, _ = fitted(((codes - mean) / size * unit).astype(np.float32), labels, seed)
    weight[model.classes], bias[model.classes] = model.weight * unit, model.bias
    return Weights(mean, size, weight, bias)


def choose(train: Rows, places: np.ndarray, held: Sequence[np.ndarray], steps: int) -> tuple[float, float, np.ndarray]:
    """The C with the best accuracy on rows that are held out in turn; of equals, that of the least log-loss.

    With a few labels a class many values of C are equally accurate on the few held-out rows; the log-loss tells them
    apart, and of equals there the stronger penalty wins. Weaker ones are no longer tried once both have become worse.

    Returns
    -------
    tuple
        The C, that accuracy, and the mean weights (K, D + 1) of the turns, from which a fit to all rows may begin.
    """
    n, classes = len(places), int(places.max()) + 1
    counted = np.ones((len(held), n), bool)
    for turn, rows in enumerate(held):
        counted[turn, rows] = False
    at_once = max(1, AT_ONCE // (classes * (train.shape[1] + 1)))  # turns that are fitted together
    parts = [slice(first, first + at_once) for first in range(0, len(held), at_once)]
    fits: list[np.ndarray] = [np.zeros((len(held[part]), classes, train.shape[1] + 1)) for part in parts]
    best, chosen = (-np.inf, -np.inf), (STRENGTHS[0], 0.0, fits[0][0])
    for strength in STRENGTHS:
        fits = [
            softmax.fit(
                train, places, classes, strength, counted=counted[part], start=fit, slope=softmax.ROUGH, steps=steps
            )
            for part, fit in zip(parts, fits, strict=True)
        ]
        every = np.concatenate(fits)
        found = _held(train, places, held, every)
        if found > best:
            best, chosen = found, (strength, found[0] / sum(map(len, held)), every.mean(0))
        elif found[0] < best[0] and found[1] < best[1]:
            break
    return chosen


def _held(train: Rows, places: np.ndarray, held: Sequence[np.ndarray], fits: np.ndarray) -> tuple[float, float]:
    """Right guesses of the rows that each fit has not seen, and the sum of the logarithms of the chances it gave to the truth."""
    right, logs = 0.0, 0.0
    for fit, rows in zip(fits, held, strict=True):
        scores = Softmax(np.arange(len(fit)), fit[:, :-1], fit[:, -1]).scores(train[rows])
        own = scores[np.arange(len(rows)), places[rows]]
        right += np.count_nonzero(scores.argmax(1) == places[rows])
        logs += float(np.minimum(own - scipy.special.logsumexp(scores, axis=1), 0).sum())
    return right, logs
