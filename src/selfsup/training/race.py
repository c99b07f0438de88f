"""`race`: which self-supervision suits these data: methods tried against each other within a time, and the winner's run kept."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from selfsup import store
from selfsup.data.labels import kind_words
from selfsup.data.open import open_data, reader_of, reading_options
from selfsup.errors import DataError, Interrupted, OptionError, unknown
from selfsup.measures import race as measuring
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.race import ByLabels, ByRank, Judge, Placed
from selfsup.measures.samples import runs
from selfsup.measures.samples.compare import draws_of
from selfsup.measures.samples.judgeable import unjudgeable
from selfsup.measures.table import Table
from selfsup.measures.wording import words
from selfsup.method import Method
from selfsup.model.encode import jsonable
from selfsup.model.model import Model
from selfsup.options import Range, checked, options_of
from selfsup.report.page import write_evaluation
from selfsup.solvers.devices import choose_device
from selfsup.solvers.distributed import started
from selfsup.system import html
from selfsup.system.progress import Progress, duration, roughly
from selfsup.training.clock import LEAST, Clock
from selfsup.training.entrants import Entrant, asked_for, check_asked, suited
from selfsup.training.evaluate import evaluate
from selfsup.training.evidence import MAX_LABELS
from selfsup.training.fit import place_of
from selfsup.training.rounds import Course, Split, told

JSON, PAGE = "race.json", "race.html"  # in the winner's run folder
FEWEST = 4  # rows to learn a probe from, and to test it on
log = logging.getLogger("selfsup")


@dataclass
class Race:
    """What came of a race; ``str`` of it is a text.

    Attributes
    ----------
    model
        The winner, as it was trained in the last round.
    evaluation
        The tables ``race``, ``compare`` and ``compare_leads`` (the last two of those that were in the last round that was judged;
        without labels only the first), and a verdict: "better" where the winner is clearly ahead of all of these.
    minutes, spent
        The time there was, and what was taken of it.
    """

    model: Model
    evaluation: Evaluation
    minutes: float
    spent: float

    @property
    def table(self) -> Table:
        """Every method, the winner first, and what they are held against."""
        return next(table for table in self.evaluation.tables if table.name == measuring.NAME)

    @property
    def ranking(self) -> list[str]:
        """Names of the methods that were judged, the winner first."""
        return [row["encoder"] for row in self.table.rows if row["place"]]

    @property
    def winner(self) -> str:
        """Its name."""
        return self.ranking[0]

    def __str__(self) -> str:
        shown = replace(self.evaluation, tables=[self.table])
        return f"{shown}\nIt took {duration(60 * self.spent)} of {self.minutes:g} min."

    def __repr__(self) -> str:
        return f"<selfsup.Race of {len(self.ranking)} methods, won by {self.winner}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html.block(self.evaluation._repr_html_())

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what ``race.json`` in the run folder holds."""
        told = {"winner": self.winner, "ranking": self.ranking, "minutes": self.minutes, "spent": self.spent}
        return told | self.evaluation.to_dict()


def race(
    data: Any,
    minutes: Annotated[float, Range(0, open_low=True)] = 30.0,
    methods: str | type[Method] | Sequence[str | type[Method]] | None = None,
    out: str | os.PathLike[str] | None = None,
    *,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    device: str = "auto",
    holdout: Annotated[float, Range(0, 1, open_low=True, open_high=True)] | None = None,
    max_labels: Annotated[int, Range(2)] = MAX_LABELS,
    limit: Annotated[int, Range(2)] | None = None,
    overwrite: bool = False,
    progress: bool = True,
    **reading: Any,
) -> Race:
    """Find out which self-supervision suits the data: methods race within a time, and the winner's run is kept.

    Successive halving (Jamieson & Talwalkar 2016): rounds of equal time, in each of which those that are left are trained anew,
    with schedules of that round's length, and the better half goes on. In the last round the winner is trained alone. All are
    judged on the same rows, which were held out of training; a test part of the data's own is looked at by nobody but the
    evaluation of the winner.

    Parameters
    ----------
    data
        Images or a table: what `fit` takes.
    minutes
        Time for everything: reading, trainings, probes, and the winner's evaluation. Where it is too short for so many methods,
        each is trained for a second all the same, which is said.
    methods
        Names (``"denoising"``, ``"FILE.py:MyMethod"``, with options ``"denoising:noise=0.3,lr=0.01"``) or classes; by default
        every registered one that learns from such data without labels.
    out
        Run folder for the winner, with ``race.json`` and ``race.html`` in it; by default none.
    seed
        Of everything random.
    device
        auto, cpu, cuda, cuda:1, mps.
    holdout
        Share of the rows that all are judged on; by default a fifth, at most 2,000.
    max_labels
        Labelled rows that a probe is trained on, at most.
    limit
        Use the first so many rows only.
    overwrite
        Replace the run folder if it exists.
    progress
        Show progress on standard error.
    **reading
        How the data are read (`size`, `labels`, `label_column` ...), as in `fit`.

    Returns
    -------
    Race

    Raises
    ------
    SelfsupError
        `OptionError` and `DataError` before anything is trained; `TrainingError` where no method came to an end; `Interrupted`
        on Ctrl-C, with what was found until then.
    """
    clock = Clock(60 * minutes if isinstance(minutes, int | float) else 0.0, time.perf_counter())
    given = {name: value for name, value in locals().items() if name not in ("data", "methods", "reading", "clock")}
    given["out"] = None if out is None else os.fspath(out)
    settings = checked(race, given | {"out": None})
    place = None if out is None else Path(out)
    if place is not None:
        store.check_free(place, overwrite=overwrite)
    named = asked_for(methods)
    opened = _opened(data, settings, reading)
    if named:
        check_asked(named, opened.form)
    entrants, left = (named, dict[str, list[str]]()) if named else suited(opened.form)
    course, notes = _course(opened, settings, clock)
    try:
        _start(course, entrants, left, notes)
        course.run()
        beside = _beside(course)
        model, kept = _last(course, opened, notes)
    except KeyboardInterrupt as error:
        course.shown.close()
        raise Interrupted(_until(course, str(error))) from error
    evaluation = _evaluation(course, beside, kept, notes)
    model.config |= {"why": f"won a race of {len(entrants)} methods", "reading": _plain(reading)}
    model.config["data"]["given"] = place_of(data)
    course.shown.close()
    found = Race(model, evaluation, float(settings["minutes"]), clock.spent() / 60)
    if place is not None:
        _write(found, place, overwrite=overwrite)
    return found


