"""The verb measure."""

from __future__ import annotations

from typing import Annotated, Any

from selfsup.cli.bias.opening import opened, rows_of, shown
from selfsup.cli.parser import UsageError
from selfsup.cli.words.giving import free, give
from selfsup.options import Range


def measure(
    vectors: str,
    *,
    attribute: str = "gender",
    pairs: tuple[str, ...] = (),
    words: str = "occupations",
    weat: tuple[str, ...] = (),
    sc_weat: tuple[str, ...] = (),
    indirect: tuple[str, ...] = (),
    generated: Annotated[int, Range(0)] = 0,
    ratings: str | None = None,
    column: str | None = None,
    permutations: Annotated[int, Range(1)] = 10_000,
    allow_missing: bool = False,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    json: bool = False,
    out: str | None = None,
    overwrite: bool = False,
) -> None:
    """Measure bias in word vectors in several ways, each with an interval, chance and the words it rests on.

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
    weat
        Tests of association: names such as career_family, or JSON files {"X": [...], "Y": [...], "A": [...], "B": [...]}; by
        default all that are bundled.
    sc_weat
        Words whose own association with the two sides of the pairs is measured.
    indirect
        Indirect bias of pairs of words, as in softball:receptionist; of one word that of those it owes most likeness to.
    generated
        So many analogies along the direction, with what the arithmetic answers.
    ratings
        A file of words and a number each, such as a share in a census, which projections are correlated with.
    column
        Of the ratings, where the file has several: its heading, or its place.
    permutations
        Drawn for the p of a test, at most; where there are fewer in all, each is taken once.
    allow_missing
        Measure all the same with sets of which more than a fifth of the words are missing.
    seed
        Of permutations, random words and intervals.
    json
        Write JSON to standard output.
    out
        File to write the scores to: .csv, .json or .parquet.
    """
    from selfsup.measures.table import Table
    from selfsup.measures.words.bias.evidence import Asked, read_tests, scores
    from selfsup.measures.words.bias.generated import generated as analogies
    from selfsup.measures.words.bias.indirect import indirect_bias
    from selfsup.measures.words.bias.scope import direction_table
    from selfsup.measures.words.bias.score import table

    place, tests, pairwise = free(out, overwrite), read_tests(weat or None), [_words(one) for one in indirect]
    known, way = opened(vectors, attribute, pairs)
    asked = Asked(words, tests, ratings, column, permutations, allow_missing, seed, sc_weat)
    tables = [direction_table(way, seed), table(scores(known, way, asked))]
    owed = [row for one in pairwise for row in indirect_bias(known, way, *one).table().rows]
    tables.append(Table.of("bias_indirect", owed))
    if generated:
        tables.append(analogies(known, way, generated).table())
    give(shown(tables)[1:], rows_of(tables[1:]), place, as_json=json)


def _words(one: str) -> tuple[Any, ...]:
    """A pair of words, or one word."""
    pair = one.split(":")
    if len(pair) > 2 or not all(pair):
        raise UsageError(f"--indirect takes a word, or a pair such as softball:receptionist; got '{one}'")
    return (pair,) if len(pair) == 2 else (one,)
