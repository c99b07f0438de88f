"""Real text on every machine: documentation strings and comments of the installed Python packages and the standard library.

What is notable: a Python lexer of four alternatives in one regular expression finds them, in files that do not parse too,
three times as fast as `ast` and six times as fast as `tokenize` (`benchmarks/corpus_speed.py --docstrings`). A string is
documentation if a line begins with it and it has three quotation marks. Lines that were only wrapped are put together: a
paragraph is a sentence. A paragraph that was there before (a licence, a copied package) is left out.
"""

from __future__ import annotations

import os
import re
import site
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from selfsup.data.text.blocks import SIZE, Block, of_bytes

LARGEST = 1 << 20  # bytes of a source; larger ones are generated tables
ENOUGH = (
    100 << 20
)  # bytes of sources, about five million words; where there is more, every second or third file is read
LEFT_OUT = {"test", "tests", "testing", "idlelib", "__pycache__", "node_modules", "site-packages", "dist-packages"}
_DOUBLE = r"(?:[^\"\\]++|\\.|\"(?!\"\"))*+"
_SINGLE = r"(?:[^'\\]++|\\.|'(?!''))*+"
_LEXER = re.compile(
    rf"^[ \t]*[rRuU]?(?:\"\"\"(?P<double>{_DOUBLE})\"\"\"|'''(?P<single>{_SINGLE})''')"
    r"|^[ \t]*(?P<comments>\#[^\n]*(?:\n[ \t]*\#[^\n]*)*)"
    rf"|\"\"\"{_DOUBLE}\"\"\"|'''{_SINGLE}'''"
    r"|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'"
    r"|\#(?P<comment>[^\n]*)",
    re.MULTILINE | re.DOTALL,
)
_SPACED = re.compile(r"[ \t]*\n[ \t]*")
_MARKS = re.compile(r"^[ \t]*#*[:!]?", re.MULTILINE)


def roots() -> list[Path]:
    """The folders of the standard library and of the installed packages, each once."""
    named = [sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    if os.environ.get("PYTHONNOUSERSITE") is None and site.ENABLE_USER_SITE:
        named.append(site.getusersitepackages())
    return [path for path in dict.fromkeys(Path(name).resolve() for name in named if name) if path.is_dir()]


def files(folders: list[Path]) -> list[Path]:
    """Python sources below some folders, in a fixed order; no tests, none above a megabyte, and `ENOUGH` at most."""
    found: dict[Path, None] = {}
    for top in folders:
        for folder, inner, names in os.walk(top):
            inner[:] = sorted(name for name in inner if name not in LEFT_OUT and not name.startswith("."))
            here = Path(folder)
            if here != top and here in folders:
                inner.clear()  # it comes by itself
                continue
            for name in sorted(names):
                path = here / name
                if name.endswith(".py") and not name.startswith("test_") and path.is_file():
                    found[path] = None
    sized = [(path, path.stat().st_size) for path in found]
    sized = [(path, size) for path, size in sized if size <= LARGEST]
    step = -(-sum(size for _, size in sized) // ENOUGH) or 1
    return [path for path, _ in sized[::step]]


def paragraphs(source: str) -> Iterator[str]:
    """The documentation and comments of one Python source, every paragraph as one line."""
    for found in _LEXER.finditer(source):
        kind = found.lastgroup
        if kind is None:
            continue
        piece = found.group(kind) if kind in ("double", "single") else _MARKS.sub("", found.group(kind))
        for part in re.split(r"\n{2,}", _SPACED.sub("\n", piece).strip()):
            yield part.replace("\n", " ")


def blocks(paths: list[Path], size: int = SIZE) -> Iterator[Block]:
    """Blocks of many sources, each a document; those that are not UTF-8 are left out, and so is what was there before."""
    held: list[str] = []
    length = done = 0
    seen: set[int] = set()
    for path in paths:
        try:
            source = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        done += len(source)
        for paragraph in paragraphs(source):
            known = hash(paragraph)
            if known not in seen:
                seen.add(known)
                held.append(paragraph)
                length += len(paragraph)
        if length >= size:
            yield _block(held, f"the documentation in {path} or before", done)
            held, length = [], 0
    if held:
        yield _block(held, "the documentation of the last packages", done)


def _block(held: list[str], place: str, done: int) -> Block:
    content = "\n".join(held).replace("\x00", " ").encode(errors="replace")
    return of_bytes(content, lambda byte: place, done=done)
