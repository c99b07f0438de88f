"""Several processes, started by torchrun or `accelerate launch`: each takes its share of every batch."""

from __future__ import annotations

import atexit
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed, nn

from selfsup.errors import OptionError, SelfsupError, TrainingError
from selfsup.method import Method, Tree

PATIENCE = timedelta(minutes=10)  # a process that is waited for as long is taken for lost
LOST = ("gloo", "NCCL", "Connection closed", "Connection reset", "Broken pipe", "process group")  # in torch's messages
_LAUNCH = "or let torchrun or accelerate set all of them"
_MERGED = {"max": distributed.ReduceOp.MAX, "min": distributed.ReduceOp.MIN}


class Processes(NamedTuple):
    """Which process this is, and of how many. Whatever has the name of all has to be called in all of them, in the same order."""

    rank: int
    size: int

    def share(self, tree: Tree) -> Tree:
        """Give the part of this process of the leading axis: a tensor (B, ...) or a tree of them to (b, ...)."""
        if self.size == 1:
            return tree
        if isinstance(tree, Tensor):
            return tree.tensor_split(self.size)[self.rank]
        return type(tree)(*(self.share(part) for part in tree))

    def weight(self, rows: int) -> float:
        """By what the mean over the share of a batch (B,) is multiplied, so that the processes' average is the batch's mean."""
        return len(self.share(torch.empty(rows))) * self.size / rows

    def whole(self, tree: Tree, rows: int) -> Tree:
        """The shares (b, ...) of all processes as one batch (rows, ...), with gradient: each gets the sum of all gradients.

        The shares may differ in size, as those that `share` gives do.
        """
        if self.size == 1:
            return tree
        if not isinstance(tree, Tensor):
            return type(tree)(*(self.whole(part, rows) for part in tree))
        if tree.dtype == torch.bool:
            return self.whole(tree.byte(), rows).bool()
        before, own, after = (
            sum(map(len, parts)) for parts in _around(torch.empty(rows).tensor_split(self.size), self.rank)
        )
        if own != len(tree):
            raise TrainingError(f"a part of a batch has {len(tree)} rows in process {self.rank}, and must have {own}")
        if not tree[0].numel():
            return tree.new_zeros(rows, *tree.shape[1:])
        rest = [tree.new_zeros(count, *tree.shape[1:]) for count in (before, after)]
        return _summed(torch.cat([rest[0], tree, rest[1]]))

    def wrapped(self, module: nn.Module, device: torch.device, *, sparse: bool = False) -> nn.Module:
        """A module whose gradients are averaged over the processes; they begin with the weights of the first.

        Parameters
        ----------
        sparse
            Gradients may be sparse, which torch's wrapper does not take: then the module itself, and `average` is for the caller.
        """
        if self.size == 1:
            return module
        if sparse:
            for tensor in (*module.parameters(), *module.buffers()):
                distributed.broadcast(tensor.detach(), 0)
            return module
        return nn.parallel.DistributedDataParallel(module, device_ids=[device] if device.type == "cuda" else None)

    def average(self, parameters: Iterable[Tensor]) -> None:
        """Put the mean over the processes in place of every gradient, dense or sparse."""
        for parameter in parameters:
            gradient = parameter.grad
            if gradient is None:
                continue
            if gradient.is_sparse:  # by the CPU, as GPUs have no way for them
                found = gradient.coalesce().to(_place())
                distributed.all_reduce(found)
                parameter.grad = found.to(gradient.device) / self.size
            else:
                distributed.all_reduce(gradient)
                gradient /= self.size

    def means(self, means: dict[str, Tensor], weight: float) -> dict[str, Tensor]:
        """Means over the whole batch, of those over the shares."""
        if self.size == 1:
            return means
        found = torch.stack([mean.detach() for mean in means.values()]) * (weight / self.size)
        distributed.all_reduce(found)
        return dict(zip(means, found.unbind(), strict=True))

    def merge(self, method: Method) -> None:
        """Put together what `Method.noted` names."""
        for name, how in method.noted.items() if self.size > 1 else ():
            value: Tensor | None = getattr(method, name, None)
            if value is None:  # left by another option's way
                continue
            found = value.byte() if value.dtype == torch.bool else value.clone()
            distributed.all_reduce(found, _MERGED[how])
            setattr(method, name, found.to(value.dtype))

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Which of the flags is set in any of the processes."""
        if self.size == 1:
            return flags
        found = torch.tensor(flags, dtype=torch.uint8, device=_place())
        distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return tuple(map(bool, found.tolist()))

    def of_first(self, find: Callable[[], Any]) -> Any:
        """What a function gives in the first process (JSON), for all; only there it is called.

        Raises
        ------
        TrainingError
            In the others, if it raised an error of ours there.
        """
        if self.size == 1:
            return find()
        text = b""
        if self.rank == 0:
            try:
                found = find()
            except SelfsupError as error:
                _tell(json.dumps({"error": str(error)}).encode())
                raise
            text = json.dumps({"found": found}).encode()
        told = json.loads(_tell(text))
        if "error" in told:
            raise TrainingError(f"the first process has ended: {told['error']}")
        return found if self.rank == 0 else told["found"]

    def tensors_of_first(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors that the first process has, for all, on the CPU; those of the others do not matter."""
        if self.size == 1:
            return dict(tensors)
        listed = self.of_first(
            lambda: [[name, str(one.dtype).removeprefix("torch."), list(one.shape)] for name, one in tensors.items()]
        )
        found = {}
        for name, dtype, shape in listed:
            mine = tensors[name].cpu() if self.rank == 0 else torch.empty(shape, dtype=getattr(torch, dtype))
            sent = mine.contiguous().reshape(-1).view(torch.uint8).to(_place())
            if sent.numel():
                distributed.broadcast(sent, 0)
            found[name] = sent.cpu().view(mine.dtype).reshape(mine.shape)
        return found


