"""Several labels a sample, as yes and no for each: 0/1 columns, lists of labels, or words with a separator between them."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from selfsup.errors import DataError
from selfsup.lazy import pandas as pd
from selfsup.system import memory

SEPARATORS = (";", "|", ",")  # between the labels of a cell; where none of them occurs, a space
QUOTED = re.compile(r"\s*(?:'([^']*)'|\"([^\"]*)\"|([^'\",\[\]]+?))\s*(?:,|$)")  # an item of a list as Python prints it
WORDS = {"yes": 1, "no": 0, "true": 1, "false": 0, "y": 1, "n": 0, "t": 1, "f": 0, "1": 1, "0": 0, "1.0": 1, "0.0": 0}
LISTS = (list, tuple, set, frozenset, np.ndarray)
NAMED = 5  # labels that a message names, at most
Several = tuple[np.ndarray, tuple[str, ...]]  # (n, L) bool, and the names of the labels


def looks_so(values: Any) -> bool:
    """Whether labels are several a sample where nobody says what they are: columns of numbers, or a list a row."""
    values = plain(values)
    if isinstance(values, np.ndarray) and values.dtype.kind != "O":
        return values.ndim == 2 and values.shape[1] != 1 and values.dtype.kind in "biuf"
    if isinstance(values, np.ndarray) and values.ndim != 1:
        return values.ndim == 2 and values.shape[1] != 1
    rows = list(values) if isinstance(values, list | tuple | np.ndarray) else []
    if not rows or not all(isinstance(row, LISTS) for row in rows):
        return False
    return isinstance(values, np.ndarray) or any(isinstance(row, set | frozenset) or np.size(row) != 1 for row in rows)


def plain(values: Any) -> Any:
    """A tensor, frame or column as an array; a list of rows as an array where it is one of numbers."""
    if hasattr(values, "detach"):
        return values.detach().cpu().numpy()
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if hasattr(values, "toarray") and hasattr(
        values, "nnz"
    ):  # sparse, as scikit-learn's MultiLabelBinarizer may give it
        return values.toarray()
    if isinstance(values, list | tuple) and values and not any(isinstance(row, set | frozenset) for row in values):
        try:
            array = np.asarray(values)
        except (ValueError, TypeError):
            return values
        return array if array.dtype.kind in "biuf" else values
    return values


def read(values: Any, what: str = "labels", known: Sequence[str] | None = None, names: Sequence[str] = ()) -> Several:
    """Labels as yes and no for each.

    Parameters
    ----------
    values
        (n, L) of 0 and 1 (or -1 and 1), or one of these (n,); n lists of labels; or n words with the labels of a row in each.
    what
        How messages call them.
    known
        Labels of the training part, to read a test part by; others are left out, which is logged.
    names
        Of the L columns, or of the labels that are given as numbers.

    Raises
    ------
    DataError
        If a value is neither 0 nor 1, rows are no lists of labels, or nobody has any label.
    """
    frame = tuple(map(str, values.columns)) if hasattr(values, "columns") and hasattr(values, "to_numpy") else ()
    values = plain(values)
    if (
        isinstance(values, np.ndarray)
        and values.ndim == 2
        and not (values.dtype.kind in "iu" and _are_places(values, names))
    ):
        found, own = flags(values, what), frame or tuple(names) or tuple(map(str, range(values.shape[1])))
    elif isinstance(values, np.ndarray) and values.ndim not in (1, 2):
        raise DataError(f"{what} must be of shape (n, L), yes or no for each of L labels; got the shape {values.shape}")
    elif isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        found, own = flags(values[:, None], what), frame or tuple(names) or ("0",)
    elif _are_flags(lists := _lists(list(values), what)):
        found = flags(np.asarray(lists, np.float64), what)
        own = tuple(names) or tuple(map(str, range(found.shape[1])))
    else:
        found, own = _of_lists(lists, what, names)
    return (found, own) if known is None else _aligned(found, own, known, what)


def _are_places(values: np.ndarray, names: Sequence[str]) -> bool:
    """Whether rows (n, k) are lists of places among names, all of one length, and not 0 and 1 for each of k."""
    return bool(len(names)) and values.shape[1] != len(names)


def _are_flags(lists: Sequence[Sequence[Any]]) -> bool:
    """Whether lists are no labels but 0 or 1 for each of L, as many in every row."""
    return (
        len({len(one) for one in lists}) == 1
        and len(lists[0]) > 1
        and all(str(v) in "01" for one in lists for v in one)
    )


def flags(values: np.ndarray, what: str, names: Sequence[str] = ()) -> np.ndarray:
    """(n, L) of 0 and 1, of -1 and 1, or of words for them, as bool."""
    if values.shape[1] == 0:
        raise DataError(f"{what} are of shape {values.shape}: there is no label")
    if values.dtype.kind == "b":
        return values
    if values.dtype.kind in "OUS":
        values = np.stack([_of_words(values[:, place]) for place in range(values.shape[1])], axis=1)
    yes = values == 1
    wrong = ~(yes | (values == (-1 if not (values == 0).any() else 0)))
    if wrong.any():
        row, place = (int(one[0]) for one in np.nonzero(wrong))
        name = f" of '{names[place]}'" if len(names) else f", column {place}" * (values.shape[1] > 1)
        held = "nothing (NaN)" if np.isnan(values[row, place]) else f"{values[row, place]:g}"
        raise DataError(
            f"{what}: row {row}{name} holds {held}; several labels a sample are yes or no each, 0 or 1, in every row (a single "
            "class or number a sample is one column)"
        )
    return np.asarray(yes)


def _of_words(column: np.ndarray) -> np.ndarray:
    """A column of words or objects as float64; NaN where it is no yes and no no."""

    def value(cell: Any) -> float:
        if isinstance(cell, str | bytes):
            return WORDS.get(
                (cell.decode(errors="replace") if isinstance(cell, bytes) else cell).strip().lower(), np.nan
            )
        try:
            return float(cell)
        except (TypeError, ValueError):
            return np.nan

    return np.asarray([value(cell) for cell in column.tolist()], np.float64)


def columns(values: Mapping[str, np.ndarray]) -> Several:
    """Columns of a table (name -> (n,)), each a label that is 0 or 1 (or yes and no, true and false)."""
    read: list[np.ndarray] = []
    for name, column in values.items():
        if column.ndim != 1:
            raise DataError(f"label column '{name}' holds lists; several label columns are 0 and 1 each")
        array = np.asarray(column) if column.dtype.kind in "biuf" else _of_words(column)
        lost = np.isnan(array.astype(np.float64))
        if lost.any() and not np.asarray(pd.isna(column))[lost].all():
            row = int(np.flatnonzero(lost & ~np.asarray(pd.isna(column)))[0])
            raise DataError(
                f"label column '{name}', row {row}: '{str(column[row])[:40]}' is neither 0 nor 1 (nor yes and no); several label "
                "columns are 0 and 1 each"
            )
        read.append(array.astype(np.float64))
    return flags(np.stack(read, axis=1), "the label columns", [*values]), tuple(values)


def _lists(rows: list[Any], what: str) -> list[list[Any]]:
    """A list of labels for each row; of words, each split by the separator that is in them."""
    lists = [isinstance(row, LISTS) for row in rows]
    if all(lists):
        return [list(row) for row in rows]
    missing = [row is None or row is pd.NA or (isinstance(row, float) and np.isnan(row)) for row in rows]
    if any(lists):
        first = next(row for row, one in enumerate(lists) if one is not lists[0])
        held = "nothing" if missing[first] else "a list" if lists[first] else f"'{str(rows[first])[:40]}'"
        raise DataError(
            f"{what}: row {first} holds {held}, row 0 {'a list' if lists[0] else 'none'}; give a list of labels in every row, an "
            "empty one where there is none"
        )
    words = ["" if lost else str(row).strip() for row, lost in zip(rows, missing, strict=True)]
    listed = [word.startswith("[") and word.endswith("]") for word in words if word]
    if any(listed):
        if not all(listed):
            row = next(
                row for row, word in enumerate(words) if word and not (word.startswith("[") and word.endswith("]"))
            )
            raise DataError(
                f"{what}: row {row} holds '{words[row][:40]}', and other rows hold lists in brackets; write all one way"
            )
        return [_parsed(word, row, what) for row, word in enumerate(words)]
    return _split(words, what)


def _parsed(word: str, row: int, what: str) -> list[Any]:
    """A list as JSON or Python writes it; nothing is evaluated."""
    if not word:
        return []
    try:
        found = json.loads(word)
    except (ValueError, RecursionError):
        found, place, inner = [], 0, word[1:-1]
        while inner[place:].strip():
            item = QUOTED.match(inner, place)
            if item is None:
                raise DataError(f"{what}: row {row} holds '{word[:40]}', which is no list of labels") from None
            found.append(next(part for part in item.groups() if part is not None))
            place = item.end()
    return list(found)


def _split(words: Sequence[str], what: str) -> list[list[str]]:
    """Words by their separator, which is said."""
    there = [one for one in SEPARATORS if any(one in word for word in words)]
    if len(there) > 1:
        held = " and ".join(f"'{one}'" for one in there)
        raise DataError(
            f"{what}: cells hold {held}, and it is unclear which stands between labels; write "
            'them as JSON lists, such as ["cat", "dog"], or as columns of 0 and 1'
        )
    separator = there[0] if there else None
    if separator is None and not any(len(word.split()) > 1 for word in words):
        raise DataError(
            f"{what} were asked for as several a sample, but no cell holds more than one: no ';', '|', ',' or space is in any; "
            "leave the option 'labels_are' out"
        )
    logging.getLogger("selfsup").warning("%s are split at %s", what, f"'{separator}'" if separator else "spaces")
    return [[part.strip() for part in word.split(separator)] for word in words]


def _of_lists(rows: Sequence[Sequence[Any]], what: str, names: Sequence[str] = ()) -> Several:
    """Lists of labels as yes and no for each that occurs, in the order of their names (numbers as numbers)."""
    sets = list[set[str]]()
    for row, labels in enumerate(rows):
        for one in labels:
            if not isinstance(one, str | bool | int | np.integer | np.bool_ | np.str_):
                raise DataError(f"{what}: row {row} holds a {type(one).__name__}; a label is a word or a whole number")
            if len(names) and not (isinstance(one, int | np.integer) and 0 <= one < len(names)):
                raise DataError(
                    f"{what}: row {row} holds {str(one)[:40]}, but there are names for 0 to {len(names) - 1}"
                )
        sets.append({names[one] if len(names) else str(one).strip() for one in labels} - {""})
    found = set().union(*sets)
    if not found:
        raise DataError(f"{what}: no row has any label")
    own = tuple(names) or tuple(sorted(found, key=_order))
    place = {name: number for number, name in enumerate(own)}
    memory.check(
        len(sets) * len(own), f"{len(own):,} labels, yes or no of {len(sets):,} rows,", "use --limit, or fewer labels"
    )
    made = np.zeros((len(sets), len(own)), bool)
    for row, had in enumerate(sets):
        made[row, [place[name] for name in had]] = True
    return made, own


def _order(name: str) -> tuple[int, str]:
    """Whole numbers in their order, then words."""
    number = name.isdecimal() and len(name) < 19
    return (int(name), "") if number else (sys.maxsize, name)


def _aligned(found: np.ndarray, own: Sequence[str], known: Sequence[str], what: str) -> Several:
    """Labels of a test part in the order of the training part's."""
    place = {name: number for number, name in enumerate(known)}
    if strange := [name for name in own if name not in place]:
        more = f" and {len(strange) - NAMED:,} more" if len(strange) > NAMED else ""
        logging.getLogger("selfsup").warning(
            "%s: no training row has %s%s: left out", what, ", ".join(f"'{name}'" for name in strange[:NAMED]), more
        )
    made = np.zeros((len(found), len(known)), bool)
    for column, name in enumerate(own):
        if name in place:
            made[:, place[name]] = found[:, column]
    return made, tuple(known)


