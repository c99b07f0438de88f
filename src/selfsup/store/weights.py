"""The tensors that make a module: each once, though two names may share it (tied weights, a net held twice); and their file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.errors import RunError
from selfsup.lazy import safetensors
from selfsup.store.folder import read_bytes
from selfsup.system.files import write_bytes


def named_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers by name, without those that only repeat another."""
    kept = module.state_dict().keys()
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: tensor.detach() for name, tensor in tensors.items() if name in kept}


def set_tensors(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `named_tensors` gave: every name, no other, each of its shape and type.

    Raises
    ------
    RunError
        Naming the first tensor that is missing, foreign or of another shape.
    """
    own = named_tensors(module)
    for name in (*own, *tensors):
        if name not in tensors:
            raise RunError(f"weight '{name}' is missing")
        if name not in own:
            raise RunError(f"weight '{name}' does not belong to this method and its options")
        if own[name].shape != tensors[name].shape or own[name].dtype != tensors[name].dtype:
            there = f"{tuple(tensors[name].shape)} {tensors[name].dtype}"
            raise RunError(f"weight '{name}' is {there}; this method and its options have {tuple(own[name].shape)}")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[name])


def write_weights(path: Path, module: nn.Module, besides: Tensor | None = None) -> None:
    """Write the tensors of a module, but one that is `besides`: a table that is kept in a file of its own."""
    tensors = {name: one.cpu().contiguous() for name, one in named_tensors(module).items() if not _is(one, besides)}
    write_bytes(path, safetensors.torch.save(tensors))


def read_weights(folder: Path, name: str, module: nn.Module, besides: tuple[Tensor, np.ndarray] | None = None) -> None:
    """Read what `write_weights` wrote into a module.

    Parameters
    ----------
    besides
        The tensor of the module that was kept in a file of its own, and its values.

    Raises
    ------
    RunError
        If the file is missing, damaged, or does not fit the module.
    """
    try:
        tensors = dict(safetensors.torch.load(read_bytes(folder, name)))
    except safetensors.SafetensorError as error:
        raise RunError(f"{folder / name} is damaged or truncated: {error}") from error
    if besides is not None:
        tensors |= {key: torch.tensor(besides[1]) for key, one in named_tensors(module).items() if _is(one, besides[0])}
    try:
        set_tensors(module, tensors)
    except RunError as error:
        raise RunError(f"{folder / name} does not belong to this configuration: {error}") from error


def _is(one: Tensor, other: Tensor | None) -> bool:
    """Whether two tensors are the same numbers in memory."""
    return other is not None and one.data_ptr() == other.data_ptr() and one.shape == other.shape
