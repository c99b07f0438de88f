"""Bringing a trained method before the measures: its codes beside the baselines', or the vectors of its words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.measures.evaluation import Evaluation, judged
from selfsup.measures.health import health
from selfsup.measures.run import Evidence, Features, Maps, Measure, run
from selfsup.measures.samples.baselines import pca
from selfsup.measures.verdict import verdict
from selfsup.measures.words import evidence as evidence_of_words
from selfsup.method import Method, Samples
from selfsup.methods.autoencoder.base import scaling
from selfsup.model.encode import codes_of, encode_batches
from selfsup.nets import Standardize
from selfsup.solvers.devices import steady
from selfsup.training.painted import painted_of
from selfsup.training.placed import FEWEST, placed_patches
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
    where
        What these were measured on, or beside, where it has to be said.
    """

    method: Method
    untrained: Method | None
    device: torch.device
    learnt: Any
    test: Any
    start: Mapping[str, Any]
    end: Mapping[str, Any]
    where: str = ""


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
        units = Units(learnt, device)
        notes += units.notes
        learnt = learnt.some(max_labels, rng)
        if len(learnt) == max_labels:
            notes.append(f"probes were trained on at most {max_labels:,} labelled rows and tested on {len(test):,}")
        trained = encode_batches(method.layers, method.view(learnt), device)
        features = {("model", name): Features(codes, tested[name]) for name, codes in trained.items()}
        features |= baselines(subject.untrained, device, learnt, test, codes.shape[1], units)
        maps = maps_of({"model": method, "random init": subject.untrained}, device, learnt, test)
        evidence = evidence._replace(features=features, y_train=learnt.labels, y_test=test.labels, maps=maps)
    if callable(getattr(method, "patch_size", None)) and len(test) >= FEWEST:
        encoders = {"model": method} | ({"random init": subject.untrained} if subject.untrained is not None else {})
        evidence = evidence._replace(patches=placed_patches(encoders, test, device, seed=seed))
    evidence = evidence._replace(painted=painted_of(method, device, subject.learnt, test, seed))
    tables = run(evidence, measures)
    rows = {table.name: table.rows for table in tables}
    said = verdict(found, rows.get("probe", []), rows.get("knn", []), where=subject.where)
    return judged(said, found, tables, notes)


class Units:
    """What "raw input" and PCA are given: tables standardised by column as models' input is, images as they are.

    Columns of a table have units of their own, and anybody would standardise them first: a lead that is owed to that alone is
    none. The pixels of an image share one unit; each by itself in standard units would be mostly the noise of its corners.

    Parameters
    ----------
    part
        Whose moments are taken: all rows that are trained on, with a label or without.
    """

    def __init__(self, part: Any, device: torch.device) -> None:
        self.scale: nn.Module | None = None
        if len(part.form.shape) == 1:
            moments = part.fact("moments")
            self.scale = scaling(part.form, moments).to(device)
            self.blank: Tensor = self.scale(
                torch.from_numpy(moments.mean).to(device)[None]
            )  # stands in for a missing value

    def raw(self, x: Tensor) -> dict[str, Tensor]:
        """Rows (B, d) of samples (B, ...), whole."""
        if self.scale is None:
            return {"raw": x.flatten(1)}
        rows = self.scale(x)
        return {"raw": torch.where(rows.isnan(), self.blank, rows)}

    @property
    def notes(self) -> list[str]:
        """What a reader should know of it."""
        return ["raw input and PCA are standardised by column"] if isinstance(self.scale, Standardize) else []


def baselines(
    untrained: Method, device: torch.device, learnt: Any, test: Any, width: int, units: Units
) -> dict[tuple[str, str], Features]:
    """Raw input, PCA of the same width, and every block of the untrained network."""
    raw = [encode_batches(units.raw, part.rows(), device)["raw"] for part in (learnt, test)]
    untrained = untrained.to(device).eval()
    random = [encode_batches(untrained.layers, untrained.view(part), device) for part in (learnt, test)]
    found = {("raw input", ""): Features(*raw), ("PCA", ""): pca(raw[0], raw[1], width)}
    return found | {("random init", name): Features(random[0][name], random[1][name]) for name in random[0]}


def maps_of(
    encoders: Mapping[str, Method], device: torch.device, learnt: Any, test: Any
) -> dict[tuple[str, str], Maps] | None:
    """Maps of the blocks of nets, which are made when a measure asks for them; None where there are none."""

    def encoding(method: Method, samples: Samples, layer: str) -> Callable[[Tensor], Tensor]:
        def encode(rows: Tensor) -> Tensor:
            with torch.no_grad(), steady(device, exact=True):
                return method.maps(samples[rows].to(device))[layer]

        return encode

    found: dict[tuple[str, str], Maps] = {}
    for name, method in encoders.items():
        views = method.view(learnt), method.view(test)
        with torch.no_grad():
            layers = method.to(device).eval().maps(views[0][torch.arange(1)].to(device))
        found |= {(name, layer): Maps(*(encoding(method, view, layer) for view in views)) for layer in layers}
    return found or None


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
    ends: tuple[Mapping[str, Any], Mapping[str, Any]],
    notes: list[str],
    *,
    own: int,
    held_out: bool,
    where: str = "",
) -> Evaluation:
    """Evaluate word vectors on the text they come from.

    Parameters
    ----------
    ends
        Records from before and after training.
    own, held_out, where
        See `measures.words.evidence`.
    """
    problem = getattr(method, "problem", lambda: None)()
    window = WINDOW if problem is None else problem.window
    found = evidence_of_words.evidence(vectors, learnt.ids, window, *ends, own=own, held_out=held_out, where=where)
    notes = [*notes, *evidence_of_words.left_out(int(learnt.vocabulary.counts.sum()), learnt.raw_words)]
    return replace(found, notes=[*notes, *found.notes])
