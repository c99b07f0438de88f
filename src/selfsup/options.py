"""One source for every option: the signature gives name, type, range and default, the docstring its help.

The Python call, the command line, ``config.json`` and the error messages all read the same signature, so that no
two of them can drift apart. A range is written beside the type: ``lr: Annotated[float, Range(0, open_low=True)]``.
"""

from __future__ import annotations

import contextlib
import difflib
import inspect
import math
import operator
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from selfsup.errors import OptionError, unknown
from selfsup.lazy import docstring_parser


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
        low, high = (f"{end:g}" if isinstance(end, float) else str(end) for end in (self.low, self.high))
        if not (self.open_low or self.open_high) and math.isfinite(self.low) and math.isfinite(self.high):
            return f"from {low} to {high}"
        above = f"{'greater than' if self.open_low else 'at least'} {low}" if self.low > -math.inf else ""
        below = f"{'less than' if self.open_high else 'at most'} {high}" if self.high < math.inf else ""
        return " and ".join(filter(None, (above, below)))


class _Colon:
    """Words with a colon in them."""

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str) and ":" in value.strip(":")

    def __str__(self) -> str:
        return "such as FILE.py:function"


Shares = tuple[
    Annotated[float, Range(0, 1, open_low=True)], Annotated[float, Range(0, 1)]
]  # the least and the greatest
ImportPath = Annotated[str, _Colon()]  # something of the user's own, by the path of its import


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
    def flags(self) -> tuple[str, ...]:
        """Every spelling of it: an option of one letter is ``-k`` too."""
        return (f"-{self.name}", self.flag) if len(self.name) == 1 else (self.flag,)

    @property
    def is_switch(self) -> bool:
        """Whether the option is plainly true or false (``--flag`` and ``--no-flag``)."""
        return _plain(self.annotation) is bool

    @property
    def is_object(self) -> bool:
        """Whether it may be a function or a module, which the path of one stands for."""
        return any(_is_object(kind) for kind in _kinds(self.annotation))

    @property
    def is_words(self) -> bool:
        """Whether it may be several words, which may be given one after the other."""
        parts = [self.annotation, *get_args(self.annotation)]
        return any(get_origin(part) is tuple and str in get_args(part) for part in parts)

    @property
    def is_repeated(self) -> bool:
        """Whether a single word is one too: then several are given by the option again, and a comma is a part of a word."""
        return self.is_words and str in _kinds(self.annotation)

    @property
    def metavar(self) -> str:
        """What stands for the value on the command line: N, X, {adamw,sgd}, or the last word of the option's name."""
        found = _kinds(self.annotation)
        if self.is_repeated:
            return self.name.split("_")[-1].upper()
        listing = "WORD,WORD,..." if self.is_words else "N,N,..."
        names = [shown for kind, shown in ((int, "N"), (float, "X"), (tuple, listing)) if kind in found]
        listed = [str(value) for value in choices(self.annotation)] if tuple not in found else []
        if not names and not listed:
            return self.name.split("_")[-1].upper()
        return "|".join(names + listed) if names else "{" + ",".join(listed) + "}"

    @property
    def words(self) -> str:
        """Help in the manner of a command line: no capital, no full stop; range and default in brackets."""
        text = self.help[:1].lower() + self.help[1:] if not self.help[1:2].isupper() else self.help
        text = text.removesuffix(".")
        if self.is_switch:
            return f"do not {text}" if self.default is True else text
        facts = [limits(self.annotation)]
        facts += [f"default {self.default}"] if self.default not in (None, (), inspect.Parameter.empty) else []
        told = "; ".join(filter(None, facts))
        return f"{text} ({told})" if told else text


def options_of(function: Callable[..., Any]) -> Mapping[str, Option]:
    """Options of a function, or of a class's constructor, by name, in the order of the signature.

    A constructor that ends in ``**shared`` passes them on to its base class, whose options follow its own.

    Raises
    ------
    OptionError
        If the signature takes ``*args`` (or ``**shared`` without such a base) and is a class: a method's options must
        have names to be saved.
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
                base = _base_with_options(function)
                if base is None or parameter.kind is parameter.VAR_POSITIONAL:
                    raise OptionError(f"{function.__name__}.__init__ takes *args or **kwargs; give every option a name")
                found |= {key: option for key, option in _read(base).items() if key not in found}
            continue
        found[name] = Option(name, hints.get(name, Any), parameter.default, helps.get(name, ""))
    return types.MappingProxyType(found)


def _base_with_options(cls: type) -> type | None:
    """The class that ``super().__init__(**shared)`` reaches, if its constructor takes options."""
    owners = [each for each in cls.__mro__ if "__init__" in vars(each)]
    base = owners[1] if len(owners) > 1 else object
    constructor = vars(base)["__init__"]
    takes = inspect.signature(constructor).parameters if inspect.isfunction(constructor) else {}
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [name for name, parameter in takes.items() if name != "self" and parameter.kind not in kinds]
    return base if named else None


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
    typed = _typed(option.annotation)
    near = difflib.get_close_matches(text, [word for word in choices(typed) if isinstance(word, str)], n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise OptionError(f"option '{option.flag}' must be {allowed(typed)}; got '{text}'{hint}")


def choices(annotation: Any) -> tuple[Any, ...]:
    """Return the values that a type lists one by one, however deep in it."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(value for part in get_args(annotation) for value in choices(part))


