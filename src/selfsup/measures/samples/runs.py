"""Runs side by side: what the labels of the same rows say of the codes of each, and which leads are more than chance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from selfsup.errors import DataError
from selfsup.measures.run import Features
from selfsup.measures.samples import compare as classifying, knn, multilabel, paired, probe, regression
from selfsup.measures.samples.judgeable import told_apart, unjudgeable
from selfsup.measures.samples.leads import unit_of
from selfsup.measures.samples.paired import DIFFERENT, SURE, Lead
from selfsup.measures.table import WIDTH, Look, Row, Table
from selfsup.measures.wording import percent, words

NAME, LEADS, HEALTH = "compare", "compare_leads", "compare_health"
PROBE, NEIGHBOURS, RIDGE = "linear probe", "nearest neighbours", "ridge regression"
SEVERAL = "multi-label probe"
BASELINES = ("raw input", "PCA")
TITLES = {"accuracy": "%", "r2": "R2", "map": "mAP %"}
MEAN = "mean"  # over all numbers of labels
BATCH = 64  # leads that are resampled together
Told = Callable[[str], None]


class Judged(NamedTuple):
    """What one way of judging found of every encoder.

    Attributes
    ----------
    by
        The way: a linear probe, nearest neighbours, a ridge regression, a multi-label probe.
    unit
        One of `leads.SCORES`: ``accuracy``; ``r2`` where labels are numbers; ``map`` where a sample has several.
    counts
        Of each number of labels: labels a class (of numbers and several: labelled rows in all), or "all"; and labels in all.
    scores
        Encoder -> at each number of labels (draws, m): what the test rows add to the unit, of which it is the mean.
    widths
        Encoder -> width of its codes.
    """

    by: str
    unit: str
    counts: Sequence[tuple[Any, int]]
    scores: Mapping[str, Sequence[np.ndarray]]
    widths: Mapping[str, int]


def judged(
    encoders: Mapping[str, Features],
    y_train: np.ndarray,
    y_test: np.ndarray,
    *,
    draws: int,
    seed: int = 0,
    told: Told = lambda line: None,
) -> list[Judged]:
    """Judge the codes of every encoder by the same draws of labels and the same test rows.

    Parameters
    ----------
    encoders
        Name -> codes; row i is the same sample for all of them.
    y_train, y_test
        Classes (n,) and (m,) int64, numbers, float64, or several labels (n, L) and (m, L) bool.
    draws
        How often few labels are drawn.
    told
        Is told what is being done.

    Raises
    ------
    DataError
        If there is nothing to judge: labels of one class, too few rows, codes that are not finite.
    """
    given = {(name, ""): features for name, features in encoders.items()}
    widths = {name: int(features.train.shape[1]) for name, features in encoders.items()}
    if y_train.ndim == 2 or y_train.dtype.kind == "f":
        return [_in_all(given, y_train, y_test, widths, draws=draws, seed=seed, told=told)]
    classifying.check(given, y_train, y_test)
    classes, labels = np.unique(y_train, return_inverse=True)
    place = np.minimum(np.searchsorted(classes, y_test), len(classes) - 1)
    truth = np.where(classes[place] == y_test, place, -1)
    if not (truth >= 0).any():
        raise DataError(
            "no label of the test rows is among those of the rows that are learnt from: nothing can be told"
        )
    tasks = classifying.plan(labels, classifying.COUNTS, draws, seed, len(labels))
    counts, used = [(task.per_class, len(task.draws[0])) for task in tasks], np.arange(len(labels))
    found = []
    for by, judge in ((PROBE, probe.judge), (NEIGHBOURS, knn.judge)):
        scores = {}
        for name, features in encoders.items():
            told(f"{by} of {name}")
            with threadpool_limits(1):  # see `samples.compare`
                guess = judge(features, used)
                scores[name] = [
                    np.stack(
                        [guess(rows, labels[rows], seed + n).classes == truth for n, rows in enumerate(task.draws)]
                    )
                    for task in tasks
                ]
        found.append(Judged(by, "accuracy", counts, scores, widths))
    return found


def _in_all(
    given: Mapping[tuple[str, str], Features],
    known: np.ndarray,
    asked: np.ndarray,
    widths: Mapping[str, int],
    *,
    draws: int,
    seed: int,
    told: Told,
) -> Judged:
    """A ridge regression where labels are numbers, a probe where they are several: by numbers of labelled rows in all."""
    if said := unjudgeable(known, asked):
        raise DataError(said)
    classifying.check_codes(given, known, asked)
    several = known.ndim == 2
    by, unit, counts = (SEVERAL, "map", multilabel.COUNTS) if several else (RIDGE, "r2", regression.COUNTS)
    if several:
        counted = told_apart(known, asked)
        known, asked = known[:, counted], asked[:, counted]
    tasks, scores = regression.plan(len(known), counts, draws, seed), dict[str, list[np.ndarray]]()
    for (name, _), features in given.items():
        told(f"{by} of {name}")
        judge = multilabel.judged if several else regression.judged
        with threadpool_limits(1):
            scores[name] = [one.shares for one in judge(features, known, asked, tasks)]
    sizes = [len(task[0]) for task in tasks]
    return Judged(by, unit, [*((size, size) for size in sizes[:-1]), ("all", sizes[-1])], scores, widths)


def tables(found: Sequence[Judged], runs: Sequence[str], seed: int = 0) -> tuple[Table, Table]:
    """Each encoder at each number of labels; and the leads of each run over each other one and over the baselines."""
    rows, pairs = list[Row](), list[Row]()
    for one in found:
        best = max(runs, key=lambda name: whole(one, name).mean())
        compared = [*combinations(runs, 2), *((run, base) for run in runs for base in one.scores if base not in runs)]
        mine, beside = _pairs(one, compared, seed), {}
        for (first, second), leads in zip(compared, mine, strict=True):
            for (count, labels), lead in zip([(MEAN, None), *one.counts], leads, strict=True):
                pairs.append(
                    {
                        "by": one.by, "first": first, "second": second, "count": count, "labels": labels,
                        "lead": lead.size, "lead_error": lead.error, "differ": lead.differ, "clear": lead.clear,
                    }
                )  # fmt: skip
            if best in (first, second):
                sign = 1 if second == best else -1
                beside[second if first == best else first] = [
                    lead._replace(size=sign * lead.size + 0.0) for lead in leads[1:]
                ]
        rows += _rows(one, best, beside, seed)
    return Table.of(NAME, rows), Table.of(LEADS, pairs)


def whole(one: Judged, name: str) -> np.ndarray:
    """The mean over all numbers of labels (draws, m): where labels were drawn once, each draw has these."""
    draws = max(len(scores) for scores in one.scores[name])
    each = [np.broadcast_to(scores, (draws, scores.shape[1])) for scores in one.scores[name]]
    return np.asarray(np.mean(each, axis=0))


def _pairs(one: Judged, compared: Iterable[tuple[str, str]], seed: int) -> list[list[Lead]]:
    """Leads of pairs of encoders: on average over all numbers of labels, and at each."""
    apart = []
    for first, second in compared:
        apart.append(whole(one, first) - whole(one, second))
        each = zip(one.scores[first], one.scores[second], strict=True)
        apart += [mine.astype(np.float64) - others for mine, others in each]
    step, leads = 1 + len(one.counts), list[Lead]()
    for place in range(0, len(apart), BATCH):
        leads += paired.leads(apart[place : place + BATCH], seed)
    return [leads[place : place + step] for place in range(0, len(leads), step)]


def _rows(one: Judged, best: str, beside: Mapping[str, Sequence[Lead]], seed: int) -> list[Row]:
    """Rows of the first table: each encoder at each number of labels, and how far it is from the best run."""
    rows = []
    for name, scores in one.scores.items():
        errors = paired.leads([np.asarray(values, np.float64) for values in scores], seed)
        for place, ((count, labels), values, own) in enumerate(zip(one.counts, scores, errors, strict=True)):
            lead = beside[name][place] if name in beside else None
            means = values.mean(1)
            rows.append(
                {
                    "by": one.by, "encoder": name, "width": one.widths[name], "count": count, "labels": labels,
                    one.unit: own.size, "error": own.error,
                    "sd": float(means.std(ddof=1)) if len(means) > 1 else 0.0, "draws": len(means),
                    "lead": None if lead is None else lead.size, "lead_error": None if lead is None else lead.error,
                    "beside": None if lead is None else best, "tested": values.shape[1],
                }
            )  # fmt: skip
    return rows


def verdict(leads: Table, scores: Table, runs: Sequence[str], where: str) -> dict[str, Any]:
    """Which run is better, where that is more than chance.

    The kind is "better" where the run with the best mean is clearly ahead of every other one, else "undecided".

    Parameters
    ----------
    leads, scores
        From `tables`, or of what evaluations hold.
    where
        What it was measured on.
    """
    by = scores.rows[0]["by"]
    unit, plain = ("of R2", "{:.3f}".format) if "r2" in scores.rows[0] else ("points", percent)
    means = {
        run: float(np.mean([score_of(row) for row in scores.rows if row["by"] == by and row["encoder"] == run]))
        for run in runs
    }
    best, because = max(runs, key=means.__getitem__), dict[str, Any]()
    won, level, bases = list[str](), list[str](), dict[str, list[str]]()
    for row in leads.rows:
        if row["by"] != by or row["count"] != MEAN or best not in (row["first"], row["second"]):
            continue
        other, sign = (row["second"], 1) if row["first"] == best else (row["first"], -1)
        size, error = sign * row["lead"] + 0.0, plain(row["lead_error"])
        few = "" if row["differ"] is None or row["differ"] >= DIFFERENT else f", apart on {row['differ']} rows only"
        because |= {f"lead_{other}": size, f"noise_{other}": row["lead_error"]}
        if other not in runs:
            how = ("clearly ahead of" if size > 0 else "clearly behind") if row["clear"] else "not clearly apart from"
            bases.setdefault(how, []).append(f"{other} ({plain(size)} ± {error}{few})")
        elif row["clear"]:
            won.append(f"{other} (by {plain(size)} ± {error} {unit})")
        else:
            level.append(f"{other} ({plain(size)} ± {error} {unit}{few})")
    counts = len({row["count"] for row in scores.rows if row["by"] == by})
    parts = [f"{best} is better than {words(won)}"] if won else []
    parts += [f"between {best} and {words(level)} there is no clear difference"] if level else []
    parts += [f"{best} is {how} {words(others)}" for how, others in bases.items()]
    over = f"on average over {counts} numbers of labels" if counts > 1 else "with all labels"
    sentence = f"{where}, by the {by} {over}: {'; '.join(parts)}"
    kind = "better" if won and not level else "undecided"
    return {"kind": kind, "sentence": sentence[0].upper() + sentence[1:] + ".", "because": because}


def score_of(row: Mapping[str, Any]) -> Any:
    """What a row has scored."""
    return row[unit_of(row)]


def heading(row: Mapping[str, Any]) -> str:
    """What a number of labels is called."""
    if row["count"] in ("all", MEAN):
        return "all labels" if row["count"] == "all" else "on average"
    if row.get("labels") != row["count"]:
        return f"{row['count']} a class"
    return f"{row['count']:,} {'rows' if 'map' in row or row['by'] == SEVERAL else 'labels'}"


def cell(row: Mapping[str, Any]) -> str:
    """A score with its error, as people read it: all but R2 in per cent."""
    size, error = score_of(row), row["error"]
    return f"{size:.3f} ±{error:.3f}" if "r2" in row else f"{percent(size)} ±{percent(error)}"


def lead_cell(row: Mapping[str, Any], *, numbers: bool) -> str:
    """A lead with its error, in points or R2."""
    size, error = row["lead"] + 0.0, row["lead_error"]
    return f"{size:+.3f} ±{error:.3f}" if numbers else f"{100 * size:+.1f} ±{100 * error:.1f}"


FIRST = 28  # characters of the first column


def _grid(title: str, lines: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Names down, numbers of labels across; more columns than fit go below."""
    heads = list(dict.fromkeys(head for cells in lines.values() for head in cells))
    wide = 1 + max(len(text) for cells in lines.values() for pair in cells.items() for text in pair)
    fit, made = max(1, (WIDTH - FIRST) // wide), []
    for place in range(0, len(heads), fit):
        across = heads[place : place + fit]
        made.append(f"{_cut(title):<{FIRST}}" + "".join(f"{head + ' ':>{wide}}" for head in across).rstrip())
        made += [
            f"{_cut(name):<{FIRST}}" + "".join(f"{cells.get(head, ''):>{wide}}" for head in across).rstrip()
            for name, cells in lines.items()
        ]
    return made


def _cut(name: str) -> str:
    return name if len(name) < FIRST else name[: FIRST - 2] + "…"


def lines(table: Table) -> list[str]:
    """Scores on a terminal: encoders down, numbers of labels across; the best of a column has a star."""
    made: list[str] = []
    for by in dict.fromkeys(row["by"] for row in table.rows):
        rows = [row for row in table.rows if row["by"] == by]
        best = {row["count"]: max(score_of(one) for one in rows if one["count"] == row["count"]) for row in rows}
        shown: dict[str, dict[str, str]] = {}
        for row in rows:
            name = f"{row['encoder']}({row['width']})" if row["encoder"] in BASELINES else row["encoder"]
            mark = "*" if score_of(row) == best[row["count"]] else " "
            shown.setdefault(name, {})[heading(row)] = cell(row) + mark
        made += [*_grid(f"{by}, {TITLES[unit_of(rows[0])]}", shown), ""]
    return [*made[:-1], "(*: best of its column; ±: standard error)"]


def lead_lines(table: Table) -> list[str]:
    """Leads on a terminal; a star where a lead passes two standard errors."""
    made: list[str] = []
    for by in dict.fromkeys(row["by"] for row in table.rows):
        shown: dict[str, dict[str, str]] = {}
        for row in table.rows:
            if row["by"] == by:
                mark = "*" if row["clear"] else " "
                name = f"{row['first']} over {row['second']}"
                shown.setdefault(name, {})[heading(row)] = lead_cell(row, numbers=by == RIDGE) + mark
        made += [*_grid(f"lead, {by}", shown), ""]
    return [*made[:-1], f"(*: more than {SURE:g} standard errors, of pairs: the same rows, the same labels)"]


def health_lines(table: Table) -> list[str]:
    """Numbers that need no labels on a terminal; losses of different tasks are not there."""
    shown = {}
    for row in table.rows:
        losses = {key: f"{row[key]:.4g} " for key in ("loss", "gap") if row[key] is not None}
        shown[row["encoder"]] = {
            "rank": f"{row['rank']:.1f} ",
            "width": f"{row['width']} ",
            "spread": f"{row['spread']:.2g} ",
        }
        shown[row["encoder"]] |= losses
    return _grid("without labels", shown)


NOTE = (
    "± is the standard error: of the choice of test rows and, where labels were drawn several times, of the draws. Raw input is "
    "the data themselves (tables standardised by column), PCA a linear code of it as wide as the widest run. The lead is beside "
    "the run with the best mean, on the same test rows and the same draws of labels."
)
LEADS_NOTE = (
    "A lead is clear where it passes two standard errors. Its error is that of pairs: test rows and draws of labels are "
    "resampled, the same ones for both. Of many pairs one in twenty passes by chance alone."
)
HEALTH_NOTE = (
    "The effective rank says how many dimensions the codes use, and not which are worth more. Loss and gap are shown where "
    "another run has the same method and options, so that its loss is the same; that of another task says nothing of this one."
)
LOOK = Look(
    "runs side by side",
    ("by", "encoder", "width", "count", "labels", "error", "lead", "lead_error"),
    BASELINES,
    NOTE,
    lines=lines,
)
LEADS_LOOK = Look(
    "leads", ("by", "first", "second", "count", "lead", "lead_error", "clear"), (), LEADS_NOTE, lines=lead_lines
)
HEALTH_LOOK = Look(
    "without labels", ("encoder", "rank", "width", "spread", "loss", "gap"), (), HEALTH_NOTE, lines=health_lines
)
