"""Bringing a trained method before the measures: its codes beside the baselines', or the vectors of its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from selfsup.errors import DataError
from selfsup.measures.evaluation import Evaluation, judged
from selfsup.measures.health import health
from selfsup.measures.run import Evidence, Features, Measure, run
from selfsup.measures.samples.baselines import pca
from selfsup.measures.verdict import verdict
from selfsup.measures.words import evidence as evidence_of_words
from selfsup.method import Method
from selfsup.model.encode import codes_of, encode_batches
from selfsup.words.ngrams import NgramVectors
from selfsup.words.vectors import WordVectors

MAX_LABELS = 5_000  # labelled rows used for training a probe, and rows it is tested on: what a laptop does in a minute
MAX_TEST = 10_000
WINDOW = 5  # words to either side that are counted as neighbours, where the method names no window
Measures = Iterable[str | Measure] | None


class Subject(NamedTuple):
    """Who is judged, and by what.

    Attributes
    ----------
    untrained
        The same method as it was before training; None where there is nothing to compare by labels.
    learnt, test
        What probes are trained on, and what everything is measured on.
    start, end
        Records from before and after training.
    """

    method: Method
    untrained: Method | None
    device: torch.device
    learnt: Any
    test: Any
    start: Mapping[str, Any]
    end: Mapping[str, Any]


def gather(
    subject: Subject, notes: list[str], *, measures: Measures = None, seed: int = 0, max_labels: int = MAX_LABELS
) -> Evaluation:
    """Evaluate codes: health always, and the measures that labels allow.

    Parameters
    ----------
    notes
        What is known already that a reader should know.
    measures
        Which, of ours or a user's own; by default all that have what they need.
    max_labels
        Labelled rows that a probe is trained on, at most.
    """
    method, device, learnt = subject.method, subject.device, subject.learnt
    rng = np.random.default_rng(seed)
    test = subject.test.some(MAX_TEST, rng)
    tested = encode_batches(method.layers, method.view(test), device)
    codes = tested["code"] if "code" in tested else codes_of(method, method.view(test), device)
    found = health(codes, subject.start, subject.end)
    notes, evidence = list(notes), Evidence(seed=seed)
    classes = 0 if learnt.labels is None else len(np.unique(learnt.labels))
    if classes == 1:
        notes.append("the labels are all of one class; a comparison needs at least 2 classes")
    if test.labels is not None and classes > 1 and subject.untrained is not None:
        learnt = learnt.some(max_labels, rng)
        if len(learnt) == max_labels:
            notes.append(f"probes were trained on at most {max_labels:,} labelled rows and tested on {len(test):,}")
        trained = encode_batches(method.layers, method.view(learnt), device)
        features = {("model", name): Features(codes, tested[name]) for name, codes in trained.items()}
        features |= baselines(subject.untrained, device, learnt, test, codes.shape[1])
        evidence = evidence._replace(features=features, y_train=learnt.labels, y_test=test.labels)
    tables = run(evidence, measures)
    rows = {table.name: table.rows for table in tables}
    return judged(verdict(found, rows.get("probe", []), rows.get("knn", [])), found, tables, notes)


def baselines(
    untrained: Method, device: torch.device, learnt: Any, test: Any, width: int
) -> dict[tuple[str, str], Features]:
    """Raw input, PCA of the same width, and every block of the untrained network."""
    sides = [learnt.rows(), test.rows()]
    few = sides[0][torch.arange(min(len(learnt), MAX_LABELS))].flatten(1)
    mean = few.nanmean(0).nan_to_num().to(device)  # what stands in for a missing value

    def filled(x: Tensor) -> dict[str, Tensor]:
        rows = x.flatten(1)
        return {"raw": torch.where(rows.isnan(), mean, rows)}

    raw = [encode_batches(filled, samples, device)["raw"] for samples in sides]
    untrained = untrained.to(device).eval()
    random = [encode_batches(untrained.layers, untrained.view(part), device) for part in (learnt, test)]
    found = {("raw input", ""): Features(*raw), ("PCA", ""): pca(raw[0], raw[1], width)}
    return found | {("random init", name): Features(random[0][name], random[1][name]) for name in random[0]}


def vectors_of(method: Method, form: Any) -> WordVectors | None:
    """The word vectors that come out of a method, where it has the verb: they share its memory where they can."""
    words = getattr(method, "words", None)
    if not callable(words):
        return None
    table = words().cpu().float().contiguous().numpy()  # (V, D)
    ngrams, kept = getattr(method, "ngram_rows", None), None
    if callable(ngrams) and (found := ngrams()) is not None:
        subwords, rows, every = found
        kept = NgramVectors.used(subwords, rows, every.detach().cpu().numpy(), len(table))
    return WordVectors(form.words, table, form.counts, kept)


def of_words(
    vectors: WordVectors,
    method: Method,
    learnt: Any,
    records: list[dict[str, Any]],
    notes: list[str],
    *,
    held_out: bool,
) -> Evaluation:
    """Evaluate word vectors on the text they come from."""
    problem = getattr(method, "problem", lambda: None)()
    window = WINDOW if problem is None else problem.window
    found = evidence_of_words.evidence(vectors, learnt.ids, window, records[0], records[-1], held_out=held_out)
    return replace(found, notes=[*notes, *found.notes])


def labelled(data: Any) -> None:
    """Raise `DataError` if data have no labels to compare by."""
    if data.labels is None:
        raise DataError(
            "these data have no labels: give labels=, or a label_column, or a folder with a sub-folder a class"
        )
    if len(np.unique(data.labels)) < 2:
        raise DataError("these labels are all of one class; a comparison needs at least 2 classes")
