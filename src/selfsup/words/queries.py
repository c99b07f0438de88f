"""Words and vectors as a user gives them to a question: looked up, checked, made of length 1."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from selfsup.errors import DataError, OptionError, unknown
from selfsup.words.ngrams import NgramVectors
from selfsup.words.search import unit_rows, unknown_words

Query = str | np.ndarray  # a word, or a vector (D,)
GENSIM = {  # names of gensim's KeyedVectors, and what they are called here
    "add_vector": "add_vectors([word], [vector]), which gives new WordVectors",
    "evaluate_word_analogies": "selfsup.measures.words.analogies(vectors, file)",
    "evaluate_word_pairs": "selfsup.measures.words.similarity(vectors, file)",
    "fill_norms": "nothing: lengths are taken when first needed",
    "get_index": "index[word], or index.get(word)",
    "get_normed_vectors": "unit",
    "get_vecattr": "counts[index[word]]",
    "get_vector": "vectors[word]; of length 1: unit[index[word]]",
    "has_index_for": "word in vectors",
    "index_to_key": "words",
    "init_sims": "nothing: lengths are taken when first needed",
    "intersect_word2vec_format": "selfsup.fit(text, 'skipgram', warm_start=file)",
    "key_to_index": "index",
    "load_word2vec_format": "WordVectors.load(file)",
    "save_word2vec_format": "save(file)",
    "similar_by_key": "most_similar(word, k)",
    "similar_by_vector": "most_similar(vector, k)",
    "similar_by_word": "most_similar(word, k)",
    "similarity_unseen_docs": "n_similarity(text.split(), other.split()), or the codes of a model: model.encode(texts)",
    "sort_by_descending_frequency": "subset([vectors.words[row] for row in vectors.frequent(None)])",
    "unit_normalize_all": "WordVectors(vectors.words, vectors.unit)",
    "vector_size": "dim",
    "vectors_norm": "unit",
    "word_vec": "vectors[word]",
}
KEYWORDS = {
    "topn": "k",
    "restrict_vocab": "restrict",
    "clip_end": "restrict",
    "keys": "words",
    "use_norm": "pre_normalize",
}
log = logging.getLogger("selfsup")


class Queries:
    """What the questions of `WordVectors` are made of."""

    if TYPE_CHECKING:
        words: Sequence[str]
        vectors: np.ndarray
        counts: np.ndarray | None
        ngrams: NgramVectors | None
        scale: np.ndarray | None

        def __init__(
            self,
            words: Sequence[str],
            vectors: np.ndarray,
            counts: np.ndarray | Sequence[int] | None = None,
            ngrams: NgramVectors | None = None,
            *,
            scale: np.ndarray | None = None,
        ) -> None: ...
        def __len__(self) -> int: ...
        def __getitem__(self, word: str) -> np.ndarray: ...
        @property
        def dim(self) -> int: ...  # noqa: D102
        @property
        def index(self) -> Mapping[str, int]: ...  # noqa: D102
        def rows(self, numbers: np.ndarray | Sequence[int] | slice) -> np.ndarray: ...  # noqa: D102

    else:

        def __getattr__(self, name: str) -> Any:
            """Say what a method of gensim's is called here."""
            if name in GENSIM:
                raise AttributeError(f"WordVectors has no {name!r} of gensim's; here it is {GENSIM[name]}")
            return object.__getattribute__(self, name)  # raises what it has raised

    def _inferred(self, word: str) -> np.ndarray | None:
        """Vector (D,) of a word from its n-grams, if it has any."""
        try:
            return None if self.ngrams is None else self.ngrams.vector(word)
        except DataError:
            return None

    def _several(self, queries: Sequence[Query] | np.ndarray, what: str) -> list[Query]:
        """A list of words or vectors, none of them something else."""
        if isinstance(queries, str):
            raise OptionError(f"{what} must be a list of words; got the string {queries[:40]!r}: use .split()")
        made = list(queries)
        if not made:
            raise OptionError(f"{what} must be a list of one word or more; it is empty")
        return made

    def _known(self, queries: Sequence[Query], ignore_missing: bool) -> list[int]:
        """Places of the words that have a vector; the others are logged, or an error."""
        kept = [
            place
            for place, query in enumerate(queries)
            if not isinstance(query, str) or query in self.index or self._inferred(query) is not None
        ]
        if len(kept) < len(queries):
            if not ignore_missing:
                self._refuse(queries)
            told(len(queries) - len(kept), len(queries))
        return kept

    def _found(self, words: Sequence[str], what: str) -> np.ndarray:
        """Rows (m,) of words that are in the table, each once."""
        names = self._several(words, what)
        self._refuse(names, composed=True)
        return np.array(list(dict.fromkeys(self.index[str(word)] for word in names)), np.int64)

    def _unknown(self, words: Sequence[object]) -> DataError:
        """The error of words that are not in the table, or are no words."""
        given = next((word for word in words if not isinstance(word, str)), None)
        if given is None:
            return DataError(unknown_words(words, self.words))
        hint = "; the word of a row is vectors.words[row]" if isinstance(given, int | np.integer) else ""
        hint = "; of several words there is vectors_of(words)" if isinstance(given, list | tuple) else hint
        return DataError(f"a word is a string; got {str(given)[:40]} ({type(given).__name__}){hint}")

    def _refuse(self, queries: Sequence[Query], *, composed: bool = False) -> None:
        """Raise an error that names all words without a vector (with `composed`: of their own), and what is no word."""
        missing = []
        for query in queries:
            if isinstance(query, str):
                if query not in self.index and (composed or self._inferred(query) is None):
                    missing.append(query)
            elif composed or np.ndim(query) == 0:
                raise self._unknown([query])
        if len(missing) == 1 and self.ngrams is not None and not composed:
            self.ngrams.vector(missing[0])  # says that none of its n-grams is known
        if missing:
            raise self._unknown(missing)

    def _raw(self, queries: Sequence[Query]) -> np.ndarray:
        """Vectors (m, D) float32 of words and vectors, a copy."""
        self._refuse(queries)
        raw = np.empty((len(queries), self.dim), np.float32)
        words = [(place, query) for place, query in enumerate(queries) if isinstance(query, str)]
        named = [(place, self.index[word]) for place, word in words if word in self.index]
        if named:
            raw[[place for place, _ in named]] = self.rows([row for _, row in named])
        own = {place for place, _ in named}
        for place, query in enumerate(queries):
            if place not in own:
                raw[place] = self[query] if isinstance(query, str) else self._vector(query)
        return raw

    def _vector(self, query: np.ndarray) -> np.ndarray:
        try:
            vector = np.asarray(query, np.float32)
        except (TypeError, ValueError) as error:
            raise DataError(f"a vector here is {self.dim} numbers: {error}") from error
        if vector.shape != (self.dim,):
            raise DataError(f"a vector here has the shape ({self.dim},); got {vector.shape}")
        if not np.isfinite(vector).all():
            raise DataError("a vector that is asked about has a number that is not finite")
        return vector

    def _units(self, queries: Sequence[Query]) -> np.ndarray:
        """Unit vectors (m, D) of words and vectors.

        Raises
        ------
        DataError
            If one is unknown, not finite, of another shape, or all zeros.
        """
        raw = self._raw(queries)
        if not np.isfinite(raw).all():
            wrong = ~np.isfinite(raw).all(axis=1, keepdims=True)
            self._at(queries, wrong, "is not finite; train again with a lower rate, or load a whole file")
        units = unit_rows(raw)
        if not units.any(axis=1).all():
            self._at(
                queries,
                np.logical_not(units.any(axis=1)),
                "is all zeros: it has no direction, so no cosine and no neighbours",
            )
        return units

    @staticmethod
    def _at(queries: Sequence[Query], wrong: np.ndarray, why: str) -> None:
        place = int(np.flatnonzero(wrong)[0])
        query = queries[place]
        raise DataError(f"the vector {f'of {query!r}' if isinstance(query, str) else f'{place} of those given'} {why}")


def refuse_options(verb: str, given: Mapping[str, Any], allowed: Sequence[str]) -> None:
    """Raise an error about keywords that `verb` does not have, which says what gensim's are called here."""
    for name in given:
        if name in KEYWORDS:
            raise OptionError(f"{verb} has no {name!r}; here it is {KEYWORDS[name]}=")
        raise OptionError(unknown(f"option of {verb}", name, allowed))


def told(missing: int, given: int) -> None:
    """Log how many words are left out, if any."""
    if missing:
        log.warning("%s of %s words are unknown and left out", f"{missing:,}", f"{given:,}")
