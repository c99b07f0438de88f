"""Arrays and tensors: checked, laid out as (n, C, H, W) or (n, d), and copied only where they must be."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch

from selfsup.data.arrays.rows import as_tensor
from selfsup.data.dataset import Dataset
from selfsup.data.form import Form
from selfsup.data.labels import attach, flat, taken
from selfsup.data.request import Request
from selfsup.data.tables.digits import check_digits
from selfsup.data.tables.missing import check_finite, check_vectors
from selfsup.errors import DataError
from selfsup.lazy import sklearn
from selfsup.system import hashing, memory


def from_array(source: Any, request: Request, name: str = "array", test: tuple[Any, Any] | None = None) -> Dataset:
    """Make a `Dataset` of an array or tensor.

    Parameters
    ----------
    source
        (n, d), (n, H, W), (n, H, W, C) or (n, C, H, W) of any real dtype. C-contiguous float32 vectors (and float32
        or uint8 images that are channels-first) are used without a copy.
    request
        `labels`, `like`, `limit` and `size` are used.
    name
        Where the array came from.
    test
        The array and the labels (or None) of a test part.

    Raises
    ------
    DataError
        If the array is empty, of a wrong shape or dtype, holds values that are infinite, or does not fit `like`. A
        missing value (NaN) is refused in images only.
    """
    if request.label_column is not None:
        raise DataError("an array has no columns; give labels= instead of label_column=")
    array = as_numpy(source)
    rows = len(array)
    picked = None if request.limit is None or request.limit >= rows else np.arange(request.limit)
    x, low, high = prepare(array if picked is None else array[: request.limit])
    like = request.like
    gaps = x.ndim == 2 and check_vectors(
        x, None if like is None or like.shape != x.shape[1:] else like.names(), not like
    )
    if x.ndim == 2 and like is None and not np.can_cast(array.dtype, np.float32):
        check_digits(x, array[: len(x)].T.__getitem__)
    form = Form("image" if x.ndim == 4 else "table", x.shape[1:], low, high, missing=gaps)
    if request.size is not None and (x.ndim != 4 or x.shape[2:] != (request.size, request.size)):
        raise DataError(f"size={request.size} is for image files; got {form.describe()} in an array: resize them first")
    x, form = (x, form) if like is None else _like(x, form, like)
    made = Dataset(x, form, name, hashing.of_array(x))
    if request.labels is not None:
        codes, classes = attach(request.labels, rows, picked, request.labels_are)
        made = replace(made, labels=codes, classes=classes)
    if test is not None:
        part = from_array(test[0], Request(like=form), name)
        made = replace(made, test=same_classes(part, test[1], made))
    return made


def same_classes(part: Dataset, labels: Any, made: Dataset) -> Dataset:
    """Read the test part's labels as those of the training part are: by its classes, or as numbers."""
    if labels is None or made.labels is None:
        return part
    found = labels if made.several else flat(labels, fractions=True)
    read, classes = taken(found, "several" if made.several else None, known=made.classes)
    if len(read) != len(part):
        raise DataError(f"got {len(read):,} labels for the {len(part):,} rows of the test part; give one label a row")
    return replace(part, labels=read, classes=classes)


def as_numpy(source: Any) -> np.ndarray:
    """View an array, tensor, sparse matrix or list of lists as a NumPy array; a copy only where there is no view.

    Raises
    ------
    DataError
        If the dtype is not real, the array is empty, or the shape is not one of those understood.
    """
    if isinstance(source, torch.Tensor):
        tensor = source.detach()
        if tensor.dtype == torch.bfloat16:
            tensor = tensor.float()
        source = tensor.resolve_conj().resolve_neg().to_dense().cpu().numpy()
    elif hasattr(source, "toarray") and hasattr(source, "nnz"):  # a sparse matrix of SciPy's
        memory.check(
            4 * int(np.prod(source.shape)), f"{source.shape} sparse values as a dense array", "give fewer columns"
        )
        source = source.astype(np.float32).toarray()
    if isinstance(source, np.ma.MaskedArray) and np.ma.is_masked(source):
        raise DataError(f"the array has {int(np.sum(np.ma.getmaskarray(source))):,} masked values; fill them in first")
    try:
        array = np.asarray(source)
    except ValueError as error:
        raise DataError(f"the rows are not of one length: {error}") from error
    if array.dtype.kind == "c":
        raise DataError(f"complex values ({array.dtype}) cannot be used; give real and imaginary parts as columns")
    if array.dtype.kind not in "biuf":
        raise DataError(f"values must be numbers; got an array of {array.dtype}" + _first_object(array))
    if array.ndim == 1:
        raise DataError(
            f"an array of shape {array.shape} is not a set of samples; "
            "use x.reshape(-1, 1) for one value a sample, x.reshape(1, -1) for one sample"
        )
    if array.ndim not in (2, 3, 4):
        raise DataError(f"expected (n, d) vectors or (n, H, W), (n, H, W, C), (n, C, H, W) images; got {array.shape}")
    if array.size == 0:
        raise DataError(f"the array is empty: its shape is {array.shape}")
    return array


