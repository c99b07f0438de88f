"""What a run folder says, held against what a model makes use of: from a stranger it may be anything that is JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np

from selfsup import store
from selfsup.errors import RunError
from selfsup.measures.table import is_number, is_plain

Kinds = Mapping[str, tuple[type, ...]]
WHOLE, WORD, NUMBER = (int,), (str,), (int, float)
CONFIG: Kinds = {
    "method": WORD, "options": (dict,), "reading": (dict,), "training": (dict,), "seed": WHOLE, "form": (dict,), "facts": (dict,),
    "data": (dict,), "width": WHOLE, "parameters": WHOLE, "hides": WORD, "decodes": (bool,), "words": (bool,), "notes": (list,),
    "seconds": NUMBER, "why": WORD, "net": WORD, "warm_start": (str, NoneType),
}  # fmt: skip
PARTS: Mapping[str, Kinds] = {
    "data": {"fingerprint": WORD, "description": WORD, "rows": WHOLE, "bad": WHOLE, "classes": (list,)},
    "training": {"rows": WHOLE, "heldout_rows": WHOLE},
}
RECORD = ("epoch", "heldout", "gap")


def check_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Raise `RunError` if a configuration lacks something that a model asks for, or has it of another type."""
    path = folder / store.CONFIG
    _check(path, config, CONFIG)
    for name, kinds in PARTS.items():
        _check(path, config[name], kinds, f"{name}: ")
    if not all(isinstance(note, str) for note in config["notes"]):
        raise RunError(f"{path} is damaged: its 'notes' are no texts")


def _check(path: Path, plain: Mapping[str, Any], kinds: Kinds, part: str = "") -> None:
    for name, allowed in kinds.items():
        if name not in plain:
            raise RunError(f"{path} is not a configuration of selfsup: {part}'{name}' is missing")
        if type(plain[name]) not in allowed:
            raise RunError(f"{path} is damaged: {part}'{name}' cannot be {str(plain[name])[:60]!r}")


def check_records(folder: Path, records: Sequence[Any]) -> None:
    """Raise `RunError` unless there are records of epochs, whose values are finite numbers, words, or numbers by name."""
    for record in records:
        if not isinstance(record, dict) or not all(map(is_number, (record.get(name) for name in RECORD))):
            raise RunError(
                f"{folder / store.METRICS} is damaged: each line must be a record of {', '.join(sorted(RECORD))}"
            )
        held = [one for value in record.values() for one in (value.values() if isinstance(value, dict) else [value])]
        if not all(map(is_plain, held)):
            raise RunError(
                f"{folder / store.METRICS} is damaged: the record of epoch {record['epoch']} holds more than numbers"
            )
    if not records:
        raise RunError(f"{folder / store.METRICS} is damaged: it has no records")


def check_latent(folder: Path, arrays: Mapping[str, np.ndarray], width: int, size: int) -> None:
    """Raise `RunError` unless these are the mean and the spread of codes, or nothing; perhaps with the ends of d columns."""
    shapes = {"mean": (width,), "std": (width,), "covariance": (width, width), "low": (size,), "high": (size,)}
    fits = all(
        name in shapes and array.shape == shapes[name] and array.dtype == np.float32 and np.isfinite(array).all()
        for name, array in arrays.items()
    )
    ends = {"low", "high"} & set(arrays)
    whole = not arrays or ("mean" in arrays and len(arrays) - len(ends) == 2 and len(ends) in (0, 2))
    if not fits or not whole or (ends and bool((arrays["low"] > arrays["high"]).any())):
        raise RunError(
            f"{folder / store.LATENT} is damaged: it is not the mean and the spread of codes of {width} values"
        )
