"""Files of judged pairs of words, as they are published: WordSim-353, RG-65, MEN, SimLex-999, RareWords and their kin."""

from __future__ import annotations

import contextlib
import csv
import os
import re
from collections.abc import Iterable, Sequence

from selfsup.errors import DataError
from selfsup.words.formats.io import lines_of

Pair = tuple[str, str, float]
LARGEST = 1e30  # of a judgement: squares of it are summed
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
PART_OF_SPEECH = re.compile(r".+-[nvjar]")  # of MEN's lemmas: sun-n, run-v, bright-j


def read_pairs(pairs: str | os.PathLike[str] | Iterable[str]) -> tuple[str, list[Pair], str]:
    """Name of the source, its pairs with their judgements, and the heading of the column that these are from.

    Raises
    ------
    DataError
        If a line is no pair, or there are none; or the words are not in the first two columns.
    """
    source, rows = _rows(pairs)
    headings: Sequence[str] = ()
    columns = [_judged(fields) for _, fields, _ in rows[:2]]
    column = columns[0] if columns else None
    if rows and (
        column is None or (columns[-1] is not None and columns[-1] < column)
    ):  # headings, which may be numbers too
        headings, rows, column = rows[0][1], rows[1:], columns[1] if len(columns) > 1 else None
    found: list[Pair] = []
    for number, fields, line in rows:
        value = _value(fields, column)
        if value is None or not fields[0] or not fields[1]:
            said = f"{source}, line {number}: two words and a number expected; got {line.strip()[:60]!r}"
            raise DataError(
                said if len(rows) > 1 or headings else f"{source} has no pairs; one is two words and a number a line"
            )
        found.append((fields[0], fields[1], value))
    if not found:
        raise DataError(f"{source} has no pairs; one is two words and a number a line")
    if all(a.isdigit() for a, _, _ in found):
        raise DataError(
            f"{source}: the first column holds numbers; the first two columns must be words, so take that one away"
        )
    assert column is not None
    return source, _without_parts_of_speech(found), headings[column] if column < len(headings) else ""


def _rows(pairs: str | os.PathLike[str] | Iterable[str]) -> tuple[str, list[tuple[int, list[str], str]]]:
    """Name of the source, and of each line that says something its number, its fields, and itself."""
    source, lines = lines_of(pairs)
    told = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    rows = [(number, _fields(line), line) for number, line in told]
    if any(
        len(fields) > 1 and not fields[1] for _, fields, _ in rows
    ):  # columns that several tabs bring below each other
        rows = [(number, [field for field in fields if field], line) for number, fields, line in rows]
    return source, rows


def _fields(line: str) -> list[str]:
    """Fields of a line, separated by the first of tab, comma and semicolon that it has, or else by spaces."""
    separator = next((mark for mark in "\t,;" if mark in line), None)
    if separator is None:
        return line.split()
    fields = line.split(separator)
    if '"' in line:
        with contextlib.suppress(csv.Error):  # then the quotes are no quotes
            fields = next(csv.reader([line.strip()], delimiter=separator))
    return [field.strip() for field in fields]


def _judged(fields: Sequence[str]) -> int | None:
    """The first column after the words that holds a number."""
    return next((column for column in range(2, len(fields)) if _value(fields, column) is not None), None)


def _value(fields: Sequence[str], column: int | None) -> float | None:
    """The number in a column, or None."""
    if column is None or column >= len(fields) or not NUMBER.fullmatch(fields[column]):
        return None
    value = float(fields[column])
    return value if abs(value) <= LARGEST else None


def _without_parts_of_speech(pairs: list[Pair]) -> list[Pair]:
    if not all(PART_OF_SPEECH.fullmatch(word) for a, b, _ in pairs for word in (a, b)):
        return pairs
    return [(a[:-2], b[:-2], value) for a, b, value in pairs]
