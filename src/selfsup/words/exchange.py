"""Word vectors from what other libraries have, and for them: gensim, torch, pandas, polars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from selfsup.data.text.subwords import Subwords
from selfsup.errors import DataError
from selfsup.lazy import gensim, pandas, polars, torch
from selfsup.words.ngrams import NgramVectors

WORD, COUNT, VECTOR = "word", "count", "vector"  # columns of a frame


class Exchange:
    """What `WordVectors` are made of, and made into, in memory."""

    if TYPE_CHECKING:
        words: Sequence[str]
        counts: np.ndarray | None
        rows: Any

        def __init__(self, *_: Any) -> None: ...
        def __len__(self) -> int: ...

    @classmethod
    def from_gensim(cls, vectors: Any) -> Self:
        """Word vectors of gensim: ``KeyedVectors``, or a model that has some (``model.wv``); the table is shared, not copied.

        Parameters
        ----------
        vectors
            Of FastText the n-grams come along. Counts do where gensim knows them.

        Raises
        ------
        DataError
            If it is something else, or a key is no text.
        """
        keyed = getattr(vectors, "wv", vectors)
        words, table = getattr(keyed, "index_to_key", None), getattr(keyed, "vectors", None)
        if not isinstance(words, list) or not isinstance(table, np.ndarray):
            raise DataError(
                f"gensim's KeyedVectors (of gensim 4), or a model of it, is expected; got {type(vectors).__name__}"
            )
        _check_words(words)
        made = cls(words, table[: len(words)], _whole(getattr(keyed, "expandos", {}).get(COUNT)), _ngrams(keyed))
        return made._checked()

    def to_gensim(self) -> Any:
        """The same as gensim's ``KeyedVectors``, with counts where there are some; float32, without n-grams.

        The table is shared where it is float32 in memory, and copied else.

        Raises
        ------
        MissingError
            If gensim is not installed.
        """
        vectors = self.rows(slice(None))  # (n, D)
        keyed = gensim.models.KeyedVectors(vector_size=vectors.shape[1])
        keyed.index_to_key = list(self.words)
        keyed.key_to_index = {word: row for row, word in enumerate(self.words)}
        keyed.vectors, keyed.next_index = vectors if vectors.flags.writeable else np.array(vectors), len(self)
        if self.counts is not None:
            keyed.expandos[COUNT] = np.array(self.counts)
        return keyed

    @classmethod
    def from_embedding(cls, words: Sequence[str], embedding: Any) -> Self:
        """Words and the rows of a ``torch.nn.Embedding``, or of a tensor (n, D), that belong to them; a copy.

        Raises
        ------
        DataError
            If there are not as many rows as words, or it is no matrix of numbers.
        """
        table = getattr(embedding, "weight", embedding)
        if not isinstance(table, torch.Tensor) or not table.is_floating_point() or table.dim() != 2:
            raise DataError(
                f"a torch.nn.Embedding or a tensor (n, D) of numbers is expected; got {type(embedding).__name__}"
            )
        table = table.detach().to("cpu", copy=True)
        _check_words(words)
        return cls(words, (table if table.dtype == torch.float16 else table.float()).numpy())._checked()

    def to_embedding(self, *, frozen: bool = True) -> Any:
        """A ``torch.nn.Embedding`` (n, D) float32 whose row i is the vector of ``words[i]``; a copy.

        Parameters
        ----------
        frozen
            Training does not change it.
        """
        table = torch.from_numpy(np.array(self.rows(slice(None))))
        return torch.nn.Embedding.from_pretrained(table, freeze=frozen)

    @classmethod
    def from_pandas(cls, frame: Any) -> Self:
        """Word vectors of a frame of pandas.

        Parameters
        ----------
        frame
            The words are its column "word", or else its index; the vectors its column "vector", of arrays, or else all columns of
            numbers; the counts, if there are any, its column "count".

        Raises
        ------
        DataError
            If a word is missing or occurs twice, or a column is not of numbers.
        """
        columns = {name: frame[name].to_numpy() for name in frame.columns}
        words = columns.pop(WORD, frame.index.to_numpy())
        return cls._of_columns(list(words), columns)

    def to_pandas(self) -> Any:
        """A frame of pandas with the words as its index, and D columns of float32; before them "count", where it is known."""
        frame = pandas.DataFrame(self.rows(slice(None)), index=pandas.Index(list(self.words), name=WORD, dtype=object))
        if self.counts is not None:
            frame.insert(0, COUNT, self.counts)
        return frame

    @classmethod
    def from_polars(cls, frame: Any) -> Self:
        """Word vectors of a frame of polars: columns "word", and "vector" or else columns of numbers, and perhaps "count".

        Raises
        ------
        DataError
            If a word is missing or occurs twice, or a column is not of numbers.
        """
        columns = {name: frame[name].to_list() if name == WORD else frame[name].to_numpy() for name in frame.columns}
        if WORD not in columns:
            raise DataError(f"the frame needs a column '{WORD}'; it has {', '.join(map(repr, columns)) or 'none'}")
        return cls._of_columns(cast("list[str]", columns.pop(WORD)), cast("dict[Any, np.ndarray]", columns))

    def to_polars(self) -> Any:
        """A frame of polars with columns "word", "vector" (an array of D float32) and, where it is known, "count".

        Raises
        ------
        MissingError
            If polars is not installed.
        """
        columns = {WORD: list(self.words)} | ({} if self.counts is None else {COUNT: np.array(self.counts)})
        return polars.DataFrame({**columns, VECTOR: np.array(self.rows(slice(None)))})

    @classmethod
    def _of_columns(cls, words: Sequence[Any], columns: dict[Any, np.ndarray]) -> Self:
        """Of words and named columns: one of vectors, or one for each dimension, and perhaps one of counts."""
        counts = columns.pop(COUNT, None)
        given = columns.pop(VECTOR, None)
        _check_words(words)
        try:
            parts = list(columns.values()) if given is None else list(given)
            vectors = np.stack(parts, axis=1 if given is None else 0) if parts else np.empty((0, 0))
        except (TypeError, ValueError) as error:
            raise DataError(f"the vectors of a frame must all have as many numbers: {error}") from error
        if vectors.dtype.kind not in "fiu":
            odd = next((name for name, column in columns.items() if column.dtype.kind not in "fiu"), VECTOR)
            raise DataError(f"column {odd!r} is not of numbers; leave it out")
        return cls(
            words, vectors if vectors.dtype == np.float16 else vectors.astype(np.float32), _whole(counts)
        )._checked()

    def _checked(self) -> Self:
        """Itself, if its words are different and its numbers finite."""
        index = self.index  # type: ignore[attr-defined]
        for first in range(0, len(index), 1 << 16):
            finite = np.isfinite(self.rows(slice(first, first + (1 << 16)))).all(1)
            if not finite.all():
                raise DataError(
                    f"the vector of {self.words[first + int(np.argmin(finite))]!r} is not finite; leave the word out"
                )
        return self


def _check_words(words: Sequence[Any]) -> None:
    for row, word in enumerate(words):
        if not isinstance(word, str):
            raise DataError(f"words are texts; word {row} is {word!r}")


def _whole(counts: Any) -> np.ndarray | None:
    """Counts as whole numbers, also where a frame made them floats."""
    if counts is None:
        return None
    counts = np.asarray(counts)
    if counts.dtype.kind not in "fiu" or not (np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts))).all():
        raise DataError("counts must be whole numbers of 0 or more")
    whole: np.ndarray = counts.astype(np.int64)
    return whole


def _ngrams(keyed: Any) -> NgramVectors | None:
    """The n-grams of gensim's FastText, which hashes as fastText does."""
    table = getattr(keyed, "vectors_ngrams", None)
    if table is None or getattr(keyed, "compat_hash", True) is False:  # models before gensim 3.7 hashed otherwise
        return None
    shortest, longest, buckets = int(keyed.min_n), int(keyed.max_n), int(keyed.bucket)
    if not 1 <= shortest <= longest or not buckets or len(table) != buckets:
        return None
    return NgramVectors(
        Subwords(shortest, longest, buckets), np.arange(buckets, dtype=np.int32), np.asarray(table, np.float32)
    )
