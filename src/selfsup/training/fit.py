"""The main job: from unlabelled data to a representation, with evidence, in one call."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

from selfsup import store
from selfsup.data.open import KINDS, check_looks, open_data, reader_of, reading_options
from selfsup.data.text.kind import is_no_path
from selfsup.errors import OptionError, RunError, unknown
from selfsup.method import Method
from selfsup.methods import REGISTERED, default, find
from selfsup.model.load import load
from selfsup.model.model import Model
from selfsup.options import Option, Range, checked, options_of, resolve
from selfsup.solvers import REGISTERED as SOLVERS, find as find_solver
from selfsup.solvers.devices import choose_device
from selfsup.solvers.distributed import processes, rank, started
from selfsup.solvers.task import Solver
from selfsup.system import imports
from selfsup.training.begin import begin_of, own_start
from selfsup.training.board import check_board
from selfsup.training.job import Job, Settings
from selfsup.training.warm import Earlier

log = logging.getLogger("selfsup")
P = ParamSpec("P")


def _labels_beside_a_method(function: Callable[P, Model]) -> Callable[P, Model]:
    """Let labels stand in second place, as scikit-learn's users give them, where the method is named too."""

    @wraps(function)
    def fit(*args: P.args, **options: P.kwargs) -> Model:
        if len(args) == 2 and "method" in options:
            call: Callable[..., Model] = function
            return call(args[0], **_with_labels(args[1], options))
        return function(*args, **options)

    return fit


