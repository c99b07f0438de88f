"""Do projections on a direction go with what people say or count, such as crowd ratings and census shares?"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from selfsup.errors import DataError, OptionError, unknown
from selfsup.measures.words.bias.bootstrap import interval
from selfsup.measures.words.bias.direct import checked, spelled
from selfsup.measures.words.bias.score import Score
from selfsup.measures.words.similarity import FEWEST, correlation, ranks
from selfsup.words.bias.given import SAME, found, units, whole_number
from selfsup.words.bias.lists import Occupation, read_json
from selfsup.words.formats.io import lines_of

if TYPE_CHECKING:
    from selfsup.words.bias.direction import Direction
    from selfsup.words.vectors import WordVectors

PERMUTATIONS = 10_000
LARGEST = 1e30  # of a rating
SHAPE = "words with a number each: an object, or a list of [word, number]; or lines with a word and a number"

Given = str | os.PathLike[str] | Mapping[str, float] | Sequence[Sequence[Any]]


class Rated(NamedTuple):
    """Words and what people say of them: name of the source, the column, and the numbers by word."""

    source: str
    column: str
    numbers: dict[str, float]


def ratings(
    vectors: WordVectors,
    direction: Direction,
    given: Given,
    *,
    column: int | str | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Score:
    """Spearman's correlation of projections on a direction with numbers of people's about the same words.

    The crowd's stereotype of 327 occupations and the projection of Google-News vectors on *he* - *she* have 0.51 (Bolukbasi et
    al. 2016, section 5).

    Parameters
    ----------
    vectors
        The words and their vectors, used with length 1.
    direction
        Of these vectors, or of others of the same length D.
    given
        Numbers by word; or a file: .json, an object of numbers by word or a list of [word, number, ...]; anything else is read
        as lines of fields between commas, tabs or semicolons, the word first.
    column
        Which number of several counts: its place in a line (the word has 0), or its heading.
    draws
        Of the bootstrap over words; of the permutations there are 10,000.
    seed
        Of both.

    Returns
    -------
    Score
        From -1 to 1: above 0, words with larger numbers lie toward the first end of the direction. `p` is two-sided, of permuted
        numbers. Withheld where fewer than 3 words are known or all are alike.

    Raises
    ------
    DataError
        If the file has another shape, or a number is not finite.
    OptionError
        If there are several columns of numbers and `column` names none of them.
    """
    draws, toward = whole_number(draws, "draws"), checked(vectors, direction)
    rated = read(given, column)
    words = {spelled(vectors, Occupation(word, False)): number for word, number in rated.numbers.items()}
    known = found(vectors, list(words), f"the rated words of {rated.source}", lost=None, least=0)
    of = f"{rated.source}{f', {rated.column}' if rated.column else ''}"
    counted = {"words": len(known.words), "asked": len(rated.numbers), "missing": known.missing}
    numbers = _numbers(words, known.words)
    projected = units(vectors, known.rows) @ toward if len(known.rows) else np.empty(0)
    projected[np.abs(projected) < SAME] = 0  # rounding has no rank
    rho = correlation(ranks(projected), ranks(numbers)) if len(numbers) else None
    if rho is None:
        alike = f"all {len(numbers)} known words have one rating, or one projection (none where the direction was taken out)"
        few = f"a correlation needs {FEWEST} known words, and {len(numbers)} of {len(words)} are known"
        why = few if len(numbers) < FEWEST else alike
        return Score("Spearman with ratings", of, none=0.0, withheld=why, **counted)  # type: ignore[arg-type]

    def again(rows: list[np.ndarray]) -> float:
        found_again = correlation(ranks(projected[rows[0]]), ranks(numbers[rows[0]]))
        return math.nan if found_again is None else found_again

    low, high = interval(again, [len(numbers)], draws=draws, seed=seed)
    first, second = direction.ends
    note = f"Above 0: larger numbers lie toward {first!r}, away from {second!r}. p: two-sided, {PERMUTATIONS:,} permutations."
    p = _p(ranks(projected), ranks(numbers), rho, seed)
    return Score("Spearman with ratings", of, rho, low, high, 0.0, 0.0, p, note=note, **counted)  # type: ignore[arg-type]


def read(given: Given, column: int | str | None = None) -> Rated:
    """Words and numbers of a file, or as they are given; see `ratings`."""
    if isinstance(given, str | os.PathLike):
        path = Path(given)
        if "\0" in str(path):
            raise DataError(f"{str(path)[:40]!r} is no name of a file")
        return _of(path.name, read_json(path) if path.suffix.lower() == ".json" else _fields(path), column)
    return _of("the ratings given", given, column)


def _of(source: str, held: Any, column: int | str | None) -> Rated:
    """Numbers by word of an object, or of rows of which the first may be headings."""
    if isinstance(held, Mapping):
        rows: list[Sequence[Any]] = [list(item) for item in held.items()]
    elif isinstance(held, Sequence) and not isinstance(held, str | bytes):
        rows = list(held)
    else:
        raise DataError(f"{source} must be {SHAPE}; got {type(held).__name__}")
    for row in rows:
        if isinstance(row, str | bytes) or not isinstance(row, Sequence) or len(row) < 2 or not isinstance(row[0], str):
            raise DataError(f"{source} must be {SHAPE}; got {str(row)[:60]!r} in it")
    if not rows:
        raise DataError(f"{source} is empty; it must be {SHAPE}")
    headings: Sequence[Any] = ()
    if all(isinstance(field, str) and _number(field) is None for field in rows[0]):
        headings, rows = rows[0], rows[1:]
    place = _place(source, headings, rows, column)
    numbers: dict[str, float] = {}
    for row in rows:
        number = _number(row[place]) if place < len(row) else None
        if number is None:
            said = str(row[place])[:40] if place < len(row) else "nothing"
            raise DataError(f"{source}: the rating of {row[0]!r} must be a finite number; got {said!r}")
        if numbers.setdefault(row[0], number) != number:
            raise DataError(f"{source}: {row[0]!r} has two ratings, {numbers[row[0]]:g} and {number:g}; leave one")
    name = str(headings[place]) if headings else f"column {place}" if max(map(len, rows)) > 2 else ""
    return Rated(source, name, numbers)


def _place(source: str, headings: Sequence[Any], rows: Sequence[Sequence[Any]], column: int | str | None) -> int:
    """Which field of a row is the rating."""
    if not rows:
        raise DataError(f"{source} has headings only; it must be {SHAPE}")
    able = [place for place in range(1, len(rows[0])) if _number(rows[0][place]) is not None]
    named = {str(headings[place]): place for place in able if place < len(headings)}
    if column is None:
        if len(able) == 1:
            return able[0]
        have = ", ".join(named) or ", ".join(map(str, able))
        if not able:
            raise DataError(f"{source} has no column of numbers; it must be {SHAPE}")
        raise OptionError(f"{source} has several columns of numbers ({have}); say which with column=")
    if isinstance(column, str) and column in named:
        return named[column]
    place = int(column) if isinstance(column, str) and column.isdigit() else column
    if isinstance(place, bool) or not isinstance(place, int) or place not in able:
        raise OptionError(f"{source}: {unknown('column of numbers', str(column), [*named, *map(str, able)])}")
    return place


def _fields(path: Path) -> list[list[str]]:
    """Fields of the lines of a text file, by the mark that its first line has."""
    _, every = lines_of(path)
    lines = [line for line in every if line.strip() and not line.startswith("#")]
    mark = next((mark for mark in "\t;," if lines and mark in lines[0]), None)
    if mark is None:
        raise DataError(f"{path.name} must be {SHAPE}, between them a comma, tab or semicolon")
    try:
        return [[field.strip() for field in row] for row in csv.reader(lines, delimiter=mark)]
    except csv.Error as error:
        raise DataError(f"{path.name} cannot be read as lines of fields: {error}") from error


def _number(field: Any) -> float | None:
    """A field as a finite number, or None."""
    if isinstance(field, bool) or not isinstance(field, str | int | float | np.integer | np.floating):
        return None
    try:
        number = float(field)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= LARGEST else None


def _numbers(words: Mapping[str, float], known: Sequence[str]) -> np.ndarray:
    """Ratings (m,) of the known words, which may be in lower case in the vectors."""
    lower = {word.lower(): number for word, number in reversed(list(words.items()))}
    return np.array([words[word] if word in words else lower[word] for word in known], np.float64)


def _p(a: np.ndarray, b: np.ndarray, rho: float, seed: int) -> float:
    """Share of permutations of ranks b (m,) of which the correlation is as large or larger, whatever its sign."""
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    generator = np.random.default_rng(seed)
    as_large = sum(
        int((np.abs(generator.permuted(np.tile(b, (1000, 1)), axis=1) @ a) / size >= abs(rho) - 1e-12).sum())
        for _ in range(PERMUTATIONS // 1000)
    )
    return (1 + as_large) / (1 + PERMUTATIONS)
