"""``.npy`` and ``.npz`` files. Nothing is unpickled."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from selfsup.data.arrays.arrays import from_array
from selfsup.data.dataset import Dataset
from selfsup.data.request import Request
from selfsup.errors import DataError, unknown
from selfsup.system import memory

DATA = ("x", "X", "images", "data", "arr_0", "x_train", "X_train", "train_images")
LABELS = ("y", "labels", "label", "targets", "y_train", "train_labels")
TEST_DATA = ("x_test", "X_test", "test_images")
TEST_LABELS = ("y_test", "test_labels")


def from_npy(path: Path, request: Request) -> Dataset:
    """Make a `Dataset` of one array; a file of more than half the free memory is memory-mapped."""
    return from_array(_load(path), request, path.name)


def _load(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as file:
            magic = file.read(6)
        if magic and magic != b"\x93NUMPY":
            raise DataError(f"{path} is not a .npy file; if it is a pickle: files are never unpickled, use numpy.save")
        large = path.stat().st_size > memory.available() // 2
        loaded = np.load(path, mmap_mode="c" if large else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(_unreadable(path, error)) from error
    return np.asarray(loaded)


def _unreadable(path: Path, error: Exception) -> str:
    text = str(error)
    if "object" in text.lower() or "pickle" in text.lower():
        return f"{path} holds Python objects, which are never unpickled; save an array of numbers instead"
    return f"cannot read {path}: it is damaged or truncated ({text.splitlines()[0] if text else 'no data'})"


def from_npz(path: Path, request: Request) -> Dataset:
    """Make a `Dataset` of named arrays: data under `DATA` or the only array of two or more axes, labels under `LABELS`.

    Keras' and MedMNIST's names for a test part are understood.

    Raises
    ------
    DataError
        If it is unclear which array holds the data (the names are listed), or the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            if isinstance(archive, np.ndarray):
                raise DataError(f"{path} holds a single array; call it .npy")
            shapes = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise DataError(_unreadable(path, error)) from error
    data = _data_name(path, shapes)
    labels = request.label_column or next((name for name in LABELS if name in shapes and name != data), None)
    if labels is not None and labels not in shapes:
        raise DataError(unknown(f"array of {path.name}", labels, shapes))
    given = request.labels if request.labels is not None else (None if labels is None else shapes[labels])
    test = next((shapes[name] for name in TEST_DATA if name in shapes and data != name), None)
    test_labels = next((shapes[name] for name in TEST_LABELS if name in shapes), None)
    return from_array(
        shapes[data],
        replace(request, labels=given, label_column=None),
        path.name,
        None if test is None else (test, test_labels),
    )


def _data_name(path: Path, arrays: Mapping[str, np.ndarray]) -> str:
    """Name of the array that holds the data."""
    known = [name for name in DATA if name in arrays]
    if known:
        return known[0]
    wide = [name for name, array in arrays.items() if array.ndim >= 2 and name not in LABELS]
    if len(wide) == 1:
        return wide[0]
    held = ", ".join(f"'{name}' {array.shape}" for name, array in arrays.items()) or "nothing"
    raise DataError(f"{path} holds {held}; it is unclear which are the data: call them 'x' (and the labels 'y')")
