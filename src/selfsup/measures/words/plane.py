"""Words on a plane, for people to look at."""

from __future__ import annotations

import numpy as np

from selfsup.measures.run import Evidence
from selfsup.measures.table import Look, Table
from selfsup.measures.words.telling import telling

MAPPED = 400  # words on the map: more cannot be read
LOOK = Look(
    "map of the words", ("word", "x", "y"), lines=lambda table: [f"map of {len(table.rows)} words: see the report"]
)


def measure(evidence: Evidence) -> Table:
    """Places of the most frequent content words."""
    words = evidence.words
    assert words is not None
    shown = telling(words.words, words.frequent(None))[:MAPPED]
    places = plane(words.unit[shown]).astype(np.float64).round(4)
    rows = [
        {"word": words.words[row], "x": x, "y": y} for row, (x, y) in zip(shown.tolist(), places.tolist(), strict=True)
    ]
    return Table.of("map", rows)


def plane(vectors: np.ndarray) -> np.ndarray:
    """The first two principal components (n, 2) of vectors (n, D).

    t-SNE would spread the words better; scikit-learn, which has it, takes 150 MB of memory, and the whole training 500.
    """
    left, sizes, _ = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)
    found = np.zeros((len(vectors), 2), np.float32)
    found[:, : min(2, len(sizes))] = (left * sizes)[:, :2]
    return found
