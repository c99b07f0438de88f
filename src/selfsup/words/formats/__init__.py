"""Formats of word vectors. To add one: its file, and one line here, before those that take what it takes."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, cast

from selfsup.errors import OptionError, unknown
from selfsup.system import imports

if TYPE_CHECKING:
    from selfsup.words.formats.io import FileFormat

REGISTERED = {  # by name, in the order in which they are asked whether a file or a folder is theirs
    "safetensors": "selfsup.words.formats.safetensors:OwnFormat",
    "folder": "selfsup.words.formats.folder:FolderFormat",
    "static": "selfsup.words.formats.static:StaticFormat",
    "npz": "selfsup.words.formats.npz:NpzFormat",
    "fasttext": "selfsup.words.formats.fasttext:FastTextFormat",
    "text": "selfsup.words.formats.text:TextFormat",
    "binary": "selfsup.words.formats.binary:BinaryFormat",
}


def find(format: str) -> FileFormat:
    """The format of a name, or a user's own by its import path, ``"FILE.py:Format"``.

    Raises
    ------
    OptionError
        If there is none, with the nearest; or the path does not import.
    """
    if imports.is_path(format):
        made = imports.find(format, "format")
        return cast("FileFormat", made() if isinstance(made, type) else made)
    if format not in REGISTERED:
        raise OptionError(unknown("format", format, REGISTERED) + " (one of your own: 'FILE.py:Format')")
    module, _, name = REGISTERED[format].partition(":")
    return cast("FileFormat", getattr(importlib.import_module(module), name)())


def kernels() -> ModuleType:
    """The compiled code of text, whose loading takes a while, and compiling it once a few seconds."""
    return importlib.import_module("selfsup.words.formats.parser")
