"""Bringing a trained method before the measures: its codes beside the baselines', or the vectors of its words."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from selfsup.data.labels import kind_words
from selfsup.data.text.form import TextForm
from selfsup.measures.evaluation import Evaluation, judged
from selfsup.measures.health import health
from selfsup.measures.run import Evidence, Features, Maps, Measure, run
from selfsup.measures.samples import boosting, expected
from selfsup.measures.samples.hardest import PLACES
from selfsup.measures.samples.judgeable import left_out, unjudgeable
from selfsup.measures.verdict import verdict
from selfsup.measures.words import evidence as evidence_of_words
from selfsup.measures.words.neighbours import COUNTED
from selfsup.method import Method, Samples
from selfsup.model.encode import codes_of, encode_batches
from selfsup.solvers.devices import steady
from selfsup.system.progress import Progress, roughly
from selfsup.training.baselines import Beside, Known, rebuilt
from selfsup.training.checks import checks
from selfsup.training.painted import painted_of
from selfsup.training.pictures import as_shown
from selfsup.training.placed import FEWEST, placed_patches
from selfsup.words.ngrams import NgramVectors
from selfsup.words.vectors import WordVectors

MAX_LABELS = 5_000  # labelled rows used for training a probe, and rows it is tested on: what a laptop does in a minute
MAX_TEST = 10_000
ONE_ROW = {
    "kind": "undecided",
    "sentence": "There was one row to measure on, which can be told from no other; use more data, or hold out more (holdout).",
}
SHAPED = 1_000  # rows whose codes are looked at where there are no labels
PLACED = 250  # images of which patches are
PROBES = {"probe", "probe_numbers", "probe_several"}
SAID = 2.0  # seconds from which on a person wants to know
SILENT = Progress(False)
log = logging.getLogger("selfsup")
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
    trained
        Whether the learnt part is what the method was trained on, and not only what probes are.
    of_training
        What is known of the rows that the method was trained on, where these are not among the parts.
    again
        Make other networks that might have been trained, untrained: how far two of them differ is no progress.
    progress
        Is told how long the probes will take.
    """

    method: Method
    untrained: Method | None
    device: torch.device
    learnt: Any
    test: Any
    start: Mapping[str, Any]
    end: Mapping[str, Any]
    where: str = ""
    trained: bool = True
    of_training: Mapping[str, float] = MappingProxyType({})
    again: Sequence[Callable[[], Method]] = ()
    progress: Progress = SILENT


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
    judgeable, of_labels = _labelled(learnt, test)
    tested = encode_batches(method.layers, method.view(test), device) if judgeable else {}
    some = test if judgeable else test.some(SHAPED, np.random.default_rng(seed))
    codes = tested["code"] if "code" in tested else codes_of(method, method.view(some), device)
    found = health(codes, subject.start, subject.end)
    asked = checks(method, learnt, test, device, found, trained=subject.trained, seed=seed)
    found |= {**subject.of_training, **asked.numbers}
    known = None if isinstance(learnt.form, TextForm) else Known.of(learnt, device)  # a text has no rows by itself
    found |= {} if known is None else rebuilt(method, known, learnt, test, device)
    notes, evidence = [*notes, *asked.notes], Evidence(seed=seed, kept={})
    notes += of_labels
    if judgeable and known is not None and subject.untrained is not None:
        learnt = learnt.some(max_labels, rng)
        if len(learnt) == max_labels:
            notes.append(f"probes were trained on at most {max_labels:,} labelled rows and tested on {len(test):,}")
        began = time.perf_counter()
        trained = encode_batches(method.layers, method.view(learnt), device)
        took = (time.perf_counter() - began) * (1 + len(test) / len(learnt))  # of the codes of one net
        if learnt.labels.ndim == 2 and (said := left_out(learnt.labels, test.labels, learnt.data.classes)):
            notes.append(said)
        features = {("model", name): Features(codes, tested[name]) for name, codes in trained.items()}
        beside = Beside(known, learnt, test, device)
        notes += beside.units.notes
        features |= beside.features(subject.untrained, codes.shape[1])
        maps = maps_of({"model": method, "random init": subject.untrained}, device, learnt, test)
        evidence = evidence._replace(features=features, y_train=learnt.labels, y_test=test.labels, maps=maps)
        others, columns = beside.others(subject.again), beside.columns(codes.shape[1], notes)
        evidence = evidence._replace(pca=beside.pca, others=others, columns=columns)
        evidence = evidence._replace(classes=learnt.data.classes, named=test.name)
        if measures is None or PROBES & {name for name in measures if isinstance(name, str)}:
            _announce(subject.progress, evidence, took)
    if callable(getattr(method, "patch_size", None)) and len(test) >= FEWEST:
        placed = test if judgeable else some.some(PLACED, np.random.default_rng(seed))
        encoders = {"model": method} | ({"random init": subject.untrained} if subject.untrained is not None else {})
        evidence = evidence._replace(patches=placed_patches(encoders, placed, device, seed=seed))
    evidence = evidence._replace(painted=painted_of(method, device, subject.learnt, test, seed))
    tables = run(evidence, measures)
    rows = {table.name: table.rows for table in tables}
    probe = next((rows[name] for name in ("probe", "probe_numbers", "probe_several") if rows.get(name)), [])
    nearest, audit = rows.get("knn", []), rows.get("audit", [])
    word = verdict(found, probe, nearest, where=subject.where, place=asked.place, audit=audit)
    evaluation = judged(word if len(codes) > 1 else word | ONE_ROW, found, tables, notes)
    return replace(evaluation, arrays=hardest_of(test, evidence))


