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
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
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


class Guard(TorchFunctionMode):
    """Sees every tensor that is asked for by its size, before it is made.

    Parameters
    ----------
    check
        Asked whenever what has been made has grown by `LARGE` bytes.
    ahead
        What all of it will be, where that can be told; it is asked once.
    """

    def __init__(self, check: Check, ahead: Ahead | None = None) -> None:
        super().__init__()
        self.check, self.ahead, self.count = check, ahead, _Count()
        self._next = LARGE

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, if there is room for what it makes."""
        kwargs = kwargs or {}
        sized = SIZED.get(getattr(func, "__name__", ""))
        if (
            sized is not None
            and str(kwargs.get("device")) != "meta"
            and self.count.add(sized, args, kwargs) > self._next
        ):
            self.check(self.count.made, self.count.largest)
            if self.ahead is not None and self.count.made > FAR:
                ahead, self.ahead = self.ahead, None
                self.check(*ahead())
            self._next = self.count.made + LARGE
        return func(*args, **kwargs)


class _Blank(TorchDispatchMode):
    """Nothing is made but shapes, on the device meta."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = _Count()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch would import its compiler, a second of time, to keep it away from here."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The result of an operation as a shape and a type; nothing is written."""
        kwargs = kwargs or {}
        if sized := SIZED.get(func._schema.name.removeprefix("aten::")):
            self.count.add(sized, args, kwargs)
        plain = {name: value for name, value in kwargs.items() if name not in ("generator", "device", "pin_memory")}
        args, plain = tree_map_only(torch.Tensor, lambda one: one.to("meta"), (args, plain))
        found = func(*args, **plain, **({"device": "meta"} if _has_device(func) else {}))
        return args[0] if func._schema.is_mutable and args else found


class _Count:
    """What has been asked for: bytes, tensors, and the largest shape."""

    def __init__(self) -> None:
        self.made = self.tensors = 0
        self.largest: tuple[int, ...] = ()

    def add(self, sized: Sized, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
        """Count one more, in Python's numbers, which know no overflow; bytes so far."""
        shape = sized(args, kwargs)
        if shape is None:
            return self.made
        self.tensors += 1
        self.made += (kwargs.get("dtype") or torch.get_default_dtype()).itemsize * math.prod(shape)
        self.largest = max(self.largest, shape, key=math.prod)
        if self.tensors > MOST:
            raise OptionError(f"more than {MOST:,} tensors would have to be made; use fewer layers")
        return self.made


def _of_sizes(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Of zeros, rand, full: a shape, or one number after another."""
    given = next((one for one in (kwargs.get("size"), *args) if isinstance(one, list | tuple)), None)
    return tuple(one for one in args if isinstance(one, int)) or None if given is None else tuple(given)


def _of_new(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Of a tensor's new_zeros, and so on."""
    return _of_sizes(args[1:], kwargs)


def _of_repeat(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Of a tensor's repeat: so many times its values."""
    times = _of_sizes(args[1:], kwargs)
    return None if times is None or not isinstance(args[0], Tensor) else (*times, args[0].numel())


def _of_end(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Of a range, and of an order of so many."""
    if not args or not all(isinstance(one, int | float) for one in args):
        return None
    start, end, step = (0, args[0], 1) if len(args) == 1 else (*args, 1)[:3]
    return (max(0, math.ceil((end - start) / step)),)


def _of_square(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Of the unit matrix."""
    return (args[0], args[-1]) if args and all(isinstance(one, int) for one in args) else None


Sized = Callable[[tuple[Any, ...], Mapping[str, Any]], tuple[int, ...] | None]
SIZED: dict[str, Sized] = {
    **dict.fromkeys(("empty", "zeros", "ones", "full", "rand", "randn", "randint", "normal"), _of_sizes),
    **{f"new_{name}": _of_new for name in ("empty", "zeros", "ones", "full")},
    **dict.fromkeys(("repeat", "repeat_interleave"), _of_repeat),
    "arange": _of_end,
    "randperm": _of_end,
    "eye": _of_square,
}


@cache
def _has_device(func: Any) -> bool:
    return any(argument.name == "device" for argument in func._schema.arguments)


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
        blank = _Blank()
        try:
            with blank:
                double.build(_Outside(about))  # type: ignore[operator]
        except SelfsupError:
            raise
        except Exception:
            return blank.count.made, blank.count.largest
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
