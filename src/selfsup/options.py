"""One source for every option: the signature gives name, type, range and default, the docstring its help.

The Python call, the command line, ``config.json`` and the error messages all read the same signature, so that no
two of them can drift apart. A range is written beside the type: ``lr: Annotated[float, Range(0, open_low=True)]``.
"""

from __future__ import annotations

import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from selfsup.errors import OptionError, unknown


@dataclass(frozen=True)
class Range:
    """The closed interval of legal values; ``open_low`` and ``open_high`` leave an end out."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"{'greater than' if self.open_low else 'at least'} {self.low:g}"
        return f"{'(' if self.open_low else '['}{self.low:g}, {self.high:g}{')' if self.open_high else ']'}"


@dataclass(frozen=True)
class Option:
    """One option of a function or of a method's constructor."""

    name: str
    annotation: Any
    default: Any  # inspect.Parameter.empty where there is none
    help: str

    @property
    def flag(self) -> str:
        """The option's word on the command line: ``n_components`` is ``--n-components``."""
        return "--" + self.name.replace("_", "-")

    @property
    def is_switch(self) -> bool:
        """Whether the option is plainly true or false (``--flag`` and ``--no-flag``)."""
        return _plain(self.annotation) is bool


def options_of(function: Callable[..., Any]) -> Mapping[str, Option]:
    """Options of a function, or of a class's constructor, by name, in the order of the signature.

    Raises
    ------
    OptionError
        If the signature takes ``*args`` and is a class: a method's options must have names to be saved.
    """
    return _read(function)


@lru_cache(maxsize=256)
def _read(function: Callable[..., Any]) -> Mapping[str, Option]:
    target = function.__init__ if inspect.isclass(function) else function
    helps = _helps(function)
    hints = typing.get_type_hints(target, include_extras=True) if inspect.isfunction(target) else {}
    found: dict[str, Option] = {}
    for name, parameter in inspect.signature(target).parameters.items():
        if name == "self":
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            if inspect.isclass(function) and inspect.isfunction(target):
                raise OptionError(f"{function.__name__}.__init__ takes *args or **kwargs; give every option a name")
            continue
        found[name] = Option(name, hints.get(name, Any), parameter.default, helps.get(name, ""))
    return types.MappingProxyType(found)


