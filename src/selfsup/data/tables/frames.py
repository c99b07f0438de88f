"""Back from values to the table its user knows, and missing values filled by a guess."""

from __future__ import annotations

from typing import Any

import numpy as np

from selfsup.data.form import Intake
from selfsup.errors import DataError
from selfsup.method import Field


def to_frame(intake: Intake, x: np.ndarray) -> Any:
    """Bring values, as they are in a `Dataset` or as a model guesses them, to a pandas frame.

    Numbers stay as they are; a boolean is true (or the second of its two words) from 0.5 on; of a category the largest
    value tells the word. Missing values are missing there: NaN, ``pandas.NA`` or None.

    Parameters
    ----------
    intake
        Of the data: its columns and fields.
    x
        (n, d) float32.

    Raises
    ------
    DataError
        If x is not of the intake's shape.
    """
    import pandas as pd

    values = _checked(intake, x)
    if intake.fields is None:
        return pd.DataFrame(values, columns=None if intake.columns is None else list(intake.columns))
    start, columns = 0, {}
    for place, field in enumerate(intake.fields):
        columns[place] = _decoded(field, values[:, start : start + field.width])
        start += field.width
    frame = pd.DataFrame(columns)
    frame.columns = [field.name for field in intake.fields]
    return frame


def _decoded(field: Field, group: np.ndarray) -> Any:
    """One column from its group (n, w) of values."""
    import pandas as pd

    if field.kind == "number":
        return pd.Series(group[:, 0])
    absent = np.isnan(group).any(1)
    if field.kind == "boolean" and not field.values:
        truth = pd.Series(group[:, 0] >= 0.5)
        return truth.astype("boolean").mask(absent) if absent.any() else truth
    known = np.asarray([*field.values, None], object)  # the last: missing
    if field.kind == "boolean":
        group = np.hstack([group < 0.5, group >= 0.5])  # as of a category with two words
    places = np.where(absent[:, None], 0.0, group).argmax(1)
    return pd.Series(known[np.where(absent, len(known) - 1, places)])


def fill(intake: Intake, x: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Replace the missing values of x (n, d) by those of a guess (n, d), and leave the others; of categories, groups.

    Raises
    ------
    DataError
        If x or the guess is not of the intake's shape.
    """
    x, guess = _checked(intake, x), _checked(intake, guess)
    if x.shape != guess.shape:
        raise DataError(f"the guess must be of the shape of the data, {x.shape}; got {guess.shape}")
    absent = np.isnan(x)
    starts = intake.starts()
    if starts is not None:  # a group is missing as a whole
        widths = np.diff([*starts, x.shape[1]])
        absent = np.repeat(np.logical_or.reduceat(absent, starts, axis=1), widths, axis=1)
    return np.where(absent, guess, x)


def _checked(intake: Intake, x: np.ndarray) -> np.ndarray:
    values = np.asarray(x)
    if intake.kind != "vector" or values.ndim != 2 or values.shape[1:] != intake.shape:
        raise DataError(f"expected {intake.words()}, an array of shape (n, {intake.shape[0]}); got {values.shape}")
    return values
