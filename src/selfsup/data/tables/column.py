"""One column of a table, brought to NumPy from pandas or Arrow (parquet, polars, JSON), with what its type declared."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np

from selfsup.lazy import pyarrow as pa


class Column(NamedTuple):
    """Values of a column, and what they do not tell by themselves.

    Attributes
    ----------
    values
        (n,) of anything, missing ones NaN or None; or (n, k) where every row is a list of k numbers.
    whole
        Whether it came as integers; with missing values they are floats here.
    declared
        Whether its type says that it holds categories.
    order
        The declared categories as words, where their order has a meaning.
    """

    values: np.ndarray
    whole: bool = False
    declared: bool = False
    order: tuple[str, ...] = ()


def word(value: Any) -> str:
    """A value of a category as a word; missing values make floats of whole numbers, which is undone: 3.0 is 3."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def of_pandas(series: Any) -> Column:
    """A column of a pandas frame, of any dtype."""
    dtype = series.dtype
    if hasattr(dtype, "pyarrow_dtype"):
        return of_arrow(series.array.__arrow_array__())
    if hasattr(dtype, "categories") and hasattr(dtype, "ordered"):
        order = tuple(word(value) for value in dtype.categories) if dtype.ordered else ()
        return Column(np.asarray(series.to_numpy()), declared=True, order=order)
    if isinstance(dtype, np.dtype):
        return Column(np.asarray(series.to_numpy()), whole=dtype.kind in "iu")
    if not getattr(dtype, "_is_numeric", False):
        return Column(np.asarray(series.to_numpy()))
    plain = getattr(dtype, "numpy_dtype", np.dtype(np.float64))  # of pandas' nullable dtypes
    if not series.isna().any():
        return Column(np.asarray(series.to_numpy(dtype=plain)), whole=plain.kind in "iu")
    if plain.kind == "b":
        return Column(np.asarray(series.to_numpy(dtype=object, na_value=None)))
    return Column(np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan)), whole=plain.kind in "iu")


def of_arrow(values: Any) -> Column:
    """A ``pyarrow.ChunkedArray``, of any type."""
    held = values.type
    if pa.types.is_list(held) or pa.types.is_large_list(held) or pa.types.is_fixed_size_list(held):
        return Column(_lists(values))
    if not pa.types.is_dictionary(held):
        return Column(np.asarray(values.to_numpy()), whole=bool(pa.types.is_integer(held)))
    order: tuple[str, ...] = ()
    if held.ordered and values.num_chunks:
        whole = values.unify_dictionaries().chunk(0).dictionary
        order = tuple(word(value) for value in whole.to_pylist())
    return Column(np.asarray(values.cast(held.value_type).to_numpy()), declared=True, order=order)


def _lists(values: Any) -> np.ndarray:
    """Lists of numbers of one length k as (n, k); other lists as objects, which are refused later by name."""
    lengths = pa.compute.unique(pa.compute.list_value_length(values)).to_pylist()
    inner = values.type.value_type
    numbers = pa.types.is_integer(inner) or pa.types.is_floating(inner) or pa.types.is_boolean(inner)
    if len(lengths) == 1 and lengths[0] and numbers and not values.null_count:
        flat = pa.concat_arrays([chunk.flatten() for chunk in values.chunks])
        if pa.types.is_boolean(inner):
            flat = flat.cast(pa.uint8())
        return cast(np.ndarray, flat.to_numpy(zero_copy_only=False)).reshape(len(values), lengths[0])
    objects = np.empty(len(values), object)
    for row, value in enumerate(values.to_pylist()):
        objects[row] = value
    return objects