def one_hot(labels: np.ndarray) -> bool:
    """Whether every row (n, L) has exactly one label, so that they may be classes."""
    return bool((labels.sum(1) == 1).all())


def as_classes(values: Any, what: str = "labels") -> np.ndarray:
    """Classes that came as several labels of which each row has exactly one, by name (n,)."""
    found, names = read(values, what)
    if not one_hot(found):
        row = int((found.sum(1) != 1).argmax())
        raise DataError(
            f"{what} were asked for as classes, but row {row} has {int(found[row].sum())} of the {len(names):,} labels; "
            "leave the option 'labels_are' out, and several a sample are judged as such"
        )
    return np.array([names[place] for place in found.argmax(1).tolist()])


def count(labels: np.ndarray) -> str:
    """How many labels (n, L) a sample has, in words."""
    return f"{labels.shape[1]:,} label{'s' * (labels.shape[1] != 1)} a sample, each yes or no"


def said(labels: np.ndarray) -> str:
    """What several labels (n, L) were taken for, in words."""
    told = f"the labels were taken for {count(labels)} ({labels.sum(1).mean():.1f} yes a sample)"
    if one_hot(labels) and labels.shape[1] > 1:
        told += "; every sample has exactly one: if they are classes, say so: option 'labels_are' classes"
    return told


def hint(classes: Sequence[str]) -> str:
    """Whether names of classes look like several labels in a cell, in words; else ""."""
    known = set(classes)
    for separator in SEPARATORS[:2]:
        joined = [name for name in classes if separator in name]
        apart = [name for name in joined if all(part.strip() in known for part in name.split(separator))]
        if apart and 2 * len(apart) >= len(joined):
            return (
                f"'{apart[0][:40]}' was taken for a class of its own; where a sample has several labels, say so: option "
                "'labels_are' several"
            )
    return ""
