"""Running measures on evidence: ours by name, a user's own as a function or the path of one."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from selfsup.errors import OptionError, unknown
from selfsup.measures.registry import REGISTERED
from selfsup.measures.table import Table, wrong
from selfsup.system import imports

if TYPE_CHECKING:
    from torch import Tensor

    from selfsup.words.vectors import WordVectors


Rows = Any  # (n, D): an array, or sparse rows
LABELS = {
    "labels": "classes",
    "numbers": "numbers",
    "several": "several a sample",
}  # need of a measure -> what they are


class Features(NamedTuple):
    """Codes of one encoder, or of one block of it: train (n, D) and test (m, D), float32; arrays, or sparse rows of SciPy."""

    train: Rows
    test: Rows


class Maps(NamedTuple):
    """Maps (B, C, H, W) of one block of an encoder on its device, made when asked for: of rows by their numbers (B,)."""

    train: Callable[[Tensor], Tensor]
    test: Callable[[Tensor], Tensor]


class Columns(NamedTuple):
    """Columns of a table as they are: (n, f) and (m, f) float32, NaN where missing, categories as places; which are such (f,)."""

    train: np.ndarray
    test: np.ndarray
    categories: np.ndarray

    @property
    def width(self) -> int:
        """How many there are."""
        return int(self.train.shape[1])

    def with_codes(self, codes: Features) -> Columns:
        """The same, and codes of the same rows as further columns."""
        train, test = np.hstack([self.train, codes.train]), np.hstack([self.test, codes.test])
        return Columns(train, test, np.append(self.categories, np.zeros(codes.train.shape[1], bool)))


class Attempt(NamedTuple):
    """Classes (m,) that were guessed of the test rows, learnt in some way from one draw of so many labels a class, or of all."""

    way: str
    per_class: int | Literal["all"]
    labels: int
    classes: np.ndarray


class Text(NamedTuple):
    """A text that word vectors come from.

    Attributes
    ----------
    ids
        Words that were learnt from, as places in the vocabulary (N,) int32 with -1 between sentences.
    window
        Words to either side that were neighbours.
    fresh
        (M,) int32, words that were held out; none where there was too little to hold any out.
    """

    ids: np.ndarray
    window: int
    fresh: np.ndarray | None = None


class Patches(NamedTuple):
    """Codes of single patches of images, and where these were cut.

    Attributes
    ----------
    codes
        (encoder, layer) -> (n, D) float32; row i is the same patch for all of them.
    image
        (n,) int64, number of the image.
    place
        (n, 2) middle of the patch as row and column, in sides of the image.
    border
        (n,) int64: that it touches (0 none, 1 above, 2 below, 3 left, 4 right), each as often; -1 of a patch from anywhere.
    phase
        (n, 2) int64, row and column of its corner, modulo 8.
    sizes
        Encoder -> the size in which it was given them, in words.
    """

    codes: Mapping[tuple[str, str], np.ndarray]
    image: np.ndarray
    place: np.ndarray
    border: np.ndarray
    phase: np.ndarray
    sizes: Mapping[str, str] = MappingProxyType({})


class Painted(NamedTuple):
    """Colours of pixels of images, in a and b of Lab.

    Attributes
    ----------
    true
        (n, P, 2) of P pixels of each image.
    guesses
        By whom they were guessed: (n, P, 2), or one colour for all, (2,).
    weights
        (n, P), the larger, the rarer the colour of the pixel is.
    """

    true: np.ndarray
    guesses: Mapping[str, np.ndarray]
    weights: np.ndarray


class Evidence(NamedTuple):
    """All that a measure may look at; what there is not is None.

    Attributes
    ----------
    features
        (encoder, layer) -> codes; row i is the same sample for all of them. The encoder is ``model`` or a baseline.
    y_train, y_test
        Classes (n,) and (m,) of these rows, int64; or numbers, float64, where labels are those; or (n, L) and (m, L) bool,
        where a sample has several.
    pca
        Codes of the same rows by principal component analysis of so many components.
    others
        Codes by one layer of each of the other nets that might have been trained, untrained.
    columns
        Of a table, as they are; of the same rows.
    maps
        (encoder, layer) -> the maps of a block, of the same rows.
    attempts
        At the classes of the test rows, where labels were learnt from.
    words
        Word vectors, the most frequent words first, with their counts.
    text
        That these were learnt from.
    rivals
        Word vectors that they are held against, by name, of the same words or of the first of these.
    kept
        What one measure has found and another may need: not made twice.
    patches
        Codes of single patches, where it matters that these do not give their places away.
    painted
        True and guessed colours, where these are guessed.
    transferred
        Attempts in ways with what was learnt before and without it; their count is of labels in all.
    seed
        Of all that is drawn.
    options
        Of the measures, by name, such as the file of ``analogies``.
    classes
        Names of the classes, in the order of their numbers; none where they have no names.
    named
        Names a test row by its place: a file, the number of a row, the beginning of a text.
    """

    features: Mapping[tuple[str, str], Features] | None = None
    y_train: np.ndarray | None = None
    y_test: np.ndarray | None = None
    pca: Callable[[int], Features] | None = None
    others: Sequence[Callable[[str], Features]] = ()
    columns: Columns | None = None
    maps: Mapping[tuple[str, str], Maps] | None = None
    attempts: Sequence[Attempt] | None = None
    words: WordVectors | None = None
    text: Text | None = None
    rivals: Mapping[str, WordVectors] | None = None
    kept: dict[str, Any] | None = None
    patches: Patches | None = None
    painted: Painted | None = None
    transferred: Sequence[Attempt] | None = None
    seed: int = 0
    options: Mapping[str, Any] = MappingProxyType({})
    classes: Sequence[str] = ()
    named: Callable[[int], str] = str

    def has(self, need: str) -> bool:
        """Whether there is what a measure needs."""
        if need in LABELS:
            there = self.features is not None and self.y_train is not None and self.y_test is not None
            return there and self._kind == need
        return getattr(self, need, None) is not None or self.options.get(need) is not None

    @property
    def _kind(self) -> str:
        """What labels are, as a measure asks for them."""
        labels = np.asarray(self.y_train)
        return "several" if labels.ndim == 2 else "numbers" if labels.dtype.kind == "f" else "labels"


Measure = Callable[[Evidence], Table]


def run(evidence: Evidence, measures: Iterable[str | Measure] | None = None) -> list[Table]:
    """Take the measures, each a table.

    Parameters
    ----------
    evidence
        What they may look at.
    measures
        Names of ours, functions of `Evidence` that give a `Table`, or paths of such (``FILE.py:function``); None: all of ours
        that have what they need, but for the costly ones.

    Raises
    ------
    OptionError
        If there is no such measure, it lacks what it needs, or a user's own gives anything but a table of flat rows.
    """
    if measures is None:
        measures = [
            name
            for name, entry in REGISTERED.items()
            if entry.measure and not entry.costly and all(map(evidence.has, entry.needs))
        ]
    return [_ours(name, evidence) if name in REGISTERED else _own(name, evidence) for name in measures]


def _ours(name: Any, evidence: Evidence) -> Table:
    entry = REGISTERED[name]
    if not entry.measure:
        raise OptionError(f"the table '{name}' is made with others, and no measure of its own")
    for need in entry.needs:
        if not evidence.has(need):
            if need in LABELS and any(map(evidence.has, LABELS)):
                raise OptionError(
                    f"the measure '{name}' needs labels that are {LABELS[need]}; see the option 'labels_are'"
                )
            raise OptionError(f"the measure '{name}' needs {need}, and these data or options have none")
    module, _, function = entry.measure.partition(":")
    found: Table = getattr(importlib.import_module(module), function)(evidence)
    return found


def _own(measure: Any, evidence: Evidence) -> Table:
    """The table of a user's own measure, with numpy's numbers as Python's; what is not finite is None."""
    if isinstance(measure, str) and not imports.is_path(measure):
        raise OptionError(unknown("measure", measure, REGISTERED) + " (one of your own: 'FILE.py:function')")
    function: Any = imports.find(measure, "measure") if isinstance(measure, str) else measure
    if not callable(function):
        raise OptionError(f"a measure is a function of Evidence that gives a Table; got {type(function).__name__}")
    name = getattr(function, "__name__", str(measure))
    found = function(evidence)
    if not isinstance(found, Table):
        raise OptionError(f"the measure '{name}' must give a Table; got {type(found).__name__}")
    if found.name in REGISTERED:
        raise OptionError(
            f"the measure '{name}' gives a table named '{found.name}', which is one of ours: name it anew"
        )
    table = replace(found, rows=[{str(key): _plain(value) for key, value in row.items()} for row in found.rows])
    if said := wrong(table):
        raise OptionError(f"the measure '{name}': {said}")
    return table


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
