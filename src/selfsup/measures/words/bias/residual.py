"""What is left of a bias when a reducer has done its work: whether biased words are still among their like, and told apart.

Gonen and Goldberg (2019, sec. 4): which words are biased, and to which side, is decided in the vectors before;
clusters, classifiers and neighbours of these words are then asked for that side in the vectors after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfsup.measures.table import Look, Row, Table
from selfsup.measures.words.bias import probes
from selfsup.measures.words.bias.bootstrap import interval
from selfsup.measures.words.bias.both import Both, Told, columns, pairwise
from selfsup.measures.words.bias.direct import WordList, spelled
from selfsup.measures.words.bias.probes import FEWEST, LINEAR, PROBES, Share
from selfsup.measures.words.bias.score import CAUTION, shown
from selfsup.measures.words.similarity import correlation, ranks
from selfsup.words.bias.direction import Direction
from selfsup.words.bias.given import named, row_of, whole_number
from selfsup.words.bias.lists import Occupation, entries
from selfsup.words.bias.transform import Transform
from selfsup.words.search import nearest
from selfsup.words.vectors import WordVectors

FITTED = ("positive", "negative")  # facts of a transform that name the words it was fitted on
MOST = 100  # splits, which take a second each
BELOW = "; below a half: where all means are made equal, those of the words learnt from lie opposite to those asked"
SHUFFLES = 100  # of the shares of neighbours
COLUMNS = (
    "probe", "of", "before", "before_low", "before_high", "before_chance", "after", "low", "high", "chance", "words", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Residual:
    """What is left; ``str`` of it is a table of before, after and chance.

    Attributes
    ----------
    rows
        Of the table ``bias_residual``.
    ends
        A word of either side.
    attribute
        Its name.
    words
        Words that were looked at, without those left out.
    left_out
        How many of the most frequent words say what the attribute is, and were left out.
    """

    rows: tuple[Row, ...]
    ends: tuple[str, str]
    attribute: str
    words: int
    left_out: int

    def table(self) -> Table:
        """What is left, as evidence."""
        return Table.of("bias_residual", [dict(row) for row in self.rows])

    def __str__(self) -> str:
        return "\n".join(lines(self.table()))


def lines(table: Table) -> list[str]:
    """What is left on a terminal: before, after and chance side by side, then the caution."""
    cells = [["what is left", "before", "after", "95 %", "chance", "words"]]
    for row in table.rows:
        span = "" if row["low"] is None else f"[{shown(row['low'])}, {shown(row['high'])}]"
        numbers = [shown(row["before"]), shown(row["after"]), span, shown(row["chance"]), f"{row['words']:,}"]
        cells.append([f"{row['probe']}, {row['of']}", *numbers])
    said = [f"  {row['probe']}, {row['of']}: {row['note']}" for row in table.rows if row["after"] is None]
    return [*columns(cells), *said, CAUTION]


LOOK = Look(
    "what is left of the bias",
    COLUMNS,
    note="Which words are biased, and to which side, is decided by the vectors before; words of the pairs, and those whose "
    "meaning has the attribute, are left out. k-means and probes: share of words whose side is told rightly; neighbours: "
    "correlation of a word's bias before with the share of its nearest words that were biased to the positive side. Chance: the "
    f"same with shuffled labels. Low, high: 95 %, as the note of each row says. {CAUTION}",
    lines=lines,
)


def residual(
    before: WordVectors,
    after: WordVectors,
    direction: Direction,
    *,
    n: int = 500,
    probed: int = 2500,
    words: WordList = "occupations",
    k: int = 100,
    restrict: int | None = 30_000,
    transform: Transform | None = None,
    splits: int = 5,
    seed: int = 0,
) -> Residual:
    """Tell the two sides of a bias apart in vectors that were made neutral: clusters, probes and neighbours.

    Parameters
    ----------
    before, after
        The vectors, and what a reducer made of them, of the same words. Both are used with length 1; a transform that leaves
        vectors of other lengths (`Transform.unit`) promises something of these, and clusters and probes then see them so.
    direction
        Of the attribute, in the vectors before.
    n
        Most biased words of each side for the clusters.
    probed
        Most biased words of each side for the probes, of which a fifth is learnt from.
    words
        Words for the neighbours: a bundled list, a JSON file, or a list. Those marked as specific are left out.
    k
        Neighbours of each.
    restrict
        Only the most frequent words are looked at; None: all.
    transform
        Of the reducer: words it keeps are left out. Where its facts name the words that it was fitted on (`positive`,
        `negative`), these and all others are also probed apart.
    splits
        Draws of the words that the probes learn from.
    seed
        Of all that is drawn.

    Raises
    ------
    OptionError
        If an option is out of its range.
    DataError
        If the direction is of vectors of another length, too many words are missing after, or a vector is not finite. A part
        for which there are too few words is withheld, and says so in its note.
    """
    for name, value in (("n", n), ("probed", probed), ("k", k)):
        whole_number(value, name)
    whole_number(splits, "splits", MOST, least=2)
    whole_number(seed, "seed", least=0)
    both, left_out = pairwise(before, after, direction, restrict=restrict, transform=transform)
    rows = [_clusters(both, n, seed), *_probes(both, probed, transform, splits, seed)]
    rows += _neighbours(both, before, entries(words), k, seed)
    return Residual(tuple(rows), direction.ends, direction.attribute, len(both.words), left_out)


def _clusters(both: Both, n: int, seed: int) -> Row:
    told = both.told(*both.sides(n))
    name, of = "k-means", f"{told.fewest:,} most biased of each side"
    if told.fewest < FEWEST:
        return _withheld(name, of, len(told.labels))
    found = [probes.clusters(rows, told.labels, seed) for rows in told.rows]
    note = f"2 clusters, best of {probes.STARTS} starts; interval: Wilson's, as if words were independent"
    return _row(name, of, found, len(told.labels), note)


def _probes(both: Both, probed: int, transform: Transform | None, splits: int, seed: int) -> list[Row]:
    """Rows of the probes: of the most biased words; and of those that the reducer was fitted on and all others apart."""
    most = both.told(*both.sides(probed))
    made = [_held_out(name, "held-out words", most, splits, seed) for name in PROBES]
    sets: list[Any] = [transform.facts.get(name) if transform else None for name in FITTED]
    if not all(isinstance(one, list | tuple) and all(isinstance(word, str) for word in one) for one in sets):
        return made
    fitted, unseen = both.fitted(sets[0], sets[1], probed)
    of, words = "the words it was fitted on", len(fitted.labels)
    if fitted.fewest < FEWEST:
        return [*made, _withheld(LINEAR, of, words)]
    found = [probes.on_its_own(rows, fitted.labels, seed) for rows in fitted.rows]
    note = "learnt from and asked of the same words, which is what an erasure promises; of shuffled labels some are learnt, too"
    made.append(_row(LINEAR, of, found, words, note))
    made += [
        _held_out(name, "held-out words of those it was fitted on", fitted, splits, seed, BELOW) for name in PROBES
    ]
    made += [_held_out(name, "held-out words it never saw", unseen, splits, seed) for name in PROBES]
    return made


def _held_out(name: str, of: str, told: Told, splits: int, seed: int, more: str = "") -> Row:
    words = len(told.labels)
    if told.fewest < FEWEST:
        return _withheld(name, of, words)
    found = [probes.held_out(name, rows, told.labels, splits, seed) for rows in told.rows]
    train = sum(probes.learnt(told.labels == side) for side in (False, True))
    note = f"{PROBES[name].said}; {train:,} words learnt from, {words - train:,} asked; "
    note += f"interval: 1.96 deviations of {splits} splits{more}"
    return _row(name, of, found, words, note)


def _neighbours(
    both: Both, vectors: WordVectors, asked: tuple[str, tuple[Occupation, ...]], k: int, seed: int
) -> list[Row]:
    """Correlation of the bias of words before with the share of their neighbours that were biased to the positive side."""
    name, every = asked
    free = [one for one in every if not one.specific]
    at = {word: place for place, word in enumerate(both.words)}
    rows = {one.word: row_of(vectors, spelled(vectors, one)) for one in free}
    places_of = {word: None if row is None else at.get(vectors.words[row]) for word, row in rows.items()}
    missing = [word for word, place in places_of.items() if place is None]
    places = np.array(list(dict.fromkeys(place for place in places_of.values() if place is not None)), np.int64)
    kinds, of = {"Spearman": ranks, "Pearson": np.asarray}, f"{name}, their {k} nearest"
    if len(places) < FEWEST or len(both.words) <= k:
        needed = f"{FEWEST} of the list are needed, and more than {k} in all"
        return [_withheld(f"neighbours' bias ({kind})", of, len(places), needed) for kind in kinds]
    shares = []
    for unit in (both.before, both.after):
        found = nearest(unit, unit[places], k + 1).others(places, k)
        shares.append((both.bias[found.rows] > 0).mean(axis=1))  # (m,)
    bias, rng = both.bias[places], np.random.default_rng(seed)
    shuffled = [rng.permutation(len(places)) for _ in range(SHUFFLES)]
    note = f"interval: bootstrap over the words; chance: mean size of the correlation over {SHUFFLES} shufflings"
    note += f"; not among the words: {named(missing)}" if missing else ""
    made = []
    for kind, scaled in kinds.items():
        both_found = [_correlated(bias, share, scaled, shuffled, seed) for share in shares]
        alike = "" if None not in both_found else "withheld: all words have the same share; "
        made.append(_row(f"neighbours' bias ({kind})", of, both_found, len(places), alike + note))
    return made


def _correlated(
    bias: np.ndarray, share: np.ndarray, scaled: Any, shuffled: list[np.ndarray], seed: int
) -> Share | None:
    """A correlation, its interval and its size by chance; None where all shares are alike."""

    def of(rows: np.ndarray, others: np.ndarray) -> float:
        value = correlation(scaled(bias[rows]), scaled(share[others]))
        return np.nan if value is None else value

    every = np.arange(len(bias))
    value = of(every, every)
    if np.isnan(value):
        return None
    low, high = interval(lambda rows: of(rows[0], rows[0]), [len(bias)], seed=seed)
    chance = float(np.mean([abs(of(every, order)) for order in shuffled]))
    return Share(value, low, high, chance)


def _row(probe: str, of: str, found: Sequence[Share | None], words: int, note: str) -> Row:
    numbers = [number for told in found for number in (told or (None,) * 4)]
    return dict(zip(COLUMNS, (probe, of, *numbers, words, note), strict=True))


def _withheld(probe: str, of: str, words: int, needed: str = f"{FEWEST} of each side are needed") -> Row:
    return _row(probe, of, (None, None), words, f"withheld: words that are there, {words}, are too few; {needed}")
