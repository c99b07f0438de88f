"""The one loop of training: it drives any solver, and at its pauses measures, records, saves and stops."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from selfsup.errors import Interrupted, TrainingError
from selfsup.method import Method
from selfsup.solvers.task import Pause, Solver, State, Task
from selfsup.store.checkpoint import Checkpoint
from selfsup.store.weights import named_tensors, set_tensors
from selfsup.system.progress import Progress, duration
from selfsup.system.signals import stop_flag
from selfsup.training.measure import DRAWS, measure

ABSURD = 10.0  # times the loss before training: nothing is guessed so badly but by weights that have blown up
SOLVER, BEST = "solver.", "best."  # where the solver's tensors, and the best weights, lie in a checkpoint
log = logging.getLogger("selfsup")
Record = dict[str, Any]


@dataclass
class Loop:
    """One training.

    Attributes
    ----------
    probe
        Samples (B, ...) on which loss and gap are measured.
    checkpoint
        Where the state is kept; training goes on from it if it holds one.
    keep
        Called with all records after every one.
    patience
        Epochs without a lower held-out loss before stopping, with the best epoch's weights.
    usual_lr
        The rate that is tried where the one asked for was too high.
    draws
        Orders in which guesses are permuted, for the first and the last record.
    every, first
        Seconds from one record to the next, where a solver chooses its pauses freely; the first come sooner, so that a run of
        seconds has a curve too.
    """

    solver: Solver
    probe: Tensor
    progress: Progress
    checkpoint: Checkpoint | None = None
    keep: Callable[[list[Record]], None] = lambda records: None
    patience: int | None = None
    usual_lr: float | None = None
    every: float = 2.0
    first: float = 0.25
    draws: int = DRAWS
    records: list[Record] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    finished: bool = False  # patience ran out

    def run(self, task: Task) -> list[Record]:
        """Train a method in place; gives one record after another, the first of them from before training.

        Raises
        ------
        TrainingError
            If a loss is not finite, or is far above that before training; or the device's memory is too small.
        Interrupted
            On Ctrl-C or SIGTERM, after the state was saved.
        """
        task.method.to(task.device)
        task = replace(task, saved=self._restored(), wanted=self._wanted, enough=lambda: self.finished)
        # a closed form has no state to save: it is broken off where it stands
        with contextlib.nullcontext(self._stop) if self.solver.closed else stop_flag() as self._stop:
            self._began = self._told = time.perf_counter()
            self._from: float | None = None
            try:
                for pause in self.solver.run(task):
                    self._pause(task, pause)
            except torch.OutOfMemoryError as error:
                size = task.plan.get("batch_size")
                lower = f"lower option 'batch_size' (now {size:,}), or " if size else ""
                raise TrainingError(f"{task.device} has no memory left for this; {lower}use device cpu") from error
        self.progress.close()
        if self._stop.is_set() and not self.finished:
            raise Interrupted("stopped after the training, before it was measured")
        task.method.progress = 1.0
        task.method.eval()
        return self.records

    def _pause(self, task: Task, pause: Pause) -> None:
        """What is done where the state is whole."""
        epochs = task.plan["epochs"]
        if self._from is None:
            self._from = pause.epoch
        if not self.records:
            self.records.append(measure(task.method, self.probe, 0, self.draws))
            self.keep(self.records)
        elif pause.record is not None and pause.epoch > self.records[-1]["epoch"]:
            self._record(task, pause, last=pause.epoch >= epochs)
        if self.progress.due():
            self.progress.show(self._line(pause, epochs))
        stopped = self._stop.is_set()
        if self.checkpoint is not None and (stopped or self.checkpoint.due()):
            self._save()
        if stopped and pause.epoch < epochs and not self.finished:
            self.progress.close()
            raise Interrupted(
                f"stopped at {pause.epoch / epochs:.0%} of the training, epoch {pause.epoch:.3g} of {epochs}"
            )

    def _record(self, task: Task, pause: Pause, *, last: bool) -> None:
        """Measure, and keep what was found."""
        epoch = int(pause.epoch) if float(pause.epoch).is_integer() else round(pause.epoch, 3)
        found = measure(task.method, self.probe, epoch, draws=self.draws if last else 1)  # the last one is judged
        record = {**found, "loss": found["heldout"], **(pause.record or {})}
        self.records.append(record)
        self._check_sane(task, last=last)
        self.keep(self.records)
        log.info(
            "epoch %g: loss %.5g, held-out %.5g, gap %.4g", *(record[k] for k in ("epoch", "loss", "heldout", "gap"))
        )
        self._told = time.perf_counter()
        if self.patience is not None:
            self._look_back(task.method, self.patience)

    def _check_sane(self, task: Task, *, last: bool) -> None:
        """Raise `TrainingError` where a loss is no number, or where the last says that the weights blew up."""
        # a start from PCA may have next to no loss: that of a stranger's guess is the measure then
        start, now = max(self.records[0][key] for key in ("heldout", "shuffled")), self.records[-1]["heldout"]
        figures = [value for value in self.records[-1].values() if isinstance(value, float)]
        absurd = last and self.patience is None and now > ABSURD * start > 0
        if all(map(math.isfinite, figures)) and not absurd:
            return
        lr = task.plan.get("lr")
        advice = "lower the learning rate, or clip the gradient"
        if lr is not None:
            calmer = self.usual_lr if self.usual_lr is not None and lr > self.usual_lr else lr / 4
            advice = f"the learning rate is too high; try lr {calmer:.2g} instead of {lr:g}"
        raise TrainingError(f"the loss went up from {start:.4g} to {now:.4g}: {advice}")

    def _look_back(self, method: Method, patience: int) -> None:
        """Early stopping: keep the weights of the best record, and end where it lies `patience` epochs back."""
        losses = [record["heldout"] for record in self.records[1:]]
        best = min(range(len(losses)), key=losses.__getitem__)
        if best == len(losses) - 1:
            self.best = {name: tensor.clone() for name, tensor in named_tensors(method).items()}
        if self.records[-1]["epoch"] - self.records[best + 1]["epoch"] >= patience:
            set_tensors(method, self.best)
            self.finished = True

    def _wanted(self) -> bool:
        """Whether it is time for a pause with a record."""
        since = time.perf_counter() - self._told
        return self._stop.is_set() or since > min(self.every, self.first * 2 ** (len(self.records) - 1))

    def _save(self) -> None:
        assert self.checkpoint is not None
        state = self.solver.state()
        tensors = {SOLVER + name: tensor for name, tensor in state.tensors.items()}
        tensors |= {BEST + name: tensor for name, tensor in self.best.items()}
        facts = {"solver": state.facts, "records": self.records, "finished": self.finished}
        self.checkpoint.save(tensors, facts)

    def _restored(self) -> State | None:
        """The solver's state on disk, if there is one."""
        saved = self.checkpoint.load() if self.checkpoint is not None else None
        if saved is None:
            return None
        tensors, facts = saved
        self.records, self.finished = facts["records"], facts["finished"]
        self.best = {n.removeprefix(BEST): t for n, t in tensors.items() if n.startswith(BEST)}
        return State({n.removeprefix(SOLVER): t for n, t in tensors.items() if n.startswith(SOLVER)}, facts["solver"])

    def _line(self, pause: Pause, epochs: float) -> str:
        """The dense line of progress."""
        done = pause.epoch - (self._from or 0.0)
        parts = [f"epoch {pause.epoch:.3g}/{epochs}"]
        if done > 0:
            parts.append(f"{duration((epochs - pause.epoch) * (time.perf_counter() - self._began) / done)} left")
        last = self.records[-1]
        return "  ".join([*parts, self.solver.line(), f"held-out loss {last['heldout']:.4g}", f"gap {last['gap']:.3g}"])

    _stop: threading.Event = field(default_factory=threading.Event)
    _began: float = 0.0
    _told: float = 0.0
    _from: float | None = None
