"""Times of day and durations as numbers: hours."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from selfsup.errors import DataError

HOUR = 3_600.0  # seconds
DAYS = r"(?P<days>\d+) days?(?:,? \+?|$)"
CLOCK = r"(?P<hours>\d{1,4}):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d(?:\.\d+)?))?(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
TIME = re.compile(rf"(?P<sign>[+-]?)(?:{DAYS})?(?:{CLOCK})?")
FAR = 2.0**31  # hours, beyond which nothing is written as a duration


def looks(words: Sequence[str]) -> bool:
    """Whether all words are times of day or durations: 08:30, 8:30 pm, 1:02:03.5, 2 days 03:00:00 (hours stand first)."""
    return bool(words) and all(map(_parts, words))


def _parts(word: str) -> re.Match[str] | None:
    """The parts of a word that says a time."""
    parts = TIME.fullmatch(word.strip())
    return parts if parts is not None and (parts["days"] or parts["hours"]) else None


def of_words(words: Sequence[str], what: str) -> np.ndarray:
    """Hours (n,) float64 of words that look like times.

    Raises
    ------
    DataError
        If a time of day by two halves has an hour above 12.
    """
    found = np.empty(len(words))
    for place, word in enumerate(words):
        parts = _parts(word)
        assert parts is not None  # they were looked at
        hours = float(parts["hours"] or 0)
        if parts["half"]:
            if not 1 <= hours <= 12:
                raise DataError(f"{what} holds times, but '{word}' is none: before am and pm stand the hours 1 to 12")
            hours = hours % 12 + 12 * (parts["half"] in "Pp")
        clock = hours + float(parts["minutes"] or 0) / 60 + float(parts["seconds"] or 0) / HOUR
        sign = -1 if parts["sign"] == "-" else 1
        # of "-1 days +22:30:00", as pandas and Python write it, the sign is that of the days alone
        found[place] = clock + sign * 24 * float(parts["days"]) if parts["days"] else sign * clock
    return found


def of_values(values: Any) -> np.ndarray:
    """Hours (n,) float64 of times and durations of any type; missing ones are NaN."""
    if values.dtype.kind == "m":
        found = values.astype("timedelta64[us]").astype(np.int64) / (1e6 * HOUR)
        found[np.isnat(values)] = np.nan
        return np.asarray(found)
    return np.asarray([_hours(value) for value in values])


def _hours(value: Any) -> float:
    """Hours of a time or a duration of Python's; of anything else NaN."""
    if isinstance(value, datetime.time):
        return value.hour + value.minute / 60 + (value.second + value.microsecond / 1e6) / HOUR
    if isinstance(value, datetime.timedelta):
        return value / datetime.timedelta(hours=1)
    if isinstance(value, np.timedelta64):
        return float(value / np.timedelta64(1, "us")) / (1e6 * HOUR)
    return float("nan")


def timed(hours: np.ndarray) -> np.ndarray:
    """Durations (n,) timedelta64 of hours (n,), to the second."""
    gaps = np.isnan(hours)
    found = np.rint(np.clip(np.where(gaps, 0.0, hours), -FAR, FAR) * HOUR).astype("timedelta64[s]")
    found[gaps] = np.timedelta64("NaT")
    return np.asarray(found)
