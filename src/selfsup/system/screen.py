"""Text on its way to people: names of files and words of tables come from anywhere, and a terminal obeys some characters."""

from __future__ import annotations

import shlex
import unicodedata
from pathlib import Path


def printable(text: str, *, lines: bool = False) -> str:
    r"""Text in which what is no letter, sign or space stands as its code: ``\x1b``, ``\n``, ``\udce9``.

    Parameters
    ----------
    lines
        Whether line ends and tabs stay, as in a text of our own; in a name they do not.
    """
    if text.isprintable():
        return text
    return "".join(letter if _is_shown(letter, lines) else letter.encode("unicode_escape").decode() for letter in text)


def _is_shown(letter: str, lines: bool) -> bool:
    return letter.isprintable() or unicodedata.category(letter) == "Zs" or (lines and letter in "\n\t")


def unicode(name: str) -> str:
    """The name of a file for a file in UTF-8: bytes of another encoding, which are no Unicode, stand as their codes."""
    return name.encode(errors="backslashreplace").decode()


def pasted(path: str | Path) -> str:
    """A path as it can be pasted into a command: quoted, and never taken for an option."""
    words = str(path)
    return shlex.quote(f"./{words}" if words.startswith("-") else words)
