"""``.npy`` and ``.npz`` files. Nothing is unpickled, and of a ``.npz`` only the arrays that are needed are unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from selfsup.data.arrays.archive import Member, members as members_of, unpacked
from selfsup.data.arrays.arrays import from_array
from selfsup.data.arrays.header import load
from selfsup.data.dataset import Dataset
from selfsup.data.request import Request, only
from selfsup.errors import DataError, unknown
from selfsup.system.reading import DAMAGED, foreign

DATA = ("x", "X", "images", "data", "arr_0", "x_train", "X_train", "train_images")
LABELS = ("y", "labels", "label", "targets", "y_train", "train_labels")
TEST_DATA = ("x_test", "X_test", "test_images")
TEST_LABELS = ("y_test", "test_labels")


def from_npy(path: Path, request: Request) -> Dataset:
    """Make a `Dataset` of one array; a file of more than half the free memory is memory-mapped."""
    return from_array(load(path), request, path.name)


def from_npz(path: Path, request: Request) -> Dataset:
    """Make a `Dataset` of named arrays: data under `DATA` or the only array of two or more axes, labels under `LABELS`.

    Keras' and MedMNIST's names for a test part are understood.

    Raises
    ------
    DataError
        If it is unclear which array holds the data (the names are listed), or the file is damaged.
    """
    with foreign(str(path), DAMAGED), zipfile.ZipFile(path) as archive:
        members = members_of(path, archive)
        data = _data_name(path, members)
        labels = only(request.label_column) or next((name for name in LABELS if name in members and name != data), None)
        if labels is not None and labels not in members:
            raise DataError(unknown(f"array of {path.name}", labels, members))
        test = next((name for name in TEST_DATA if name in members and data != name), None)
        test_labels = next((name for name in TEST_LABELS if name in members), None)
        own = None if request.labels is not None else labels
        needed = {data, own, test, test_labels if test is not None else None} - {None}
        held = {name: unpacked(path, archive, members[name]) for name in members if name in needed}
    given = request.labels if own is None else held[own]
    return from_array(
        held[data],
        replace(request, labels=given, label_column=None),
        path.name,
        None if test is None else (held[test], None if test_labels is None else held[test_labels]),
    )


def _data_name(path: Path, arrays: Mapping[str, Member]) -> str:
    """Name of the array that holds the data."""
    known = [name for name in DATA if name in arrays]
    if known:
        return known[0]
    wide = [name for name, array in arrays.items() if array.header.ndim >= 2 and name not in LABELS]
    if len(wide) == 1:
        return wide[0]
    held = ", ".join(f"'{name}' {array.header.shape}" for name, array in arrays.items()) or "nothing"
    raise DataError(f"{path} holds {held}; it is unclear which are the data: call them 'x' (and the labels 'y')")
