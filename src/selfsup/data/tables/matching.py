"""Columns of new data in the forms that a model learnt, and what is said where they do not fit."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from selfsup.data.form import Calendar, Field
from selfsup.data.tables import dates, times
from selfsup.data.tables.column import Column
from selfsup.data.tables.fields import DATES, TIMES, Held, absent, first, held, is_number, shown, worded
from selfsup.errors import DataError
from selfsup.lazy import pandas as pd


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
    if known.hours:
        return _as_hours(column, what, skip)
    found = held(column, what)
    if found.dates is not None or found.hours:
        raise DataError(f"{what} holds {'times' if found.hours else 'dates'}, but the model learnt numbers there")
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
    if (kind := _kind(column.values)) in DATES:
        return Held("number", dates.counted(dates.seconds(column.values), known))
    found = _worded(
        column.values, kind, "dates", dates.looks, lambda words: dates.of_words(words, what, known)[0], what, skip
    )
    return Held("number", dates.counted(found, known))


def _as_hours(column: Column, what: str, skip: bool) -> Held:
    """Times of any type, in hours."""
    if (kind := _kind(column.values)) in TIMES:
        return Held("number", times.of_values(column.values))
    return Held(
        "number",
        _worded(column.values, kind, "times", times.looks, lambda words: times.of_words(words, what), what, skip),
    )


def _kind(values: np.ndarray) -> str:
    """What values are, in pandas' words."""
    known = {"M": "datetime64", "m": "timedelta64"}
    return known.get(values.dtype.kind) or str(pd.api.types.infer_dtype(values, skipna=True))


def _worded(
    values: np.ndarray,
    kind: str,
    learnt: str,
    looks: Callable[[Sequence[str]], bool],
    read: Callable[[Sequence[str]], np.ndarray],
    what: str,
    skip: bool,
) -> np.ndarray:
    """Values (n,) float64 of dates or times that came as words; those that are none are an error, or skipped."""
    if values.ndim != 1 or kind not in ("string", "empty", "mixed") or _nested(values):
        if not bool(absent(values).all()):
            raise DataError(
                f"{what} holds {values.dtype} values; the model learnt {learnt} there, as words or as {learnt}"
            )
        return np.full(len(values), np.nan)
    codes, words = worded(values)
    codes = _seen(codes, words, lambda said: looks([said]), what, partial(_other, what, learnt), skip)
    fit = [said for said in words if looks([said])]
    found = dict(zip(fit, read(fit).tolist() if fit else (), strict=True))
    values = np.asarray([*(found.get(said, np.nan) for said in words), np.nan])
    return np.asarray(values[codes])


def _seen(
    codes: np.ndarray,
    words: Sequence[str],
    fits: Callable[[str], bool],
    what: str,
    why: Callable[[int, str], str],
    skip: bool,
) -> np.ndarray:
    """The places (n,) of words, where those that do not fit are an error, or are skipped: missing (-1)."""
    strange = first(codes, words, lambda said: not fits(said))
    if strange is None:
        return codes
    if not skip:
        raise DataError(why(*strange))
    bad = np.isin(codes, [place for place, said in enumerate(words) if not fits(said)])
    many = (
        "1 value that training never saw is" if bad.sum() == 1 else f"{bad.sum():,} values that training never saw are"
    )
    logging.getLogger("selfsup").warning(
        "%s: %s taken as missing, the first '%s' in row %d", what, many, shown(strange[1]), strange[0]
    )
    return np.where(bad, -1, codes)


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


def _unseen(what: str, known: Sequence[str], row: int, unseen: str) -> str:
    """Say which value training never saw, and what it may have meant."""
    near = difflib.get_close_matches(unseen, known, n=1, cutoff=0.5)
    more = f" and {len(known) - 10} more" if len(known) > 10 else ""
    listed = ", ".join(f"'{shown(said)}'" for said in known[:10]) + more
    hint = f"did you mean '{shown(near[0])}'? Known: {listed}" if near else f"known: {listed}"
    return (
        f"{what}: row {row} holds '{shown(unseen)}', which training never saw; {hint}. Leave it empty if it is unknown, or "
        "take such values as missing: --on-bad skip (on_bad='skip')"
    )


def _other(what: str, learnt: str, row: int, said: str) -> str:
    """Say which value is not of the kind that the model learnt."""
    return f"{what}: row {row} holds '{shown(said)}', but the model learnt {learnt} there"


def _nested(values: np.ndarray) -> bool:
    return values.dtype.kind == "O" and any(isinstance(value, list | dict | tuple | np.ndarray) for value in values)
