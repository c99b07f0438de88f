"""Measures of words against groups of words: RND, ECT, MAC, RIPA and SAME."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from selfsup.errors import DataError, OptionError
from selfsup.measures.words.bias.bootstrap import (
    FREQUENT,
    average,
    drawn,
    frequent_units,
    interval,
    parts_drawn,
    parts_given,
    parts_split,
    percentiles,
    shares,
)
from selfsup.measures.words.bias.score import LOST, Score, sets_of
from selfsup.measures.words.similarity import ranks
from selfsup.words.bias.direction import Direction
from selfsup.words.bias.given import Found, found, found_pairs, known
from selfsup.words.vectors import WordVectors

SMALL = 1e-6  # length below which a mean, or a difference of means, is none, as float32 cannot tell it from zero
TARGET = "target words"
SPLIT_DRAWS = 200
FEWEST_SPLITS = 20
SPLITS = "Chance is the mean of {what} for random splits of the two groups' words together into groups of their sizes."
RANDOM = f"Chance is the value for a random word (of the {FREQUENT:,} most frequent)."


def rnd(
    vectors: WordVectors,
    first: Sequence[str],
    second: Sequence[str],
    words: Sequence[str],
    *,
    seed: int = 0,
    allow_missing: bool = False,
    of: str = "",
) -> Score:
    """Relative norm distance (Garg, Schiebinger, Jurafsky and Zou 2018, PNAS 115:16, Methods).

    The mean over the words of their distance from the mean vector of the first group less that from the mean vector of the
    second; negative where the words are nearer to the first. Vectors have length 1, as the paper's; WEFE takes them as they are
    unless ``normalize=True``. The paper sums over the words where this, as WEFE, takes the mean.

    Parameters
    ----------
    vectors
        The words and their vectors.
    first, second
        Two groups of words, such as those for women and for men.
    words
        Words that should be as near to the one as to the other.
    seed
        Of the bootstrap and of the random splits.
    allow_missing
        Also if a set lost more than 20 % of its words.
    of
        What the score is called.

    Raises
    ------
    DataError
        If a set lost more than 20 % of its words, or sets overlap; it names the words.
    """
    sets = sets_of(vectors, {"first": first, "second": second, "words": words}, allow_missing=allow_missing)
    one, two, target = sets.units.values()
    groups = np.vstack([one, two])  # (n1 + n2, D)
    gram, cosines = groups @ groups.T, groups @ target.T

    def distances(parts: np.ndarray) -> np.ndarray:
        """Distances (k, m) of the words from k means, which are made of such parts (k, n1 + n2) of the groups' words."""
        squares = np.einsum("kn,nj,kj->k", parts, gram, parts, optimize=True)[:, None] + 1 - 2 * parts @ cosines
        lengths: np.ndarray = np.sqrt(np.maximum(squares, 0))
        return lengths

    sizes = (len(one), len(two), len(target))
    of_one, of_two, of_words = drawn(sizes, seed=seed)
    left, right = parts_drawn(of_one, of_two, sizes)
    values = ((distances(left) - distances(right)) * shares(of_words, len(target))).sum(axis=1)  # (draws,)
    left, right = parts_split(sizes, seed)
    chance = average(np.abs((distances(left) - distances(right)).mean(axis=1)))
    left, right = parts_given(sizes)
    low, high = percentiles(values, sizes)
    return Score(
        "RND",
        of or _of(sets.found),
        float((distances(left) - distances(right)).mean()),
        low,
        high,
        chance if _many_splits(sizes) else None,
        0.0,
        note=f"Negative: nearer to the first group. {SPLITS.format(what='|RND|')}",
        **sets.facts,
    )


