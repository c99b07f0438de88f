"""The evidence on word vectors: neighbours beside those that counting gives, a map, the health of the space, the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from selfsup.measures.evaluation import Evaluation, judged
from selfsup.measures.health import health, rows_of
from selfsup.measures.run import Evidence, Measure, Text, run
from selfsup.measures.verdict import verdict
from selfsup.measures.wording import number
from selfsup.measures.words.space import cautions, space
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
    tables = run(Evidence(words=vectors, text=Text(ids, window), options=options or {}), measures)
    said = verdict(found, tell=of_words(int(learnt.sum()), held_out=held_out), where=where)
    notes = cautions(measured)
    if found["loss"] > found["loss_start"]:
        notes.append(
            "the loss is higher than before training; train at a lower rate (lr), on more text, or for fewer epochs"
        )
    return judged(said, found | measured, tables, notes)


def left_out(known: int, raw: int) -> list[str]:
    """Warn where most words of a text, `raw` in all, are not among those that have a vector."""
    if known >= KEPT * raw:
        return []
    return [f"{raw - known:,} of {raw:,} words of the text are too rare for a vector: a lower min_count takes them in"]


def measured_nothing(found: Mapping[str, float]) -> bool:
    """Whether there was nothing to guess: then every loss is 0, before training and after, whoever guesses."""
    return not any(found[key] for key in ("loss", "loss_start", "shuffled"))


def of_words(learnt: int, *, held_out: bool) -> Callable[[str, Mapping[str, float]], str]:
    """The sentence for a reason of the verdict, of words that each have a vector."""
    where = "on text that was held out" if held_out else "on text that was learnt from (too little to hold any out)"

    def tell(reason: str, found: Mapping[str, float]) -> str:
        if measured_nothing(found):
            return (
                f"learnt from {learnt:,} words, and nothing could be measured {where}: no two words are left beside each other "
                "there; more text, a smaller sample or a lower min_count"
            )
        guessed = f"another word's vector guesses as well (loss {found['shuffled']:.4g}, gap {found['gap']:.2g})"
        rest = {
            "alike": f"but all vectors are the same, but for rounding: they differ by {number(found['spread'])} of their size "
            f"(effective rank {found['rank']:.1f} of {found['width']:.0f}); a lower learning rate, or more text",
            "blind": f"but {guessed}: what was learnt is which words are frequent, at most; more epochs, or more text",
            "idle": f"but {guessed}: what was learnt is which words are frequent, at most; more epochs, or more text",
            "unsure": f"but the gap ({found['gap']:.2g}) is within its noise, so it cannot be told whether a word's own vector "
            "says what stands around it; more text, or more epochs",
            "as before": "but a word's own vector says no more of what stands around it than before training (gap "
            f"{found['gap']:.3g}, it was {found['gap_start']:.3g}); more epochs, or text that says what the first vectors did "
            "not hold",
            "learnt": "and a word's own vector says what stands around it: with another word's vector it is "
            f"{found['shuffled']:.4g} (gap {found['gap']:.2g}, {found['gap_start']:.2g} before training). Whether that beats "
            "counting is for you to see in the neighbours",
        }[reason]
        went = f"went from {found['loss_start']:.4g} to {found['loss']:.4g}"
        return f"learnt from {learnt:,} words: the declared loss {where} {went}, {rest}"

    return tell
