"""Reading a run folder, strictly: nothing that it names is imported, nothing is unpickled."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfsup import store
from selfsup.data.facts import Facts
from selfsup.data.form import read_form
from selfsup.errors import DataError, OptionError, RunError, unknown
from selfsup.measures.evaluation import Evaluation
from selfsup.method import Method
from selfsup.methods import REGISTERED, find
from selfsup.model.checked import check_config, check_latent, check_records
from selfsup.model.encode import build
from selfsup.model.model import Model
from selfsup.model.pretrained import NAME as PRETRAINED, Pretrained, model_of
from selfsup.model.room import LARGE, Check
from selfsup.options import options_of, resolve
from selfsup.store.weights import read_weights
from selfsup.system import memory
from selfsup.system.imports import is_path
from selfsup.words.formats import REGISTERED as FORMATS, find as find_format
from selfsup.words.formats.folder import VECTORS
from selfsup.words.texts import TextFacts
from selfsup.words.vectors import WordVectors

FROZEN: Mapping[str, type[Method]] = {PRETRAINED: Pretrained}  # methods that nothing is fitted by
OBJECTS = {"module", "function"}  # what stands in a configuration for an option that is no plain value


def load(
    path: str | Path,
    *,
    method: str | type[Method] | None = None,
    given: Mapping[str, Any] | None = None,
    device: str = "cpu",
    verify: bool = True,
) -> Model:
    """Read a run folder, strictly; or word vectors in any file or folder that `selfsup.WordVectors.load` knows, as a model.

    Parameters
    ----------
    path
        The run folder, or the vectors.
    method
        Needed for a method that is not selfsup's own: its class or import path. What a run folder names is never imported,
        so that a folder from a stranger runs no code.
    given
        Options of the method that are no plain values, by name: a module of the same make as the one that was trained
        (its weights are replaced), a penalty of your own (which only its loss needs; codes do without).
    device
        Where the weights go.
    verify
        Compare the files with the digests that were taken when they were written. False: read them as they are.

    Raises
    ------
    RunError
        If a file is missing, has changed since it was written, is damaged, foreign, or does not fit the others.
    OptionError
        If something is given that the run does not ask for.
    """
    folder = store.found(Path(path))
    if _holds_vectors_alone(folder):
        if method is not None or given:
            raise OptionError(f"{folder} holds word vectors alone: they take no method and no options")
        return model_of(WordVectors.load(folder, verify=verify), str(path), device)
    with store.sealed(folder, verify=verify) as config:
        store.check_run(folder, config)
        check_config(folder, config)
        return _read(folder, config, method, given or {}, device)


def _holds_vectors_alone(path: Path) -> bool:
    """Whether these are word vectors, and no run that names its method."""
    if not os.path.isdir(path):
        return os.path.isfile(path)
    config = store.read_json(path, store.CONFIG) if (path / store.CONFIG).is_file() else {}
    if (isinstance(config, dict) and "method" in config) or (path / store.METRICS).is_file():
        return False
    return any(format.folder and format.knows(path, b"") for format in map(find_format, FORMATS))


def _read(
    folder: Path, config: dict[str, Any], method: str | type[Method] | None, given: Mapping[str, Any], device: str
) -> Model:
    """The model that the files of a folder make."""
    made, options, about = _unbuilt(config, folder, method, given)
    check = _no_more_than(folder, about.form)

    def whole() -> Method:
        try:
            ready = build(made, about, config["seed"], check, look=False)
        except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError, RuntimeError) as error:
            raise RunError(f"{folder / store.CONFIG} is damaged: {error}") from error
        besides = None if vectors is None else (ready.words(), vectors.rows(slice(None)))  # type: ignore[operator]
        read_weights(folder, store.WEIGHTS, ready, besides)
        return ready.to(device)

    vectors = WordVectors.load(folder, verify=False) if config.get("words") is True else None
    texts = None if vectors is None else TextFacts.read(folder, len(vectors), vectors.dim)
    evaluation = _evidence(folder) if (folder / store.EVALUATION).exists() else None
    pictures, latent = (
        store.read_arrays(folder, name) if (folder / name).exists() else {} for name in (store.PICTURES, store.LATENT)
    )
    check_latent(folder, latent, config["width"], about.form.size)
    return Model(
        whole if vectors is not None else whole(), about.form, config, _records(folder, learnt=config["training"]["rows"] > 0),
        options=options, evaluation=evaluation, word_vectors=vectors, latent=latent, pictures=pictures,
        texts=texts, folder=folder,
    )  # fmt: skip


def _unbuilt(
    config: Mapping[str, Any], folder: Path, method: str | type[Method] | None, given: Mapping[str, Any]
) -> tuple[Method, dict[str, Any], Facts]:
    """The method as constructed, its options, and what it is built from."""
    name, cls = _trusted(config["method"], method)
    try:
        options: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in config["options"].items()}
        for key, option in options_of(cls).items():
            if option.is_object and isinstance(held := options.get(key), str) and is_path(held):
                options[key] = {"function": held}  # a path that a folder names is not followed
        form = read_form(config["form"], folder)
        own = {key: value for key, value in given.items() if key in options}
        strange = [key for key in given if key not in own and key not in form.takes]
        if strange:
            known = [key for key, option in options_of(cls).items() if option.is_object]
            raise OptionError(unknown("option in given", strange[0], [*known, *form.takes]))
        if len(own) < len(given):
            form = form.with_given({key: value for key, value in given.items() if key not in own})
        about = Facts.from_dict(form, config.get("facts", {}))
        if type(seed := config["seed"]) is not int or not 0 <= seed < 2**32:
            raise DataError(f"the seed must be a whole number from 0 to {2**32 - 1}; got {seed!r}")
        resolved = resolve(cls, options | _given(options, own), f"method '{name}'")
        made = cls(**resolved)
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{folder / store.CONFIG} is not a configuration of selfsup: {error}") from error
    except (DataError, OptionError) as error:
        if given:  # it may be what was given that is wrong
            raise
        raise RunError(f"{folder / store.CONFIG} is damaged: {error}") from error
    return made, resolved, about


def _no_more_than(folder: Path, form: Any) -> Check:
    """Holds a method to the files of its weights, as it is built: what they have not got cannot be read from them.

    Raises
    ------
    RunError
        If they are too small for the form of the data: each channel, column or word has a weight.
    """
    files = [folder / name for name in (store.WEIGHTS, VECTORS)]
    held = sum(file.stat().st_size for file in files if file.is_file())

    def check(size: int, largest: tuple[int, ...]) -> None:
        if size > 2 * held + LARGE:
            told = f"weights of {memory.in_words(size)} and more (one of {' x '.join(f'{side:,}' for side in largest)})"
            raise RunError(
                f"{folder / store.CONFIG} asks for {told}, and the files of weights hold {memory.in_words(held)}"
            )

    check(4 * form.shape[0], form.shape)
    if 4 * form.size > LARGE:  # to ask the control groups takes a tenth of loading a small run
        memory.check(
            4 * form.size, f"{folder / store.CONFIG} is of data of which a single sample would", "it is damaged"
        )
    return check


def _records(folder: Path, *, learnt: bool) -> list[dict[str, Any]]:
    """What was measured before training and after each epoch; of what was not learnt here there may be none."""
    records = store.read_metrics(folder)
    if records or learnt:
        check_records(folder, records)
    return records


def _evidence(folder: Path) -> Evaluation:
    try:
        return Evaluation.from_dict(store.read_json(folder, store.EVALUATION))
    except RunError as error:
        raise RunError(f"{folder / store.EVALUATION} is damaged: {error}") from error


def _trusted(named: str, given: str | type[Method] | None) -> tuple[str, type[Method]]:
    if given is not None:
        name, cls = find(given)
        if name != named and not named.endswith(":" + cls.__qualname__):
            raise RunError(f"this run was made by the method '{named}', not by '{name}'")
        return named, cls
    if named in FROZEN:
        return named, FROZEN[named]
    if named not in REGISTERED:
        raise RunError(
            f"this run was made by '{named}', a method that is not selfsup's own; if you trust it, "
            f"give it: load(path, method='{named}') or --method {named}"
        )
    return find(named)


class Absent:
    """Stands for a function that a run folder names: it is never imported, and is missed only where it is called."""

    def __init__(self, option: str, name: str) -> None:
        self.option, self.__name__ = option, name

    def __call__(self, *_: Any) -> Any:
        """Say how to give it."""
        raise RunError(
            f"this run was trained with {self.__name__} of yours as {self.option}; give it: "
            f"load(path, given={{'{self.option}': ...}})"
        )


def _given(options: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are objects: those given, and stand-ins for functions that are not."""
    needed = {name: value for name, value in options.items() if isinstance(value, dict) and value.keys() & OBJECTS}
    for name in given:
        if name not in needed:
            raise OptionError(f"this run was trained with {name} {options[name]!r}; it takes no {name} of yours")
    found = dict(given)
    for name, value in needed.items():
        if name not in given and "module" in value:
            raise RunError(
                f"this run was trained with your module {value['module']} as {name}; give one: "
                f"load(path, given={{'{name}': ...}})"
            )
        if name not in given:
            found[name] = Absent(name, str(value.get("function")))
    return found
