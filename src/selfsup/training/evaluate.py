"""`evaluate`: what a model is worth, on data of a user's own or on files of questions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch

from selfsup import store
from selfsup.data.facts import Facts
from selfsup.data.text.form import TextForm
from selfsup.errors import DataError, OptionError
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.registry import REGISTERED
from selfsup.measures.run import Evidence, Measure, run
from selfsup.measures.words.files import listed
from selfsup.method import Method
from selfsup.model.load import load
from selfsup.model.model import Model
from selfsup.model.pretrained import model_of
from selfsup.options import Range, checked
from selfsup.training import efficiency, evidence
from selfsup.training.baselines import NETS, another
from selfsup.training.measure import ONCE, measure, probe_of
from selfsup.training.texts import of_texts
from selfsup.words.vectors import WordVectors

FEWEST = 2  # rows that can be told from one another
OF_WORDS = ("analogies", "similarity", "bias")  # what word vectors are measured by
MEASURED = 512  # rows, drawn from the test part, on which loss and gap are measured


def evaluate(
    model: Model | WordVectors | str | os.PathLike[str],
    labelled: Any = None,
    *,
    labels: Any = None,
    label_column: str | None = None,
    labels_are: Literal["classes", "numbers"] | None = None,
    column: str | None = None,
    analogies: str | tuple[str, ...] | None = None,
    similarity: str | tuple[str, ...] | None = None,
    bias: str | None = None,
    measures: tuple[str | Callable[..., Any], ...] | None = None,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    max_labels: Annotated[int, Range(2)] = evidence.MAX_LABELS,
    limit: Annotated[int, Range(2)] | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    progress: bool = True,
) -> Evaluation:
    """Measure a model on data: loss, gap and health, and with labels its codes beside raw input, PCA and the net untrained.

    Everything is measured on the data given, of the trained and of the untrained net. Word vectors are held against people's
    judgement instead.

    Parameters
    ----------
    model
        A trained model or word vectors, or the path of a run or of a file of word vectors.
    labelled
        Data of the kind the model learnt from, with labels or without. What is measured is measured on the test part: a split of
        their own, or the rows held out in training, where these are the same data; otherwise a fifth of the rows where there
        are labels, and all of them where there are none. Texts need labels (`selfsup.data.text.labelled.open_labelled`).
    labels
        Labels (n,) of an array.
    label_column
        Name of the column that holds the labels.
    labels_are
        classes, or numbers, which a ridge regression is to read from the codes; by default what they look like.
    column
        Name of the column that holds texts.
    analogies
        For word vectors: a file of questions, four words a line, in sections that begin with ':'. Or several.
    similarity
        For word vectors: a file of two words and people's judgement a line. Or several.
    bias
        For word vectors: the attribute whose bias is measured: gender, religion, or a JSON file of pairs of words.
    measures
        Which measures: names, paths FILE.py:function, or functions; by default all that have what they need.
    seed
        Of the split and the draws of labels.
    max_labels
        Labelled rows that a probe is trained on, at most.
    limit
        Use the first so many rows only.
    on_bad
        stop or skip files that cannot be read.
    progress
        Show progress on standard error.

    Returns
    -------
    Evaluation
        Of word vectors that of the run, with the tables that were asked for.

    Raises
    ------
    DataError
        If the data do not fit the model, are fewer than two rows, or have labels that are all of one class.
    OptionError
        If there is nothing to measure by, or the model has no word vectors.
    """
    given = {name: value for name, value in locals().items() if name not in ("model", "labelled", "measures")}
    for name in ("analogies", "similarity"):
        given[name] = None if given[name] is None else tuple(listed(given[name]))
    given["bias"] = os.fspath(bias) if isinstance(bias, os.PathLike) else bias
    settings = checked(evaluate, given)
    asked = {name: one for name in OF_WORDS if (one := settings.pop(name)) is not None}
    if isinstance(model, str | os.PathLike):
        model = opened(model)
    if labelled is None:
        return of_words(model, asked, measures, seed)
    if any(asked.values()):
        raise OptionError(
            "labelled data are for codes; word vectors take analogies=, similarity= and bias= without them"
        )
    model = model_of(model) if isinstance(model, WordVectors) else model
    if isinstance(model.form, TextForm):
        if settings.pop("labels_are") == "numbers":
            raise OptionError(
                "option 'labels_are': texts are compared by classes; numbers as labels are for images and tables"
            )
        return of_texts(model, labelled, measures=measures, **{k: v for k, v in settings.items() if k != "progress"})
    if settings.pop("column") is not None:
        raise OptionError(f"option 'column' is for texts; this model learnt from {model.form.kind}s")
    del settings["seed"], settings["max_labels"]
    data = model.open(labelled, **settings)
    _check(data)
    learnt, test, where = split_of(data, model, seed)
    method, untrained = model.method, untrained_of(model)
    start, end = _measured((untrained, method), test, model.device, seed)
    same, held = _is_same(data, model), model.config["training"]["heldout_rows"]
    subject = evidence.Subject(
        method, untrained, model.device, learnt, test, start, end, where, trained=same and bool(held)
    )
    subject = subject._replace(again=[partial(untrained_of, model, more) for more in range(1, NETS)])
    notes = list(model.config.get("notes", [])) if same else []
    warm, labels = model.config["warm_start"] is not None, model.config["training"]["rows"]
    return efficiency.judge(
        subject, notes, warm=warm, labels=labels, measures=measures, seed=seed, max_labels=max_labels
    )


def opened(path: str | os.PathLike[str]) -> Model | WordVectors:
    """The model of a run folder; of what holds word vectors alone, these."""
    return load(Path(path)) if is_run(path) else WordVectors.load(path)


def is_run(path: str | os.PathLike[str]) -> bool:
    """Whether it is the folder of a run: one of word vectors alone has no records of a training."""
    return all(os.path.isfile(Path(path) / name) for name in (store.CONFIG, store.METRICS))


def _check(data: Any) -> None:
    """Raise `DataError` if there is too little in data to judge by."""
    labels, fewest = data.labels, FEWEST
    if labels is not None:
        if len(np.unique(labels)) < 2:
            one = (
                "of one class; give labels of at least 2 classes" if data.classes else "one number; give such as differ"
            )
            raise DataError(f"these labels are all {one}, or none")
        if data.classes and len(np.unique(labels)) == len(labels):
            raise DataError(
                f"each of these {len(labels):,} labels is a class of its own, so nothing can be told from one row of another; "
                "give labels that occur more than once, or say that they are numbers: option 'labels_are'"
            )
        fewest *= 2  # to learn a probe from, and to test it on
    for part, least in ((data, fewest), (data.test, FEWEST)):
        if part is not None and len(part) < least:
            raise DataError(
                f"an evaluation needs at least {least} rows{' with labels' * (least > FEWEST)}; got {len(part)}"
            )


def _measured(methods: tuple[Method, ...], test: Any, device: torch.device, seed: int) -> list[dict[str, Any]]:
    """Loss and gap of each method on the same rows: not those of training, which may be of other data."""
    few = test.some(MEASURED, np.random.default_rng(seed))
    found = []
    for method in methods:
        method.progress = 1.0  # as training has left it: what is scheduled is at its end
        found.append(measure(method.to(device), probe_of(method, few, few, device, once=True), 0, draws=ONCE))
    return found


def of_words(
    model: Model | WordVectors,
    asked: Mapping[str, Any],
    measures: tuple[str | Measure, ...] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Word vectors by files of questions, an attribute of bias, and a user's own measures; beside what was known of a run."""
    vectors = model.word_vectors if isinstance(model, Model) else model
    if vectors is None:
        raise OptionError("this model has no word vectors; give labelled data to compare its codes by")
    given = {name for name, one in asked.items() if one}
    if not given and measures is None:
        raise OptionError(
            "nothing to measure word vectors by: give analogies= or similarity=, files of questions, or bias='gender'"
        )
    known = model.evaluation if isinstance(model, Model) else None
    found = known or Evaluation()
    wanted = [name for name, entry in REGISTERED.items() if given & set(entry.needs)] if measures is None else measures
    for table in run(Evidence(words=vectors, options=asked, seed=seed), wanted):
        found = found.with_table(table)
    return found


