"""Files of word vectors. To add a format: its file, and one line here, before those that take what it takes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from selfsup.errors import OptionError, unknown
from selfsup.system import imports

if TYPE_CHECKING:
    from selfsup.words.formats.io import FileFormat

REGISTERED = {  # by name, in the order in which they are asked whether a file is theirs
    "text": "selfsup.words.formats.text:TextFormat",
    "binary": "selfsup.words.formats.binary:BinaryFormat",
}
FOLDER = "folder"  # of ours, which holds everything (`selfsup.words.formats.folder`)


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
        raise OptionError(unknown("format", format, [*REGISTERED, FOLDER]) + " (one of your own: 'FILE.py:Format')")
    module, _, name = REGISTERED[format].partition(":")
    return cast("FileFormat", getattr(importlib.import_module(module), name)())
