"""Reading a run folder, strictly: nothing that it names is imported, nothing is unpickled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from selfsup import store
from selfsup.data import Intake
from selfsup.errors import DataError, OptionError, RunError
from selfsup.measures import Evaluation
from selfsup.method import Method, Moments, Spec
from selfsup.methods import REGISTERED, find
from selfsup.model.model import Model, build
from selfsup.options import resolve
from selfsup.store.weights import set_tensors


def load(
    path: str | Path,
    *,
    method: str | type[Method] | None = None,
    net: nn.Module | None = None,
    omega: Callable[..., Tensor] | None = None,
    device: str = "cpu",
) -> Model:
    """Read a run folder, strictly.

    Parameters
    ----------
    path
        The run folder.
    method
        Needed for a method that is not selfsup's own: its class or import path. What a run folder names is never imported,
        so that a folder from a stranger runs no code.
    net
        Needed where the model was trained with a module of yours as net: a module of the same make; its weights are replaced.
    omega
        A penalty of your own that the model was trained with: only its loss needs it, codes and scores do not.
    device
        Where the weights go.

    Raises
    ------
    RunError
        If a file is missing, damaged, foreign, or does not fit the others.
    """
    folder = Path(path)
    config = store.read_json(folder, store.CONFIG)
    if not isinstance(config, dict) or not isinstance(config.get("method"), str):
        raise RunError(f"{folder / store.CONFIG} is not a configuration of selfsup: it names no method")
    name, cls = _trusted(config["method"], method)
    try:
        options = {key: tuple(v) if isinstance(v, list) else v for key, v in config["options"].items()}
        options |= _given_net(options, net) | _given_omega(options, omega)
        intake = Intake.from_dict(config["intake"])
        spec = intake_spec(intake, config)
        made = build(cls, resolve(cls, options, f"method '{name}'"), spec, config["seed"])
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{folder / store.CONFIG} is not a configuration of selfsup: {error}") from error
    except (DataError, OptionError) as error:
        raise RunError(f"{folder / store.CONFIG} is damaged: {error}") from error
    _load_weights(made, folder)
    pictures = store.read_arrays(folder, store.PICTURES) if (folder / store.PICTURES).exists() else {}
    codes = store.read_arrays(folder, store.CODES) if (folder / store.CODES).exists() else {}
    return Model(made.to(device), intake, config, _records(folder), _evidence(folder), pictures, folder, codes)


def _records(folder: Path) -> list[dict[str, Any]]:
    """What was measured before training and after each epoch."""
    records, wanted = store.read_metrics(folder), {"epoch", "heldout", "gap"}
    if not records or not all(isinstance(record, dict) and wanted <= record.keys() for record in records):
        raise RunError(
            f"{folder / store.METRICS} is damaged: each line must be a record of {', '.join(sorted(wanted))}"
        )
    return records


def _evidence(folder: Path) -> Evaluation | None:
    if not (folder / store.EVALUATION).exists():
        return None
    saved = store.read_json(folder, store.EVALUATION)
    try:
        return Evaluation.from_dict(saved)
    except RunError as error:
        raise RunError(f"{folder / store.EVALUATION} is damaged: {error}") from error


def intake_spec(intake: Intake, config: Mapping[str, Any]) -> Spec:
    """What a method may know when a saved model is made again: shapes, columns, and the moments it asked for."""
    return Spec(tuple(intake.shape), intake.kind, saved_moments(config), fields=intake.fields, missing=intake.missing)


def saved_moments(config: Mapping[str, Any]) -> Callable[[], Moments] | None:
    """Moments that the method asked for in training, from the configuration."""
    kept = config.get("moments")
    if kept is None:
        return None
    mean, std = (np.asarray(kept[key], np.float32) for key in ("mean", "std"))
    return lambda: Moments(mean, std, bool(kept["unit"]))


def _trusted(named: str, given: str | type[Method] | None) -> tuple[str, type[Method]]:
    if given is not None:
        name, cls = find(given)
        if name != named and not named.endswith(":" + cls.__qualname__):
            raise RunError(f"this run was made by the method '{named}', not by '{name}'")
        return named, cls
    if named not in REGISTERED:
        raise RunError(
            f"this run was made by '{named}', a method that is not selfsup's own; if you trust it, "
            f"give it: load(path, method='{named}') or --method {named}"
        )
    return find(named)


def _given_net(options: Mapping[str, Any], net: nn.Module | None) -> dict[str, Any]:
    named = options.get("net")
    if isinstance(named, dict):
        if net is None:
            raise RunError(
                f"this run was trained with your module {named['module']} as net; give one: load(path, net=...)"
            )
        return {"net": net}
    if net is not None:
        raise RunError(f"this run was trained with net {named!r}; it takes no net of yours")
    return {}


class Absent:
    """Stands for a penalty that a run folder names: it is never imported, and is missed only when a loss is computed."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *_: Any) -> Tensor:
        """Say how to give it."""
        raise RunError(
            f"this run was trained with the penalty {self.__name__} of yours; give it: load(path, omega=...)"
        )


def _given_omega(options: Mapping[str, Any], omega: Callable[..., Tensor] | None) -> dict[str, Any]:
    named = options.get("omega")
    if isinstance(named, dict) or (isinstance(named, str) and ":" in named):
        return {"omega": omega or Absent(named["function"] if isinstance(named, dict) else named)}
    return {}


def _load_weights(method: Method, folder: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load as parse

    try:
        state = parse(store.read_bytes(folder, store.WEIGHTS))
    except SafetensorError as error:
        raise RunError(f"{folder / store.WEIGHTS} is damaged or truncated: {error}") from error
    try:
        set_tensors(method, state)
    except RunError as error:
        raise RunError(f"{folder / store.WEIGHTS} does not belong to this configuration: {error}") from error
