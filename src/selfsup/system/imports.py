"""Functions and classes of a user's own, by the path of their import: ``module:Name`` or ``FILE.py:Name``.

Nothing here is ever called with a path that a run folder names: what is imported is run.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from selfsup.errors import OptionError, unknown

TIMM = "timm:"  # before the name of a net of timm, which is looked up in timm's list and imports nothing


def is_path(text: str) -> bool:
    """Whether a word is meant as the path of an import rather than as a name of ours."""
    return ":" in text and not text.startswith(TIMM)


def find(path: str, what: str) -> object:
    """Import what a path names.

    Parameters
    ----------
    path
        ``module:Name``, or ``FILE.py:Name`` with a file relative to the working directory, or absolute.
    what
        It is, for messages, such as ``method``.

    Raises
    ------
    OptionError
        If there is no such module, file or name in it, or it cannot be imported; with the reason.
    """
    place, _, name = path.rpartition(":")
    if not place or not name:
        raise OptionError(f"a {what} is named by module:Name or FILE.py:Name; got '{path}'")
    try:
        module = _of_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except Exception as error:  # a stranger's file may raise anything
        raise OptionError(f"cannot import the {what} '{path}': {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        own = [word for word in vars(module) if not word.startswith("_")]
        raise OptionError(f"{place} has no such {what}: {unknown('name', name, own)}")
    return getattr(module, name)


def _of_file(file: Path) -> ModuleType:
    """The module of a file: the same one each time, among the modules of Python, so that inspect finds its classes."""
    file = file.expanduser().resolve()
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    name = f"selfsup_file_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
