"""Double-hard debiasing: a component that carries word frequency goes first (Wang et al. 2020, algorithm 1).

Numbers that the algorithm leaves open are those of the authors' code: 1,000 words of each side, 20 components.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from selfsup.errors import DataError
from selfsup.lazy import sklearn
from selfsup.words.bias.direction import Direction
from selfsup.words.bias.given import all_units, found_pairs, units, whole_number
from selfsup.words.bias.hard import Lists, check, facts_of, known_sets, pairs_of, specific_of
from selfsup.words.bias.specific import check_seed
from selfsup.words.bias.transform import Transform
from selfsup.words.vectors import WordVectors

LONGEST = 20  # letters from which on a word is not among the most biased (their code)
STARTS = 10  # of k-means, scikit-learn's number when they wrote


class Candidates(NamedTuple):
    """What k-means told of each component that may be removed.

    Attributes
    ----------
    components
        (c, D) principal components of all vectors, the largest first.
    mean
        (D,) of all vectors.
    directions
        (c, D) direction of the pairs once each is removed.
    accuracies
        (c,) how well 2-means finds the side of the most biased words once each is removed, and the direction after it.
    without
        The same where no component is removed.
    """

    components: np.ndarray
    mean: np.ndarray
    directions: np.ndarray
    accuracies: np.ndarray
    without: float


def double_hard(
    vectors: WordVectors,
    direction: Direction,
    *,
    equalize: Lists = None,
    specific: Lists = None,
    n: int = 1000,
    candidates: int = 20,
    restrict: int | None = 50_000,
    seed: int = 0,
) -> tuple[WordVectors, Transform]:
    """Remove the mean and one principal component of all vectors, then debias hard.

    The component is chosen among the first ones: that without which, after hard debiasing, 2-means is worst at finding on which
    side the most biased words were. All words lose it, also specific ones; the direction is found anew without it.

    Parameters
    ----------
    vectors
        The words and their vectors. They are used with length 1; the paper's code takes them as they are.
    direction
        Of the attribute. Its cosines say which words are the most biased; the paper's ``he - she`` is method "difference".
    equalize, specific
        As in `hard_debias`.
    n
        Most biased words of each side (their code: 1,000), at most a quarter of the words that can be among them, which are
        among the `restrict` most frequent, neither kept nor equalized, and of fewer than 20 letters in lower case.
    candidates
        How many components are tried (their code: 20), at most D.
    restrict
        See `n`; None: all words.
    seed
        Of k-means.

    Returns
    -------
    WordVectors, Transform
        As of `hard_debias`; the facts have `component` (from 0), the `accuracies` of all, and that ``without`` any.

    Raises
    ------
    OptionError, DataError
        As of `hard_debias`; if a number is out of its range, or there are fewer than two words of each side.
    """
    n, candidates = whole_number(n, "n"), whole_number(candidates, "candidates")
    restrict = None if restrict is None else whole_number(restrict, "restrict")
    check_seed(seed)
    check(vectors, direction)
    sets = known_sets(vectors, pairs_of(direction, equalize))
    kept, told = specific_of(vectors, direction, specific)
    biased = _most_biased(vectors, direction, {*kept, *(word for words in sets.usable for word in words)}, n, restrict)
    tried = _tried(vectors, direction, biased, min(candidates, vectors.dim), seed)
    best = int(np.argmin(tried.accuracies))
    component = tried.components[best]
    facts = {
        **told,
        **facts_of(vectors, kept, sets),
        "component": best,
        "accuracies": tried.accuracies.tolist(),
        "without": tried.without,
        "biased": biased.shape[1],
    }
    transform = Transform(
        "double_hard",
        direction.attribute,
        matrix=np.eye(vectors.dim) - np.outer(component, component),
        shift=-tried.mean,
        basis=tried.directions[best][None],
        kept=kept,
        equalize=sets.usable,
        facts=facts,
    )
    return transform.apply(vectors), transform


def _most_biased(
    vectors: WordVectors, direction: Direction, left_out: set[str], n: int, restrict: int | None
) -> np.ndarray:
    """Rows (2, n) of the words furthest to the positive and to the negative side."""
    rows = vectors.frequent(restrict)
    rows = rows[[_plain(word) and word not in left_out for word in (vectors.words[row] for row in rows.tolist())]]
    rows = rows[np.any(vectors.rows(rows) != 0, axis=1)]
    n = min(n, len(rows) // 4)
    if n < 2:
        raise DataError(
            f"too few neutral words to tell the most biased ones of each side: {len(rows)}; give more words"
        )
    cosines = units(vectors, rows) @ direction.vector
    order = np.argsort(-cosines, kind="stable")
    return rows[np.stack([order[:n], order[::-1][:n]])]


def _plain(word: str) -> bool:
    """Whether it is a word of letters in lower case, as their code asks of those that it looks at."""
    return len(word) < LONGEST and word == word.lower() and word.replace("_", "").isalpha()


def _tried(vectors: WordVectors, direction: Direction, biased: np.ndarray, candidates: int, seed: int) -> Candidates:
    """Each component removed in turn, the direction found anew and taken out, and the most biased words (2, n) clustered."""
    components, mean = _components(vectors, candidates)
    words = units(vectors, biased.ravel())  # (2n, D)
    pairs = found_pairs(vectors, direction.pairs, "the pairs of the direction", least=1).rows  # (p, 2)
    sides = units(vectors, pairs.ravel()).reshape(len(pairs), 2, -1)
    differences = sides[:, 0] - sides[:, 1]  # (p, D)
    directions, accuracies = [], []
    for component in (None, *components):
        found = _first(_removed(differences, component))
        left = _removed(words, component) - mean
        accuracies.append(_accuracy(left - np.outer(left @ found, found), seed))
        directions.append(found)
    return Candidates(components, mean, np.array(directions[1:]), np.array(accuracies[1:]), accuracies[0])


def _removed(rows: np.ndarray, component: np.ndarray | None) -> np.ndarray:
    return rows if component is None else rows - np.outer(rows @ component, component)


def _first(differences: np.ndarray) -> np.ndarray:
    """First principal component (D,) of pairs, each centred at its mean, from their differences (p, D)."""
    first: np.ndarray = np.linalg.svd(differences, full_matrices=False)[2][0]
    return first


def _components(vectors: WordVectors, k: int) -> tuple[np.ndarray, np.ndarray]:
    """First k principal components (k, D) of all vectors of length 1, and their mean (D,), block by block."""
    total, products, n = np.zeros(vectors.dim), np.zeros((vectors.dim, vectors.dim)), 0
    for _, block in all_units(vectors):
        total += block.sum(axis=0)
        products += block.T @ block
        n += int(block.any(axis=1).sum())
    if not n:
        raise DataError("all vectors are zeros; there is nothing to debias")
    mean = total / n
    vectors_of: Any = np.linalg.eigh(products / n - np.outer(mean, mean))[1]  # (D, D), the smallest first
    return np.ascontiguousarray(vectors_of[:, ::-1].T[:k]), mean


def _accuracy(rows: np.ndarray, seed: int) -> float:
    """How well 2-means tells the first half of rows (2n, D) from the second; 0.5 is chance."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", sklearn.exceptions.ConvergenceWarning
        )  # rows that are all alike are one cluster
        found = sklearn.cluster.KMeans(2, n_init=STARTS, random_state=seed).fit_predict(rows)
    right = float(np.mean(found == (np.arange(len(rows)) >= len(rows) // 2)))
    return max(right, 1 - right)
