"""The methods: one file each, its name is the word on the command line. To add one: its file, and one line here.

The package can be called: ``selfsup.methods()`` lists the methods, though ``selfsup.methods`` is also the folder that
holds them (a module may have a class of its own; see "Customizing module attribute access" in Python's data model).
"""

from __future__ import annotations

import importlib
import sys
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfsup.errors import OptionError, unknown

if TYPE_CHECKING:
    from selfsup.method import Method

REGISTERED = {
    "cbow": "selfsup.methods.cbow:Cbow",
    "contractive": "selfsup.methods.contractive:Contractive",
    "denoising": "selfsup.methods.denoising:Denoising",
    "linear": "selfsup.methods.linear:Linear",
    "rotation": "selfsup.methods.rotation:Rotation",
    "skipgram": "selfsup.methods.skipgram:Skipgram",
    "sparse": "selfsup.methods.sparse:Sparse",
    "undercomplete": "selfsup.methods.undercomplete:Undercomplete",
    "variational": "selfsup.methods.variational:Variational",
}


@dataclass(frozen=True)
class MethodInfo:
    """One line about a method."""

    name: str
    summary: str
    kinds: tuple[str, ...]
    solver: str

    def __str__(self) -> str:
        return f"{self.name:<14} {self.summary} [{', '.join(self.kinds)}]"


def find(method: str | type[Method]) -> tuple[str, type[Method]]:
    """Name and class of a method: a registered word, an import path ``"mymodule:MyMethod"``, or the class itself.

    Raises
    ------
    OptionError
        If there is no such method (with the nearest known one), the path does not import, or it names no `Method`.
    """
    from selfsup.method import Method

    if isinstance(method, type):
        if not issubclass(method, Method):
            raise OptionError(f"{method.__name__} is not a subclass of selfsup.Method")
        known = {path: name for name, path in REGISTERED.items()}
        path = f"{method.__module__}:{method.__qualname__}"
        return known.get(path, path), method
    path = REGISTERED.get(method, method)
    module, colon, name = path.partition(":")
    if not colon:
        raise OptionError(unknown("method", method, REGISTERED) + " (a method of your own: 'mymodule:MyMethod')")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError, SyntaxError) as error:
        raise OptionError(f"cannot import the method '{method}': {error}") from error
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise OptionError(f"'{method}' is not a subclass of selfsup.Method")
    return method, found


def listing() -> list[MethodInfo]:
    """Every registered method, by name."""
    from selfsup.options import summary

    classes = {name: find(name)[1] for name in sorted(REGISTERED)}
    return [MethodInfo(name, summary(cls), cls.kinds, cls.solver) for name, cls in classes.items()]


class _CallableModule(types.ModuleType):
    def __call__(self) -> list[MethodInfo]:
        """Every registered method, one line each."""
        return listing()


sys.modules[__name__].__class__ = _CallableModule
