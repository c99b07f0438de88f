"""The measures: a function that makes a table of evidence, and how such tables are shown. To add one: its file, one line here."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Where a measure and the look of its table are, and what it needs: parts of `Evidence`, or options that name a file."""

    measure: str
    look: str
    needs: tuple[str, ...]


REGISTERED = {
    "probe": Entry("selfsup.measures.samples.probe:measure", "selfsup.measures.samples.accuracy:PROBE", ("labels",)),
    "knn": Entry("selfsup.measures.samples.knn:measure", "selfsup.measures.samples.accuracy:KNN", ("labels",)),
    "neighbours": Entry(
        "selfsup.measures.words.beside:measure", "selfsup.measures.words.neighbours:LOOK", ("words", "text")
    ),
    "map": Entry("selfsup.measures.words.plane:measure", "selfsup.measures.words.plane:LOOK", ("words", "text")),
    "analogies": Entry(
        "selfsup.measures.words.analogies:measure", "selfsup.measures.words.analogies:LOOK", ("words", "analogies")
    ),
    "similarity": Entry(
        "selfsup.measures.words.similarity:measure", "selfsup.measures.words.similarity:LOOK", ("words", "similarity")
    ),
}