def hardest_of(test: Any, evidence: Evidence) -> dict[str, np.ndarray]:
    """The samples of the table of the hardest ones, as they are shown; nothing where there is none."""
    places = (evidence.kept or {}).get(PLACES)
    return {"hardest": as_shown(test, places)} if places is not None and len(places) else {}


def _announce(progress: Progress, evidence: Evidence, took: float) -> None:
    """Say how long the probes will take, before they begin; ``took`` is what the codes of one more net do."""
    known, asked, others = np.asarray(evidence.y_train), np.asarray(evidence.y_test), len(evidence.others)
    features = evidence.features or {}
    seconds = expected.seconds(features, known, asked, others) + others * took
    if evidence.columns is not None:
        trees, width = boosting.classes_of(known), evidence.columns.width
        more = width + boosting.codes_of(features).train.shape[1]
        seconds += sum(boosting.seconds(len(known), columns, trees) for columns in (width, more))
    said = f"probes on {len(known):,} rows with labels, of {others + 1} untrained nets too: about {roughly(seconds)}"
    log.info("%s", said)
    if seconds > SAID:
        progress.close(said)


def _labelled(learnt: Any, test: Any) -> tuple[bool, list[str]]:
    """Whether codes can be judged by the labels, and what a reader should know of these: why not, or what they are taken for."""
    if learnt.labels is None or test.labels is None:
        return False, []
    problem, classes = unjudgeable(learnt.labels, test.labels), learnt.fact("classes")
    said = problem or kind_words(np.concatenate([learnt.labels, test.labels]), classes.names if classes else ())
    return not problem, [said] if said else []


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


def window_of(method: Method) -> int:
    """Words to either side that are neighbours."""
    problem = getattr(method, "problem", lambda: None)()
    return WINDOW if problem is None else int(problem.window)


def first_words(method: Method) -> np.ndarray | None:
    """Vectors of the most frequent words as they are now, where it has the verb: those that trained ones are held against."""
    words = getattr(method, "words", None)
    if not callable(words):
        return None
    with torch.no_grad():
        found: np.ndarray = words()[:COUNTED].detach().cpu().float().numpy().copy()  # (n, D)
    return found


def of_words(
    vectors: WordVectors,
    method: Method,
    learnt: Any,
    ends: tuple[Mapping[str, Any], Mapping[str, Any]],
    notes: list[str],
    *,
    own: int,
    heldout: Any,
    untrained: np.ndarray | None = None,
    where: str = "",
) -> Evaluation:
    """Evaluate word vectors on the text they come from.

    Parameters
    ----------
    learnt, heldout
        Parts of the text; the second is empty where there is too little.
    ends
        Records from before and after training.
    own, untrained, where
        See `measures.words.evidence`.
    """
    found = evidence_of_words.evidence(
        vectors, learnt.ids, window_of(method), *ends, own=own, held_out=len(heldout) > 0,
        fresh=heldout.ids if len(heldout) else None, untrained=untrained, where=where,
    )  # fmt: skip
    notes = [*notes, *evidence_of_words.left_out(int(learnt.vocabulary.counts.sum()), learnt.raw_words)]
    return replace(found, notes=[*notes, *found.notes])
