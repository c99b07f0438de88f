"""A race of methods, judged on the same rows: each one's score, how far one is ahead of another, and the table of both.

With labels a linear probe decides, on average over all numbers of labels, as where runs are held side by side. Without labels the
effective rank of the codes does (RankMe): of what needs no labels it follows the probe best across methods on the same data, and
not well (docs/measured.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from selfsup.errors import DataError
from selfsup.measures.health import RANK_ROWS, effective_rank, rows_of
from selfsup.measures.run import Features
from selfsup.measures.samples import runs
from selfsup.measures.samples.paired import DIFFERENT, SURE, Lead, leads
from selfsup.measures.samples.runs import Judged
from selfsup.measures.table import Look, Row, Table
from selfsup.measures.wording import percent, words

NAME = "race"
GROUPS = 10  # of rows, each left out once, to learn how uncertain a rank is
RANK = "effective rank"
KEPT = ", the run kept"  # behind the winner's name
WEAK = (
    "without labels the ranking is weak: across methods on the same data the effective rank of the codes follows a linear probe "
    "with a rank correlation of .58 ± .28, over 7 groups of runs; a few hundred labels would tell more"
)


class Judge(Protocol):
    """Who scores codes of the same rows, by the names that they are given under."""

    by: str

    def add(self, name: str, codes: Features, fold: int = 0) -> None:
        """Score the codes of one encoder; of the rows of another fold, where there are several."""
        ...

    def score(self, name: str) -> Lead:
        """Its score, with its standard error."""
        ...

    def lead(self, first: str, second: str) -> Lead:
        """How far one is ahead of another, with the error of pairs."""
        ...

    def extra(self, name: str) -> Row:
        """What else is shown of it."""
        ...


class ByLabels:
    """Scores by labels: a linear probe and nearest neighbours, a ridge regression, or a probe of several labels.

    Attributes
    ----------
    folds
        Labels (n,) and (m,) of the rows that are learnt from, and of those that are tested on, of each fold. The test rows of
        different folds are different ones, and what was judged in several is pooled.

    Parameters
    ----------
    draws
        How often few labels are drawn.
    """

    def __init__(self, y_train: np.ndarray, y_test: np.ndarray, *, draws: int, seed: int) -> None:
        self.folds, self.draws, self.seed, self.by = [(y_train, y_test)], draws, seed, ""
        self.found: dict[str, list[list[Judged]]] = {}

    def add(self, name: str, codes: Features, fold: int = 0) -> None:
        """Judge the codes by the same draws of labels and the same rows as all others."""
        found = runs.judged({name: codes}, *self.folds[fold], draws=self.draws, seed=self.seed)
        self.by = found[0].by
        self.found.setdefault(name, []).append(found)

    def score(self, name: str) -> Lead:
        """The mean over all numbers of labels, of the first way of judging."""
        return leads([runs.whole(self.together([name])[0], name)], self.seed)[0]

    def lead(self, first: str, second: str) -> Lead:
        """On the same rows and the same draws."""
        both = self.together([first, second])[0]
        return leads([runs.whole(both, first) - runs.whole(both, second)], self.seed)[0]

    def extra(self, name: str) -> Row:
        """The unit, and the score of nearest neighbours where they were asked."""
        first, *others = self.together([name])
        found: Row = {"unit": first.unit}
        for one in others:
            near = leads([runs.whole(one, name)], self.seed)[0]
            found |= {"nearest": near.size, "nearest_error": near.error}
        return found

    def together(self, names: Sequence[str]) -> list[Judged]:
        """What was found of some, in the folds that all of them were judged in, as `runs.tables` takes it."""
        folds = min(len(self.found[name]) for name in names)
        return [
            _pooled([_merged([self.found[name][fold][way] for name in names]) for fold in range(folds)])
            for way in range(len(self.found[names[0]][0]))
        ]


def _merged(each: Sequence[Judged]) -> Judged:
    """Encoders side by side that were judged in one way on the same rows."""
    return each[0]._replace(
        scores={key: scores for one in each for key, scores in one.scores.items()},
        widths={key: width for one in each for key, width in one.widths.items()},
    )


def _pooled(folds: Sequence[Judged]) -> Judged:
    """The test rows of all folds one after the other, at the numbers of labels that all have."""
    first = folds[0]
    if len(folds) == 1:
        return first
    places = [{count: place for place, (count, _) in enumerate(one.counts)} for one in folds]
    common = [count for count, _ in first.counts if all(count in own for own in places)]
    scores = {
        name: [
            np.concatenate([one.scores[name][own[count]] for one, own in zip(folds, places, strict=True)], axis=1)
            for count in common
        ]
        for name in first.scores
    }
    return first._replace(counts=[pair for pair in first.counts if pair[0] in common], scores=scores)


class _Rank(NamedTuple):
    """The effective rank of codes, and of all but one group of rows (g,) each."""

    whole: float
    parts: np.ndarray
    rows: int


class ByRank:
    """Scores without labels: the effective rank of the codes of held-out rows; errors by the jackknife over groups of rows."""

    by = RANK

    def __init__(self) -> None:
        self.found: dict[str, _Rank] = {}

    def add(self, name: str, codes: Features, fold: int = 0) -> None:
        """Measure the codes of the test rows."""
        kept = rows_of(np.asarray(codes.test), RANK_ROWS)
        if not np.isfinite(kept).all():
            raise DataError(f"{name}: codes hold NaN or infinity; training may have diverged")
        group = np.arange(len(kept)) % min(GROUPS, len(kept))
        parts = [effective_rank(kept[group != one]) for one in range(int(group.max(initial=0)) + 1)]
        self.found[name] = _Rank(effective_rank(kept), np.asarray(parts), len(kept))

    def score(self, name: str) -> Lead:
        """The rank."""
        one = self.found[name]
        return Lead(one.whole, _jackknife(one.parts), one.rows)

    def lead(self, first: str, second: str) -> Lead:
        """The same groups are left out of both."""
        mine, other = self.found[first], self.found[second]
        return Lead(mine.whole - other.whole, _jackknife(mine.parts - other.parts), mine.rows)

    def extra(self, name: str) -> Row:
        """The unit."""
        return {"unit": RANK}


def _jackknife(parts: np.ndarray) -> float:
    """Standard error from what is found without each of g groups (Efron & Tibshirani 1993, eq. 11.5)."""
    return float(np.sqrt((len(parts) - 1) * parts.var()))


class Placed(NamedTuple):
    """How one method did in one round.

    Attributes
    ----------
    name
        Of the method.
    round
        From 1.
    key
        What its codes were given to the judge under; "" where they were not judged.
    minutes
        Of its training.
    why
        Why it is out, where it did not come to an end.
    """

    name: str
    round: int
    key: str = ""
    minutes: float = 0.0
    why: str = ""


def table(judge: Judge, placed: Sequence[Placed], beside: Sequence[str], kept: Placed | None = None) -> Table:
    """The ranking, and below it what it is held against.

    Parameters
    ----------
    placed
        Of every method in all its rounds.
    beside
        Names of what else was judged.
    kept
        The winner as it was trained alone, which is shown below the methods.
    """
    judged = {one.name: one for one in sorted(placed, key=lambda one: one.round) if one.key}  # the last of each
    order = sorted(judged.values(), key=lambda one: (one.round, judge.score(one.key).size), reverse=True)
    failed = {one.name: one.why for one in placed if one.why}
    rows = list[Row]()
    for number, one in enumerate(order, start=1):
        best = max((other for other in placed if other.round == one.round and other.key), key=_scored_by(judge))
        lead = judge.lead(one.key, best.key) if best.key != one.key else None
        row: Row = {"place": number, "encoder": one.name, "round": one.round, "minutes": one.minutes}
        rows.append(row | _scored(judge, one.key, lead) | {"why": failed.get(one.name)})
    if kept is not None:
        row = {"place": None, "encoder": f"{kept.name}{KEPT}", "round": kept.round, "minutes": kept.minutes}
        rows.append(row | _scored(judge, kept.key) | {"why": None})
    for name in beside:
        rows.append(
            {"place": None, "encoder": name, "round": None, "minutes": None} | _scored(judge, name) | {"why": None}
        )
    for one in placed:
        if one.why and one.name not in judged:
            row = {"place": None, "encoder": one.name, "round": one.round, "minutes": None}
            rows.append(row | dict.fromkeys(SCORED) | {"why": one.why})
    return Table.of(NAME, rows)


SCORED = ("by", "score", "error", "lead", "lead_error", "clear")


def _scored_by(judge: Judge) -> Callable[[Placed], float]:
    return lambda one: judge.score(one.key).size


def _scored(judge: Judge, key: str, lead: Lead | None = None) -> Row:
    own = judge.score(key)
    row: Row = dict.fromkeys(SCORED) | {"by": judge.by, "score": own.size, "error": own.error}
    if lead is not None:
        row |= {"lead": lead.size, "lead_error": lead.error, "clear": lead.clear}
    return row | judge.extra(key)


def cuts(judge: Judge, placed: Sequence[Placed], kept: Mapping[int, int]) -> list[str]:
    """Which methods went out though they were not told apart from one that went on, a sentence for each round.

    Parameters
    ----------
    kept
        Of each round, how many went on.
    """
    said = []
    for number, most in kept.items():
        order = sorted((one for one in placed if one.round == number and one.key), key=_scored_by(judge), reverse=True)
        on, out = order[:most], order[most:]
        level = [one.name for one in out if not judge.lead(on[-1].key, one.key).clear]
        if level:
            there = f"{on[-1].name} went on, and {words(level)} not"
            said.append(f"the cut after round {number} was not clear: {there}, though nothing tells them apart")
    return said


def verdict(
    judge: Judge, finalists: Sequence[Placed], beside: Sequence[str], where: str, seed: int
) -> tuple[dict[str, Any], list[Table]]:
    """Whether the winner is told apart from the others of the last round that was judged, with the tables that say so.

    Parameters
    ----------
    finalists
        The best first.
    beside
        Names of what they are held against.
    where
        What it was measured on.
    """
    if isinstance(judge, ByLabels):
        names = {one.key: one.name for one in finalists}
        found = [_renamed(one, names) for one in judge.together([*names, *beside])]
        scores, apart = runs.tables(found, list(names.values()), seed)
        return runs.verdict(apart, scores, list(names.values()), where), [scores, apart]
    best, *others = finalists
    level = [one.name for one in others if not judge.lead(best.key, one.key).clear]
    said = f"{where}, without labels, {best.name} has the largest {judge.by} ({judge.score(best.key).size:.1f})"
    said += f", not told apart from {words(level)}" if level else ""
    said = f"{said[0].upper()}{said[1:]}; whether its codes are worth more only labels would tell."
    return {"kind": "undecided", "sentence": said, "because": {}}, []


def _renamed(one: Judged, names: Mapping[str, str]) -> Judged:
    """What was found under a key, under the name that people know."""
    scores = {names.get(key, key): value for key, value in one.scores.items()}
    return one._replace(scores=scores, widths={names.get(key, key): value for key, value in one.widths.items()})


def shown(row: Row, key: str = "score") -> str:
    """A score (or `nearest`, or `lead`) with its error as people read it: all but R2 and ranks in per cent."""
    size, error = row.get(key), row.get("error" if key == "score" else f"{key}_error")
    if size is None or error is None:
        return ""
    sign = "+" if key == "lead" else ""
    if row["unit"] in ("accuracy", "map"):
        return f"{100 * size:{sign}.1f} ±{percent(error)}"
    return f"{size:{sign}.3f} ±{error:.3f}" if row["unit"] == "r2" else f"{size:{sign}.1f} ±{error:.1f}"


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Heads, and a line of texts for each row that was judged; columns in which nothing stands are left out."""
    unit = {"accuracy": ", %", "map": ", mAP %", "r2": ", R2"}.get(rows[0]["unit"], "")
    found = [["", "codes from", "round", "trained", f"{rows[0]['by']}{unit}", "nearest, %", "behind the best"]]
    for row in rows:
        lead = shown(row, "lead")
        lead += "" if not lead else "*" if row["clear"] else " "
        place = f"{row['place']:g}." if row["place"] else ""
        turn = "" if row["round"] is None else f"{row['round']:g}"
        found.append([place, row["encoder"], turn, trained(row["minutes"]), shown(row), shown(row, "nearest"), lead])
    kept = [place for place in range(len(found[0])) if place < 2 or any(line[place] for line in found[1:])]
    return [[line[place] for place in kept] for line in found]


