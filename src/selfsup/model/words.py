"""Word vectors and where they came from: what `fit` gives for text, and `load` reads again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from selfsup import store
from selfsup.errors import RunError
from selfsup.report import card, page
from selfsup.words import WordVectors
from selfsup.words.before import read_targets, write_targets
from selfsup.words.formats.folder import Table, holds_vectors, write_folder
from selfsup.words.ngrams import NgramVectors


class WordModel(WordVectors):
    """Word vectors with the run that made them.

    Attributes
    ----------
    config : dict
        Everything that was decided: method, options, training settings, seed, data, versions.
    history : list of dict
        One record after another: ``epoch`` (a part of one, too), ``heldout`` loss, ``gap``, words a second.
    start : dict
        The record from before training.
    folder : Path or None
        The run folder, where there is one.
    evaluation : dict or None
        The evidence: ``verdict``, ``neighbours`` of some words beside those that counting gives, ``health``, ``notes`` and,
        where analogies or similarity were measured, ``scores``. None where nothing was gathered.
    pictures : dict
        Arrays of the report: ``map`` (m, 2), the places of ``evaluation["map_words"]``.
    targets : ndarray or None
        The words' vectors as targets (n, D) float32: what a later training goes on from. None of a hierarchical softmax, whose
        targets are no words.
    """

    evaluation: dict[str, Any] | None = None
    targets: np.ndarray | None = None

    def __init__(
        self,
        words: Sequence[str],
        vectors: np.ndarray,
        counts: np.ndarray | Sequence[int] | None,
        config: dict[str, Any],
        records: list[dict[str, Any]],
        folder: Path | None = None,
        ngrams: NgramVectors | None = None,
    ) -> None:
        super().__init__(words, vectors, counts, ngrams)
        self.config, self.folder = config, folder
        self.start, self.history = (records[0] if records else {}), records[1:]
        self.pictures: dict[str, np.ndarray] = {}

    def write(self, folder: Path) -> None:
        """Write every file of a run folder into a folder that exists."""
        write_folder(folder, Table(self.words, self.vectors, self.counts, self.ngrams))
        if self.targets is not None:
            write_targets(folder, self.targets)
        store.write_lines(folder / store.METRICS, [self.start, *self.history])
        store.write_json(folder / store.CONFIG, self.config)
        if self.pictures:
            store.write_arrays(folder / store.PICTURES, self.pictures)
        if self.evaluation is not None:
            store.write_json(folder / store.EVALUATION, self.evaluation)
        _describe(folder, self.config, self.evaluation, [self.start, *self.history])

    def keep_scores(self, scores: Mapping[str, Any]) -> None:
        """Keep scores in the run folder and in its report and card; those on a file of the same name are replaced.

        Parameters
        ----------
        scores
            ``analogies`` and ``similarity``: `AnalogyScores` and `SimilarityScores`, or one of them.

        Raises
        ------
        RunError
            If the model has no folder, or it cannot be written to.
        """
        if self.folder is None:
            raise RunError("these word vectors have no run folder to keep scores in; fit them with out=RUN")
        found = dict(self.evaluation or {})
        kept = dict(found["scores"]) if isinstance(found.get("scores"), dict) else {}
        for kind, part in scores.items():
            name = PurePath(part.source).name  # a folder of this machine is nobody's business
            old = kept.get(kind)
            kept[kind] = (old if isinstance(old, dict) else {}) | {name: part.to_dict() | {"source": name}}
        self.evaluation = found | {"scores": kept}
        store.write_json(self.folder / store.EVALUATION, self.evaluation)
        _describe(self.folder, self.config, self.evaluation, [self.start, *self.history])


def _describe(
    folder: Path, config: dict[str, Any], evaluation: dict[str, Any] | None, records: list[dict[str, Any]]
) -> None:
    """Write the card and the report of a run folder."""
    store.write_text(folder / store.CARD, card(config, evaluation, records))
    store.write_text(folder / store.REPORT, page(folder))


def is_word_run(folder: Path) -> bool:
    """Whether a folder is a run that made word vectors."""
    return (folder / store.CONFIG).is_file() and holds_vectors(folder)


def load_words(folder: Path) -> WordModel:
    """Read a run of word vectors, strictly.

    Raises
    ------
    RunError
        If a file is missing or damaged.
    """
    vectors = WordVectors.load(folder)
    config = store.read_json(folder, store.CONFIG)
    if not isinstance(config, dict) or not isinstance(config.get("method"), str):
        raise RunError(f"{folder / store.CONFIG} is not a configuration of selfsup: it names no method")
    records = store.read_metrics(folder)
    model = WordModel(vectors.words, vectors.vectors, vectors.counts, config, records, folder, vectors.ngrams)
    model.targets = read_targets(folder, vectors.vectors.shape)
    if (folder / store.EVALUATION).is_file():
        model.evaluation = store.read_json(folder, store.EVALUATION)
        if not isinstance(model.evaluation, dict):
            raise RunError(f"{folder / store.EVALUATION} is damaged: it holds no evaluation; delete it, or train anew")
    if (folder / store.PICTURES).is_file():
        model.pictures = store.read_arrays(folder, store.PICTURES)
    return model
