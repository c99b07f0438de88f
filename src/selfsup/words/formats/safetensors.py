"""Our own file, ``NAME.safetensors``: everything that word vectors are, and opened in milliseconds, whatever their number.

It stays on disk until it is used (a memory map), the words too: they are found by a hash table that lies in the file
(`selfsup.words.vocabulary`). Its arrays are ``vectors`` (n, D) float32, float16 or int8, then with ``scale`` (n,) float32;
``words`` (b,) uint8, ``offsets`` (n + 1,) int64 and ``slots`` (2^k,) int32; ``counts`` (n,) int64 where they are known; and of
n-grams ``ngram_vectors`` (m, D) float32 and ``ngram_buckets`` (m,) int32. The metadata say ``format``, what n-grams there are,
the SHA-256 of each array, and in ``digest`` that of all the rest of the header.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from selfsup.data.text.vocabulary import VOCABULARY
from selfsup.errors import DataError, RunError
from selfsup.store.arrays import Place, array_blocks, bytes_of, facts, layout, map_array
from selfsup.system.files import write_blocks
from selfsup.words.formats.io import FileFormat, Table, Wanted
from selfsup.words.ngrams import NgramVectors
from selfsup.words.vocabulary import Words

FORMAT, VERSION = "selfsup.WordVectors", "1"
COMPARED = 1 << 23  # bytes of a file up to which all of it is compared with its digests when it is opened
ARRAYS = {  # name -> kinds and axes
    "offsets": ("I64", 1),
    "counts": ("I64", 1),
    "vectors": ("F32 F16 I8", 2),
    "ngram_vectors": ("F32", 2),
    "scale": ("F32", 1),
    "ngram_buckets": ("I32", 1),
    "slots": ("I32", 1),
    "words": ("U8", 1),
}
NEEDED = ("vectors", "words", "offsets", "slots")


def read_own(path: Path, verify: bool | str = True) -> Table:
    """Open a file of ours; see `OwnFormat.read`."""
    places, about = layout(path)
    if about.get("format") != FORMAT:
        raise DataError(f"{path} has no words in it; give its folder, which also holds {VOCABULARY} or tokenizer.json")
    if about.get("version") != VERSION:
        raise DataError(f"{path} was written by a later version of selfsup ({about.get('version')!r}); update selfsup")
    try:
        if verify and about.get("digest") != _digest(places, about):
            raise DataError("its header is not what was written")
        arrays = {
            name: map_array(path, places, name, *ARRAYS[name]) for name in ARRAYS if name in places or name in NEEDED
        }
        if verify == "all" or (verify and path.stat().st_size <= COMPARED):
            changed = [name for name in arrays if about.get(f"sha256.{name}") != _sha(arrays[name])]
            if changed:
                raise DataError(f"its {' and '.join(changed)} are not what was written")
        return _table(arrays, about)
    except (DataError, RunError, OSError) as error:
        told = str(error) if str(path) in str(error) else f"{path} is damaged: {error}"
        raise DataError(f"{told}; fetch it again") from error


def _table(arrays: Mapping[str, np.ndarray], about: Mapping[str, str]) -> Table:
    """The table of arrays whose shapes fit."""
    vectors, scale, counts = arrays["vectors"], arrays.get("scale"), arrays.get("counts")
    n = len(vectors)
    words = Words(arrays["words"], arrays["offsets"], arrays["slots"])
    lengths = {"words": len(words)} | {name: len(arrays[name]) for name in ("scale", "counts") if name in arrays}
    for name, length in lengths.items():
        if length != n:
            raise DataError(f"it has {n} vectors, and {name} of {length}")
    if (scale is not None) != (vectors.dtype == np.int8):
        raise DataError(f"vectors of {vectors.dtype} and {'a' if scale is not None else 'no'} scale")
    if len(arrays["slots"]) <= n:
        raise DataError(f"it has {n} words and a hash table of {len(arrays['slots'])} places")
    ngrams = None
    if "ngram_vectors" in arrays or "ngram_buckets" in arrays:
        if not {"ngram_vectors", "ngram_buckets"} <= arrays.keys():
            raise DataError("vectors or buckets of n-grams are missing")
        ngrams = NgramVectors.of(arrays["ngram_buckets"], arrays["ngram_vectors"], about, vectors.shape[1])
    return Table(words, vectors, counts, ngrams, scale)


def _sha(array: np.ndarray) -> str:
    return hashlib.sha256(bytes_of(array)).hexdigest()


def _digest(places: Mapping[str, Place], about: Mapping[str, str]) -> str:
    """SHA-256 of what a header says, but for this."""
    first = min((place.start for place in places.values()), default=0)
    told = [[name, place.kind, list(place.shape), place.start - first] for name, place in sorted(places.items())]
    rest = {key: value for key, value in about.items() if key != "digest"}
    return hashlib.sha256(json.dumps([told, rest], sort_keys=True).encode()).hexdigest()


def write_own(path: Path, table: Table) -> None:
    """Write a file of ours, whole or not at all.

    Raises
    ------
    DataError
        If a word has a lone surrogate.
    RunError
        If it cannot be written.
    """
    words = Words.of(table.words)
    blob = words.blob if len(words.blob) else np.zeros(1, np.uint8)  # an array of no bytes cannot be mapped
    given: dict[str, Any] = {
        "vectors": table.vectors, "scale": table.scale, "counts": table.counts,
        "words": blob, "offsets": words.offsets, "slots": words.slots,
    }  # fmt: skip
    about = {"format": FORMAT, "version": VERSION}
    if table.ngrams is not None:
        given |= {"ngram_vectors": table.ngrams.vectors, "ngram_buckets": table.ngrams.buckets}
        about |= table.ngrams.about()
    found = {name: np.ascontiguousarray(given[name]) for name in ARRAYS if given.get(name) is not None}
    # The widest numbers first, so that each array begins at a multiple of its own.
    arrays = dict(sorted(found.items(), key=lambda pair: -pair[1].itemsize))
    about |= {f"sha256.{name}": _sha(array) for name, array in arrays.items()}
    places = {
        name: Place(told["dtype"], tuple(told["shape"]), told["data_offsets"][0])
        for name, told in facts(arrays).items()
    }
    write_blocks(path, array_blocks(arrays, {**about, "digest": _digest(places, about)}))


class OwnFormat(FileFormat):
    """Our own file."""

    suffixes = (".safetensors",)
    brief = True

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether it begins as a safetensors file does, be it one of ours or not."""
        return path.suffix == ".safetensors" or (
            head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < 1 << 32
        )

    def read(self, path: Path, head: bytes, wanted: Wanted) -> Table:
        """Open a file; its header is always compared with its digest, and what is in it up to 8 MB, or where verify is "all".

        Raises
        ------
        DataError
            If it is damaged, or has no words in it.
        """
        return read_own(path, wanted.verify)

    def write(self, path: Path, table: Table, *, overwrite: bool) -> None:
        """Everything that the table has."""
        write_own(path, table)
