"""Neighbours of some words, beside those that counting alone gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from selfsup.measures.table import Look, Row, Table
from selfsup.measures.words.telling import over_frequencies, telling
from selfsup.words.search import nearest
from selfsup.words.vectors import WordVectors

ASKED, NEIGHBOURS = 24, 8  # words whose neighbours are listed, and how many
BRIEF, NEAR = 6, 5  # of a first look


def neighbours(vectors: WordVectors, counted: np.ndarray) -> Table:
    """Neighbours of words over the range of frequencies.

    Parameters
    ----------
    vectors
        Words, the most frequent first, with their counts.
    counted
        (c, D') vectors of the c most frequent words by counting.

    Returns
    -------
    Table
        A row has the ``word``, its ``rank`` and ``count``, its neighbours [word, cosine] among all words (``model``) and by
        counting (``counts``), and how many the two share among the counted words (``shared``), which is the fair comparison:
        the lists themselves are what a user gets.
    """
    good = telling(vectors.words, vectors.frequent(None))
    asked = over_frequencies(good[good < len(counted)], ASKED)
    among = WordVectors(vectors.words[: len(counted)], counted)
    fair = nearest(vectors.unit[: len(counted)], vectors.unit[asked], NEIGHBOURS + 1).rows
    rows: list[Row] = []
    for row, near in zip(asked.tolist(), fair.tolist(), strict=True):
        word = vectors.words[row]
        other = [(name, cosine) for name, cosine in among.most_similar(word, NEIGHBOURS) if cosine > 0]
        own = vectors.most_similar(word, NEIGHBOURS)
        same = {vectors.words[place] for place in near if place != row} & {name for name, _ in other}
        count = None if vectors.counts is None else int(vectors.counts[row])
        found = {"model": _rounded(own), "counts": _rounded(other), "shared": len(same)}
        rows.append({"word": word, "rank": row + 1, "count": count, **found})
    shared = {"neighbours_shared": float(np.mean([row["shared"] for row in rows]))} if rows else {}
    return Table.of("neighbours", rows, health={"neighbours": NEIGHBOURS, **shared})


def _rounded(pairs: Sequence[tuple[str, float]]) -> list[list[Any]]:
    return [[word, round(cosine, 4)] for word, cosine in pairs]


def beside(table: Table) -> list[str]:
    """Lines on a terminal: what a word is nearest to, and below it by counting; the report has more words."""
    lines = ["nearest words, and by counting alone"]
    for row in _some(table):
        lines += [f"{row['word']}: {_listed(row['model'])}", f"    by counting: {_listed(row['counts']) or 'none'}"]
    return lines


def first(table: Table, because: Mapping[str, Any]) -> list[str]:
    """Lines of a first look."""
    return [f"near     {row['word']}: {_listed(row['model'][:NEAR])}" for row in _some(table)]


def _some(table: Table) -> list[Row]:
    """A few words over the frequencies."""
    return table.rows[:: max(1, len(table.rows) // BRIEF)][:BRIEF]


def _listed(pairs: Sequence[Sequence[Any]]) -> str:
    return ", ".join(f"{word} {cosine:.2f}" for word, cosine in pairs)


LOOK = Look(
    "nearest words", ("word", "rank", "count", "model", "counts", "shared"), key="word", lines=beside, brief=first
)
