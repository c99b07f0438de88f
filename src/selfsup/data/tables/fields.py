"""From the columns of a table to values and back to the fields they are known by: numbers, booleans, categories."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from selfsup.data.form import Calendar, Field
from selfsup.data.tables import dates
from selfsup.data.tables.column import Column, word
from selfsup.errors import DataError
from selfsup.lazy import pandas as pd

MOST = 1000  # categories of one column
IDENTIFIER = 50  # from more rows on, a column with a word of its own in every row is an identifier
PAIRS = tuple((style(no), style(yes)) for no, yes in (("false", "true"), ("no", "yes"))
              for style in (str.lower, str.title, str.upper))  # fmt: skip
DATES, TIMES = ("date", "datetime", "datetime64"), ("time", "timedelta", "timedelta64", "period")
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
    """

    kind: str
    values: np.ndarray
    words: tuple[str, ...] = ()
    dates: Calendar | None = None


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
        raise DataError(_times(what))
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
        raise DataError(_times(what))
    if kind not in ("boolean", "integer", "floating", "mixed-integer-float", "decimal"):
        raise DataError(f"{what}: {_strange(values)}; make all of them numbers, or all of them words, or drop it")
    numbers = np.asarray([np.nan if gap else float(value) for value, gap in zip(values, _absent(values), strict=True)])
    if kind == "boolean" or (kind == "integer" and _zero_or_one(numbers)):
        return Held("boolean", numbers)
    return Held("number", numbers)


def _absent(values: np.ndarray) -> np.ndarray:
    return np.asarray(pd.isna(values))


def _strange(values: np.ndarray) -> str:
    """Name the first value of each of the two first types that do not go together."""
    found: dict[str, str] = {}
    for row, value in enumerate(values):
        if isinstance(value, list | tuple | dict | np.ndarray) or not bool(_absent(np.asarray(value))):
            found.setdefault(type(value).__name__, f"row {row} holds {type(value).__name__} '{_shown(str(value))}'")
    return "not numbers, and not words (" + ", ".join(list(found.values())[:2]) + ")"


def _times(what: str) -> str:
    return f"{what} holds times, which are no numbers by themselves; give hours or seconds as numbers, or drop it"


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
        return Field(name, "number", dates=found.dates)
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
            f"{what} has {len(words):,} different values in {there:,} rows, such as '{_shown(words[0])}': it seems to be "
            "an identifier or free text, which tells nothing about other rows; drop it, or merge its values to "
            f"{MOST:,} at most; to learn words from a text, name the method: skipgram"
        )
    return Field(name, "category", words)


def _doubt(found: Held, what: str, *, warn: bool) -> None:
    """Refuse words that are dates or numbers but for a few; warn of many numbers that came as words."""
    words = found.words
    odd = _first(found.values, words, lambda said: not dates.looks([said]))
    if odd is not None and len(words) > 5 and sum(dates.looks([said]) for said in words) >= 0.8 * len(words):
        raise DataError(
            f"{what}: its values are dates, but row {odd[0]} holds '{_shown(odd[1])}'; leave a missing value empty, or drop the "
            "column"
        )
    commas = [said for said in words if COMMA.fullmatch(said)]
    if commas and len(commas) + sum(map(is_number, words)) >= 0.8 * len(words):
        raise DataError(
            f"{what}: its values are numbers with a decimal comma, such as '{_shown(commas[0])}'; write them with a point, "
            "or read the table with pandas.read_csv(..., decimal=',') and give the frame; if they are names of classes, say "
            "so by the column's type (pandas' category)"
        )
    strange = _first(found.values, words, lambda said: not is_number(said))
    numbers = sum(map(is_number, words))
    if strange is not None and numbers > 5 and numbers >= 0.8 * len(words):
        row, said = strange
        raise DataError(
            f"{what}: its values are numbers, but row {row} holds '{_shown(said)}'; leave a missing value empty, or "
            "drop the column; if the values are names of classes, say so by the column's type (pandas' category)"
        )
    if strange is None and numbers > 20 and warn:
        logging.getLogger("selfsup").warning(
            "%s holds %d different numbers written as words; they are taken as categories", what, numbers
        )