def ect(
    vectors: WordVectors,
    first: Sequence[str],
    second: Sequence[str],
    words: Sequence[str],
    *,
    seed: int = 0,
    allow_missing: bool = False,
    of: str = "",
) -> Score:
    """Embedding coherence test (Dev and Phillips 2019, AISTATS, its definition of ECT): Spearman's correlation; 1 is no bias.

    Of the words' cosines with the mean vector of the first group and those with that of the second: do both groups put the
    words in the same order?

    Parameters
    ----------
    vectors, first, second, words, seed, allow_missing, of
        See `rnd`; at least 3 words.

    Raises
    ------
    DataError
        See `rnd`; also if the vectors of a group cancel each other out.
    """
    sets = sets_of(vectors, {"first": first, "second": second, "words": words}, allow_missing=allow_missing)
    one, two, target = sets.units.values()
    if len(target) < 3:
        raise DataError(f"ECT is a correlation over words and needs at least 3 of them; got {len(target)}")
    for name in ("first", "second"):
        if np.linalg.norm(sets.units[name].mean(axis=0)) < SMALL:
            raise DataError(f"the vectors of {name} cancel each other out, so that they have no mean direction")
    cosines = np.vstack([one, two]) @ target.T  # (n1 + n2, m); their means are in the order of cosines with the mean
    sizes = (len(one), len(two), len(target))
    own = _spearman(*(parts[0] @ cosines for parts in parts_given(sizes)))
    left, right = (parts @ cosines for parts in parts_split(sizes, seed, draws=SPLIT_DRAWS))  # (draws, m)
    chance = np.array([_spearman(a, b) for a, b in zip(left, right, strict=True)])

    def value(rows: list[np.ndarray]) -> float:
        of_words = cosines[:, rows[2]]
        return _spearman(of_words[rows[0]].sum(axis=0), of_words[len(one) + rows[1]].sum(axis=0))

    alike = "" if np.isfinite(own) else "a group is as near to all words, which have no order then"
    low, high = (None, None) if alike else interval(value, sizes, seed=seed)
    return Score(
        "ECT",
        of or _of(sets.found),
        None if alike else own,
        low,
        high,
        average(chance) if _many_splits(sizes) else None,
        1.0,
        withheld=alike,
        note=SPLITS.format(what="ECT"),
        **sets.facts,
    )


def mac(
    vectors: WordVectors,
    words: Sequence[str],
    sets: Sequence[Sequence[str]] | Mapping[str, Sequence[str]],
    *,
    seed: int = 0,
    allow_missing: bool = False,
    of: str = "",
) -> Score:
    """Mean average cosine similarity (Manzini, Lim, Black and Tsvetkov 2019, NAACL, its definition of MAC): 1 is no bias.

    The mean over words and sets of the mean cosine *distance*, 1 - cos, of the word from the set, which the paper calls a
    similarity. 1 means that cosines are 0 on average, so that it says how near the words are to the attribute, not to which of
    its sets.

    Parameters
    ----------
    vectors
        The words and their vectors.
    words
        Target words.
    sets
        One or more sets of attribute words, or a mapping of their names to them.
    seed, allow_missing, of
        See `rnd`.

    Raises
    ------
    DataError
        See `rnd`.
    """
    every = _numbered(sets, least=1)
    held = sets_of(vectors, every | {TARGET: words}, allow_missing=allow_missing)
    *attributes, target = held.units.values()
    centre = np.mean([one.mean(axis=0) for one in attributes], axis=0)  # (D,)
    cosines = [target @ one.T for one in attributes]  # (m, a) each
    sizes = [len(target), *map(len, attributes)]
    of_words, *rest = drawn(sizes, seed=seed)
    mean = np.mean(
        [shares(rows, one.shape[1]) @ one.T for rows, one in zip(rest, cosines, strict=True)], axis=0
    )  # (draws, m)
    low, high = percentiles(1 - (mean * shares(of_words, len(target))).sum(axis=1), sizes)
    return Score(
        "MAC",
        of or _of(held.found),
        1 - float((target @ centre).mean()),
        low,
        high,
        average(1 - frequent_units(vectors) @ centre),
        1.0,
        note=RANDOM,
        **held.facts,
    )


