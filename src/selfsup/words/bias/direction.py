"""The direction of an attribute in word vectors, how much of its pairs it explains, and how much of that is chance.

Bolukbasi et al. (2016, sec. 5.1) and their code: each pair is centred at its mean, and the first principal component of what is
left is the direction. Of p pairs these are p differences u - v, halved and with both signs, so that the components are the
singular vectors of the differences (p, D), and all shares follow from their products with each other (p, p).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from selfsup.errors import DataError, OptionError, unknown
from selfsup.words.bias.attribute import Attribute, classes_of
from selfsup.words.bias.components import METHODS, TINY
from selfsup.words.bias.given import SAME, all_units, found_pairs, known, listed, named, row_of, units, whole_number
from selfsup.words.search import unknown_words
from selfsup.words.vectors import WordVectors

BATCH = 1 << 22  # numbers of random pairs held at once: 32 MB

Asked = Attribute | str | PathLike[str] | Mapping[str, Any] | Sequence[tuple[str, str]]


class Null(NamedTuple):
    """Share of the first component of as many pairs of random words: what "no common direction" looks like.

    Attributes
    ----------
    mean, low, high
        Of the drawn shares, and the range that holds 95 % of them.
    draws
        How many.
    p
        (r + 1) / (draws + 1), r of the draws having at least the share of the direction's own pairs.
    restrict
        The random words are among so many most frequent ones.
    """

    mean: float
    low: float
    high: float
    draws: int
    p: float
    restrict: int


@dataclass(frozen=True, eq=False)
class Direction:
    """A direction in word vectors, from pairs of words that differ in an attribute.

    Attributes
    ----------
    vector
        (D,) float64 of length 1, toward the first of `ends`.
    shares
        (k,) of the squared residuals of the pairs: of each component, largest first, or of the one difference.
    ends
        A pair of words, the one on the positive side first.
    method
        "pca", "difference" or "mean".
    pairs
        The pairs it is from, as they are in the vectors.
    missing
        Words of other pairs, which the vectors do not have.
    attribute
        Its name.
    vectors
        The word vectors.
    about
        The attribute, whole.
    """

    vector: np.ndarray
    shares: np.ndarray
    ends: tuple[str, str]
    method: str
    pairs: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    attribute: str
    vectors: WordVectors
    about: Attribute

    def __repr__(self) -> str:
        return f"Direction({self})"

    def __str__(self) -> str:
        lost = f"; not in the vectors: {named(self.missing)}" if self.missing else ""
        return (
            f"{self.attribute}, from {self.ends[1]} to {self.ends[0]}: {METHODS[self.method].said} of {len(self.pairs)} pairs, "
            f"share {self.share:.3f}{lost}"
        )

    @property
    def share(self) -> float:
        """Share of the squared residuals of the pairs that lies along the direction."""
        return float(self.shares[0])

    @property
    def specific(self) -> set[str]:
        """Words, in lower case, that have the attribute by definition: those that it names, and those of its pairs."""
        return {word.lower() for word in (*self.about.specific, *(word for pair in self.about.pairs for word in pair))}

    def project(self, words: Sequence[str]) -> np.ndarray:
        """Cosines (m,) of words with the direction; of a word as it is given, or else in lower case.

        Raises
        ------
        DataError
            If a word is unknown, or has a vector of zeros.
        """
        asked = listed(words, "words")
        rows = [row_of(self.vectors, word) for word in asked]
        if None in rows:
            lost = [word for word, row in zip(asked, rows, strict=True) if row is None]
            raise DataError(unknown_words(lost, self.vectors.words))
        return self.of_rows(np.array(rows, np.int64))

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        """Cosines (m,) of rows (m,) of the table with the direction."""
        return self.along(self.vectors, rows)

    def along(self, vectors: WordVectors, rows: np.ndarray) -> np.ndarray:
        """Cosines (m,) of rows (m,) of these or other vectors with the direction.

        Raises
        ------
        DataError
            If the other vectors have another length.
        """
        if known(vectors).dim != len(self.vector):
            raise DataError(f"the direction is of {len(self.vector)}-d vectors; got vectors of {vectors.dim}-d")
        cosines: np.ndarray = units(vectors, rows) @ self.vector
        return cosines

    def all(self) -> np.ndarray:
        """Cosines (n,) of every word of the table with the direction; 0 of a vector of zeros."""
        return np.concatenate([rows @ self.vector for _, rows in all_units(self.vectors)])

    def leave_one_out(self) -> list[dict[str, Any]]:
        """For each pair what is found without it: `pair`, `share`, and `cosine` with the whole; empty where one pair is all."""
        differences, way = self._differences(), METHODS[self.method]
        found = []
        for place in range(len(differences) if len(differences) > 1 else 0):
            vector, shares = way.found(np.delete(differences, place, axis=0), 0)
            pair = list(self.pairs[place])
            found.append({"pair": pair, "share": float(shares[0]), "cosine": abs(float(vector @ self.vector))})
        return found

    def null(self, draws: int = 1000, seed: int = 0, restrict: int = 10_000) -> Null:
        """The share that as many pairs of random words give, by the same method.

        Parameters
        ----------
        draws
            How often pairs are drawn.
        seed
            Of the draws.
        restrict
            The words are drawn among so many most frequent ones: rare words lie elsewhere.

        Raises
        ------
        OptionError
            If an option is out of its range.
        DataError
            If the vectors have too few words.
        """
        draws, restrict = whole_number(draws, "draws"), whole_number(restrict, "restrict")
        drawn = np.concatenate([METHODS[self.method].shares(grams) for grams in self._random(draws, seed, restrict)])
        above = int((drawn >= self.share - TINY).sum())
        low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
        words = min(restrict, len(self.vectors))
        return Null(float(drawn.mean()), low, high, draws, (above + 1) / (draws + 1), words)

    def of(self, vectors: WordVectors) -> Direction:
        """The direction of the same pairs in other vectors."""
        about = replace(self.about, pairs=self.pairs)
        return direction(vectors, about, method=self.method, positive=self.ends[0])

    def _differences(self) -> np.ndarray:
        """Differences (p, D) of the pairs, the words of length 1."""
        return _differences(
            self.vectors, np.array([[self.vectors.index[word] for word in pair] for pair in self.pairs])
        )

    def _random(self, draws: int, seed: int, restrict: int) -> Iterator[np.ndarray]:
        """Products (b, p, p) of the differences of p pairs of 2 p different random words, a batch of draws at a time."""
        p, rng = len(self.pairs), np.random.default_rng(seed)
        rows = self.vectors.frequent(restrict)
        rows = rows[np.any(self.vectors.rows(rows) != 0, axis=1)]
        if len(rows) < 2 * p:
            raise DataError(f"{p} pairs of different random words need {2 * p} words; got {len(rows)}")
        batch = max(1, BATCH // (2 * p * self.vectors.dim))
        for first in range(0, draws, batch):
            chosen = [rng.choice(len(rows), 2 * p, replace=False) for _ in range(min(batch, draws - first))]
            sides = units(self.vectors, rows[np.concatenate(chosen)]).reshape(len(chosen), p, 2, -1)
            differences = sides[:, :, 0] - sides[:, :, 1]  # (b, p, D)
            yield differences @ differences.transpose(0, 2, 1)


def direction(
    vectors: WordVectors, pairs: Asked = "gender", *, method: str = "pca", positive: str | None = None
) -> Direction:
    """The direction of an attribute, from pairs of words that differ in it.

    Parameters
    ----------
    vectors
        The word vectors, used with length 1.
    pairs
        A bundled attribute ("gender", "religion"), a JSON file, or pairs of words (see `Attribute.read`). A word that the vectors
        do not have as it is given is looked for in lower case.
    method
        "pca": the first principal component of the pairs, each centred at its mean (Bolukbasi et al. 2016, sec. 5.1);
        "difference": of one pair, that with the word `positive`, or else the first; "mean": the mean difference of all pairs.
    positive
        A word on the positive side: PCA alone leaves the sign open. By default the attribute's own, or the first word of the
        first pair. A word of a pair projects further than its partner, any other word to more than 0.

    Raises
    ------
    OptionError
        If an option is unknown, or `pairs` is no list of pairs.
    DataError
        If fewer than 2 pairs are usable (1 for the differences), a pair is two identical vectors, or `positive` is unknown.
    """
    about = Attribute.read(pairs)
    if not isinstance(method, str) or method not in METHODS:
        raise OptionError(unknown("method", str(method), METHODS))
    if not about.pairs:
        raise DataError(f"the attribute {about.name} has no pairs, only classes; those span a subspace: see `subspace`")
    way = METHODS[method]
    usable = found_pairs(known(vectors), about.pairs, f"the pairs of {about.name}", least=way.least)
    word = _positive(vectors, positive, about, usable.pairs)
    place = next((place for place, pair in enumerate(usable.pairs) if word in pair), 0)
    vector, shares = way.found(_differences(vectors, usable.rows), place)
    vector = vector * _sign(vectors, word, usable.pairs[place], vector)
    ends = _ordered(vectors, usable.pairs[place], vector)
    return Direction(vector, shares, ends, method, usable.pairs, usable.missing, about.name, vectors, about)


def _positive(vectors: WordVectors, positive: str | None, about: Attribute, pairs: tuple[tuple[str, str], ...]) -> str:
    """The word that fixes the sign, as it is in the vectors; one that was asked for must be there."""
    asked = about.positive if positive is None else listed([positive], "positive")[0]
    row = None if asked is None else row_of(vectors, asked)
    if row is not None:
        return vectors.words[row]
    if positive is not None:
        raise DataError(f"{unknown_words([positive], vectors.words)} It was to fix the sign of the direction")
    return pairs[0][0]


def _sign(vectors: WordVectors, word: str, pair: tuple[str, str], vector: np.ndarray) -> float:
    """1 or -1, with which a vector (D,) points toward a word: away from its partner where it has one, else from the origin."""
    others = [other for other in pair if other != word] if word in pair else []
    along = units(vectors, np.array([vectors.index[one] for one in (word, *others)])) @ vector
    side = float(along[0] - along[1:].sum())
    if abs(side) < TINY:
        raise DataError(f"the word {word!r} lies on neither side of the direction; name another one as 'positive'")
    return 1.0 if side > 0 else -1.0


def _ordered(vectors: WordVectors, pair: tuple[str, str], vector: np.ndarray) -> tuple[str, str]:
    """A pair, the word further along a vector (D,) first."""
    first, second = units(vectors, np.array([vectors.index[word] for word in pair])) @ vector
    return pair if first >= second else pair[::-1]


def _differences(vectors: WordVectors, rows: np.ndarray) -> np.ndarray:
    """Differences (p, D) of the words (p, 2) by their rows, each of length 1."""
    sides = units(vectors, rows.ravel()).reshape(len(rows), 2, -1)
    made: np.ndarray = sides[:, 0] - sides[:, 1]
    return made


@dataclass(frozen=True, eq=False)
class Subspace:
    """What the classes of an attribute span.

    Attributes
    ----------
    basis
        (k, D) float64, orthonormal.
    shares
        (k,) of the squared residuals.
    names
        Of the classes.
    sets
        The sets it is from, as their words are in the vectors: one word of each class.
    missing
        Words of other sets, which the vectors do not have.
    attribute
        Its name.
    """

    basis: np.ndarray
    shares: np.ndarray
    names: tuple[str, ...]
    missing: tuple[str, ...]
    sets: tuple[tuple[str, ...], ...]
    attribute: str


def subspace(
    vectors: WordVectors, classes: Asked | Sequence[Sequence[str]] = "religion", k: int | None = None
) -> Subspace:
    """The subspace of an attribute of several classes (Manzini et al. 2019, sec. 3): sets centred at their means, then PCA.

    Parameters
    ----------
    vectors
        The word vectors, used with length 1.
    classes
        Sets with one word of each class, such as ``[["jew", "christian", "muslim"], ["torah", "bible", "quran"]]``; an
        attribute, or its name or file.
    k
        How many components; None: one less than there are classes, which is what a set spans.

    Raises
    ------
    OptionError
        If the sets are not of equally many words, or `k` is out of its range.
    DataError
        If no set is usable, or the words of one are identical vectors.
    """
    about = _classes(classes)
    sets = about.sets
    width = len(sets[0])
    rows = [[row_of(known(vectors), word) for word in one] for one in sets]
    usable = [row for row in rows if None not in row]
    lost = {
        word for one, row in zip(sets, rows, strict=True) for word, place in zip(one, row, strict=True) if place is None
    }
    missing = tuple(sorted(lost))
    least = 2 if width == 2 else 1
    if len(usable) < least:
        raise DataError(
            f"the sets of {about.name}: at least {least} with all words in the vectors are needed, got {len(usable)} of "
            f"{len(sets)}; missing: {named(missing)}"
        )
    sides = units(vectors, np.array(usable, np.int64).ravel()).reshape(len(usable), width, -1)  # (s, c, D)
    residuals = (sides - sides.mean(axis=1, keepdims=True)).reshape(-1, vectors.dim)
    _, sizes, components = np.linalg.svd(residuals, full_matrices=False)
    rank = int((sizes > SAME).sum())
    if not rank:
        raise DataError(f"the sets of {about.name}: the words of each are identical vectors, which span nothing")
    k = min(width - 1, rank) if k is None else whole_number(k, "k", rank)
    words = tuple(tuple(vectors.words[int(row)] for row in one if row is not None) for one in usable)
    names = about.class_names or sets[0]
    return Subspace(
        components[:k],
        (sizes**2 / (sizes**2).sum())[:k],
        names,
        missing,
        words,
        about.name,
    )


def _classes(classes: Any) -> Attribute:
    """An attribute of classes, from its name or file, or from sets of words."""
    if isinstance(classes, Attribute | str | PathLike | Mapping):
        return Attribute.read(classes)
    return Attribute("classes", classes=classes_of(classes, "classes"))
