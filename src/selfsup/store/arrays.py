"""Arrays in a safetensors file that stay on disk until they are used, written block by block."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from selfsup.errors import RunError
from selfsup.lazy import safetensors
from selfsup.system.files import write_blocks

if TYPE_CHECKING:
    from typing_extensions import Buffer

CHUNK = 1 << 26  # bytes written at once
KINDS = {"F32": np.dtype("<f4"), "I32": np.dtype("<i4")}
AXES = {1: "(n,)", 2: "(n, D)"}


def mapped(path: Path, wanted: Mapping[str, tuple[str, int]]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Memory maps of arrays by name, and the metadata of their file.

    Parameters
    ----------
    wanted
        Name -> ("F32" or "I32", number of axes: 1 or 2).

    Raises
    ------
    RunError
        If the file is damaged, or an array is missing, empty, or of another type or number of axes.
    """
    try:
        with safetensors.safe_open(path, "np") as file:  # checks that header and size agree
            names, about = list(file.keys()), dict(file.metadata() or {})
            found = {name: file.get_slice(name) for name in wanted if name in names}
            facts = {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in found.items()}
    except (safetensors.SafetensorError, OSError) as error:
        raise RunError(f"{path} is damaged or truncated: {error}") from error
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    arrays = {}
    for name, (kind, axes) in wanted.items():
        if name not in facts:
            raise RunError(f"{path} has no array '{name}'; it has {', '.join(names) or 'none'}")
        given, shape = facts[name]
        if given != kind or len(shape) != axes or 0 in shape:
            raise RunError(f"{path}: {name} must be {KINDS[kind].name} {AXES[axes]}, not empty; got {given} {shape}")
        start = 8 + size + header[name]["data_offsets"][0]
        arrays[name] = np.asarray(np.memmap(path, KINDS[kind], "r", start, shape))
    return arrays, about


def bytes_of(array: np.ndarray) -> memoryview:
    """Bytes of an array in C order, as little-endian numbers, without a copy where they are that already."""
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return memoryview(cast("Buffer", array)).cast("B")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, str] | None = None) -> None:
    """Write float32 and int32 arrays by name, with metadata, whole or not at all."""
    write_blocks(path, _blocks({name: np.ascontiguousarray(array) for name, array in arrays.items()}, about))


def _blocks(arrays: Mapping[str, np.ndarray], about: Mapping[str, str] | None) -> Iterator[bytes | memoryview]:
    header: dict[str, object] = {"__metadata__": dict(about)} if about else {}
    end = 0
    for name, array in arrays.items():
        kind = next(kind for kind, dtype in KINDS.items() if dtype == array.dtype)
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    yield from (len(head).to_bytes(8, "little"), head)
    for array in arrays.values():
        content = bytes_of(array)
        yield from (content[at : at + CHUNK] for at in range(0, len(content), CHUNK))