def _shown(said: str) -> str:
    """A word in a message: on one line, and not long."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in said[:80]).split())[:40]


def is_number(said: str) -> bool:
    """Whether a word says a number."""
    try:
        float(said)
    except ValueError:
        return False
    return True


def matched(known: Field, column: Column, what: str, *, skip: bool = False) -> Held:
    """What a column holds, in the form of the field that a model learnt.

    Parameters
    ----------
    skip
        Take a word that training never saw, or that is no number where numbers were learnt, for a missing value, and say so.

    Raises
    ------
    DataError
        If a value is not of the field's kind, or training never saw it.
    """
    if known.kind == "category":
        if column.values.dtype.kind in "Mm" or column.values.ndim != 1 or _nested(column.values):
            raise DataError(
                f"{what} holds {column.values.dtype} values; the model learnt the words of a category there"
            )
        codes, words = worded(column.values)
        place = {said: index for index, said in enumerate(known.values)}
        codes = _seen(codes, words, lambda said: said in place, what, partial(_unseen, what, known.values), skip)
        return Held(
            "category", np.asarray([*(place.get(said, -1) for said in words), -1], np.int64)[codes], known.values
        )
    if known.dates is not None:
        return _as_dates(known.dates, column, what, skip)
    found = held(column, what)
    if found.dates is not None:
        raise DataError(f"{what} holds dates, but the model learnt numbers there")
    if found.kind == "category" and not found.words:
        return Held(known.kind, np.full(len(found.values), np.nan))
    if known.kind == "boolean":
        return _as_boolean(known, column, found, what, skip)
    return _as_number(column, what, skip) if found.words else found


def _as_number(column: Column, what: str, skip: bool) -> Held:
    """Numbers that came as words."""
    codes, words = worded(column.values)
    codes = _seen(codes, words, is_number, what, partial(_other, what, "numbers"), skip)
    return Held("number", np.asarray([*(float(said) if is_number(said) else np.nan for said in words), np.nan])[codes])


def _as_dates(known: Calendar, column: Column, what: str, skip: bool) -> Held:
    """Dates of any type, counted as the model's are."""
    values = column.values
    kind = "datetime64" if values.dtype.kind == "M" else pd.api.types.infer_dtype(values, skipna=True)
    if kind in DATES:
        return Held("number", dates.counted(dates.seconds(values), known))
    if values.ndim != 1 or kind not in ("string", "empty", "mixed") or _nested(values):
        if not bool(_absent(values).all()):
            raise DataError(f"{what} holds {values.dtype} values; the model learnt dates there, as words or as dates")
        return Held("number", np.full(len(values), np.nan))
    codes, words = worded(values)
    codes = _seen(codes, words, lambda said: dates.looks([said]), what, partial(_other, what, "dates"), skip)
    fit = [said for said in words if dates.looks([said])]
    found = dict(zip(fit, dates.of_words(fit, what, known)[0].tolist() if fit else (), strict=True))
    days = dates.counted(np.asarray([*(found.get(said, np.nan) for said in words), np.nan]), known)
    return Held("number", days[codes])


def _seen(
    codes: np.ndarray,
    words: Sequence[str],
    fits: Callable[[str], bool],
    what: str,
    why: Callable[[int, str], str],
    skip: bool,
) -> np.ndarray:
    """The places (n,) of words, where those that do not fit are an error, or are skipped: missing (-1)."""
    strange = _first(codes, words, lambda said: not fits(said))
    if strange is None:
        return codes
    if not skip:
        raise DataError(why(*strange))
    bad = np.isin(codes, [place for place, said in enumerate(words) if not fits(said)])
    many = (
        "1 value that training never saw is" if bad.sum() == 1 else f"{bad.sum():,} values that training never saw are"
    )
    logging.getLogger("selfsup").warning(
        "%s: %s taken as missing, the first '%s' in row %d", what, many, _shown(strange[1]), strange[0]
    )
    return np.where(bad, -1, codes)


def _nested(values: np.ndarray) -> bool:
    return values.dtype.kind == "O" and any(isinstance(value, list | dict | tuple | np.ndarray) for value in values)


def _as_boolean(known: Field, column: Column, found: Held, what: str, skip: bool) -> Held:
    """Booleans, in whatever form they come: the two words, true and false, or 0 and 1."""
    two = known.values or ("False", "True")
    came = found.words if found.kind != "number" else ()
    fits = [said.lower() for said in came or ("False", "True")] == [said.lower() for said in two]
    if found.kind == "boolean" and fits:
        return Held("boolean", found.values)
    if found.kind == "number" and two[0].lower() == "false":
        there = found.values[np.isfinite(found.values)] if found.values.dtype.kind == "f" else found.values
        if np.isin(there, (0, 1)).all():
            return found
    codes, words = worded(column.values)
    allowed = {said.lower() for said in two} | ({"0", "1"} if two[0].lower() == "false" else set())
    codes = _seen(codes, words, lambda said: said.lower() in allowed, what, partial(_unseen, what, two), skip)
    truth = np.asarray([*(float(said.lower() in (two[1].lower(), "1")) for said in words), np.nan])
    return Held("boolean", truth[codes])  # every word is known, but in a mixture of cases


def _first(codes: np.ndarray, words: Sequence[str], strange: Callable[[str], bool]) -> tuple[int, str] | None:
    """The first row whose word is strange, and the word."""
    rows = np.isin(codes, [place for place, said in enumerate(words) if strange(said)])
    row = int(rows.argmax())
    return (row, words[codes[row]]) if rows[row] else None


def _unseen(what: str, known: Sequence[str], row: int, unseen: str) -> str:
    """Say which value training never saw, and what it may have meant."""
    near = difflib.get_close_matches(unseen, known, n=1, cutoff=0.5)
    more = f" and {len(known) - 10} more" if len(known) > 10 else ""
    listed = ", ".join(f"'{_shown(said)}'" for said in known[:10]) + more
    hint = f"did you mean '{_shown(near[0])}'? Known: {listed}" if near else f"known: {listed}"
    return (
        f"{what}: row {row} holds '{_shown(unseen)}', which training never saw; {hint}. Leave it empty if it is unknown, or "
        "take such values as missing: --on-bad skip (on_bad='skip')"
    )


def _other(what: str, learnt: str, row: int, said: str) -> str:
    """Say which value is not of the kind that the model learnt."""
    return f"{what}: row {row} holds '{_shown(said)}', but the model learnt {learnt} there"


def write(x: np.ndarray, found: Held, width: int) -> None:
    """Write the first len(x) values into x (n, width) float32: as they are, or of a category one-hot."""
    values = found.values[: len(x)]
    if found.kind != "category":
        x[...] = values.reshape(len(x), width)
        return
    x[...] = 0.0
    x[np.arange(len(x)), np.maximum(values, 0)] = 1.0
    x[values < 0] = np.nan
