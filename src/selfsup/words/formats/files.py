"""Reading and writing word vectors: which format a file has, whichever there are."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np

from selfsup import store
from selfsup.data.text.vocabulary import VOCABULARY
from selfsup.errors import DataError, OptionError, RunError
from selfsup.system.files import write_blocks
from selfsup.words.formats import FOLDER, REGISTERED, find
from selfsup.words.formats.folder import ABOUT, OURS, read_folder, write_folder
from selfsup.words.formats.io import FileFormat, Part, Table, blocks_of

log = logging.getLogger("selfsup")
HEAD = 1 << 24  # bytes in which the first lines end
ROWS = 1 << 16  # looked at at once
PICKLE = (
    "is a pickle, perhaps gensim's: it could run code and is never opened. Where gensim is installed, KeyedVectors.load(FILE) "
    "(or Word2Vec.load(FILE).wv) has save_word2vec_format('vectors.bin', binary=True), which makes a file to load here"
)
FOREIGN = {  # first bytes of files that are something else -> what to do
    b"\xba\x16\x4f\x2f": "is a fastText model; load the .vec file beside it",
    b"PK\x03\x04": "is a zip archive; unpack it and load the file in it",
    b"\x93NUMPY": "holds an array without its words; WordVectors(words, numpy.load(FILE)) takes both",
    **{bytes([0x80, protocol]): PICKLE for protocol in range(2, 6)},
}


def read(path: Path, format: str | None = None, *, verify: bool = True) -> Table:
    """Read word vectors from a folder or a file, in the format that its content has; see `WordVectors.load`."""
    asked = None if format in (None, FOLDER) else find(str(format))
    if os.path.isdir(path):
        if asked is not None:
            raise DataError(f"{path} is a folder, not a {format} file; leave the format out")
        return read_folder(path, verify=verify)
    if format == FOLDER:
        raise RunError(f"there is no folder {path}")
    if path.suffix == ".safetensors":
        raise DataError(f"{path} has no words in it; give its folder, which also holds {VOCABULARY}")
    head = next(blocks_of(path, HEAD), b"")
    if not head.strip():
        raise DataError(
            f"{path} is empty; word vectors begin with 'number-of-words dimensions', or a word and its numbers"
        )
    if asked is None:
        asked = _recognised(path, head)
    table = _unique(path, asked.read(path, head))
    if not table.words:
        raise DataError(f"{path} holds no words")
    return table


def _recognised(path: Path, head: bytes) -> FileFormat:
    """The format that a file has by its first bytes."""
    for magic, advice in FOREIGN.items():
        if head.startswith(magic):
            raise DataError(f"{path} {advice}")
    for name in REGISTERED:
        if (format := find(name)).knows(head):
            return format
    raise DataError(
        f"{path}, line 1: neither 'number-of-words dimensions' nor a word and its numbers; is it a file of word vectors?"
    )


def _unique(path: Path, part: Part) -> Table:
    """Keep the first vector of a word that occurs twice, and say what was mended."""
    if part.damaged:
        log.warning("%s: %d words were not UTF-8; their bad bytes became U+FFFD", path, part.damaged)
    if len(set(part.words)) == len(part.words):
        return Table(part.words, part.vectors)
    first: dict[str, int] = {}
    for row, word in enumerate(part.words):
        first.setdefault(word, row)
    twice = next(word for row, word in enumerate(part.words) if first[word] != row)
    log.warning(
        "%s: %d rows repeat a word (%r is the first); the first vector of each is kept",
        path, len(part.words) - len(first), twice,
    )  # fmt: skip
    return Table(list(first), part.vectors[list(first.values())])


def write(path: Path, table: Table, format: str | None = None, *, overwrite: bool = False) -> None:
    """Write word vectors to a folder or a file, whole or not at all; see `WordVectors.save`."""
    asked = _for_writing(path, format)
    finite = np.array([np.isfinite(table.vectors[at : at + ROWS]).all() for at in range(0, len(table.vectors), ROWS)])
    if not finite.all():
        at = int(np.argmin(finite)) * ROWS
        row = at + int(np.argmin(np.isfinite(table.vectors[at : at + ROWS]).all(1)))
        raise DataError(
            f"the vector of {table.words[row]!r} is not finite; train again with a lower rate, or leave the word out"
        )
    _check_free(path, folder=asked is None, overwrite=overwrite)
    if asked is not None:
        write_blocks(path, asked.blocks(table))
        return
    with store.claim(path, overwrite=overwrite) as folder:
        write_folder(folder, table)
        store.seal(folder, ABOUT)


def _for_writing(path: Path, format: str | None) -> FileFormat | None:
    """The format that is asked for, or that a suffix has; None is the folder."""
    if format is not None:
        return None if format == FOLDER else find(format)
    packed = path.name.endswith(".gz")
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    if not suffix and not packed:
        return None
    for name in REGISTERED:
        if suffix in (format_ := find(name)).suffixes:
            return format_
    names = ", ".join([FOLDER, *REGISTERED])
    raise OptionError(f"cannot tell the format of {path.name} by its suffix; give format: {names}")


def _check_free(path: Path, *, folder: bool, overwrite: bool) -> None:
    """Replace only what is meant: a file by a file, a folder of word vectors and nothing else by such a folder."""
    if not os.path.exists(path):
        return
    if not overwrite:
        raise RunError(f"{path} exists; choose another path, or overwrite it (overwrite=True)")
    if not folder and path.is_dir():
        raise RunError(f"{path} is a folder and will not be overwritten by a file; choose another path")
    if folder:
        if alone := path.is_dir() and _alone(path):
            store.tidy(path)
        if not (alone and {file.name for file in path.iterdir()} <= {*OURS, store.CONFIG}):
            raise RunError(
                f"{path} is not a folder of word vectors only and will not be overwritten; choose another path"
            )


def _alone(folder: Path) -> bool:
    """Whether a folder is sealed as one of word vectors alone."""
    try:
        with store.sealed(folder, ()) as about:
            return about == ABOUT
    except RunError:
        return False
