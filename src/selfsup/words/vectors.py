"""`WordVectors`: words, their vectors and counts; what is nearest to what; loading and saving."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np

from selfsup.errors import DataError, OptionError
from selfsup.words.formats.files import read, write
from selfsup.words.formats.folder import write_folder
from selfsup.words.formats.io import Table
from selfsup.words.ngrams import NgramVectors
from selfsup.words.search import Nearest, best, nearest, spellings, unit_rows

Query = str | np.ndarray  # a word, or a vector (D,)


class WordVectors:
    """Words and their vectors.

    Parameters
    ----------
    words
        n different words, the most frequent first where there are no counts.
    vectors
        Array (n, D); becomes float32 in C order, without a copy where it is so already (it may be a memory map).
    counts
        How often each word occurred, (n,), or None where nobody knows.
    ngrams
        Vectors of character n-grams, where the words were learnt with theirs: a word that is not among `words` then has the mean
        of its n-grams' vectors, in ``vectors["word"]``, `vectors_of`, `similarity` and `most_similar`. ``"word" in vectors`` and
        what counts words (analogies, similarity files) are about `words` only.
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: np.ndarray,
        counts: np.ndarray | Sequence[int] | None = None,
        ngrams: NgramVectors | None = None,
    ) -> None:
        self.words, self.ngrams = list(words), ngrams
        try:
            self.vectors = np.ascontiguousarray(vectors, dtype=np.float32)
            self.counts = None if counts is None else np.asarray(counts).astype(np.int64, casting="safe")
        except (TypeError, ValueError) as error:
            raise DataError(f"vectors must be numbers (n, D) and counts whole numbers (n,): {error}") from error
        if np.ndim(vectors) != 2 or not self.vectors.size or len(self.vectors) != len(self.words):
            given = f"{len(self.words)} words and an array {np.shape(vectors)}"
            raise DataError(f"word vectors are n words and an array (n, D), neither of them empty; got {given}")
        if self.counts is not None and (self.counts.shape != (len(self.words),) or (self.counts < 0).any()):
            raise DataError(f"counts must be {len(self.words)} numbers of 0 or more; got an array {self.counts.shape}")

    @property
    def dim(self) -> int:
        """Length D of a vector."""
        return int(self.vectors.shape[1])

    @cached_property
    def index(self) -> dict[str, int]:
        """Row of each word; made when first used."""
        index = {word: row for row, word in enumerate(self.words)}
        if len(index) < len(self.words):
            twice = next(word for row, word in enumerate(self.words) if index[word] != row)
            raise DataError(f"the word {twice!r} occurs more than once; every word may have one vector")
        return index

    @cached_property
    def unit(self) -> np.ndarray:
        """Vectors (n, D) of length 1; made when first used, then kept."""
        return unit_rows(self.vectors)

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
        row: np.ndarray = self.vectors[self._row(word)]
        return row

    def __repr__(self) -> str:
        return (
            f"WordVectors({len(self)} words, {self.dim}-d: {', '.join(self.words[:4])}{', …' if len(self) > 4 else ''})"
        )

    def vectors_of(self, words: Iterable[str]) -> np.ndarray:
        """Vectors (m, D) of m words, a copy."""
        words = list(words)
        if any(map(self._composed, words)):
            return np.stack([self[word] for word in words])
        return self.vectors[np.array([self._row(word) for word in words], np.int64)]

    def frequent(self, n: int | None) -> np.ndarray:
        """Rows of the n most frequent words, the most frequent first: by count, or else in the order they are in; None: all."""
        if n is not None and n < 1:
            raise OptionError(f"restrict must be 1 or more, or None for all words; got {n}")
        rows = np.arange(len(self)) if self.counts is None else np.argsort(-self.counts, kind="stable")
        return rows[:n]

    def similarity(self, a: str, b: str) -> float:
        """Cosine of two words."""
        pair = unit_rows(self.vectors_of([a, b]))  # (2, D)
        return float(pair[0] @ pair[1])

    def most_similar(
        self,
        query: Query | None = None,
        k: int = 10,
        *,
        positive: Query | Sequence[Query] = (),
        negative: Query | Sequence[Query] = (),
        restrict: int | None = None,
    ) -> list[tuple[str, float]]:
        """Words nearest to a word, to a vector, or to the mean direction of several, without the words given.

        Parameters
        ----------
        query
            A word or a vector (D,); the same as one more of `positive`.
        k
            How many words.
        positive, negative
            Words or vectors (D,) to be near to, and to be far from: each counts with length 1.
        restrict
            Look among the most frequent words only.

        Returns
        -------
        list of (word, cosine)
            Best first; fewer than k where there are no more words.

        Examples
        --------
        >>> vectors.most_similar(positive=["king", "woman"], negative=["man"], k=3)  # doctest: +SKIP
        """
        wanted = [*([] if query is None else [query]), *_listed(positive)]
        unwanted = _listed(negative)
        if not wanted and not unwanted:
            raise OptionError("most_similar needs a word, a vector, or words in positive or negative")
        if k < 1:
            raise OptionError(f"k must be 1 or more; got {k}")
        named = [word for word in [*wanted, *unwanted] if isinstance(word, str) and not self._composed(word)]
        given = {self._row(word) for word in named}
        total = self._directions(wanted).sum(0) - self._directions(unwanted).sum(0)  # (D,)
        aim = unit_rows(total[None])[0]
        rows = None if restrict is None else self.frequent(restrict)
        scores = (self.unit if rows is None else self.unit[rows]) @ aim  # (n,)
        found = []
        for place in best(scores[None], k + len(given))[0].tolist():
            row = place if rows is None else int(rows[place])
            if row not in given:
                found.append((self.words[row], float(scores[place])))
        return found[:k]

    def nearest(self, vectors: np.ndarray, k: int = 10) -> Nearest:
        """Nearest words to many vectors at once.

        Parameters
        ----------
        vectors
            Array (m, D).
        k
            How many words each.

        Returns
        -------
        Nearest
            ``rows`` (m, k) of words and their ``cosines`` (m, k), best first; nothing is left out.
        """
        if k < 1:
            raise OptionError(f"k must be 1 or more; got {k}")
        if np.ndim(vectors) != 2 or np.shape(vectors)[1] != self.dim:
            raise DataError(f"vectors must be an array (m, {self.dim}); got {np.shape(vectors)}")
        return nearest(self.unit, unit_rows(np.asarray(vectors, np.float32)), k)

    @classmethod
    def load(cls, path: str | PathLike[str], format: str | None = None, *, verify: bool = True) -> WordVectors:
        """Read word vectors; nothing is unpickled.

        Parameters
        ----------
        path
            A run folder, or a file in word2vec's text or binary format, plain or .gz. Text may have no header (GloVe)
            and may be fastText's .vec. The vectors of a folder stay on disk until they are used (a memory map).
        format
            "folder", "text", "binary", or one of your own, "FILE.py:Format"; found out from the content where it is not given.
        verify
            Compare the files of a folder with the digests that were taken when they were written.

        Raises
        ------
        DataError, RunError
            If the file, or the folder, is damaged or something else. A word that occurs twice keeps its first vector and
            bytes that are not UTF-8 become U+FFFD; both are logged as a warning.
        """
        return cls(*read(Path(path), format, verify=verify))

    def save(self, path: str | PathLike[str], format: str | None = None, *, overwrite: bool = False) -> None:
        """Write the vectors, whole or not at all.

        Parameters
        ----------
        path
            Where to.
        format
            "folder" keeps everything (also counts and n-grams) and loads fastest; "text" and "binary" are word2vec's: the vectors
            of `words` alone. By default ".bin" is binary, ".txt" and ".vec" are text, ".gz" after them packs; no suffix is a
            folder.
        overwrite
            Replace a file, or a folder of word vectors; any other folder is never replaced.

        Raises
        ------
        RunError
            If the path is taken or cannot be written.
        DataError
            If a word cannot be written in this format, or a vector is not finite.
        """
        write(Path(path), self._table(), format, overwrite=overwrite)

    def write(self, folder: Path) -> None:
        """Write the files of a folder of word vectors into one that exists, such as that of a run."""
        write_folder(folder, self._table())

    def _table(self) -> Table:
        return Table(list(self.index), self.vectors, self.counts, self.ngrams)  # no word twice

    def _composed(self, word: str) -> bool:
        """Whether the vector of a word comes from its n-grams, as it has none of its own."""
        return self.ngrams is not None and isinstance(word, str) and word not in self.index

    def _row(self, word: str) -> int:
        row = self.index.get(word)
        if row is None:
            near = spellings(word, self.words) if isinstance(word, str) else []
            advice = f"did you mean {' or '.join(map(repr, near))}?" if near else "no word is spelled like it"
            raise DataError(f"unknown word {word!r} (of {len(self)} words); {advice}")
        return row

    def _directions(self, queries: Sequence[Query]) -> np.ndarray:
        """Unit vectors (m, D) of m words or vectors."""
        rows = np.empty((len(queries), self.dim), np.float32)
        for row, query in zip(rows, queries, strict=True):
            if not isinstance(query, str) and np.shape(query) != (self.dim,):
                raise DataError(f"a vector here has the shape ({self.dim},); got {np.shape(query)}")
            row[:] = self[query] if isinstance(query, str) else query
        return unit_rows(rows)


def _listed(queries: Query | Sequence[Query]) -> list[Query]:
    """One word or vector, or several, as a list."""
    if isinstance(queries, str) or (isinstance(queries, np.ndarray) and queries.ndim == 1):
        return [queries]
    return list(queries)
