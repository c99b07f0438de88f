"""The scikit-learn adapter: any method, or a trained model, as a transformer of arrays or of texts."""

from __future__ import annotations

import copy
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import Tensor

from selfsup.data.text.form import TextForm
from selfsup.errors import DataError, OptionError
from selfsup.method import Method, shuffle_gap
from selfsup.methods import find
from selfsup.model.encode import finite
from selfsup.model.load import load
from selfsup.model.model import Model
from selfsup.model.pretrained import model_of
from selfsup.options import options_of
from selfsup.training.fit import fit
from selfsup.words.vectors import WordVectors

SCORED = 4096  # rows in a batch


def _decodes(encoder: Encoder) -> bool:
    return bool(find(encoder.method)[1].decodes())


def _takes_missing(encoder: Encoder) -> bool:
    try:
        return bool(find(encoder.method)[1].takes_missing)
    except OptionError:
        return False  # `fit` says what is wrong with the method's name


def _texts(X: Any) -> list[str]:
    """Texts as a list.

    Raises
    ------
    DataError
        If X is one string, or holds anything but texts.
    """
    rows = [] if isinstance(X, str) else list(X.to_list() if hasattr(X, "to_list") else X)
    if not rows:
        raise DataError("X must be a list of texts, not empty; put a single text in a list")
    for row, text in enumerate(rows):
        if not isinstance(text, str):
            raise DataError(f"X must be a list of texts; row {row} is of type {type(text).__name__}")
    return [str(text) for text in rows]


class Encoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A selfsup method as a scikit-learn transformer of arrays, or of texts where the method learns from these.

    Parameters
    ----------
    method : str or type, default="denoising"
        A word of `selfsup.methods`, an import path, or a class.
    n_components : int, default=None
        Width of the code, for methods that have the option; None is the method's default.
    hidden : tuple of int, default=None
        Widths of the hidden layers, outermost first.
    net : str or torch.nn.Module, default=None
        The network; None is the method's default.
    epochs, batch_size, lr, weight_decay, solver, default=None
        As in `selfsup.fit`.
    device : str, default="auto"
        Where to compute.
    options : dict, default=None
        Further options of the method or of `selfsup.fit`, by name.
    random_state : int, RandomState or None, default=None
        Seed of everything random.
    progress : bool, default=False
        Show progress on standard error.
    model : str, Path, Model or WordVectors, default=None
        A model that is trained already, or where it lies (a run folder, a file of word vectors): `fit` then learns nothing.
    encode : dict, default=None
        Options of `selfsup.Model.encode` by name, such as ``{"weights": "sif", "remove": 1}`` for texts.

    Attributes
    ----------
    model_ : selfsup.Model
        The trained model.
    n_features_in_ : int
        Number of features seen in `fit`; texts have none.
    """

    def __init__(
        self,
        method: Any = "denoising",
        *,
        n_components: int | None = None,
        hidden: tuple[int, ...] | None = None,
        net: Any = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        weight_decay: float | None = None,
        solver: str | None = None,
        device: str = "auto",
        options: dict[str, Any] | None = None,
        random_state: Any = None,
        progress: bool = False,
        model: Any = None,
        encode: dict[str, Any] | None = None,
    ) -> None:
        self.method = method
        self.n_components = n_components
        self.hidden = hidden
        self.net = net
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.solver = solver
        self.device = device
        self.options = options
        self.random_state = random_state
        self.progress = progress
        self.model = model
        self.encode = encode

    def fit(self, X: Any, y: Any = None) -> Encoder:
        """Learn from X (n_samples, n_features), images (n_samples, H, W[, C]) or a list of texts; y is ignored.

        Raises
        ------
        OptionError, DataError
            Both are `ValueError`.
        """
        ready = self._ready()
        if ready is not None:
            self.model_: Model = ready
            self._n_features_out = ready.config["width"]
            self._data(X)
            return self
        X = self._data(X, ensure_min_samples=2)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        asked = {k: getattr(self, k) for k in ("epochs", "batch_size", "lr", "weight_decay", "solver")}
        settings = {name: value for name, value in asked.items() if value is not None}
        self.model_ = fit(
            X, self.method, seed=seed, device=self.device, holdout=0.0, evaluate=False, progress=self.progress,
            **settings, **self._method_options(), **(self.options or {}),
        )  # fmt: skip
        self._n_features_out = self.model_.config["width"]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Codes (n_samples, n_components) of X, in the floating type of X and computed in it; of texts and images float32."""
        X = self._validated(X)
        if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype == np.float64 and not self.encode:
            return self._in_double(X, lambda method, x: method.encode(x))
        codes = self.model_.encode(X, **(self.encode or {}))
        return codes.astype(X.dtype) if isinstance(X, np.ndarray) else codes

    @available_if(_decodes)  # type: ignore[untyped-decorator]
    def inverse_transform(self, Z: Any) -> np.ndarray:
        """Data (n_samples, ...) from codes (n_samples, n_components)."""
        check_is_fitted(self)
        Z = check_array(Z, dtype=[np.float64, np.float32])
        return self.model_.decode(Z).astype(Z.dtype)

    def score_samples(self, X: Any) -> np.ndarray:
        """How normal each sample is, (n_samples,); higher is more normal (see `selfsup.Model.score_samples`)."""
        X = self._validated(X)
        if not isinstance(X, np.ndarray):
            raise OptionError("score_samples is for arrays: how normal a text is, is not measured")
        device = self.model_.device
        scored = self._in_double(X, lambda method, x: method.score(x, torch.Generator(device=device).manual_seed(0)))
        return scored.astype(X.dtype)

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the mean loss of the pretext task on X, with fixed noise: higher is better."""
        X = self._validated(X)
        rows = self.model_.samples(X)
        parts = torch.arange(len(rows)).split(SCORED)
        losses = [shuffle_gap(self.model_.method, rows[part].to(self.model_.device), draws=1)["loss"] for part in parts]
        return -float(np.average(losses, weights=[len(part) for part in parts]))

    def _in_double(self, X: np.ndarray, ask: Callable[[Method, Tensor], Tensor]) -> np.ndarray:
        """What the method says of rows (n_samples, ...), in float64: scikit-learn holds it to 1e-7, whichever rows are beside."""
        method = copy.deepcopy(self.model_.method).double()
        rows, device = self.model_.samples(X), self.model_.device
        with torch.inference_mode():
            parts = torch.arange(len(rows)).split(SCORED)
            found = [ask(method, rows[part].to(device).double()).cpu() for part in parts]
        return finite(torch.cat(found).numpy(), "codes and scores")

    def _validated(self, X: Any) -> Any:
        check_is_fitted(self, "model_")
        return self._data(X, reset=False)

    def _ready(self) -> Model | None:
        """The model that is trained already, where one is given."""
        if isinstance(self.model, WordVectors):
            return model_of(self.model)
        return load(Path(self.model)) if isinstance(self.model, str | PathLike) else self.model

    def _data(self, X: Any, **how: Any) -> Any:
        """Texts as a list; an array as scikit-learn validates it, where missing values (NaN) pass if the method allows."""
        if self._learns_text():
            return _texts(X)
        finite = "allow-nan" if _takes_missing(self) else True  # of images NaN is refused further on
        found = validate_data(self, X, dtype=[np.float64, np.float32], allow_nd=True, ensure_all_finite=finite, **how)
        return np.asarray(found)

    def _learns_text(self) -> bool:
        """Whether samples are texts: by the model that is there, or else by the method."""
        if self.model is not None and hasattr(self, "model_"):
            return isinstance(self.model_.form, TextForm)
        try:
            return self.model is None and TextForm.kind in find(self.method)[1].kinds
        except OptionError:
            return False  # `fit` says what is wrong with the method's name

    def _method_options(self) -> dict[str, Any]:
        """Options that were set, for the method that has them."""
        known = options_of(find(self.method)[1])
        chosen: dict[str, Any] = {}
        for name in ("n_components", "hidden", "net"):
            value = getattr(self, name)
            if name in known and value is not None:
                chosen[name] = tuple(value) if isinstance(value, list) else value
            elif value is not None:
                raise OptionError(f"method '{self.method}' has no option '{name}'")
        return chosen

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.non_deterministic = False
        tags.input_tags.allow_nan = _takes_missing(self)
        tags.input_tags.string = self._learns_text()
        return tags