def ripa(
    vectors: WordVectors,
    words: Sequence[str],
    direction: Direction | Sequence[tuple[str, str]],
    *,
    seed: int = 0,
    allow_missing: bool = False,
    of: str = "",
) -> Score:
    """Relational inner product association (Ethayarajh, Duvenaud and Hirst 2019, ACL): the mean of w . b over words w.

    Here w is *not* made of length 1: the paper's point is that a product with what skip-gram learnt can be read as a difference
    of log-probabilities, and a cosine cannot. b has length 1: the direction's vector, or of pairs the first principal component
    of their differences x - y, of vectors as they are (its definition), toward the first words; of one pair it is their
    difference. WEFE takes the mean of the products with each pair's own difference; of one pair the two are the same.

    Parameters
    ----------
    vectors
        The words and their vectors.
    words
        Words that should have none of the relation.
    direction
        A direction of these vectors, or pairs of words (one will do).
    seed, allow_missing, of
        See `rnd`.

    Raises
    ------
    DataError
        If the words lost more than 20 %, or no pair is known; it names them.
    """
    target = found(known(vectors), words, "words", lost=None if allow_missing else LOST)
    missing, asked, used = list(target.missing), len(target.asked), len(target.words)
    if isinstance(direction, Direction):
        axis, name = np.asarray(direction.vector, np.float64), direction.attribute
        if axis.shape != (vectors.dim,):
            raise DataError(
                f"the direction is of {len(axis)}-d vectors and these are {vectors.dim}-d; make it from these"
            )
    else:
        pairs = found_pairs(vectors, direction, least=1)
        axis, name = _relation(vectors, pairs.rows), f"{pairs.pairs[0][0]} - {pairs.pairs[0][1]}"
        missing += pairs.missing
        asked, used = asked + 2 * len(pairs.asked), used + 2 * len(pairs.pairs)
    products = vectors.rows(target.rows).astype(np.float64) @ axis  # (m,)
    (rows,) = drawn([len(products)], seed=seed)
    low, high = percentiles(products[rows].mean(axis=1), [len(products)])
    common = vectors.rows(vectors.frequent(FREQUENT)).astype(np.float64) @ axis
    return Score(
        "RIPA",
        of or f"{target.asked[0]}…, {name}",
        float(products.mean()),
        low,
        high,
        average(common),
        0.0,
        words=used,
        asked=asked,
        missing=tuple(missing),
        note=f"Positive: toward the first words of the pairs. Mean |RIPA| {np.abs(products).mean():.4g}. {RANDOM}",
    )


def same(
    vectors: WordVectors,
    words: Sequence[str],
    sets: Sequence[Sequence[str]] | Mapping[str, Sequence[str]],
    *,
    seed: int = 0,
    allow_missing: bool = False,
    of: str = "",
) -> Score:
    """SAME (Schröder, Schulz and Hammer 2021, arXiv 2111.07864, and 2024, IJCNN): mean bias of words between groups.

    Of two groups the bias of a word is ``|cos|`` with the difference of the groups' means of unit vectors. Of more, each further
    group adds the size of the word's product with what the difference from the first group has that is orthogonal to the
    differences before, as in the authors' code (EmbeddingBiasScores, `individual_bias`; the papers' full text was not at hand):
    that depends on the order of the groups. Signed means (skew) and deviations (stereotype) are in the note.

    Parameters
    ----------
    vectors
        The words and their vectors.
    words
        Target words.
    sets
        Two or more sets of attribute words, or a mapping of their names to them; the reference first.
    seed, allow_missing, of
        See `rnd`.

    Raises
    ------
    DataError
        See `rnd`; also if two groups have the same mean.
    """
    every = _numbered(sets, least=2)
    held = sets_of(vectors, every | {TARGET: words}, allow_missing=allow_missing)
    *attributes, target = held.units.values()
    axes = bias_axes([one.mean(axis=0) for one in attributes], list(every))  # (D, k)
    sizes = [len(target), *map(len, attributes)]

    def value(rows: list[np.ndarray]) -> float:
        means = [one[some].mean(axis=0) for one, some in zip(attributes, rows[1:], strict=True)]
        return float(np.abs(target @ bias_axes(means)).sum(axis=1)[rows[0]].mean())

    products = target @ axes  # (m, k)
    low, high = interval(value, sizes, seed=seed)
    signed = "; ".join(
        f"toward {name}: skew {column.mean():.4g}, stereotype {column.std():.4g}"
        for name, column in zip(list(every)[1:], products.T, strict=True)
    )
    return Score(
        "SAME",
        of or _of(held.found),
        float(np.abs(products).sum(axis=1).mean()),
        low,
        high,
        average(np.abs(frequent_units(vectors) @ axes).sum(axis=1)),
        0.0,
        note=f"{signed[:1].upper()}{signed[1:]}. {RANDOM}",
        **held.facts,
    )


