"""Back from values to the table its user knows, and missing values filled by a guess."""

from __future__ import annotations

from typing import Any

import numpy as np

from selfsup.data.form import Field, Form
from selfsup.data.tables import dates, times
from selfsup.data.tables.column import Column
from selfsup.errors import DataError
from selfsup.lazy import pandas as pd


def to_frame(form: Form, x: np.ndarray) -> Any:
    """Bring values, as they are in a `Dataset` or as a model guesses them, to a pandas frame.

    Numbers stay as they are; a boolean is true (or the second of its two words) from 0.5 on; of a category the largest
    value tells the word. Missing values are missing there: NaN, ``pandas.NA`` or None.

    Parameters
    ----------
    form
        Of the data: its columns and fields.
    x
        (n, d) float32.

    Raises
    ------
    DataError
        If x is not of the form's shape.
    """
    values = _checked(form, x)
    if form.fields is None:
        return pd.DataFrame(values, columns=None if form.columns is None else list(form.columns))
    columns = [column.values for column in columns_of(form, x).values()]
    pairs = enumerate(zip(form.fields, columns, strict=True))
    frame = pd.DataFrame({place: _series(field, column) for place, (field, column) in pairs})
    frame.columns = [field.name for field in form.fields]
    return frame


def _series(field: Field, values: np.ndarray) -> Any:
    """A pandas column; booleans of which some are missing have pandas' own type for that."""
    nullable = field.kind == "boolean" and not field.values and values.dtype == object
    return pd.Series(values, dtype="boolean" if nullable else None)


def columns_of(form: Form, x: np.ndarray) -> dict[str, Column]:
    """The columns that values came from, by name; of numbers without a name by their place."""
    values = _checked(form, x)
    if form.fields is None:
        names = form.columns or tuple(map(str, range(values.shape[1])))
        return {name: Column(values[:, place]) for place, name in enumerate(names)}
    starts = form.starts() or []
    groups = (values[:, start : start + field.width] for start, field in zip(starts, form.fields, strict=True))
    return {field.name: Column(_values(field, group)) for field, group in zip(form.fields, groups, strict=True)}


def _values(field: Field, group: np.ndarray) -> np.ndarray:
    """One column (n,) from its group (n, w) of values: numbers, booleans (objects where some are missing), or words."""
    if field.kind == "number":
        values = group[:, 0]
        if field.hours:
            return times.timed(values.astype(np.float64))
        return values if field.dates is None else dates.dated(values.astype(np.float64), field.dates)
    absent = np.isnan(group).any(1)
    if field.kind == "boolean" and not field.values:
        truth: np.ndarray = group[:, 0] >= 0.5
        if not absent.any():
            return truth
        held: np.ndarray = truth.astype(object)
        held[absent] = None
        return held
    known = np.asarray([*field.values, None], object)  # the last: missing
    if field.kind == "boolean":
        group = np.hstack([group < 0.5, group >= 0.5])  # as of a category with two words
    places = np.where(absent[:, None], 0.0, group).argmax(1)
    found: np.ndarray = known[np.where(absent, len(known) - 1, places)]
    return found


def fill(form: Form, x: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Replace the missing values of x (n, d) by those of a guess (n, d), and leave the others; of categories, groups.

    Raises
    ------
    DataError
        If x or the guess is not of the form's shape.
    """
    x, guess = _checked(form, x), _checked(form, guess)
    if x.shape != guess.shape:
        raise DataError(f"the guess must be of the shape of the data, {x.shape}; got {guess.shape}")
    absent = np.isnan(x)
    starts = form.starts()
    if starts is not None:  # a group is missing as a whole
        widths = np.diff([*starts, x.shape[1]])
        absent = np.repeat(np.logical_or.reduceat(absent, starts, axis=1), widths, axis=1)
    return np.where(absent, guess, x)


def _checked(form: Form, x: np.ndarray) -> np.ndarray:
    values = np.asarray(x)
    if form.kind != "table" or values.ndim != 2 or values.shape[1:] != form.shape:
        raise DataError(f"expected {form.describe()}, an array of shape (n, {form.shape[0]}); got {values.shape}")
    return values
