"""What a training of word vectors is decided by, what it changes, and the memory it takes: the settings and the two tables."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from selfsup.errors import DataError, OptionError

if TYPE_CHECKING:
    from selfsup.solvers.kernels.draws import Tables

Floats = npt.NDArray[np.float32]
Report = Callable[[int, int, int], None]

LR, EPOCHS = 0.05, 5  # by default
SPARE = 16  # rows after the last word's that take the writes meant for nobody; they stay zero
HOT, HOT_IN_ALL = (
    8 << 20,
    64 << 20,
)  # bytes of a table, its most frequent words, that a thread has copies of; and all threads
HUGE = 1e6  # no vector of a training that goes well comes near
FLOAT = 4  # bytes


@dataclass(frozen=True)
class WordPlan:
    """The resolved settings of word vectors: everything that decides what given ids become."""

    dim: int
    window: int = 5
    negative: int = 5
    sample: float = 1e-4  # 0: every word is kept
    epochs: int = EPOCHS
    lr: float = LR
    threads: int = 1
    seed: int = 0
    deterministic: bool = False
    architecture: Literal["skipgram", "cbow"] = "skipgram"
    objective: Literal["negative", "hierarchical"] = "negative"
    fixed_window: bool = False
    exponent: float = 0.75

    def __post_init__(self) -> None:
        for name in ("dim", "window", "negative", "epochs", "threads"):  # a kernel without bounds checks relies on it
            if getattr(self, name) < 1:
                raise OptionError(f"{name} must be at least 1, not {getattr(self, name)}")


@dataclass
class WordState:
    """The two tables, and how far training has come.

    `tables` are (V + extra + SPARE, pitch) and (V + SPARE, pitch) float32 whose rows start on a cache line: `dim` columns, then
    zeros that stay zero. Rows of threads' own may follow.
    """

    tables: list[Floats]
    words: int
    dim: int
    extra: int = 0  # rows of the input table after the words': those of n-grams
    done: int = 0  # position among the ids of all epochs
    kept: int = 0  # words learned from, after subsampling
    drawn: tuple[npt.NDArray[np.int64], Any, Tables] | None = None  # counts, settings: the draws of the last call

    @property
    def input(self) -> Floats:
        """(V + extra, dim) the vectors of words; where words are bags, the rows that theirs are means of."""
        return self.tables[0][: self.words + self.extra, : self.dim]

    @property
    def output(self) -> Floats:
        """(V, dim) the vectors of words as targets, or of the V - 1 inner nodes of the tree and a row of zeros."""
        return self.tables[1][: self.words, : self.dim]

    def extend(self, input: int, output: int) -> None:
        """Make sure of room for so many rows behind the tables; memory that is never touched is never taken."""
        for k, rows in enumerate((input, output)):
            used = self.words + SPARE + (self.extra if k == 0 else 0)
            if len(self.tables[k]) < used + rows:
                large = _aligned(used + rows, self.dim)
                large[:used] = self.tables[k][:used]
                self.tables[k] = large

    @classmethod
    def start(cls, words: int, dim: int, seed: int = 0, extra: int = 0) -> WordState:
        """As word2vec starts: words, and extra rows, uniform in +-1 / (2 dim), targets 0."""
        state = cls._zeros(words, dim, extra)
        rng = np.random.default_rng(seed)
        for first in range(0, words + extra, 65536):  # a part at a time: the table is not in memory twice
            part = state.input[first : first + 65536]
            part[...] = (rng.random(part.shape, dtype=np.float32) - np.float32(0.5)) / np.float32(dim)
        return state

    @classmethod
    def of(cls, input: npt.ArrayLike, output: npt.ArrayLike, done: int = 0, kept: int = 0) -> WordState:
        """Copy vectors of words (V + extra, dim) and targets (V, dim): to resume, or to start from earlier ones (`done` 0)."""
        given = np.asarray(input, np.float32), np.asarray(output, np.float32)
        if given[0].ndim != 2 or given[0].shape[1:] != given[1].shape[1:] or len(given[0]) < len(given[1]):
            raise DataError(f"input and output must both be (words, dim), not {given[0].shape} and {given[1].shape}")
        words, dim = given[1].shape
        state = cls._zeros(words, dim, len(given[0]) - words)
        state.done, state.kept = done, kept
        state.input[...], state.output[...] = given
        return state

    @classmethod
    def _zeros(cls, words: int, dim: int, extra: int) -> WordState:
        """Tables with room for the copies of every core's thread: to move them later takes a second table of memory."""
        threads = os.cpu_count() or 1
        room = 2 * threads * hot_rows(threads, _pitch(dim))
        rows = words + extra + SPARE, words + SPARE
        return cls([_aligned(most + room, dim) for most in rows], words, dim, extra)


