"""The methods: one file each, its name is the word on the command line. To add one: its file, and one line here.

The package can be called: ``selfsup.methods()`` lists the methods, though ``selfsup.methods`` is also the folder that
holds them (a module may have a class of its own; see "Customizing module attribute access" in Python's data model).
"""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from selfsup.errors import OptionError, unknown
from selfsup.system import imports

if TYPE_CHECKING:
    from selfsup.method import Method

REGISTERED = {
    "barlow": "selfsup.methods.barlow:Barlow",
    "byol": "selfsup.methods.byol:Byol",
    "cbow": "selfsup.methods.cbow:Cbow",
    "classifier": "selfsup.methods.classifier:Classifier",
    "colorization": "selfsup.methods.colorization:Colorization",
    "contractive": "selfsup.methods.contractive:Contractive",
    "denoising": "selfsup.methods.denoising:Denoising",
    "dino": "selfsup.methods.dino:Dino",
    "emp": "selfsup.methods.emp:Emp",
    "jepa": "selfsup.methods.jepa:Jepa",
    "jigsaw": "selfsup.methods.jigsaw:Jigsaw",
    "lejepa": "selfsup.methods.lejepa:Lejepa",
    "linear": "selfsup.methods.linear:Linear",
    "mae": "selfsup.methods.mae:Mae",
    "position": "selfsup.methods.position:Position",
    "rotation": "selfsup.methods.rotation:Rotation",
    "scarf": "selfsup.methods.scarf:Scarf",
    "simclr": "selfsup.methods.simclr:Simclr",
    "simsiam": "selfsup.methods.simsiam:Simsiam",
    "skipgram": "selfsup.methods.skipgram:Skipgram",
    "spans": "selfsup.methods.spans:Spans",
    "sparse": "selfsup.methods.sparse:Sparse",
    "undercomplete": "selfsup.methods.undercomplete:Undercomplete",
    "variational": "selfsup.methods.variational:Variational",
    "vicreg": "selfsup.methods.vicreg:Vicreg",
    "vime": "selfsup.methods.vime:Vime",
}
KINDS = ("image", "table", "text")  # of data
TEXT = "skipgram"  # what `default` chooses for text
DEFAULTS = ("denoising", "rotation")  # what it can choose for other data
FEW = 1_000  # photos: from fewer a small net learns
MET, MOST = 8_400, 100  # photos that it meets in all its epochs, and epochs: a minute or two at 96 pixels (docs/log.md)


@dataclass(frozen=True)
class MethodInfo:
    """One line about a method."""

    name: str
    summary: str
    kinds: tuple[str, ...]
    solvers: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name:<14} {self.summary} [{', '.join(self.kinds)}]"


def find(method: str | type[Method]) -> tuple[str, type[Method]]:
    """Name and class of a method: a registered word, ``"mymodule:MyMethod"``, ``"FILE.py:MyMethod"``, or the class itself.

    Raises
    ------
    OptionError
        If there is no such method (with the nearest known one), the path does not import, it names no `Method`, or the
        method learns from kinds of data that there are not.
    """
    from selfsup.method import Method

    found: object
    if isinstance(method, type):
        known = {path: name for name, path in REGISTERED.items()}
        path = f"{method.__module__}:{method.__qualname__}"
        name, found = known.get(path, path), method
    elif method in REGISTERED or imports.is_path(method):
        name, found = method, imports.find(REGISTERED.get(method, method), "method")
    else:
        raise OptionError(unknown("method", method, REGISTERED) + " (a method of your own: 'FILE.py:MyMethod')")
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise OptionError(f"'{name}' is not a subclass of selfsup.Method")
    kinds: Any = found.kinds
    if not kinds or isinstance(kinds, str) or not set(kinds) <= set(KINDS):
        raise OptionError(f"the kinds of method '{name}' must be a tuple of {', '.join(KINDS)}; got {kinds!r}")
    return name, found


class Default(NamedTuple):
    """The method that is taken where none is named.

    Attributes
    ----------
    name, why
        The method, and in words why it.
    options
        Of the method or of `fit`, that suit the data better than the method's own defaults.
    """

    name: str
    why: str
    options: Mapping[str, Any] = types.MappingProxyType({})


def default(form: Any, rows: int | None = None) -> Default:
    """The method for data of a form, where none is named.

    Parameters
    ----------
    form
        Of the data.
    rows
        How many there are, where the choice may depend on it.

    Raises
    ------
    OptionError
        If the kind of data is unknown.
    """
    if form.kind == "text":
        return Default(TEXT, "text is learnt word by word, from the words around")
    if form.kind == "table":
        return Default("denoising", "denoising suits vectors and tables, whatever their columns mean")
    if form.kind != "image":
        raise OptionError(unknown("kind of data", form.kind, KINDS))
    channels, *sides = form.shape
    if channels != 3 or min(sides) < 32:
        why = "small or grey images rarely have an upright worth guessing, so noise is removed instead"
        return Default("denoising", why)
    why = "colour photographs have an upright that takes understanding to see"
    if rows is None or rows >= FEW:
        return Default("rotation", why)
    few = (
        f"; {rows:,} are few, so by a small net: more photos, or a start from a trained net (option start), would help"
    )
    return Default("rotation", why + few, {"net": "conv", "epochs": min(MOST, MET // rows)})


def listing() -> list[MethodInfo]:
    """Every registered method, by name."""
    from selfsup.options import summary

    classes = {name: find(name)[1] for name in sorted(REGISTERED)}
    return [MethodInfo(name, summary(cls), cls.kinds, cls.solvers) for name, cls in classes.items()]


class _CallableModule(types.ModuleType):
    def __call__(self) -> list[MethodInfo]:
        """Every registered method, one line each."""
        return listing()


sys.modules[__name__].__class__ = _CallableModule
