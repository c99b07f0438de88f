"""`transfer`: what learnt vectors, or a trained net, are worth for a task with labels, with few of them and with all."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from selfsup.data.text.labelled import LabelledTexts, open_labelled
from selfsup.errors import DataError, OptionError, unknown
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.run import Attempt, Evidence, run as measured
from selfsup.measures.samples import compare, transfer as measuring
from selfsup.measures.samples.efficiency import MAJORITY
from selfsup.model.load import load
from selfsup.model.model import Model
from selfsup.model.pretrained import model_of
from selfsup.options import Range, checked
from selfsup.system.progress import Progress
from selfsup.training import finetune as tuning
from selfsup.training.bags import count
from selfsup.training.textways import NAMED, TextWays, weighted
from selfsup.words.vectors import WordVectors

HELD = 0.2  # of the labelled rows, where there is no test part
COUNTS = (10, 100, 1000)
log = logging.getLogger("selfsup")


def transfer(
    vectors: Any,
    labelled: Any,
    *,
    text: str | None = None,
    label: str | None = None,
    labels: Any = None,
    test: Any = None,
    counts: tuple[Annotated[int, Range(2)], ...] = COUNTS,
    draws: Annotated[int, Range(1)] = 3,
    holdout: Annotated[float, Range(0, 1, open_low=True, open_high=True)] | None = None,
    limit: Annotated[int, Range(4)] | None = None,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    on_bad: Literal["stop", "skip"] = "stop",
    progress: bool = True,
    **options: Any,
) -> Evaluation:
    """Use what was learnt for a task with labels in every usual way, beside what the labels give without it.

    All ways learn from the same draws of labelled rows and are measured on the same test rows, by which nothing is chosen.

    Of word vectors: frozen, as weighted means of a text's words with logistic regression; an embedding layer that goes on from
    them, trained with a linear classifier (first that alone, then both: Kumar et al. 2022), without and with the words that the
    labelled rows lack; the same from random vectors; logistic regression on TF-IDF, whose strength, pairs of words and sublinear
    counts are chosen by cross-validation; and codes and TF-IDF side by side. Of a net: a linear probe on it as it is,
    fine-tuned, from scratch, and a linear probe on the samples themselves.

    Parameters
    ----------
    vectors
        `WordVectors`, a file of them, a `Model`, or a run folder.
    labelled
        For word vectors: texts with labels, in a parquet, csv, tsv, jsonl or json file, a data frame, lines that begin with
        their label, a folder of texts for each class, or a pair (texts, labels). For a net: what `finetune` takes.
    text
        Column of the texts.
    label
        Column of the labels.
    labels
        Labels (n,) that are not in the data.
    test
        Labelled texts to measure on, of the same form; by default a part of the labelled ones is held out.
    counts
        Labels in all, drawn by class in their proportions; those are taken that give each class one and are fewer than there are.
        All labels are always there.
    draws
        How often they are drawn, at each number of them.
    holdout
        Share of the labelled rows that is the test, where none is given; by default a fifth.
    limit
        Use the first so many labelled rows only.
    seed
        Of everything random.
    on_bad
        stop or skip rows without a text or label, and files that cannot be read.
    progress
        Show progress on standard error.
    **options
        Of a net: how the data are read and how it is fine-tuned, as in `finetune`.

    Returns
    -------
    Evaluation
        With the table ``transfer``, what wins as the verdict, and notes of the words without a vector.

    Raises
    ------
    SelfsupError
        `DataError` (no labels, one class, a class in the test alone, no word with a vector), `OptionError`, `RunError`.
    """
    given = {
        name: value
        for name, value in locals().items()
        if name not in ("vectors", "labelled", "labels", "test", "options")
    }
    settings = checked(transfer, given)
    model = _model(vectors)
    shown = Progress(settings["progress"])
    if model.word_vectors is None:
        if test is not None or text is not None:
            raise OptionError(
                f"option '{'text' if test is None else 'test'}' is for word vectors and texts; data of samples have a test "
                "part of their own, such as folders train/ and test/, or a split of that name"
            )
        found = _of_net(model, labelled, labels, settings, options)
    else:
        if options:
            raise OptionError(unknown("option of transfer", next(iter(options)), [*given, "labels", "test"]))
        found = _of_words(model, *_read(labelled, labels, test, settings), settings, shown)
    evidence = Evidence(transferred=found.attempts, y_test=found.true, seed=seed)
    (table,) = measured(evidence, ("transfer",))
    shown.close()
    return Evaluation(measuring.verdict(table), {}, [table], found.notes)


@dataclass(frozen=True)
class Found:
    """Guesses of the test rows (m,) by each way, and what a reader should know."""

    attempts: list[Attempt]
    true: np.ndarray
    notes: list[str]


def _model(vectors: Any) -> Model:
    """A model of whatever was given."""
    if isinstance(vectors, WordVectors):
        return model_of(vectors)
    if isinstance(vectors, str | Path):
        return load(vectors)
    if isinstance(vectors, Model):
        return vectors
    raise OptionError(f"transfer takes word vectors, a model, or the path of either; got a {type(vectors).__name__}")


def plan(labels: np.ndarray, counts: Sequence[int], draws: int, seed: int) -> tuple[list[compare.Task], list[int]]:
    """Which rows are labelled, for every usable count and at last all of them, once; and the counts that are left out.

    Smaller draws lie within larger ones. Each has one row of every class and else as many as their proportions say.
    """
    order = [_by_share(labels, np.random.default_rng([seed, draw])) for draw in range(draws)]
    sizes = sorted(set(counts))
    classes = len(np.unique(labels))
    fit = [size for size in sizes if classes <= size < len(labels)]
    tasks = [compare.Task(size, [np.sort(rows[:size]) for rows in order]) for size in fit]
    return [*tasks, compare.Task("all", [np.arange(len(labels))])], [size for size in sizes if size not in fit]


def _by_share(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows (n,) in a random order of which each beginning has the classes in their proportions, one of each first."""
    order = rng.permutation(len(labels))
    place = compare.rank_in_class(labels[order])
    share = (place + 0.5) / np.bincount(labels)[labels[order]]
    return order[np.lexsort((share, place > 0))]


