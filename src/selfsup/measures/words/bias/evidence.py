"""A first look at bias as tables of the evidence: an attribute's direction, the words farthest along it, and scores."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from selfsup.errors import DataError, OptionError, unknown
from selfsup.measures.run import Evidence
from selfsup.measures.table import Table
from selfsup.measures.words.bias.direct import WordList, among, direct_bias
from selfsup.measures.words.bias.extremes import extremes
from selfsup.measures.words.bias.groups import ect, mac, ripa, rnd, same
from selfsup.measures.words.bias.ratings import Given, ratings as correlation
from selfsup.measures.words.bias.rnsb import rnsb
from selfsup.measures.words.bias.scope import direction_table
from selfsup.measures.words.bias.score import Score, or_withheld, table
from selfsup.measures.words.bias.weat import DRAWN, sc_weat, weat_tests
from selfsup.words.bias.direction import Direction, direction
from selfsup.words.bias.given import Found, listed
from selfsup.words.bias.lists import WeatTest, read_json, weat as bundled
from selfsup.words.vectors import WordVectors

SETS = ("X", "Y", "A", "B")  # of a test of association
SENTIMENT = "flowers_insects"  # the test whose A and B are pleasant and unpleasant words
Tests = str | os.PathLike[str] | Mapping[str, Any] | Sequence[Any]


@dataclass(frozen=True)
class Asked:
    """What `scores` looks at.

    Attributes
    ----------
    words
        A list of words: "occupations", a file, or words.
    tests
        Tests of association (`read_tests`).
    ratings, column
        Numbers of people's about words, and which of several; None: none.
    permutations
        Of the p of a test, at most.
    allow_missing
        Also sets that lost more than a fifth of their words.
    seed
        Of all that is drawn.
    single
        Words whose own association with the two sides of the pairs is measured (SC-WEAT).
    """

    words: WordList = "occupations"
    tests: Sequence[WeatTest] = ()
    ratings: Given | None = None
    column: int | str | None = None
    permutations: int = DRAWN
    allow_missing: bool = False
    seed: int = 0
    single: Sequence[str] = ()


def scores(vectors: WordVectors, way: Direction, asked: Asked) -> list[Score]:
    """Scores of many kinds: the words of the list against the direction and against the words of its pairs, and tests.

    A score that the words do not allow is withheld and says why; words of the list that are missing are named.
    """
    name, known, _ = among(vectors, asked.words, way)
    first, second = sides(way)
    groups = [list(words) for words in zip(*way.about.classes, strict=True)] or [first, second]
    more: Any = {"seed": asked.seed, "allow_missing": asked.allow_missing}
    words, ends = list(known.words), f"{way.ends[0]} / {way.ends[1]}"
    many = " / ".join(way.about.class_names) or ends
    takes: list[tuple[str, str, Callable[[], Score]]] = [
        ("RIPA", name, lambda: ripa(vectors, words, way, **more)),
        ("RND", f"{name}, {ends}", lambda: rnd(vectors, first, second, words, **more)),
        ("ECT", f"{name}, {ends}", lambda: ect(vectors, first, second, words, **more)),
        ("MAC", f"{name}, {many}", lambda: mac(vectors, words, groups, **more)),
        ("SAME", f"{name}, {many}", lambda: same(vectors, words, groups, **more)),
    ]
    sentiment, named = bundled()[SENTIMENT], list(dict.fromkeys(word for group in groups for word in group))
    found = [direct_bias(vectors, way, asked.words, seed=asked.seed)]
    found += [_of_list(or_withheld(take, measure, of, vectors, words), known) for measure, of, take in takes]
    of = f"{many}, {sentiment.a_name} / {sentiment.b_name}"
    found.append(
        or_withheld(lambda: rnsb(vectors, named, sentiment.A, sentiment.B, **more), "RNSB", of, vectors, named)
    )
    found += weat_tests(vectors, asked.tests, permutations=asked.permutations, **more)
    for word in asked.single:
        single = partial(sc_weat, vectors, word, first, second, permutations=asked.permutations, **more)
        found.append(or_withheld(single, "SC-WEAT", f"{word}, {ends}", vectors, [word]))
    if asked.ratings is not None:
        found.append(correlation(vectors, way, asked.ratings, column=asked.column, seed=asked.seed))
    return found


def sides(way: Direction) -> tuple[list[str], list[str]]:
    """Words of a direction's pairs on its positive and on its negative side, each once; of a word in both the first counts."""
    flipped = way.ends not in way.pairs and way.ends[::-1] in way.pairs
    pairs = [pair[::-1] if flipped else pair for pair in way.pairs]
    first = list(dict.fromkeys(pair[0] for pair in pairs))
    return first, [word for word in dict.fromkeys(pair[1] for pair in pairs) if word not in first]


