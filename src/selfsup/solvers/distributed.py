"""Several processes, started by torchrun or `accelerate launch`: each takes its share of every batch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, distributed, nn

from selfsup.errors import OptionError

_LAUNCH = "or let torchrun or accelerate set all of them"


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
    """How many processes a launcher has started for this run.

    Raises
    ------
    OptionError
        If ``WORLD_SIZE`` is set to what is no number of processes.
    """
    size = _number("WORLD_SIZE", 1)
    if size < 1:
        raise OptionError(f"WORLD_SIZE in the environment is {size}, and must be at least 1; unset it, {_LAUNCH}")
    return size


def rank() -> int:
    """Which of the processes this is: 0 is the one that writes and speaks.

    Raises
    ------
    OptionError
        If ``RANK`` and ``WORLD_SIZE`` do not go together: a process that believes to be the second of one would train and
        write nothing.
    """
    size, place = started(), _number("RANK", 0)
    needed = ("RANK",) if distributed.is_initialized() else ("RANK", "MASTER_ADDR", "MASTER_PORT")
    if size > 1 and (lacking := [name for name in needed if name not in os.environ]):
        raise OptionError(f"WORLD_SIZE in the environment is {size}, but {lacking[0]} is not set; unset it, {_LAUNCH}")
    if not 0 <= place < size:
        whole = (
            f"WORLD_SIZE is {size}"
            if "WORLD_SIZE" in os.environ
            else "WORLD_SIZE is not set, so this is the only process"
        )
        raise OptionError(
            f"RANK in the environment is {place}, but {whole}, and RANK must be from 0 to {size - 1}; unset it, {_LAUNCH}"
        )
    return place


def _number(name: str, usual: int) -> int:
    """A whole number of the environment."""
    given = os.environ.get(name, str(usual))
    try:
        return int(given)
    except ValueError as error:
        raise OptionError(
            f"{name} in the environment must be a whole number; got {given[:40]!r}; unset it, {_LAUNCH}"
        ) from error


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
