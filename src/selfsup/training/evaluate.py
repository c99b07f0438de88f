"""`evaluate`: a model's codes beside raw input, PCA and the same network untrained."""

from __future__ import annotations

import copy
from typing import Annotated, Any, Literal

import numpy as np
import torch

from selfsup.data import Dataset
from selfsup.errors import DataError, OptionError
from selfsup.measures import Evaluation
from selfsup.method import Method
from selfsup.methods.autoencoder import AutoEncoder
from selfsup.model.load import intake_spec
from selfsup.model.model import Model, build
from selfsup.options import Range, checked, resolve
from selfsup.training import evidence
from selfsup.training.job import held_out


def evaluate(
    model: Model,
    labelled: Any,
    *,
    labels: Any = None,
    label_column: str | None = None,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    max_labels: Annotated[int, Range(2)] = evidence.MAX_LABELS,
    limit: Annotated[int, Range(2)] | None = None,
    on_bad: Literal["stop", "skip"] = "stop",
    progress: bool = True,
) -> Evaluation:
    """Compare a model's codes with raw input, PCA and the same network untrained.

    Parameters
    ----------
    model
        A trained model.
    labelled
        Data of the kind the model learnt from, with labels; a split of their own is used as it is, otherwise a fifth of the
        rows (the rows held out in training, where these are the same data) is the test part.
    labels
        Labels (n,) of an array.
    label_column
        Name of the column that holds the labels.
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

    Raises
    ------
    DataError
        If the data do not fit the model, or have no labels.
    """
    given = {name: value for name, value in locals().items() if name not in ("model", "labelled")}
    if not isinstance(model, Model):
        raise OptionError(
            "word vectors are measured by analogies and similarity: selfsup.measures.words.analogies(model, FILE)"
        )
    settings = checked(evaluate, given)
    del settings["seed"], settings["max_labels"]
    dataset = model.open(labelled, **settings)
    if dataset.labels is None:
        raise DataError(
            "these data have no labels: give labels=, or --label-column, or a folder with a sub-folder a class"
        )
    if len(np.unique(dataset.labels)) < 2:
        raise DataError("these labels are all of one class; a comparison needs at least 2 classes")
    train, test = _split(dataset, model, seed)
    untrained = _untrained(model)
    return evidence.gather(model, untrained, train, test, seed=seed, max_labels=max_labels)


def _split(dataset: Dataset, model: Model, seed: int) -> tuple[tuple[Dataset, np.ndarray], tuple[Dataset, np.ndarray]]:
    """Train and test part for an evaluation: the data's own, the run's held-out rows, or a fresh fifth."""
    if dataset.test is not None and dataset.test.labels is not None:
        return (dataset, np.arange(len(dataset))), (dataset.test, np.arange(len(dataset.test)))
    settings = model.config["training"]
    same = dataset.fingerprint == model.config["data"]["fingerprint"]
    if same and settings["heldout_rows"]:
        train, test = held_out(len(dataset), settings["heldout_rows"], model.config["seed"])
    else:
        train, test = held_out(len(dataset), max(1, len(dataset) // 5), seed)
    return (dataset, train), (dataset, test)


def _untrained(model: Model) -> Method:
    """The method of a run as it was before training: same options, same data, same seed."""
    config = model.config
    if isinstance(config["options"].get("net"), dict):
        untrained = copy.deepcopy(model.method)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config["seed"])
            for module in untrained.modules():
                reset = getattr(module, "reset_parameters", None)
                if callable(reset):
                    reset()
        return untrained
    cls = type(model.method)
    own = (
        {"omega": model.method.omega} if isinstance(model.method, AutoEncoder) else {}
    )  # a function is not in the config
    options = own | {
        key: tuple(v) if isinstance(v, list) else v for key, v in config["options"].items() if key not in own
    }
    return build(
        cls, resolve(cls, options, f"method '{config['method']}'"), intake_spec(model.intake, config), config["seed"]
    )
