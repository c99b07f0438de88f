"""A trained model: codes for any data of the kind it learnt from, and the run folder it is saved in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from selfsup import store
from selfsup.data import Dataset, Intake, open_data
from selfsup.errors import DataError, OptionError, RunError
from selfsup.evaluation import Evaluation
from selfsup.files import write_bytes
from selfsup.method import Method, Moments, Samples, Spec
from selfsup.methods import REGISTERED, find
from selfsup.options import resolve
from selfsup.report import card, page
from selfsup.weights import named_tensors, set_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence

BATCH = 1024  # rows encoded at once: the same for every call, so that equal rows give equal bits


class Model:
    """What `selfsup.fit` returns and `selfsup.load` reads.

    Attributes
    ----------
    method : Method
        The trained module.
    config : dict
        Everything that was decided: method, options, training settings, seed, data, versions.
    history : list of dict
        One record an epoch: ``loss``, its ``terms``, ``heldout`` loss, ``gap``, ``seconds``, and more.
    start : dict
        The record from before training (epoch 0).
    evaluation : Evaluation or None
        The evidence that was gathered by `fit`.
    folder : Path or None
        The run folder, where there is one.
    """

    def __init__(
        self,
        method: Method,
        intake: Intake,
        config: dict[str, Any],
        records: list[dict[str, Any]],
        evaluation: Evaluation | None = None,
        pictures: Mapping[str, np.ndarray] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.method, self.intake, self.config = method.eval(), intake, config
        self.start, self.history = (records[0] if records else {}), records[1:]
        self.evaluation, self.pictures, self.folder = evaluation, dict(pictures or {}), folder

    def __repr__(self) -> str:
        data = self.config["data"]
        return (
            f"<selfsup.Model {self.config['method']}, {data['description']}, {self.config['parameters']:,} parameters>"
        )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        tensors = [*self.method.parameters(), *self.method.buffers()]
        return tensors[0].device if tensors else torch.device("cpu")

    def encode(self, data: Any) -> np.ndarray:
        """Codes of the data.

        Parameters
        ----------
        data
            Anything `fit` takes, of the kind and shape the model learnt from.

        Returns
        -------
        ndarray
            (n, D) float32, a row for each row or file, in their order.

        Raises
        ------
        DataError
            If the data do not fit the model, or a code is not finite.
        """
        return self._run(data, lambda x: {"code": self.method.encode(x)})["code"]

    def layers(self, data: Any) -> dict[str, np.ndarray]:
        """Codes (n, D_block) float32 of every block that the method names."""
        return self._run(data, self.method.layers)

    def reconstruct(self, data: Any) -> np.ndarray:
        """Decode the codes of the data: an array of the data's shape, in the data's units."""
        return self.decode(self.encode(data))

    def decode(self, z: np.ndarray | Tensor | Sequence[Any]) -> np.ndarray:
        """Data from codes, where the method has a way back.

        Parameters
        ----------
        z
            Codes (n, D).

        Returns
        -------
        ndarray
            (n, ...) float32 in the units of the training data; images are (n, C, H, W).

        Raises
        ------
        OptionError
            If the method has no decoder.
        DataError
            If the codes are not of the width that `encode` gives.
        """
        codes = torch.as_tensor(np.asarray(z), dtype=torch.float32)
        width = self.config["width"]
        if codes.ndim != 2 or codes.shape[1] != width:
            raise DataError(f"decode takes codes of shape (n, {width}); got {tuple(codes.shape)}")
        with torch.inference_mode():
            parts = [self.method.decode(part.to(self.device)).cpu() for part in codes.split(BATCH)]
        return self.intake.to_units(torch.cat(parts).numpy())

    def open(self, data: Any, **options: Any) -> Dataset:
        """Open data the way this model takes them (sizes, channels, columns, scale)."""
        return open_data(data, like=self.intake, **options)

    def encode_rows(self, samples: Samples, rows: Tensor | None = None) -> dict[str, np.ndarray]:
        """Codes of every block, for rows that are already in memory."""
        return encode_batches(self.method.layers, samples, self.device, rows)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a run folder: complete, or not at all.

        Raises
        ------
        RunError
            If the folder exists (and `overwrite` is not set), or cannot be written.
        """
        out = Path(path)
        folder = store.claim(out, overwrite=overwrite, resume=False)
        self.write(folder)
        store.complete(out)
        self.folder = out
        return out

    def write(self, folder: Path) -> None:
        """Write every file of a run folder into a folder that exists."""
        from safetensors.torch import save

        state = {name: tensor.cpu().contiguous() for name, tensor in named_tensors(self.method).items()}
        write_bytes(folder / store.WEIGHTS, save(state))
        store.write_lines(folder / store.METRICS, [self.start, *self.history])
        if self.pictures:
            store.write_arrays(folder / store.PICTURES, self.pictures)
        evidence = self.evaluation.to_dict() if self.evaluation else None
        if evidence:
            store.write_json(folder / store.EVALUATION, evidence)
        store.write_text(folder / store.CARD, card(self.config, evidence, self.history))
        store.write_json(folder / store.CONFIG, self.config)
        store.write_text(folder / store.REPORT, page(folder))

    def _run(self, data: Any, function: Callable[[Tensor], dict[str, Tensor]]) -> dict[str, np.ndarray]:
        dataset = self.open(data, progress=False)
        return encode_batches(function, dataset.samples(), self.device)


