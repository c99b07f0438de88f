"""Nearest rows by cosine, exact, from a table as it is stored; and nearest spellings."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from selfsup.errors import DataError
from selfsup.lazy import Late
from selfsup.system import hashing

NAMED = 10  # unknown words that an error lists
CANDIDATES = 2000  # words whose spelling is compared, the most frequent first
GROUP = 32  # scores that share a maximum
CHUNK = 1 << 16  # rows squared at once, so that no second table is made
SCORES = 1 << 22  # cosines of a block of rows: 16 MB
FLOATS = 1 << 20  # numbers of quantised rows that are made float32 at once: 4 MB
QUESTIONS = 1 << 12  # asked at once
FEW = 3  # questions up to which compiled code for one after the other is faster than BLAS with float32 rows
LARGE = 1 << 22  # numbers of a quantised table from which on it is searched as it is, by compiled code
WIDE = 16  # questions from which on cosines are left in the order (b, m) of memory
SHALLOW, DEEP = 256, 4096  # answers up to which they are kept in order by hand, and block by block
SHARE = 8  # candidates that are more than one of so many rows are found by asking all rows
TINY, HUGE = 1e-30, 1e30  # lengths of rows between which float32 has room for products and their inverse

Block = tuple[slice | np.ndarray, np.ndarray]  # numbers of b rows, and their cosines (m, b)
kernels: Any = Late("selfsup.words.kernels")  # needs numba


class Nearest(NamedTuple):
    """Rows (m, k) of a table and their cosines (m, k) with m questions, best first."""

    rows: np.ndarray
    cosines: np.ndarray

    def named(self, words: Sequence[str]) -> list[list[tuple[str, float]]]:
        """For each question its k words, and their cosines."""
        pairs = zip(self.rows.tolist(), self.cosines.tolist(), strict=True)
        return [[(words[row], cosine) for row, cosine in zip(*one, strict=True) if row >= 0] for one in pairs]

    def others(self, own: np.ndarray, k: int) -> Nearest:
        """The k best without a row (m,) of each question's own, a negative one where it has none; fewer where one has no more."""
        same = self.rows == own[:, None]
        order = np.argsort(same, axis=1, kind="stable")[:, : min(k, same.shape[1] - int(same.any()))]
        return Nearest(np.take_along_axis(self.rows, order, axis=1), np.take_along_axis(self.cosines, order, axis=1))


def unit_rows(vectors: np.ndarray, numbers: np.ndarray | None = None) -> np.ndarray:
    """Rows (n, D) of length 1, float32; a row of zeros stays one.

    Parameters
    ----------
    vectors
        Array (n, D).
    numbers
        (n,) what the rows are called in an error; their places if it is not given.

    Raises
    ------
    DataError
        If a vector is not finite.
    """
    unit = np.empty(vectors.shape, np.float32)
    for first in range(0, len(vectors), CHUNK):
        rows = vectors[first : first + CHUNK]
        norms = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))  # (chunk,)
        _finite(norms, first, numbers)
        scale = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
        np.multiply(rows, scale[:, None], out=unit[first : first + CHUNK], casting="same_kind")
    return unit


def _finite(norms: np.ndarray, first: int, numbers: np.ndarray | None = None) -> None:
    if not np.isfinite(norms).all():
        bad = first + int(np.flatnonzero(~np.isfinite(norms))[0])
        row = bad if numbers is None else int(numbers[bad])
        raise DataError(f"the vector of row {row} is not finite; train again with a lower rate, or load a whole file")


