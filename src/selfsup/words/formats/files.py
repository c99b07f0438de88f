"""Reading and writing word vectors: which format a file or a folder has, whichever there are."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from selfsup.errors import DataError, OptionError, RunError
from selfsup.words.formats import REGISTERED, find
from selfsup.words.formats.io import PACKED, FileFormat, Table, Wanted, blocks_of, packing
from selfsup.words.search import spellings

log = logging.getLogger("selfsup")
BRIEF, LINES, HEAD = (
    1 << 12,
    1 << 16,
    1 << 24,
)  # bytes that tell most formats, and in which the first lines end mostly, and always
ROWS = 1 << 16  # looked at at once
NAMED = 3  # words that an error names
PICKLE = (
    "is a pickle, perhaps gensim's: it could run code and is never opened. Where gensim is installed, KeyedVectors.load(FILE) "
    "(or Word2Vec.load(FILE).wv) has save_word2vec_format('vectors.bin', binary=True), which makes a file to load here"
)
FOREIGN = {  # first bytes of files that are something else -> what to do
    b"PK\x03\x04": "is a zip archive; unpack it and load the file in it",
    b"\x93NUMPY": "holds an array without its words; WordVectors(words, numpy.load(FILE)) takes both",
    b"ARROW1": "is a table; WordVectors.from_pandas takes a frame of one",
    b"PAR1": "is a table; WordVectors.from_pandas takes a frame of one",
    b"BZh": "is packed with bzip2, which is not read; unpack it, or pack it with gzip",
    b"\xfd7zXZ": "is packed with xz, which is not read; unpack it, or pack it with gzip",
    **{bytes([0x80, protocol]): PICKLE for protocol in range(2, 6)},
}


def read(
    path: Path,
    format: str | None = None,
    *,
    limit: int | None = None,
    among: Iterable[str] | None = None,
    allow_partial: bool = False,
    verify: bool | str = True,
) -> Table:
    """Read word vectors from a folder or a file, in the format that its content has; see `WordVectors.load`."""
    wanted = Wanted(_limit(limit), _among(among), allow_partial, verify)
    head = b"" if os.path.isdir(path) else _head(path, partial=allow_partial)
    asked = _recognised(path, head) if format is None else find(format)
    _check_kind(path, asked, format)
    table = asked.read(path, head, wanted)
    if not len(table.words):
        raise DataError(f"{path} holds no words" if wanted.among is None else _none(path, asked, head, wanted))
    return _chosen(path, table, wanted)


def _limit(limit: int | None) -> int | None:
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | np.integer) or limit < 1):
        raise OptionError(f"limit must be a whole number of 1 or more, or None for all words; got {limit!r}")
    return None if limit is None else int(limit)


def _among(among: Iterable[str] | None) -> frozenset[str] | None:
    if among is None:
        return None
    words = None if isinstance(among, str) else frozenset(among)
    if not words or not all(isinstance(word, str) for word in words):
        raise OptionError(f"among must be a list of words, not empty, or None for all words; got {among!r}")
    return words


def _head(path: Path, *, partial: bool) -> bytes:
    """The first lines of a file; fewer where they tell a format that is opened without more reading."""
    for size in (BRIEF, LINES, HEAD):
        head = next(blocks_of(path, size, partial=partial), b"")
        if (
            len(head) < size
            or head.lstrip().count(b"\n") > 2
            or any(format.brief and format.knows(path, head) for format in map(find, REGISTERED))
        ):
            break
    if not head.strip():
        raise DataError(
            f"{path} is empty; word vectors begin with 'number-of-words dimensions', or a word and its numbers"
        )
    return head


def _recognised(path: Path, head: bytes) -> FileFormat:
    """The format that a file or a folder has by what is in it."""
    for format in map(find, REGISTERED):  # one after the other: what is not asked is not imported
        if format.folder == (not head) and format.knows(path, head):
            return format
    if not head:
        return next(format for format in map(find, REGISTERED) if format.folder)  # which says what is missing
    for magic, advice in FOREIGN.items():
        if head.startswith(magic):
            raise DataError(f"{path} {advice}")
    raise DataError(
        f"{path}, line 1: neither 'number-of-words dimensions' nor a word and its numbers; is it a file of word vectors?"
    )


def _check_kind(path: Path, asked: FileFormat, format: str | None) -> None:
    """Refuse a folder where a file is asked for, a file where a folder is, and what is packed in a format that is never."""
    if os.path.isdir(path):
        if not asked.folder:
            raise DataError(f"{path} is a folder, not a {format} file; leave the format out")
        return
    if asked.folder:
        raise RunError(f"{path} is a file, and format {format} is a folder; leave the format out")
    with path.open("rb") as file:
        kind = packing(file.read(max(map(len, PACKED))))
    if kind and not asked.packs:
        raise DataError(
            f"{path} is packed by {kind}, which only files of text and word2vec's binary ones may be; unpack it"
        )


def _chosen(path: Path, table: Table, wanted: Wanted) -> Table:
    """The part of a table that is wanted; what was asked for by name and is not there is said."""
    part = wanted.of(table)
    if wanted.among is not None:
        missing = sorted(wanted.among.difference(part.words))
        if not len(part.words):
            raise DataError(_nothing(path, missing, table.words))
        if missing:
            log.warning("%s has no vectors of %d of the %d words asked for: %s", path, len(missing), len(wanted.among),
                        _named(missing))  # fmt: skip
    return part


def _none(path: Path, asked: FileFormat, head: bytes, wanted: Wanted) -> str:
    """Why nothing came, where words were asked for: with what is spelled like them in the beginning of the file."""
    words = asked.read(path, head, wanted._replace(among=None, limit=min(wanted.limit or ROWS, ROWS))).words
    return _nothing(path, sorted(wanted.among or ()), words)


def _nothing(path: Path, missing: list[str], words: Iterable[str]) -> str:
    near = spellings(missing[0], list(words))
    advice = f"; spelled like {missing[0]!r}: {', '.join(map(repr, near))}" if near else ""
    return f"{path} has no vector of any word asked for: {_named(missing)}{advice}"


def _named(words: list[str]) -> str:
    return ", ".join(map(repr, words[:NAMED])) + (", …" if len(words) > NAMED else "")


def write(path: Path, table: Table, format: str | None = None, *, overwrite: bool = False) -> None:
    """Write word vectors to a folder or a file, whole or not at all; see `WordVectors.save`."""
    asked = for_writing(path) if format is None else find(format)
    _check_finite(table)
    if not asked.folder:
        if os.path.isdir(path):
            raise RunError(f"{path} is a folder and will not be overwritten by a file; choose another path")
        if os.path.exists(path) and not overwrite:
            raise RunError(f"{path} exists; choose another path, or overwrite it (overwrite=True)")
        if not asked.packs and path.suffix in (".gz", ".zst"):
            raise OptionError(f"files of format {format or path.suffixes[-2]} are not packed; leave {path.suffix} out")
    asked.write(path, table, overwrite=overwrite)


def _check_finite(table: Table) -> None:
    for first in range(0, len(table.words), ROWS):
        finite = np.isfinite(table.numbers(first, first + ROWS)).all(1)
        if not finite.all():
            word = table.words[first + int(np.argmin(finite))]
            raise DataError(
                f"the vector of {word!r} is not finite; train again with a lower rate, or leave the word out"
            )


def for_writing(path: Path) -> FileFormat:
    """The format that a suffix has; an error that names all of them where it has none."""
    suffix = Path(path.name.removesuffix(".gz").removesuffix(".zst")).suffix.lower()
    packed = path.suffix in (".gz", ".zst")
    for name in REGISTERED:
        if suffix in (format := find(name)).suffixes and not (packed and format.folder):
            return format
    raise OptionError(f"cannot tell the format of {path.name} by its suffix; give format: {', '.join(REGISTERED)}")
