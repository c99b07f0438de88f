"""DirectBias: how far do words that ought to be neutral lean along a direction (Bolukbasi et al. 2016, section 5.2)?"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from selfsup.errors import DataError, OptionError
from selfsup.measures.words.bias.bootstrap import frequent_units, interval
from selfsup.measures.words.bias.score import Score
from selfsup.words.bias.direction import Direction
from selfsup.words.bias.given import SAME, Found, found, known, row_of, units, whole_number
from selfsup.words.bias.lists import Occupation, entries

if TYPE_CHECKING:
    from selfsup.words.vectors import WordVectors

STRICTEST = 100  # c; beyond it only the largest cosine counts

WordList = str | os.PathLike[str] | Mapping[str, Any] | Sequence[str]


def direct_bias(
    vectors: WordVectors,
    direction: Direction,
    words: WordList = "occupations",
    c: float = 1.0,
    *,
    keep_specific: bool = False,
    draws: int = 1000,
    seed: int = 0,
) -> Score:
    """DirectBias_c: the mean of ``|cos(w, g)|^c`` over words w that ought to be neutral (Bolukbasi et al. 2016, section 5.2).

    It is never 0 where nobody took the direction out: a random direction has a mean ``|cos|`` of about sqrt(2 / (pi D)). So
    beside it stands what random directions give to the same words: differences of random pairs of frequent words, since the
    words of a space do not lie evenly around the origin, and, in the note, the closed form for directions that do.

    Parameters
    ----------
    vectors
        The words and their vectors, used with length 1.
    direction
        g, of these vectors or of others of the same length D.
    words
        A bundled list, a JSON file, or a list of words. Those that belong to the attribute by definition, as the list says, are
        left out.
    c
        How strict: above 0, at most 100. With 1 every cosine counts as it is, with less small ones count for more.
    keep_specific
        Count words that belong to the attribute by definition too.
    draws
        Of the bootstrap over words, and of random directions.
    seed
        Of both.

    Returns
    -------
    Score
        From 0 to 1; 0 is no bias on this measure. `p` is the share of random directions that give as much or more.

    Raises
    ------
    DataError
        If no word is known, or the direction has another length.
    OptionError
        If c is out of its range.
    """
    if isinstance(c, bool) or not isinstance(c, int | float) or not 0 < c <= STRICTEST:
        raise OptionError(f"c of DirectBias is a number above 0 and at most {STRICTEST}, the paper's is 1; got {c!r}")
    draws, toward = whole_number(draws, "draws"), checked(vectors, direction)
    name, there, left_out = among(vectors, words, None if keep_specific else direction)
    unit = units(vectors, there.rows)  # (m, D)
    leaning = np.abs(unit @ toward) ** c  # (m,)
    value, even = float(leaning.mean()), isotropic(vectors.dim, c)
    low, high = interval(lambda rows: float(leaning[rows[0]].mean()), [len(leaning)], draws=draws, seed=seed)
    random = _random(vectors, unit, c, draws, seed)
    told = f"{even:.3f} in a space that is even in all directions. c = {c:g}."
    chance, p = even, None
    if len(random):
        chance, p = float(random.mean()), float((1 + (random >= value).sum()) / (1 + len(random)))
        ends = np.quantile(random, [0.025, 0.975])
        told = (
            f"differences of random frequent words ({chance:.3f}; 95 % of them {ends[0]:.3f} to {ends[1]:.3f}); {told}"
        )
    if left_out:
        told += f" Left out: {len(left_out)} words that have {direction.attribute} by definition."
    asked, found_words = len(there.asked), len(there.words)
    return Score(
        "DirectBias", name, value, low, high, chance, 0.0, p, found_words, asked, there.missing, note=f"Chance: {told}"
    )


def isotropic(dim: int, c: float = 1.0) -> float:
    """E |cos|^c of a random direction with any vector in D dimensions: G(D/2) G((c+1)/2) / (sqrt(pi) G((D+c)/2))."""
    logs = math.lgamma(dim / 2) + math.lgamma((c + 1) / 2) - math.lgamma((dim + c) / 2)
    return math.exp(logs) / math.sqrt(math.pi)


def _random(vectors: WordVectors, unit: np.ndarray, c: float, draws: int, seed: int) -> np.ndarray:
    """DirectBias (draws,) of words (m, D) along differences of random pairs of frequent words; of none where there are none."""
    others = frequent_units(vectors)  # (k, D)
    if len(others) < 2:
        return np.empty(0)
    generator = np.random.default_rng(seed)
    first = generator.integers(len(others), size=draws)
    second = (first + generator.integers(1, len(others), size=draws)) % len(others)  # never the first one again
    ways = others[first] - others[second]  # (draws, D)
    lengths = np.linalg.norm(ways, axis=1)
    ways = ways[lengths > SAME] / lengths[lengths > SAME, None]
    random: np.ndarray = (np.abs(ways @ unit.T) ** c).mean(axis=1)
    return random


def among(
    vectors: WordVectors, words: WordList, direction: Direction | None = None
) -> tuple[str, Found, tuple[str, ...]]:
    """Name of a list, its words in the vectors however they are written, and those left out.

    Parameters
    ----------
    vectors
        Where to look.
    words
        See `direct_bias`.
    direction
        Leave out the words that have its attribute by definition, as the list or the attribute says; None: take all.

    Raises
    ------
    DataError
        If none is known.
    """
    name, every = entries(words)
    meant = direction.specific if direction is not None else set()
    left_out = [one for one in every if direction is not None and (one.specific or one.word.lower() in meant)]
    kept = [spelled(vectors, one) for one in every if one not in left_out]
    if not kept:
        raise DataError(
            f"all {len(every)} words of {name} have the attribute by definition; keep_specific=True counts them"
        )
    return name, found(vectors, kept, f"the word list {name}", lost=None), tuple(one.word for one in left_out)


def spelled(vectors: WordVectors, word: Occupation) -> str:
    """The way of writing a word that the vectors know, or else the word."""
    return next((way for way in word.variants if row_of(vectors, way) is not None), word.word)


def checked(vectors: WordVectors, direction: Direction) -> np.ndarray:
    """The direction (D,) float64, which must be as long as the vectors."""
    if not isinstance(direction, Direction):
        raise OptionError(
            f"a direction is what selfsup.bias.direction(vectors, pairs) gives; got {type(direction).__name__}"
        )
    if known(vectors).dim != len(direction.vector):
        raise DataError(
            f"the direction is of {len(direction.vector)}-d vectors; got vectors of {vectors.dim}-d: find it in these"
        )
    return direction.vector
