"""The state of an unfinished run: one safetensors file, replaced atomically; the small facts are in its header."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from selfsup.errors import RunError
from selfsup.lazy import safetensors
from selfsup.store.weights import named_tensors, set_tensors
from selfsup.system.files import write_bytes

STATE = "state.safetensors"
HASHED = {  # of which a fingerprint is kept
    "data": "the data are others, or are read another way",
    "warm_start": "the warm start is another",
    "start": "the start is another",
}


class Checkpoint:
    """Keeps the latest state in a folder.

    Parameters
    ----------
    folder
        Made when first needed.
    identity
        Everything that must be the same for a run to be continued: data, method, options, settings.
    every
        Seconds between two states.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], every: float = 30.0) -> None:
        self.folder, self.identity, self.every = folder, json.loads(json.dumps(identity)), every
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether it is time for another state."""
        return time.monotonic() - self._last >= self.every

    def save(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Replace the state on disk; the old one stays whole until the new one is.

        Raises
        ------
        RunError
            If it cannot be written; the state before is still there.
        """
        header = {"identity": json.dumps(self.identity), "facts": json.dumps(facts)}
        there = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        header["digest"] = _digest(header, there)
        content = safetensors.torch.save(there, header)
        write_bytes(self.folder / STATE, content)
        self._last = time.monotonic()

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Latest state, or None where there is none yet.

        Raises
        ------
        RunError
            If it is damaged, or belongs to a run with other data or settings (which are named).
        """
        if not (self.folder / STATE).is_file():
            return None
        tensors, identity, facts = _read(self.folder / STATE)
        if told := _differing(identity, self.identity):
            raise RunError(
                f"cannot resume {self.folder.parent}: {told}. Repeat the first call, or set option 'overwrite'"
            )
        return tensors, facts


def _differing(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two trainings, value by value, each once; the options first, as these were given."""
    pairs: dict[str, tuple[Any, Any]] = {}
    options = ({}, {}) if None in (was.get("options"), now.get("options")) else (was["options"], now["options"])
    for old, new in (options, (was, now)):
        for key in new:
            if key != "options" and old.get(key) != new[key]:
                pairs.setdefault(key, (old.get(key), new[key]))
    told = [f"{key} was {old!r}, now {new!r}" for key, (old, new) in pairs.items() if key not in HASHED]
    return "; ".join([*told, *(said for key, said in HASHED.items() if key in pairs)])


def check_state(folder: Path) -> None:
    """Raise `RunError` if a state is there and damaged."""
    if os.path.isfile(folder / STATE):
        _read(folder / STATE)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]]:
    """Tensors, identity and facts, as they were written."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header.pop("digest", None) != _digest(header, tensors):
            raise ValueError("it has changed since it was written")
        return tensors, json.loads(header["identity"]), json.loads(header["facts"])
    except (safetensors.SafetensorError, OSError, KeyError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error}; start again with option 'overwrite'") from error


def _digest(header: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of all that a state holds: its facts, and name, type, shape and bytes of each tensor."""
    found = hashlib.sha256(json.dumps(sorted(header.items())).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def pack(module: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Weights, buffers and optimiser state as named tensors."""
    tensors = {f"method.{name}": tensor for name, tensor in named_tensors(module).items()}
    for number, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            if value is not None:
                tensors[f"optimizer.{number}.{name}"] = torch.as_tensor(value)
    return {name: tensor.clone() for name, tensor in tensors.items()}


def unpack(tensors: Mapping[str, Tensor], module: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put back what `pack` gave, to the bit."""
    start = len("method.")
    set_tensors(module, {name[start:]: t for name, t in tensors.items() if name.startswith("method.")})
    parameters = [own for group in optimizer.param_groups for own in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".", 2)
            own = parameters[int(number)]
            # in the parameter's own order in memory (channels last): a fused step pairs them place by place
            laid = torch.empty_like(own, dtype=tensor.dtype).copy_(tensor) if tensor.shape == own.shape else tensor
            state.setdefault(int(number), {})[key] = laid
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
