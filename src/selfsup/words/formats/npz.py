"""NumPy's archives, ``.npz``: ``words`` (n,) strings and ``vectors`` (n, D), with ``counts`` and ``scale`` where there are some.

Others' names are understood: `NAMES`, or the only array of strings and the only one of numbers with two axes.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import numpy as np

from selfsup.data.arrays.archive import FLOOR, Member, members, unpacked
from selfsup.errors import DataError, RunError
from selfsup.store.arrays import bytes_of
from selfsup.system.files import cannot, whole
from selfsup.system.reading import DAMAGED, foreign
from selfsup.words.formats.io import FileFormat, Table, Wanted, unique

NAMES = {
    "words": ("words", "vocab", "vocabulary", "tokens", "index_to_key", "keys", "arr_0"),
    "vectors": ("vectors", "embeddings", "embedding", "matrix", "weights", "arr_1"),
}
KINDS = {"words": ("US", 1), "vectors": ("fiu", 2)}  # NumPy's letters of types, and axes
LONGEST = 1000  # characters of a word: all take the room of the longest
ROWS = 1 << 16  # words written at once
HOW = "numpy.savez(FILE, words=numpy.array(words, dtype=str), vectors=vectors) makes one to load here"


def read_npz(path: Path) -> Table:
    """Read an archive.

    Raises
    ------
    DataError
        If it is damaged, its arrays are not words and their vectors, or hold Python objects.
    """
    with foreign(str(path), DAMAGED), zipfile.ZipFile(path) as archive:
        try:
            there = members(path, archive)
        except DataError as error:
            raise DataError(f"{error}; {HOW}") from error
        if len(there) < len(archive.infolist()):
            raise DataError(f"{path} is damaged, or no archive of arrays alone; {HOW}")
        chosen = {kind: _name(path, there, kind) for kind in NAMES}
        chosen |= {kind: kind for kind in ("counts", "scale") if kind in there}
        arrays = {kind: unpacked(path, archive, there[name]) for kind, name in chosen.items()}
    words, vectors, counts, scale = arrays["words"], arrays["vectors"], arrays.get("counts"), arrays.get("scale")
    if len(words) != len(vectors):
        raise DataError(f"{path} has {len(words)} words and {len(vectors)} vectors; fetch it again, or {HOW}")
    for name, array, allowed in (("counts", counts, "iu"), ("scale", scale, "f")):
        if array is not None and (array.shape != words.shape or array.dtype.kind not in allowed):
            raise DataError(f"{path}: {name} must be {len(words)} numbers; got {array.dtype} {array.shape}")
    if (scale is not None) != (vectors.dtype == np.int8):
        raise DataError(f"{path}: int8 vectors have a scale, and others have none; got {vectors.dtype}")
    if words.dtype.kind == "U" and words.dtype.itemsize:
        codes = np.ascontiguousarray(words).view(np.dtype(np.uint32).newbyteorder(words.dtype.byteorder))
        wrong = codes[(codes > sys.maxunicode) | (codes >> 11 == 0xD800 >> 11)]  # no character, or half of one
        if len(wrong):
            raise DataError(
                f"{path} is damaged: a word has the number {int(wrong[0]):,} as a character; fetch it again"
            )
    try:
        texts = words.tolist() if words.dtype.kind == "U" else [word.decode() for word in words.tolist()]
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: a word is not UTF-8 ({error.reason}); save words as an array of str") from error
    kept = vectors.dtype in (np.float32, np.float16) or scale is not None
    with np.errstate(over="ignore"):  # what is too large for float32 is said below
        table = Table(texts, vectors if kept else vectors.astype(np.float32), counts, None, scale)
    for row in (first + int(np.argmin(fine)) for first, fine in _finite(table) if not fine.all()):
        raise DataError(f"{path}: the vector of {texts[row]!r} is not finite; leave the word out")
    return unique(path, table)


def _finite(table: Table) -> Iterator[tuple[int, np.ndarray]]:
    for first in range(0, len(table.words), ROWS):
        yield first, np.isfinite(table.numbers(first, first + ROWS)).all(1)


def _name(path: Path, there: Mapping[str, Member], kind: str) -> str:
    """The name that words or vectors have."""
    letters, axes = KINDS[kind]
    fitting = [name for name, (_, held) in there.items() if held.dtype.kind in letters and held.ndim == axes]
    named = [name for name in NAMES[kind] if name in fitting]
    if named or len(fitting) == 1:
        return (named or fitting)[0]
    held = (
        ", ".join(f"'{name}' {member.header.dtype} {member.header.shape}" for name, member in there.items())
        or "nothing"
    )
    raise DataError(f"{path} holds {held}, and it is unclear which are the {kind}; {HOW}")


def write_npz(path: Path, table: Table) -> None:
    """Write an archive, whole or not at all; the vectors as they are, the words packed.

    Raises
    ------
    DataError
        If a word cannot be held: it ends in a NUL, which NumPy drops, is very long, or has a lone surrogate.
    RunError
        If it cannot be written.
    """
    longest = 1
    for word in table.words:
        longest = max(longest, len(word))
        if word.endswith("\0") or len(word) > LONGEST or any("\ud800" <= letter <= "\udfff" for letter in word):
            raise DataError(
                f"the word {word[:40]!r} cannot be written: .npz has no room for NULs at its end, lone surrogates and more than "
                f"{LONGEST} characters; save with format='safetensors', or leave the word out"
            )
    if 4 * longest * len(table.words) > FLOOR:
        raise DataError(
            f"{len(table.words):,} words of up to {longest} characters do not fit into .npz, where all take the room of the "
            "longest; save with format='safetensors'"
        )
    kinds = {"vectors": table.vectors, "scale": table.scale, "counts": table.counts}
    try:
        with whole(path) as file, zipfile.ZipFile(file, "w") as archive:
            with archive.open(_info("words", zipfile.ZIP_DEFLATED), "w", force_zip64=True) as member:
                _head(member, f"<U{longest}", (len(table.words),))
                for first in range(0, len(table.words), ROWS):
                    member.write(bytes_of(np.array(table.words[first : first + ROWS], f"<U{longest}").view(np.uint32)))
            for name, array in kinds.items():
                if array is not None:
                    with archive.open(_info(name, zipfile.ZIP_STORED), "w", force_zip64=True) as member:
                        _head(member, array.dtype.newbyteorder("<").str, array.shape)
                        for first in range(0, len(array), ROWS):
                            member.write(bytes_of(array[first : first + ROWS]))
    except OSError as error:
        raise RunError(cannot(path, error)) from error


def _info(name: str, packing: int) -> zipfile.ZipInfo:
    """An entry, the same whenever it is written."""
    info = zipfile.ZipInfo(f"{name}.npy")
    info.compress_type = packing
    return info


def _head(file: IO[bytes], descr: str, shape: tuple[int, ...]) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": descr, "fortran_order": False, "shape": shape})
    file.write(head.getvalue())


class NpzFormat(FileFormat):
    """NumPy's archive."""

    suffixes = (".npz",)
    brief = True

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether it is a zip archive whose first file is an array."""
        length = int.from_bytes(head[26:28], "little")
        return head.startswith(b"PK\x03\x04") and head[30 : 30 + length].endswith(b".npy")

    def read(self, path: Path, head: bytes, wanted: Wanted) -> Table:
        """Read an archive."""
        return read_npz(path)

    def write(self, path: Path, table: Table, *, overwrite: bool) -> None:
        """Words, vectors, and counts and scale where there are some; no n-grams."""
        write_npz(path, table)