def hot_rows(threads: int, pitch: int) -> int:
    """How many of the most frequent words each of so many threads has copies of (`kernels/copies.py`)."""
    return min(HOT, HOT_IN_ALL // threads) // (4 * pitch)


def _pitch(dim: int) -> int:
    return -(-dim // 16) * 16


def _aligned(rows: int, dim: int) -> Floats:
    """(rows, pitch) zeros from a cache line on, pitch a multiple of 16 floats."""
    pitch = _pitch(dim)
    memory = np.zeros(rows * pitch + 16, np.float32)
    start = -memory.ctypes.data // 4 % 16
    return memory[start : start + rows * pitch].reshape(rows, pitch)


def checked(ids: npt.NDArray[np.int32], counts: npt.NDArray[np.int64], plan: WordPlan, state: WordState | None) -> None:
    """What a kernel without bounds checks must be able to rely on."""
    if ids.ndim != 1 or ids.dtype != np.int32:
        raise DataError(f"ids must be (N,) int32, not {ids.shape} {ids.dtype}")
    if counts.ndim != 1 or len(counts) == 0 or counts.min() < 1:
        raise DataError(
            "counts must be (V,) integers of at least 1, one for each word of a vocabulary that is not empty"
        )
    if len(ids) == 0:
        raise DataError("there are no ids to train on: the corpus is empty, or no word is frequent enough")
    for first in range(0, len(ids), 1 << 22):  # a part at a time: ids may be a file larger than memory
        part = ids[first : first + (1 << 22)]
        if part.min() < -1 or part.max() >= len(counts):
            raise DataError(
                f"ids must be -1 (a border) or in 0 to {len(counts) - 1}; found {part.min()} to {part.max()}"
            )
    if state is not None and (state.words, state.dim) != (len(counts), plan.dim):
        given = f"{state.words} words of {state.dim} dimensions"
        raise DataError(f"the state holds {given}, but the vocabulary has {len(counts)} and dim is {plan.dim}")


def too_high(lr: float, usual: float = LR) -> str:
    """Say that a learning rate is too high, and which one to try: the usual one, or where that was too high, a fourth."""
    calmer = usual if lr > usual else lr / 4
    return f"the learning rate is too high; try lr {calmer:.2g} instead of {lr:g}"


def of_tables(words: int, dim: int, own: int, *, saved: bool) -> int:
    """Bytes that a fast solver takes: its two tables, and the copies that are made of the vectors.

    Parameters
    ----------
    words, dim
        Of the vocabulary, and of its vectors.
    own
        Rows of threads' own, in both tables.
    saved
        Whether the state is saved on the way: then both tables are copied, and twice again as the bytes of a file.
    """
    return FLOAT * ((2 * (words + SPARE) + own) * _pitch(dim) + (6 if saved else 2) * words * dim)


def of_descent(words: int, dim: int, batch_size: int, *, softmax: bool, saved: bool) -> int:
    """Bytes that gradient descent takes: weights, gradients, two averages of them, a step's work, and what is saved.

    Parameters
    ----------
    words, dim
        Of the two tables.
    batch_size
        Windows a step.
    softmax
        Whether a window has a score for every word of the vocabulary.
    saved
        Whether the state is saved on the way: weights and averages are copied, and copied again as the bytes of a file.
    """
    tables = 2 * words * dim
    return FLOAT * (tables * (14 if saved else 6) + (3 * batch_size * words if softmax else 0))


def of_windows(windows: int, window: int, dim: int) -> int:
    """Bytes for the vectors of all the words in so many windows, twice: the declared loss is taken of them at once."""
    return FLOAT * 2 * windows * 2 * window * dim
