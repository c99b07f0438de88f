"""How large what `build` makes will be, noticed before it is made."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_map_only

from selfsup.errors import DataError, OptionError, SelfsupError
from selfsup.store.weights import named_tensors
from selfsup.system import memory

LARGE = 1 << 26  # bytes from which on it is asked whether there is room
FAR = 1 << 27  # and from which on it is worth the second that looking ahead takes
MOST = 5_000  # tensors of one method: a net of thousands of layers is a slip
Check = Callable[[int, tuple[int, ...]], None]  # raises if so many bytes, with the largest shape, are too many
Ahead = Callable[[], tuple[int, tuple[int, ...]]]  # how many bytes, and the largest shape


class Guard(TorchDispatchMode):
    """Sees every tensor that is asked for, before it is made.

    Parameters
    ----------
    check
        Asked whenever what has been made has grown by `LARGE` bytes; None: nothing is made but shapes (device meta).
    ahead
        What all of it will be, where that can be told; it is asked once.
    """

    def __init__(self, check: Check | None, ahead: Ahead | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.check, self.ahead = check, ahead
        self.made = self.tensors = 0
        self.largest: tuple[int, ...] = ()
        self._next = LARGE

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch would import its compiler, a second of time, to keep it away from here."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, if there is room for what it makes."""
        kwargs = kwargs or {}
        if _makes(func) and (shape := _shape(func, args)) is not None and str(kwargs.get("device")) != "meta":
            self._count(shape, (kwargs.get("dtype") or torch.get_default_dtype()).itemsize * math.prod(shape))
        if self.check is not None:
            return func(*args, **kwargs)
        found = _without_memory(func, args, kwargs)
        return args[0] if func._schema.is_mutable and args else found

    def _count(self, shape: tuple[int, ...], size: int) -> None:
        self.tensors += 1
        self.made += size
        self.largest = max(self.largest, shape, key=math.prod)
        if self.tensors > MOST:
            raise OptionError(f"more than {MOST:,} tensors would have to be made; use fewer layers")
        if self.check is not None and self.made > self._next:
            self.check(self.made, self.largest)
            if self.ahead is not None and self.made > FAR:
                ahead, self.ahead = self.ahead, None
                self.check(*ahead())
            self._next = self.made + LARGE


@cache
def _has_device(func: Any) -> bool:
    return any(argument.name == "device" for argument in func._schema.arguments)


@cache
def _makes(func: Any) -> bool:
    """Whether an operation may make a tensor larger than those it is given."""
    return _has_device(func) or _name(func) in ("repeat", "clone")


def _name(func: Any) -> str:
    name: str = func._schema.name
    return name.removeprefix("aten::")


def _shape(func: Any, args: tuple[Any, ...]) -> tuple[int, ...] | None:
    """What an operation makes of a size that it is told, in Python's numbers, which know no overflow; None for all others."""
    first, *more = args or (None,)
    if isinstance(first, list | tuple):  # zeros, rand, full
        return tuple(first)
    name = _name(func)
    if not isinstance(first, torch.Tensor):
        if name not in ("arange", "randperm", "eye"):
            return None
        start, end, step = (0, first, 1) if not more else (first, *more, 1)[:3]
        return (math.ceil((end - start) / step),) if name == "arange" else (int(first or 0),) * (1 + (name == "eye"))
    if name.startswith("new_") and more:
        return tuple(more[0])
    if name == "repeat":
        return (*more[0], first.numel())
    if name == "clone" and first.nbytes > first.untyped_storage().nbytes():  # was expanded, as for repeat_interleave
        return tuple(first.shape)
    return None


def _without_memory(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The result of an operation on the device meta: a shape and a type, nothing is written."""
    plain = {name: value for name, value in kwargs.items() if name not in ("generator", "device", "pin_memory")}
    args, plain = tree_map_only(torch.Tensor, lambda one: one.to("meta"), (args, plain))
    return func(*args, **plain, **({"device": "meta"} if _has_device(func) else {}))


def looker(method: nn.Module, about: Any) -> Ahead | None:
    """What a method, not yet built, will be made of, bytes and the largest shape: a copy is built without memory (device meta).

    Where that fails (a method may look at its numbers while it is built), they are those of what was made till then.
    """
    shared: dict[int, Any] = {id(one): one for one in (*method.parameters(), *method.buffers())}
    try:
        double = copy.deepcopy(method, shared)
    except Exception:  # whatever a user's own parts may say: they need no copy
        return None

    def look() -> tuple[int, tuple[int, ...]]:
        guard = Guard(None)
        try:
            with guard:
                double.build(_Outside(about))  # type: ignore[operator]
        except SelfsupError:
            raise
        except Exception:
            return guard.made, guard.largest
        made = named_tensors(double).values()
        return sum(one.nbytes for one in made), max((tuple(one.shape) for one in made), key=math.prod, default=())

    def ahead() -> tuple[int, tuple[int, ...]]:
        with ThreadPoolExecutor(
            1
        ) as thread:  # in the middle of an operation a thread of its own has torch as it always is
            return thread.submit(look).result()

    return ahead


class _Outside:
    """What a method may know of the data, measured with memory while the method is built without."""

    def __init__(self, about: Any) -> None:
        self.form, self._about = about.form, about

    def fact(self, name: str, **how: Any) -> Any:
        """Ask the data."""
        with _disable_current_modes():
            return self._about.fact(name, **how)


def fits(times: float = 1.0, free: Callable[[], int] | None = None) -> Check:
    """Whether there is room for so many times what is made: 4 for training by Adam, say."""
    began: list[int] = []  # what was free before anything was made

    def check(size: int, largest: tuple[int, ...]) -> None:
        what = f"weights of {memory.in_words(size)} (the largest {' x '.join(f'{side:,}' for side in largest)})"
        what += f", held {times:g} times while they are trained and saved," if times > 1 else ""
        began[:] = began or [free() if free else memory.available()]
        memory.check(times * size, what, "use smaller options of the method", began[0])

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
        raise DataError(
            "what the method is made of is larger than any memory; use smaller options of the method"
        ) from error
