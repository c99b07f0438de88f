"""The folder of ours: everything that word vectors are; a run has the same files.

It holds ``vectors.safetensors`` with ``vectors`` (n, D) float32, float16 or int8 (with ``scale`` (n,) float32), and
``vocabulary.jsonl`` with one ``["word", count]`` a line in the order of the rows (count is null where nobody knows it); where the
words were learnt with their n-grams, also ``ngrams.safetensors`` (`selfsup.words.ngrams`).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from selfsup import store
from selfsup.data.text.vocabulary import VOCABULARY, read_vocabulary, vocabulary_blocks
from selfsup.errors import RunError
from selfsup.store.arrays import mapped, write_arrays
from selfsup.system.files import write_blocks
from selfsup.words.formats.io import FileFormat, Table, Wanted, check_words
from selfsup.words.ngrams import NGRAMS, NgramVectors

VECTORS = "vectors.safetensors"
OURS = {VECTORS, VOCABULARY, NGRAMS}
ABOUT = {"words": True}  # what the config.json of a folder of vectors alone says


def read_folder(folder: Path, *, verify: bool | str = True) -> Table:
    """Words and counts, and the vectors as a memory map; `verify` compares the files with their digests."""
    if verify and (folder / store.CONFIG).is_file():
        with store.sealed(folder, OURS):
            return read_folder(folder, verify=False)
    for name in (VECTORS, VOCABULARY):
        if not (folder / name).is_file():
            raise RunError(f"{folder} holds no word vectors: {name} is missing")
    vectors, scale = _mapped(folder)
    words, counts = read_vocabulary(folder)
    if len(words) != len(vectors):
        raise RunError(f"{folder} is damaged: {VOCABULARY} has {len(words)} words, {VECTORS} {len(vectors)} vectors")
    return Table(words, vectors, counts, NgramVectors.read(folder, vectors.shape[1]), scale)


def _mapped(folder: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Vectors (n, D) that stay on disk until they are used, and the scale (n,) of int8 ones."""
    path = folder / VECTORS
    arrays, _ = mapped(path, {"vectors": ("F32 F16 I8", 2), "scale": ("F32", 1)}, frozenset({"scale"}))
    vectors, scale = arrays["vectors"], arrays.get("scale")
    if (vectors.dtype == np.int8) != (scale is not None) or (scale is not None and len(scale) != len(vectors)):
        raise RunError(f"{path} is damaged: int8 vectors have a scale of as many numbers, and others have none")
    return vectors, scale


def write_folder(folder: Path, table: Table) -> None:
    """Write the two or three files into a folder, such as that of a run; each whole or not at all."""
    check_words((word for word in table.words if word), "", "it has a lone surrogate")
    arrays = {"scale": table.scale, "vectors": table.vectors}  # the wider numbers first, so that they are aligned
    write_arrays(folder / VECTORS, {name: array for name, array in arrays.items() if array is not None})
    write_blocks(folder / VOCABULARY, vocabulary_blocks(table.words, table.counts))
    if table.ngrams is not None:
        table.ngrams.write(folder)


class FolderFormat(FileFormat):
    """The folder of ours, or a run."""

    suffixes = ("",)
    folder = True

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether there are vectors in it."""
        return (path / VECTORS).is_file()

    def read(self, path: Path, head: bytes, wanted: Wanted) -> Table:
        """Words and counts; the vectors as a memory map."""
        return read_folder(path, verify=wanted.verify)

    def write(self, path: Path, table: Table, *, overwrite: bool) -> None:
        """Replace nothing but such a folder."""
        _check_free(path, overwrite=overwrite)
        with store.claim(path, overwrite=overwrite) as folder:
            write_folder(folder, table)
            store.seal(folder, ABOUT)


def _check_free(path: Path, *, overwrite: bool) -> None:
    if not os.path.exists(path):
        return
    if not overwrite:
        raise RunError(f"{path} exists; choose another path, or overwrite it (overwrite=True)")
    if alone := path.is_dir() and _alone(path):
        store.tidy(path)
    if not (alone and {file.name for file in path.iterdir()} <= {*OURS, store.CONFIG}):
        raise RunError(f"{path} is not a folder of word vectors only and will not be overwritten; choose another path")


def _alone(folder: Path) -> bool:
    """Whether a folder is sealed as one of word vectors alone."""
    try:
        with store.sealed(folder, ()) as about:
            return about == ABOUT
    except RunError:
        return False
