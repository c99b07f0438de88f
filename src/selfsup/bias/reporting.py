"""The caution report: an attribute in word vectors from all sides at once, before and after a reducer, as one offline page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfsup.bias.reducing import reduced, said
from selfsup.errors import OptionError
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.table import Row, Table
from selfsup.measures.words.bias.cost import cost
from selfsup.measures.words.bias.direct import WordList
from selfsup.measures.words.bias.evidence import Asked, Tests, before_and_after, read_tests
from selfsup.measures.words.bias.extremes import Extremes, extremes
from selfsup.measures.words.bias.generated import generated
from selfsup.measures.words.bias.ratings import Given
from selfsup.measures.words.bias.residual import residual
from selfsup.measures.words.bias.scope import direction_table
from selfsup.measures.words.files import Files
from selfsup.report.page import write_evaluation
from selfsup.system.files import check_free
from selfsup.words.bias.direction import Direction, direction
from selfsup.words.bias.transform import Transform
from selfsup.words.vectors import WordVectors

ANALOGIES = 60  # pairs that are generated


def caution(
    vectors: WordVectors | str | os.PathLike[str],
    attribute: Any = "gender",
    *,
    reducer: str = "hard",
    words: WordList = "occupations",
    weat: Tests | None = None,
    analogies: Files = (),
    similarity: Files = (),
    ratings: Given | None = None,
    column: int | str | None = None,
    n: int = 12,
    allow_missing: bool = False,
    seed: int = 0,
    name: str = "",
) -> Evaluation:
    """Look at an attribute in word vectors from all sides: measured, reduced, what is left of it and what that cost.

    A measure whose words the vectors lack is withheld, and names them; nothing stops for it.

    Parameters
    ----------
    vectors
        The words and their vectors, or the path of a file or a run.
    attribute
        A bundled one ("gender"), a JSON file, or pairs of words (see `selfsup.bias.Attribute`).
    reducer
        What is held beside the vectors as they are: "hard", "soft", "double-hard", "inlp", "leace" or "multiclass".
    words
        Of the extremes and the measures: "occupations", a file, or a list.
    weat
        Tests of association by name or file; None: all that are bundled.
    analogies, similarity
        Files of questions, which say what the reducer cost.
    ratings, column
        People's numbers about words, such as shares of a census, and which of several.
    n
        Extreme words of each side.
    allow_missing
        Measure all the same with sets of which more than a fifth of the words are missing.
    seed
        Of all that is drawn.
    name
        Of the vectors; by default that of their file.

    Returns
    -------
    Evaluation
        Tables ``bias_scope``, ``bias_direction``, ``bias_extremes``, ``bias``, ``bias_residual``, ``bias_cost`` and
        ``bias_analogies``; it has no verdict, as none of them is one.

    Raises
    ------
    OptionError, DataError
        If a name is unknown, or a list or file has another shape; if fewer than two pairs are in the vectors, or none of the
        words.
    """
    tests = read_tests(weat)
    if isinstance(vectors, str | os.PathLike):
        name, vectors = name or Path(vectors).name, WordVectors.load(vectors)
    way = direction(vectors, attribute)
    before = extremes(vectors, way, words, n)
    asked = Asked(words, tests, ratings, column, allow_missing=allow_missing, seed=seed)
    after, done = reduced(vectors, way, reducer, seed=seed)
    measured = before_and_after(vectors, after, way, asked)
    rest = [
        direction_table(way, seed),
        _extremes(before, extremes(after, way, words, n)),
        measured,
        residual(vectors, after, way, words=words, transform=done, seed=seed).table(),
        cost(vectors, after, analogies=analogies, similarity=similarity, seed=seed).table(),
        _analogies(vectors, after, way),
    ]
    return Evaluation(tables=[_scope(name, vectors, way, before, measured, done), *rest])


def report(
    vectors: WordVectors | str | os.PathLike[str], path: str | os.PathLike[str], attribute: Any = "gender", **more: Any
) -> Path:
    """Write the caution report: one HTML file that opens offline, with no script in it.

    Parameters
    ----------
    vectors, attribute, **more
        See `caution`.
    path
        The file; one that exists is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OptionError, DataError
        As `caution`.
    RunError
        If the file cannot be written; that is said before anything is measured.
    """
    if not isinstance(path, str | os.PathLike):
        raise OptionError(f"the page is written to a path, such as 'bias.html'; got {type(path).__name__}")
    check_free(Path(path), overwrite=True)
    found = caution(vectors, attribute, **more)
    name = next(row["name"] for row in found.rows("bias_scope"))
    return write_evaluation(found, f"a note of caution on {name or 'word vectors'}", Path(path))


def _scope(
    name: str, vectors: WordVectors, way: Direction, before: Extremes, measured: Table, done: Transform
) -> Table:
    """Which vectors, pairs, words, tests and reducer, and what is missing of them by name."""
    tests = [row for row in measured.rows if row["measure"] == "WEAT" and row["stage"] == "before"]
    withheld = [row["of"] for row in tests if row["value"] is None]
    unmeasured = f"Not measured, as words are missing: {'; '.join(dict.fromkeys(withheld))}." if withheld else ""
    left_out = f"Left out, as their meaning has it: {', '.join(before.left_out)}." if before.left_out else ""
    pairs = len({frozenset(pair) for pair in way.about.pairs})
    rows = [
        _row("vectors", name, note=f"{len(vectors):,} words, {vectors.dim} numbers each."),
        _row("pairs", way.attribute, pairs, len(way.pairs), way.missing, note=way.about.source),
        _row("words", before.words, before.asked, before.found, before.missing, [*before.projections], left_out),
        _row("tests of association", "", len(tests), len(tests) - len(withheld), note=unmeasured),
        _row("reducer", done.method, note=said(done)),
    ]
    return Table.of("bias_scope", rows)


def _row(
    what: str,
    name: str,
    asked: int | None = None,
    found: int | None = None,
    missing: Sequence[str] = (),
    words: Sequence[str] = (),
    note: str = "",
) -> Row:
    counted = {"what": what, "name": name, "asked": asked, "found": found}
    return counted | {"missing": ", ".join(missing), "words": ", ".join(words), "note": note}


def _extremes(before: Extremes, after: Extremes) -> Table:
    """The words that were the most extreme, with where they lie after, and those that are the most extreme then."""
    rows = [row | {"after": after.projections.get(row["word"])} for row in before.table().rows]
    return Table.of("bias_extremes", rows + after.table("after").rows)


def _analogies(before: WordVectors, after: WordVectors, way: Direction) -> Table:
    """Pairs generated along the direction before, and along the same direction after."""
    found = [generated(one, way, ANALOGIES).table(stage).rows
             for one, stage in ((before, "before"), (after, "after"))]  # fmt: skip
    return Table.of("bias_analogies", found[0] + found[1])