def limits(annotation: Any) -> str:
    """Say in words the ranges of the numbers a type allows; empty where there is none."""
    if isinstance(annotation, Range):
        return str(annotation)
    return " or ".join(dict.fromkeys(filter(None, map(limits, get_args(annotation)))))


def _typed(annotation: Any) -> Any:
    """What is left of a type on the command line, where neither None nor an object can be typed."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    parts = [part for part in get_args(annotation) if not inspect.isclass(part) or part in (int, float, bool, str)]
    parts = [part for part in parts if part is not type(None)]
    return Union[tuple(parts)] if parts else annotation  # noqa: UP007


def allowed(annotation: Any) -> str:
    """Say in words which values a type allows."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        ranges = " and ".join(str(extra) for extra in args[1:] if isinstance(extra, Range | _Colon))
        return f"{allowed(args[0])} {ranges}".strip()
    if origin is Literal:
        return "one of " + ", ".join(repr(value) for value in args)
    if origin in (Union, types.UnionType):
        return " or ".join(allowed(part) for part in args)
    if origin in (tuple, list, Sequence):
        inner = args[0] if args else Any
        fixed = f"{len(args)} values" if origin is tuple and Ellipsis not in args else "a list of values"
        return f"{fixed}, each {allowed(inner)}"
    if origin is Callable:
        return "a function"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a word", type(None): "none"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _kinds(annotation: Any) -> list[Any]:
    """Every type that a type is made of; of a tuple only that it is one."""
    if get_origin(annotation) is tuple:
        return [tuple]
    return [annotation, *(kind for part in get_args(annotation) for kind in _kinds(part))]


def _is_object(kind: Any) -> bool:
    """Whether a type is neither plain nor made of plain ones: a function's, or a class of an object."""
    plain = (int, float, bool, str, tuple, list, type(None))
    return get_origin(kind) is Callable or (inspect.isclass(kind) and not issubclass(kind, plain))


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
        named = all(value in extra for extra in args[1:] if isinstance(extra, _Colon))
        return fits and named and (not numbers or all(value in r for r in args[1:] if isinstance(r, Range))), value
    if origin is Literal:
        return any(type(value) is type(a) and value == a for a in args), value
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
    if Ellipsis not in args and len(value) != len(args):
        return False, value
    parts = [_fit(args[0], part) for part in value]
    return all(fits for fits, _ in parts), tuple(part for _, part in parts)


def _fit_scalar(annotation: Any, value: Any) -> tuple[bool, Any]:
    if annotation is float:
        return _fit_float(value)
    if annotation is int:
        try:
            return not isinstance(value, bool), operator.index(value)
        except TypeError:  # also what an array or a tensor says that is no single whole number
            return False, value
    if annotation is bool:
        return isinstance(value, bool), value
    if annotation is type(None) or annotation is None:
        return value is None, value
    return inspect.isclass(annotation) and isinstance(value, annotation), value


def _fit_float(value: Any) -> tuple[bool, Any]:
    """Whether the value is one finite real number, of Python or NumPy."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number and not (getattr(value, "shape", None) == () and getattr(value.dtype, "kind", "") in tuple("iuf")):
        return False, value
    try:
        converted = float(value)
    except OverflowError:
        return False, value
    return math.isfinite(converted), converted


def _readings(annotation: Any, text: str) -> list[Any]:
    """What the typed text may mean, most specific first."""
    readings: list[Any] = []
    if text.lower() in ("none", "null"):
        readings.append(None)
    if text.lower() in ("true", "yes", "on", "false", "no", "off"):
        readings.append(text.lower() in ("true", "yes", "on"))
    if not text.strip():
        return [text]  # nothing was said: never an empty list
    parts = [part.strip() for part in text.strip("()[]").split(",") if part.strip()]
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            readings.append(kind(text))
        with contextlib.suppress(ValueError):
            readings.append(tuple(kind(part) for part in parts))
    words = [text, tuple(parts)] if str in get_args(annotation) else [tuple(parts), text]
    return readings + words


@lru_cache(maxsize=256)
def _helps(function: Callable[..., Any]) -> dict[str, str]:
    """Help of each option from the NumPy-style docstrings of the class and its constructor."""
    texts: list[str | None] = [inspect.getdoc(function)]
    if inspect.isclass(function):  # the nearest class's words win
        texts = []
        for each in function.__mro__:
            texts += [each.__doc__, getattr(vars(each).get("__init__"), "__doc__", None)]
    helps: dict[str, str] = {}
    for text in texts:
        for parameter in docstring_parser.numpydoc.parse(inspect.cleandoc(text or "")).params:
            for name in parameter.arg_name.split(","):
                helps.setdefault(name.strip(), " ".join((parameter.description or "").split()))
    return helps


def summary(function: Any) -> str:
    """First line of a docstring, without the full stop."""
    return (inspect.getdoc(function) or "").strip().split("\n")[0].rstrip(".")


def checked(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a function's own options, each brought to its type and within its range.

    Raises
    ------
    OptionError
        If one is not.
    """
    known = options_of(function)
    return {name: check(known[name], value) for name, value in given.items()}
