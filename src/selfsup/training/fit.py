"""The main job: from unlabelled data to a representation, with evidence, in one call."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from selfsup import store
from selfsup.errors import OptionError, RunError
from selfsup.methods import find
from selfsup.model.words import WordModel, is_word_run, load_words
from selfsup.options import Option, Range, checked, options_of, resolve

if TYPE_CHECKING:
    from selfsup.model.model import Model

__all__ = ["fit", "load"]

log = logging.getLogger("selfsup")
Positive = Range(0, open_low=True)
TEXTS = (".txt", ".txt.gz", ".txt.zst")
CHOICES = ("denoising", "rotation")  # what `learning.choose_method` can give


def fit(
    data: Any,
    method: str | type[Any] | None = None,
    *,
    out: str | Path | None = None,
    epochs: Annotated[int, Range(0)] | None = None,
    batch_size: Annotated[int, Range(2)] | None = None,
    lr: Annotated[float, Positive] | None = None,
    weight_decay: Annotated[float, Range(0)] | None = None,
    optimizer: Literal["adamw", "sgd"] | None = None,
    warmup: Annotated[float, Range(0, 1, open_high=True)] = 0.05,
    clip: Annotated[float, Positive] | None = None,
    patience: Annotated[int, Range(1)] | None = None,
    solver: Literal["sgd", "exact", "hogwild", "batched"] | None = None,
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0,
    device: str = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    holdout: Annotated[float, Range(0, 1, open_high=True)] | None = None,
    labels: Any = None,
    label_column: str | None = None,
    size: Annotated[int, Range(8)] | None = None,
    limit: Annotated[int, Range(2)] | None = None,
    stream: bool = False,
    on_bad: Literal["stop", "skip"] = "stop",
    evaluate: bool = True,
    checkpoint_every: Annotated[float, Range(0)] = 30.0,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = True,
    **options: Any,
) -> Any:
    """Learn a representation from data without labels, and gather the evidence of whether that helped.

    Parameters
    ----------
    data
        Array (n, d), (n, H, W), (n, H, W, C) or (n, C, H, W); a path to a folder of images, parquet, .npy, .npz or .csv;
        "hub:NAME"; or "digits". Text for word vectors: a .txt (also .gz, .zst), a folder or glob of them, a table's
        column, or "docstrings", the documentation of the installed Python packages.
    method
        A word of `selfsup.methods`, an import path "mymodule:MyMethod", or a class. None: chosen by the kind of data.
    out
        Run folder to write; by default none (on the command line: runs/METHOD-DATA).
    epochs
        Passes over the data; by default from the method's number of steps and the size of the data.
    batch_size
        Samples a step, at most.
    lr
        Peak learning rate.
    weight_decay
        Decoupled weight decay.
    optimizer
        adamw, or sgd with Nesterov momentum; by default as the method prefers.
    warmup
        Share of the steps in which the rate rises to its peak, before a cosine takes it to 0.
    clip
        Largest norm of the gradient.
    patience
        Stop after so many epochs without a lower held-out loss, and take the best epoch's weights.
    solver
        sgd; exact: the closed form, where there is one; of word vectors hogwild: threads of the CPU, or batched: blocks of
        windows on any device; by default as the method prefers, and batched for word vectors where a device is named.
    seed
        Of everything random.
    device
        auto, cpu, cuda, cuda:1, mps.
    precision
        auto is bfloat16 on a GPU that has it, else float32.
    holdout
        Share of the rows that is never trained on; loss, gap and (where there are labels) probes are measured on it. By
        default a fifth, at most 2,000 rows; none for a closed form.
    labels
        Labels (n,) of an array, for evaluation only.
    label_column
        Name of the column that holds labels, for evaluation only.
    size
        Side in pixels to which images are resized and cropped.
    limit
        Use the first so many rows only.
    stream
        Read the rows in chunks, once, and never hold them all: for a closed form (the method linear) on numbers in parquet,
        .npy, or an iterable of arrays (b, d). An iterator is always read so.
    on_bad
        stop: files that cannot be read are an error. skip: leave them out, count and list them.
    evaluate
        Gather evidence after training.
    checkpoint_every
        Seconds between two savings of the state that `resume` goes on from.
    overwrite
        Replace the run folder if it exists.
    resume
        Go on with the unfinished run of the same `out`, to the same bit as if it had not been interrupted.
    progress
        Show progress on standard error.
    **options
        The method's own: see `selfsup fit DATA --method NAME --help`.

    Returns
    -------
    Model
        Of text a `WordModel`: word vectors with the run that made them.

    Raises
    ------
    SelfsupError
        Every error is one: `OptionError`, `DataError`, `RunError`, `TrainingError`, `Interrupted`.
    """
    given = {name: value for name, value in locals().items() if name not in ("data", "method", "options")}
    settings = checked(fit, given)
    out = Path(out) if out is not None else None
    if int(os.environ.get("RANK", "0")) > 0:  # torchrun: the first process writes and speaks, the others only train
        out, settings = None, settings | {"evaluate": False, "progress": False}
    if out is not None and resume and (out / store.CONFIG).is_file() and not store.partial(out).exists():
        log.warning("%s is finished and returned as it is, with its own settings; --overwrite to train it anew", out)
        return load(out, method=method if not isinstance(method, str) or ":" in method else None)
    if out is not None and not resume:
        store.check_free(out, overwrite=overwrite)
    if (text := of_text(data, method)) is not None:
        return _fit_words(data, *text, options, settings, out)
    from selfsup.training.learning import learn_samples

    if method is not None:
        method_options(*find(method))
    job, bad = learn_samples(data, method, options, settings)
    return _run(job, out, settings, bad)


def _run(job: Any, out: Path | None, settings: Mapping[str, Any], bad: list[dict[str, Any]] | None = None) -> Any:
    """Do a job; with `out`, in a run folder that is complete or left as an unfinished run."""
    if out is None:
        return job.run(None)
    folder = store.claim(out, overwrite=settings["overwrite"], resume=settings["resume"])
    try:
        with _logged(folder):
            model = job.run(folder)
            if bad:
                store.write_json(folder / store.BAD, bad)
            model.write(folder)
    except BaseException:
        store.abandon(folder)
        raise
    store.complete(out)
    model.folder = out
    return model


def of_text(data: Any, method: str | type[Any] | None) -> tuple[str, type[Any], str] | None:
    """Method and reason, where the data are text: because the method learns from text, or by the name of the file."""
    if method is not None:
        name, cls = find(method)
        return (name, cls, "as asked") if cls.kinds == ("text",) else None
    words = str(data) if isinstance(data, str | Path) else ""
    if words == "docstrings" or any(words.lower().endswith(end) for end in TEXTS):
        return (*find("skipgram"), "text is learnt word by word, from the words around")
    return None


def _fit_words(
    data: Any,
    name: str,
    cls: type[Any],
    why: str,
    options: Mapping[str, Any],
    settings: dict[str, Any],
    out: Path | None,
) -> Any:
    """`fit` on text."""
    from selfsup.methods.skipgram import Skipgram
    from selfsup.training.wordjob import fit_words

    if not issubclass(cls, Skipgram):
        raise OptionError(f"method '{name}' learns from text, but is no kind of skip-gram")
    job = fit_words(data, name, cls, resolve(cls, options, f"method '{name}'"), settings, why)
    return _run(job, out, settings)


def load(path: str | Path, **how: Any) -> Model | WordModel:
    """Read a run folder: a `Model`, or word vectors; see `selfsup.model.load.load` for the further words."""
    if is_word_run(Path(path)):
        return load_words(Path(path))
    from selfsup.model.load import load as load_model

    return load_model(path, **how)


def method_options(name: str, cls: type[Any]) -> Mapping[str, Option]:
    """Options of a method's own.

    Raises
    ------
    OptionError
        If one has the name of an option of `fit`, so that it could never be given.
    """
    own = options_of(cls)
    if clash := own.keys() & options_of(fit).keys():
        raise OptionError(f"method '{name}' has an option '{min(clash)}', which is a word of fit; call it otherwise")
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
        raise RunError(f"cannot write {folder / store.LOG}: {error.strerror}; choose another --out") from error
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
