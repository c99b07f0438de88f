"""A run folder is a model: safetensors and JSON only, written atomically, read strictly. Nothing is unpickled."""

from __future__ import annotations

import difflib
import io
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selfsup.errors import RunError
from selfsup.lazy import pyarrow as pa, safetensors
from selfsup.system.files import write_bytes

CONFIG, WEIGHTS, METRICS, EVALUATION = "config.json", "model.safetensors", "metrics.jsonl", "evaluation.json"
PICTURES, REPORT, CARD, LOG, RESUME, BAD, LATENT = (
    "pictures.safetensors", "report.html", "README.md", "log.txt", "resume", "bad_files.json", "latent.safetensors",
)  # fmt: skip


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode())


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
        pa.parquet.write_table(pa.table({"name": list(names), "code": column}), buffer)
    write_bytes(path, buffer.getvalue())


def read_bytes(folder: Path, name: str) -> bytes:
    """Read one file of a run folder, or say which is missing."""
    if not folder.is_dir():
        raise RunError(f"there is no run folder {folder}{_near(folder)}")
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise RunError(f"{folder} is not a whole run folder: {name} is missing") from error
    except OSError as error:
        raise RunError(f"cannot read {folder / name}: {error.strerror}") from error


def _near(folder: Path) -> str:
    """What may have been meant by a run folder that is not there."""
    if partial(folder).is_dir():
        return f"; an unfinished run lies in {partial(folder)}: repeat its call with option 'resume'"
    if folder.is_file():
        return ": it is a file"
    beside = [path.name for path in folder.parent.iterdir() if path.is_dir()] if folder.parent.is_dir() else []
    near = difflib.get_close_matches(folder.name, beside, n=1)
    return f"; did you mean {folder.with_name(near[0])}?" if near else "; `selfsup fit DATA --out RUN` makes one"


def read_json(folder: Path, name: str) -> Any:
    """Read one JSON file of a run folder."""
    try:
        return json.loads(read_bytes(folder, name))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{folder / name} is damaged: {error}") from error


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a run.

    Raises
    ------
    RunError
        If the folder or the file is missing, it is no configuration of selfsup, or one of before 0.1.0.
    """
    config = read_json(folder, CONFIG)
    if not isinstance(config, dict) or not isinstance(config.get("method"), str):
        raise RunError(f"{folder / CONFIG} is not a configuration of selfsup: it names no method")
    if "intake" in config:
        raise RunError(f"{folder} was written by a version of selfsup before 0.1.0 was released: train it anew")
    return config


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Records of ``metrics.jsonl``; the first is epoch 0, before training."""
    try:
        return [json.loads(line) for line in read_bytes(folder, METRICS).decode().splitlines() if line.strip()]
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
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


def free(out: Path) -> Path:
    """First of the folders OUT, OUT-2, OUT-3, ... that is not taken, by an unfinished run neither."""
    number, folder = 1, out
    while folder.exists() or partial(folder).exists():
        number += 1
        folder = out.with_name(f"{out.name}-{number}")
    return folder


def check_free(out: Path, *, overwrite: bool) -> None:
    """Say early that a run folder is taken.

    Raises
    ------
    RunError
        If `out`, or an unfinished run of that name, exists and `overwrite` is not set, or `out` is not a run folder of ours.
    """
    if out.exists():
        if not overwrite:
            raise RunError(f"{out} exists; choose another place, or set option 'overwrite'")
        if not (out / CONFIG).is_file():
            raise RunError(f"{out} is not a run folder of selfsup and will not be overwritten; choose another place")
    if partial(out).exists() and not overwrite:
        raise RunError(
            f"{partial(out)} holds an unfinished run; continue it with option 'resume', or set option 'overwrite'"
        )


def claim(out: Path, *, overwrite: bool, resume: bool) -> Path:
    """Make the folder of an unfinished run, or find the one to continue.

    Raises
    ------
    RunError
        If it is taken (see `check_free`) and `resume` is not set, or cannot be made.
    """
    folder = partial(out)
    if not resume:
        check_free(out, overwrite=overwrite)
        shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make {folder}: {error.strerror}; choose another place") from error
    return folder


def abandon(folder: Path) -> None:
    """Remove the folder of a run that failed before there was a state to go on from; otherwise leave it."""
    if not (folder / RESUME).is_dir():
        shutil.rmtree(folder, ignore_errors=True)


def complete(out: Path) -> None:
    """Turn the unfinished folder into the run folder, in one rename; an old run is removed only afterwards."""
    old = out.with_name(out.name + ".old")
    try:
        if out.exists():
            shutil.rmtree(old, ignore_errors=True)
            out.rename(old)
        partial(out).rename(out)
    except OSError as error:
        raise RunError(f"cannot finish {out}: {error.strerror}; the run is whole in {partial(out)}") from error
    shutil.rmtree(old, ignore_errors=True)