ALONE = Processes(0, 1)


@cache
def _sum() -> Callable[[Tensor], Tensor]:
    """The sum over the processes, as an operation, as gradients of many outputs at once (a Jacobian) are made of these alone.

    Torch learns of it when it is first needed, and not where this file is imported.
    """

    @torch.library.custom_op("selfsup::sum", mutates_args=())
    def summed(x: Tensor) -> Tensor:
        found = x.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(found)
        return found

    return summed


class _Sum(torch.autograd.Function):
    """The sum of a tensor over the processes. Each has a loss of its own of it, so that the gradients are summed, too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _sum()(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _summed(gradient)


_summed: Callable[..., Tensor] = _Sum.apply


def _around(parts: tuple[Tensor, ...], rank: int) -> tuple[tuple[Tensor, ...], ...]:
    """What lies before a part, the part, and what lies after it."""
    return parts[:rank], parts[rank : rank + 1], parts[rank + 1 :]


def _place() -> torch.device:
    """Where messages between processes lie: on the CPU, if those who started them left a way from there."""
    if "cpu:" in distributed.get_backend_config():
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def _tell(text: bytes) -> bytes:
    """The bytes of the first process, in all."""
    length = torch.tensor([len(text)], device=_place())
    distributed.broadcast(length, 0)
    # a bytearray, as torch wants memory that may be written to
    sent = torch.frombuffer(bytearray(text or bytes(int(length))), dtype=torch.uint8).to(_place())
    distributed.broadcast(sent, 0)
    return bytes(sent.cpu().numpy())


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
    """Join the other processes, where a launcher has started several. They are left when this one ends.

    Raises
    ------
    TrainingError
        If one of the others ends meanwhile, or does not answer for ten minutes.
    """
    if started() == 1:
        yield ALONE
        return
    try:
        # once: a second group would meet with what the first one has left with the launcher
        if not distributed.is_initialized():
            if device.type == "cuda":
                torch.cuda.set_device(device)
            # also on GPUs messages go by the CPU, so that nobody waits for a GPU to read them
            distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
            atexit.register(_leave)
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    except RuntimeError as error:
        if not isinstance(error, distributed.DistError) and not any(word in str(error) for word in LOST):
            raise
        raise TrainingError(
            f"another of the {started()} processes has ended or does not answer; see what it said, and go on with resume"
        ) from error


def _leave() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()
