"""Several processes, started by torchrun or `accelerate launch`: each takes its share of every batch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, distributed, nn


class Processes(NamedTuple):
    """Which process this is, and of how many."""

    rank: int
    size: int

    def share(self, rows: Tensor) -> Tensor:
        """Give the part of this process of the row numbers (B,) of a batch."""
        return rows if self.size == 1 else rows.tensor_split(self.size)[self.rank]

    def wrapped(self, module: nn.Module, device: torch.device) -> nn.Module:
        """A module whose gradients are averaged over the processes; they begin with the weights of the first."""
        if self.size == 1:
            return module
        return nn.parallel.DistributedDataParallel(module, device_ids=[device] if device.type == "cuda" else None)

    def add_up(self, tensors: Iterable[Tensor]) -> None:
        """Put sums over the processes in place of tensors, in the same order in each."""
        if self.size > 1:
            for tensor in tensors:
                distributed.all_reduce(tensor)


def started() -> int:
    """How many processes a launcher has started for this run."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def processes(device: torch.device) -> Iterator[Processes]:
    """Join the other processes, where a launcher has started several, and leave them in the end."""
    if started() == 1:
        yield Processes(0, 1)
        return
    begun = not distributed.is_initialized()
    if begun:
        if device.type == "cuda":
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    finally:
        if begun:
            distributed.destroy_process_group()
