"""The verb extremes."""

from __future__ import annotations

from typing import Annotated

from selfsup.cli.bias.opening import opened, shown
from selfsup.cli.words.giving import free, give
from selfsup.options import Range


def extremes(
    vectors: str,
    *,
    attribute: str = "gender",
    pairs: tuple[str, ...] = (),
    words: str = "occupations",
    n: Annotated[int, Range(1)] = 12,
    keep_specific: bool = False,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    json: bool = False,
    out: str | None = None,
    overwrite: bool = False,
) -> None:
    """List the words that lie farthest along the direction of an attribute, to either side.

    Parameters
    ----------
    vectors
        Word vectors: a file in any format, or a run.
    attribute
        What the direction is of: gender, religion, or a JSON file of pairs of words.
    pairs
        Instead of it pairs of words: she:he,woman:man.
    words
        Which words to look at: occupations, or a file of words (.json, or one a line).
    n
        How many to list on either side.
    keep_specific
        List words too that have the attribute by definition, such as actress.
    seed
        Of the random pairs that the direction is held against.
    json
        Write JSON to standard output.
    out
        File to write the words to: .csv, .json or .parquet.
    """
    from selfsup.measures.words.bias.extremes import extremes as farthest
    from selfsup.measures.words.bias.scope import direction_table

    place = free(out, overwrite)
    known, way = opened(vectors, attribute, pairs)
    found = farthest(known, way, words, n, keep_specific=keep_specific).table()
    rows = [{key: value for key, value in row.items() if key != "strip"} for row in found.rows]  # which is a picture
    give(shown([direction_table(way, seed), found])[1:], rows, place, as_json=json)
