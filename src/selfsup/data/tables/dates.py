"""Dates as numbers: days since the first date of their column, which the form of the data remembers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from selfsup.data.form import Calendar
from selfsup.errors import DataError
from selfsup.lazy import pandas as pd

DAY = 86_400.0  # seconds
YEAR_FIRST = r"(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})"
YEAR_LAST = r"(?P<a>\d{1,2})(?P<t>[-/.])(?P<b>\d{1,2})(?P=t)(?P<z>\d{4})"
DATE = re.compile(rf"(?:{YEAR_FIRST}|{YEAR_LAST})(?:[T ](?P<time>\d{{1,2}}:\d{{2}}.*))?")
FAR = 1e6  # days from the first on which a date can still be written


def looks(words: Sequence[str]) -> bool:
    """Whether all words are dates: 2024-01-31, 31.01.2024, 1/31/2024, each perhaps with a time behind it."""
    return bool(words) and all(DATE.fullmatch(word.strip()) for word in words)


def of_words(words: Sequence[str], what: str, known: Calendar | None = None) -> tuple[np.ndarray, str]:
    """Seconds (n,) float64 since 1970 of words that look like dates, and the order of their parts.

    Parameters
    ----------
    known
        How the model's column was read, which decides where the words alone do not.

    Raises
    ------
    DataError
        If a word is no date of the calendar, or it cannot be told which number is the day and which the month.
    """
    parts = [match for word in words if (match := DATE.fullmatch(word.strip())) is not None]
    last = [match for match in parts if match["z"]]
    order = _order(last, what, known) if last else "ymd"
    written = []
    for match in parts:
        day, month = (match["d"], match["m"]) if match["y"] else (match["a"], match["b"])
        if match["z"] and order == "mdy":
            day, month = month, day
        time = match["time"] or "00:00"
        time = f"0{time}" if time[1] == ":" else time
        written.append(f"{match['y'] or match['z']}-{int(month):02}-{int(day):02}T{time.replace(' ', '')}")
    found = pd.to_datetime(pd.Series(written), format="ISO8601", utc=True, errors="coerce")
    gaps = found.isna().to_numpy()
    if gaps.any():
        word = parts[int(gaps.argmax())].group()
        raise DataError(
            f"{what} holds dates, but '{word}' is none that can be read; write 2024-01-31 or 2024-01-31 14:05"
        )
    return seconds(found), order


def _order(last: Sequence[re.Match[str]], what: str, known: Calendar | None) -> str:
    """Whether day or month stands first where the year stands last: a number above 12 tells, or a point (31.12.2024)."""
    first, second = (max(int(match[key]) for match in last) for key in "ab")
    if first > 12 or second > 12:
        if first > 12 and second > 12:
            raise DataError(f"{what} holds dates of which some have the day first and some the month; write 2024-01-31")
        return "dmy" if first > 12 else "mdy"
    if known is not None and known.order != "ymd":
        return known.order
    if all(match["t"] == "." for match in last):
        return "dmy"
    raise DataError(
        f"{what} holds dates such as '{last[0].group()}', in which nothing tells the day from the month; write 2024-01-31"
    )


def seconds(values: Any) -> np.ndarray:
    """Seconds (n,) float64 since 1970 of dates of any type; missing ones are NaN.

    What has a time zone is taken in UTC, of a period its beginning.
    """
    if values.dtype.kind == "O" and any(isinstance(value, pd.Period) for value in values):
        values = pd.PeriodIndex(values).to_timestamp()
    series = pd.Series(pd.to_datetime(values, utc=True))
    stamps = series.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    found = stamps.astype(np.int64) / 1e6
    found[np.isnat(stamps)] = np.nan
    return np.asarray(found)


def calendar(values: np.ndarray, order: str) -> Calendar | None:
    """How a column of seconds (n,) since 1970 is to be counted from now on; None where every value is missing."""
    there = values[~np.isnan(values)]
    if not len(there):
        return None
    first = np.datetime64(int(np.floor(there.min() / DAY)), "D")
    return Calendar(str(first), order, bool((there % DAY).any()))


def counted(values: np.ndarray, known: Calendar) -> np.ndarray:
    """Days (n,) since the calendar's first, of seconds (n,) since 1970."""
    return values / DAY - float(np.datetime64(known.first, "D").astype(np.int64))


def dated(values: np.ndarray, known: Calendar) -> np.ndarray:
    """Dates (n,) datetime64 of days (n,) since the calendar's first, to the day, or to the second where there were times."""
    gaps = np.isnan(values)
    days = np.clip(np.where(gaps, 0.0, values), -FAR, FAR)
    first = np.datetime64(known.first, "s")
    found = first + np.rint(days * DAY if known.times else np.rint(days) * DAY).astype("timedelta64[s]")
    found[gaps] = np.datetime64("NaT")
    return np.asarray(found)
