"""`evaluate`: what a model is worth, on data of a user's own or on files of questions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
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
from selfsup.measures.run import Evidence, Measure, Text, run
from selfsup.measures.samples.judgeable import told_apart
from selfsup.measures.words.files import listed
from selfsup.measures.words.leads import UNTRAINED
from selfsup.method import Method
from selfsup.model.load import load
from selfsup.model.model import Model
from selfsup.model.pretrained import model_of
from selfsup.options import Range, checked
from selfsup.system.progress import Progress
from selfsup.training import efficiency, evidence
from selfsup.training.baselines import NETS, another
from selfsup.training.measure import ONCE, measure, probe_of
from selfsup.training.texts import of_texts
from selfsup.words.vectors import WordVectors

FEWEST = 2  # rows that can be told from one another
OF_WORDS = ("analogies", "similarity", "bias")  # what word vectors are measured by
NO_TEXT = (
    "vectors by counting stand beside these where the text that they were learnt from is given too (--data, or the second "
    "argument in Python)"
)
OTHER_TEXT = "vectors by counting are of another text than these were learnt from"
MEASURED = 512  # rows, drawn from the test part, on which loss and gap are measured


def evaluate(
    model: Model | WordVectors | str | os.PathLike[str],
    labelled: Any = None,
    *,
    labels: Any = None,
    label_column: str | tuple[str, ...] | None = None,
    labels_are: Literal["classes", "numbers", "several"] | None = None,
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
        With analogies or similarity: the text that word vectors were learnt from, so that counting it is asked them too.
    labels
        Labels (n,) of an array; or several a sample (n, L), each 0 or 1.
    label_column
        Name of the column that holds the labels; or of several that are 0 and 1, so many labels a sample.
    labels_are
        classes; numbers, which a ridge regression is to read from the codes; or several, of which each sample has any number. By
        default what they look like.
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
    if labelled is None or any(asked.values()):
        about = [name for name in ("labels", "label_column", "labels_are") if settings.get(name) is not None]
        if about and labelled is not None:
            raise OptionError(
                f"option '{about[0]}' is for codes, and '{next(iter(asked))}' for word vectors: evaluate one after the other"
            )
        reading = {name: settings[name] for name in ("column", "limit")}
        return of_words(model, asked, measures, seed, text=labelled, **reading)
    model = model_of(model) if isinstance(model, WordVectors) else model
    if isinstance(model.form, TextForm):
        if settings.pop("labels_are") in ("numbers", "several") or not isinstance(label_column, str | None):
            raise OptionError(
                "texts are compared by classes, one a text, in one column; numbers and several labels a sample are for images "
                "and tables (options 'labels_are' and 'label_column')"
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
    subject = subject if subject.trained else subject._replace(of_training=_of_training(model, end))
    again = [partial(untrained_of, model, more) for more in range(1, NETS)]
    subject = subject._replace(again=again, progress=Progress(progress))
    notes = list(model.config.get("notes", [])) if same else []
    warm, labels = model.config["warm_start"] is not None, model.config["training"]["rows"]
    found = efficiency.judge(
        subject, notes, warm=warm, labels=labels, measures=measures, seed=seed, max_labels=max_labels
    )
    return replace(found, measured_on=data.fingerprint)


def opened(path: str | os.PathLike[str]) -> Model | WordVectors:
    """The model of a run folder; of what holds word vectors alone, these."""
    return load(Path(path)) if is_run(path) else WordVectors.load(path)


def is_run(path: str | os.PathLike[str]) -> bool:
    """Whether it is the folder of a run: one of word vectors alone has no records of a training."""
    return all(os.path.isfile(Path(path) / name) for name in (store.CONFIG, store.METRICS))


def _check(data: Any) -> None:
    """Raise `DataError` if there is too little in data to judge by."""
    labels, fewest = data.labels, FEWEST
    if labels is not None and labels.ndim == 2:
        if not told_apart(labels, labels).any():
            raise DataError("each of these labels is had by all rows or by none: there is nothing to tell by")
        fewest *= 2
    elif labels is not None:
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
        if part is not None and part.alike():
            raise DataError(f"all {len(part):,} rows are the same, to the bit: there is nothing to tell apart")


def _measured(methods: tuple[Method, ...], test: Any, device: torch.device, seed: int) -> list[dict[str, Any]]:
    """Loss and gap of the untrained method and the trained one on the same rows: those of training may be of other data."""
    few = test.some(MEASURED, np.random.default_rng(seed))
    found = []
    for place, method in enumerate(methods):
        method.progress = 1.0  # as training has left it: what is scheduled is at its end
        probe = probe_of(method, few, few, device, once=True)
        found.append(measure(method.to(device), probe, 0, draws=ONCE, untrained=place == 0))
    return found


def of_words(
    model: Model | WordVectors,
    asked: Mapping[str, Any],
    measures: tuple[str | Measure, ...] | None = None,
    seed: int = 0,
    text: Any = None,
    **reading: Any,
) -> Evaluation:
    """Word vectors by files of questions, an attribute of bias, and a user's own measures; beside what was known of a run.

    Parameters
    ----------
    text
        That they were learnt from: vectors by counting are then made of it and asked the same questions.
    """
    vectors = model.word_vectors if isinstance(model, Model) else model
    if vectors is None:
        raise OptionError(
            "this model has no word vectors; give data to measure it on (data, --data), with labels or without, and no questions"
        )
    given = {name for name, one in asked.items() if one}
    if not given and measures is None:
        raise OptionError(
            "nothing to measure word vectors by: give analogies= or similarity=, files of questions, or bias='gender'"
        )
    counts = bool(given & {"analogies", "similarity"}) and measures is None
    if text is not None and not counts:
        raise OptionError(
            "a text beside word vectors is for analogies and similarity, which are then asked of vectors by counting it too; "
            "leave it out, or the measures"
        )
    known = model.evaluation if isinstance(model, Model) else None
    found = known or Evaluation()
    said: list[str] = []
    wanted: list[Any] = list(measures or [name for name, entry in REGISTERED.items() if given & set(entry.needs)])
    given_here = Evidence(words=vectors, options=asked, seed=seed)
    if counts:
        read, said = text_of(model, text, **reading)
        given_here = given_here._replace(text=read, rivals=untrained_words(model))
        wanted += ["counting"] if read or given_here.rivals else []
    for table in run(given_here, wanted):
        found = found.with_table(table)
    return replace(found, notes=[*(note for note in found.notes if note not in (NO_TEXT, OTHER_TEXT)), *said])


def text_of(model: Model | WordVectors, text: Any, **reading: Any) -> tuple[Text | None, list[str]]:
    """The text that word vectors come from, by their vocabulary, where it is given; and what a reader should know."""
    if text is None:
        return None, [NO_TEXT] if isinstance(model, Model) and model.history else []
    own = model if isinstance(model, Model) else model_of(model)
    vectors = own.word_vectors
    assert vectors is not None
    corpus = own.open(text, **{name: value for name, value in reading.items() if value is not None})
    same = vectors.counts is None or np.array_equal(corpus.vocabulary.counts, vectors.counts)
    return Text(corpus.ids, evidence.window_of(own.method)), [] if same else [OTHER_TEXT]


def untrained_words(model: Model | WordVectors) -> dict[str, WordVectors]:
    """Vectors of the words of a run before training; nothing of vectors that were learnt elsewhere."""
    if not isinstance(model, Model) or not model.history:
        return {}
    first = evidence.vectors_of(untrained_of(model), model.form)
    return {} if first is None else {UNTRAINED: first}


def _is_same(data: Any, model: Model) -> bool:
    """Whether the model learnt from these very data."""
    return bool(data.fingerprint == model.config["data"]["fingerprint"])


def _of_training(model: Model, end: Mapping[str, Any]) -> dict[str, float]:
    """Losses of rows trained on and of others by the run's own evaluation: that it knows rows by heart does not show on new ones.

    New rows on which it does worse than on its own held-out ones are no sign of that.
    """
    known = {} if model.evaluation is None else model.evaluation.health
    if not known.keys() >= {"trained", "trained_gap", "fresh"}:
        return {}
    return {name: known[name] for name in ("trained", "trained_gap")} | {"fresh": min(known["fresh"], end["heldout"])}


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
