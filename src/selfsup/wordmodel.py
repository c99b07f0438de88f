"""Word vectors and where they came from: what `fit` gives for text, and `load` reads again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selfsup import store
from selfsup.errors import RunError
from selfsup.report import card, page
from selfsup.words import WordVectors
from selfsup.words.formats import Table, holds_vectors, write_folder


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
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: np.ndarray,
        counts: np.ndarray | Sequence[int] | None,
        config: dict[str, Any],
        records: list[dict[str, Any]],
        folder: Path | None = None,
    ) -> None:
        super().__init__(words, vectors, counts)
        self.config, self.folder = config, folder
        self.start, self.history = (records[0] if records else {}), records[1:]

    def write(self, folder: Path) -> None:
        """Write every file of a run folder into a folder that exists."""
        write_folder(folder, Table(self.words, self.vectors, self.counts))
        store.write_lines(folder / store.METRICS, [self.start, *self.history])
        store.write_text(folder / store.CARD, card(self.config, None, [self.start, *self.history]))
        store.write_json(folder / store.CONFIG, self.config)
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
    return WordModel(vectors.words, vectors.vectors, vectors.counts, config, store.read_metrics(folder), folder)
