"""From the columns of a table to values, and to the fields they are known by: numbers, booleans, categories."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from selfsup.data.form import Calendar, Field
from selfsup.data.tables import dates, times
from selfsup.data.tables.column import Column, word
from selfsup.errors import DataError
from selfsup.lazy import pandas as pd

MOST = 1000  # categories of one column
IDENTIFIER = 50  # from more rows on, a column with a word of its own in every row is an identifier
PAIRS = tuple((style(no), style(yes)) for no, yes in (("false", "true"), ("no", "yes"))
              for style in (str.lower, str.title, str.upper))  # fmt: skip
DATES, TIMES = ("date", "datetime", "datetime64", "period"), ("time", "timedelta", "timedelta64")
COMMA = re.compile(r"\s*[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+([eE][+-]?\d+)?\s*")  # 1,5 and 1.000,5


class Held(NamedTuple):
    """What a column holds.

    Attributes
    ----------
    kind
        As in `Field`.
    values
        Numbers and booleans: (n,) or (n, k), missing ones NaN. Categories: (n,) places in `words`, missing ones -1.
    words
        The words of a category, sorted or in their declared order; the two of a boolean that came as words.
    dates
        Of numbers that are dates: how they are counted.
    hours
        Whether the numbers are times of day or durations.
    """

    kind: str
    values: np.ndarray
    words: tuple[str, ...] = ()
    dates: Calendar | None = None
    hours: bool = False


def held(column: Column, what: str) -> Held:
    """Find out what a column holds.

    Parameters
    ----------
    what
        Its name in messages: ``column 'age' of people.csv``.

    Raises
    ------
    DataError
        If it holds what is neither a number nor a date nor a word.
    """
    values = column.values
    if column.declared:
        return _category(column, what)
    if values.dtype.kind == "b":
        return Held("boolean" if values.ndim == 1 else "number", values)
    if values.dtype.kind in "iuf":
        return Held("boolean" if column.whole and _zero_or_one(values) else "number", values)
    if values.dtype.kind == "M":
        return _counted(dates.seconds(values), "ymd")
    if values.dtype.kind == "m":
        return Held("number", times.of_values(values), hours=True)
    return _of_objects(values, what)


def _counted(seconds: np.ndarray, order: str) -> Held:
    """Dates as days since the first of them, of seconds (n,) since 1970."""
    known = dates.calendar(seconds, order)
    return Held("number", seconds if known is None else dates.counted(seconds, known), (), known)


def _zero_or_one(values: np.ndarray) -> bool:
    """Whether whole numbers are exactly 0 and 1, both of them."""
    there = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    return values.ndim == 1 and there.size > 0 and there.min() == 0 and there.max() == 1


def _of_objects(values: np.ndarray, what: str) -> Held:
    """What a column of Python objects holds: pandas tells their common type, missing values left out."""
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind == "string":
        return _category(Column(values), what)
    if kind == "empty":
        return Held("number", np.full(len(values), np.nan))
    if kind in DATES:
        return _counted(dates.seconds(values), "ymd")
    if kind in TIMES:
        return Held("number", times.of_values(values), hours=True)
    if kind not in ("boolean", "integer", "floating", "mixed-integer-float", "decimal"):
        raise DataError(f"{what}: {_strange(values)}; make all of them numbers, or all of them words, or drop it")
    numbers = np.asarray([np.nan if gap else float(value) for value, gap in zip(values, absent(values), strict=True)])
    if kind == "boolean" or (kind == "integer" and _zero_or_one(numbers)):
        return Held("boolean", numbers)
    return Held("number", numbers)


def absent(values: np.ndarray) -> np.ndarray:
    """Which values (n,) are missing."""
    return np.asarray(pd.isna(values))


def _strange(values: np.ndarray) -> str:
    """Name the first value of each of the two first types that do not go together."""
    found: dict[str, str] = {}
    for row, value in enumerate(values):
        if isinstance(value, list | tuple | dict | np.ndarray) or not bool(absent(np.asarray(value))):
            found.setdefault(type(value).__name__, f"row {row} holds {type(value).__name__} '{shown(str(value))}'")
    return "not numbers, and not words (" + ", ".join(list(found.values())[:2]) + ")"


def worded(values: np.ndarray, order: Sequence[str] = ()) -> tuple[np.ndarray, tuple[str, ...]]:
    """Values of any type as words: (n,) places in the words (-1 for missing or blank ones), and the words that occur.

    They are sorted as the values are, numbers as numbers; or in the order given.
    """
    places, unique = pd.factorize(values)
    found = unique.tolist()
    try:
        found.sort()
    except TypeError:
        found.sort(key=word)
    words = tuple(dict.fromkeys(said for said in map(word, found) if said.strip()))
    if order:
        rank = {said: place for place, said in enumerate(order)}
        words = tuple(sorted(words, key=lambda said: rank.get(said, len(rank))))
    where = {said: place for place, said in enumerate(words)}
    new = np.asarray([*(where.get(word(value), -1) for value in unique.tolist()), -1], np.int64)  # the last: missing
    return new[places], words


def _category(column: Column, what: str) -> Held:
    """Words: a category, or a boolean if they are no and yes, or false and true."""
    codes, words = worded(column.values, column.order)
    if not column.declared and dates.looks(words):
        found, order = dates.of_words(words, what)
        return _counted(np.asarray([*found, np.nan])[codes], order)
    if not column.declared and times.looks(words):
        return Held("number", np.asarray([*times.of_words(words, what), np.nan])[codes], hours=True)
    pair = next((pair for pair in PAIRS if words and set(words) <= set(pair)), None)
    if pair is None:
        return Held("category", codes, words)
    truth = np.asarray([*(pair.index(said) for said in words), np.nan])
    return Held("boolean", truth[codes], pair)


def field(name: str, column: Column, found: Held, what: str) -> Field:
    """The field that a column is to be known by from now on.

    Raises
    ------
    DataError
        If it is an identifier, free text, or numbers with a few words among them.
    """
    if found.kind == "number":
        return Field(name, "number", dates=found.dates, hours=found.hours)
    if found.kind == "boolean":
        return Field(name, "boolean", found.words)
    words, there = found.words, int((found.values >= 0).sum())
    if not words:
        return Field(name, "number")  # nothing but missing values, which is refused where it is learnt from
    identifier = len(words) > MOST or (len(words) == there and there > IDENTIFIER)
    if not column.declared:
        _doubt(found, what, warn=not identifier)
    if identifier:
        raise DataError(
            f"{what} has {len(words):,} different values in {there:,} rows, such as '{shown(words[0])}': it seems to be "
            "an identifier or free text, which tells nothing about other rows; drop it, or merge its values to "
            f"{MOST:,} at most; to learn words from a text, name the method: skipgram"
        )
    return Field(name, "category", words)


def _doubt(found: Held, what: str, *, warn: bool) -> None:
    """Refuse words that are dates, times or numbers but for a few; warn of many numbers that came as words."""
    words = found.words
    for kind, looks in (("dates", dates.looks), ("times", times.looks)):
        if (odd := _odd(found, looks)) is not None:
            raise DataError(
                f"{what}: its values are {kind}, but row {odd[0]} holds '{shown(odd[1])}'; leave a missing value empty, or "
                "drop the column"
            )
    commas = [said for said in words if COMMA.fullmatch(said)]
    if commas and len(commas) + sum(map(is_number, words)) >= 0.8 * len(words):
        raise DataError(
            f"{what}: its values are numbers with a decimal comma, such as '{shown(commas[0])}'; write them with a point, "
            "or read the table with pandas.read_csv(..., decimal=',') and give the frame; if they are names of classes, say "
            "so by the column's type (pandas' category)"
        )
    strange = first(found.values, words, lambda said: not is_number(said))
    numbers = sum(map(is_number, words))
    if strange is not None and numbers > 5 and numbers >= 0.8 * len(words):
        row, said = strange
        raise DataError(
            f"{what}: its values are numbers, but row {row} holds '{shown(said)}'; leave a missing value empty, or "
            "drop the column; if the values are names of classes, say so by the column's type (pandas' category)"
        )
    if strange is None and numbers > 20 and warn:
        logging.getLogger("selfsup").warning(
            "%s holds %d different numbers written as words; they are taken as categories", what, numbers
        )


def _odd(found: Held, looks: Callable[[Sequence[str]], bool]) -> tuple[int, str] | None:
    """The first row whose word is none of what nearly all others are, and the word."""
    fits = {said for said in found.words if looks([said])}
    if len(found.words) <= 5 or len(fits) < 0.8 * len(found.words):
        return None
    return first(found.values, found.words, lambda said: said not in fits)


def shown(said: str) -> str:
    """A word in a message: on one line, and not long."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in said[:80]).split())[:40]


def is_number(said: str) -> bool:
    """Whether a word says a number."""
    try:
        float(said)
    except ValueError:
        return False
    return True


def first(codes: np.ndarray, words: Sequence[str], strange: Callable[[str], bool]) -> tuple[int, str] | None:
    """The first row whose word is strange, and the word."""
    rows = np.isin(codes, [place for place, said in enumerate(words) if strange(said)])
    row = int(rows.argmax())
    return (row, words[codes[row]]) if rows[row] else None


def write(x: np.ndarray, found: Held, width: int) -> None:
    """Write the first len(x) values into x (n, width) float32: as they are, or of a category one-hot."""
    values = found.values[: len(x)]
    if found.kind != "category":
        x[...] = values.reshape(len(x), width)
        return
    x[...] = 0.0
    x[np.arange(len(x)), np.maximum(values, 0)] = 1.0
    x[values < 0] = np.nan
