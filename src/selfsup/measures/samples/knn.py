"""The weighted nearest-neighbour classifier: what codes say of labels, nothing fitted (Wu et al. 2018, sec. 3.4)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from selfsup.lazy import sklearn
from selfsup.measures.run import Evidence, Features, Rows
from selfsup.measures.samples.compare import Guess, Guesser, compare
from selfsup.measures.table import Table

NEIGHBOURS = 20  # few, since a class may have few labels; Wu et al. 2018 use 200 on ImageNet, Caron et al. 2021 use 20
TEMPERATURE = 0.07  # Wu et al. 2018, sec. 3.4
CHUNK = 1 << 24  # similarities held at once: 64 MiB of float32, whatever the number of rows


def measure(evidence: Evidence) -> Table:
    """Accuracy of nearest neighbours on the codes of every encoder."""
    features, known, asked = evidence.features or {}, np.asarray(evidence.y_train), np.asarray(evidence.y_test)
    rows = compare(features, known, asked, judge, seed=evidence.seed)
    return Table.of("knn", [{key: value for key, value in row.items() if key != "validation"} for row in rows])


def judge(features: Features, used: np.ndarray) -> Guesser:
    """Prepare one encoder; nothing is fitted, so nothing is held out."""
    train = features.train[used]
    return lambda rows, labels, seed: Guess(knn_predict(train[rows], labels, features.test), None)


def unit_rows(x: np.ndarray) -> Tensor:
    """Rows (n, D) float32 brought to norm 1; a row of zeros stays one, and is equally far from everything."""
    rows = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))
    return torch.nn.functional.normalize(rows, dim=1, eps=torch.finfo(torch.float32).tiny)


def _cosines(train: Rows, test: Rows) -> Callable[[slice], Tensor]:
    """A function that gives the cosines (rows, n) of some test rows with all that are known."""
    if isinstance(train, np.ndarray):
        known, asked = unit_rows(train), unit_rows(test)
        return lambda rows: asked[rows] @ known.T
    sparse, others = (sklearn.preprocessing.normalize(part) for part in (train, test))
    return lambda rows: torch.from_numpy((others[rows] @ sparse.T).toarray().astype(np.float32, copy=False))


def nearest(similar: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row of (m, n), and where they are: of equals, the first, as ``topk`` does not promise."""
    values, places = similar.topk(k, dim=1)
    tied = (similar >= values[:, -1:]).sum(1) > k
    if tied.any():
        ordered, order = similar[tied].sort(dim=1, descending=True, stable=True)
        values[tied], places[tied] = ordered[:, :k], order[:, :k]
    return values, places


def knn_predict(
    train: Rows, labels: np.ndarray, test: Rows, k: int = NEIGHBOURS, temperature: float = TEMPERATURE
) -> np.ndarray:
    """Classes voted for by the k most similar labelled rows, each vote weighing exp(cosine / temperature).

    Parameters
    ----------
    train
        (n, D) float32; k becomes n where n is smaller.
    labels
        (n,) int64 classes from 0; of classes with equal votes, the smaller number wins.
    test
        (m, D) float32.

    Returns
    -------
    numpy.ndarray
        (m,) int64.
    """
    k = min(k, len(labels))
    cosines, asked = _cosines(train, test), test.shape[0]
    classes = torch.from_numpy(np.ascontiguousarray(labels, dtype=np.int64))
    votes_shape = int(classes.max()) + 1
    found = []
    size = max(1, CHUNK // len(labels))
    for first in range(0, asked, size):
        similar, places = nearest(cosines(slice(first, first + size)), k)
        # less the largest, so that no weight overflows; a factor common to all votes of a row changes no winner
        weights = ((similar - similar[:, :1]).double() / temperature).exp()
        votes = torch.zeros(len(similar), votes_shape, dtype=torch.float64).scatter_add_(1, classes[places], weights)
        found.append(votes.argmax(1))
    return torch.cat(found).numpy()
