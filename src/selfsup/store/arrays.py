"""Arrays in a safetensors file that stay on disk until they are used, written block by block."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from selfsup.errors import DataError, RunError
from selfsup.system.files import write_blocks

if TYPE_CHECKING:
    from typing_extensions import Buffer

CHUNK = 1 << 26  # bytes written at once
LONGEST = 1 << 26  # bytes of a header
KINDS: dict[str, np.dtype[Any]] = {
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I32": np.dtype("<i4"),
    "F16": np.dtype("<f2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
}
OTHERS = {"U64": 8, "U32": 4, "BF16": 2, "I16": 2, "U16": 2, "BOOL": 1}  # bytes of what is only skipped
AXES = {1: "(n,)", 2: "(n, D)"}


class Place(NamedTuple):
    """Where an array lies in a file: its kind, its shape and its first byte."""

    kind: str
    shape: tuple[int, ...]
    start: int


def layout(path: Path) -> tuple[dict[str, Place], dict[str, str]]:
    """Places of the arrays of a file by name, and its metadata.

    Raises
    ------
    DataError
        If the file is damaged: its header makes no sense, or does not say what every byte after it is.
    """
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(0)
            size = int.from_bytes(file.read(8), "little")
            if not 2 <= size <= min(LONGEST, end - 8):
                raise DataError(f"{path} is damaged or truncated: its header cannot have {size} bytes")
            header = json.loads(file.read(size))
    except (ValueError, RecursionError) as error:  # a DataError is one, too
        told = error if isinstance(error, DataError) else f"{path} is damaged or truncated: its header is no JSON"
        raise DataError(str(told)) from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        about = dict(header.pop("__metadata__", {}))
        parts = sorted((tuple(entry["data_offsets"]), name, entry) for name, entry in header.items())
        at, places = 0, {}
        for (first, last), name, entry in parts:
            place = Place(entry["dtype"], tuple(entry["shape"]), 8 + size + first)
            _check(place, type(first) is type(last) is int and first == at, last - first)
            at, places[name] = last, place
        if 8 + size + at != end or not all(type(value) is str for value in about.values()):
            raise ValueError(f"it tells of {8 + size + at} bytes, and has {end}")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged or truncated: its header does not say what is in it ({error})") from error
    return places, about


def _check(place: Place, follows: bool, size: int) -> None:
    kind, shape, _ = place
    width = KINDS[kind].itemsize if kind in KINDS else OTHERS[kind]
    whole = all(type(number) is int and number >= 0 for number in shape)
    if not (follows and whole and size == width * prod(shape)):
        raise ValueError(f"{size} bytes for {kind} {shape}")


def mapped(
    path: Path, wanted: Mapping[str, tuple[str, int]], optional: frozenset[str] = frozenset()
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Memory maps of arrays by name, and the metadata of their file.

    Parameters
    ----------
    wanted
        Name -> (its kind, or several with a space between, of `KINDS`; number of axes: 1 or 2).
    optional
        Names that may be missing.

    Raises
    ------
    RunError
        If the file is damaged, or an array is missing, empty, or of another type or number of axes.
    """
    try:
        places, about = layout(path)
    except DataError as error:
        raise RunError(str(error)) from error
    return {
        name: map_array(path, places, name, *wanted[name]) for name in wanted if name in places or name not in optional
    }, about


def map_array(path: Path, places: Mapping[str, Place], name: str, kinds: str, axes: int) -> np.ndarray:
    """Memory map of one array; see `mapped`."""
    if name not in places:
        raise RunError(f"{path} has no array '{name}'; it has {', '.join(places) or 'none'}")
    kind, shape, start = places[name]
    if kind not in kinds.split() or len(shape) != axes or 0 in shape:
        allowed = " or ".join(KINDS[each].name for each in kinds.split())
        raise RunError(f"{path}: {name} must be {allowed} {AXES[axes]}, not empty; got {kind} {shape}")
    try:
        array = np.asarray(np.memmap(path, KINDS[kind], "r", start, shape))
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {path}: {error}") from error
    return array if array.flags.aligned else array.copy()


def bytes_of(array: np.ndarray) -> memoryview:
    """Bytes of an array in C order, as little-endian numbers, without a copy where they are that already."""
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return memoryview(cast("Buffer", array)).cast("B")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, str] | None = None) -> None:
    """Write arrays of `KINDS` by name, with metadata, whole or not at all."""
    write_blocks(path, array_blocks({name: np.ascontiguousarray(array) for name, array in arrays.items()}, about))


def facts(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What the header of a file says of arrays that follow each other."""
    told: dict[str, Any] = {}
    end = 0
    for name, array in arrays.items():
        kind = next(kind for kind, dtype in KINDS.items() if dtype == array.dtype)
        told[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    return told


def array_blocks(arrays: Mapping[str, np.ndarray], about: Mapping[str, str] | None) -> Iterator[bytes | memoryview]:
    """The file that holds the arrays, in their order."""
    header = {"__metadata__": dict(about)} if about else {}
    head = json.dumps({**header, **facts(arrays)}, separators=(",", ":")).encode()
    head += b" " * (-(8 + len(head)) % 64)  # the arrays begin at a multiple of 64 bytes
    yield from (len(head).to_bytes(8, "little"), head)
    for array in arrays.values():
        content = bytes_of(array)
        yield from (content[at : at + CHUNK] for at in range(0, len(content), CHUNK))
