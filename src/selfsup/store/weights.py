"""The tensors that make a module: each once, though two names may share it (tied weights, a net held twice)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from selfsup.errors import RunError


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
