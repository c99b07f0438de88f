"""What one can ask all words: which are nearest to words or vectors, analogies, ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from numbers import Real
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, get_args

import numpy as np

from selfsup.errors import DataError, OptionError, unknown
from selfsup.words.approximate import Approximate, How
from selfsup.words.comparing import Comparing
from selfsup.words.queries import Query, refuse_options
from selfsup.words.search import Nearest, Space, unit_rows

Weighted = Query | tuple[Query, float]  # with a weight, or else of weight 1
Arithmetic = Literal["add", "mul"]
EPSILON = 1e-3  # of 3CosMul (Levy and Goldberg 2014, eq. 4)
GENSIM_EPSILON = 1e-6  # gensim's
TOGETHER = 256  # analogies answered in one pass over the table
OPTIONS = ("k", "among", "exclude", "restrict")


class Asking(Comparing):
    """Questions about all words; a part of `WordVectors`."""

    if TYPE_CHECKING:

        def frequent(self, n: int | None) -> np.ndarray: ...  # noqa: D102

    @cached_property
    def _space(self) -> Space:
        return Space(self.vectors, self.scale)

    def most_similar(
        self,
        query: Weighted | Sequence[Weighted] | None = None,
        k: int = 10,
        *,
        positive: Weighted | Sequence[Weighted] = (),
        negative: Weighted | Sequence[Weighted] = (),
        among: Sequence[str] | None = None,
        exclude: Iterable[str] = (),
        restrict: int | None = None,
        **other: Any,
    ) -> list[tuple[str, float]]:
        """Words nearest to a word, to a vector, or to the mean direction of several, without the words given.

        Parameters
        ----------
        query
            A word or a vector (D,), or a list of them: one question about their mean. For an answer to each see `nearest`.
        k
            How many words.
        positive, negative
            Words or vectors (D,) to be near to, and to be far from, beside `query`. Each counts with length 1, or with the
            weight given as in ``positive=[("king", 2.0), "woman"]``.
        among
            Words to look among; None: all.
        exclude
            Words that are never the answer.
        restrict
            Look among the most frequent words only.
        **other
            Names of gensim's for these (``topn``), which are errors that say ours.

        Returns
        -------
        list of (word, cosine)
            Best first; fewer than k where there are no more words. A word whose vector is all zeros is near to nothing.

        Raises
        ------
        DataError
            If a word is unknown (all of them are named, with those spelled like them), or the vectors cancel out.

        Examples
        --------
        >>> vectors.most_similar(positive=["king", "woman"], negative=["man"], k=3)  # doctest: +SKIP
        """
        refuse_options("most_similar", other, ("query", *OPTIONS, "positive", "negative"))
        wanted, unwanted = [*_weighted(query), *_weighted(positive)], _weighted(negative)
        if not wanted and not unwanted:
            raise OptionError("most_similar needs a word, a vector, or words in positive or negative")
        _check(k)
        given = [one for one, _ in (*wanted, *unwanted)]
        weights = np.array([weight for _, weight in wanted] + [-weight for _, weight in unwanted])
        if not np.isfinite(weights).all():
            raise OptionError("weights of words must be finite numbers")
        total = weights @ self._units(given)  # (D,) float64
        if np.linalg.norm(total) <= 1e-6 * np.abs(weights).sum():
            raise DataError("the vectors of the words given cancel out: their sum has no direction, so no neighbours")
        rows, without = self._among(among, restrict), self._without(exclude, given)
        return self._answered(unit_rows(total[None]), k, rows, without)[0]

    def nearest(
        self,
        queries: np.ndarray | Sequence[Query],
        k: int = 10,
        *,
        among: Sequence[str] | None = None,
        exclude: Iterable[str] = (),
        restrict: int | None = None,
        **other: Any,
    ) -> Nearest:
        """Nearest words to each of many words or vectors, several times faster than one after the other.

        Parameters
        ----------
        queries
            Array (m, D), or a list of m words or vectors.
        k, among, exclude, restrict
            See `most_similar`.
        **other
            Names of gensim's for these, which are errors that say ours.

        Returns
        -------
        Nearest
            ``rows`` (m, k) of words and their ``cosines`` (m, k), best first; k is less where a question has no more words.
            A word is left out of its own neighbours, of a vector's nothing is. ``.named(vectors.words)`` has words for rows.
        """
        refuse_options("nearest", other, ("queries", *OPTIONS))
        _check(k)
        rows, without = self._among(among, restrict), self._without(exclude)
        units, own = self._asked(queries)
        found = self._space.nearest(units, k + int((own >= 0).any()), rows=rows, without=without)
        return found.others(own, k)

    def approximate(self, *, links: int = 16, build: int = 64, search: int = 64) -> Approximate:
        """An index of all words for approximate search, by the package usearch; its recall is measured and said.

        Made in a minute for 200,000 words; worth it from ten thousand questions on, one by one: before that `nearest` is faster.

        Parameters
        ----------
        links
            Neighbours of each word in the graph (M of Malkov and Yashunin 2018).
        build, search
            Words kept in view while one is put in, and while one is looked for; more is slower and misses less.

        Returns
        -------
        Approximate
            ``index.nearest(queries, k)`` is as `nearest`; ``index.recall``, ``index.save(path)``.

        Raises
        ------
        MissingError
            If usearch is not installed.
        """
        return Approximate.build(self._space, self._asked, How(links, build, search))

    def load_approximate(self, path: str | PathLike[str]) -> Approximate:
        """An index that ``approximate().save(path)`` wrote, of these vectors; load only files of your own."""
        return Approximate.load(path, self._space, self._asked)

    def analogy(
        self,
        a: Query | Sequence[Query],
        b: Query | Sequence[Query],
        c: Query | Sequence[Query],
        k: int = 10,
        *,
        method: Arithmetic = "add",
        exclude_query: bool = True,
        among: Sequence[str] | None = None,
        exclude: Iterable[str] = (),
        restrict: int | None = None,
        **other: Any,
    ) -> list[tuple[str, float]] | list[list[tuple[str, float]]]:
        """Answers to "a is to b as c is to what?" (Levy and Goldberg 2014).

        Parameters
        ----------
        a, b, c
            Words or vectors (D,); or three lists of m of them, for m questions at once.
        k
            How many answers.
        method
            "add" (3CosAdd): the largest cosine with b - a + c, of unit vectors. "mul" (3CosMul, eq. 4): the largest
            cos(d, b) cos(d, c) / (cos(d, a) + .001), with cosines brought into [0, 1].
        exclude_query
            The words a, b and c are no answers, as is usual in benchmarks. Without that the answer is often b or c itself, so
            say which was used beside a score.
        among, exclude, restrict
            See `most_similar`.
        **other
            Names of gensim's for these, which are errors that say ours.

        Returns
        -------
        list of (word, score)
            Best first; of m questions a list of such lists. The score is the cosine, or the quotient of "mul".

        Examples
        --------
        >>> vectors.analogy("man", "king", "woman", k=1)  # doctest: +SKIP
        """
        refuse_options("analogy", other, ("a", "b", "c", *OPTIONS, "method", "exclude_query"))
        _check(k)
        if method not in get_args(Arithmetic):
            raise OptionError(unknown("method", str(method), get_args(Arithmetic)))
        sides = [[part] if _single(part) else self._several(part, "a, b and c") for part in (a, b, c)]
        if len({len(side) for side in sides}) > 1:
            raise OptionError(f"a, b and c must be as many each; got {', '.join(str(len(side)) for side in sides)}")
        rows, without = self._among(among, restrict), self._without(exclude)
        self._refuse([query for side in sides for query in side])  # all that are unknown, not those of one side
        units = [self._units(side) for side in sides]  # three (m, D)
        own = [{self.index.get(q) for q in three if isinstance(q, str)} for three in zip(*sides, strict=True)]
        answers = []
        for first in range(0, len(own), TOGETHER):
            part = [side[first : first + TOGETHER] for side in units]
            found = self._analogies(part, k + 3 * exclude_query, method, rows, without).named(self.words)
            for question, pairs in enumerate(found, first):
                hidden = own[question] if exclude_query else set()
                answers.append([pair for pair in pairs if self.index[pair[0]] not in hidden][:k])
        return answers[0] if all(map(_single, (a, b, c))) else answers

    def most_similar_cosmul(
        self,
        positive: Query | Sequence[Query] = (),
        negative: Query | Sequence[Query] = (),
        k: int = 10,
        *,
        among: Sequence[str] | None = None,
        exclude: Iterable[str] = (),
        restrict: int | None = None,
        **other: Any,
    ) -> list[tuple[str, float]]:
        """Words with the largest product of cosines with `positive` over that with `negative` and 1e-6, as in gensim.

        Cosines are brought into [0, 1]. An analogy by 3CosMul as published, with .001, is ``analogy(..., method="mul")``.
        """
        refuse_options("most_similar_cosmul", other, ("positive", "negative", *OPTIONS))
        _check(k)
        wanted, unwanted = ([one for one, _ in _weighted(side)] for side in (positive, negative))
        if not wanted:
            raise OptionError("most_similar_cosmul needs a word or a vector in positive")
        rows, without = self._among(among, restrict), self._without(exclude, [*wanted, *unwanted])
        units = self._units([*wanted, *unwanted])

        def quotient(cosines: np.ndarray) -> np.ndarray:
            shares = (1 + cosines) / 2  # (p + q, b)
            made: np.ndarray = shares[: len(wanted)].prod(axis=0) / (
                shares[len(wanted) :].prod(axis=0) + GENSIM_EPSILON
            )
            return made[None]

        return self._answered(units, k, rows, without, quotient)[0]

    def closer_than(self, a: str, b: str) -> list[str]:
        """Words nearer to `a` than `b` is, by cosine, the nearest first; without `a` itself."""
        unit = self._units([a, b])[0]
        cosines = self._space.cosines(unit)  # (n,)
        row = self.index.get(b)
        bound = self.similarity(a, b) if row is None else cosines[row]
        rows = np.flatnonzero((cosines > bound) & (self._space.inverse != 0))
        rows = rows[rows != self.index.get(a, -1)]
        return [self.words[place] for place in rows[np.argsort(-cosines[rows], kind="stable")].tolist()]

    words_closer_than = closer_than

    def rank(self, a: str, b: str) -> int:
        """Place of `b` among the words nearest to `a`, from 1."""
        return len(self.closer_than(a, b)) + 1

    def relative_cosine_similarity(self, a: str, b: str, k: int = 10) -> float:
        """Cosine of two words over the sum of those of the k words nearest to `a` (Leeuwenberg et al. 2016, eq. 1).

        Above 1 / k, `b` is nearer than these are on average.
        """
        total = sum(cosine for _, cosine in self.most_similar(a, k))
        if total == 0:
            raise DataError(f"the cosines of {a!r} with its neighbours sum to 0, so nothing is relative to them")
        return self.similarity(a, b) / total

    def distances(self, query: Query, words: Sequence[str] = ()) -> np.ndarray:
        """1 less the cosine of a word or vector (D,) with words (m,), or with all (n,); 1 of a vector of zeros."""
        unit = self._units([query])[0]
        if len(words):
            return 1 - self.cosine_similarities(unit, self._raw(self._several(words, "words")))
        return 1 - self._space.cosines(unit)

    def _answered(
        self,
        units: np.ndarray,
        k: int,
        rows: np.ndarray | None,
        without: np.ndarray | None,
        combined: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> list[list[tuple[str, float]]]:
        return self._space.nearest(units, k, rows=rows, without=without, combined=combined).named(self.words)

    def _analogies(
        self,
        sides: list[np.ndarray],
        k: int,
        method: Arithmetic,
        rows: np.ndarray | None,
        without: np.ndarray | None,
    ) -> Nearest:
        """Answers to m questions of unit vectors a, b, c (m, D) each."""
        a, b, c = sides
        if method == "add":
            aims = b - a + c
            zero = ~(np.abs(aims) > 1e-6).any(axis=1)
            if zero.any():
                raise DataError(
                    f"b - a + c of question {int(np.flatnonzero(zero)[0])} is all zeros, so nothing is near to it"
                )
            return self._space.nearest(unit_rows(aims), k, rows=rows, without=without)

        def quotient(cosines: np.ndarray) -> np.ndarray:
            shares = (1 + cosines) / 2  # (3 m, b)
            to_a, to_b, to_c = np.split(shares, 3)
            made: np.ndarray = to_b * to_c / (to_a + EPSILON)
            return made

        return self._space.nearest(np.concatenate([a, b, c]), k, rows=rows, without=without, combined=quotient)

    def _among(self, among: Sequence[str] | None, restrict: int | None) -> np.ndarray | None:
        """Rows to look among, rising; None: all."""
        rows = None if restrict is None else np.sort(self.frequent(restrict))
        if among is None:
            return rows
        chosen = np.sort(self._found(among, "among"))
        return chosen if rows is None else np.intersect1d(chosen, rows, assume_unique=True)

    def _without(self, exclude: Iterable[str], given: Sequence[Query] = ()) -> np.ndarray | None:
        """Rows that are no answers: of words to exclude, where they are known, and of words given."""
        names = [exclude] if isinstance(exclude, str) else list(exclude)
        rows = {self.index.get(word) for word in (*names, *given) if isinstance(word, str)} - {None}
        return np.array(sorted(row for row in rows if row is not None), np.int64) if rows else None

    def _asked(self, queries: np.ndarray | Sequence[Query]) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors (m, D) of many questions, and their own rows (m,), -2 of a vector and of a word that has none."""
        if isinstance(queries, str):
            raise OptionError(
                f"nearest answers a list of questions: nearest([{queries!r}]), or most_similar({queries!r})"
            )
        if isinstance(queries, np.ndarray):
            return self._many(queries), np.full(len(queries), -2)
        asked = self._several(queries, "queries")
        own = [self.index.get(query, -2) if isinstance(query, str) else -2 for query in asked]
        return self._units(asked), np.array(own, np.int64)

    def _many(self, vectors: np.ndarray) -> np.ndarray:
        """Unit vectors (m, D) of an array."""
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise DataError(f"vectors must be an array (m, {self.dim}); got {vectors.shape}")
        units = unit_rows(np.asarray(vectors, np.float32))
        zero = np.flatnonzero(~units.any(axis=1))
        if len(zero):
            raise DataError(
                f"vector {zero[0]} of {len(vectors)} is all zeros: it has no direction, so no neighbours; leave it out"
            )
        return units


def _check(k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise OptionError(f"k must be a whole number of 1 or more; got {k!r}")


def _single(query: Weighted | Sequence[Weighted]) -> TypeGuard[Query]:
    return isinstance(query, str) or (isinstance(query, np.ndarray) and query.ndim == 1)


def _weighted(queries: Weighted | Sequence[Weighted] | None) -> list[tuple[Query, float]]:
    """One word or vector, or several, each with its weight."""
    if queries is None:
        return []
    if _single(queries):
        return [(queries, 1.0)]
    if isinstance(queries, np.ndarray):
        raise DataError(
            f"one question takes one vector (D,), or a list of them for their mean; got an array {queries.shape}: "
            "use nearest(vectors) for an answer to each row"
        )
    items: list[Any] = list(queries)
    if items and all(isinstance(item, Real) for item in items):
        return [(np.array(items, np.float32), 1.0)]
    if isinstance(queries, tuple) and len(items) == 2 and isinstance(items[1], Real):
        return [(items[0], float(items[1]))]
    return [(item[0], float(item[1])) if _has_weight(item) else (item, 1.0) for item in items]


def _has_weight(item: object) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], Real) and not isinstance(item[0], Real)