def bias_axes(means: Sequence[np.ndarray], names: Sequence[str] = ()) -> np.ndarray:
    """Axes (D, k - 1) of SAME of k means (D,) of groups: the first of length 1, each other what is orthogonal to those before."""
    axes: list[np.ndarray] = []
    basis: list[np.ndarray] = []
    for place, mean in enumerate(means[1:], 1):
        rest = mean - means[0]
        for one in basis:
            rest = rest - (rest @ one) * one
        length = float(np.linalg.norm(rest))
        if length < SMALL and not axes:
            if names:
                raise DataError(
                    f"{names[0]} and {names[place]} have the same mean vector, so there is no direction between them"
                )
            return np.full((len(rest), len(means) - 1), np.nan)  # of a drawn set: left out
        if length >= SMALL:
            basis.append(rest / length)
        axes.append(rest if axes else rest / length)
    return np.stack(axes, axis=1)


def _numbered(sets: Sequence[Sequence[str]] | Mapping[str, Sequence[str]], least: int) -> dict[str, Sequence[str]]:
    """Sets of words by name; those of a list are numbered."""
    if isinstance(sets, str | bytes):
        raise OptionError(f"sets is one long string, {sets[:40]!r}; give a list of lists of words")
    try:
        every = dict(sets) if isinstance(sets, Mapping) else {f"set {place}": one for place, one in enumerate(sets, 1)}
    except TypeError as error:
        raise OptionError(f"sets must be a list of lists of words; got {type(sets).__name__}") from error
    if len(every) < least or TARGET in every:
        raise OptionError(f"sets must be {least} or more lists of words, none called {TARGET!r}; got {list(every)}")
    return every


def _many_splits(sizes: Sequence[int]) -> bool:
    """Whether random splits of two groups say anything: those of two words give the value itself."""
    return math.comb(sizes[0] + sizes[1], sizes[0]) >= FEWEST_SPLITS


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's correlation of values (m,) each, not a number where one has no order; rounding makes no order."""
    a, b = (ranks(one.round(9)) - (len(one) + 1) / 2 for one in (a, b))
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else float("nan")


def _relation(vectors: WordVectors, rows: np.ndarray) -> np.ndarray:
    """First principal component (D,) of the differences of pairs (p, 2), toward the first words; of length 1."""
    sides = vectors.rows(rows.ravel()).astype(np.float64).reshape(len(rows), 2, -1)
    differences = sides[:, 0] - sides[:, 1]  # (p, D)
    axis: np.ndarray = np.linalg.svd(differences, full_matrices=False)[2][0]
    return axis if (differences @ axis).sum() >= 0 else -axis


def _of(sets: Mapping[str, Found]) -> str:
    """What a score is called by the first word of each set."""
    return ", ".join(f"{one.asked[0]}…" for one in sets.values())