def _opened(data: Any, settings: Mapping[str, Any], reading: Mapping[str, Any]) -> Any:
    """The data, read once for all."""
    if started() > 1:
        raise OptionError("a race is run by one process, as its trainings are; start it without torchrun")
    reader = reader_of(data, None, reading)
    if reader == reader_of("", ("text",)):
        raise OptionError(
            "a race is for images and tables, whose codes are judged on rows that were held out; of a text fit one method after "
            "the other, and hold word vectors side by side by `selfsup words evaluate` or `selfsup transfer`"
        )
    known = reading_options(reader)
    for name in reading:
        if name not in known:
            raise OptionError(unknown("option of race", name, [*known, *options_of(race)]))
    ours = {key: settings[key] for key in ("limit", "progress", "seed")}
    return open_data(data, reader, **reading, **ours, closed=False)


def _course(opened: Any, settings: Mapping[str, Any], clock: Clock) -> tuple[Course, list[str]]:
    """The race before its start: which rows judge, and by what; and what is to be noted of them."""
    data, seed, notes = replace(opened, test=None), settings["seed"], list[str]()
    split = Split.of(data, settings["holdout"], seed, settings["max_labels"])
    learnt, rows = split.learnt, len(split.asked)
    if min(len(learnt), rows) < FEWEST:
        raise DataError(
            f"a race needs at least {FEWEST} rows to learn from and {FEWEST} held out; got {len(learnt)} and {rows}"
        )
    known, asked = (part.labels for part in split.parts)
    why = "" if known is None else unjudgeable(known, asked)
    labelled = known is not None and not why
    judge: Judge = ByRank()
    if labelled:
        judge = ByLabels(known, asked, draws=draws_of(len(known)), seed=seed)
        notes += [said] if (said := kind_words(np.concatenate([known, asked]), data.classes)) else []
        notes += [f"probes were trained on {len(known):,} of {len(learnt):,} rows"] if len(known) < len(learnt) else []
    else:
        notes += [f"the labels judge nothing: {why}"] if why else []
        notes.append(measuring.WEAK)
    if labelled and opened.test is None:
        notes.append(
            "the rows that chose the winner are also those that its own evaluation is measured on, so that this flatters it a "
            "little; of data with a test part (folders train/ and test/, say) it would not"
        )
    how = {key: settings[key] for key in ("seed", "device", "holdout")}
    device, shown = choose_device(settings["device"]), Progress(settings["progress"])
    return Course([split], judge, how, settings["max_labels"], clock, device, shown, labelled), notes


def _start(course: Course, entrants: Sequence[Entrant], left: Mapping[str, Sequence[str]], notes: list[str]) -> None:
    """Build every net, judge what the methods are held against, and say what the race will do."""
    course.rehearse(entrants)
    if not course.standing:
        raise DataError(f"no method can race: {'; '.join(f'{one.name}: {one.why}' for one in course.placed)}")
    units = course.judge_bases()
    course.decide()
    notes += units.notes
    notes += [f"left out: {words(names)}, as {why}" for why, names in left.items()]
    said, each = course.plan()
    log.info("%s", said)
    course.shown.close(said)
    if course.planned[1:] and course.planned[1] < course.planned[0] // 2:
        notes.append(f"time is short for halving {course.planned[0]} methods, so fewer went on after each round")
    if each <= LEAST:
        log.warning(
            "%g min are short for so many methods: each is trained for %g s in every round all the same, and the race takes "
            "longer; give more minutes, or name fewer methods", course.clock.total / 60, LEAST,
        )  # fmt: skip


