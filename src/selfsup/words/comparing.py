"""What one can ask of given words, without a search: how near they are, their mean, the odd one out, parts of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np

from selfsup.errors import DataError, OptionError
from selfsup.lazy import scipy
from selfsup.words.queries import Queries, Query, told
from selfsup.words.search import unit_rows


class Comparing(Queries):
    """Questions about given words; a part of `WordVectors`."""

    def similarity(self, a: Query, b: Query) -> float:
        """Cosine of two words or vectors (D,).

        Raises
        ------
        DataError
            If a word is unknown, or a vector is all zeros, which has no direction.
        """
        pair = self._units([a, b])  # (2, D)
        return float(pair[0] @ pair[1])

    def distance(self, a: Query, b: Query) -> float:
        """1 less the cosine of two words or vectors (D,)."""
        return 1 - self.similarity(a, b)

    def n_similarity(self, first: Sequence[Query], second: Sequence[Query], *, ignore_missing: bool = True) -> float:
        """Cosine of the mean vectors of two lists of words, as long as they are; of unknown words see `get_mean_vector`.

        Raises
        ------
        DataError
            If a list has no known word, or its vectors cancel out.
        """
        means = [
            self.get_mean_vector(words, pre_normalize=False, ignore_missing=ignore_missing) for words in (first, second)
        ]
        return self.similarity(*means)

    def get_mean_vector(
        self,
        words: Sequence[Query],
        weights: Sequence[float] | np.ndarray | None = None,
        *,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> np.ndarray:
        """Mean vector (D,) of words and vectors, over the sum of the absolute weights.

        Parameters
        ----------
        words
            m words or vectors (D,).
        weights
            Of each (m,); 1 where they are not given.
        pre_normalize
            Each word counts with length 1. Vectors count as they are.
        post_normalize
            Make the mean of length 1.
        ignore_missing
            Leave unknown words out, which is logged; otherwise they are an error that names them.

        Returns
        -------
        ndarray
            float32; zeros if no word is known, which is logged too.
        """
        queries = self._several(words, "words")
        share = np.ones(len(queries)) if weights is None else np.asarray(weights, np.float64)
        if share.shape != (len(queries),) or not np.isfinite(share).all():
            raise OptionError(f"weights are {len(queries)} finite numbers, one a word; got an array {share.shape}")
        kept = self._known(queries, ignore_missing)
        if not kept:
            return np.zeros(self.dim, np.float32)
        raw, share = self._raw([queries[place] for place in kept]), share[kept]
        if pre_normalize:
            named = [number for number, place in enumerate(kept) if isinstance(queries[place], str)]
            raw[named] = unit_rows(raw[named])
        total = np.abs(share).sum()
        mean: np.ndarray = (share @ raw / (total or 1)).astype(np.float32)
        return unit_rows(mean[None])[0] if post_normalize else mean

    def rank_by_centrality(
        self, words: Sequence[str], *, pre_normalize: bool = True, ignore_missing: bool = False
    ) -> list[tuple[float, str]]:
        """Words with their products with the direction of their mean, the largest first.

        Parameters
        ----------
        words
            Two or more.
        pre_normalize
            Each word counts with length 1, so that the products are cosines.
        ignore_missing
            Leave unknown words out, which is logged; otherwise they are an error that names them.
        """
        given = self._several(words, "words")
        known = [given[place] for place in self._known(given, ignore_missing)]
        if len(known) < 2:
            raise OptionError(f"to compare words there must be two or more known ones; got {len(known)}")
        rows = self._units(known) if pre_normalize else self._raw(known)  # (m, D)
        mean = rows.mean(axis=0, dtype=np.float64)
        if not mean.any():
            raise DataError("the vectors of these words cancel out: their mean has no direction")
        near = rows @ (mean / np.linalg.norm(mean))
        return sorted(((float(product), str(word)) for product, word in zip(near, known, strict=True)), reverse=True)

    def doesnt_match(self, words: Sequence[str], *, ignore_missing: bool = False) -> str:
        """The odd one out: the word with the smallest cosine with the mean of all, each counted with length 1.

        Parameters
        ----------
        words
            Three or more.
        ignore_missing
            Leave unknown words out, which is logged; otherwise they are an error that names them.

        Examples
        --------
        >>> vectors.doesnt_match(["breakfast", "cereal", "dinner", "lunch"])  # doctest: +SKIP
        """
        ranked = self.rank_by_centrality(words, ignore_missing=ignore_missing)
        if len(ranked) < 3:
            raise OptionError(f"of two words neither is the odd one; give three or more known ones, got {len(ranked)}")
        return ranked[-1][1]

    def most_similar_to_given(self, word: Query, words: Sequence[str]) -> str:
        """The word of a list that is nearest to `word`; the first of equal ones."""
        given = self._several(words, "words")
        best: str = given[int(np.argmax(self._units(given) @ self._units([word])[0]))]  # type: ignore[assignment]
        return best

    @staticmethod
    def cosine_similarities(vector: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Cosines (m,) of a vector (D,) with the rows (m, D) of others; 0 of a row of zeros.

        Raises
        ------
        DataError
            If shapes do not fit, a number is not finite, or `vector` is all zeros.
        """
        one, many = np.asarray(vector, np.float32), np.asarray(vectors, np.float32)
        if one.ndim != 1 or many.ndim != 2 or many.shape[1] != len(one):
            raise DataError(f"a vector (D,) and rows (m, D) are compared; got {one.shape} and {many.shape}")
        if not one.any():
            raise DataError("the vector is all zeros: it has no direction, so no cosine")
        cosines: np.ndarray = unit_rows(many) @ unit_rows(one[None])[0]
        return cosines

    def wmdistance(self, first: Sequence[str], second: Sequence[str], norm: bool = True) -> float:
        """Word mover's distance of two texts: what it costs to move the words of one to those of the other.

        Exact, by linear programming (Kusner et al. 2015, section 4); seconds where both have several hundred different words.

        Parameters
        ----------
        first, second
            Texts as lists of words; unknown words are left out, which is logged.
        norm
            Vectors of length 1 are compared.

        Returns
        -------
        float
            Infinity if a text has no known word.
        """
        texts = [self._several(text, "a text") if len(text) else [] for text in (first, second)]
        counts = [Counter(str(text[place]) for place in self._known(text, True)) for text in texts]
        if not all(counts):
            return float("inf")
        mass = [{word: n / count.total() for word, n in count.items()} for count in counts]
        stay = {word: min(mass[0][word], mass[1][word]) for word in counts[0].keys() & counts[1].keys()}
        left = [{word: share - stay.get(word, 0.0) for word, share in side.items()} for side in mass]
        moved = [[word for word, share in side.items() if share > 1e-12] for side in left]
        if not all(moved):
            return 0.0
        vectors = [self._units(side) if norm else self._raw(side) for side in moved]
        cost = scipy.spatial.distance.cdist(*(rows.astype(np.float64) for rows in vectors))
        return _moved(cost, *(np.array([left[at][word] for word in moved[at]]) for at in (0, 1)))

    def subset(self, words: Sequence[str]) -> Self:
        """Word vectors of some words alone, in the order given, each once; stored as these are, with counts and n-grams.

        Raises
        ------
        DataError
            If a word is unknown.
        """
        rows = self._found(words, "words")
        counts = None if self.counts is None else self.counts[rows]
        scale = None if self.scale is None else self.scale[rows]
        names = [self.words[row] for row in rows.tolist()]
        return type(self)(names, self.vectors[rows], counts, self.ngrams, scale=scale)

    def vectors_for_all(self, words: Iterable[str], allow_inference: bool = True) -> Self:
        """Word vectors of those among `words` that have one, in their order, each once; the others are left out, which is logged.

        Parameters
        ----------
        words
            Words, such as the vocabulary of another text.
        allow_inference
            A word without a vector of its own gets one from its n-grams, where there are vectors of n-grams.
        """
        wanted = [str(word) for word in self._several(list(dict.fromkeys(words)), "words")]
        new = {word: self._inferred(word) for word in wanted if allow_inference and word not in self.index}
        made = {word: vector for word, vector in new.items() if vector is not None}
        kept = [word for word in wanted if word in self.index or word in made]
        told(len(wanted) - len(kept), len(wanted))
        if not kept:
            raise DataError(f"none of the {len(wanted)} words is known, so no table can be made of them")
        if not made:
            return self.subset(kept)
        return type(self)(
            kept, np.stack([made[word] if word in made else self[word] for word in kept]), None, self.ngrams
        )

    def add_vectors(
        self, words: Sequence[str], vectors: np.ndarray | Sequence[np.ndarray], *, replace: bool = False
    ) -> Self:
        """New word vectors: these, and others after them; what is here stays as it is. Counts are not kept.

        Parameters
        ----------
        words
            m words.
        vectors
            Array (m, D).
        replace
            A word that is here already gets the new vector; otherwise it keeps its own.

        Returns
        -------
        WordVectors
            float16 where these are; else float32.
        """
        names = [str(word) for word in self._several(words, "words")]
        try:
            given = np.asarray(vectors, np.float32)
        except (TypeError, ValueError) as error:
            raise DataError(f"vectors must be an array ({len(names)}, {self.dim}) of numbers: {error}") from error
        if given.shape != (len(names), self.dim) or not np.isfinite(given).all():
            raise DataError(f"{len(names)} words need finite vectors ({len(names)}, {self.dim}); got {given.shape}")
        if len(set(names)) < len(names):
            raise DataError(f"the word {Counter(names).most_common(1)[0][0]!r} is given more than once")
        known = np.array([word in self.index for word in names], bool)
        kind = np.float16 if self.vectors.dtype == np.float16 else np.float32
        table = np.concatenate([self.rows(slice(None)), given[~known]]).astype(kind)  # (n + new, D)
        if replace:
            table[[self.index[word] for word, here in zip(names, known, strict=True) if here]] = given[known]
        new = [word for word, here in zip(names, known, strict=True) if not here]
        return type(self)([*self.words, *new], table, None, self.ngrams)


def _moved(cost: np.ndarray, here: np.ndarray, there: np.ndarray) -> float:
    """Least cost of moving shares (a,) to shares (b,) at a cost (a, b) each."""
    a, b = cost.shape
    if min(a, b) == 1:
        return float((cost * np.outer(here, there) / max(here.sum(), 1e-300)).sum())
    leave = scipy.sparse.kron(scipy.sparse.eye_array(a), np.ones((1, b)))
    arrive = scipy.sparse.kron(np.ones((1, a)), scipy.sparse.eye_array(b))
    rules = scipy.sparse.vstack([leave, arrive], format="csr")[:-1]  # the last follows from the others
    shares = np.concatenate([here, there * here.sum() / there.sum()])[:-1]
    solved = scipy.optimize.linprog(cost.ravel(), A_eq=rules, b_eq=shares, bounds=(0, None), method="highs")
    if solved.status != 0:
        raise DataError(f"the distance of these texts cannot be solved for: {solved.message}")
    return float(solved.fun)
