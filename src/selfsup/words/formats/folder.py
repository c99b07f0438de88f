"""Files of word vectors: which format a file has, and the folder of ours.

What a folder holds: ``vectors.safetensors`` with ``vectors`` (n, D) float32, and ``vocabulary.jsonl`` with one
``["word", count]`` a line in the order of the rows (count is null where nobody knows it); where the words were learnt with their
n-grams, also ``ngrams.safetensors`` (`selfsup.words.ngrams`).
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from selfsup import store
from selfsup.errors import DataError, OptionError, RunError, unknown
from selfsup.store.arrays import mapped, write_arrays
from selfsup.words.formats.binary import binary_blocks, read_binary
from selfsup.words.formats.io import HEADER, Part, Table, blocks_of, check_words, write_blocks
from selfsup.words.formats.text import NUMBER, read_text, text_blocks
from selfsup.words.ngrams import NGRAMS, NgramVectors

__all__ = ["VECTORS", "VOCABULARY", "Format", "Table", "holds_vectors", "read", "write", "write_folder"]

log = logging.getLogger("selfsup")
Format = Literal["folder", "text", "binary"]
VECTORS, VOCABULARY = "vectors.safetensors", "vocabulary.jsonl"
SUFFIXES: dict[str, Format] = {"": "folder", ".bin": "binary", ".txt": "text", ".vec": "text"}
HEAD = 1 << 24  # bytes in which the first lines end
LINES = 1 << 16  # of the vocabulary, written at once
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


def read(path: Path, format: Format | None = None) -> Table:
    """Read word vectors from a folder or a file, in the format that its content has; see `WordVectors.load`."""
    _check_format(format)
    if path.is_dir():
        if format not in (None, "folder"):
            raise DataError(f"{path} is a folder, not a {format} file; leave the format out")
        return _read_folder(path)
    if format == "folder":
        raise RunError(f"there is no folder {path}")
    if path.suffix == ".safetensors":
        raise DataError(f"{path} has no words in it; give its folder, which also holds {VOCABULARY}")
    head = next(blocks_of(path, HEAD), b"")
    if not head.strip():
        raise DataError(
            f"{path} is empty; word vectors begin with 'number-of-words dimensions', or a word and its numbers"
        )
    for magic, advice in FOREIGN.items():
        if head.startswith(magic):
            raise DataError(f"{path} {advice}")
    text = (format or _kind(path, head)) == "text"
    table = _unique(path, read_text(path, head) if text else read_binary(path))
    if not table.words:
        raise DataError(f"{path} holds no words")
    return table


def _check_format(format: str | None) -> None:
    if format is not None and format not in get_args(Format):
        raise OptionError(unknown("format", format, get_args(Format)))


def _kind(path: Path, head: bytes) -> Format:
    """Text if the first line, or the one after a header, ends with numbers; binary if there is a header and it does not."""
    header = HEADER.match(head)
    fields = (head[header.end() :] if header else head.lstrip()).split(b"\n", 1)[0].split()
    if len(fields) > 1 and all(NUMBER.fullmatch(field) for field in fields[-(int(header[2]) if header else 1) :]):
        return "text"
    if header is None:
        raise DataError(
            f"{path}, line 1: neither 'number-of-words dimensions' nor a word and its numbers; is it a file of word vectors?"
        )
    return "text" if int(header[1]) == 0 or len(head) == header.end() else "binary"


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


def holds_vectors(folder: Path) -> bool:
    """Whether a folder, of a run too, holds word vectors."""
    return (folder / VECTORS).is_file() and (folder / VOCABULARY).is_file()


def _read_folder(folder: Path) -> Table:
    """Words and counts, and the vectors as a memory map."""
    for name in (VECTORS, VOCABULARY):
        if not (folder / name).is_file():
            raise RunError(f"{folder} holds no word vectors: {name} is missing")
    vectors = _mapped(folder)
    words, counts = _vocabulary(folder)
    if len(words) != len(vectors):
        raise RunError(f"{folder} is damaged: {VOCABULARY} has {len(words)} words, {VECTORS} {len(vectors)} vectors")
    return Table(words, vectors, counts, NgramVectors.read(folder, vectors.shape[1]))


def _mapped(folder: Path) -> np.ndarray:
    """Vectors (n, D) that stay on disk until they are used."""
    return mapped(folder / VECTORS, {"vectors": ("F32", 2)})[0]["vectors"]


def _vocabulary(folder: Path) -> tuple[list[str], np.ndarray | None]:
    """Words and counts (n,), or None where they are null."""
    path = folder / VOCABULARY
    lines = store.read_bytes(folder, VOCABULARY).split(b"\n")
    if lines.pop() or not lines:
        raise RunError(f"{path} is truncated: its last line does not end")
    try:
        columns = _columns(json.loads(b"[" + b",".join(lines) + b"]"))
    except (ValueError, RecursionError):  # not UTF-8, not JSON, a number of thousands of digits, thousands of brackets
        columns = None
    if columns is None or len(columns[0]) != len(lines):
        bad = next((number for number, line in enumerate(lines, 1) if not _is_line(line)), len(lines))
        raise RunError(f'{path}, line {bad}: ["word", count] expected; got {lines[bad - 1][:60]!r}')
    words, counts = columns
    if None not in counts:
        return words, np.array(counts, np.int64)
    if counts.count(None) < len(counts):
        raise RunError(f"{path}: either all words have a count or all have null")
    return words, None


def _columns(entries: list[Any]) -> tuple[list[str], list[int | None]] | None:
    """Words and counts; None if an entry is anything else."""
    if set(map(type, entries)) != {list} or set(map(len, entries)) != {2}:
        return None
    words, counts = [entry[0] for entry in entries], [entry[1] for entry in entries]
    if set(map(type, words)) != {str} or not set(map(type, counts)) <= {int, type(None)}:
        return None
    if not all(0 <= count < 1 << 63 for count in counts if count is not None):
        return None
    return words, counts


def _is_line(line: bytes) -> bool:
    try:
        return _columns([json.loads(line)]) is not None
    except (ValueError, RecursionError):
        return False


def write(path: Path, table: Table, format: Format | None = None, *, overwrite: bool = False) -> None:
    """Write word vectors to a folder or a file, whole or not at all; see `WordVectors.save`."""
    _check_format(format)
    suffix = Path(path.name.removesuffix(".gz")).suffix if path.name.endswith(".gz") else path.suffix
    kind = format or SUFFIXES.get(suffix.lower())
    if kind is None or (kind == "folder" and path.name.endswith(".gz")):
        raise OptionError(
            f"cannot tell the format of {path.name} by its suffix; give format: {', '.join(get_args(Format))}"
        )
    finite = np.array([np.isfinite(table.vectors[at : at + LINES]).all() for at in range(0, len(table.vectors), LINES)])
    if not finite.all():
        at = int(np.argmin(finite)) * LINES
        row = at + int(np.argmin(np.isfinite(table.vectors[at : at + LINES]).all(1)))
        raise DataError(
            f"the vector of {table.words[row]!r} is not finite; train again with a lower rate, or leave the word out"
        )
    _check_free(path, kind, overwrite=overwrite)
    if kind == "folder":
        folder = store.partial(path)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            write_folder(folder, table)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        store.complete(path)
    else:
        write_blocks(path, text_blocks(table) if kind == "text" else binary_blocks(table))


def _check_free(path: Path, kind: Format, *, overwrite: bool) -> None:
    """Replace only what is meant: a file by a file, a folder of word vectors and nothing else by such a folder."""
    if not path.exists():
        return
    if not overwrite:
        raise RunError(f"{path} exists; choose another path, or overwrite it (overwrite=True)")
    if kind != "folder" and path.is_dir():
        raise RunError(f"{path} is a folder and will not be overwritten by a file; choose another path")
    if kind == "folder" and not (
        path.is_dir() and {file.name for file in path.iterdir()} <= {VECTORS, VOCABULARY, NGRAMS}
    ):
        raise RunError(f"{path} is not a folder of word vectors only and will not be overwritten; choose another path")


def write_folder(folder: Path, table: Table) -> None:
    """Write the two or three files into a folder, such as that of a run; each whole or not at all."""
    check_words((word for word in table.words if word), "", "it has a lone surrogate")
    write_arrays(folder / VECTORS, {"vectors": np.asarray(table.vectors, "<f4")})
    write_blocks(folder / VOCABULARY, _vocabulary_blocks(table))
    if table.ngrams is not None:
        table.ngrams.write(folder)


def _vocabulary_blocks(table: Table) -> Iterator[bytes]:
    quoted = json.JSONEncoder(ensure_ascii=False).encode
    for first in range(0, len(table.words), LINES):
        words = table.words[first : first + LINES]
        counts = ["null"] * len(words) if table.counts is None else table.counts[first : first + LINES].tolist()
        yield "".join(f"[{quoted(word)}, {count}]\n" for word, count in zip(words, counts, strict=True)).encode()
