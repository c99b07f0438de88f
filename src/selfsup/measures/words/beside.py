"""The measure of neighbours: the text is counted, and the learnt vectors are held beside what the counts give."""

from __future__ import annotations

from dataclasses import replace

from selfsup.measures.run import Evidence
from selfsup.measures.table import Table
from selfsup.measures.words.counting import counted_vectors
from selfsup.measures.words.neighbours import neighbours

COUNTED, CONTEXTS, WIDTH = 4_000, 1_000, 100  # words that are counted, words around them, and singular vectors kept
IDS = 4_000_000  # of the text that are counted: half a second, and enough for the first four thousand words


def measure(evidence: Evidence) -> Table:
    """Neighbours of some words; what was counted goes to the health of the run."""
    words, text = evidence.words, evidence.text
    assert words is not None
    assert text is not None
    counted, used = counted_vectors(
        text.ids, len(words), text.window, min(WIDTH, words.dim), rows=COUNTED, contexts=CONTEXTS, most=IDS
    )
    table = neighbours(words, counted)
    about = {
        "counted": used,
        "counted_words": len(counted),
        "counted_contexts": min(CONTEXTS, len(words)),
        "counted_window": text.window,
    }
    return replace(table, health={**table.health, **about})
