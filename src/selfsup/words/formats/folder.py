"""The folder of ours: everything that word vectors are, and quickest to load.

It holds ``vectors.safetensors`` with ``vectors`` (n, D) float32, and ``vocabulary.jsonl`` with one ``["word", count]`` a line in
the order of the rows (count is null where nobody knows it); where the words were learnt with their n-grams, also
``ngrams.safetensors`` (`selfsup.words.ngrams`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from selfsup import store
from selfsup.data.text.vocabulary import VOCABULARY, read_vocabulary, vocabulary_blocks
from selfsup.errors import RunError
from selfsup.store.arrays import mapped, write_arrays
from selfsup.system.files import write_blocks
from selfsup.words.formats.io import Table, check_words
from selfsup.words.ngrams import NGRAMS, NgramVectors

VECTORS = "vectors.safetensors"
OURS = {VECTORS, VOCABULARY, NGRAMS}
ABOUT = {"words": True}  # what the config.json of a folder of vectors alone says


def read_folder(folder: Path, *, verify: bool = True) -> Table:
    """Words and counts, and the vectors as a memory map; `verify` compares the files with their digests."""
    if verify and (folder / store.CONFIG).is_file():
        with store.sealed(folder, OURS):
            return read_folder(folder, verify=False)
    for name in (VECTORS, VOCABULARY):
        if not (folder / name).is_file():
            raise RunError(f"{folder} holds no word vectors: {name} is missing")
    vectors = _mapped(folder)
    words, counts = read_vocabulary(folder)
    if len(words) != len(vectors):
        raise RunError(f"{folder} is damaged: {VOCABULARY} has {len(words)} words, {VECTORS} {len(vectors)} vectors")
    return Table(words, vectors, counts, NgramVectors.read(folder, vectors.shape[1]))


def _mapped(folder: Path) -> np.ndarray:
    """Vectors (n, D) that stay on disk until they are used."""
    return mapped(folder / VECTORS, {"vectors": ("F32", 2)})[0]["vectors"]


def write_folder(folder: Path, table: Table) -> None:
    """Write the two or three files into a folder, such as that of a run; each whole or not at all."""
    check_words((word for word in table.words if word), "", "it has a lone surrogate")
    write_arrays(folder / VECTORS, {"vectors": np.asarray(table.vectors, "<f4")})
    write_blocks(folder / VOCABULARY, vocabulary_blocks(table.words, table.counts))
    if table.ngrams is not None:
        table.ngrams.write(folder)