def before_and_after(before: WordVectors, after: WordVectors, way: Direction, asked: Asked) -> Table:
    """Scores of vectors before and after something was done to them, along the direction of those before.

    Reducers begin with vectors of length 1, and so does this: RIPA, which looks at lengths, would show them as well.
    """
    unit = WordVectors(before.words, before.unit, before.counts)
    rows = table(scores(unit, way, asked)).rows + table(scores(after, way, asked), "after").rows
    return Table.of("bias", rows)


def read_tests(weat: Tests | None) -> list[WeatTest]:
    """Tests of association.

    Parameters
    ----------
    weat
        Names of bundled tests, JSON files with the sets ``{"X": [...], "Y": [...], "A": [...], "B": [...]}``, what such a file
        holds, or several of these; None: all that are bundled.

    Raises
    ------
    OptionError, DataError
        If there is no such test, or it has another shape.
    """
    if weat is None:
        return list(bundled().values())
    several = [weat] if isinstance(weat, str | os.PathLike | Mapping | WeatTest) else weat
    if not isinstance(several, Sequence):
        raise OptionError(f"tests of association are names or files, one or a list; got {type(weat).__name__}")
    return [_test(one) for one in several]


def measure_direction(evidence: Evidence) -> Table:
    """The direction of the attribute that the options name."""
    return direction_table(_way(evidence), evidence.seed)


def measure_extremes(evidence: Evidence) -> Table:
    """The occupations farthest along it."""
    way = _way(evidence)
    return extremes(way.vectors, way).table()


def measure(evidence: Evidence) -> Table:
    """Scores of it, and all bundled tests."""
    assert evidence.words is not None
    return table(scores(evidence.words, _way(evidence), Asked(tests=read_tests(None), seed=evidence.seed)))


def _way(evidence: Evidence) -> Direction:
    assert evidence.words is not None
    return direction(evidence.words, evidence.options["bias"])


def _of_list(score: Score, known: Found) -> Score:
    """A score that was asked for the known words of a list, with the others named."""
    missing = (*score.missing, *known.missing)
    return replace(score, asked=score.asked + len(known.missing), missing=tuple(dict.fromkeys(missing)))


def _test(one: Any) -> WeatTest:
    """A test by name, of a file, of what a file holds, or as it is."""
    if isinstance(one, WeatTest):
        return one
    name, held = "own sets", one
    if isinstance(one, str | os.PathLike):
        if one in bundled():
            return bundled()[str(one)]
        if not str(one).lower().endswith(".json") and not os.path.exists(one):
            raise OptionError(f"{unknown('test', str(one), bundled())} Sets of your own are a JSON file")
        name, held = os.path.splitext(os.path.basename(one))[0], read_json(one)
    if not isinstance(held, Mapping) or not set(SETS) <= set(held):
        given = ", ".join(map(str, held)) if isinstance(held, Mapping) else type(held).__name__
        raise DataError(
            f"a test of association is an object with the sets {', '.join(SETS)}; {name} is {given or 'empty'}"
        )
    x, y, a, b = (tuple(listed(held[key], f"{key} of {name}")) for key in SETS)
    titles = {f"{key.lower()}_name": str(held.get(f"{key.lower()}_name", key)) for key in SETS}
    return WeatTest(str(held.get("name", name)), x, y, a, b, **titles, source=str(held.get("source", "")))
