"""What is lost where values become float32, in which models compute: seven digits of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np

from selfsup.data.tables.missing import ends, name_of
from selfsup.errors import DataError

WHOLE = 2.0**24  # up to here float32 has every whole number
STEPS = 1024  # values of float32 between the least and the largest of a column, below which its differences are told of
IDENTIFIER = 50  # from more rows on, whole numbers that are all different are an identifier
NAMED = 3  # columns that a warning describes


def check_digits(
    x: np.ndarray,
    came: Callable[[int], np.ndarray],
    names: Sequence[str] | None = None,
    *,
    part: bool = False,
    said: bool = True,
) -> None:
    """Warn of columns of which float32 keeps less than tells their rows apart.

    That is a column of large whole numbers some of which are changed, and one whose values differ in their last digits only.

    Parameters
    ----------
    x
        (n, d) float32, finite or missing (NaN).
    came
        Gives the values (n,) of a column as they came.
    names
        Of the columns.
    part
        These are some of the rows: what they have in common, others may not have.
    said
        Whether to warn.

    Raises
    ------
    DataError
        If a column becomes constant though its values differ.
    """
    low, high = ends(x)
    size = np.maximum(np.abs(low), np.abs(high))
    with np.errstate(over="ignore", invalid="ignore"):
        doubtful = (size > WHOLE) | (
            high - low < STEPS * np.spacing(size)
        )  # a few columns, which are looked at closely
    told: list[str] = []
    more = 0
    for place in np.flatnonzero(doubtful & (size > 0)).tolist():
        values = came(place)
        values = values[~np.isnan(values)] if values.dtype.kind == "f" else values
        single = values.astype(np.float32)
        # where long double is no longer than double, integers over 2^53 are compared to 53 digits
        if np.array_equal(single.astype(np.longdouble), values.astype(np.longdouble)):
            continue
        whole = values.dtype.kind in "iu" or bool((values == np.floor(values)).all())
        column = f"column {name_of(place, names)}"
        if values.min() == values.max() and not whole:  # a constant, such as 0.1
            continue
        if low[place] == high[place] and values.min() != values.max() and not part:
            raise DataError(
                f"{column}: its values differ, from {_said(values.min(), whole)} to {_said(values.max(), whole)}, but they "
                "are one value in float32, in which models compute; subtract a constant from the column, such as its mean, "
                "or drop it"
            )
        if not whole and high[place] - low[place] >= STEPS * np.spacing(size[place]):
            continue
        if len(told) == NAMED:
            more += 1
            continue
        told.append(_told(column, values, single, whole))
    if told and said:
        others = f"; and so in {more} more columns" if more else ""
        logging.getLogger("selfsup").warning("%s%s", "; ".join(told), others)


def _told(column: str, values: np.ndarray, single: np.ndarray, whole: bool) -> str:
    before, after = len(np.unique(values)), len(np.unique(single))
    lost = (
        f"of its {before:,} different values {after:,} stay apart" if after < before else "their last digits are lost"
    )
    said = f"{column} holds {'whole numbers' if whole else 'values'} from {_said(values.min(), whole)} to "
    said += f"{_said(values.max(), whole)}, of which float32 keeps 7 digits: {lost}; "
    if whole and before == len(values) > IDENTIFIER:
        return said + "it seems to be an identifier, which tells nothing about other rows: drop it"
    return said + "subtract a constant from it, such as its least value, if the last digits matter"


def _said(value: np.generic, whole: bool) -> str:
    return f"{int(value):,}" if whole else f"{float(value):.17g}"