def lines(table: Table) -> list[str]:
    """On a terminal: the ranking, then what it is held against, then who is out."""
    rows = [row for row in table.rows if row["score"] is not None]
    if not rows:
        return ["race: nothing was judged"]
    found = cells(rows)
    wide = [max(map(len, column)) for column in zip(*found, strict=True)]
    made = ["  ".join(cell.ljust(most) for cell, most in zip(line, wide, strict=True)).rstrip() for line in found]
    made += [f"out: {row['encoder']}: {row['why']}" for row in table.rows if row["why"]]
    return [*made, f"({STAR})"]


def trained(minutes: float | None) -> str:
    """Time of a training, for people."""
    if minutes is None:
        return ""
    return (
        f"{60 * minutes:.1f} s" if minutes < 0.2 else f"{60 * minutes:.0f} s" if minutes < 2 else f"{minutes:.1f} min"
    )


STAR = f"±: standard error; *: more than {SURE:g} standard errors behind the best of the same round"
NOTE = (
    "Each round trains those that are left anew, for equal times, and the better half goes on. A score is of the last round that "
    "a method was judged in, and how far it is behind is beside the best of that round, on the same rows and draws of labels; a "
    f"lead counts from two of its errors on, and from {DIFFERENT} rows on which the two differ."
)
LOOK = Look(
    "the race",
    ("place", "encoder", "round", "minutes", "by", "score", "error", "lead", "lead_error", "clear", "why"),
    runs.BASELINES,
    NOTE,
    lines=lines,
)
