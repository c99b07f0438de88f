"""Indirect bias: how much of the similarity of two words is owed to a direction (Bolukbasi et al. 2016, section 5.3)?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from selfsup.errors import OptionError
from selfsup.measures.table import Look, Table, plain
from selfsup.measures.words.bias.direct import checked
from selfsup.words.bias.given import found, listed, paired, units, whole_number

if TYPE_CHECKING:
    from selfsup.words.bias.direction import Direction
    from selfsup.words.vectors import WordVectors

TINY = 1e-9  # cosine that is zero
ALONG = 1e-6  # length of what is perpendicular to the direction and too short to have a direction of its own
NEIGHBOURS = 100  # of one word, among which those that owe most are looked for


class Shared(NamedTuple):
    """Two words.

    Attributes
    ----------
    word, other
        As they are in the vectors.
    cosine
        Of the two.
    without
        Of what of the two is perpendicular to the direction; None where that vanishes.
    beta
        The share of the cosine that is owed to the direction; None where it is not defined.
    note
        Why it is not.
    """

    word: str
    other: str
    cosine: float
    without: float | None
    beta: float | None
    note: str


@dataclass(frozen=True)
class IndirectBias:
    """What is owed to a direction, pair by pair; ``str`` of it is a table."""

    attribute: str
    pairs: tuple[Shared, ...]

    @property
    def beta(self) -> float | None:
        """Of the only pair; None where it is not defined."""
        if len(self.pairs) != 1:
            raise OptionError(f"there are {len(self.pairs)} pairs here, each with its beta; see .pairs")
        return self.pairs[0].beta

    def table(self, stage: str = "before") -> Table:
        """A row a pair; `stage` says of which vectors."""
        return Table.of("bias_indirect", [{"stage": stage} | pair._asdict() for pair in self.pairs])

    def __str__(self) -> str:
        return "\n".join(plain(self.table()))


LOOK = Look(
    "indirect bias",
    ("stage", *Shared._fields),
    note="Beta: the share of the cosine of two words that goes where the direction is taken out of both and they are made of "
    "length 1 again. 0 is no bias on this measure; it is negative where the words become more similar, and large where the "
    "cosine is small.",
    key="stage",
)


def indirect_bias(
    vectors: WordVectors,
    direction: Direction,
    words: str | Sequence[str] | Sequence[tuple[str, str]],
    others: Sequence[str] | None = None,
    *,
    n: int = 10,
    restrict: int | None = 30_000,
) -> IndirectBias:
    """``beta(w, v) = (w.v - w'.v' / (|w'| |v'|)) / w.v``, where w' is w without its part along g (Bolukbasi et al. 2016, 5.3).

    Parameters
    ----------
    vectors
        The words and their vectors, used with length 1.
    direction
        g, of these vectors or of others of the same length D.
    words
        Two words; a list of pairs; or one word (a string).
    others
        With one word: what it is compared with. None: the `n` of its 100 nearest words whose similarity to it owes most to g,
        that is, the words by which it is biased though nobody named the attribute.
    n
        How many, then.
    restrict
        Neighbours are looked for among so many of the most frequent words; None: all.

    Returns
    -------
    IndirectBias
        ``.pairs``, ``.table()``, and ``.beta`` of a single pair. Where the two words have a cosine of 0, or one lies on the
        direction altogether, beta is None and the note says so.

    Raises
    ------
    DataError
        If a word is unknown, or has no direction.
    OptionError
        If it is not words, or `others` are given for several.
    """
    toward = checked(vectors, direction)
    n, restrict = whole_number(n, "n"), None if restrict is None else whole_number(restrict, "restrict")
    if isinstance(words, str):
        asked = [(words, other) for other in _others(vectors, words, others, restrict)]
    elif others is not None:
        raise OptionError("others are compared with one word; give that as a string")
    else:
        asked = _pairs(words)
    names = list(dict.fromkeys(word for pair in asked for word in pair))
    known = {name: found(vectors, [name], "the words compared", lost=0) for name in names}
    rows = np.array([[known[word].rows[0] for word in pair] for pair in asked])  # (p, 2)
    sides = units(vectors, rows.ravel()).reshape(len(rows), 2, -1)  # (p, 2, D)
    shared = [
        _shared(known[a].words[0], known[b].words[0], w, v, toward) for (a, b), (w, v) in zip(asked, sides, strict=True)
    ]
    if isinstance(words, str) and others is None:
        shared = sorted(shared, key=lambda one: -np.inf if one.beta is None else one.beta, reverse=True)[:n]
    return IndirectBias(direction.attribute, tuple(shared))


def _others(vectors: WordVectors, word: str, others: Sequence[str] | None, restrict: int | None) -> list[str]:
    """Words that one word is compared with."""
    name = found(vectors, [word], "the word compared", lost=0).words[0]
    if others is not None:
        return listed(others, "others")
    return [other for other, cosine in vectors.most_similar(name, NEIGHBOURS, restrict=restrict) if cosine > TINY]


def _pairs(words: Sequence[str] | Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs as they are given: two words, or a list of such."""
    if isinstance(words, list | tuple) and len(words) == 2 and all(isinstance(word, str) for word in words):
        return paired([tuple(words)], "the words compared")
    return paired(words, "the pairs compared")


def _shared(word: str, other: str, w: np.ndarray, v: np.ndarray, g: np.ndarray) -> Shared:
    """One pair: vectors (D,) of length 1 and the direction."""
    cosine = float(w @ v)
    beside = [one - (one @ g) * g for one in (w, v)]
    lengths = [float(np.linalg.norm(one)) for one in beside]
    for name, length in zip((word, other), lengths, strict=True):
        if length < ALONG:
            return Shared(word, other, cosine, None, None, f"{name} lies on the direction, nothing is left without it")
    without = float(beside[0] @ beside[1]) / (lengths[0] * lengths[1])
    if abs(cosine) < TINY:
        return Shared(word, other, cosine, without, None, "their cosine is 0, which has no shares")
    owed = 0.0 if abs(cosine - without) < TINY else cosine - without
    return Shared(word, other, cosine, without, owed / cosine, "")
