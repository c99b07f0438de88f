"""`evaluate`: what a model is worth, on data of a user's own or on files of questions."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Annotated, Any, Literal

import torch

from selfsup.data.facts import Facts
from selfsup.data.open import KINDS, reading_options
from selfsup.errors import OptionError
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.run import Evidence, Measure, run
from selfsup.method import Method
from selfsup.model.encode import build
from selfsup.model.model import Model
from selfsup.options import Range, checked
from selfsup.training import evidence
from selfsup.words.vectors import WordVectors


def evaluate(
    model: Model | WordVectors,
    labelled: Any = None,
    *,
    labels: Any = None,
    label_column: str | None = None,
    analogies: str | None = None,
    similarity: str | None = None,
    measures: tuple[str | Callable[..., Any], ...] | None = None,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    max_labels: Annotated[int, Range(2)] = evidence.MAX_LABELS,
    limit: Annotated[int, Range(2)] | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    progress: bool = True,
) -> Evaluation:
    """Compare a model's codes with raw input, PCA and the same network untrained; its word vectors with people's judgement.

    Parameters
    ----------
    model
        A trained model, or word vectors.
    labelled
        Data of the kind the model learnt from, with labels; a split of their own is used as it is, otherwise a fifth of the
        rows (the rows held out in training, where these are the same data) is the test part.
    labels
        Labels (n,) of an array.
    label_column
        Name of the column that holds the labels.
    analogies
        For word vectors: a file of questions, four words a line, in sections that begin with ':'.
    similarity
        For word vectors: a file of two words and people's judgement a line.
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
        If the data do not fit the model, or have no labels.
    OptionError
        If there is nothing to measure by, or the model has no word vectors.
    """
    given = {name: value for name, value in locals().items() if name not in ("model", "labelled", "measures")}
    settings = checked(evaluate, given)
    files = {name: settings.pop(name) for name in ("analogies", "similarity")}
    asked = {name: path for name, path in files.items() if path is not None}
    if labelled is None:
        return of_words(model, asked, measures)
    if asked or not isinstance(model, Model) or "labels" not in reading_options(KINDS[model.form.kind]):
        raise OptionError("labelled data are for codes of samples; word vectors take analogies= and similarity= alone")
    del settings["seed"], settings["max_labels"]
    data = model.open(labelled, **settings)
    evidence.labelled(data)
    learnt, test = _split(data, model, seed)
    untrained, start, end = _untrained(model), model.start, (model.history or [model.start])[-1]
    subject = evidence.Subject(model.method, untrained, model.device, learnt, test, start, end)
    notes = list(model.config.get("notes", []))
    return evidence.gather(subject, notes, measures=measures, seed=seed, max_labels=max_labels)


def of_words(
    model: Model | WordVectors, files: dict[str, str], measures: tuple[str | Measure, ...] | None = None
) -> Evaluation:
    """Word vectors by files of questions, and by a user's own measures; beside what was known of a run."""
    vectors = model.word_vectors if isinstance(model, Model) else model
    if vectors is None:
        raise OptionError("this model has no word vectors; give labelled data to compare its codes by")
    if not files and measures is None:
        raise OptionError("nothing to measure word vectors by: give analogies= or similarity=, files of questions")
    known = model.evaluation if isinstance(model, Model) else None
    found = known or Evaluation()
    for table in run(Evidence(words=vectors, options=files), measures if measures is not None else tuple(files)):
        found = found.with_table(table)
    return found


def _split(data: Any, model: Model, seed: int) -> tuple[Any, Any]:
    """Train and test part for an evaluation: the data's own, the run's held-out rows, or a fresh fifth."""
    if data.test is not None and data.test.labels is not None:
        return data.whole(), data.test.whole()
    held = model.config["training"]["heldout_rows"]
    if data.fingerprint == model.config["data"]["fingerprint"] and held:
        return tuple(data.cut(held, model.config["seed"]))
    return tuple(data.cut(max(1, len(data) // 5), seed))


def _untrained(model: Model) -> Method:
    """The method of a run as it was before training: same options, same data, same seed."""
    method, config = model.method, model.config
    if any(isinstance(value, dict) and "module" in value for value in config["options"].values()):
        untrained = copy.deepcopy(method)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            for module in untrained.modules():
                reset = getattr(module, "reset_parameters", None)
                if callable(reset):
                    reset()
        return untrained
    return build(model.unbuilt(), Facts.from_dict(model.form, config["facts"]), config["seed"])
