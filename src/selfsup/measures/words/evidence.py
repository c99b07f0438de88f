"""The evidence on word vectors: neighbours beside those that counting gives, a map, the health of the space, the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from selfsup.measures.evaluation import Evaluation, judged
from selfsup.measures.health import health, rows_of
from selfsup.measures.run import Evidence, Measure, Text, run
from selfsup.measures.words.leads import UNTRAINED
from selfsup.measures.words.neighbours import COUNTED
from selfsup.measures.words.space import cautions, space
from selfsup.measures.words.verdict import of_words
from selfsup.system import memory
from selfsup.words.vectors import WordVectors

RANK_ROWS = 2_000
KEPT = 0.5  # of the words of a text: where fewer are learnt from, most of it was too rare
PART = 1 << 20  # ids counted at once


def evidence(
    vectors: WordVectors,
    ids: np.ndarray,
    window: int,
    start: Mapping[str, Any],
    end: Mapping[str, Any],
    *,
    held_out: bool,
    fresh: np.ndarray | None = None,
    untrained: np.ndarray | None = None,
    own: int | None = None,
    where: str = "",
    measures: Iterable[str | Measure] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Evaluate word vectors on the text they come from.

    Parameters
    ----------
    vectors
        Words, the most frequent first, their vectors and counts.
    ids
        (N,) int32: the text that was learnt from, as places in the vocabulary, -1 between sentences.
    window
        Words to either side that were neighbours.
    start, end
        Records of the run before and after training.
    held_out
        Whether these were measured on text that was held out.
    fresh
        (M,) int32: that text, where there is some.
    untrained
        (n, D) first vectors before training, of the first n words; None: random ones.
    own
        Words of this text; those after them have kept the vectors of an earlier one. None: all.
    where
        What the verdict's sentence begins with (see `measures.verdict`).
    measures, options
        See `measures.run`; the options are files of analogies and similarity.
    """
    learnt = np.zeros(len(vectors), np.int64)
    for first in range(0, len(ids), PART):  # a part at a time: the text may be larger than memory
        part = ids[first : first + PART]
        learnt += np.bincount(part[part >= 0], minlength=len(vectors))
    memory.let_go(ids)
    found, measured = (
        health(rows_of(vectors.vectors, RANK_ROWS), start, end),
        space(vectors.vectors, vectors.counts, learnt[:own]),
    )
    for start_as_noise in ("rank_start", "rank_end"):  # of which all dimensions are full: fewer are no collapse
        found.pop(start_as_noise, None)
    rivals = {UNTRAINED: first_vectors(vectors, untrained)}
    about = Evidence(words=vectors, text=Text(ids, window, fresh), rivals=rivals, kept={}, options=options or {})
    tables = run(about, measures)
    rows = [row for table in tables if table.name == "counting" for row in table.rows]
    total = int(learnt.sum())
    counted = next((int(table.health["counted"]) for table in tables if "counted" in table.health), total)
    said = of_words(found, rows, total, counted, held_out=held_out, where=where)
    notes = cautions(measured)
    if found["loss"] > found["loss_start"]:
        notes.append(
            "the loss is higher than before training; train at a lower rate (lr), on more text, or for fewer epochs"
        )
    return judged(said, found | measured, tables, notes)


def first_vectors(vectors: WordVectors, untrained: np.ndarray | None) -> WordVectors:
    """Vectors of the most frequent words before training; random ones where nobody kept them."""
    size = min(COUNTED, len(vectors.words))
    if untrained is None or len(untrained) < size:
        untrained = np.random.default_rng(0).standard_normal((size, vectors.dim), np.float32)
    return WordVectors([vectors.words[row] for row in range(size)], untrained[:size])


def left_out(known: int, raw: int) -> list[str]:
    """Warn where most words of a text, `raw` in all, are not among those that have a vector."""
    if known >= KEPT * raw:
        return []
    return [f"{raw - known:,} of {raw:,} words of the text are too rare for a vector: a lower min_count takes them in"]
