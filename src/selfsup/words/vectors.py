"""`WordVectors`: words, their vectors and counts; what is nearest to what; loading and saving."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np

from selfsup.errors import DataError, OptionError, unknown
from selfsup.system import html
from selfsup.words.asking import Asking
from selfsup.words.exchange import Exchange
from selfsup.words.formats.files import read, write
from selfsup.words.formats.folder import write_folder
from selfsup.words.formats.io import Table
from selfsup.words.ngrams import NgramVectors
from selfsup.words.search import unit_rows
from selfsup.words.vocabulary import Index, Words

DTYPES = ("float32", "float16", "int8")  # of a table
ROWS = 1 << 14  # converted at once
SHOWN, NEAREST, QUICK = (
    10,
    6,
    200_000,
)  # a notebook shows so many words and neighbours of each, these of at most so many words
LARGEST = np.nextafter(
    np.finfo(np.float32).max / 127, np.float32(0), dtype=np.float32
)  # scale: 127 times it is a number


class WordVectors(Asking, Exchange):
    """Words and their vectors.

    Parameters
    ----------
    words
        n different words, the most frequent first where there are no counts. A list, or `selfsup.words.vocabulary.Words`,
        which is kept as it is.
    vectors
        Array (n, D) of float32, float16, or int8 with a `scale`, kept without a copy where it is in C order (it may be a memory
        map). Other numbers become float32.
    counts
        How often each word occurred, (n,), or None where nobody knows.
    ngrams
        Vectors of character n-grams, where the words were learnt with theirs: a word that is not among `words` then has the mean
        of its n-grams' vectors, in ``vectors["word"]``, `vectors_of`, `similarity` and `most_similar`. ``"word" in vectors`` and
        what counts words (analogies, similarity files) are about `words` only.
    scale
        (n,) float32 of int8 vectors: the vector of row i is ``vectors[i] * scale[i]``.
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: np.ndarray,
        counts: np.ndarray | Sequence[int] | None = None,
        ngrams: NgramVectors | None = None,
        *,
        scale: np.ndarray | None = None,
    ) -> None:
        self.words: Sequence[str] = words if isinstance(words, Words) else list(words)
        self.ngrams = ngrams
        try:
            self.vectors, self.scale = _numbers(vectors, scale)
            self.counts = None if counts is None else np.asarray(counts).astype(np.int64, casting="safe", copy=False)
        except (TypeError, ValueError) as error:
            raise DataError(f"vectors must be numbers (n, D) and counts whole numbers (n,): {error}") from error
        if np.ndim(vectors) != 2 or not self.vectors.size or len(self.vectors) != len(self.words):
            given = f"{len(self.words)} words and an array {np.shape(vectors)}"
            raise DataError(f"word vectors are n words and an array (n, D), neither of them empty; got {given}")
        if self.counts is not None and (self.counts.shape != (len(self.words),) or (self.counts < 0).any()):
            raise DataError(f"counts must be {len(self.words)} numbers of 0 or more; got an array {self.counts.shape}")
        if self.scale is not None and (
            self.scale.shape != (len(self.words),) or not (np.isfinite(self.scale) & (self.scale >= 0)).all()
        ):
            raise DataError(f"the scale of int8 vectors is {len(self.words)} numbers of 0 or more; got {self.scale!r}")

    @property
    def dim(self) -> int:
        """Length D of a vector."""
        return int(self.vectors.shape[1])

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Row of each word; made when first used."""
        if isinstance(self.words, Words):
            return Index(self.words)
        index = {word: row for row, word in enumerate(self.words)}
        if len(index) < len(self.words):
            twice = next(word for row, word in enumerate(self.words) if index[word] != row)
            raise DataError(f"the word {twice!r} occurs more than once; every word may have one vector")
        return index

    @cached_property
    def unit(self) -> np.ndarray:
        """Vectors (n, D) of length 1, float32; made when first used, then kept."""
        if self.scale is None:
            return unit_rows(self.vectors)
        unit = np.empty(self.vectors.shape, np.float32)
        for first in range(0, len(unit), ROWS):
            unit[first : first + ROWS] = unit_rows(self.rows(slice(first, first + ROWS)))
        return unit

    def rows(self, numbers: np.ndarray | Sequence[int] | slice) -> np.ndarray:
        """Rows (m, D) float32 by their numbers, whatever the table is stored as.

        Parameters
        ----------
        numbers
            m numbers of rows, or a slice of them; a slice of a float32 table is a view.
        """
        part = numbers if isinstance(numbers, slice) else np.asarray(numbers, np.int64)
        rows = self.vectors[part].astype(np.float32, copy=False)
        return rows if self.scale is None else rows * self.scale[part, None]

    def astype(self, dtype: str) -> WordVectors:
        """The same words with vectors of another type, which need less room.

        Parameters
        ----------
        dtype
            "float32", "float16", or "int8": then each vector is stored as whole numbers from -127 to 127 and its `scale`, the
            largest of its numbers over 127.

        Raises
        ------
        DataError
            If a number is not finite, or too large for float16.
        """
        if dtype not in DTYPES:
            raise OptionError(unknown("dtype", str(dtype), DTYPES))
        if self.vectors.dtype == dtype:
            return self
        most = np.finfo(np.float16 if dtype == "float16" else np.float32).max
        made = np.empty(self.vectors.shape, dtype)
        scale = np.empty(len(self), np.float32) if dtype == "int8" else None
        for first in range(0, len(self), ROWS):
            part = slice(first, first + ROWS)
            rows = self.rows(part)
            largest = np.abs(rows).max(axis=1)
            if not (largest <= most).all():
                row = first + int(np.argmin(largest <= most))
                raise DataError(f"the vector of {self.words[row]!r} is not finite as {dtype}; leave the word out")
            if scale is not None:
                scale[part] = np.minimum(largest / 127, LARGEST)
                rows = np.divide(rows, scale[part, None], out=np.zeros_like(rows), where=scale[part, None] > 0)
                rows = np.rint(rows).clip(-127, 127)  # the scale of a tiny vector is not exact
            made[part] = rows
        return WordVectors(self.words, made, self.counts, self.ngrams, scale=scale)

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.index

    def __getitem__(self, word: str) -> np.ndarray:
        """Vector (D,) of a word."""
        if self._composed(word):
            return self.ngrams.vector(word)  # type: ignore[union-attr]
        number = self._row(word)
        row: np.ndarray = self.rows(slice(number, number + 1))[0]
        return row

    def __repr__(self) -> str:
        return (
            f"WordVectors({len(self)} words, {self.dim}-d: {', '.join(self.words[:4])}{', …' if len(self) > 4 else ''})"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: how many, how long, and the first words beside their nearest, where these are found at once."""
        size = f"{self.vectors.nbytes / 1e6:,.1f} MB"
        told = [
            ("Words", f"{len(self):,}"),
            ("Vector", f"{self.dim:,} values, stored as {self.vectors.dtype.name}, {size}"),
        ]
        shown = list(self.words[:SHOWN])
        cells = {"word": shown}
        if self.counts is not None:
            cells["count"] = [f"{count:,}" for count in self.counts[:SHOWN].tolist()]
        if 1 < len(self) <= QUICK:
            with suppress(DataError):  # of a vector of zeros: it has no neighbours
                near = self.nearest(shown, NEAREST).named(self.words)
                cells["nearest by cosine"] = [", ".join(word for word, _ in found) for found in near]
        rows = list(zip(*cells.values(), strict=True))
        return html.block(html.facts(told), html.table("The first words", list(cells), rows))

    def vectors_of(self, words: Iterable[str]) -> np.ndarray:
        """Vectors (m, D) of m words, a copy."""
        return self._raw(list(words))

    def frequent(self, n: int | None) -> np.ndarray:
        """Rows of the n most frequent words, the most frequent first: by count, or else in the order they are in; None: all."""
        if n is not None and n < 1:
            raise OptionError(f"restrict must be 1 or more, or None for all words; got {n}")
        rows = np.arange(len(self)) if self.counts is None else np.argsort(-self.counts, kind="stable")
        return rows[:n]

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        format: str | None = None,
        *,
        limit: int | None = None,
        among: Collection[str] | None = None,
        allow_partial: bool = False,
        verify: bool | Literal["all"] = True,
    ) -> WordVectors:
        """Read word vectors; nothing is unpickled.

        Parameters
        ----------
        path
            A run folder; a file of ours (.safetensors), which stays on disk until it is used (a memory map); word2vec's text or
            binary format, GloVe's text, fastText's .vec and .bin, numpy's .npz; a folder of static vectors of model2vec or
            sentence-transformers. Text and binary may be packed (.gz, .zst). What it is is known by its content.
        format
            A format's name, or one of your own, "FILE.py:Format"; found out from the content where it is not given.
        limit
            Only the first so many words.
        among
            Only words that are among these; they stay in the order of the file.
        allow_partial
            Of a file that is cut short, take what is there, with a warning, instead of an error.
        verify
            Compare with the digests that were taken when it was written, where there are some. Of a file of ours that is larger
            than 8 MB only the header is compared, so that opening it takes no time; "all" reads and compares everything.

        Raises
        ------
        DataError, RunError
            If the file, or the folder, is damaged or something else. A word that occurs twice keeps its first vector and
            bytes that are not UTF-8 become U+FFFD; both are logged as a warning.
        """
        table = read(Path(path), format, limit=limit, among=among, allow_partial=allow_partial, verify=verify)
        return cls(table.words, table.vectors, table.counts, table.ngrams, scale=table.scale)

    def save(
        self, path: str | PathLike[str], format: str | None = None, *, overwrite: bool = False, dtype: str | None = None
    ) -> None:
        """Write the vectors, whole or not at all.

        Parameters
        ----------
        path
            Where to.
        format
            "safetensors" and "folder" keep everything (also counts and n-grams), and the former loads fastest; "text" and
            "binary" are word2vec's: the vectors of `words` alone. By default the suffix says it: ".safetensors", ".bin",
            ".txt" and ".vec", ".npz"; ".gz" or ".zst" after text and binary packs; no suffix is a folder.
        overwrite
            Replace a file, or a folder of word vectors; any other folder is never replaced.
        dtype
            "float32", "float16" or "int8": see `astype`; by default as they are.

        Raises
        ------
        RunError
            If the path is taken or cannot be written.
        DataError
            If a word cannot be written in this format, or a vector is not finite.
        """
        made = self if dtype is None else self.astype(dtype)
        write(Path(path), made._table(), format, overwrite=overwrite)

    def write(self, folder: Path) -> None:
        """Write the files of a folder of word vectors into one that exists, such as that of a run."""
        write_folder(folder, self._table())

    def _table(self) -> Table:
        words = self.words if isinstance(self.words, Words) else list(self.index)  # no word twice
        return Table(words, self.vectors, self.counts, self.ngrams, self.scale)

    def _composed(self, word: str) -> bool:
        """Whether the vector of a word comes from its n-grams, as it has none of its own."""
        return self.ngrams is not None and isinstance(word, str) and word not in self.index

    def _row(self, word: str) -> int:
        row = self.index.get(word) if isinstance(word, str) else None
        if row is None:
            raise self._unknown([word])
        return row


def _numbers(vectors: np.ndarray, scale: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """A table in C order and its scale: of a type that is kept as it is, or else float32."""
    given = np.asarray(vectors)
    if scale is not None:
        if given.dtype != np.int8:
            raise DataError(f"only int8 vectors have a scale; got {given.dtype}")
        return np.ascontiguousarray(given), np.ascontiguousarray(scale, np.float32)
    return np.ascontiguousarray(given, np.float16 if given.dtype == np.float16 else np.float32), None
