"""What a trained method is held against, of the same rows: the data, PCA, colours alone, nets that learnt nothing."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.data.facts import Covariance
from selfsup.data.form import Field
from selfsup.measures.run import Columns, Features
from selfsup.measures.samples import boosting
from selfsup.measures.samples.components import Components, histogram
from selfsup.method import About, Method
from selfsup.methods.autoencoder.base import scaling
from selfsup.model.encode import build, codes_of, encode_batches, rows_at_once
from selfsup.nets import Standardize
from selfsup.system.progress import roughly

FEWEST, JUDGED, BYTES = 4, 2_000, 1 << 28  # rows that what is rebuilt is judged on, and what they may take
# Untrained, from as many seeds: two of them differ by more than a point as often as not. How far they do is known the better the
# more there are, and of few rows they cost next to nothing: so many as see this many rows together, but three at least.
FEWEST_NETS, NETS, TOGETHER = 3, 8, 8_000


class Units:
    """What "raw input" and PCA are given: tables standardised by column as models' input is, images as they are.

    Columns of a table have units of their own, and anybody would standardise them first: a lead that is owed to that alone is
    none. The pixels of an image share one unit; each by itself in standard units would be mostly the noise of its corners.

    Parameters
    ----------
    part
        Whose moments are taken: all rows that are trained on, with a label or without.
    """

    def __init__(self, part: Any, device: torch.device) -> None:
        self.scale: nn.Module | None = None
        if len(part.form.shape) == 1:
            moments = part.fact("moments")
            self.scale = scaling(part.form, moments).to(device)
            self.blank: Tensor = self.scale(
                torch.from_numpy(moments.mean).to(device)[None]
            )  # stands in for a missing value

    def raw(self, x: Tensor) -> dict[str, Tensor]:
        """Rows (B, d) of samples (B, ...), whole."""
        rows = self.known(x)
        return {"raw": rows if self.scale is None else torch.where(rows.isnan(), self.blank, rows)}

    def known(self, x: Tensor) -> Tensor:
        """The same rows, with NaN where a value is missing."""
        rows: Tensor = x.flatten(1) if self.scale is None else self.scale(x)
        return rows

    @property
    def notes(self) -> list[str]:
        """What a reader should know of it."""
        return ["raw input and PCA are standardised by column"] if isinstance(self.scale, Standardize) else []


class Known(NamedTuple):
    """What is known of all rows that were learnt from: the units of their values, and their principal components."""

    units: Units
    components: Components

    @classmethod
    def of(cls, part: Any, device: torch.device) -> Known:
        """Of a part; the components are found when they are first asked for."""
        units = Units(part, device)
        return cls(units, components(part, units, device))


def components(part: Any, units: Units, device: torch.device) -> Components:
    """PCA of all rows of a part, with labels or without; of a source that was read in chunks, of all its rows."""
    samples = part.rows()

    def chunks() -> Iterator[Tensor]:
        with torch.no_grad():
            for rows in torch.arange(len(samples)).split(8 * rows_at_once(samples[:1])):
                yield units.raw(samples[rows].to(device))["raw"].cpu()

    known: Covariance | None = part.data.known.get("covariance")
    if known is not None and isinstance(units.scale, Standardize):
        mean, std = (one.flatten().cpu() for one in (units.scale.mean, units.scale.std))
        known = known.scaled(std)
        known.mean = known.mean - (mean / std).to(known.mean)
    return Components(chunks, part.data.learnt(len(samples)), math.prod(part.form.shape), known)


class Beside:
    """Codes of the baselines, of the rows that probes are trained on and of those that they are tested on.

    Parameters
    ----------
    known
        Of all rows that were learnt from, with labels or without.
    learnt, test
        Of these rows.
    """

    def __init__(self, known: Known, learnt: Any, test: Any, device: torch.device) -> None:
        self.parts, self.device = (learnt, test), device
        self.units, self.components = known
        self.raw = self._encoded(self.units.raw)["raw"]

    def pca(self, width: int) -> Features:
        """Codes by so many components."""
        return Features(*(self.components.codes(rows, width) for rows in self.raw))

    def features(self, untrained: Method, width: int) -> dict[tuple[str, str], Features]:
        """Raw input, PCA of a width, of images in colour their histograms, and every block of the untrained network."""
        found = {("raw input", ""): self.raw, ("PCA", ""): self.pca(width)}
        form = self.parts[0].form
        if len(form.shape) == 3 and form.shape[0] == 3:
            found["colour histogram", ""] = self._encoded(lambda x: {"colours": histogram(x)})["colours"]
        return found | {("random init", layer): codes for layer, codes in self.layers(untrained).items()}

    def layers(self, method: Method) -> dict[str, Features]:
        """Codes by every block of a network."""
        method = method.to(self.device).eval()
        train, test = (encode_batches(method.layers, method.view(part), self.device) for part in self.parts)
        return {layer: Features(codes, test[layer]) for layer, codes in train.items()}

    def others(self, again: Sequence[Callable[[], Method]]) -> Sequence[Callable[[str], Features]]:
        """Codes by one block of each of the networks, of some of many rows; each is built when it is first asked for."""
        nets = max(FEWEST_NETS, TOGETHER // max(1, sum(map(len, self.parts))))
        return [_Once(self.layers, make) for make in again[: nets - 1]]

    def columns(self, width: int, notes: list[str]) -> Columns | None:
        """The columns of a table as they are, for boosting; None where there are none, or it would take long, which is noted.

        Parameters
        ----------
        width
            Of the codes that are columns too, once.
        """
        learnt, test = self.parts
        if len(learnt.form.shape) != 1:
            return None
        (train, categories), (other, _) = (
            columns_of(part.form.fields, part.rows()[:].numpy()) for part in (learnt, test)
        )
        wide, trees = train.shape[1], boosting.classes_of(learnt.labels)
        took = sum(boosting.seconds(len(learnt), columns, trees) for columns in (wide, wide + width))
        if took > boosting.LONG:
            several = learnt.labels.ndim == 2
            told = f"{trees:,} labels" if several else f"{len(np.unique(learnt.labels)):,} classes"
            notes.append(
                f"gradient boosting on the columns was left out: of {wide:,} columns, {width:,} codes and "
                f"{told} it takes about {roughly(took)}"
            )
            return None
        return Columns(train, other, categories)

    def _encoded(self, function: Callable[[Tensor], dict[str, Tensor]]) -> dict[str, Features]:
        train, test = (encode_batches(function, part.rows(), self.device) for part in self.parts)
        return {name: Features(codes, test[name]) for name, codes in train.items()}


class _Once:
    """Codes of one network by its layers, which are made once, when the first is asked for."""

    def __init__(self, layers: Callable[[Method], dict[str, Features]], make: Callable[[], Method]) -> None:
        self._made = cache(lambda: layers(make()))

    def __call__(self, layer: str) -> Features:
        return self._made()[layer]


def columns_of(fields: Sequence[Field] | None, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The columns of a table (n, f) float32, and which of them are categories (f,).

    Parameters
    ----------
    fields
        None where every value is a number.
    x
        (n, d) float32, with a value for each category of a column, NaN where it is missing.
    """
    if fields is None:
        return x, np.zeros(x.shape[1], bool)
    columns, first = [], 0
    for field in fields:
        part = x[:, first : first + field.width]
        first += field.width
        if field.kind == "category":
            missing = np.isnan(part).any(1)
            part = np.where(missing, np.nan, np.where(missing[:, None], 0, part).argmax(1))[:, None]
        columns.append(part.astype(np.float32))
    few = [field.kind == "category" and field.width <= boosting.BINS for field in fields]
    return np.hstack(columns), np.asarray(few)