def _beside(course: Course) -> list[str]:
    """What the finalists are held against: raw input, PCA, and their nets untrained, where these are not the same."""
    names, seen = list(runs.BASELINES), list[np.ndarray]()
    for one in course.last:
        first = course.codes(course.untrained(one))
        if any(np.array_equal(first.test, other) for other in seen):
            continue
        seen.append(np.asarray(first.test))
        names.append(f"untrained {one.name}")
        course.judge.add(names[-1], first)
        for fold in range(1, len(course.splits)):
            course.judge.add(names[-1], course.codes(course.untrained(one, fold), fold), fold)
    return names


def _last(course: Course, opened: Any, notes: list[str]) -> tuple[Model, Placed | None]:
    """The winner, trained alone in the last round, with the evidence of a run; it is judged like the others, too."""
    winner, number = course.standing[0], max(course.kept, default=0) + 1
    seconds = course.clock.free() - course.clock.need()
    before = next((one.minutes for one in course.placed if one.key in course.models), 0.0)
    if before > 0 and seconds <= min(60 * before, LEAST):
        return _before(course, opened, notes, f"no time was left to train {winner.name} for longer"), None
    course.shown.show(f"last round: {winner.name} alone, {roughly(max(LEAST, seconds))} of training", force=True)
    began = time.perf_counter()
    try:
        model = course.train(winner, max(LEAST, seconds), opened, evaluate=(evident := course.clock.evident))
        took = (time.perf_counter() - began) / 60
        course.judge.add(key := f"{winner.name} {number}", course.codes(model.method))
    except KeyboardInterrupt:
        raise
    except Exception as error:  # what it was in the round before is there
        if not course.models:
            raise
        return _before(course, opened, notes, f"trained alone, {winner.name} failed ({told(error)})"), None
    if not evident:
        notes.append(
            f"the run kept has no evaluation of its own, which would have taken about {roughly(course.clock.evidence())} of "
            f"{roughly(course.clock.total)}: selfsup evaluate makes it"
        )
    return model, Placed(winner.name, number, key, took)


def _before(course: Course, opened: Any, notes: list[str], why: str) -> Model:
    """The winner as it was in the last round that was judged."""
    notes.append(f"{why}: the run kept is that of the round before")
    model = next(iter(course.models.values()))
    model.evaluation = (
        evaluate(model, opened, progress=False) if course.clock.evidence() < course.clock.left() else None
    )
    return model


def _evaluation(course: Course, beside: Sequence[str], kept: Placed | None, notes: Sequence[str]) -> Evaluation:
    """The table of all, and whether the winner is told apart from those that came furthest."""
    if not course.kept and kept is not None:  # it raced alone
        course.placed.append(kept)
    judged, names = max(course.kept, default=1), [one.name for one in course.last]
    final = {one.name: one for one in course.placed if one.round == judged and one.key}
    rows, turns = sum(len(split.asked) for split in course.splits), len(course.splits)
    where = f"on the {rows:,} rows that were held out in training"
    where += f" ({turns} parts in turn)" if turns > 1 else ""
    word, tables = measuring.verdict(course.judge, [final[name] for name in names], beside, where, course.how["seed"])
    cuts = measuring.cuts(course.judge, course.placed, course.kept)
    ranking = measuring.table(course.judge, course.placed, beside, kept if course.kept else None)
    return Evaluation(word, {}, [ranking, *tables], [*notes, *cuts])


def _until(course: Course, said: str) -> str:
    """What a race that is interrupted has found."""
    said = f"{said or 'interrupted'}: the race was not finished, and no run was kept"
    if not any(one.key for one in course.placed):
        return said
    return "\n".join(
        [f"{said}; until then:", *measuring.lines(measuring.table(course.judge, course.placed, runs.BASELINES))]
    )


def _plain(reading: Mapping[str, Any]) -> dict[str, Any]:
    """How the data were read, without what is more than a word or a number, as labels are."""
    return jsonable(
        {key: value for key, value in reading.items() if isinstance(value, str | int | float | bool | tuple)}
    )


def _write(found: Race, out: Path, *, overwrite: bool) -> None:
    """The winner's run folder, with the race in it."""
    with store.claim(out, overwrite=overwrite) as folder:
        store.write_json(folder / JSON, found.to_dict())
        write_evaluation(found.evaluation, f"a race on {found.model.config['data']['source']}", folder / PAGE)
        found.model.write(folder)
    found.model.folder = out
