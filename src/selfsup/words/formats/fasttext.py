"""Models of fastText, ``.bin``: words with their vectors, and those of n-grams, from which any word has one.

Read as fastText 0.9.2 writes them (version 12; 11 before): settings, dictionary, then one table with a row for each word and one
for each bucket of n-grams. The vector of a word is the mean of its own row and its n-grams' (Bojanowski et al. 2017, section
3.2); those of all words are computed here, the rows of n-grams stay on disk until they are used.
"""

from __future__ import annotations

import logging
import mmap
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from selfsup.data.text.subwords import Subwords
from selfsup.errors import DataError, OptionError
from selfsup.lazy import scipy
from selfsup.system import memory
from selfsup.words.formats.io import FileFormat, Table, Wanted, decoded, encoded, unique
from selfsup.words.ngrams import LONGEST as LONGEST_NGRAM, MOST, NgramVectors

log = logging.getLogger("selfsup")
MAGIC = struct.pack("<i", 793712314)
ARGS = struct.Struct("<ii 12i d")  # magic, version; dim to lrUpdateRate, t
COUNTS = struct.Struct("<3i 2q")  # words and labels, words, labels; tokens, n-grams that are left after pruning
ENTRY = struct.Struct("<qb")  # after a word and a zero: count, kind
MATRIX = struct.Struct("<qq")
LABELLED = 3  # the model of supervised learning
LONGEST = 1 << 12  # bytes of a word
LETTERS = 1 << 13  # of words whose vectors are computed at once
END = "</s>"  # has no n-grams
BASIS, PRIME = 2166136261, 16777619


class Model(NamedTuple):
    """What a file says before its table."""

    dim: int
    subwords: Subwords | None
    buckets: int
    words: list[bytes]
    counts: np.ndarray  # (n,) int64
    start: int  # of the table


def read_fasttext(path: Path, wanted: Wanted) -> Table:
    """Read a model.

    Raises
    ------
    DataError
        If it is damaged, truncated, compressed (``.ftz``), or has numbers that are not finite.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            model = _model(path, content)
            size = len(content)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:  # no bytes cannot be mapped
        raise error if isinstance(error, DataError) else DataError(f"{path} is empty") from error
    rows = len(model.words) + model.buckets
    if size - model.start < 4 * rows * model.dim:
        there = (size - model.start) // (4 * model.dim)
        _fail(path, f"it ends in row {there + 1} of {rows} of its table")
    # Bytes, for rows begin anywhere: what is taken from them lies at a multiple of four.
    table = np.memmap(path, np.uint8, "r", model.start, (rows, 4 * model.dim))
    rows_wanted = np.arange(wanted.most(len(model.words)))
    if (among := encoded(wanted.among)) is not None:
        rows_wanted = rows_wanted[[model.words[row] in among for row in rows_wanted.tolist()]]
    words, damaged = decoded([model.words[row] for row in rows_wanted.tolist()])
    vectors = _vectors(path, model, table, rows_wanted, words)
    if damaged:
        log.warning("%s: %d words were not UTF-8; their bad bytes became U+FFFD", path, damaged)
    ngrams = None
    if model.subwords is not None:
        shared = np.ndarray((model.buckets, model.dim), "<f4", table[len(model.words) :].data)
        ngrams = NgramVectors(model.subwords, np.arange(model.buckets, dtype=np.int32), shared)
    return unique(path, Table(words, vectors, model.counts[rows_wanted], ngrams))


def _fail(path: Path, why: str) -> NoReturn:
    raise DataError(f"{path} is damaged or truncated: {why}; fetch it again")


def _model(path: Path, content: mmap.mmap) -> Model:
    if len(content) < ARGS.size + COUNTS.size:
        _fail(path, f"it has {len(content)} bytes")
    magic, version, *args, _ = ARGS.unpack_from(content)
    dim, model, buckets, shortest, longest = args[0], args[7], args[8], args[9], args[10]
    if magic != struct.unpack("<i", MAGIC)[0] or version not in (11, 12):
        raise DataError(
            f"{path} is a fastText model of version {version}; versions 11 and 12 can be read: load its .vec file"
        )
    if not (1 <= dim <= 1 << 20 and 0 <= buckets <= MOST and shortest >= 0 and 0 <= longest <= LONGEST_NGRAM):
        _fail(path, f"{dim} dimensions, {buckets} buckets, n-grams of {shortest} to {longest} characters")
    if version == 11 and model == LABELLED:
        longest = 0  # as fastText itself reads it
    entries, words, labels, _, pruned = COUNTS.unpack_from(content, ARGS.size)
    if not (words >= 1 and labels >= 0 and words + labels == entries and entries <= len(content) // 10):
        _fail(path, f"its dictionary has {words} words, {labels} labels and {entries} entries")
    found, counts, at = _dictionary(path, content, words, entries)
    quantised, *_ = content[at : at + 1] or [1]
    if pruned >= 0 or quantised:
        raise DataError(
            f"{path} is a fastText model with a compressed table (.ftz), which is not read: load the .bin that it was made "
            "of, or have fastText write the vectors (fasttext print-word-vectors MODEL)"
        )
    rows, width = MATRIX.unpack_from(content, at + 1) if at + 1 + MATRIX.size <= len(content) else (-1, -1)
    if (rows, width) != (words + buckets, dim):
        _fail(
            path,
            f"its table has {rows} rows of {width} numbers, where {words} words and {buckets} buckets of {dim} are due",
        )
    some = 1 <= max(shortest, 1) <= longest and buckets > 0
    subwords = Subwords(max(shortest, 1), longest, buckets) if some else None
    return Model(dim, subwords, buckets, found, counts, at + 1 + MATRIX.size)


def _dictionary(path: Path, content: mmap.mmap, words: int, entries: int) -> tuple[list[bytes], np.ndarray, int]:
    """Words and counts (n,), and where the dictionary ends."""
    found, ends = [], []
    at = ARGS.size + COUNTS.size
    find = content.find
    for _ in range(entries):
        end = find(b"\0", at, at + LONGEST)
        if end < 0:
            _fail(path, f"no word ends within {LONGEST} bytes of byte {at}")
        found.append(content[at:end])
        ends.append(end)
        at = end + 1 + ENTRY.size
    if at >= len(content):
        _fail(path, "it ends within its dictionary")
    octets = np.frombuffer(content[:at], np.uint8)
    after = np.array(ends)[:, None] + 1 + np.arange(ENTRY.size)
    facts = np.ascontiguousarray(octets[after])  # (entries, 9)
    counts = facts[:, :8].copy().view("<i8")[:, 0]
    if not ((facts[:words, 8] == 0).all() and (facts[words:, 8] == 1).all() and (counts >= 0).all()):
        _fail(path, "its dictionary is not words and then labels with their counts")
    return found[:words], counts[:words], at


def _vectors(path: Path, model: Model, table: np.ndarray, rows: np.ndarray, words: list[str]) -> np.ndarray:
    """Vectors (m, D) of some words: the mean of a word's own row of the table and those of its n-grams."""
    memory.check(4 * len(rows) * model.dim, f"the vectors of {path}", "set limit for the first words only")
    vectors = np.empty((len(rows), model.dim), np.float32)
    lengths = np.cumsum([len(word) for word in words]) // LETTERS
    borders = [0, *(np.flatnonzero(np.diff(lengths)) + 1).tolist(), len(rows)] if len(rows) else []
    for first, last in pairwise(borders):
        part = slice(first, last)
        if model.subwords is None:
            vectors[part] = table[rows[part]].view("<f4")
            continue
        offsets, bags = _bags(model, rows[part], words[part])
        gathered, places = table[bags].view("<f4"), np.arange(len(bags))  # (k, D)
        adding = scipy.sparse.csr_array((np.ones(len(bags), np.float32), places, offsets))
        vectors[part] = (adding @ gathered) * (1 / np.diff(offsets)[:, None]).astype(np.float32)  # in fastText's order
    if not np.isfinite(vectors).all():
        row = int(np.argmin(np.isfinite(vectors).all(1)))
        raise DataError(f"{path}: the vector of {words[row]!r} is not finite; leave it out, or fetch the file again")
    return vectors


