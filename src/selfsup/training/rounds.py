"""The rounds of a race: equal times, the better half goes on (successive halving, Jamieson & Talwalkar 2016, fig. 3).

Each round trains those that are left anew, with the whole schedule decayed to that round's time: a state that was cut off in the
middle of its schedule would say little of what the method gives in the end. A training that had all its epochs is kept as it is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
import torch

from selfsup.data.dataset import Dataset, Part
from selfsup.errors import SelfsupError, TrainingError
from selfsup.measures.race import ByLabels, Judge, Placed
from selfsup.measures.run import Features
from selfsup.measures.samples import expected
from selfsup.measures.samples.judgeable import unjudgeable
from selfsup.measures.samples.runs import BASELINES
from selfsup.method import Method
from selfsup.model.encode import build, codes_of, encode_batches
from selfsup.model.model import Model
from selfsup.system.progress import Progress, roughly
from selfsup.training import clock as times
from selfsup.training.baselines import FEWEST_NETS, NETS, TOGETHER, Units, components
from selfsup.training.clock import Clock
from selfsup.training.entrants import Entrant
from selfsup.training.evidence import MAX_TEST
from selfsup.training.fit import fit
from selfsup.training.watching import alarm, watched

log = logging.getLogger("selfsup")
TRIAL = 20.0  # seconds of a training, at least, that tries out which precision is faster: that takes some itself
FOLDS = 5  # parts of the rows that are held out in turn, at most
SAMPLE = 256  # rows that are encoded to see how long all take
AROUND = 6.0  # times the encoding of the held-out rows: what is measured before and after a training
NAMED = 4  # of the last round, at most, that are held against each other, and beside their nets untrained
SHARES = (2, 4, 8)  # of so many one goes on: the first that leaves each training longer than what is around it


@dataclass(frozen=True, eq=False)
class Fold(Dataset):
    """A data set that holds out its own part of the rows, whatever seed it is asked by: parts of different folds are apart.

    Attributes
    ----------
    fold, order
        Number of the part, from 0, in the random order of this seed.
    """

    fold: int = 0
    order: int = 0

    def cut(self, count: int, seed: int) -> tuple[Part, Part]:
        """All but its own part, and that: so many rows."""
        order = np.random.default_rng(self.order).permutation(len(self))
        held = np.arange(self.fold * count, (self.fold + 1) * count)
        return self.part(np.sort(np.delete(order, held)), seed), self.part(np.sort(order[held]), seed)


class Split(NamedTuple):
    """What is trained on, and the rows that all are judged on: what probes learn from, and what they are tested on."""

    data: Any
    learnt: Any
    known: Any
    asked: Any

    @classmethod
    def of(cls, data: Any, holdout: float | None, seed: int, most: int) -> Split:
        """Of data, as `fit` splits them by this seed; at most so many labels are learnt from."""
        learnt, heldout = data.split(holdout, seed)
        rng = np.random.default_rng
        return cls(data, learnt, learnt.some(most, rng(seed)), heldout.some(MAX_TEST, rng(seed)))

    @property
    def parts(self) -> tuple[Any, Any]:
        """What probes learn from, and what they are tested on."""
        return self.known, self.asked


@dataclass
class Course:
    """A race while it runs.

    Attributes
    ----------
    splits
        The data without a test part of their own, which nothing is chosen by, and the rows that judge. Others are held out in
        turn where all that are left had all their epochs and there is time: few rows say little of a difference.
    how
        What every training is given: seed, device, holdout.
    most
        Labels that a probe learns from, at most.
    labelled
        Whether labels judge.
    widths
        Of the codes that were seen.
    placed
        Every entrant in each of its rounds, as they were finished.
    kept
        Of each round, how many went on.
    whole
        Those that had all their epochs, which more time does not change.
    planned
        How many are trained in each round; in the last one the winner alone, which is kept.
    entered, standing
        All, and those that are left, the best first.
    models
        That of the best of the last round, by its key.
    precisions
        That were found to be faster.
    """

    splits: list[Split]
    judge: Judge
    how: Mapping[str, Any]
    most: int
    clock: Clock
    device: torch.device
    shown: Progress
    labelled: bool
    widths: list[int] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    kept: dict[int, int] = field(default_factory=dict)
    whole: dict[str, Placed] = field(default_factory=dict)
    planned: list[int] = field(default_factory=list)
    entered: list[Entrant] = field(default_factory=list)
    standing: list[Entrant] = field(default_factory=list)
    models: dict[str, Model] = field(default_factory=dict)
    precisions: dict[str, str] = field(default_factory=dict)

    def rehearse(self, entrants: Sequence[Entrant]) -> None:
        """Build every net once, and see how long its codes and their probes will take; who cannot be built is out."""
        self.entered = list(entrants)
        for one in entrants:
            try:
                method = self.untrained(one)
                self._expect(method)
                self.standing.append(one)
            except KeyboardInterrupt:
                raise
            except Exception as error:  # a method of anybody's, which is out
                self._out(one, 1, error)

    def untrained(self, one: Entrant, fold: int = 0) -> Method:
        """Its net before training."""
        method = build(one.made(), self.splits[fold].learnt, self.how["seed"] + fold)
        return method.to(self.device).eval()

    def _expect(self, method: Method) -> None:
        """Time the codes of some rows, and say from their width how long probes of all will take."""
        split = self.splits[0]
        some = split.asked.some(SAMPLE, np.random.default_rng(0))
        codes_of(method, method.view(some), self.device, torch.arange(min(2, len(some))))  # what is loaded at first
        began = time.perf_counter()
        codes = codes_of(method, method.view(some), self.device)
        each, rows = (time.perf_counter() - began) / len(some), [len(part) for part in split.parts]
        self.widths.append(codes.shape[1])
        self.clock.coding.append(each * (sum(rows) + AROUND * rows[1]))
        self.clock.probing.append(self._probing(codes.shape[1]))
        self.clock.nets = min(NETS, max(FEWEST_NETS, TOGETHER // sum(rows))) * self.labelled

    def _probing(self, width: int) -> float:
        """Seconds that probes of codes of some width are expected to take."""
        if not self.labelled:
            return 0.0
        split = self.splits[0]
        blank = Features(*(np.broadcast_to(np.float32(0), (len(part), width)) for part in split.parts))
        return expected.seconds({("model", "code"): blank}, split.known.labels, np.zeros(len(split.asked)))

    def decide(self) -> None:
        """How many are trained in each round: half as many each time, or fewer where time is short."""
        for share in (*SHARES, len(self.standing)):
            self.planned = sizes(len(self.standing), share)
            if self.clock.seconds(len(self.standing), len(self.planned)) > max(times.LEAST, self.clock.need()):
                return

    def plan(self) -> tuple[str, float]:
        """What the race will do, in words, and seconds of each training in the first round."""
        planned = self.planned
        each = self.clock.seconds(planned[0], len(planned))
        by = "the labels of" if self.labelled else "the rank of their codes on"
        turns = f"{len(planned)} rounds ({', '.join(map(str, planned))} methods)" if len(planned) > 1 else "1 round"
        said = f"{planned[0]} method{'s' if planned[0] > 1 else ''} in {turns} of equal time, judged by {by} "
        said += f"{len(self.splits[0].asked):,} held-out rows; {roughly(each)} of training for each at first, about "
        said += f"{roughly(self.clock.left())} in all"
        said += (
            f", of which the evidence on the last run {roughly(self.clock.evidence())}" if self.clock.evident else ""
        )
        return said, each

    @property
    def last(self) -> list[Entrant]:
        """The best of the last round that was judged, the first of them first."""
        final = max(self.kept, default=0)
        places = [one for one in self.placed if one.key and one.round == final and not self.is_out(one.name)]
        places.sort(key=lambda one: self.judge.score(one.key).size, reverse=True)
        names = {one.name: one for one in self.entered}
        return [names[one.name] for one in places[:NAMED]] or self.standing[:1]

    def run(self) -> None:
        """All rounds but the last one, in which the winner is trained alone."""
        planned = self.planned
        for number in range(1, len(planned)):
            rounds = len(planned) - number + 1
            each = self.clock.seconds(len(self.standing), rounds)
            until = self.clock.spent() + self.clock.free() / rounds
            for one in list(self.standing):
                self._trained(one, number, each, f"{number} of {len(planned)}")
            self._more_folds(number, until)
            places = {
                one.name: one for one in self.placed if one.round == number and one.key and not self.is_out(one.name)
            }
            finished = [one for one in self.standing if one.name in places]
            finished.sort(key=lambda one: self.judge.score(places[one.name].key).size, reverse=True)
            if not finished:
                reasons = "; ".join(f"{one.name}: {one.why}" for one in self.placed if one.round == number and one.why)
                raise TrainingError(f"in round {number} no method came to an end: {reasons}")
            self.standing = finished[: planned[number]]
            self.kept[number], best = len(self.standing), places[finished[0].name].key
            self.models = {key: model for key, model in self.models.items() if key == best}
            log.info("round %d: %.3g s of training each; on: %s", number, each, [one.name for one in self.standing])

    def is_out(self, name: str) -> bool:
        """Whether a method has not come to an end."""
        return any(one.why for one in self.placed if one.name == name)

    def _trained(self, one: Entrant, number: int, seconds: float, turn: str) -> None:
        """One entrant of a round: trained anew and judged, or as it was where it had all its epochs."""
        if one.name in self.whole:
            self.placed.append(self.whole[one.name]._replace(round=number))
            return
        left = roughly(self.clock.left())
        self.shown.show(f"round {turn}: {one.name}, {roughly(seconds)} of training; {left} left", force=True)
        began, key = time.perf_counter(), f"{one.name} {number}"
        model = self.attempt(one, number, seconds, key)
        if model is None:
            return
        took, whole = time.perf_counter() - began, self.had_all(one, model)
        self.models[key] = model
        self.placed.append(Placed(one.name, number, key, (took if whole else seconds) / 60))
        if whole:
            self.whole[one.name] = self.placed[-1]
        else:
            self.clock.seen.append(max(0.0, took - seconds))

    def attempt(self, one: Entrant, number: int, seconds: float, key: str, fold: int = 0) -> Model | None:
        """Train and judge one; None if it is out."""
        try:
            model = self.train(one, seconds, self.splits[fold].data, seed=self.how["seed"] + fold)
            if said := self.gone(model):
                raise TrainingError(said)
            self.judge.add(key, self.codes(model.method, fold), fold)
        except KeyboardInterrupt:  # `Interrupted` is one, and an error of ours too
            raise
        except Exception as error:  # a method of anybody's, which is out
            self._out(one, number, error)
            return None
        return model

    def _more_folds(self, number: int, until: float) -> None:
        """Where all that are left had all their epochs, use what is left of the round for rows that were not held out so far."""
        while self.labelled and all(one.name in self.whole or self.is_out(one.name) for one in self.standing):
            left = [one for one in self.standing if not self.is_out(one.name)]
            takes = 60 * sum(self.whole[one.name].minutes for one in left)
            if not left or self.clock.spent() + takes > until or not self._next_fold():
                return
            fold = len(self.splits) - 1
            self.shown.show(f"round {number}: other rows held out, for the {fold + 1}. time", force=True)
            for one in left:
                self.attempt(one, number, takes, self.whole[one.name].key, fold)

    def _next_fold(self) -> bool:
        """Hold out other rows, and judge by them what the methods are held against; False where there are none that serve."""
        first, number = self.splits[0], len(self.splits)
        rows = len(first.data.split(self.how["holdout"], self.how["seed"])[1])
        if number >= FOLDS or (number + 1) * rows > len(first.data) or not isinstance(self.judge, ByLabels):
            return False
        facts = {one.name: getattr(first.data, one.name) for one in fields(Dataset)}
        data = Fold(**facts, fold=number, order=self.how["seed"])
        split = Split.of(data, self.how["holdout"], self.how["seed"], self.most)
        if unjudgeable(split.known.labels, split.asked.labels):
            return False
        self.splits.append(split)
        self.judge.folds.append((split.known.labels, split.asked.labels))
        self.judge_bases(number)
        return True

    def judge_bases(self, fold: int = 0) -> Units:
        """Judge raw input, and PCA as wide as the widest codes."""
        split = self.splits[fold]
        units, width = Units(split.learnt, self.device), max(self.widths)
        x = [encode_batches(units.raw, part.rows(), self.device)["raw"] for part in split.parts]
        axes = components(split.learnt, units, self.device)
        pca = [axes.codes(rows, width).astype(np.float32) for rows in x]
        for name, codes in zip(BASELINES, (x, pca), strict=True):
            began, expects = time.perf_counter(), 0.0 if fold else self._probing(codes[0].shape[1])
            self.judge.add(name, Features(*codes), fold)
            if expects:
                self.clock.slower = (time.perf_counter() - began) / expects
        return units

    def codes(self, method: Method, fold: int = 0) -> Features:
        """Of the rows that all are judged on."""
        return Features(*(codes_of(method, method.view(part), self.device) for part in self.splits[fold].parts))

    def train(self, one: Entrant, seconds: float, data: Any, **more: Any) -> Model:
        """Train within some seconds; a closed form takes what it takes."""
        timed = {} if one.solver.closed else {"minutes": seconds / 60}
        asked = {"evaluate": False, "progress": False} | dict(self.how) | timed | more
        if tried := getattr(one.solver, "precision", "") == "auto":
            known = self.precisions.get(one.name, "" if seconds >= TRIAL else "float32")
            asked |= {"precision": known} if known else {}
        call: Callable[..., Model] = fit
        model = call(data, one.method, **asked | dict(one.options))
        if tried and seconds >= TRIAL and "precision" in model.config["training"]:
            self.precisions[one.name] = model.config["training"]["precision"]
        return model

    def had_all(self, one: Entrant, model: Model) -> bool:
        """Whether a training had all the epochs that it has where time does not end it."""
        if one.solver.closed:
            return True
        every = one.epochs(self.splits[0].learnt, self.device)
        return bool(model.config["training"]["epochs"] >= every and model.history[-1]["epoch"] >= every)

    def gone(self, model: Model) -> str:
        """Why codes are out: they are one point; or are collapsing, where no labels say what they are worth none the less."""
        records = [model.start, *model.history]
        last = model.history[-1] if model.history else {}
        point = last.get("rank", 0.0) is None or last.get("dead_dims") == 1.0
        said = alarm(records, **watched(model.method))
        return said if said and (point or not self.labelled) else ""

    def _out(self, one: Entrant, number: int, error: Exception) -> None:
        log.info("round %d: %s is out: %s", number, one.name, told(error))
        self.placed.append(Placed(one.name, number, why=told(error)))


def told(error: Exception) -> str:
    """An error in one line: ours are sentences, others have their class before them."""
    return str(error) if isinstance(error, SelfsupError) else f"{type(error).__name__}: {error}".split("\n")[0]


def sizes(entrants: int, share: int = 2) -> list[int]:
    """How many are trained in each round: one of so many goes on each time, down to the winner alone."""
    found = [entrants]
    while found[-1] > 1:
        found.append(max(1, found[-1] // max(2, share)))
    return found
