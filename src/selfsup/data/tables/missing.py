"""Values that are missing (NaN) or not finite: found, counted, and named by their place."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from selfsup.data.arrays.rows import as_tensor
from selfsup.data.form import Form
from selfsup.errors import DataError

CHUNK = 1 << 22  # values at a time in slow checks
LARGEST = 1e16  # of float32, whose squares and their sums then stay finite whatever is computed


def check_vectors(x: np.ndarray, names: Sequence[str] | None = None, learnt: bool = True) -> bool:
    """Whether vectors hold missing values, which is allowed; what cannot be used at all is refused.

    Parameters
    ----------
    x
        (n, d) float32.
    names
        Of the column that each of the d values belongs to.
    learnt
        Whether a model is to learn from x: each column must then hold a value.

    Raises
    ------
    DataError
        If a value is infinite or too large, or a column that is learnt from holds none.
    """
    count, empty = check_columns(x, names, learnt)
    say_empty(empty, len(x))
    return count > 0


def say_empty(empty: int, rows: int) -> None:
    """Warn of rows in which every value is missing."""
    if empty:
        logging.getLogger("selfsup").warning(
            "in %s of %s rows every value is missing; they teach nothing", f"{empty:,}", f"{rows:,}"
        )


def check_columns(x: np.ndarray, names: Sequence[str] | None = None, learnt: bool = True) -> tuple[int, int]:
    """Like `check_vectors`, without a word: how many values are missing, and in how many rows all of them."""
    if _is_plain(x):
        return 0, 0
    check_finite(x, names, missing=True)
    seen, count, empty = np.zeros(x.shape[1], bool), 0, 0
    for _, part in _parts(x):
        absent = np.isnan(part)
        count += int(absent.sum())
        empty += int(absent.all(1).sum())
        seen |= ~absent.all(0)
    if count and learnt and not seen.all():
        bare = list(dict.fromkeys(name_of(place, names) for place in np.flatnonzero(~seen).tolist()))
        more = f" and {len(bare) - 5} more" if len(bare) > 5 else ""
        kind = "column" if len(bare) == 1 else "columns"
        raise DataError(f"{kind} {', '.join(bare[:5])}{more}: every value is missing; drop what holds nothing")
    return count, empty


def check_finite(x: np.ndarray, names: Sequence[str] | None = None, missing: bool = False, first_row: int = 0) -> None:
    """Raise `DataError` if float32 values (n, ...) are not all finite and up to `LARGEST`, naming the first and how many.

    With `missing`, NaN is fine. `first_row` is the number that messages give to x[0].
    """
    if _is_plain(x):
        return
    count, first = 0, None
    for start, part in _parts(x):
        strange = np.isinf(part) if missing else ~np.isfinite(part)
        count += int(strange.sum())
        if first is None and strange.any():
            place = np.argwhere(strange)[0]
            first = (int(place[0]) + start, *(int(axis) for axis in place[1:]))
    if first is None:
        _check_size(x, names)
        return
    where = f"row {first[0] + first_row}" + (f", column {name_of(first[1], names)}" if x.ndim == 2 else "")
    values = "1 value is" if count == 1 else f"{count:,} values are"
    found = "missing (NaN)" if np.isnan(x[first]) else "infinite (or too large for float32)"
    raise DataError(f"{values} not finite; the first, in {where}, is {found}. Drop such rows, or fill the values in")


def _is_plain(x: np.ndarray) -> bool:
    """Whether all values are there and not too large: one pass without a temporary."""
    low, high = torch.aminmax(as_tensor(x))
    return bool(low >= -LARGEST) and bool(high <= LARGEST)  # of NaN neither holds


def _check_size(x: np.ndarray, names: Sequence[str] | None) -> None:
    """Name the column with the largest value, if that is too large."""
    ends = np.zeros(x.shape[1] if x.ndim == 2 else 1)
    for _, part in _parts(x):
        part = part if x.ndim == 2 else part.reshape(-1, 1)
        ends = np.fmax(ends, np.fmax.reduce(np.abs(part), 0))
    place = int(ends.argmax())
    if ends[place] <= LARGEST:
        return
    where = f"column {name_of(place, names)}: its" if x.ndim == 2 else "the"
    raise DataError(
        f"{where} largest value is {ends[place]:.3g} in size, and models, which compute in float32, take up to {LARGEST:g}; "
        "divide it by a constant (seconds instead of nanoseconds), or drop it"
    )


def say(x: np.ndarray, form: Form) -> str:
    """Say how many values (cells of a table) are missing, and where the first is; "" if none is."""
    names, starts = form.names(), form.starts()
    count, first = 0, None
    for start, part in _parts(x):
        absent = np.isnan(part)
        if first is None and absent.any():
            row, place = (int(axis) for axis in np.argwhere(absent)[0])
            first = f"row {row + start}, column {name_of(place, names)}"
        # all values of a category are missing together: they count once
        count += int(absent.sum() if starts is None else absent[:, starts].sum())
    if first is None:
        return ""
    return f"1 value is missing (NaN), in {first}" if count == 1 else (
        f"{count:,} values are missing (NaN), the first in {first}"
    )  # fmt: skip


def ends(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest value (d,) of each column of x (n, d), missing ones left out; NaN where all of them are."""
    low, high = x.min(0), x.max(0)
    gaps = np.isnan(low)
    if gaps.any():
        low[gaps], high[gaps] = np.fmin.reduce(x[:, gaps], 0), np.fmax.reduce(x[:, gaps], 0)
    return low, high


def name_of(place: int, names: Sequence[str] | None) -> str:
    """What messages call a column: its name in quotes, or its number."""
    return str(place) if names is None else f"'{names[place]}'"


def _parts(x: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Rows in chunks, each with the number of its first."""
    rows = max(1, CHUNK // max(1, x[0].size)) if len(x) else 1
    for start in range(0, len(x), rows):
        yield start, x[start : start + rows]
