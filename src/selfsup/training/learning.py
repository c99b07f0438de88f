"""`fit` on samples (arrays, images, tables): open them, choose a method where none is named, and make the job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from selfsup.data import Dataset, Stream, open_data
from selfsup.errors import OptionError
from selfsup.method import Method
from selfsup.methods import find
from selfsup.options import resolve
from selfsup.solvers.exact import moments_of_chunks
from selfsup.training.job import Job

STREAM_SAMPLE = 10_000  # rows of a stream that are kept, to gather evidence on


def learn_samples(
    data: Any, method: str | type[Method] | None, options: Mapping[str, Any], settings: dict[str, Any]
) -> tuple[Job, list[dict[str, Any]]]:
    """Make the job of one `fit`, and list the files that could not be read."""
    streamed = None
    if settings["stream"] or isinstance(data, Stream | Iterator):
        dataset, streamed = _read_stream(data, method, settings)
    else:
        opened = ("labels", "label_column", "size", "limit", "on_bad", "progress")
        dataset = open_data(data, **{name: settings[name] for name in opened})
    why = "as asked"
    if method is None:
        method, why = choose_method(dataset)
    name, cls = find(method)
    job = Job(dataset, name, cls, resolve(cls, options, f"method '{name}'"), settings, why, streamed)
    return job, [file._asdict() for file in [*dataset.bad, *(dataset.test.bad if dataset.test else [])]]


def _read_stream(
    data: Any, method: str | type[Method] | None, settings: Mapping[str, Any]
) -> tuple[Dataset, tuple[torch.Tensor, torch.Tensor, int]]:
    """One pass over rows that need not fit in memory: a sample of them, and their mean, covariance and number."""
    solver = settings["solver"] or (find(method)[1].solver if method is not None else "sgd")
    if solver != "exact":
        raise OptionError("data that are read in chunks can only be learnt from in closed form: use method 'linear'")
    for name in ("labels", "size", "limit"):
        if settings[name] is not None:
            raise OptionError(f"option '{name}' cannot be used with data that are read in chunks")
    source = data if isinstance(data, Stream) else Stream(data, label_column=settings["label_column"])
    moments = moments_of_chunks(torch.from_numpy(chunk) for chunk in source.chunks(STREAM_SAMPLE, settings["seed"]))
    return source.sample(min(STREAM_SAMPLE, moments[2]), settings["seed"]), moments


def choose_method(dataset: Dataset) -> tuple[str, str]:
    """The default method for a kind of data, and why."""
    if dataset.intake.kind == "vector":
        return "denoising", "denoising suits vectors and tables, whatever their columns mean"
    channels, *sides = dataset.intake.shape
    if channels == 3 and min(sides) >= 32:
        return "rotation", "colour photographs have an upright that takes understanding to see"
    return "denoising", "small or grey images rarely have an upright worth guessing, so noise is removed instead"