def encode_batches(
    function: Callable[[Tensor], dict[str, Tensor]], samples: Samples, device: torch.device, rows: Tensor | None = None
) -> dict[str, np.ndarray]:
    """Run a function of a batch over all rows: arrays (n, D) float32 by name.

    Raises
    ------
    DataError
        If a code is not finite.
    """
    rows = torch.arange(len(samples)) if rows is None else rows
    parts: dict[str, list[Tensor]] = {}
    with torch.inference_mode():
        for some in rows.split(BATCH):
            for name, codes in function(samples[some].to(device)).items():
                parts.setdefault(name, []).append(codes.float().cpu())
    found = {name: torch.cat(codes).numpy() for name, codes in parts.items()}
    for name, array in found.items():
        if not np.isfinite(array.sum(dtype=np.float64)):
            raise DataError(
                f"codes of '{name}' are not finite: the weights have diverged, or the input is out of range"
            )
    return found


def jsonable(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they stand in ``config.json``; a module is named, since only its weights are saved."""

    def plain(value: Any) -> Any:
        if isinstance(value, nn.Module):
            return {"module": f"{type(value).__module__}:{type(value).__qualname__}"}
        return list(value) if isinstance(value, tuple) else value

    named = {name: plain(value) for name, value in options.items()}
    try:
        json.dumps(named, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise OptionError(f"a method's options must be numbers, words, lists or a net: {error}") from error
    return named


def build(method: type[Method], options: Mapping[str, Any], spec: Spec, seed: int) -> Method:
    """Construct and build a method; the weights depend on the seed alone."""
    made = method(**options)
    if spec.kind not in made.kinds:
        raise OptionError(f"{method.__name__} learns from {' and '.join(made.kinds)}s; these data are {spec.kind}s")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made.build(spec)
    return made


def load(
    path: str | Path, *, method: str | type[Method] | None = None, net: nn.Module | None = None, device: str = "cpu"
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
        options |= _given_net(options, net)
        intake = Intake.from_dict(config["intake"])
        spec = Spec(tuple(intake.shape), intake.kind, saved_moments(config))
        made = build(cls, resolve(cls, options, f"method '{name}'"), spec, config["seed"])
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{folder / store.CONFIG} is not a configuration of selfsup: {error}") from error
    except (DataError, OptionError) as error:
        raise RunError(f"{folder / store.CONFIG} is damaged: {error}") from error
    _load_weights(made, folder)
    pictures = store.read_arrays(folder, store.PICTURES) if (folder / store.PICTURES).exists() else {}
    return Model(made.to(device), intake, config, _records(folder), _evidence(folder), pictures, folder)


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