def resolve(function: Callable[..., Any], given: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Check the options given for a constructor and fill in its defaults.

    Parameters
    ----------
    function
        The class (or function) whose signature declares the options.
    given
        Values by name.
    owner
        How messages call it: ``"method 'rotation'"``.

    Raises
    ------
    OptionError
        An unknown name (with the nearest known one), a missing one, a wrong type or a value out of range.
    """
    known = options_of(function)
    for name in given:
        if name not in known:
            raise OptionError(unknown(f"option of {owner}", name, known))
    values = {}
    for name, option in known.items():
        if name in given:
            values[name] = check(option, given[name])
        elif option.default is inspect.Parameter.empty:
            raise OptionError(f"{owner} needs the option '{name}' ({allowed(option.annotation)})")
        else:
            values[name] = option.default
    return values


def check(option: Option, value: Any) -> Any:
    """Return the value in the option's type (an int for a float is made one), or raise `OptionError`."""
    fits, converted = _fit(option.annotation, value)
    if not fits:
        raise OptionError(f"option '{option.name}' must be {allowed(option.annotation)}; got {value!r}")
    return converted


def parse(option: Option, text: str) -> Any:
    """Turn what was typed on the command line into the option's declared type; nothing is ever evaluated."""
    for candidate in _readings(option.annotation, text):
        fits, converted = _fit(option.annotation, candidate)
        if fits:
            return converted
    raise OptionError(f"option '{option.flag}' must be {allowed(option.annotation)}; got '{text}'")


def allowed(annotation: Any) -> str:
    """Say in words which values a type allows."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        ranges = " and ".join(str(extra) for extra in args[1:] if isinstance(extra, Range))
        return f"{allowed(args[0])} {ranges}".strip()
    if origin is Literal:
        return "one of " + ", ".join(repr(value) for value in args)
    if origin in (Union, types.UnionType):
        return " or ".join(allowed(part) for part in args)
    if origin in (tuple, list, Sequence):
        inner = args[0] if args else Any
        return f"a list of values, each {allowed(inner)}"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a word", type(None): "none"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _plain(annotation: Any) -> Any:
    """Strip ``Annotated``."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _fit(annotation: Any, value: Any) -> tuple[bool, Any]:
    """Whether the value is of the type, and the value in that type."""
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation is Any or annotation is object:
        return True, value
    if origin is Annotated:
        fits, value = _fit(args[0], value)
        numbers = isinstance(value, int | float) and not isinstance(value, bool)
        return fits and (not numbers or all(value in r for r in args[1:] if isinstance(r, Range))), value
    if origin is Literal:
        return any(value == a and type(value) is type(a) for a in args), value
    if origin in (Union, types.UnionType):
        return next(
            ((True, converted) for part in args for fits, converted in [_fit(part, value)] if fits), (False, value)
        )
    if origin is tuple:
        return _fit_tuple(args, value)
    return _fit_scalar(origin or annotation, value)


def _fit_tuple(args: tuple[Any, ...], value: Any) -> tuple[bool, Any]:
    if isinstance(value, int) and not isinstance(value, bool):
        value = (value,)  # one hidden layer may be written without brackets
    if not isinstance(value, list | tuple):
        return False, value
    parts = [_fit(args[0], part) for part in value]
    return all(fits for fits, _ in parts), tuple(part for _, part in parts)


def _fit_scalar(annotation: Any, value: Any) -> tuple[bool, Any]:
    if annotation is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        number = number or (type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0)
        return number and math.isfinite(float(value)), float(value) if number else value
    if annotation is int:
        whole = (isinstance(value, int) and not isinstance(value, bool)) or hasattr(value, "__index__")
        whole = whole and not isinstance(value, bool)
        return whole, value.__index__() if whole else value
    if annotation is bool:
        return isinstance(value, bool), value
    if annotation is type(None) or annotation is None:
        return value is None, value
    return inspect.isclass(annotation) and isinstance(value, annotation), value


def _readings(annotation: Any, text: str) -> list[Any]:
    """What the typed text may mean, most specific first."""
    readings: list[Any] = []
    if text.lower() in ("none", "null"):
        readings.append(None)
    if text.lower() in ("true", "yes", "on", "false", "no", "off"):
        readings.append(text.lower() in ("true", "yes", "on"))
    for kind in (int, float):
        try:
            readings.append(kind(text))
        except ValueError:
            continue
    parts = [part.strip() for part in text.strip("()[]").split(",") if part.strip()]
    try:
        readings.append(tuple(int(part) for part in parts))
    except ValueError:
        try:
            readings.append(tuple(float(part) for part in parts))
        except ValueError:
            readings.append(tuple(parts))
    return [*readings, text] if str not in get_args(annotation) else [*readings[:-1], text, readings[-1]]


@lru_cache(maxsize=256)
def _helps(function: Callable[..., Any]) -> dict[str, str]:
    """Help of each option from the NumPy-style docstrings of the class and its constructor."""
    from docstring_parser.numpydoc import parse as numpydoc

    texts = [inspect.getdoc(function) or ""]
    if inspect.isclass(function):
        texts.append(inspect.getdoc(function.__init__) or "")
    helps: dict[str, str] = {}
    for text in texts:
        for parameter in numpydoc(text).params:
            for name in parameter.arg_name.split(","):
                helps[name.strip()] = " ".join((parameter.description or "").split())
    return helps


def summary(function: Any) -> str:
    """First line of a docstring, without the full stop."""
    return (inspect.getdoc(function) or "").strip().split("\n")[0].rstrip(".")
