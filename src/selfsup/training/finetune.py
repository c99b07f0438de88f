"""`finetune`: a classifier from a run and some labels, held against what the same labels give without the run."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch

from selfsup.data.facts import Facts
from selfsup.data.open import KINDS, reading_options
from selfsup.errors import DataError, OptionError, unknown
from selfsup.measures.run import Attempt
from selfsup.measures.samples import compare
from selfsup.measures.samples.efficiency import MAJORITY, SCRATCH, TUNED
from selfsup.method import Method
from selfsup.methods import REGISTERED, find
from selfsup.model.encode import check_kind, jsonable
from selfsup.model.load import OBJECTS, load
from selfsup.model.model import Model
from selfsup.options import Range, checked, options_of, resolve
from selfsup.solvers import find as find_solver
from selfsup.solvers.distributed import rank, started
from selfsup.store.weights import named_tensors
from selfsup.system.progress import Progress
from selfsup.training import efficiency
from selfsup.training.evidence import MAX_TEST, Subject
from selfsup.training.fit import is_finished, method_options, place_of, run_job
from selfsup.training.job import Job, Settings
from selfsup.training.pictures import pictures
from selfsup.training.warm import Earlier

METHOD = "classifier"
OURS = ("base", "base_options")  # options of the method that follow from the run
UNREAD = ("size", "stream")  # options of the reader that do: the data are brought to its form
HELD = 0.1  # of the rows, for loss and gap, where the data have a test part of their own
COUNTS = (20, 100, 400, 1000)  # labels a class of a curve, as in the papers


def finetune(
    run: Any,
    labelled: Any,
    *,
    out: str | Path | None = None,
    curve: bool = False,
    counts: tuple[Annotated[int, Range(1)], ...] = COUNTS,
    draws: Annotated[int, Range(1)] = 3,
    epochs: Annotated[int, Range(0)] | None = None,
    minutes: Annotated[float, Range(0, open_low=True)] | None = None,
    patience: Annotated[int, Range(1)] | None = None,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    device: str = "auto",
    holdout: Annotated[float, Range(0, 1, open_high=True)] | None = None,
    limit: Annotated[int, Range(2)] | None = None,
    evaluate: bool = True,
    checkpoint_every: Annotated[float, Range(0)] = 30.0,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = True,
    **options: Any,
) -> Model:
    """Teach a trained net classes: its weights go on from a run, with a linear classifier on them.

    Nothing is chosen on the rows that the result is measured on: those of the data's own test part, or those held out.

    Parameters
    ----------
    run
        Run folder, or a `Model`. Of a run that was fine-tuned before, the net is taken and the classifier begins anew.
    labelled
        Data of the kind and form the run learnt from, with labels: folders that are classes, a table with a column of them, or
        a pair (array, labels).
    out
        Run folder to write; by default none (on the command line: runs/finetuned-DATA).
    curve
        Also train with few labels, from the run's weights and from random ones, and draw accuracy over labels: the picture of
        what the training without labels is worth. It costs two more trainings for each draw; how long is said before.
    counts
        Labels a class of the curve; those are taken that at least half the classes have more rows than. All labels are always
        there.
    draws
        How often few labels are drawn, at each number of them.
    epochs
        Passes over the labelled rows; by default so many that about 1,000 steps are made.
    minutes
        Time for the training: as many epochs are planned as fit; the curve is not counted.
    patience
        Stop after so many epochs without a lower held-out loss, and take the best epoch's weights. Only for data with a test
        part of their own, as the held-out rows are the test otherwise.
    seed
        Of everything random.
    device
        auto, cpu, cuda, cuda:1, mps.
    holdout
        Share of the rows that is never trained on. By default a tenth where the data have a test part of their own, else a fifth,
        at most 2,000 rows, which are the test.
    limit
        Use the first so many labelled rows only.
    evaluate
        Measure accuracy after training, beside a probe on the frozen net and the most frequent class.
    checkpoint_every
        Seconds between two savings of the state that `resume` goes on from.
    overwrite
        Replace the run folder if it exists.
    resume
        Go on with the unfinished run of the same `out`, to the same bit; what a curve had trained is trained again.
    progress
        Show progress on standard error.
    **options
        How the data are read (`labels`, `label_column`, `on_bad`), how the net learns (`layer`, `backbone_rate`, `mirror`,
        `shift`) and the solver's (`batch_size`, `lr` ...).

    Returns
    -------
    Model
        With `predict` and `predict_proba`; ``evaluation`` has the table ``label_efficiency``.

    Raises
    ------
    SelfsupError
        `OptionError`, `DataError` (no labels, one class, a class without a row to learn from, data of another form),
        `RunError`, `TrainingError`, `Interrupted`.
    """
    given = {name: value for name, value in locals().items() if name not in ("run", "labelled", "options")}
    settings = checked(finetune, given)
    out = Path(out) if out is not None else None
    if out is not None and is_finished(out, settings):
        model = load(out)
        if rank() == 0:
            model.write_pages(out)
        return model
    if rank() > 0:  # torchrun: the first process writes and speaks, the others only train
        out, settings = None, settings | {"evaluate": False, "progress": False}
    return run_job(_job(_trained(run), labelled, settings, options), out, settings)


def in_every_way(
    run: Model,
    labelled: Any,
    plan: Callable[[np.ndarray], tuple[list[compare.Task], list[str]]],
    options: Mapping[str, Any],
) -> tuple[list[Attempt], np.ndarray, list[str]]:
    """A net used for a task in every way, on draws of labelled rows: what is guessed of the test rows, their classes, and notes.

    Parameters
    ----------
    run, labelled
        As in `finetune`.
    plan
        Of the classes (n,) of the rows that may be learnt from: the draws, the last of them all rows, and notes.
    options
        Of `finetune`.
    """
    own = {name: option.default for name, option in options_of(finetune).items() if name not in ("run", "labelled")}
    settings = (
        own | checked(finetune, {name: value for name, value in options.items() if name in own}) | {"curve": False}
    )
    job = _job(_trained(run), labelled, settings, {name: value for name, value in options.items() if name not in own})
    tuned = run_job(replace(job, judged=False), None, settings)
    ways, notes = job.ways(tuned), list(tuned.config["notes"])
    tasks, more = plan(ways.learnt.labels)
    found = [*ways.frozen(tasks), *ways.raw(tasks)]
    classes, true, _ = efficiency.guessed(tuned.method, ways.test, ways.device)
    for task in tasks:
        for way in (TUNED, SCRATCH)[task is tasks[-1] :]:
            found += ways.trained(way, task, notes)
    found.append(Attempt(TUNED, "all", len(ways.learnt), classes))
    frequent = np.bincount(ways.learnt.labels).argmax()
    found.append(Attempt(MAJORITY, "all", len(ways.learnt), np.full_like(true, frequent)))
    ways.progress.close()
    return found, true, [*notes, *more]


def _trained(run: Any) -> Model:
    """The model of a run, which has a net to go on from."""
    if isinstance(run, str | Path):
        run = load(run)
    if not isinstance(run, Model):
        raise OptionError(
            f"fine-tuning goes on from a run folder or a model of images or tables; got a {type(run).__name__}"
        )
    cls = find(METHOD)[1]
    if run.form.kind not in cls.kinds:
        raise OptionError(
            f"fine-tuning is for {' and '.join(f'{kind}s' for kind in cls.kinds)}, whose samples have codes; "
            f"this run learnt from {run.form.kind}"
        )
    return run


def _job(model: Model, labelled: Any, settings: Mapping[str, Any], options: Mapping[str, Any]) -> Tuning:
    """Sort the options by whose they are, read the data in the form of the run's, and make the job."""
    name, cls = find(METHOD)
    reading, own, solver = sorted_options(model, options)
    base, base_options = _base(model)
    own = resolve(cls, {**own, "base": base, "base_options": base_options}, f"method '{name}'")
    method = cls(**own)
    check_kind(method, model.form)
    data = model.open(labelled, limit=settings["limit"], progress=settings["progress"], **reading)
    known = Facts.from_dict(model.form, model.config["facts"]).known  # the net is built from what was measured for it
    data = replace(data, known={key: fact for key, fact in known.items() if key != "classes"}, taught=True)
    tested = data.test is not None and data.test.labels is not None
    held = HELD if settings["holdout"] is None and tested else settings["holdout"]
    if settings["patience"] is not None and not tested:
        raise OptionError(
            "option 'patience' would choose the epoch on the rows that the result is measured on: these data have no test part "
            "of their own (folders train/ and test/, or a split of that name); give option 'epochs' instead"
        )
    if settings["curve"] and started() > 1:
        raise OptionError("option 'curve' is for one process: leave it out, or start without torchrun")
    if settings["evaluate"] and not tested and held == 0:
        raise OptionError(
            "option 'holdout' is 0 and the data have no test part: nothing is left to measure accuracy on"
        )
    learnt = data.split(held, settings["seed"])[0]
    _check_labels(data, learnt)
    kept = {key: settings[key] for key in Settings.__dataclass_fields__ if key in settings}
    earlier = Pretrained(model, learnt)
    return Tuning(
        data, name, method, own, solver, Settings(**{**kept, "holdout": held, "evaluate": False}), reading,
        "as asked", earlier, judged=settings["evaluate"],
        curve=(settings["counts"], settings["draws"]) if settings["curve"] else None, given=place_of(labelled),
    )  # fmt: skip


