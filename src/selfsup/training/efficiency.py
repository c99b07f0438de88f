"""A classifier held against other ways to one: a probe on the frozen net, the same net from scratch; with few labels too."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from selfsup.data.facts import Facts
from selfsup.errors import OptionError, TrainingError
from selfsup.measures.evaluation import Evaluation, judged
from selfsup.measures.health import health
from selfsup.measures.run import Attempt, Evidence, Features, run
from selfsup.measures.samples import compare, confusion, efficiency, probe
from selfsup.method import Method
from selfsup.model.encode import build, encode_batches
from selfsup.solvers.distributed import started
from selfsup.solvers.plan import MAX_EPOCHS, Plan
from selfsup.solvers.task import Solver, Task
from selfsup.store.weights import named_tensors, set_tensors
from selfsup.system.progress import Progress, roughly
from selfsup.training.baselines import Units
from selfsup.training.evidence import MAX_LABELS, MAX_TEST, Measures, Subject, gather as of_codes

PROBED = 10_000  # labels that a probe is trained on, at most
CHEAP = 120.0  # seconds of a training that is done again from scratch, unasked
log = logging.getLogger("selfsup")


def begin(method: Any, part: Any, device: torch.device, base: Method | None = None) -> None:
    """Set what a classifier begins with: the weights of a trained net, if any, and on its codes the linear probe of these labels.

    First the probe, then all weights together: a classifier that begins at random would drag the net along on its way (Kumar et
    al. 2022).
    """
    if base is not None:
        set_tensors(method.base, named_tensors(base))
    was_training = method.training
    method.eval().to(device)
    rows = compare.at_random(part.labels, np.random.default_rng(0).permutation(len(part)), PROBED)
    codes = encode_batches(lambda x: {"code": method.encode(x)}, method.view(part.part(rows)), device)["code"]
    with threadpool_limits(1):
        method.settle(*probe.weights(codes, part.labels[rows], len(method.names)))
    method.train(was_training)


def guessed(method: Any, part: Any, device: torch.device) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Classes (m,) that are guessed of the rows of a part, those that are true, and the codes (m, D)."""

    def both(x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"chances": method.classify(x), "true": x[:, -1:], "code": method.encode(x)}

    found = encode_batches(both, method.view(part), device)
    return found["chances"].argmax(1), found["true"][:, 0].astype(np.int64), found["code"]


def judge(
    subject: Subject,
    notes: Sequence[str],
    *,
    warm: bool,
    labels: int | None = None,
    measures: Measures = None,
    seed: int = 0,
    max_labels: int = MAX_LABELS,
) -> Evaluation:
    """Evaluate a method by what it is for: one that classifies by its guesses, any other by its codes.

    Parameters
    ----------
    warm
        Whether its weights go on from those of a run.
    labels
        That a classifier was taught; by default those of the part that is learnt from.
    """
    if callable(getattr(subject.method, "classify", None)):
        way = efficiency.TUNED if warm else efficiency.SCRATCH
        return gather(subject, notes, labels or len(subject.learnt), way=way, measures=measures, seed=seed)
    return of_codes(subject, list(notes), measures=measures, seed=seed, max_labels=max_labels)


def gather(
    subject: Subject,
    notes: Sequence[str],
    labels: int,
    others: Sequence[Attempt] = (),
    *,
    way: str = efficiency.TUNED,
    measures: Measures = None,
    seed: int = 0,
) -> Evaluation:
    """Evaluate a classifier: its accuracy on the test part beside the most frequent class, and beside the other ways.

    Parameters
    ----------
    notes
        What is known already that a reader should know.
    labels
        That it was taught.
    others
        Guesses of the same test rows by other ways.
    way
        Its own.
    measures
        Which; by default that of the accuracy.
    """
    test = subject.test.some(MAX_TEST, np.random.default_rng(seed))
    classes, true, codes = guessed(subject.method, test, subject.device)
    known: Any = subject.method.view(subject.learnt)
    frequent = np.bincount(known.places[known.places >= 0].long().numpy()).argmax()
    attempts = [Attempt(way, "all", labels, classes), *others]
    attempts.append(Attempt(efficiency.MAJORITY, "all", labels, np.full_like(true, frequent)))
    evidence = Evidence(attempts=attempts, y_test=true, seed=seed)
    table = efficiency.measure(evidence)
    names: Any = subject.method.names
    tables = [table, confusion.counted(true, classes, names)]
    tables = tables if measures is None else run(evidence, measures)
    found = health(codes, subject.start, subject.end)
    return judged(efficiency.verdict(found, table, subject.where), found, tables, notes)


