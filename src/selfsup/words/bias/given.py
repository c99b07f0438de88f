"""Words that a question about bias is asked with: found in the vectors, or named as missing; and their unit vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from selfsup.errors import DataError, OptionError
from selfsup.words.vectors import WordVectors

NAMED = 20  # words that a message lists
ROWS = 1 << 13  # of a table made float64 at once
SAME = 1e-6  # distance of two unit vectors below which they are one, as float32 cannot tell them apart


class Found(NamedTuple):
    """Words of a list that the vectors know.

    Attributes
    ----------
    asked
        All words of the list, each once.
    words
        The known ones as they are in the vectors.
    rows
        Their rows (m,) int64.
    missing
        The others.
    """

    asked: tuple[str, ...]
    words: tuple[str, ...]
    rows: np.ndarray
    missing: tuple[str, ...]


class FoundPairs(NamedTuple):
    """Pairs of which the vectors know both words.

    Attributes
    ----------
    asked
        All pairs, each once.
    pairs
        The usable ones, as their words are in the vectors.
    rows
        Their rows (p, 2) int64.
    missing
        Words of the others that are unknown.
    """

    asked: tuple[tuple[str, str], ...]
    pairs: tuple[tuple[str, str], ...]
    rows: np.ndarray
    missing: tuple[str, ...]


def found(vectors: WordVectors, words: Sequence[str], what: str, *, lost: float | None = 0.2, least: int = 1) -> Found:
    """Find the words of a list: each as it is given, or else in lower case, as "Mary" in lower-case vectors.

    Parameters
    ----------
    vectors
        Where to look. A word that would only be composed of n-grams counts as missing.
    words
        A list of words; one that stands there twice counts once.
    what
        What the list is called in an error.
    lost
        Largest share of the words that may be missing; None: any may be.
    least
        Fewest words that must be found.

    Raises
    ------
    OptionError
        If it is one string, or anything else than a list of words.
    DataError
        If too many words are missing, or a word's vector is zeros or not finite; each names the words.
    """
    asked = tuple(dict.fromkeys(listed(words, what)))
    places = {word: row_of(vectors, word) for word in asked}
    missing = tuple(word for word, row in places.items() if row is None)
    rows = np.array(list(dict.fromkeys(row for row in places.values() if row is not None)), np.int64)
    if len(rows) < least:
        raise DataError(
            f"{what}: at least {least} of the words must be in the vectors, got {len(rows)} of {len(asked)}; "
            f"missing: {named(missing)}"
        )
    if lost is not None and len(missing) > lost * len(asked):
        raise DataError(
            f"{what}: {len(missing)} of {len(asked)} words are not in the vectors, and at most {lost:.0%} may be missing: "
            f"{named(missing)}; what is left measures another list: say allow_missing=True (command line: --allow-missing) "
            "to use it all the same"
        )
    units(vectors, rows)  # a vector without a direction is an error here, where the list has a name
    return Found(asked, tuple(vectors.words[row] for row in rows.tolist()), rows, missing)


def found_pairs(
    vectors: WordVectors, pairs: Sequence[tuple[str, str]], what: str = "pairs", *, least: int = 2
) -> FoundPairs:
    """Find the pairs of which both words are known, each as `found` does; a pair that stands there twice counts once.

    Raises
    ------
    OptionError
        If it is not a list of pairs of two words.
    DataError
        If fewer than `least` pairs are left (names the unknown words), or a pair is one word twice, or two identical vectors.
    """
    asked: dict[frozenset[str], tuple[str, str]] = {}
    for first, second in paired(pairs, what):
        asked.setdefault(frozenset((first, second)), (first, second))
    usable: list[tuple[int, int]] = []
    missing: dict[str, None] = {}
    for pair in asked.values():
        a, b = (row_of(vectors, word) for word in pair)
        missing |= {word: None for word, row in zip(pair, (a, b), strict=True) if row is None}
        if a is None or b is None:
            continue
        if a == b:
            raise DataError(
                f"{what}: the pair {pair[0]!r}, {pair[1]!r} is one word of the vectors, {vectors.words[a]!r}"
            )
        if (a, b) not in usable and (b, a) not in usable:
            usable.append((a, b))
    if len(usable) < least:
        raise DataError(
            f"{what}: at least {least} pairs with both words in the vectors are needed, got {len(usable)} of {len(asked)}; "
            f"missing: {named(list(missing))}"
        )
    rows = np.array(usable, np.int64).reshape(-1, 2)
    sides = units(vectors, rows.ravel()).reshape(len(rows), 2, -1)  # (p, 2, D)
    close = np.linalg.norm(sides[:, 0] - sides[:, 1], axis=1) < SAME
    words = tuple((vectors.words[a], vectors.words[b]) for a, b in usable)
    if close.any():
        first, second = words[int(np.argmax(close))]
        raise DataError(
            f"{what}: the vectors of {first!r} and {second!r} are identical, so they say nothing of a difference"
        )
    return FoundPairs(tuple(asked.values()), words, rows, tuple(missing))


def listed(words: Any, what: str) -> list[str]:
    """A list of words, or an error that says what else it is."""
    if isinstance(words, str | bytes):
        raise OptionError(f"{what} is one long string, {_short(words)}; give a list of words")
    if isinstance(words, Mapping):
        raise OptionError(
            f"{what} must be a list of words; got {type(words).__name__} with the keys {named(list(words))}"
        )
    if isinstance(words, set | frozenset):
        words = sorted(words, key=str)  # the same from one process to the next
    try:
        every = list(words)
    except TypeError as error:
        raise OptionError(f"{what} must be a list of words; got {type(words).__name__}") from error
    for word in every:
        if not isinstance(word, str):
            raise OptionError(f"{what} must be a list of words; got {_short(word)} in it, {type(word).__name__}")
    if not every:
        raise OptionError(f"{what} is an empty list; give at least one word")
    return [str(word) for word in every]


def paired(pairs: Any, what: str) -> list[tuple[str, str]]:
    """A list of pairs of two different words, or an error that says what else it is."""
    if isinstance(pairs, str | bytes):
        raise OptionError(f"{what} is one long string, {_short(pairs)}; give a list of pairs of words")
    try:
        every = list(pairs)
    except TypeError as error:
        raise OptionError(f"{what} must be a list of pairs of words; got {type(pairs).__name__}") from error
    made = []
    for pair in every:
        if isinstance(pair, str | bytes) or not isinstance(pair, Sequence | np.ndarray) or len(pair) != 2:
            raise OptionError(f"{what} must be a list of pairs of two words; got {_short(pair)} in it")
        a, b = listed(pair, f"the pair {_short(pair)} of {what}")
        if a == b:
            raise OptionError(f"{what}: the pair {a!r}, {b!r} is one word twice; give two different words")
        made.append((a, b))
    if not made:
        raise OptionError(f"{what} is an empty list; give at least one pair of words")
    return made


def row_of(vectors: WordVectors, word: str) -> int | None:
    """Row of a word as it is given, or else in lower case; None where the vectors have neither."""
    row = known(vectors).index.get(word)
    return vectors.index.get(word.lower()) if row is None else row


def whole_number(value: Any, name: str, most: float = math.inf, least: int = 1) -> int:
    """An option that is a whole number within its range, or an error that says what else it is."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        limit = f"of {least} or more" if most == math.inf else f"from {least} to {most}"
        raise OptionError(f"{name} must be a whole number {limit}; got {_short(value)}")
    return int(value)


