"""Encoders side by side on the same labelled rows, with few labels and with all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from selfsup.errors import DataError, OptionError
from selfsup.measures.run import Features
from selfsup.measures.samples.errors import finished

log = logging.getLogger("selfsup")

Count = int | Literal["all"]
Row = dict[str, Any]  # one line of a table: JSON-ready, its keys in samples/accuracy.py
COUNTS: tuple[Count, ...] = (1, 5, 20, 100, "all")
DRAWS, MORE, CHEAP = (
    3,
    5,
    2_000,
)  # draws of labels; of so few labelled rows more, since fits are quick and draws differ much


class Task(NamedTuple):
    """One number of labels, the same for every encoder: the labelled rows of each draw."""

    per_class: Count
    draws: list[np.ndarray]


class Guess(NamedTuple):
    """Classes of the test rows (m,) int64, and the accuracy on held-out training labels, or None.

    Where they are known, ``chances`` gives the chances (m,) that these classes have, when it is called.
    """

    classes: np.ndarray
    validation: float | None
    chances: Callable[[], np.ndarray] | None = None


# Of an encoder's features and the training rows (u,) that some draw labels: a function of places (n,) among those rows, their
# classes (n,) and a seed, which guesses the classes of the test rows.
Guesser = Callable[[np.ndarray, np.ndarray, int], Guess]
Judge = Callable[[Features, np.ndarray], Guesser]


def compare(
    encoders: Mapping[tuple[str, str], Features], y_train: np.ndarray, y_test: np.ndarray, judge: Judge, **more: Any
) -> list[Row]:
    """The rows of `scored`, with their errors (`with_errors`) in place of the shares."""
    return finished(scored(encoders, y_train, y_test, judge, **more), more.get("seed", 0))


def scored(
    encoders: Mapping[tuple[str, str], Features],
    y_train: np.ndarray,
    y_test: np.ndarray,
    judge: Judge,
    counts: Iterable[Count] = COUNTS,
    draws: int | None = None,
    seed: int = 0,
    max_labels: int = 10_000,
    max_test: int = 10_000,
    kept: dict[tuple[str, str], Guess] | None = None,
) -> list[Row]:
    """Accuracy of a classifier on the codes of every encoder, for every number of labels a class.

    Parameters
    ----------
    encoders
        (name, layer) -> codes; row i is the same sample for all of them.
    y_train, y_test
        (n,) and (m,) classes.
    judge
        The classifier: `probe.judge` or `knn.judge`.
    counts
        Labels a class, drawn ``draws`` times at random, by default `DRAWS` or `MORE`. A count is used if at least half the
        classes have more labels than that (smaller classes give what they have) and if it needs fewer labels than "all", which
        is always there.
    max_labels, max_test
        Where there are more, "all" is a random ``max_labels`` of them, drawn ``draws`` times, and the accuracy is
        measured on a random ``max_test`` test rows.
    kept
        Is given what was guessed with all labels (of the first draw) for each encoder, as classes of ``y_train``.

    Returns
    -------
    list
        Rows. Besides the columns of every such table a row has ``tested`` (test rows), ``shares`` (draws, m), whether each was
        guessed right, and ``validation``: the accuracy on held-out training labels, by which a layer may be chosen without a
        look at the test rows; None where there were too few labels.
    """
    check(encoders, y_train, y_test)
    classes, labels = np.unique(y_train, return_inverse=True)
    place = np.minimum(np.searchsorted(classes, y_test), len(classes) - 1)
    truth = np.where(classes[place] == y_test, place, -1)  # a class that has no training label is never guessed
    asked = np.arange(len(truth))
    if len(truth) > max_test:
        asked = np.sort(np.random.default_rng(seed).permutation(len(truth))[:max_test])
    tasks = plan(labels, counts, draws_of(len(labels)) if draws is None else draws, seed, max_labels)
    found: list[Row] = []
    for (name, layer), features in encoders.items():
        # Threads that wait on one another make products this small up to 25 times slower where others use the cores.
        with threadpool_limits(1):
            rows, last = judged(
                judge, Features(features.train, features.test[asked]), labels, truth[asked], tasks, seed
            )
        if kept is not None:
            kept[name, layer] = last._replace(classes=classes[last.classes])
        about = {"encoder": name, "layer": layer, "width": int(features.train.shape[1])}
        found += [about | row for row in rows]
        log.debug("evaluated %s %s: %.3f with all labels", name, layer, rows[-1]["accuracy"])
    return found


def draws_of(rows: int) -> int:
    """How often labels are drawn from so many labelled rows."""
    return MORE if rows <= CHEAP else DRAWS


def check(encoders: Mapping[tuple[str, str], Features], y_train: np.ndarray, y_test: np.ndarray) -> None:
    """Refuse what cannot be compared, in words."""
    if not encoders:
        raise DataError("nothing to compare: no encoder was given")
    if len(y_test) == 0:
        raise DataError("the probe needs test rows: got 0; hold out some rows or give a test split")
    number = len(np.unique(y_train))
    if number < 2:
        raise DataError(
            f"the probe needs at least 2 classes: the training labels hold {number}; evaluate without labels"
        )
    check_codes(encoders, y_train, y_test)


def check_codes(encoders: Mapping[tuple[str, str], Features], y_train: np.ndarray, y_test: np.ndarray) -> None:
    """Refuse codes that are not one row a label, or not finite, in words."""
    for (name, layer), features in encoders.items():
        for part, x, y in (("train", features.train, y_train), ("test", features.test, y_test)):
            if x.ndim != 2 or x.shape[0] != len(y) or x.shape[1] == 0:
                raise DataError(f"{name} {layer}: {part} codes must be ({len(y)}, D), one row a label; got {x.shape}")
            if not np.isfinite(x if isinstance(x, np.ndarray) else x.data).all():
                raise DataError(f"{name} {layer}: {part} codes hold NaN or infinity; training may have diverged")


def plan(labels: np.ndarray, counts: Iterable[Count], draws: int, seed: int, max_labels: int) -> list[Task]:
    """Which rows are labelled, for every usable count; smaller draws lie within larger ones: a steadier curve."""
    wanted = set(counts)
    for count in wanted - {"all"}:
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
            raise OptionError(f"counts must be whole numbers from 1, or 'all'; got {count!r}")
    if draws < 1:
        raise OptionError(f"draws must be at least 1; got {draws}")
    sizes = np.bincount(labels)
    orders = [np.random.default_rng([seed, draw]).permutation(len(labels)) for draw in range(draws)]
    everything = [np.arange(len(labels))]
    if len(labels) > max_labels:
        everything = [at_random(labels, order, max_labels) for order in orders]
    tasks = []
    for count in sorted(int(count) for count in wanted if count != "all"):
        few = np.minimum(sizes, count).sum() < len(everything[0])
        if few and 2 * np.count_nonzero(sizes > count) >= len(sizes):
            tasks.append(Task(count, [per_class(labels, order, count) for order in orders]))
    return [*tasks, Task("all", everything)]


def rank_in_class(labels: np.ndarray) -> np.ndarray:
    """How many earlier entries (n,) of the same class each entry has."""
    by_class = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    ranks = np.empty(len(labels), np.int64)
    ranks[by_class] = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return ranks


def per_class(labels: np.ndarray, order: np.ndarray, count: int) -> np.ndarray:
    """The first ``count`` rows of each class in a random order, sorted."""
    return np.sort(order[rank_in_class(labels[order]) < count])


def at_random(labels: np.ndarray, order: np.ndarray, limit: int) -> np.ndarray:
    """The first ``limit`` rows of a random order, but one of each class before any second one, sorted."""
    second = rank_in_class(labels[order]) > 0
    return np.sort(order[np.argsort(second, kind="stable")][:limit])


def judged(
    judge: Judge, features: Features, labels: np.ndarray, truth: np.ndarray, tasks: Sequence[Task], seed: int
) -> tuple[list[Row], Guess]:
    """Rows of one encoder, and what was guessed with most labels."""
    used = np.unique(np.concatenate([rows for task in tasks for rows in task.draws]))
    guess, found = judge(features, used), []
    for task in tasks:
        guesses = [
            guess(np.searchsorted(used, rows), labels[rows], seed + draw) for draw, rows in enumerate(task.draws)
        ]
        table = np.stack([one.classes == truth for one in guesses])  # (draws, m)
        right = table.mean(axis=1).tolist()
        known = [one.validation for one in guesses if one.validation is not None]
        found.append(
            {
                "labels_per_class": task.per_class,
                "labels": len(task.draws[0]),
                "accuracy": float(np.mean(right)),
                "sd": float(np.std(right, ddof=1)) if len(right) > 1 else 0.0,
                "draws": len(right),
                "tested": len(truth),
                "validation": float(np.mean(known)) if len(known) == len(guesses) else None,
                "shares": table,
            }
        )
    return found, guesses[0]