def sorted_options(model: Model, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Options of the reader, of the method, and the solver with its own.

    Raises
    ------
    OptionError
        If one is nobody's.
    """
    name, cls = find(METHOD)
    reader, solver = reading_options(KINDS[model.form.kind]), find_solver(cls.solvers[0])
    read = [each for each in reader if each not in (*options_of(finetune), *UNREAD)]
    mine = [each for each in method_options(name, cls) if each not in OURS]
    theirs = options_of(solver)
    for each in options:
        if each not in (*read, *mine, *theirs):
            raise OptionError(unknown("option of finetune", each, [*read, *mine, *theirs, *options_of(finetune)]))
    made = solver(**resolve(solver, {k: v for k, v in options.items() if k in theirs}, f"solver '{solver.name}'"))
    reading = {each: value for each, value in options.items() if each in read}
    return reading, {each: value for each, value in options.items() if each in mine}, made


def _net(model: Model) -> Method:
    """The method whose net a run has: its own, or of a classifier the one that it has within."""
    within = getattr(model.method, "base", None)
    return within if isinstance(within, Method) else model.method


def _base(model: Model) -> tuple[Any, dict[str, Any]]:
    """Name (or class) and options of the method whose net is taken, as plain values.

    Raises
    ------
    OptionError
        If an option is a net or a function of the user's own, without which it could not be loaded again.
    """
    if _net(model) is not model.method:
        return model.options["base"], model.options["base_options"]
    options = jsonable(model.options)
    for key, value in options.items():
        if isinstance(value, dict) and value.keys() & OBJECTS:
            raise OptionError(
                f"this run was trained with {next(iter(value.values()))} of yours as {key}, which a fine-tuned run could not be "
                "loaded with; register it, or train with one of the nets and penalties that have a name"
            )
    name = model.config["method"]
    return (name if name in REGISTERED else type(model.method)), options


def _check_labels(data: Any, learnt: Any) -> None:
    """Raise `DataError` where there is no label to learn from, one class only, or a class without a row."""
    if data.labels is None:
        raise DataError(
            f"{data.source}: fine-tuning needs labels, and there are none: sub-folders that are classes, a column (option "
            "'label_column'), or a pair (array, labels)"
        )
    if data.several:
        raise DataError(
            f"{data.source}: fine-tuning teaches classes, one a sample, and a sample has several of these labels; give one "
            "column of classes (option 'label_column')"
        )
    if not data.classes:
        raise DataError(
            f"{data.source}: fine-tuning teaches classes, and these labels are numbers; where each number is a class, say so: "
            "option 'labels_are' classes"
        )
    if len(data.classes) < 2:
        raise DataError(f"{data.source}: the labels are all of one class, {data.classes[0]!r}; give at least 2 classes")
    many = np.bincount(learnt.labels, minlength=len(data.classes))
    if len(learnt) < len(data.classes) or not many.all():
        first = int(many.argmin())
        rows = int((data.labels == first).sum())
        raise DataError(
            f"{data.source}: {len(learnt):,} labelled rows are learnt from, and none of them is of the class "
            f"'{data.classes[first]}' (it has {rows} in all; {len(data) - len(learnt):,} rows are held out): give more rows of "
            "it, a smaller holdout, or another seed"
        )


class Pretrained(Earlier):
    """The net of a run, as what a classifier goes on from."""

    same_loss = False

    def __init__(self, model: Model, learnt: Any) -> None:
        self.path, self.words = str(model.folder or "a model that was not saved"), None
        self.base, self.learnt = _net(model), learnt

    @property
    def fingerprint(self) -> str:
        """Of the weights."""
        found = hashlib.sha256()
        for name, tensor in sorted(named_tensors(self.base).items()):
            found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            found.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return found.hexdigest()

    def begin(self, method: Method) -> None:
        """Set the net's weights, and the scale of its codes on the rows that are learnt from."""
        device = next(method.parameters()).device
        efficiency.begin(method, self.learnt, device, self.base)


@dataclass
class Tuning(Job):
    """A job whose result is held against other ways to a classifier."""

    judged: bool = True
    curve: tuple[tuple[int, ...], int] | None = None

    def run(self, folder: Path | None) -> Model:
        """Train; then measure accuracy, and train what it is compared with."""
        began = time.perf_counter()
        model = super().run(folder)
        if self.judged:
            Progress(self.settings.progress).close("trained; measuring what that is worth")
            self._judge(model)
            model.config["seconds"] = time.perf_counter() - began
        return model

    def ways(self, model: Model) -> efficiency.Ways:
        """The other ways to what it has come to."""
        seed = self.settings.seed
        learnt, heldout = self.data.split(self.settings.holdout, seed)
        own = self.data.test is not None and self.data.test.labels is not None
        test = (self.data.test.whole() if own else heldout).some(MAX_TEST, np.random.default_rng(seed))
        assert isinstance(self.earlier, Pretrained)
        return efficiency.Ways(
            self.earlier.base, self._again, Facts.from_dict(model.form, model.config["facts"]), self.solver,
            model.config["training"], learnt, test, model.device, seed, Progress(self.settings.progress),
        )  # fmt: skip

    def _judge(self, model: Model) -> None:
        seed, method, notes, ways = self.settings.seed, model.method, list(model.config["notes"]), self.ways(model)
        others = ways.compared(self.curve, model.history, notes)
        ways.progress.close()
        last = model.history[-1] if model.history else model.start
        subject = Subject(method, None, model.device, ways.learnt, ways.test, model.start, last)
        model.evaluation = efficiency.gather(subject, notes, len(ways.learnt), others, seed=seed)
        model.pictures = pictures(method, ways.test, {}, model.device, seed)

    def _again(self, scratch: bool) -> Method:
        """A classifier of the same options, not built; one from scratch learns no slower than is usual."""
        usual = options_of(type(self.method))["backbone_rate"].default
        rate = self.options["backbone_rate"]
        return type(self.method)(**{**self.options, "backbone_rate": max(rate, usual) if scratch else rate})
