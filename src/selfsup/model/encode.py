"""Functions of batches run over all rows, and a method made from its options."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.data.tables.missing import name_of
from selfsup.errors import DataError, OptionError
from selfsup.method import About, Method, Samples
from selfsup.model.room import LARGE, Check, Guard, counted, fits, looker
from selfsup.solvers.devices import steady
from selfsup.system import memory

MOST, BYTES = (
    1024,
    1 << 26,
)  # rows encoded at once, and bytes of them: the same for every call, so equal rows give equal bits


def rows_at_once(x: Tensor) -> int:
    """How many samples like those of x (B, ...) are encoded at once."""
    return max(1, min(MOST, BYTES // max(1, 4 * x[0].numel())))


def encode_batches(
    function: Callable[[Tensor], dict[str, Tensor]],
    samples: Samples,
    device: torch.device,
    numbers: Tensor | None = None,
) -> dict[str, np.ndarray]:
    """Run a function of a batch over all rows, or those of the numbers (m,): arrays (m, D) float32 by name.

    Raises
    ------
    DataError
        If a code is not finite.
    """
    numbers = torch.arange(len(samples)) if numbers is None else numbers
    parts: dict[str, list[Tensor]] = {}
    with torch.inference_mode(), steady(device, exact=True):
        for some in numbers.split(rows_at_once(samples[numbers[:1]]) if len(numbers) else 1):
            made = function(samples[some].to(device))
            if not parts:  # held twice while the parts are joined
                whole = 8 * len(numbers) * sum(codes[0].numel() for codes in made.values())
                if whole > LARGE:
                    memory.check(whole, f"the codes of {len(numbers):,} samples", "encode fewer of them at once")
            for name, codes in made.items():
                parts.setdefault(name, []).append(codes.float().cpu())
    found = {name: torch.cat(codes).numpy() for name, codes in parts.items()}
    return {name: finite(array, f"codes of '{name}'") for name, array in found.items()}


def finite(x: np.ndarray, what: str, names: Sequence[str] | None = None) -> np.ndarray:
    """What a model has made, (n, ...) float32, as it is.

    Parameters
    ----------
    names
        Of the columns, where they have names.

    Raises
    ------
    DataError
        If a value is not finite, with the first.
    """
    with np.errstate(invalid="ignore"):
        if np.isfinite(x.sum(dtype=np.float64)):
            return x
    row, *place = np.argwhere(~np.isfinite(x))[0].tolist()
    column = f" (row {row}, column {name_of(place[0], names)})" if len(place) == 1 else f" (row {row})"
    raise DataError(f"{what} are not finite{column}: the weights have diverged, or the input is out of range")


def codes_of(method: Method, samples: Samples, device: torch.device, numbers: Tensor | None = None) -> np.ndarray:
    """Codes (m, D) float32."""
    return encode_batches(lambda x: {"code": method.encode(x)}, samples, device, numbers)["code"]


def jsonable(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they stand in ``config.json``; a module or a function is named, since neither is saved."""

    def module_of(value: Any) -> str:
        return getattr(value, "__module__", None) or type(value).__module__  # str.split, say, has none

    def plain(value: Any) -> Any:
        if isinstance(value, nn.Module):
            return {"module": f"{type(value).__module__}:{type(value).__qualname__}"}
        if callable(value):
            return {"function": f"{module_of(value)}:{getattr(value, '__qualname__', type(value).__qualname__)}"}
        return list(value) if isinstance(value, tuple) else value  # a path of an import stands as a function already

    named = {name: plain(value) for name, value in options.items()}
    try:
        json.dumps(named, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise OptionError(f"a method's options must be numbers, words, lists or a net: {error}") from error
    return named


def check_kind(method: type[Method] | Method, form: Any) -> None:
    """Raise `OptionError` if a method does not learn from data of this form."""
    if form.kind not in method.kinds:
        name = method.__name__ if isinstance(method, type) else type(method).__name__
        raise OptionError(f"{name} learns from {' and '.join(method.kinds)}s; these data are {form.kind}s")
    if isinstance(method, Method) and (said := method.refuses(form)) is not None:
        raise OptionError(f"{type(method).__name__} cannot learn from these data: {said}")


def build(method: Method, about: About, seed: int, check: Check | None = None, *, look: bool = True) -> Method:
    """Build a method that was constructed; the weights depend on the seed alone.

    Parameters
    ----------
    check
        Raises an error where what is to be made is too large; by default where memory has no room for it.
    look
        Whether a large method is made without memory first, to see how large it will be.

    Raises
    ------
    DataError
        If there is no room, said before it is taken.
    """
    check_kind(method, about.form)
    ahead = looker(method, about) if look else None
    with torch.random.fork_rng(devices=[]), counted(), Guard(check or fits(), ahead):
        torch.default_generator.manual_seed(seed)  # manual_seed would set the generators of GPUs, too
        method.build(about)
    return method
