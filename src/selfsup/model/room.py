"""How large what `build` makes will be, noticed before it is made."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from selfsup.errors import DataError, OptionError, SelfsupError
from selfsup.store.weights import named_tensors
from selfsup.system import memory

LARGE = 1 << 26  # bytes from which on it is asked whether there is room
MOST = 10_000  # tensors of one method: a net of thousands of layers is a slip
Check = Callable[[int, tuple[int, ...]], None]  # raises if so many bytes, with the largest shape, are too many
Ahead = Callable[[], tuple[int, tuple[int, ...]]]  # how many bytes, and the largest shape


class Guard(TorchDispatchMode):
    """Sees every tensor that is asked for, before it is made.

    Parameters
    ----------
    check
        Asked whenever what has been made has grown by `LARGE` bytes.
    ahead
        What all of it will be, bytes and the largest shape, where that can be told; it is asked once.
    """

    def __init__(self, check: Check, ahead: Ahead | None = None) -> None:
        super().__init__()
        self.check, self.ahead = check, ahead
        self.made = self.tensors = 0
        self.largest: tuple[int, ...] = ()
        self._next = LARGE

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, if there is room for what it makes."""
        kwargs = kwargs or {}
        if _makes(func):
            self._count(*_made(func, args, kwargs))
        return func(*args, **kwargs)

    def _count(self, shape: tuple[int, ...], size: int) -> None:
        self.tensors += 1
        self.made += size
        self.largest = max(self.largest, shape, key=math.prod)
        if self.tensors > MOST:
            raise OptionError(f"more than {MOST:,} tensors would have to be made; use fewer layers")
        if self.made > self._next:
            self.check(self.made, self.largest)
            if self.ahead is not None:
                ahead, self.ahead = self.ahead, None
                self.check(*ahead())
            self._next = self.made + LARGE


@cache
def _makes(func: Any) -> bool:
    """Whether an operation makes a tensor of the size that it is told."""
    names = {argument.name for argument in func._schema.arguments}
    return "device" in names or bool(names & {"repeats", "output_size"})


def _made(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[int, ...], int]:
    """Shape and bytes of what an operation makes: it is done without memory (device meta)."""
    first = args[0] if args else ()
    if isinstance(first, list | tuple) and all(type(side) is int for side in first):  # also where no tensor can be so large
        return tuple(first), math.prod(first) * (kwargs.get("dtype") or torch.get_default_dtype()).itemsize
    try:
        args, kwargs = tree_map_only(torch.Tensor, lambda one: one.to("meta"), (args, {**kwargs, "generator": None}))
        kwargs = {name: value for name, value in kwargs.items() if value is not None}
        if any(argument.name == "device" for argument in func._schema.arguments):
            kwargs["device"] = "meta"
        made = func(*args, **kwargs)
    except (NotImplementedError, RuntimeError) as error:
        if "overflow" in str(error):
            raise
        return (), 0  # the numbers decide, or it cannot be done: then it fails where it is done
    return tuple(made.shape), made.nbytes


def looker(method: nn.Module, about: Any) -> Ahead | None:
    """What a method, not yet built, will be made of, bytes and the largest shape: a copy is built without memory (device meta).

    Where that fails (a method may look at its numbers while it is built), they are those of what was made till then.
    """
    shared: dict[int, Any] = {id(one): one for one in (*method.parameters(), *method.buffers())}
    try:
        double = copy.deepcopy(method, shared)
    except Exception:  # whatever a user's own parts may say: they need no copy
        return None

    def ahead() -> tuple[int, tuple[int, ...]]:
        guard = Guard(lambda size, shape: None)
        try:
            with guard, torch.device("meta"):
                double.build(about)  # type: ignore[operator]
        except SelfsupError:
            raise
        except Exception:
            return guard.made, guard.largest
        made = named_tensors(double).values()
        return sum(one.nbytes for one in made), max((tuple(one.shape) for one in made), key=math.prod, default=())

    return ahead


def fits(times: float = 1.0, where: str = "", free: Callable[[], int] = memory.available) -> Check:
    """Whether there is room for so many times what is made: 4 for training by Adam, say."""

    def check(size: int, largest: tuple[int, ...]) -> None:
        what = f"weights of {memory.in_words(size)} (the largest {' x '.join(f'{side:,}' for side in largest)})"
        what += f", {times:g} times that while they are trained," if times > 1 else ""
        memory.check(times * size, what + where, "use smaller options of the method", free())

    return check


@contextlib.contextmanager
def counted() -> Iterator[None]:
    """Sizes that no computer can count, or that could not be had after all, are errors of ours."""
    try:
        with memory.refused("what the method is made of", "use smaller options of the method"):
            yield
    except (RuntimeError, TypeError, OverflowError, ValueError) as error:
        if isinstance(error, SelfsupError) or "overflow" not in str(error).lower():
            raise
        raise DataError("what the method is made of is larger than any memory; use smaller options of the method") from error
