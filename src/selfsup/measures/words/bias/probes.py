"""Whether two sides can still be told apart: clusters, and probes on held-out words (Gonen and Goldberg, 2019, sec. 4)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from selfsup.lazy import sklearn
from selfsup.measures.samples.probe import scale_features

TRAIN = 5  # a fifth of the words is learnt from: 1,000 of 5,000, as the paper
FEWEST = 20  # words of each side
SHUFFLES = 20  # of the labels of clusters
BASELINES = 2  # splits of shuffled labels, which cost most: nothing separates them
DEVIATIONS = 1.96  # to either side of a mean: 95 %
STARTS = 10  # of k-means
HIDDEN, EPOCHS = 100, 30  # of the MLP
RATE = 0.01  # of Adam; at a tenth of it 200 epochs come to the same, and 30 tell fewer words apart after LEACE
SEEDS = 1 << 32  # that scikit-learn knows


class RbfSvm:
    """scikit-learn's ``SVC()``, with its kernel made by products of whole matrices: the same answers in a quarter of the time."""

    def fit(self, rows: np.ndarray, labels: np.ndarray) -> RbfSvm:
        """Learn from rows (m, D) and labels (m,) bool."""
        variance = float(rows.var())
        self.gamma = 1 / (rows.shape[1] * variance) if variance > 0 else 1.0
        found = sklearn.svm.SVC(kernel="precomputed").fit(self._kernel(rows, rows), labels)
        self.rows, self.weights, self.bias = rows[found.support_], found.dual_coef_[0], found.intercept_[0]
        return self

    def score(self, rows: np.ndarray, labels: np.ndarray) -> float:
        """Share of rows (m, D) of which the label is told rightly."""
        return float(((self._kernel(rows, self.rows) @ self.weights + self.bias > 0) == labels).mean())

    def _kernel(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        lengths = (np.einsum("md,md->m", rows, rows) for rows in (a, b))
        distances: np.ndarray = np.add.outer(*lengths) - 2 * a @ b.T  # (m, n), squared
        return np.exp(-self.gamma * distances.clip(0))


class Probe(NamedTuple):
    """A classifier of scikit-learn's kind, made with a seed, and what it is in words."""

    make: Callable[[int], Any]
    said: str


LINEAR = "linear"
PROBES = {
    LINEAR: Probe(lambda seed: sklearn.linear_model.LogisticRegression(max_iter=200), "logistic regression, C = 1"),
    "RBF-SVM": Probe(lambda seed: RbfSvm(), "scikit-learn's SVC, C = 1"),
    "MLP": Probe(
        lambda seed: sklearn.neural_network.MLPClassifier(
            (HIDDEN,), learning_rate_init=RATE, max_iter=EPOCHS, random_state=seed % SEEDS
        ),
        f"one hidden layer of {HIDDEN} (ReLU), {EPOCHS} epochs",
    ),
}


class Share(NamedTuple):
    """Share of words whose side was told rightly, its 95 % interval, and the same with shuffled labels."""

    share: float
    low: float | None
    high: float | None
    chance: float


def clusters(rows: np.ndarray, labels: np.ndarray, seed: int = 0) -> Share:
    """Accuracy of two clusters as the two sides, by the better of the two ways to name them.

    Parameters
    ----------
    rows
        Vectors (m, D).
    labels
        (m,) bool, the side of each.
    seed
        Of the starts, of which that with the least squares counts, and of the shuffled labels.

    Returns
    -------
    Share
        The interval is Wilson's, of m words; chance is the mean over shuffled labels, above a half as the better name counts.
    """
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", sklearn.exceptions.ConvergenceWarning
        )  # vectors that are all alike are one cluster
        found = sklearn.cluster.KMeans(2, n_init=STARTS, random_state=seed % SEEDS).fit_predict(rows) == 1
    rng = np.random.default_rng(seed)
    chance = float(np.mean([_agreement(found, rng.permutation(labels)) for _ in range(SHUFFLES)]))
    share = _agreement(found, labels)
    return Share(share, *_wilson(share, len(labels)), chance)


def held_out(name: str, rows: np.ndarray, labels: np.ndarray, splits: int = 5, seed: int = 0) -> Share:
    """Accuracy of a probe on words it was not trained on: a fifth of each side is learnt from, the rest is asked.

    Parameters
    ----------
    name
        One of `PROBES`.
    rows
        Vectors (m, D); centred and scaled by one number of the words that are learnt from.
    labels
        (m,) bool.
    splits
        Draws of these words, each with the seed that follows; the same ones whatever the rows are.
    seed
        Of the first.

    Returns
    -------
    Share
        The mean over the splits; low and high are 1.96 deviations of the splits away, not of the mean. For chance the
        labels of all words are shuffled before, for the first two.
    """
    true: list[float] = []
    shuffled: list[float] = []
    for number in range(seed, seed + splits):
        rng = np.random.default_rng(number)
        for to, given in ((true, labels), (shuffled, rng.permutation(labels)))[: 2 if len(shuffled) < BASELINES else 1]:
            sides = [rng.permutation(np.flatnonzero(given == side))[: learnt(given == side)] for side in (False, True)]
            train = np.concatenate(sides)
            test = np.setdiff1d(np.arange(len(given)), train)
            known, asked = scale_features(rows[train], rows[train], rows[test])
            to.append(_accuracy(PROBES[name].make(number), known, given[train], asked, given[test]))
    mean, far = float(np.mean(true)), DEVIATIONS * float(np.std(true, ddof=1)) if splits > 1 else 0.0
    return Share(mean, max(mean - far, 0.0), min(mean + far, 1.0), float(np.mean(shuffled)))


def on_its_own(rows: np.ndarray, labels: np.ndarray, seed: int = 0) -> Share:
    """Accuracy of the linear probe on the very words it was trained on: what an erasure promises is of these.

    Chance is that of shuffled labels, which a probe in D dimensions learns in part: it is above a half.
    """
    (known,) = scale_features(rows, rows)
    rng = np.random.default_rng(seed)
    share, chance = (
        _accuracy(PROBES[LINEAR].make(seed), known, given, known, given) for given in (labels, rng.permutation(labels))
    )
    return Share(share, *_wilson(share, len(labels)), chance)


def learnt(side: np.ndarray) -> int:
    """How many words of a side (m,) bool are learnt from."""
    return max(int(side.sum()) // TRAIN, 2)


def _accuracy(model: Any, known: np.ndarray, labels: np.ndarray, asked: np.ndarray, true: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", sklearn.exceptions.ConvergenceWarning
        )  # so many epochs, and no more, are what is asked
        return float(model.fit(known, labels).score(asked, true))


def _agreement(found: np.ndarray, labels: np.ndarray) -> float:
    share = float((found == labels).mean())
    return max(share, 1 - share)


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's interval of a share of n."""
    z = DEVIATIONS * DEVIATIONS / n
    middle, far = share + z / 2, DEVIATIONS * math.sqrt(share * (1 - share) / n + z / (4 * n))
    return max((middle - far) / (1 + z), 0.0), min((middle + far) / (1 + z), 1.0)