@_labels_beside_a_method
def fit(
    data: Any,
    method: str | type[Any] | Any = None,
    *,
    out: str | Path | None = None,
    epochs: Annotated[int, Range(0)] | None = None,
    minutes: Annotated[float, Range(0, open_low=True)] | None = None,
    patience: Annotated[int, Range(1)] | None = None,
    solver: str | None = None,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    device: str = "auto",
    holdout: Annotated[float, Range(0, 1, open_high=True)] | None = None,
    limit: Annotated[int, Range(2)] | None = None,
    warm_start: str | Path | None = None,
    start: str | Path | None = None,
    evaluate: bool = True,
    checkpoint_every: Annotated[float, Range(0)] = 30.0,
    overwrite: bool = False,
    resume: bool = False,
    tensorboard: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> Model:
    """Learn a representation from data without labels, and gather the evidence of whether that helped.

    Parameters
    ----------
    data
        Array (n, d), (n, H, W), (n, H, W, C) or (n, C, H, W); a path to a folder of images, parquet, .npy, .npz or .csv;
        "hub:NAME"; or "digits". Text: a .txt (also .gz, .zst), a folder or glob of them, a table's column, or "docstrings",
        the documentation of the installed Python packages.
    method
        A word of `selfsup.methods`, an import path "mymodule:MyMethod" or "FILE.py:MyMethod", or a class. None: chosen by the
        kind of data; an array here is taken for labels, as scikit-learn's users give them.
    out
        Run folder to write; by default none (on the command line: runs/METHOD-DATA, or runs/auto-DATA).
    epochs
        Passes over the data; by default from the method's number of steps and the size of the data.
    minutes
        Time for the training: if all epochs take longer, as many as fit are planned before it starts, so that the learning rate
        runs its whole course. A training that is slower than planned ends when the time is over. Reading and evaluation are
        not counted.
    patience
        Early stopping: stop after so many epochs without a lower held-out loss, and take the best epoch's weights.
    solver
        sgd: gradient descent. exact: the closed form, where there is one. Of word vectors hogwild: threads of the CPU, or
        batched: blocks of windows on any device. By default as the method prefers, and batched for word vectors where a device
        is named.
    seed
        Of everything random.
    device
        auto, cpu, cuda, cuda:1, mps.
    holdout
        Share of the rows (of text: of its end) that is never trained on; loss, gap and (where there are labels) probes are
        measured on it. By default a fifth, at most 2,000 rows (of text a hundredth, at most 20,000 words); for a closed form
        none.
    limit
        Use the first so many rows (of text: lines) only.
    warm_start
        Run folder to go on from: its weights. Of text also a file of word vectors: its words keep their vectors, and those of a
        new text join them.
    start
        First weights of the backbone: those of a run folder of any method with the same net, of "timm:NAME" (pretrained weights)
        or of FILE.safetensors, named as ours or as torchvision's and timm's are. Or of the whole net, where the method has
        words for that: pca, random.
    evaluate
        Gather evidence after training.
    checkpoint_every
        Seconds between two savings of the state that `resume` goes on from.
    overwrite
        Replace the run folder if it exists.
    resume
        Go on with the unfinished run of the same `out`, to the same bit as if it had not been interrupted.
    tensorboard
        Folder, one for each run, to which all that is measured is also written for TensorBoard, at every pause; needs the extra
        `tensorboard`.
    progress
        Show progress on standard error.
    **options
        How the data are read (`size`, `labels`, `min_count` ...), the method's own (`n_components` ...) and the solver's
        (`batch_size`, `lr` ...): see `selfsup fit DATA --method NAME --help`.

    Returns
    -------
    Model

    Raises
    ------
    SelfsupError
        Every error is one: `OptionError`, `DataError`, `RunError`, `TrainingError`, `Interrupted`.
    """
    given = {name: value for name, value in locals().items() if name not in ("data", "method", "options")}
    settings = checked(fit, given)
    if method is not None and not isinstance(method, str | type):
        method, options = None, _with_labels(method, options)
    out = Path(out) if out is not None else None
    if out is not None and is_finished(out, settings):
        model = load(out, method=method if not isinstance(method, str) or method not in REGISTERED else None)
        if rank() == 0:
            model.write_pages(out)
        return model
    if rank() > 0:  # torchrun: the first process writes and speaks, the others only train
        out, settings = None, settings | {"evaluate": False, "progress": False, "tensorboard": None}
    if settings["tensorboard"] is not None:
        check_board(settings["tensorboard"], out)
    return run_job(_job(data, method, settings, options), out, settings)


def is_finished(out: Path, settings: Mapping[str, Any]) -> bool:
    """Whether a run that is to be resumed is finished; of several processes the first one looks, who may alone see the folder.

    Raises
    ------
    RunError
        If the folder may not be written to.
    """

    def look() -> bool:
        if not settings["resume"]:
            store.check_free(out, overwrite=settings["overwrite"])
        elif store.finished(out, overwrite=settings["overwrite"]):
            log.warning(
                "%s is finished and returned as it is, with its own settings; overwrite it to train it anew", out
            )
            return True
        return False

    if rank() == 0 and started() == 1:
        return look()
    with processes(choose_device(settings["device"])) as group:
        return bool(group.of_first(look))


def _with_labels(labels: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with the labels that were given in the place of a method."""
    if isinstance(labels, Method):
        name = type(labels).__name__
        raise OptionError(f"a method is given by its name or class, and its options to fit; got a made {name}")
    if "labels" in options:
        raise OptionError("labels are given twice: after the data, and as labels=")
    return {**options, "labels": labels}


def _job(data: Any, method: str | type[Method] | None, settings: Mapping[str, Any], options: dict[str, Any]) -> Job:
    """Sort the options by whose they are, read the data, choose what was not named, and make the job."""
    named = None if method is None else find(method)
    reader = reader_of(data, None if named is None else named[1].kinds, options)
    known = reading_options(reader)
    reading = _imported(known, {name: value for name, value in options.items() if name in known}, of_files=True)
    rest = {name: value for name, value in options.items() if name not in known}
    if named is not None:  # what is wrong with the options is said before the data are read
        rest |= own_start(settings, named[1])
        check_looks(data, reader, named[0], named[1].kinds)
        made, own, solver = _chosen(*named, rest, settings, reader)
    else:
        _check_names(rest, reader)
    begin = None if named is None else begin_of(settings, named[1])
    earlier = (
        Earlier(str(settings["warm_start"]), *named, made) if named and settings["warm_start"] is not None else None
    )
    more: dict[str, Any] = {"limit": settings["limit"], "progress": settings["progress"], "seed": settings["seed"]}
    more["closed"] = named is not None and solver.closed
    if earlier is not None and earlier.words is not None:
        more["known"] = tuple(earlier.words.vectors.words)
    opened = open_data(data, reader, **reading, **more)
    if named is not None and callable(getattr(named[1], "classify", None)):
        opened = replace(opened, taught=True)
    why = "as asked"
    if named is None:
        begun = any(settings[key] is not None for key in ("warm_start", "start"))
        name, why, suited = default(opened.form, None if rest or begun else opened.source_rows)
        named = find(name)
        settings = {key: suited.get(key) if value is None else value for key, value in settings.items()}
        rest |= {key: value for key, value in suited.items() if key not in settings}
        begin, rest = begin_of(settings, named[1]), rest | own_start(settings, named[1])
        made, own, solver = _chosen(*named, rest, settings, reader)
        if settings["warm_start"] is not None:
            earlier = Earlier(str(settings["warm_start"]), *named, made)
    kept = {key: settings[key] for key in Settings.__dataclass_fields__ if key in settings}
    paths = {
        name: value for name, value in rest.items() if name in own and _is_import(value) and own[name] is not value
    }
    return Job(
        opened, named[0], made, own, solver, Settings(**kept), reading, why, earlier, paths, begin, place_of(data)
    )  # fmt: skip


def place_of(data: Any) -> str | None:
    """Where data are, as it was said; None where they were given in memory, as a string may be that is a text."""
    words = os.fspath(data) if isinstance(data, str | os.PathLike) else ""
    return words if words and not is_no_path(words) else None


def _chosen(
    name: str, cls: type[Method], given: Mapping[str, Any], settings: Mapping[str, Any], reader: str
) -> tuple[Method, dict[str, Any], Solver]:
    """The method, constructed; its options; and the solver: the one asked for, or the first of the method's that can do it."""
    known = method_options(name, cls)
    own = resolve(cls, _imported(known, {key: given[key] for key in given if key in known}), f"method '{name}'")
    made = cls(**own)
    others = {key: value for key, value in given.items() if key not in known}
    candidates = [settings["solver"]] if settings["solver"] is not None else list(cls.solvers)
    refused: list[str] = []
    for candidate in candidates:
        solver = find_solver(candidate)
        if (said := solver().refuses(made, settings["device"])) is not None:
            refused.append(said)
            continue
        if strange := [key for key in others if key not in options_of(solver)]:
            raise OptionError(_strange(strange[0], name, known, candidate, reader))
        if settings["minutes"] is not None:
            _check_paced(name, solver)
        return made, own, solver(**resolve(solver, others, f"solver '{candidate}'"))
    raise OptionError(f"option 'solver': {refused[0]}" if refused else f"method '{name}' names no solver")


def _check_paced(name: str, solver: type[Solver]) -> None:
    """Refuse to hold a training within minutes of which nobody knows ahead how long it takes."""
    if not solver.paced:
        instead = "it is solved in one pass" if solver.closed else "give option 'epochs' (or 'limit')"
        raise OptionError(f"option 'minutes' is not for method '{name}' solved by {solver.name}: {instead}")


def _strange(option: str, name: str, known: Mapping[str, Option], solver: str, reader: str) -> str:
    """Say that nobody has an option, or that another solver has it."""
    owners = [other for other in SOLVERS if option in options_of(find_solver(other))]
    if owners:
        return f"option '{option}' is for the solver {' or '.join(owners)}; method '{name}' is solved by {solver} here"
    if said := _of_other_data(option, reader):
        return said
    every = [*known, *options_of(find_solver(solver)), *reading_options(reader), *options_of(fit)]
    return unknown(f"option of method '{name}'", option, [one for one in every if one not in ("data", "method")])


def _of_other_data(option: str, reader: str) -> str | None:
    """Say that an option is of the reader of other data, where it is."""
    theirs = [kind for kind, other in KINDS.items() if other != reader and option in reading_options(other)]
    if not theirs:
        return None
    here = " and ".join(f"{kind}s" for kind, other in KINDS.items() if other == reader)
    return f"option '{option}' means nothing for {here}; it is for {' and '.join(f'{kind}s' for kind in theirs)}"


def _check_names(given: Mapping[str, Any], reader: str) -> None:
    """Before data are read and a method is chosen, refuse options that none has."""
    solvers = [options_of(find_solver(name)) for name in SOLVERS]
    methods = [options_of(find(name)[1]) for name in REGISTERED]
    every = {name for known in (*solvers, *methods, reading_options(reader), options_of(fit)) for name in known}
    for name in given:
        if name not in every:
            raise OptionError(_of_other_data(name, reader) or unknown("option", name, every))


def _imported(known: Mapping[str, Option], given: Mapping[str, Any], *, of_files: bool = False) -> dict[str, Any]:
    """Options of which some are paths of a function or module of the user's own: imported, as the caller asks for them.

    With `of_files` only FILE.py:NAME is such a path: what else has a colon may be a regular expression.
    """
    found = dict(given)
    for name, value in given.items():
        if _is_import(value) and known[name].is_object and (".py:" in value or not of_files):
            found[name] = imports.find(value, name)
    return found


def _is_import(value: Any) -> bool:
    return isinstance(value, str) and imports.is_path(value)


def run_job(job: Job, out: Path | None, settings: Mapping[str, Any]) -> Model:
    """Do a job; with `out`, in a run folder that is complete or left as an unfinished run."""
    if out is None:
        return job.run(None)
    with store.claim(out, overwrite=settings["overwrite"], resume=settings["resume"]) as folder:
        with _logged(folder):
            model = job.run(folder)
        if bad := job.data.unreadable():
            store.write_json(folder / store.BAD, [file._asdict() for file in bad])
        model.write(folder)
    model.folder = out
    return model


def method_options(name: str, cls: type[Method]) -> Mapping[str, Option]:
    """Options of a method's own.

    Raises
    ------
    OptionError
        If one has the name of an option of `fit`, of a solver or of a reader of its data, so that it could never be given.
    """
    own = options_of(cls)
    taken: list[tuple[Callable[..., Any], str]] = [(fit, "fit")]
    taken += [(find_solver(one), f"the solver {one}") for one in cls.solvers if one in SOLVERS]
    words = {
        key: owner for function, owner in taken for key in options_of(function) if key != "start"
    }  # see `own_start`
    for reader in {reader_of("", (kind,)) for kind in cls.kinds}:
        words |= dict.fromkeys(reading_options(reader), "the reader of its data")
    if clash := own.keys() & words.keys():
        taken_by = words[min(clash)]
        raise OptionError(
            f"method '{name}' has an option '{min(clash)}', which is a word of {taken_by}; call it otherwise"
        )
    return own


class _LogFile(logging.FileHandler):
    """A log that cannot be written is no reason to stop, nor to print a traceback."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Leave the line out."""


@contextmanager
def _logged(folder: Path) -> Iterator[None]:
    """Append what the library logs to the run's ``log.txt``."""
    try:
        handler = _LogFile(folder / store.LOG, encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write {folder / store.LOG}: {error.strerror}; choose another out") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = log.level
    log.addHandler(handler)
    log.setLevel(min(level or logging.INFO, logging.INFO))
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        with suppress(OSError):
            handler.close()
