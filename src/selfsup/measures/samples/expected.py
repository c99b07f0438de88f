"""How long probes will take on this machine, said before they begin: good to a factor of two or so."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from selfsup.measures.run import Features
from selfsup.measures.samples import compare, multilabel, regression, softmax
from selfsup.measures.samples.probe import ENOUGH, FEW, TURNS

ROWS, NARROW, WIDE, CLASSES = 512, 8, 256, 10  # of problems that the machine is timed on
FIT, CHOICE = 28, 35  # gradients in a fit, and in the choice of a strength by one turn
CALL = 1e-3  # seconds for what is around a fit
NEAREST = 8e-9  # seconds for a cosine, to find the nearest
LAYERS = 1.5  # at which another untrained net is judged, on average
CUBE = 6  # multiplications in an eigen-decomposition, times the cube of its side


class Pace(NamedTuple):
    """Seconds for a gradient of the log-loss: each, by rows times classes, and by that times the width."""

    each: float
    score: float
    product: float


def pace() -> Pace:
    """Of this machine, in some 20 ms: time of the processor, as others that use it are here one moment and gone the next."""
    rng, took = np.random.default_rng(0), []
    for n, width in ((CLASSES, NARROW), (ROWS, NARROW), (ROWS, WIDE)):
        rows, places = rng.normal(size=(n, width)).astype(np.float32), np.arange(n) % CLASSES
        asked = list[None]()
        softmax.fit(rows, places, CLASSES, 1e6, slope=0.0, steps=2)  # what is loaded at first is not counted
        began = time.process_time()
        softmax.fit(rows, places, CLASSES, 1e6, slope=0.0, steps=10, told=asked.append)
        took.append((time.process_time() - began) / len(asked))
    each, narrow, wide = took
    product = max(0.0, wide - narrow) / (ROWS * CLASSES * (WIDE - NARROW))
    return Pace(each, max(0.0, narrow - each) / (ROWS * CLASSES), product)


def seconds(
    features: Mapping[tuple[str, str], Features], y_train: np.ndarray, y_test: np.ndarray, others: int = 0
) -> float:
    """Of the probes of all encoders and of so many other untrained nets.

    Parameters
    ----------
    features
        (encoder, layer) -> codes of the n training and m test rows.
    y_train, y_test
        Labels of them: classes, several (n, L), or numbers.
    others
        Untrained nets beside the first.
    """
    now = pace()
    one = {name: _encoder(codes.train.shape[1], y_train, len(y_test), now) for name, codes in features.items()}
    nets = [took for (name, _), took in one.items() if name == "random init"]
    return sum(one.values()) + (others * LAYERS * float(np.mean(nets)) if nets else 0.0)


def _encoder(width: int, labels: np.ndarray, tested: int, now: Pace) -> float:
    if labels.ndim == 2:
        draws = regression.plan(len(labels), multilabel.COUNTS, multilabel.DRAWS, 0)
        return sum(len(one) * _fit(len(one[0]), width, labels.shape[1], TURNS, now) for one in draws)
    if labels.dtype.kind == "f":
        draws = regression.plan(len(labels), regression.COUNTS, regression.DRAWS, 0)
        return sum(len(one) * _ridge(len(one[0]), width, tested, now) for one in draws)
    classes = len(np.unique(labels))
    places, took = np.unique(labels, return_inverse=True)[1], 0.0
    for task in compare.plan(places, compare.COUNTS, compare.draws_of(len(labels)), 0, len(labels)):
        n = len(task.draws[0])
        turns = 1 if n >= FEW else TURNS if n >= ENOUGH * classes else 0
        near = n * tested * (width * now.product / 2 + NEAREST)
        took += len(task.draws) * (_fit(n, width, classes, turns, now) + near)
    return took


def _fit(rows: int, width: int, classes: int, turns: int, now: Pace) -> float:
    """A logistic regression, with the choice of its strength by so many turns, which are fitted together."""
    product = rows * classes * (now.score + now.product * width)
    return CALL + FIT * (now.each + product) + (CHOICE * (now.each + turns * product) if turns else 0.0)


def _ridge(rows: int, width: int, tested: int, now: Pace) -> float:
    """A ridge regression by an eigen-decomposition of the smaller side, all penalties at once."""
    small = min(rows, width)
    work = rows * width * small + CUBE * small**3 + 2 * len(regression.STRENGTHS) * rows * small + tested * width
    return 3 * now.each + now.product / 2 * work
