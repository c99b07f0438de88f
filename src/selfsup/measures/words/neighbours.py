"""Neighbours of some words, beside those that counting alone gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from selfsup.measures.table import Look, Row, Table, is_number
from selfsup.measures.words.telling import over_frequencies, telling
from selfsup.words.search import nearest, unit_rows
from selfsup.words.vectors import WordVectors

COUNTED = 4_000  # words that may be neighbours, the most frequent ones: of rarer ones neither way knows much
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
        A row has the ``word``, its ``rank`` and ``count``, its neighbours [word, cosine] by the learnt vectors (``model``) and by
        counting (``counts``), both of the c counted words (``among``), and how many the two lists share (``shared``). Of all
        words the learnt vectors would find rare ones too, which counting was never asked about.
    """
    good = telling(vectors.words, vectors.frequent(None))
    asked = over_frequencies(good[good < len(counted)], ASKED)
    words = [vectors.words[row] for row in range(len(counted))]
    learnt = nearest_of(words, unit_rows(vectors.rows(slice(len(counted)))), asked)
    by_counts = nearest_of(words, unit_rows(counted), asked)
    rows: list[Row] = []
    for row, own, others in zip(asked.tolist(), learnt, by_counts, strict=True):
        other = [(word, cosine) for word, cosine in others if cosine > 0]
        same = {word for word, _ in own} & {word for word, _ in other}
        count = None if vectors.counts is None else int(vectors.counts[row])
        found = {"model": _rounded(own), "counts": _rounded(other), "shared": len(same), "among": len(words)}
        rows.append({"word": words[row], "rank": row + 1, "count": count, **found})
    shared = {"neighbours_shared": float(np.mean([row["shared"] for row in rows]))} if rows else {}
    return Table.of("neighbours", rows, health={"neighbours": NEIGHBOURS, **shared})


def nearest_of(words: Sequence[str], unit: np.ndarray, rows: np.ndarray) -> list[list[tuple[str, float]]]:
    """Words nearest to some rows of a table of unit vectors (n, D), without the word itself, and their cosines."""
    found = nearest(unit, unit[rows], NEIGHBOURS + 1)
    return [
        [(words[place], cosine) for place, cosine in zip(places, cosines, strict=True) if place != row][:NEIGHBOURS]
        for row, places, cosines in zip(rows.tolist(), found.rows.tolist(), found.cosines.tolist(), strict=True)
    ]


def _rounded(pairs: Sequence[tuple[str, float]]) -> list[list[Any]]:
    return [[word, round(cosine, 4)] for word, cosine in pairs]


def beside(table: Table) -> list[str]:
    """Lines on a terminal: what a word is nearest to, and below it by counting; the report has more words."""
    lines = [f"nearest words{_among(table)}, and by counting alone"]
    for row in _some(table):
        lines += [f"{row['word']}: {_listed(row['model'])}", f"    by counting: {_listed(row['counts']) or 'none'}"]
    return lines


def first(table: Table, because: Mapping[str, Any]) -> list[str]:
    """Lines of a first look."""
    return [f"near     {row['word']}: {_listed(row['model'][:NEAR])}" for row in _some(table)]


def _among(table: Table) -> str:
    """Of how many words, where the table says it: those of earlier runs do not."""
    among = next((row["among"] for row in table.rows if is_number(row.get("among"))), None)
    return "" if among is None else f" of the {among:,} most frequent"


def _some(table: Table) -> list[Row]:
    """A few words over the frequencies."""
    return table.rows[:: max(1, len(table.rows) // BRIEF)][:BRIEF]


def _listed(pairs: Sequence[Sequence[Any]]) -> str:
    return ", ".join(f"{word} {cosine:.2f}" for word, cosine in pairs)


LOOK = Look(
    "nearest words", ("word", "rank", "count", "model", "counts", "shared"), key="word", lines=beside, brief=first
)
