"""Labels, for evaluation only: classes (int64 in 0..K-1, and names), numbers (float64), or several a sample (bool)."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from selfsup.data import several
from selfsup.data.arrays.header import load
from selfsup.errors import DataError
from selfsup.lazy import pandas as pd
from selfsup.system.reading import foreign

WHOLE = re.compile(r"-?[0-9]{1,18}")  # a label in a text file that is a number; a longer one is a word
FRACTION = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
LARGEST = 2.0**63
FEW = 20  # so many different whole numbers are classes whatever they are; of more it is asked how they are spread
Kind = Literal["classes", "numbers", "several"]


def taken(
    values: Any, kind: Kind | None = None, known: Sequence[str] | None = None, what: str = "labels"
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as classes, as numbers, or as several a sample, whichever they are.

    Parameters
    ----------
    values
        Numbers, booleans or strings, (n,) or (n, 1): an array, tensor, list or column; of several labels see `several.read`.
    kind
        What they are taken for; None goes by `several.looks_so` and `are_numbers`.
    known
        Classes of the training part, to read a test part by; those of numbers are none.

    Returns
    -------
    labels, classes
        As of `encode`; or (n,) float64 and no classes; or (n, L) bool and the names of the L labels.

    Raises
    ------
    DataError
        If a label is missing, infinite, of another type, or not among `known`.
    """
    if (listed := several.looks_so(values)) and kind == "classes":
        values = several.as_classes(values, what)
    elif (listed and kind is None) or kind == "several":
        return several.read(values, what, known or None)
    if known:
        return encode(values, known, what)
    if known is None and kind == "classes":
        return encode(values, None, what)
    array = flat(values, what, fractions=True)
    if known is not None or kind == "numbers" or are_numbers(array):
        return numbers(array, what), ()
    return encode(array, None, what)


def kind_of(values: Any) -> Kind | None:
    """What labels are taken for, all of them together, so that it is the same for a few; None where some are no labels."""
    if several.looks_so(values):
        return "several"
    try:
        return "numbers" if are_numbers(flat(values, fractions=True)) else "classes"
    except DataError:
        return None


def are_numbers(array: np.ndarray) -> bool:
    """Whether labels (n,), as `flat` gives them, are taken for numbers where nobody says what they are.

    Fractions are numbers; words and booleans are classes. Whole numbers are classes where at most `FEW` different ones occur,
    or where they count from 0 or 1 without a gap and occur twice in the mean: so are classes numbered, and hardly anything is
    measured so.
    """
    if array.dtype.kind == "f":
        return True
    if array.dtype.kind not in "iu":
        return False
    found = np.unique(array)
    counted = len(found) and found[0] in (0, 1) and int(found[-1]) - int(found[0]) == len(found) - 1
    return len(found) > FEW and not (counted and len(array) >= 2 * len(found))


def numbers(array: np.ndarray, what: str = "labels") -> np.ndarray:
    """Labels (n,), as `flat` gives them, as float64; raises `DataError` where a word is no number."""
    if array.dtype.kind != "U":
        return array.astype(np.float64)
    for row, word in enumerate(array.tolist()):
        try:
            known = np.isfinite(float(word))
        except ValueError:
            known = False
        if not known:
            raise DataError(f"{what} were asked for as numbers, but row {row} holds '{word[:40]}'")
    return array.astype(np.float64)


def kind_words(labels: np.ndarray, classes: Sequence[str]) -> str:
    """What labels were taken for, in words, where they are several or numbers, or could have been something else; else ""."""
    if labels.ndim == 2:
        return several.said(labels)
    if labels.dtype.kind == "f":
        whole = not (labels % 1).any()
        return (
            f"the labels were taken for numbers ({len(np.unique(labels)):,} different, {labels.min():g} to {labels.max():g})"
            + "; where each is the name of a class, say so: option 'labels_are' classes" * whole
        )
    if not classes or not all(map(WHOLE.fullmatch, classes)):
        return several.hint(classes)
    first, last = int(classes[0]), int(classes[-1])
    if first in (0, 1) and last - first == len(classes) - 1:
        return ""  # counted, as classes are
    return (
        f"the labels are whole numbers ({first} to {last}) and were taken for {len(classes):,} classes; where more of it is "
        "more, say so: option 'labels_are' numbers"
    )


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


