"""Data sets as PyTorch has them: with a length, and an item for each number, read into one array."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from selfsup.data.arrays import arrays
from selfsup.data.dataset import Dataset
from selfsup.data.request import Request
from selfsup.errors import DataError
from selfsup.system import memory

ADVICE = "an item must be an array or a tensor of numbers, or a pair (array, label)"


def knows(source: Any) -> bool:
    """Whether it is a data set, or a loader, of PyTorch's."""
    return isinstance(source, torch.utils.data.Dataset | torch.utils.data.DataLoader)


def from_indexed(source: Any, request: Request) -> Dataset:
    """Make a `Dataset` of every item of a data set: n samples of one shape, with their labels where items are pairs.

    Parameters
    ----------
    source
        A map-style data set. An item is a sample (array, tensor, PIL image), or a tuple of it alone or with its label.

    Raises
    ------
    DataError
        If it has no length, holds nothing, or an item is none of these, or not of the shape of the first.
    """
    name = type(source).__name__
    if isinstance(source, torch.utils.data.DataLoader):
        raise DataError("a DataLoader gives batches in its own order; give its data set: loader.dataset")
    try:
        rows = len(source)
    except (TypeError, NotImplementedError) as error:
        raise DataError(
            f"{name} has no length; give a data set with a length, or an iterable of arrays (b, d) and the option stream"
        ) from error
    if rows == 0:
        raise DataError(f"{name} is empty")
    used = rows if request.limit is None else min(rows, request.limit)
    first, label = _item(source, 0, name)
    memory.check(first.nbytes * used, f"{used:,} items of {first.shape}", "use limit")
    x, labels = np.empty((used, *first.shape), first.dtype), [label]
    x[0] = first
    for row in range(1, used):
        found, label = _item(source, row, name)
        if found.shape != first.shape:
            raise DataError(
                f"item {row} of {name} is of shape {found.shape}, the first of {first.shape}; give all one shape"
            )
        if not np.can_cast(found.dtype, x.dtype):
            x = x.astype(np.result_type(x.dtype, found.dtype))
        x[row] = found
        labels.append(label)
    bare = sum(one is None for one in labels)
    if 0 < bare < used:
        raise DataError(
            f"of {name} {used - bare:,} items have a label and {bare:,} have none; give all of them one, or none"
        )
    given = request.labels if request.labels is not None or bare else labels
    return arrays.from_array(x, replace(request, labels=given), name)


def _item(source: Any, row: int, name: str) -> tuple[np.ndarray, Any]:
    """An item as an array and its label, or None."""
    try:
        item = source[row]
    except Exception as error:  # whatever the user's own code raises
        raise DataError(f"item {row} of {name} cannot be read: {type(error).__name__}: {error}") from error
    label = None
    if isinstance(item, tuple | list) and 1 <= len(item) <= 2:
        label = None if len(item) == 1 else _label(item[1], row, name)
        item = item[0]
    if isinstance(item, dict | str | bytes | tuple | list):
        raise DataError(f"item {row} of {name} is a {type(item).__name__}; {ADVICE}")
    array = item.detach().cpu().numpy() if isinstance(item, torch.Tensor) else np.asarray(item)
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        raise DataError(
            f"item {row} of {name} is a {type(item).__name__} of {array.dtype}, shape {array.shape}; {ADVICE}"
        )
    return array, label


def _label(value: Any, row: int, name: str) -> Any:
    """A label that is one value, or several: 0 or 1 for each."""
    if isinstance(value, torch.Tensor | np.ndarray | np.generic):
        if len(value.shape) > 1:
            raise DataError(f"the label of item {row} of {name} is of shape {tuple(value.shape)}; {ADVICE}")
        return value.item() if int(np.prod(tuple(value.shape))) == 1 else value.tolist()
    if isinstance(value, list | tuple):
        return list(value)
    if not isinstance(value, int | float | str | bool):
        raise DataError(f"the label of item {row} of {name} is a {type(value).__name__}; {ADVICE}")
    return value
