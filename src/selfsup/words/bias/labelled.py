"""Words with the class that an eraser has to hide: given, or the most biased ones of a direction; some are held out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from selfsup.errors import DataError, OptionError
from selfsup.words.bias.direction import Direction
from selfsup.words.bias.given import disjoint, found, listed, units, whole_number
from selfsup.words.bias.hard import check
from selfsup.words.bias.specific import check_seed
from selfsup.words.vectors import WordVectors

N, RESTRICT, HELD_OUT = 2500, 30_000, 0.3
FEWEST = 2  # words of a class to fit on


class Labelled(NamedTuple):
    """Words of two or more classes.

    Attributes
    ----------
    names
        Of the classes (K,).
    rows
        Of the words (m,) in the vectors, int64.
    classes
        Of each word (m,), a number below K.
    held
        Which words (m,) are held out: nothing is fitted on them.
    missing
        Words that the vectors do not have.
    """

    names: tuple[str, ...]
    rows: np.ndarray
    classes: np.ndarray
    held: np.ndarray
    missing: tuple[str, ...] = ()

    def facts(self, vectors: WordVectors) -> dict[str, Any]:
        """How many words of each class are fitted on and held out; and the fitted ones of the first two, by name."""
        counts = [
            np.bincount(self.classes[part], minlength=len(self.names)).tolist() for part in (~self.held, self.held)
        ]
        fitted, held = (dict(zip(self.names, count, strict=True)) for count in counts)
        sides = {
            side: [vectors.words[row] for row in self.rows[(self.classes == number) & ~self.held].tolist()]
            for number, side in enumerate(("positive", "negative"))
        }
        return {"fitted": fitted, "held_out": held, "missing": list(self.missing), **sides}


def biased(
    vectors: WordVectors, direction: Direction, n: int = N, restrict: int | None = RESTRICT
) -> tuple[np.ndarray, ...]:
    """Rows (n,) of the most biased words of the positive and of the negative side, and of those nearest to neither.

    Parameters
    ----------
    vectors
        With vectors of the length of the direction's.
    direction
        Its ends name the sides.
    n
        Words of each, at most; fewer where a side has fewer.
    restrict
        Only so many most frequent words.
    """
    check(vectors, direction)
    n = whole_number(n, "n")
    rows = vectors.frequent(None if restrict is None else whole_number(restrict, "restrict"))
    rows = rows[np.abs(vectors.rows(rows)).max(axis=1) != 0]  # a vector of zeros is on no side
    cosines = units(vectors, rows) @ direction.vector
    order = np.argsort(-cosines, kind="stable")
    positive, negative = order[cosines[order] > 0][:n], order[cosines[order] < 0][::-1][:n]
    middle = np.setdiff1d(np.argsort(np.abs(cosines), kind="stable")[:n], np.concatenate([positive, negative]))
    return rows[positive], rows[negative], rows[middle]


def of_direction(
    vectors: WordVectors,
    direction: Direction,
    *,
    n: int = N,
    restrict: int | None = RESTRICT,
    neutral: bool = False,
    held_out: float = HELD_OUT,
    seed: int = 0,
) -> Labelled:
    """The `n` most biased words of each side, and with `neutral` as many that are nearest to neither as a third class."""
    parts = biased(vectors, direction, n, restrict)
    names = (*direction.ends, "neither")
    sides = 3 if neutral else 2
    return _parted(names[:sides], parts[:sides], held_out, seed)


def of_words(
    vectors: WordVectors,
    classes: Mapping[str, Sequence[str]],
    *,
    allow_missing: bool = False,
    held_out: float = 0,
    seed: int = 0,
) -> Labelled:
    """Words by the name of their class; no word in two of them.

    Raises
    ------
    OptionError, DataError
        If they are fewer than two classes, a list has another shape or too many unknown words, or two overlap.
    """
    if len(classes) < 2:
        raise DataError(f"words of at least two classes are needed; got {', '.join(classes) or 'none'}")
    lost = None if allow_missing else 0.2
    sets = {
        name: found(vectors, words, f"the words of {name}", lost=lost, least=FEWEST) for name, words in classes.items()
    }
    disjoint(**sets)
    missing = tuple(word for one in sets.values() for word in one.missing)
    return _parted(tuple(sets), [one.rows for one in sets.values()], held_out, seed)._replace(missing=missing)


def by_class(words: Sequence[str], classes: Sequence[Hashable]) -> dict[str, list[str]]:
    """Words by the name of their class, from two lists of one length."""
    if isinstance(classes, str | bytes) or not isinstance(classes, Sequence | np.ndarray):
        raise OptionError(f"classes must be a list, the class of each word; got {str(classes)[:40]!r}")
    every = listed(words, "words")
    if len(every) != len(classes):
        raise DataError(f"every word has one class: got {len(every)} words and {len(classes)} classes")
    made: dict[str, list[str]] = {}
    for word, one in zip(every, classes, strict=True):
        made.setdefault(str(one), []).append(word)
    return made


def _parted(names: Sequence[str], parts: Sequence[np.ndarray], held_out: float, seed: int) -> Labelled:
    """Classes with a share of each held out, drawn with the seed."""
    check_seed(seed)
    if isinstance(held_out, bool) or not isinstance(held_out, int | float) or not 0 <= held_out < 1:
        raise OptionError(f"held_out is the share of words to hold out, 0 or more and below 1; got {held_out!r}")
    rng = np.random.default_rng(seed)
    held = []
    for name, rows in zip(names, parts, strict=True):
        out = np.zeros(len(rows), bool)
        out[rng.permutation(len(rows))[: round(held_out * len(rows))]] = True
        held.append(out)
        if (~out).sum() < FEWEST:
            told = f"at least {FEWEST} words of each class are needed to fit on; got {(~out).sum()} of {name!r}"
            raise DataError(f"{told} with {out.sum()} held out; give more words, or a smaller held_out")
    classes = np.concatenate([np.full(len(rows), number) for number, rows in enumerate(parts)])
    return Labelled(tuple(names), np.concatenate(parts), classes, np.concatenate(held))
