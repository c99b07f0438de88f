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
from selfsup.solvers.distributed import ALONE, Processes, processes
from selfsup.solvers.task import Pause, Solver, State, Task
from selfsup.store.checkpoint import Checkpoint
from selfsup.store.weights import named_tensors, set_tensors
from selfsup.system.compiling import clock, told
from selfsup.system.progress import Progress, duration, roughly
from selfsup.system.signals import stop_flag
from selfsup.training.measure import DRAWS, measure
from selfsup.training.watching import began, due, shape, watched

ABSURD = 10.0  # times the loss before training: nothing is guessed so badly but by weights that have blown up
SHORT = 20.0  # seconds of a training of which nobody asks how long it will take
LONG = 600.0  # and that may be too long
PLANNED = 0.9  # of the time there is: what a training is planned for, as a machine may be slower later on
GLANCE = 15.0  # seconds of a first epoch after which its codes are looked at, and again after twice the time
FEW, LEAST = 5, 0.001  # epochs: of so few a part of one is worth having, down to that
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
    minutes
        Time there is for it, from which the number of epochs is decided before the first step.
    draws
        Orders in which guesses are permuted, for the first and the last record.
    alarms
        Whether codes that collapse are warned of as soon as it shows.
    name
        What warnings call the method.
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
    minutes: float | None = None
    alarms: bool = True
    name: str = ""
    records: list[Record] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    finished: bool = False  # before its last epoch: patience ran out, or the time was over
    late: bool = False  # the time is over

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
        # a closed form has no state to save: it is broken off where it stands
        stopped = contextlib.nullcontext(self._stop) if self.solver.closed else stop_flag()
        joined = processes(task.device) if self.solver.shared else contextlib.nullcontext(ALONE)
        with stopped as self._stop, joined as self._group:
            task = replace(
                task, saved=self._restored(task.plan), wanted=self._wanted, enough=lambda: self.finished or self.late
            )
            self._began = self._told = clock()
            self._from: float | None = None
            try:
                if task.saved is None:
                    self._look_ahead(task)
                with told(self.progress):
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

    def _look_ahead(self, task: Task) -> None:
        """Say how long it will take; and plan for as many epochs as there is time for."""
        plan, limit = task.plan, math.inf if self.minutes is None else 60 * self.minutes
        epoch = self.solver.pace(task, min(SHORT, limit / 2), must=self.minutes is not None)
        if epoch is None:
            return
        began, asked = time.perf_counter(), plan["epochs"]
        measure(task.method, self.probe, 0, 1)
        epoch += time.perf_counter() - began  # which is done after every one
        fit = max(0.0, PLANNED * limit - self._spent()) / epoch
        epoch, fit = self._group.of_first(lambda: (epoch, fit))
        if fit < asked:
            plan["epochs"] = max(float(f"{fit:.2g}"), LEAST) if fit < FEW else int(fit)
        seconds = plan["epochs"] * epoch
        if seconds < SHORT and plan["epochs"] == asked:
            return
        many = f"{asked:g} epoch{'' if asked == 1 else 's'}"
        if seconds > LONG and self.minutes is None:
            many += "; option 'minutes' sets a limit"
        elif plan["epochs"] < asked:
            many = f"{plan['epochs']:g} of {many}, as many as fit into {self.minutes:g} min"
        said = f"about {roughly(seconds)} for {many}"
        log.info("%s", said)
        self.progress.close(said)

    def _spent(self) -> float:
        """Seconds of this training, those before it was interrupted included, but not those of compiling kernels."""
        return self._before + clock() - self._began

    def _pause(self, task: Task, pause: Pause) -> None:
        """What is done where the state is whole."""
        epochs = task.plan["epochs"]
        if self._from is None:
            self._from = pause.epoch
        elif self.minutes is not None and pause.epoch < epochs:  # a record needs a step before it
            self.late = self._spent() > 60 * self.minutes
        # of several processes none ends without the others
        stopped, self.late = self._group.any(self._stop.is_set(), self.late)
        if not self.records:
            self.records.append(self._measured(task.method, 0, self.draws, untrained=True))
            self.keep(self.records)
        elif pause.record is not None and pause.epoch > self.records[-1]["epoch"]:
            self._record(task, pause, last=pause.epoch >= epochs or self.late)
            self.finished |= self.late
        elif len(self.records) == 1 and self.alarms and clock() - self._began > GLANCE * 2**self._glances:
            self._glances += 1
            self._warn(task.method, [*self.records, {"epoch": round(pause.epoch, 3), **shape(task.method, self.probe)}])
        if self.progress.due():
            self.progress.show(self._line(pause, epochs))
        if self.checkpoint is not None and (stopped or self.checkpoint.due()):
            self._save(task.plan)
        if stopped and pause.epoch < epochs and not self.finished:
            self.progress.close()
            raise Interrupted(
                f"stopped at {pause.epoch / epochs:.0%} of the training, epoch {pause.epoch:.3g} of {epochs:g}"
            )

    def _record(self, task: Task, pause: Pause, *, last: bool) -> None:
        """Measure, and keep what was found."""
        epoch = int(pause.epoch) if float(pause.epoch).is_integer() else round(pause.epoch, 3)
        shaped = last or due(self.records, pause.epoch, len(task.method.view(task.data)))
        draws = self.draws if last else 1  # the last one is judged
        found = self._measured(task.method, epoch, draws, shaped=shaped)
        record = {**found, "loss": found["heldout"], **(pause.record or {})}
        self.records.append(record)
        self._check_sane(task, last=last)
        self.keep(self.records)
        if self.alarms:
            self._warn(task.method, self.records)
        log.info(
            "epoch %g: loss %.5g, held-out %.5g, gap %.4g", *(record[k] for k in ("epoch", "loss", "heldout", "gap"))
        )
        self._told = clock()
        if self.patience is not None:
            self._look_back(task.method, self.patience)

    def _measured(self, method: Method, epoch: float, draws: int, **how: bool) -> Record:
        """Loss, gap and codes on the probe; of several processes those of the first, so that all decide the same."""
        found: Record = self._group.of_first(lambda: measure(method, self.probe, epoch, draws, **how))
        return found

    def _warn(self, method: Method, records: list[Record]) -> None:
        """Say that the codes are collapsing, when that begins."""
        if (said := began(records, **watched(method))) is not None:
            self.progress.close()
            log.warning("epoch %g: %s%s", records[-1]["epoch"], said, f" ({self.name})" if self.name else "")

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
        since = clock() - self._told
        return self._stop.is_set() or since > min(self.every, self.first * 2 ** (len(self.records) - 1))

    def _save(self, plan: dict[str, Any]) -> None:
        assert self.checkpoint is not None
        state = self.solver.state()
        tensors = {SOLVER + name: tensor for name, tensor in state.tensors.items()}
        tensors |= {BEST + name: tensor for name, tensor in self.best.items()}
        facts = {"solver": state.facts, "records": self.records, "finished": self.finished}
        facts |= {"epochs": plan["epochs"], "seconds": self._spent(), "late": self.late and self.finished}
        self.checkpoint.save(tensors, facts)

    def _restored(self, plan: dict[str, Any]) -> State | None:
        """The solver's state on disk, if there is one; what was decided by a look ahead is put into the plan.

        Of several processes the first one reads it for all: it may be the only one that sees the folder.
        """
        tensors: dict[str, Tensor] = {}

        def read() -> dict[str, Any] | None:
            saved = self.checkpoint.load() if self.checkpoint is not None else None
            tensors.update({} if saved is None else saved[0])
            return None if saved is None else saved[1]

        facts = self._group.of_first(read)
        if facts is None:
            return None
        tensors = self._group.tensors_of_first(tensors)
        self.records, self.finished = facts["records"], facts["finished"]
        plan["epochs"], self._before, self.late = facts["epochs"], facts["seconds"], facts["late"]
        self.best = {n.removeprefix(BEST): t for n, t in tensors.items() if n.startswith(BEST)}
        return State({n.removeprefix(SOLVER): t for n, t in tensors.items() if n.startswith(SOLVER)}, facts["solver"])

    def _line(self, pause: Pause, epochs: float) -> str:
        """The dense line of progress."""
        done = pause.epoch - (self._from or 0.0)
        parts = [f"epoch {pause.epoch:.3g}/{epochs:g}"]
        if done > 0:
            parts.append(f"{duration((epochs - pause.epoch) * (clock() - self._began) / done)} left")
        last, codes = self.records[-1], next((one for one in reversed(self.records) if one.get("rank")), None)
        parts += [self.solver.line(), f"held-out loss {last['heldout']:.4g}", f"gap {last['gap']:.3g}"]
        if codes is not None:
            parts.append(f"rank {codes['rank']:.3g} of {codes['width']}")
        return "  ".join(parts)

    _stop: threading.Event = field(default_factory=threading.Event)
    _group: Processes = ALONE
    _began: float = 0.0
    _before: float = 0.0
    _told: float = 0.0
    _glances: int = 0
    _from: float | None = None