@dataclass(frozen=True)
class Ways:
    """What it takes to come to a classifier in other ways, on the same rows.

    Attributes
    ----------
    base
        The net as it was before it was taught.
    make
        A classifier that is not built, for training from scratch or as it was asked for.
    about
        What it is built from.
    plan
        Of the training that they are compared with.
    learnt, test
        Rows whose labels may be learnt, and those on which all ways are measured.
    """

    base: Method
    make: Callable[[bool], Method]
    about: Facts
    solver: Solver
    plan: Mapping[str, Any]
    learnt: Any
    test: Any
    device: torch.device
    seed: int
    progress: Progress

    def tasks(self, counts: Sequence[int], draws: int) -> list[compare.Task]:
        """The rows of each draw at each number of labels; the last is all of them, once."""
        return compare.plan(self.learnt.labels, counts, draws, self.seed, len(self.learnt))

    def frozen(self, tasks: Sequence[compare.Task]) -> Iterator[Attempt]:
        """A linear probe on the net as it was: held-out labels of the draw choose its layer, and its strength."""
        parts = self.learnt, self.test
        place = next((one.device for one in self.base.parameters()), self.device)
        base = self.base.to(self.device).eval()
        train, test = (encode_batches(base.layers, base.view(part), self.device) for part in parts)
        base.to(place)  # it is of the model that was given
        features = {name: Features(codes, test[name]) for name, codes in train.items()}
        with threadpool_limits(1):
            for task in tasks:
                for draw, rows in enumerate(task.draws):
                    yield Attempt(efficiency.FROZEN, task.per_class, len(rows), self._probed(features, rows, draw))

    def raw(self, tasks: Sequence[compare.Task]) -> Iterator[Attempt]:
        """A linear probe on the samples themselves."""
        units = Units(self.learnt, self.device)
        train, test = (encode_batches(units.raw, part.rows(), self.device)["raw"] for part in (self.learnt, self.test))
        with threadpool_limits(1):
            for task in tasks:
                for draw, rows in enumerate(task.draws):
                    classes = self._probed({"raw": Features(train, test)}, rows, draw)
                    yield Attempt(efficiency.RAW, task.per_class, len(rows), classes)

    def _probed(self, features: Mapping[str, Features], rows: np.ndarray, draw: int) -> np.ndarray:
        labels = self.learnt.labels
        if len(rows) > PROBED:
            rows = rows[
                compare.at_random(labels[rows], np.random.default_rng(self.seed).permutation(len(rows)), PROBED)
            ]
        best: tuple[float, bool, int] | None = None
        chosen = np.zeros(0, np.int64)
        for place, (name, one) in enumerate(features.items()):
            found = probe.judge(one, rows)(np.arange(len(rows)), labels[rows], self.seed + draw)
            score = (-1.0 if found.validation is None else found.validation, name == "code", place)
            if best is None or score > best:
                best, chosen = score, found.classes
        return chosen

    def trained(self, way: str, task: compare.Task, notes: list[str]) -> Iterator[Attempt]:
        """The net trained on the labels of each draw: from its own weights, or in the way "from scratch" from random ones.

        From scratch the net learns at its usual rate or at that of the fine-tuning, whichever is higher: a net that is to stay
        near where it began has to begin somewhere.
        """
        scratch = way == efficiency.SCRATCH
        for draw, rows in enumerate(task.draws):
            part, seed = self.learnt.part(rows), self.seed + draw
            method = build(self.make(scratch), self.about, seed)
            begin(method, part, self.device, None if scratch else self.base)
            plan = {**self.plan, "epochs": self.epochs(len(rows)), "seed": seed}
            try:
                for pause in self.solver.run(Task(method, part, plan, self.device)):
                    self.progress.show(f"{way}, {len(rows):,} labels: epoch {pause.epoch:.3g}/{plan['epochs']}")
            except TrainingError as error:
                notes.append(f"{way} with {len(rows):,} labels failed and is left out: {error}")
                continue
            yield Attempt(way, task.per_class, len(rows), guessed(method.eval(), self.test, self.device)[0])

    def epochs(self, rows: int) -> int:
        """Epochs that make about as many steps on so many rows as were done on all, within what is usual."""
        plan = Plan.of({**self.plan})
        steps = plan.epochs * plan.batches(len(self.learnt))
        return min(MAX_EPOCHS, math.ceil(steps / plan.batches(rows)))

    def seconds(self, tasks: Sequence[compare.Task], rate: float) -> float:
        """How long fine-tuning and training from scratch take, where so many samples a second are trained on."""
        samples = sum(2 * len(rows) * self.epochs(len(rows)) for task in tasks[:-1] for rows in task.draws)
        return (samples + len(self.learnt) * self.epochs(len(self.learnt))) / max(rate, 1e-9)

    def compared(
        self, curve: tuple[Sequence[int], int] | None, records: Sequence[Mapping[str, Any]], notes: list[str]
    ) -> list[Attempt]:
        """All other ways: with all labels, and for a curve with few of them.

        Parameters
        ----------
        curve
            Labels a class, and how often they are drawn; None: no curve.
        records
            Of the training that they are compared with, which say how fast it is.
        """
        tasks = self.tasks(*(curve or ((), 1)))
        found = list(self.frozen(tasks))
        if started() > 1:  # the others have ended, and would be waited for
            notes.append("the same net from scratch was not trained, as that is for one process")
            return found
        took = sum(record.get("seconds", 0.0) for record in records)
        if curve is None:
            if took > CHEAP:
                notes.append(
                    "the same net from scratch was not trained, as that takes as long again; option 'curve' does it, "
                    "with few labels too"
                )
                return found
            return [*found, *self.trained(efficiency.SCRATCH, tasks[-1], notes)]
        if len(tasks) == 1:
            raise OptionError(
                f"option 'counts' names no number of labels that fits these data: {', '.join(map(str, curve[0]))} labels a "
                "class; half the classes must have more rows than that"
            )
        nets = 2 * sum(len(task.draws) for task in tasks[:-1]) + 1
        rate = float(
            np.median([record["samples_per_second"] for record in records if "samples_per_second" in record] or [0])
        )
        said = f"the label-efficiency curve trains {nets} nets" + (
            f": about {roughly(self.seconds(tasks, rate))}" if rate else ""
        )
        log.info("%s", said)
        self.progress.close(said)
        began = time.perf_counter()
        for task in tasks:
            for way in (efficiency.TUNED, efficiency.SCRATCH)[task is tasks[-1] :]:
                found += self.trained(way, task, notes)
        log.info("the curve took %.0f s", time.perf_counter() - began)
        return found