def _left_out(counts: Sequence[int], classes: int, rows: int) -> list[str]:
    some = ", ".join(f"{one:,}" for one in counts)
    return (
        [f"left out: {some} labels; there are {classes:,} classes, and {rows:,} labelled rows to learn from"]
        if counts
        else []
    )


def _read(labelled: Any, labels: Any, test: Any, settings: Mapping[str, Any]) -> tuple[LabelledTexts, LabelledTexts]:
    """Texts to learn from, and texts to measure on."""
    columns = {"column": settings["text"], "label_column": settings["label"], "on_bad": settings["on_bad"]}
    train = open_labelled(labelled, labels=labels, limit=settings["limit"], **columns)
    if len(train.classes) < 2:
        raise DataError(f"the labels are all of one class, {train.classes[0]!r}; give texts of at least 2 classes")
    if test is not None:
        if settings["holdout"] is not None:
            raise OptionError("give option 'test' or option 'holdout', not both")
        return train, open_labelled(test, classes=train.classes, **columns)
    order = _by_share(train.labels, np.random.default_rng(settings["seed"]))
    held = max(1, round((HELD if settings["holdout"] is None else settings["holdout"]) * len(order)))
    parts = np.sort(order[:-held]), np.sort(order[-held:])
    if len(np.unique(train.labels[parts[0]])) < len(train.classes):
        raise DataError(
            f"{len(parts[0]):,} texts are left to learn from, fewer than the {len(train.classes):,} classes: give more texts, a "
            "smaller holdout, or a test part"
        )
    first, second = (
        LabelledTexts([train.texts[row] for row in rows], train.labels[rows], train.classes) for rows in parts
    )
    return first, second


def _of_words(
    model: Model, train: LabelledTexts, test: LabelledTexts, settings: Mapping[str, Any], shown: Progress
) -> Found:
    """Every way of word vectors."""
    shown.show("counting words")
    counted = count([*train.texts, *test.texts], model.form)
    ways, covered = weighted(counted, model, len(train.texts))
    notes = uncovered(counted.words, np.asarray(counted.single.sum(axis=0)).reshape(-1), covered)
    tasks, left = plan(train.labels, settings["counts"], settings["draws"], settings["seed"])
    notes += _left_out(left, len(train.classes), len(train.texts))
    every = TextWays(counted, train.labels, len(train.classes), ways, covered, settings["seed"])
    attempts: list[Attempt] = []
    for task in tasks:
        shown.show(f"{task.per_class} labels")
        attempts += every.attempts(task)
    return Found([*attempts, _frequent(train.labels, test.labels)], test.labels, notes)


def uncovered(words: Sequence[str], times: np.ndarray, covered: np.ndarray) -> list[str]:
    """What share of the words of the texts has no vector, and the most frequent of those; a note.

    Parameters
    ----------
    words, times, covered
        The U different words, how often each stands there, and whether it has a vector.

    Raises
    ------
    DataError
        If no word has one.
    """
    if not times[covered].sum():
        some = ", ".join(words[:NAMED])
        raise DataError(
            f"no word of these texts has a vector ({some or 'they have no words'}): are the vectors of this language, and is the "
            "text cut as theirs was?"
        )
    without = np.where(covered, 0, times)
    share, different = without.sum() / times.sum(), int((without > 0).sum())
    if not different:
        return ["every word of the texts has a vector"]
    most = [
        f"{words[row]} ({int(without[row]):,})" for row in np.argsort(-without, kind="stable")[:NAMED] if without[row]
    ]
    return [
        f"{100 * share:.1f} % of the words of the texts have no vector: {different:,} different ones, "
        f"most often {', '.join(most)}"
    ]


def _frequent(labels: np.ndarray, true: np.ndarray) -> Attempt:
    return Attempt(MAJORITY, "all", len(labels), np.full_like(true, np.bincount(labels).argmax()))


def _of_net(model: Model, labelled: Any, labels: Any, settings: Mapping[str, Any], options: Mapping[str, Any]) -> Found:
    """Every way of a net: `finetune`'s, and a probe on the samples themselves."""
    given = {**options}
    given |= {"labels": labels} if labels is not None else {}
    given |= {"label_column": settings["label"]} if settings["label"] is not None else {}
    given |= {
        key: settings[key] for key in ("holdout", "limit", "seed", "on_bad", "progress") if settings[key] is not None
    }

    def drawn(classes: np.ndarray) -> tuple[list[compare.Task], list[str]]:
        tasks, left = plan(classes, settings["counts"], settings["draws"], settings["seed"])
        return tasks, _left_out(left, len(np.unique(classes)), len(classes))

    return Found(*tuning.in_every_way(model, labelled, drawn, given))