def flat(values: Any, what: str = "labels", *, fractions: bool = False) -> np.ndarray:
    """Labels as an array (n,) of integers, booleans or strings, or of finite fractions; raises `DataError` on anything else."""
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
    if array.ndim == 2 and array.shape[1] and array.dtype.kind in "biuf" and np.isin(array, (0, 1)).all():
        raise DataError(
            f"{what} must be one value a row here; {array.shape[1]} columns of 0 and 1 are several labels a row: give one column"
        )
    if array.ndim != 1:
        raise DataError(f"{what} must be one value a row, of shape (n,); got the shape {array.shape}")
    if array.dtype.kind == "O":
        return _from_objects(array, what, fractions=fractions)
    if array.dtype.kind == "f":
        if not (known := np.isfinite(array)).all():
            row = int((~known).argmax())
            problem = "missing (NaN)" if np.isnan(array[row]) else "infinite"
            raise DataError(f"{what}: row {row} is {problem}; give every row a label, or leave such rows out")
        if fractions and (array % 1).any():
            return array.astype(np.float64)
        whole = array == np.floor(array)
        if not whole.all():
            row = int((~whole).argmax())
            raise DataError(f"{what} must be classes: row {row} is {array[row]:g}, which is not whole")
        if (large := np.abs(array) >= LARGEST).any():
            if fractions:
                return array.astype(np.float64)
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


def _from_objects(array: np.ndarray, what: str, *, fractions: bool) -> np.ndarray:
    """Objects of one kind: all numbers, or all strings."""
    missing = np.asarray(pd.isna(array))
    if missing.any():
        raise DataError(
            f"{what}: row {int(missing.argmax())} is missing; give every row a label, or leave such rows out"
        )
    values = array.tolist()
    if any(not isinstance(value, str | int | float | bool | np.generic) for value in values):
        kinds = sorted({type(value).__name__ for value in values})
        raise DataError(f"{what} must be whole numbers or strings; got {', '.join(kinds)}")
    if any(isinstance(value, str) for value in values):
        return np.asarray([str(value) for value in values])
    plain = np.asarray(values)
    if plain.dtype.kind == "O":
        raise DataError(f"{what} must be whole numbers of at most 64 bits, or strings")
    return flat(plain, what, fractions=fractions)


def attach(
    values: Any, rows: int, picked: np.ndarray | None = None, kind: Kind | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read the labels that the caller gave for rows of the source.

    Parameters
    ----------
    values
        Labels, or the path of a ``.npy`` file or of a text file with one label (or, if said, several) a line.
    rows
        Rows in the source.
    picked
        Rows (m,) of the source that are used; None for all.
    kind
        See `taken`.

    Raises
    ------
    DataError
        If the number of labels is not that of the rows.
    """
    values = read(values, fractions=True) if isinstance(values, str | Path) else values
    kind = kind or kind_of(values)
    array, names = several.read(values) if kind == "several" else (values, ())
    if kind == "classes" and several.looks_so(values):
        array = several.as_classes(values)
    array = array if names else flat(array, fractions=True)
    used = rows if picked is None else len(picked)
    if len(array) not in (rows, used):
        raise DataError(f"got {len(array):,} labels for {rows:,} rows; give one label a row, in the order of the rows")
    array = array if picked is None or len(array) != rows else array[picked]
    return (array, names) if names else taken(array, kind)


def given(labels: np.ndarray, classes: Sequence[str]) -> Any:
    """Labels as a caller might have given them: names of classes, numbers, or a frame with a column for each of several."""
    if labels.ndim == 2:
        return pd.DataFrame(labels, columns=list(classes))
    return np.asarray(classes)[labels] if classes else labels


def read(path: str | Path, *, fractions: bool = False) -> Any:
    """Read labels from a file: ``.npy``, or text with one label a line; where asked for, lines that are fractions as numbers."""
    path = Path(path).expanduser()
    if path.suffix.lower() == ".npy":
        return load(path, mapped=False, what=f"the labels in {path}")
    with foreign(f"the labels in {path}"):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    words = [line.strip() for line in lines if line.strip()]
    if all(map(WHOLE.fullmatch, words)):
        return [int(word) for word in words]
    # a word that only looks like a number, or is none that 64 bits hold, is a word
    if fractions and all(FRACTION.fullmatch(word) and math.isfinite(float(word)) for word in words):
        return [float(word) for word in words]
    return words


def _some(words: Sequence[str], most: int = 5) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(f"'{word}'" for word in words[:most]) + more