def _bags(model: Model, rows: np.ndarray, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the table that m words are means of: offsets (m + 1,) and rows (n,), a word's own first."""
    assert model.subwords is not None
    before, buckets = model.subwords.hashed(words)
    odd = [place for place, word in enumerate(words) if word == END or "\ufffd" in word]
    if odd:  # the former has no n-grams, the latter may have been bytes that are not UTF-8
        parts = np.split(buckets, before[1:-1])
        for place in odd:
            ngrams = [] if words[place] == END else list(_hashes(model.words[rows[place]], model.subwords))
            parts[place] = np.array(ngrams, np.int64)
        before = np.concatenate([[0], np.cumsum(list(map(len, parts)))])
        buckets = np.concatenate(parts)
    offsets = before + np.arange(len(rows) + 1)
    bags = np.empty(offsets[-1], np.int64)
    own = np.zeros(len(bags), bool)
    own[offsets[:-1]] = True
    bags[own], bags[~own] = rows, len(model.words) + buckets
    return offsets, bags


def _hashes(word: bytes, subwords: Subwords) -> Iterator[int]:
    """Buckets of the n-grams of bytes, as fastText cuts them: a character begins at each byte that does not continue one."""
    octets = b"<" + word + b">"
    starts = [place for place, octet in enumerate(octets) if octet & 0xC0 != 0x80] + [len(octets)]
    last = len(starts) - 1
    for first in range(last):
        for end in range(first + subwords.shortest, min(first + subwords.longest, last) + 1):
            if end - first > 1 or 0 < first < last - 1:
                state = BASIS
                for octet in octets[starts[first] : starts[end]]:
                    state = ((state ^ (octet if octet < 128 else octet | 0xFFFFFF00)) * PRIME) & 0xFFFFFFFF
                yield state % subwords.buckets


class FastTextFormat(FileFormat):
    """A model of fastText; only read."""

    brief = True

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether it begins as a model does."""
        return head.startswith(MAGIC)

    def read(self, path: Path, head: bytes, wanted: Wanted) -> Table:
        """Words, counts, vectors, and the vectors of n-grams."""
        return read_fasttext(path, wanted)

    def write(self, path: Path, table: Table, *, overwrite: bool) -> NoReturn:
        """Refuse: a model is more than vectors.

        Raises
        ------
        OptionError
            Always.
        """
        raise OptionError(
            "a model of fastText is read, not written; save with format 'text' (.vec), which fastText reads, too"
        )
