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
from selfsup.data import Dataset, Intake, fill, open_data, to_frame
from selfsup.errors import DataError, OptionError, RunError
from selfsup.measures import Evaluation
from selfsup.method import Method, Samples, Spec
from selfsup.model.latent import between, draw, one, sweep
from selfsup.report import card, page
from selfsup.store.weights import named_tensors
from selfsup.system.files import write_bytes

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
    codes : dict
        ``mean`` (D,) and ``covariance`` (D, D) of the training part's codes (a very wide code: ``std`` (D,)).
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
        codes: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self.method, self.intake, self.config = method.eval(), intake, config
        self.start, self.history = (records[0] if records else {}), records[1:]
        self.evaluation, self.pictures, self.folder = evaluation, dict(pictures or {}), folder
        self.codes = dict(codes or {})

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

    def reconstruct(self, data: Any) -> Any:
        """Decode the codes of the data, in the data's shape and units.

        Returns
        -------
        ndarray or DataFrame
            (n, ...) float32; of a table with column names a pandas frame, its booleans and categories decided.
        """
        dataset = self.open(data, progress=False)
        return self._as_given(data, self._rebuilt(dataset))

    def impute(self, data: Any) -> Any:
        """The data with what is missing filled in from the reconstruction; the rest as it is."""
        dataset = self.open(data, progress=False)
        return self._as_given(data, fill(self.intake, dataset.x, self._rebuilt(dataset)))

    def _rebuilt(self, dataset: Dataset) -> np.ndarray:
        codes = encode_batches(lambda x: {"code": self.method.encode(x)}, dataset.samples(), self.device)
        return self.decode(codes["code"])

    def _as_given(self, data: Any, x: np.ndarray) -> Any:
        """A frame where a table was given, by name or as one; an array otherwise."""
        array = isinstance(data, np.ndarray | Tensor | list | tuple) or self.intake.columns is None
        return x if array else to_frame(self.intake, x)

    def score_samples(self, data: Any, draws: int | None = None, seed: int = 0) -> np.ndarray:
        """How normal each sample is, (n,) float32: higher is more normal, as in scikit-learn.

        For `linear` the log-likelihood of probabilistic PCA, for `variational` an importance-weighted bound of the
        log-likelihood, for the other auto-encoders minus the reconstruction error; for any other method minus its loss.

        Parameters
        ----------
        data
            Anything `encode` takes.
        draws
            How often what is random is drawn; None is the method's default.
        seed
            Of what is random; the same noise serves every batch.
        """
        if draws is not None and draws < 1:
            raise OptionError(f"option 'draws' must be at least 1; got {draws}")
        device = self.device

        def scored(x: Tensor) -> dict[str, Tensor]:
            return {"score": self.method.score(x, torch.Generator(device=device).manual_seed(seed), draws)[:, None]}

        return self._run(data, scored)["score"][:, 0]

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """New samples (n, ...) in the data's units: from the method's own distribution, or a Gaussian fitted to its codes."""
        if n < 1:
            raise OptionError(f"option 'n' must be at least 1; got {n}")
        rng = torch.Generator(device=self.device).manual_seed(seed)
        with torch.inference_mode():
            return self.intake.to_units(draw(self.method, self.codes, n, rng).cpu().numpy())

    def interpolate(self, a: Any, b: Any, n: int = 8) -> np.ndarray:
        """Decode n codes on the straight line from one sample's code to another's: (n, ...), both ends included."""
        ends = [one(self.encode(end), name) for end, name in ((a, "a"), (b, "b"))]
        return self.decode(between(ends[0], ends[1], n))

    def traverse(self, unit: int, n: int = 8, at: Any = None) -> np.ndarray:
        """Decode n codes in which one unit goes from low to high: (n, ...).

        Parameters
        ----------
        unit
            Of the code, from 0.
        at
            A sample whose code the other units keep; by default they stay at their means.
        """
        self.needs_codes()
        return self.decode(sweep(self.codes, unit, n, None if at is None else one(self.encode(at), "at")))

    def needs_codes(self) -> None:
        """Raise an error if the way back, or the codes' statistics, are missing."""
        if not self.method.decodes():
            self.method.decode(torch.zeros(1, 1))
        if "mean" not in self.codes:
            raise RunError("this run has no statistics of its codes (codes.safetensors): train it anew")

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
        dataset = open_data(data, like=self.intake, **options)
        if not self.method.takes_missing and dataset.x.ndim == 2 and np.isnan(dataset.x.sum(dtype=np.float64)):
            raise DataError(f"{dataset.missing_words()}, and {type(self.method).__name__} needs them all: fill them in")
        return dataset

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
        if self.codes:
            store.write_arrays(folder / store.CODES, self.codes)
        evidence = self.evaluation.to_dict() if self.evaluation else None
        if evidence:
            store.write_json(folder / store.EVALUATION, evidence)
        store.write_text(folder / store.CARD, card(self.config, evidence, [self.start, *self.history]))
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
    """Options as they stand in ``config.json``; a module or a function is named, since neither is saved."""

    def module_of(value: Any) -> str:
        return getattr(value, "__module__", None) or type(value).__module__  # str.split, say, has none

    def plain(value: Any) -> Any:
        if isinstance(value, nn.Module):
            return {"module": f"{type(value).__module__}:{type(value).__qualname__}"}
        if callable(value):
            return {"function": f"{module_of(value)}:{getattr(value, '__qualname__', type(value).__qualname__)}"}
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