class Space:
    """Vectors asked for the nearest by cosine, whatever they are stored as.

    The table stays as it is, mapped from a file or not; beside it only the inverse length of each row is kept.

    Parameters
    ----------
    vectors
        Array (n, D) of float32, float16 or int8.
    scale
        (n,) of int8 rows; to a cosine only its sign matters.
    """

    def __init__(self, vectors: np.ndarray, scale: np.ndarray | None = None) -> None:
        self._given = np.asarray(vectors)
        self._sign = None if scale is None else np.sign(scale).astype(np.float32)
        self._compiled = vectors.dtype != np.float32 and vectors.size >= LARGE
        self._extreme = False  # whether lengths leave no room to float32, so that rows are made unit before products

    def __len__(self) -> int:
        return len(self._given)

    @cached_property
    def _vectors(self) -> np.ndarray:
        """The table; one that is quantised but small, whose float32 numbers need little room, as these."""
        return self._given if self._compiled else self._given.astype(np.float32, copy=False)

    @property
    def dim(self) -> int:
        """Length D of a vector."""
        return int(self._given.shape[1])

    @property
    def fingerprint(self) -> str:
        """Of the vectors as they are stored."""
        return hashing.of_array(self._given)

    def units(self, rows: np.ndarray) -> np.ndarray:
        """Vectors (m, D) float32 of length 1 of rows by number; zeros where a row is zeros."""
        units = unit_rows(self._floats(rows), rows)
        return units if self._sign is None else units * self._sign[rows, None]

    @cached_property
    def inverse(self) -> np.ndarray:
        """1 / length of each row (n,) as it is stored, with the sign of its scale; 0 for a row of zeros.

        Raises
        ------
        DataError
            If a vector is not finite.
        """
        lengths = np.empty(len(self), np.float64)
        size = max(1, FLOATS // self._vectors.shape[1])
        for first in range(0, len(self), size):
            lengths[first : first + size] = _lengths(self._floats(slice(first, first + size)))
        _finite(lengths, 0)
        some = lengths > 0
        self._extreme = bool((some & ((lengths < TINY) | (lengths > HUGE))).any())
        if self._extreme:
            return some.astype(np.float32)
        inverse = np.divide(1, lengths, out=np.zeros_like(lengths), where=some).astype(np.float32)
        return inverse if self._sign is None else inverse * self._sign

    def nearest(
        self,
        units: np.ndarray,
        k: int,
        *,
        rows: np.ndarray | None = None,
        without: np.ndarray | None = None,
        combined: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> Nearest:
        """Rows nearest to each of m questions; of equal ones the first row first.

        Parameters
        ----------
        units
            (m, D) of length 1.
        k
            How many each; fewer come where there are no more rows.
        rows
            Candidates (c,) by number, rising and different; None: all rows.
        without
            Numbers of rows that are never found. Rows of zeros, which are near to nothing, never are.
        combined
            From the cosines (q, b) of the q rows of `units` with b rows to the scores (m, b) that decide, which are given in
            the place of cosines; None: the cosines.
        """
        together = QUESTIONS if k <= DEEP else 1
        if combined is None and len(units) > together:
            parts = [units[first : first + together] for first in range(0, len(units), together)]
            each = [self.nearest(part, k, rows=rows, without=without) for part in parts]
            return Nearest(*(np.concatenate(arrays) for arrays in zip(*each, strict=True)))
        if not len(units):
            return Nearest(np.empty((0, min(k, len(self))), np.int64), np.empty((0, min(k, len(self))), np.float32))
        if combined is None and rows is None and self._compiled and len(units) <= FEW and k <= SHALLOW:
            return self._nearest_as_stored(units, k, without)
        part, hidden = self._candidates(rows, without)
        none = np.empty((len(units), 0), np.float32)
        none = none if combined is None else combined(none)
        found = Nearest(np.empty(none.shape, np.int64), none)
        blocks = self._cosines(units, part)
        for numbers, cosines in blocks if k <= DEEP else _whole(blocks):
            scores = cosines if combined is None else combined(cosines)
            if hidden is not None:
                scores[:, np.flatnonzero(hidden[numbers])] = -np.inf
            found = _joined(found, numbers, scores, k)
        real = int(np.isfinite(found.cosines[:1]).sum())  # what is hidden is so for all questions
        return Nearest(found.rows[:, :real], found.cosines[:, :real])

    def _nearest_as_stored(self, units: np.ndarray, k: int, without: np.ndarray | None) -> Nearest:
        """Of a few questions, without any copy of the table or array of its length."""
        never = np.empty(0, np.int64) if without is None else without
        factors = self._factors
        if len(never) > SHALLOW:
            factors, never = factors.copy(), never[:0]
            factors[without] = np.nan
        most = min(k + len(never), len(self))
        found = [kernels.nearest(self._vectors, unit, factors, most) for unit in units]
        kept = [~np.isin(rows, never) for rows, _ in found]
        rows, cosines = ([one[side][some][:k] for one, some in zip(found, kept, strict=True)] for side in (0, 1))
        return Nearest(np.stack(rows), np.stack(cosines))

    @cached_property
    def _factors(self) -> np.ndarray:
        """Inverse lengths (n,), NaN of rows of zeros."""
        return np.where(self.inverse == 0, np.float32(np.nan), self.inverse) if len(self._zeros) else self.inverse

    def cosines(self, unit: np.ndarray) -> np.ndarray:
        """Cosines (n,) of all rows with one vector (D,) of length 1; 0 of a row of zeros."""
        return np.concatenate([cosines[0] for _, cosines in self._cosines(unit[None], slice(0, len(self)))])

    def _candidates(
        self, rows: np.ndarray | None, without: np.ndarray | None
    ) -> tuple[slice | np.ndarray, np.ndarray | None]:
        """Rows to multiply, and which (n,) of them are not to be found; None: all are."""
        part: slice | np.ndarray = slice(0, len(self))
        never = [] if without is None else [without]
        if rows is not None:
            if not len(rows):
                return rows, None
            if rows[-1] - rows[0] == len(rows) - 1:
                part = slice(int(rows[0]), int(rows[-1]) + 1)
            elif len(rows) * SHARE <= len(self):
                return rows if without is None else np.setdiff1d(rows, without), None
            else:
                never.append(np.setdiff1d(np.arange(len(self)), rows, assume_unique=True))
        never.append(self._zeros)
        if not any(map(len, never)):
            return part, None
        hidden = np.zeros(len(self), bool)
        for numbers in never:
            hidden[numbers] = True
        return part, hidden

    @cached_property
    def _zeros(self) -> np.ndarray:
        return np.flatnonzero(self.inverse == 0)

    def _cosines(self, units: np.ndarray, part: slice | np.ndarray) -> Iterator[Block]:
        """Numbers (b,) of the rows of a block, and their cosines (m, b); of single rows, those of zeros are left out."""
        if isinstance(part, slice):
            inverse = self.inverse
            size = self._height(len(units), as_stored=not self._extreme)
            for first in range(part.start, part.stop, size):
                numbers = slice(first, min(first + size, part.stop))
                cosines = self._products(units, numbers)  # (m, b)
                cosines *= inverse[numbers]
                yield numbers, cosines
            return
        size = self._height(len(units), as_stored=False)
        for first in range(0, len(part), size):
            rows = part[first : first + size]
            unit = self.units(rows)  # (b, D)
            some = unit.any(axis=1)
            if some.any():
                yield rows[some], units @ unit[some].T

    def _height(self, questions: int, *, as_stored: bool) -> int:
        """Rows of a block: so many that neither their cosines nor their copies take much room."""
        size = SCORES // max(questions, 1)
        if not as_stored or self._compiled:
            size = min(size, FLOATS // self._vectors.shape[1])
        return max(size, GROUP)

    def _products(self, units: np.ndarray, numbers: slice) -> np.ndarray:
        """Products (m, b) with rows as they are stored."""
        rows = self._floats(numbers)
        made = (unit_rows(rows) if self._extreme else rows) @ units.T  # (b, m), a third faster than units @ rows.T
        return made.T if len(units) >= WIDE else np.ascontiguousarray(made.T)

    def _floats(self, numbers: slice | np.ndarray) -> np.ndarray:
        """Rows (b, D) as float32, without their scale."""
        rows: np.ndarray = self._vectors[numbers]
        if self._compiled and rows.dtype == np.float16:
            rows = kernels.widened(rows)
        return rows.astype(np.float32, copy=False)


def _lengths(rows: np.ndarray) -> np.ndarray:
    """Lengths (b,) float64 of rows (b, D) float32; by float32 where that has room for the squares."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("nd,nd->n", rows, rows).astype(np.float64)
    odd = ~((squares > TINY) & (squares < HUGE))
    if odd.any():
        squares[odd] = np.einsum("nd,nd->n", rows[odd], rows[odd], dtype=np.float64)
    lengths: np.ndarray = np.sqrt(squares)
    return lengths


def _whole(blocks: Iterator[Block]) -> list[Block]:
    """Blocks as one, where so much is asked for that joining them costs more than it saves room."""
    parts = list(blocks)
    rows = [np.arange(one.start, one.stop) if isinstance(one, slice) else one for one, _ in parts]
    return [(np.concatenate(rows), np.concatenate([cosines for _, cosines in parts], axis=1))] if parts else []


def _joined(found: Nearest, numbers: slice | np.ndarray, scores: np.ndarray, k: int) -> Nearest:
    """The k best of what was found and of a block's scores (m, b)."""
    m, width = found.rows.shape
    asked, places = _above(scores, found.cosines[:, -1:], 4 * k) if width == k else (None, None)
    if places is None:
        chosen = best(scores, k)
        asked, places = np.repeat(np.arange(m), chosen.shape[1]), chosen.ravel()
        width = min(k, width + chosen.shape[1])
    rows = places + numbers.start if isinstance(numbers, slice) else numbers[places]
    rows = np.concatenate([found.rows.ravel(), rows])
    values = np.concatenate([found.cosines.ravel(), scores[asked, places]])
    asked = np.concatenate([np.repeat(np.arange(m), found.rows.shape[1]), asked])
    order = np.lexsort((rows, -values, asked))
    order = order[np.searchsorted(asked[order], np.arange(m))[:, None] + np.arange(width)]  # (m, width)
    return Nearest(rows[order], values[order])


def _above(scores: np.ndarray, least: np.ndarray, most: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Question and place of each score (m, b) above `least` (m, 1); None where `most` groups a question are not enough."""
    m, b = scores.shape
    width = b // GROUP
    asked, groups = np.nonzero(_tops(scores) > least)
    if len(asked) > most * m:
        return None, None
    places = (groups[:, None] + width * np.arange(GROUP)).ravel()
    last, ends = np.nonzero(scores[:, width * GROUP :] > least)
    asked, places = np.concatenate([np.repeat(asked, GROUP), last]), np.concatenate([places, ends + width * GROUP])
    above = scores[asked, places] > least[asked, 0]
    return asked[above], places[above]


def _tops(scores: np.ndarray) -> np.ndarray:
    """Maxima (m, w) of groups of scores (m, n): column j stands for the group j, j + w, j + 2 w, ...

    The largest scores are in the groups with the largest maxima, and maxima over such groups are taken by whole vectors of the
    machine; to select among all n costs ten times that.
    """
    m, width = len(scores), scores.shape[1] // GROUP
    tops: np.ndarray = scores[:, : width * GROUP].reshape(m, GROUP, width).max(axis=1)
    return tops


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """Places (m, k) of the k largest scores (m, n) of each row, largest first."""
    m, n = scores.shape
    k = min(k, n)
    width = n // GROUP
    if width <= 4 * k:
        return _sorted(scores, np.argpartition(scores, n - k, axis=1)[:, n - k :])
    groups = np.argpartition(_tops(scores), width - k, axis=1)[:, width - k :]  # (m, k)
    places = (groups[:, :, None] + width * np.arange(GROUP)).reshape(m, -1)
    places = np.concatenate([places, np.broadcast_to(np.arange(width * GROUP, n), (m, n - width * GROUP))], axis=1)
    few = np.take_along_axis(scores, places, axis=1)
    chosen = np.argpartition(few, few.shape[1] - k, axis=1)[:, few.shape[1] - k :]
    return _sorted(scores, np.take_along_axis(places, chosen, axis=1))


def _sorted(scores: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Places (m, k) by their scores, largest first; of equal ones the first."""
    places = np.sort(places, axis=1)
    order = np.argsort(-np.take_along_axis(scores, places, axis=1), axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1)


def nearest(unit: np.ndarray, queries: np.ndarray, k: int) -> Nearest:
    """Nearest k of the unit rows (n, D) to each of the unit queries (m, D), by cosine."""
    return Space(unit).nearest(queries, k)


def spellings(word: str, words: Sequence[str], n: int = 3) -> list[str]:
    """Words spelled almost like this one.

    Only words of about its length that begin or end like it are compared, the first ones first: difflib needs
    seconds for a whole vocabulary.
    """
    folded = word.casefold()
    head, tail, length = folded[:1], folded[-2:], len(word)
    near: dict[str, str] = {}
    for candidate in words:
        if abs(len(candidate) - length) <= 2:
            other = candidate.casefold()
            if other[:1] == head or other[-2:] == tail:
                near.setdefault(other, candidate)
                if len(near) >= CANDIDATES:
                    break
    return [near[match] for match in difflib.get_close_matches(folded, near, n=n, cutoff=0.6)]


def unknown_words(missing: Sequence[object], words: Sequence[str]) -> str:
    """Say which words have no vector, each with those spelled like it."""
    told = []
    for word in list(dict.fromkeys(missing))[:NAMED]:
        near = spellings(word, words) if isinstance(word, str) else []
        advice = f"did you mean {' or '.join(map(repr, near))}?" if near else "no word is spelled like it"
        told.append((word, advice))
    if len(told) == 1:
        return f"unknown word {told[0][0]!r} (of {len(words)} words); {told[0][1]}"
    more = f", and {len(set(missing)) - NAMED} more" if len(set(missing)) > NAMED else ""
    return f"unknown words (of {len(words)} words): " + "; ".join(f"{word!r}, {advice}" for word, advice in told) + more