def rebuilt(method: Method, known: Known, learnt: Any, test: Any, device: torch.device) -> dict[str, float]:
    """How much of the test rows a method leaves unexplained, beside PCA of the same width; empty where it has no way back.

    Parameters
    ----------
    known
        Of the rows learnt from.
    learnt, test
        PCA is fitted on the one; where both are the same rows, on half of them, and both are judged on the other half.

    Returns
    -------
    dict
        ``unexplained`` and ``unexplained_pca``: squared error over the values that are there, beside their squared distance from
        the mean (0 is perfect, 1 the mean), in standard units by column of a table; ``unexplained_lead_error``, the standard
        error of the difference, paired over rows; ``values`` in a sample.
    """
    values = {"values": float(math.prod(learnt.form.shape))}
    if not type(method).decodes() or len(test) < FEWEST:
        return values
    if learnt.data is test.data and np.array_equal(learnt.numbers, test.numbers):
        order = np.random.default_rng(0).permutation(len(test))
        learnt, test = (test.part(np.sort(part)) for part in np.array_split(order, 2))
        known = Known.of(learnt, device)
    units = known.units
    most = max(FEWEST, min(JUDGED, BYTES // (4 * int(values["values"]))))
    test = test.some(most, np.random.default_rng(0))

    def both(x: Tensor) -> dict[str, Tensor]:
        made = units.known(method.decode(method.encode(x)))
        return {"x": units.raw(x)["raw"], "made": made, "there": ~units.known(x).isnan()}

    method = method.to(device).eval()
    width = codes_of(method, test.rows(), device, torch.arange(1)).shape[1]
    found = encode_batches(both, test.rows(), device)
    x, there = found["x"], found["there"] > 0
    spread = float(np.square(x - x.mean(0), where=there, out=np.zeros_like(x)).sum(dtype=np.float64))
    if spread <= 0:
        return values
    guesses = found["made"], known.components.rebuilt(x, width)
    ours, pca = (np.square(x - made, where=there, out=np.zeros_like(x)).sum(1, dtype=np.float64) for made in guesses)
    apart = pca - ours
    return values | {
        "unexplained": float(ours.sum() / spread),
        "unexplained_pca": float(pca.sum() / spread),
        "unexplained_lead_error": float(math.sqrt(len(apart)) * apart.std(ddof=1) / spread),
    }


def another(untrained: Method, fresh: Callable[[], Method], about: About, seed: int) -> Method:
    """A network as it might have been before training: the same options and data, another seed.

    Where the method has weights before it is built (one of its options is a module, which may be the one that was trained), those
    of a copy are drawn again.
    """
    method = fresh()
    if next(method.parameters(), None) is not None:
        return drawn_again(untrained, seed)
    return build(method, about, seed)


def drawn_again(method: Method, seed: int) -> Method:
    """A copy whose modules have drawn their weights again."""
    method = copy.deepcopy(method)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for module in method.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
    return method
