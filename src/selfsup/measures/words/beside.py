"""The measure of neighbours: the learnt vectors are held beside what counting the text gives."""

from __future__ import annotations

from dataclasses import replace

from selfsup.measures.run import Evidence
from selfsup.measures.table import Table
from selfsup.measures.words.counting import Counted, counted_vectors
from selfsup.measures.words.neighbours import COUNTED, neighbours

IDS = 6_000_000  # of the text that are counted: some five seconds with the singular vectors


def counted_of(evidence: Evidence, *, whole: bool = False) -> Counted:
    """What counting the text gives, counted once for all measures: of its first words, or of all text and all words."""
    words, text, kept = evidence.words, evidence.text, evidence.kept
    assert words is not None
    assert text is not None
    if whole:
        return counted_vectors(text.ids, len(words.words), text.window, words.dim)
    if kept is None or "counted" not in kept:
        found = counted_vectors(text.ids, len(words.words), text.window, words.dim, rows=COUNTED, most=IDS)
        if kept is None:
            return found
        kept["counted"] = found
    counted: Counted = kept["counted"]
    return counted


def measure(evidence: Evidence) -> Table:
    """Neighbours of some words; what was counted goes to the health of the run."""
    words, text = evidence.words, evidence.text
    assert words is not None
    assert text is not None
    counted = counted_of(evidence)
    table = neighbours(words, counted.vectors)
    about = {
        "counted": counted.words,
        "counted_words": len(counted.vectors),
        "counted_contexts": len(words.words),
        "counted_window": text.window,
    }
    return replace(table, health={**table.health, **about})