def known(vectors: Any) -> WordVectors:
    """The vectors, or an error that says what else was given."""
    if not isinstance(vectors, WordVectors):
        raise OptionError(
            f"vectors must be WordVectors; got {type(vectors).__name__}: see WordVectors.load and WordVectors(words, array)"
        )
    return vectors


def named(words: Sequence[str]) -> str:
    """Words as a message lists them."""
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return (", ".join(map(_short, words[:NAMED])) or "none") + more


def units(vectors: WordVectors, rows: np.ndarray) -> np.ndarray:
    """Vectors (m, D) float64 of length 1 of rows (m,).

    Raises
    ------
    DataError
        If a vector is zeros or not finite; it names the word.
    """
    made = vectors.rows(rows).astype(np.float64)  # (m, D)
    lengths = _lengths(vectors, made, rows)
    if not lengths.all():
        word = vectors.words[int(rows[int(np.argmin(lengths))])]
        raise DataError(f"the vector of {word!r} is all zeros, which has no direction; leave the word out")
    made /= lengths[:, None]
    return made


def all_units(vectors: WordVectors) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of the whole table: which rows, and their vectors (b, D) float64 of length 1; a vector of zeros stays one.

    Raises
    ------
    DataError
        If a vector is not finite; it names the word.
    """
    for first in range(0, len(known(vectors)), ROWS):
        part = slice(first, min(first + ROWS, len(vectors)))
        made = vectors.rows(part).astype(np.float64)  # (b, D)
        lengths = _lengths(vectors, made, np.arange(part.start, part.stop))
        made /= np.where(lengths > 0, lengths, 1)[:, None]
        yield part, made


def disjoint(**sets: Found) -> None:
    """Refuse sets of words that share some.

    Raises
    ------
    DataError
        Names the two sets and the words.
    """
    names = list(sets)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            shared = [word for word in sets[name].words if word in set(sets[other].words)]
            if shared:
                raise DataError(f"{name} and {other} overlap: {named(shared)}; a word may be in one set only")


def _lengths(vectors: WordVectors, rows: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Lengths (m,) of rows (m, D) float64, which must be finite; `numbers` (m,) are their places in the table."""
    lengths: np.ndarray = np.sqrt(np.einsum("md,md->m", rows, rows))
    if not np.isfinite(lengths).all():
        word = vectors.words[int(numbers[int(np.argmin(np.isfinite(lengths)))])]
        raise DataError(f"the vector of {word!r} is not finite; leave the word out")
    return lengths


def _short(value: object) -> str:
    """A value as a message shows it, whatever its length."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
