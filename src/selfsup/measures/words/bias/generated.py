"""Analogies a : b :: x : y that a direction generates from the whole vocabulary (Bolukbasi et al. 2016, section 4).

A pair (x, y) of words that are near to each other scores cos(a - b, x - y). With p the projections of the words of length 1 on
the direction of a - b, that is (p_x - p_y) / |x - y| and |x - y|^2 = 2 - 2 x.y: so products of blocks of the table are all
that is needed, and no differences are made.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from selfsup.errors import DataError, OptionError
from selfsup.measures.table import WIDTH, Look, Row, Table
from selfsup.measures.words.bias.direct import checked
from selfsup.words.bias.direction import Direction
from selfsup.words.bias.given import found, listed, units, whole_number
from selfsup.words.search import unit_rows

if TYPE_CHECKING:
    from selfsup.words.vectors import WordVectors

TALL, WIDE = 1024, 8192  # rows and columns of a block of products: 32 MB
CANDIDATES = 1 << 18  # pairs that are kept at once, the best ones
NEAREST = 0.01  # |x - y| below which rounding in float32 decides where a difference points to
LEAST = 1e-3  # score of a pair
LONGEST = 20  # characters, and so many are too many for a word of letters
TOGETHER = 256  # questions answered at once
SHOWN = 20  # pairs on a terminal


class Analogy(NamedTuple):
    """One pair that was found, and what the arithmetic x - a + b answers instead.

    Attributes
    ----------
    x, y
        a : b :: x : y.
    score
        cos(a - b, x - y).
    restricted
        The word nearest to x - a + b where a, b and x are no answers.
    restricted_rank
        Of y among those answers, from 1 on; None where y is a, b or x.
    unrestricted
        The nearest word of all; often x itself.
    unrestricted_rank
        Of y among all words.
    specific
        Whether x or y is among the words that belong to the attribute by definition.
    """

    x: str
    y: str
    score: float
    restricted: str
    restricted_rank: int | None
    unrestricted: str
    unrestricted_rank: int
    specific: bool


@dataclass(frozen=True)
class Analogies:
    """Pairs that a direction generates; ``str`` of it is a table.

    Attributes
    ----------
    a, b
        The words of the arithmetic.
    pairs
        Best first; each word once as x and once as y.
    along
        What x - y is compared with.
    delta
        Largest |x - y|.
    searched
        Words among which pairs and answers were looked for.
    """

    a: str
    b: str
    pairs: tuple[Analogy, ...]
    along: str
    delta: float
    searched: int

    @property
    def note(self) -> str:
        """Along what they were generated, and among how many words."""
        return (
            f"{len(self.pairs)} pairs along {self.along}, among {self.searched:,} words with |x - y| <= {self.delta:g}."
        )

    def table(self, stage: str = "before") -> Table:
        """A row a pair; `stage` says of which vectors."""
        rows: list[Row] = [{"stage": stage, "a": self.a, "b": self.b} | pair._asdict() for pair in self.pairs]
        return Table.of("bias_analogies", rows)

    def __str__(self) -> str:
        return "\n".join([*lines(self.table()), *textwrap.wrap(self.note, WIDTH)])


def answered(rows: Sequence[Row]) -> str:
    """What the arithmetic answers for pairs of one stage, in a sentence; nothing where there are none."""
    if not rows:
        return ""
    restricted, unrestricted = (sum(row[key] == 1 for row in rows) for key in ("restricted_rank", "unrestricted_rank"))
    itself = sum(row["unrestricted"] == row["x"] for row in rows)
    arithmetic = f"x - {rows[0]['a']} + {rows[0]['b']}"
    return (
        f"Of {len(rows)} pairs the arithmetic {arithmetic} answers y first for {restricted} if query words may not answer, "
        f"and for {unrestricted} if they may; for {itself} it then answers x itself."
    )


def lines(table: Table) -> list[str]:
    """The first pairs of each stage on a terminal, with the answers of the arithmetic."""
    stages = list(dict.fromkeys(row["stage"] for row in table.rows))
    made: list[str] = []
    for stage in stages:
        rows = [row for row in table.rows if row["stage"] == stage]
        title = f"generated analogies, {rows[0]['a']} : {rows[0]['b']} :: x : y"
        made += [
            title if len(stages) == 1 else f"{title}, {stage}",
            *_shown(rows),
            *textwrap.wrap(answered(rows), WIDTH),
        ]
    return made or ["generated analogies: none"]


def _shown(rows: Sequence[Row]) -> list[str]:
    """The first pairs of one stage, a line each."""
    cells = [("", "x", "y", "cos", "restricted", "rank of y", "unrestricted", "rank of y")]
    for row in rows[:SHOWN]:
        ranks = ["-" if row[key] is None else f"{row[key]:,}" for key in ("restricted_rank", "unrestricted_rank")]
        answers = row["restricted"], ranks[0], row["unrestricted"], ranks[1]
        cells.append(("by definition" if row["specific"] else "", row["x"], row["y"], f"{row['score']:.2f}", *answers))
    widths = [max(map(len, column)) + 2 for column in zip(*cells, strict=True)]
    made = ["".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return [*made, f"and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else made


LOOK = Look(
    "generated analogies",
    ("stage", "a", "b", *Analogy._fields),
    note="Score: cosine of x - y with the direction. Restricted: the answer of x - a + b where a, b and x may not be answers, "
    "as is usual; unrestricted: where they may, and often the answer is then x itself (Nissim, van Noord and van der Goot 2020). "
    "Analogies illustrate; they are no accurate measure of bias.",
    key="stage",
    lines=lines,
)


def generated(
    vectors: WordVectors,
    direction: Direction | Sequence[str],
    n: int = 150,
    *,
    delta: float = 1.0,
    restrict: int | None = 30_000,
    letters: bool = True,
    specific: Collection[str] | None = None,
) -> Analogies:
    """Pairs of words x, y for which "a is to b as x is to y", generated rather than asked for (Bolukbasi et al. 2016, sec. 4).

    All pairs of different words with ``|x - y| <= delta`` are compared, and the best taken one after the other, each word once on
    each side, as the authors' code does. Beside each stands what the arithmetic x - a + b answers, with and without the
    constraint that query words are no answers.

    Parameters
    ----------
    vectors
        The words and their vectors, used with length 1.
    direction
        Two words (a, b): differences are compared with a - b, as in the paper. Or a direction: they are compared with it, and a
        and b are its ends.
    n
        How many pairs, if there are so many.
    delta
        Largest distance of x and y; 1, the paper's, is an angle of 60 degrees.
    restrict
        Look among so many of the most frequent words; None: all. Time grows with the square of it.
    letters
        Only words of letters and "_" in lower case, or of a script without case, of fewer than 20 characters, are looked among,
        as in the authors' code. False: all words.
    specific
        Words that belong to the attribute by definition (*mother*): pairs with one of them are marked. None: those that the
        attribute of the direction names, and the words of its pairs.

    Returns
    -------
    Analogies
        ``.pairs``, ``.table()``, ``.note``. Products are of float32: scores are right to 1e-5.

    Raises
    ------
    DataError
        If a word is unknown, a vector is not finite, or the direction is one of vectors of another length.
    OptionError
        If n, delta or restrict is out of range.

    Examples
    --------
    >>> print(generated(vectors, ("she", "he")))  # doctest: +SKIP
    """
    n = whole_number(n, "n")
    if not isinstance(delta, int | float) or not 0 < delta <= 2:
        raise OptionError(f"delta is a distance of vectors of length 1, above 0 and at most 2; got {delta!r}")
    toward, ends, along = _along(vectors, direction)
    rows = _searched(vectors, restrict, letters)
    unit = unit_rows(vectors.rows(rows), rows)  # (v, D) float32
    kept = unit.any(axis=1)
    rows, unit = rows[kept], unit[kept]
    projected = np.concatenate([unit[block] @ toward for block in _slices(len(unit), TALL)])  # (v,) float64
    chosen = _greedy(unit, projected, n, delta)
    answers = _answers(unit, rows, chosen, ends, vectors)
    marked = _marked(direction, ends, specific)
    words = [vectors.words[row] for row in rows.tolist()]
    pairs = [
        Analogy(words[x], words[y], score, *answer, not marked.isdisjoint((words[x].lower(), words[y].lower())))
        for (x, y, score), answer in zip(chosen, answers, strict=True)
    ]
    return Analogies(*ends, tuple(pairs), along, delta, len(rows))


def _along(vectors: WordVectors, direction: Direction | Sequence[str]) -> tuple[np.ndarray, tuple[str, str], str]:
    """Direction (D,) float64, the two words of the arithmetic, and what the direction is called."""
    if isinstance(direction, Direction):
        toward = checked(vectors, direction)
        a, b = found(vectors, direction.ends, "ends of the direction", lost=0, least=2).words
        return toward, (a, b), f"the direction of {direction.attribute}"
    pair = found(vectors, direction, "the pair a, b", lost=0, least=2)
    if len(pair.words) != 2:
        raise OptionError(f"a and b are two words; got {', '.join(pair.words)}")
    first, second = units(vectors, pair.rows)
    length = float(np.linalg.norm(first - second))
    if length < NEAREST:
        raise DataError(
            f"{pair.words[0]!r} and {pair.words[1]!r} have the same vector, so no difference; give two others"
        )
    return (first - second) / length, (pair.words[0], pair.words[1]), " - ".join(pair.words)


def _marked(direction: Direction | Sequence[str], ends: tuple[str, str], specific: Any) -> frozenset[str]:
    """Words, in lower case, that belong to the attribute by definition: those given, or those that the direction names."""
    words: Collection[str]
    if specific is None:
        words = direction.specific if isinstance(direction, Direction) else ends
    else:
        words = () if isinstance(specific, Sized) and not len(specific) else listed(specific, "specific")
    return frozenset(word.lower() for word in words)


def _searched(vectors: WordVectors, restrict: int | None, letters: bool) -> np.ndarray:
    """Rows (v,) of the words among which pairs are looked for, the most frequent first."""
    if restrict is not None:
        restrict = whole_number(restrict, "restrict")
    rows: list[int] = []
    for row in vectors.frequent(None).tolist():
        if not letters or _plain(vectors.words[row]):
            rows.append(row)
            if len(rows) == restrict:
                break
    if len(rows) < 2:
        raise DataError(
            "there are fewer than two words of letters in lower case to look among; letters=False takes all words"
        )
    return np.array(rows, np.int64)


def _plain(word: str) -> bool:
    """Whether a word is of letters and "_" alone, without capitals, and short."""
    return len(word) < LONGEST and word == word.lower() and word.replace("_", "").isalpha()


def _slices(n: int, size: int, first: int = 0) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(first, n, size))


def _greedy(unit: np.ndarray, projected: np.ndarray, n: int, delta: float) -> list[tuple[int, int, float]]:
    """Places x, y and scores of the n best pairs, each word once on each side.

    The best candidates are gone through in order. Where they do not suffice, as a few words are in most of them, the next pass
    looks at the words that are still free: what an earlier pass dropped scores less than all it went through.
    """
    chosen: list[tuple[int, int, float]] = []
    free = np.ones((2, len(unit)), bool)  # as x, as y
    while len(chosen) < n:
        left, right, scores, dropped = _candidates(unit, projected, delta, free)
        for x, y, score in zip(left.tolist(), right.tolist(), scores.tolist(), strict=True):
            if free[0, x] and free[1, y]:
                free[0, x] = free[1, y] = False
                chosen.append((x, y, score))
                if len(chosen) == n:
                    break
        if not dropped:
            break
    return chosen


def _candidates(
    unit: np.ndarray, projected: np.ndarray, delta: float, free: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Places x and y of the best pairs that are free, their scores, best first; and whether there were more.

    Parameters
    ----------
    unit
        (v, D) float32 of length 1.
    projected
        (v,) float64 on the direction.
    free
        (2, v) whether a word may still be x, and y.
    """
    near = np.float32(1 - delta * delta / 2)  # x.y of words at the distance delta
    best = np.empty((3, 0))  # x, y, score
    least, dropped = LEAST, False
    for rows in _slices(len(unit), TALL):
        for columns in _slices(len(unit), WIDE, rows.start):
            products = unit[rows] @ unit[columns].T  # (TALL, WIDE)
            i, j = np.divmod(np.flatnonzero(products >= near), products.shape[1])
            squares = 2 - 2 * products[i, j].astype(np.float64)
            i, j = i + rows.start, j + columns.start
            ahead = projected[i] - projected[j]
            scores = np.abs(ahead) / np.sqrt(np.maximum(squares, NEAREST**2))
            x, y = np.where(ahead > 0, i, j), np.where(ahead > 0, j, i)
            some = (i < j) & (squares > NEAREST**2) & (scores > least) & free[0, x] & free[1, y]
            best = np.concatenate([best, [x[some], y[some], scores[some]]], axis=1)
            if best.shape[1] > 2 * CANDIDATES:
                best = best[:, np.argpartition(-best[2], CANDIDATES)[:CANDIDATES]]
                least, dropped = float(best[2].min()), True
    best = best[:, np.lexsort((best[1], best[0], -best[2]))]
    return best[0].astype(np.int64), best[1].astype(np.int64), best[2], dropped


