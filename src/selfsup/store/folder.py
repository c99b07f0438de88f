"""A run folder is a model: safetensors and JSON only, written atomically, read strictly. Nothing is unpickled."""

from __future__ import annotations

import difflib
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selfsup.errors import RunError
from selfsup.lazy import pyarrow as pa, safetensors
from selfsup.system.files import write_bytes
from selfsup.system.screen import unicode

CONFIG, WEIGHTS, METRICS, EVALUATION = "config.json", "model.safetensors", "metrics.jsonl", "evaluation.json"
PICTURES, REPORT, CARD, LOG, RESUME, BAD, LATENT = (
    "pictures.safetensors", "report.html", "README.md", "log.txt", "resume", "bad_files.json", "latent.safetensors",
)  # fmt: skip


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically; a name that is no Unicode keeps its codes (which JSON reads back as they were)."""
    write_bytes(path, unicode(text).encode())


def write_json(path: Path, value: Any) -> None:
    """Write strict JSON (no NaN) atomically."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write JSON lines atomically."""
    write_text(path, "".join(json.dumps(record, allow_nan=False) + "\n" for record in records))


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as safetensors, atomically."""
    write_bytes(path, safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def write_codes(path: Path, codes: np.ndarray, names: Sequence[str]) -> None:
    """Write codes (n, D), atomically: an array (``.npy``), or a table of names and codes (``.parquet``)."""
    buffer = io.BytesIO()
    if path.suffix == ".npy":
        np.save(buffer, codes, allow_pickle=False)
    else:
        column = pa.FixedSizeListArray.from_arrays(pa.array(codes.ravel()), codes.shape[1])
        pa.parquet.write_table(pa.table({"name": list(map(unicode, names)), "code": column}), buffer)
    write_bytes(path, buffer.getvalue())


def read_bytes(folder: Path, name: str) -> bytes:
    """Read one file of a run folder, or say which is missing."""
    if not os.path.isdir(folder):
        raise RunError(f"there is no run folder {folder}{_near(folder)}")
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise RunError(f"{folder} is not a whole run folder: {name} is missing") from error
    except OSError as error:
        raise RunError(f"cannot read {folder / name}: {error.strerror}") from error


def _near(folder: Path) -> str:
    """What may have been meant by a run folder that is not there."""
    if os.path.isdir(partial(folder)):
        return f"; an unfinished run lies in {partial(folder)}: repeat its call with option 'resume'"
    if os.path.isfile(folder):
        return ": it is a file"
    beside = [path.name for path in folder.parent.iterdir() if path.is_dir()] if folder.parent.is_dir() else []
    near = difflib.get_close_matches(folder.name, beside, n=1)
    return f"; did you mean {folder.with_name(near[0])}?" if near else "; `selfsup fit DATA --out RUN` makes one"


def read_json(folder: Path, name: str) -> Any:
    """Read one JSON file of a run folder."""
    try:
        return _parsed(read_bytes(folder, name))
    except (ValueError, RecursionError) as error:
        raise RunError(f"{folder / name} is damaged: {error}") from error


def _parsed(content: bytes) -> Any:
    """Strict JSON, as `write_json` writes it: all numbers are finite and fit in 64 bits."""
    return json.loads(content, parse_constant=_number, parse_float=_number, parse_int=_whole)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is not finite")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if not -(1 << 63) <= value < 1 << 64:
        raise ValueError(f"the number {text[:20]}... takes more than 64 bits")
    return value


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Records of ``metrics.jsonl``; the first is epoch 0, before training."""
    try:
        return [_parsed(line) for line in read_bytes(folder, METRICS).splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise RunError(f"{folder / METRICS} is damaged: {error}") from error


def read_arrays(folder: Path, name: str) -> dict[str, np.ndarray]:
    """Read a safetensors file of a run folder as arrays."""
    try:
        return dict(safetensors.numpy.load(read_bytes(folder, name)))
    except safetensors.SafetensorError as error:
        raise RunError(f"{folder / name} is damaged or truncated: {error}") from error


def partial(out: Path) -> Path:
    """Where a run lives until it is complete."""
    return out.with_name(out.name + ".partial")
