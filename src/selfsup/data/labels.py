"""Labels: whatever the user has, as int64 classes 0..K-1 and the names of the classes. For evaluation only."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selfsup.data.arrays.header import load
from selfsup.errors import DataError
from selfsup.lazy import pandas as pd
from selfsup.system.reading import foreign

WHOLE = re.compile(r"-?[0-9]{1,18}")  # a label in a text file that is a number; a longer one is a word
LARGEST = 2.0**63


def encode(values: Any, known: Sequence[str] | None = None, what: str = "labels") -> tuple[np.ndarray, tuple[str, ...]]:
    """Encode labels as whole numbers.

    Parameters
    ----------
    values
        Integers, whole floats, booleans or strings, (n,) or (n, 1): an array, tensor, list or column.
    known
        Classes of the training part, to encode a test part by; None finds them.

    Returns
    -------
    codes, classes
        (n,) int64 in 0..K-1, and the K sorted values as strings (numbers are sorted as numbers).

    Raises
    ------
    DataError
        If a label is missing, not whole, of another type, or not among `known`.
    """
    array = flat(values, what)
    found, codes = np.unique(array, return_inverse=True)
    names = tuple(str(value) for value in found.tolist())
    codes = codes.reshape(-1).astype(np.int64)
    if known is None:
        return codes, names
    place = {name: index for index, name in enumerate(known)}
    strange = [name for name in names if name not in place]
    if strange:
        raise DataError(f"{what}: the test part has classes that the training part lacks: {_some(strange)}")
    return np.asarray([place[name] for name in names], dtype=np.int64)[codes], tuple(known)


def named(values: Any, names: Sequence[str], what: str = "labels") -> tuple[np.ndarray, tuple[str, ...]] | None:
    """Labels that are places in a list of names; None where all are -1 (a split without labels).

    Raises
    ------
    DataError
        If a label is no place in the list.
    """
    array = flat(values, what)
    if array.dtype.kind not in "iu":
        return encode(array, names, what)
    if bool((array == -1).all()):
        return None
    outside = (array < 0) | (array >= len(names))
    if outside.any():
        row = int(outside.argmax())
        raise DataError(f"{what}: row {row} holds {array[row]}, but there are names for 0 to {len(names) - 1}")
    return array.astype(np.int64), tuple(names)


def flat(values: Any, what: str = "labels") -> np.ndarray:
    """Labels as an array (n,) of integers, booleans or strings; raises `DataError` on anything else."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    elif hasattr(values, "to_numpy"):
        values = values.to_numpy()
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{what} must be one value a row; got a nested list") from error
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"{what} must be one value a row, of shape (n,); got the shape {array.shape}")
    if array.dtype.kind == "O":
        return _from_objects(array, what)
    if array.dtype.kind == "f":
        whole = np.isfinite(array) & (array == np.floor(array))
        if not whole.all():
            row = int((~whole).argmax())
            problem = "missing (NaN)" if np.isnan(array[row]) else f"{array[row]:g}, which is not whole"
            raise DataError(f"{what} must be classes: row {row} is {problem}")
        if (large := np.abs(array) >= LARGEST).any():
            row = int(large.argmax())
            raise DataError(f"{what} must be classes: row {row} is {array[row]:g}, more than 64 bits hold")
        return array.astype(np.int64)
    if array.dtype.kind == "S":
        try:
            return np.char.decode(array, "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{what} hold bytes that are not UTF-8: {error.object[:40]!r}; give them as strings"
            ) from error
    if array.dtype.kind == "U" and array.size and _points(array).max() > sys.maxunicode:
        raise DataError(f"{what} hold what are no characters; the file is damaged")
    if array.dtype.kind not in "biuU":
        raise DataError(f"{what} must be whole numbers or strings; got {array.dtype}")
    return array


def _points(array: np.ndarray) -> np.ndarray:
    """The code points of strings: NumPy keeps whatever 32 bits a file has."""
    return np.ascontiguousarray(array).view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))


def _from_objects(array: np.ndarray, what: str) -> np.ndarray:
    """Objects of one kind: all whole numbers, or all strings."""
    missing = np.asarray(pd.isna(array))
    if missing.any():
        raise DataError(f"{what} must be classes: row {int(missing.argmax())} is missing")
    values = array.tolist()
    if any(not isinstance(value, str | int | float | bool | np.generic) for value in values):
        kinds = sorted({type(value).__name__ for value in values})
        raise DataError(f"{what} must be whole numbers or strings; got {', '.join(kinds)}")
    if any(isinstance(value, str) for value in values):
        return np.asarray([str(value) for value in values])
    plain = np.asarray(values)
    if plain.dtype.kind == "O":
        raise DataError(f"{what} must be whole numbers of at most 64 bits, or strings")
    return flat(plain, what)


def attach(values: Any, rows: int, picked: np.ndarray | None = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Encode the labels that the caller gave for rows of the source.

    Parameters
    ----------
    values
        Labels, or the path of a ``.npy`` file or of a text file with one label a line.
    rows
        Rows in the source.
    picked
        Rows (m,) of the source that are used; None for all.

    Raises
    ------
    DataError
        If the number of labels is not that of the rows.
    """
    array = flat(read(values) if isinstance(values, str | Path) else values)
    used = rows if picked is None else len(picked)
    if len(array) not in (rows, used):
        raise DataError(f"got {len(array):,} labels for {rows:,} rows; give one label a row, in the order of the rows")
    return encode(array if picked is None or len(array) != rows else array[picked])


def read(path: str | Path) -> Any:
    """Read labels from a file: ``.npy``, or text with one label a line."""
    path = Path(path).expanduser()
    if path.suffix.lower() == ".npy":
        return load(path, mapped=False, what=f"the labels in {path}")
    with foreign(f"the labels in {path}"):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    words = [line.strip() for line in lines if line.strip()]
    return [int(word) for word in words] if all(map(WHOLE.fullmatch, words)) else words


def _some(words: Sequence[str], most: int = 5) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(f"'{word}'" for word in words[:most]) + more