def _answers(
    unit: np.ndarray,
    rows: np.ndarray,
    chosen: Sequence[tuple[int, int, float]],
    ends: tuple[str, str],
    vectors: WordVectors,
) -> list[tuple[str, int | None, str, int]]:
    """For each pair the first answer of x - a + b and the rank of y: where query words are no answers, and where they are."""
    a, b = units(vectors, np.array([vectors.index[word] for word in ends]))
    places = {int(row): place for place, row in enumerate(rows.tolist())}
    own = [places[row] for row in (vectors.index[word] for word in ends) if row in places]
    made: list[tuple[str, int | None, str, int]] = []
    for part in _slices(len(chosen), TOGETHER):
        asked = np.array([pair[:2] for pair in chosen[part]])  # (q, 2)
        wanted = unit_rows(unit[asked[:, 0]] - a + b)
        cosines = wanted @ unit.T  # (q, v)
        for (x, y), of in zip(asked.tolist(), cosines, strict=True):
            query = [x, *own]
            first, rank = int(of.argmax()), 1 + int((of > of[y]).sum())
            ahead = rank - int((of[list(set(query))] > of[y]).sum())
            of[query] = -np.inf
            answer = vectors.words[int(rows[int(of.argmax())])]
            made.append((answer, None if y in query else ahead, vectors.words[int(rows[first])], rank))
    return made
