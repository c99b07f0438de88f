"""One call of `fit`, once its words are checked: split, build, solve, gather evidence."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from selfsup import store
from selfsup.data.facts import Asked
from selfsup.errors import DataError
from selfsup.measures.fitting import fitting
from selfsup.method import Method, Start
from selfsup.model.encode import build, check_kind, jsonable
from selfsup.model.latent import statistics
from selfsup.model.model import Model
from selfsup.model.room import Check, fits
from selfsup.options import options_of
from selfsup.solvers.distributed import rank
from selfsup.solvers.task import Solver, Task
from selfsup.store.checkpoint import Checkpoint
from selfsup.store.weights import named_tensors, set_tensors
from selfsup.system import memory
from selfsup.system.compiling import clock, spent, told
from selfsup.system.progress import Progress
from selfsup.training import efficiency, evidence
from selfsup.training.baselines import NETS, another
from selfsup.training.begin import Begin
from selfsup.training.board import Board
from selfsup.training.config import Decided, configuration, now
from selfsup.training.loop import Loop, Record
from selfsup.training.measure import DRAWS, ONCE, measure, probe_of
from selfsup.training.pictures import pictures
from selfsup.training.warm import Earlier
from selfsup.training.watching import SHAPE, notes_of, watched
from selfsup.words.texts import TextFacts

log = logging.getLogger("selfsup")
SINCE = (("held-out loss", "heldout"), ("gap", "gap"))  # what is said of the way from a warm start


@dataclass(frozen=True)
class Settings:
    """What `fit` was asked for, besides the options of the data, the method and the solver."""

    epochs: int | None = None
    minutes: float | None = None
    patience: int | None = None
    seed: int = 0
    device: str = "auto"
    holdout: float | None = None
    evaluate: bool = True
    checkpoint_every: float = 30.0
    record_every: float = 2.0  # seconds, where a solver chooses its pauses freely
    progress: bool = True
    tensorboard: str | Path | None = None


@dataclass
class Job:
    """One problem: whose data, which method, which solver, and why."""

    data: Any  # a Dataset or a Corpus
    name: str
    method: Method  # constructed, not built
    options: dict[str, Any]
    solver: Solver
    settings: Settings
    reading: dict[str, Any] = field(default_factory=dict)
    why: str = "as asked"
    earlier: Earlier | None = None
    paths: dict[str, str] = field(default_factory=dict)  # of options that were imported: what config.json keeps of them
    begin: Begin | None = None
    given: str | None = None  # where the data are, as it was said

    def run(self, folder: Path | None) -> Model:
        """Train, then gather evidence; nothing is written but the state and the metrics of the run."""
        with told(Progress(self.settings.progress)):
            return self._run(folder)

    def _run(self, folder: Path | None) -> Model:
        began, started, waited, seed = now(), clock(), spent(), self.settings.seed
        self._check()
        device = self.solver.device(self.settings.device)
        closed = self.solver.closed and self.settings.holdout is None
        learnt, heldout = self.data.split(0.0 if closed else self.settings.holdout, seed)
        plan = self.solver.plan(self.method, learnt, self.settings.epochs, seed, device)
        plan |= {} if self.settings.minutes is None else {"minutes": self.settings.minutes}
        self._check_memory(learnt, plan, saved=folder is not None)
        about = Asked(self.solver.about(learnt))
        wanted = self.settings.evaluate and self.data.labels is not None
        twice = wanted or self._moves(self.method)  # the net before training is kept beside the trained one
        method = build(self.method, about, seed, self._room(plan, device, twice=twice, saved=folder is not None))
        untrained = copy.deepcopy(method) if twice else None
        first = evidence.first_words(method) if self.settings.evaluate else None
        start = self._start(method, about)
        log.info("%s with %s on %s (%s)", self.name, method.net_words(), self.data.describe(), self.why)
        method, form, records, begun, notes = self._train(
            method, untrained, start, learnt, heldout, plan, device, folder
        )
        whole = not getattr(self.data, "known", None)  # of data that were read in chunks a sample is here
        latent = statistics(method, method.view(learnt), device, whole=whole) if method.decodes() else {}
        vectors, evaluation, shown = evidence.vectors_of(method, form), None, {}
        texts = None if vectors is None else TextFacts.learn(vectors, learnt.ids, unit=not method.weighed)
        if self.settings.evaluate:
            Progress(self.settings.progress).close("trained; measuring what the codes are worth")
            if vectors is not None:
                evaluation = evidence.of_words(
                    vectors, method, learnt, (begun, records[-1]), notes,
                    own=len(self.data.form.words), heldout=heldout, untrained=first, where=self._beside(),
                )  # fmt: skip
            else:
                known, test = self._parts(learnt, heldout, notes)
                subject = evidence.Subject(method, untrained, device, known, test, begun, records[-1], self._beside())
                subject = subject._replace(
                    again=self._others(untrained, about), progress=Progress(self.settings.progress)
                )
                evaluation = efficiency.judge(subject, notes, warm=self.earlier is not None, seed=seed)
                shown = pictures(method, test, latent, device, seed) | dict(evaluation.arrays)
        warm = None if self.earlier is None else self.earlier.path
        decided = Decided(
            self.name, self._named(), self.reading, self.solver.name, plan, seed, self.why, warm, device, self.given
        )
        config = configuration(
            decided, method, self.data, form, (learnt, heldout), about, start, notes,
            began=began, seconds=clock() - started,
        )  # fmt: skip
        if (compiled := spent() - waited) > 1:
            log.info("compiling took %.0f s, once; they are not counted", compiled)
        return Model(
            method, form, config, records,
            options=self.options, evaluation=evaluation, word_vectors=vectors, latent=latent, pictures=shown, texts=texts,
        )  # fmt: skip

    def _parts(self, learnt: Any, heldout: Any, notes: list[str]) -> tuple[Any, Any]:
        """What probes are trained on and what everything is measured on: the data's own test part, or what was held out."""
        test = self.data.test
        if test is not None and test.labels is not None:
            return learnt, test.whole()
        if len(heldout):
            return learnt, heldout
        # a closed form holds nothing out; the probe's test labels are still its own
        if self.data.labels is not None:
            notes.append("the rows the probes are tested on were seen, without labels, in training")
        return tuple(self.data.cut(max(1, len(self.data) // 5), self.settings.seed))

    def _check(self) -> None:
        """Refuse data that the method cannot learn from."""
        check_kind(self.method, self.data.form)
        if getattr(self.data.form, "missing", False) and not self.method.takes_missing:
            raise DataError(
                f"{self.data.source}: {self.data.missing_words()}, and method '{self.name}' needs them all: "
                "drop such rows, fill the values in, or use an auto-encoder (method undercomplete), which learns "
                "around what is missing"
            )

    def _check_memory(self, learnt: Any, plan: dict[str, Any], *, saved: bool) -> None:
        """Say before anything is made that it does not fit in memory."""
        if size := self.solver.memory(self.method, learnt, plan, saved=saved):
            usual = options_of(type(self.method))
            chosen = [f"{key}={value}" for key, value in self.options.items() if value != usual[key].default]
            asked = f" with {', '.join(chosen)}" if chosen else ""
            what = f"{self.data.form.describe()}, and learning from them by method '{self.name}'{asked},"
            memory.check(size, what, f"use smaller options, or {self.data.form.fewer}")

    def _room(self, plan: dict[str, Any], device: torch.device, *, twice: bool, saved: bool) -> Check:
        """Whether there is room for the weights, and for what training them takes, here and on the device."""
        copies = self.solver.copies(plan)
        written = copies if saved and not self.solver.closed else 0.0
        if device.type != "cuda":
            return fits(copies + twice + written)
        here, there = fits(1 + twice + written), fits(copies, lambda: int(torch.cuda.mem_get_info(device)[0]))

        def both(size: int, largest: tuple[int, ...]) -> None:
            here(size, largest)
            there(size, largest)

        return both

    @staticmethod
    def _moves(method: Method) -> bool:
        """Whether the method has first weights of its own: it is then held against a net that has not."""
        return type(method).start is not Method.start

    def _train(
        self,
        method: Method,
        untrained: Method | None,
        start: Start,
        learnt: Any,
        heldout: Any,
        plan: dict[str, Any],
        device: torch.device,
        folder: Path | None,
    ) -> tuple[Method, Any, list[Record], Record, list[str]]:
        """The trained method, the form it has then, the records, that of a random net, and what a user should know."""
        probe = probe_of(method, learnt, heldout, device, once=self.solver.closed)
        moved = start.name != Start().name
        first = {name: tensor.clone() for name, tensor in named_tensors(method).items()} if moved else {}
        board = None if self.settings.tensorboard is None else Board(self.settings.tensorboard)

        def keep(records: list[Record]) -> None:
            if folder is not None:
                store.write_lines(folder / store.METRICS, records)
            if board is not None:
                board(records)

        loop = Loop(
            self.solver, probe, Progress(self.settings.progress), self._checkpoint(folder, plan), keep,
            self.settings.patience, self._usual_lr(learnt, device), self.settings.record_every,
            draws=ONCE if self.solver.closed else DRAWS, minutes=self.settings.minutes,
            alarms=self._alarms(method), name=self.name,
        )  # fmt: skip
        asked = plan["epochs"]
        # what is held against a random net is not what was learnt before, in another run
        begun = None if self.earlier is None else measure(method.to(device), probe, 0, loop.draws, untrained=True)
        with memory.refused(f"training by method '{self.name}'", "use a smaller batch_size, or smaller options"):
            records = loop.run(Task(method, learnt, plan, device, warm=self._warm(method)))
        notes = _held(plan, asked, late=loop.late, epoch=records[-1]["epoch"])
        notes += notes_of(records, **watched(method)) if self._alarms(method) else []
        notes += (
            []
            if len(heldout) or self.solver.closed
            else ["nothing was held out: loss and gap are of what was learnt from"]
        )
        if moved and untrained is not None:
            notes += _no_worse(method, first, records)
            records[0] = measure(untrained.to(device), probe, 0, untrained=True)  # "before training" means a random net
        for parameter in method.parameters():
            if (
                parameter.untyped_storage().nbytes() > parameter.nbytes
            ):  # part of a solver's own table, which is given back
                parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
        notes += [start.words] if self.begin is not None else []
        notes += [*method.remarks(records[-1].get("measures", {})), *fitting(records)]
        if begun is not None and getattr(self.earlier, "same_loss", False):
            went = ", ".join(f"{key} {records[0][name]:.4g} to {records[-1][name]:.4g}" for key, name in SINCE)
            notes.append(f"since the warm start: {went}")
        form = self.data.form
        if self.earlier is not None and self.earlier.words is not None:
            fresh = type(method)(**self.options)
            method, form = self.earlier.joined(method, form, fresh, self.settings.seed)
        return method.eval(), form, records, begun or records[0], notes

    def _others(self, untrained: Method | None, about: Asked) -> list[Callable[[], Method]]:
        """Other networks that might have been trained, built when they are asked for."""
        if untrained is None:
            return []

        def fresh() -> Method:
            return type(self.method)(**self.options)

        return [partial(another, untrained, fresh, about, self.settings.seed + more) for more in range(1, NETS)]

    def _alarms(self, method: Method) -> bool:
        """Whether few dimensions are a fault: a closed form keeps what there are, and classes need no more than they are."""
        return not self.solver.closed and not callable(getattr(method, "classify", None)) and rank() == 0

    def _start(self, method: Method, about: Asked) -> Start:
        """Set the first weights; what they are taken from goes before a start of the method's own."""
        if self.begin is not None:
            return self.begin.start(method, self.name)
        return method.start(about) if self.earlier is None else self.earlier.start()

    def _beside(self) -> str:
        """What the verdict is beside, where that is not what training began with."""
        if self.begin is not None:
            return "held beside random weights and not those of the start"
        return "" if self.earlier is None else "held beside random weights and not those of the warm start"

    def _warm(self, method: Method) -> Any:
        """How the first weights are taken from an earlier training."""
        if self.earlier is None:
            return None
        if self.earlier.words is None:
            self.earlier.begin(method)
            return None
        words, fill = self.data.form.words, self.earlier.fill
        lower = bool(self.data.form.reading["lower"])
        return lambda input, output: fill(words, input, output, lower=lower)

    def _usual_lr(self, learnt: Any, device: torch.device) -> float | None:
        usual: float | None = type(self.solver)().plan(self.method, learnt, 1, 0, device).get("lr")
        return usual

    def _named(self) -> dict[str, Any]:
        """The method's options, with the paths of those that were imported."""
        return {**self.options, **{name: {"function": path} for name, path in self.paths.items()}}

    def _checkpoint(self, folder: Path | None, plan: dict[str, Any]) -> Checkpoint | None:
        if folder is None or self.solver.closed:
            return None
        kept = {key: value for key, value in plan.items() if key not in self.solver.free}
        identity = {
            "method": self.name,
            "options": jsonable(self._named()),
            "data": self.data.fingerprint,
            "solver": self.solver.name,
        }
        for name, source in (("warm_start", self.earlier), ("start", self.begin)):
            identity[name] = None if source is None else source.fingerprint
        return Checkpoint(folder / store.RESUME, {**identity, **kept}, self.settings.checkpoint_every)


def _held(plan: dict[str, Any], asked: float, *, late: bool, epoch: float) -> list[str]:
    """What to know of a training that was held within its time."""
    said, minutes = [], plan.get("minutes")
    if plan["epochs"] < asked:
        said.append(f"{plan['epochs']:g} epochs of {asked:g} were planned, as many as fit into {minutes:g} min")
    if late:
        said.append(
            f"the {minutes:g} min were over at epoch {epoch:.3g} of {plan['epochs']:g}, before the learning rate had come down: "
            "the machine had become slower"
        )
    return said


def _no_worse(method: Method, first: dict[str, torch.Tensor], records: list[Record]) -> list[str]:
    """Take back a training that has not improved on its first weights, by the loss on held-out rows."""
    if records[-1]["heldout"] <= records[0]["heldout"]:
        return []
    set_tensors(method, first)
    said = f"{records[-1]['heldout']:.4g} beside {records[0]['heldout']:.4g}"
    kept = {key: records[0][key] for key in ("heldout", "gap", "gap_sd", "shuffled", *SHAPE) if key in records[0]}
    records.append({**records[-1], **kept})
    records[-1]["epoch"] += 1
    return [
        f"training did not improve on PCA of the same width (held-out loss {said}), so the weights are those of the start; "
        "train longer, or at a lower rate (lr)"
    ]