def _first_object(array: np.ndarray) -> str:
    """Name the first value that is no number."""
    if array.dtype.kind != "O" or array.size == 0:
        return ""
    strange = next((value for value in array.flat if not isinstance(value, int | float)), None)
    return "" if strange is None else f", such as {type(strange).__name__} {str(strange)[:40]!r}"


def channels_last(shape: tuple[int, ...]) -> bool:
    """Whether a shape (n, ., ., .) is read as (n, H, W, C).

    It is if the last axis is 1, 3 or 4 and axis 1 is neither 1 nor 3. Where both ends are 1 or 3, it is too, unless
    axes 2 and 3 are equal and axis 1 differs: (n, 1, 3, 3) is a grey square. Where neither end is 1, 3 or 4 (other
    numbers of channels), it is if axes 1 and 2 are equal, as in a square picture, and axes 2 and 3 are not. All
    other shapes are (n, C, H, W).
    """
    _, first, second, last = shape
    if first in (1, 3) and last in (1, 3):
        return not (second == last and first != second)
    if last in (1, 3, 4):
        return first not in (1, 3)
    return first not in (1, 3, 4) and first == second and second != last


def prepare(array: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Lay out and check: (n, C, H, W) uint8 or float32, or (n, d) float32, C-contiguous; with the range.

    Raises
    ------
    DataError
        If a value of an image is not finite, or the copy does not fit into memory.
    """
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and channels_last(array.shape):
        array = array.transpose(0, 3, 1, 2)
    dtype = np.dtype(np.uint8 if array.ndim == 4 and array.dtype == np.uint8 else np.float32)
    backward = min(array.strides) < 0  # a single row of x[::-1] counts as contiguous, and PyTorch refuses it
    if array.dtype != dtype or not array.flags.c_contiguous or backward:
        memory.check(array.size * dtype.itemsize, f"{array.shape} values", "use --limit, or give float32 or uint8")
        with np.errstate(over="ignore"):
            array = np.array(array, dtype=dtype, order="C")
    if dtype == np.uint8:
        return array, 0.0, 255.0
    if array.ndim == 2:
        return array, 0.0, 1.0
    check_finite(array)
    return (array, *extent(array))


def extent(x: np.ndarray) -> tuple[float, float]:
    """Ends of the units of float images: 0 and 1 where all lie within; else 0 and the largest; else the observed."""
    low, high = (float(end) for end in torch.aminmax(as_tensor(x)))
    if low >= 0.0:
        return 0.0, 1.0 if high <= 1.0 else high
    return low, high if high > low else low + 1.0


def _like(x: np.ndarray, form: Form, like: Form) -> tuple[np.ndarray, Form]:
    """Hold an array to the form a model was trained on; the values are taken to be in the units of the training."""
    if form.kind != like.kind or form.shape != like.shape:
        raise DataError(
            f"the model takes {like.describe()}, shape {_batch(like)}; got {form.describe()}, shape {_batch(form)}"
        )
    if x.dtype == np.uint8 and (like.low, like.high) != (0.0, 255.0):
        x = x.astype(np.float32)
    if like.kind == "image":
        low, high = extent(x) if x.dtype != np.uint8 else (0.0, 255.0)
        reach = like.high - like.low
        if (
            (high <= 1.0 and like.low == 0.0 and like.high >= 100.0)
            or high > like.high + reach
            or low < like.low - reach
        ):
            logging.getLogger("selfsup").warning(
                "the images lie in [%g, %g], but the model was trained on [%g, %g]; are the units the same?",
                low, high, like.low, like.high,
            )  # fmt: skip
    return x, replace(like, missing=form.missing)  # whether values are missing is a fact of these data


def _batch(form: Form) -> str:
    return "(n, " + ", ".join(str(axis) for axis in form.shape) + ")"


def digits(request: Request) -> Dataset:
    """The 1,797 8x8 grey digits that come with scikit-learn, in the units 0 to 16, with their labels."""
    found = sklearn.datasets.load_digits()
    labels = found.target if request.labels is None else request.labels
    made = from_array(
        cast(np.ndarray, found.images).astype(np.float32), replace(request, labels=labels), "scikit-learn digits"
    )
    return made if request.like is not None else replace(made, form=replace(made.form, low=0.0, high=16.0))