def _is_same(data: Any, model: Model) -> bool:
    """Whether the model learnt from these very data."""
    return bool(data.fingerprint == model.config["data"]["fingerprint"])


def split_of(data: Any, model: Model, seed: int) -> tuple[Any, Any, str]:
    """Train and test part for an evaluation, and what the test part is, in words.

    It is the data's own, the run's held-out rows, a fresh fifth, or without labels all there is.
    """
    if data.test is not None and (data.labels is None or data.test.labels is not None):
        return data.whole(), (test := data.test.whole()), f"on the {len(test):,} rows of the data's test part"
    held = model.config["training"]["heldout_rows"]
    if _is_same(data, model) and held:
        return *data.cut(held, model.config["seed"]), f"on the {held:,} rows that were held out in training"
    learnt, test = data.whole(), data.whole()
    if data.labels is not None:
        learnt, test = data.cut(max(FEWEST, len(data) // 5), seed)
    seen = ", which the model learnt from" if _is_same(data, model) else ""
    return learnt, test, f"on {len(test):,} rows of the data given{seen}"


def untrained_of(model: Model, more: int = 0) -> Method:
    """The method of a run as it was before training: same options, same data, same seed, or one that is so much larger."""
    facts, seed = Facts.from_dict(model.form, model.config["facts"]), model.config["seed"]
    return another(model.method, model.unbuilt, facts, seed + more)
