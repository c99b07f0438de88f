"""Data that are read in chunks of rows and are never held whole, and a uniform sample of them from the same pass."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from selfsup.data.arrays.chunks import VALUES, Piece, of_arrays, of_npy, of_parquet
from selfsup.data.dataset import Dataset
from selfsup.data.form import Form
from selfsup.data.labels import Kind, taken
from selfsup.data.tables.digits import check_digits
from selfsup.data.tables.missing import check_finite
from selfsup.data.tables.stored import parquet_files
from selfsup.errors import DataError, OptionError
from selfsup.system import hashing


class Reservoir:
    """A uniform sample of k rows of a stream whose length is not known (Vitter's algorithm R).

    One random number is drawn for each row, so that the sample does not depend on where chunks begin.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.seen = 0
        self.complete = False  # whether the stream has ended
        self._rng = np.random.default_rng(seed)
        self._rows = np.empty(0, np.int64)  # (k,) which rows of the stream they are
        self._x = np.empty((0, 0), np.float32)  # (k, d), grown as the first rows come
        self._labels: np.ndarray | None = None  # (k,) of anything

    def add(self, x: np.ndarray, labels: np.ndarray | None) -> None:
        """Take rows (b, d) of the stream, and their labels."""
        rows = self.seen + np.arange(len(x))
        places = np.floor(self._rng.random(len(x)) * (rows + 1)).astype(np.int64)
        first = min(max(self.size - self.seen, 0), len(x))  # so many of them find an empty place
        self._grow(min(self.seen + first, self.size), x.shape[1], labels is not None)
        places[:first] = rows[:first]
        kept = np.flatnonzero(places < self.size)
        # two rows may fall on one place: the later one stays, as if they came one after the other
        kept = kept[len(kept) - 1 - np.unique(places[kept][::-1], return_index=True)[1]]
        self._rows[places[kept]], self._x[places[kept]] = rows[kept], x[kept]
        if self._labels is not None and labels is not None:
            self._labels[places[kept]] = labels[kept].astype(object)
        self.seen += len(x)

    def _grow(self, needed: int, width: int, labelled: bool) -> None:
        """Make room for the first rows; at least twice as much each time, so that small chunks cost little."""
        have = len(self._rows)
        if needed <= have:
            return
        more = min(self.size, max(needed, 2 * have)) - have
        self._rows = np.concatenate([self._rows, np.empty(more, np.int64)])
        self._x = np.concatenate([self._x.reshape(have, width), np.empty((more, width), np.float32)])
        if labelled:
            before = np.empty(0, object) if self._labels is None else self._labels
            self._labels = np.concatenate([before, np.empty(more, object)])

    def take(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Numbers (m,), values (m, d) and labels (m,) of m = min(n, k) of its rows, in the order of the stream."""
        chosen = np.arange(min(self.size, self.seen))
        if n < len(chosen):  # a uniform part of a uniform sample is one
            chosen = np.random.default_rng(seed).permutation(len(chosen))[:n]
        chosen = chosen[np.argsort(self._rows[chosen])]
        return self._rows[chosen], self._x[chosen], None if self._labels is None else self._labels[chosen]


class Stream:
    """Vectors that are read chunk by chunk; memory holds a chunk and the sample, never the whole.

    Parameters
    ----------
    source
        A ``.npy`` file (memory-mapped), a ``.parquet`` file or a folder of them (columns of numbers); an iterable of
        arrays (b, d) or of pairs (array, labels); or a function that returns such an iterable. An iterator (a
        generator) can be read once, all others again and again.
    label_column
        Of parquet files: the column that holds the labels; else one with a usual name is taken.
    chunk
        Most rows that are given at once.

    Raises
    ------
    DataError
        If there is no such file, or the source is of another kind.
    OptionError
        If `chunk` is less than 1.
    """

    def __init__(self, source: Any, *, label_column: str | None = None, chunk: int = 65536) -> None:
        if chunk < 1:
            raise OptionError(f"option 'chunk' must be at least 1; got {chunk}")
        self.chunk = chunk
        self.reservoir: Reservoir | None = None  # of the last pass
        self.rows: int | None = None  # known after a whole pass
        self.columns: tuple[str, ...] | None = None  # known after the first chunk, where they have names
        self.once = False  # whether it can be read only once
        self.source = "stream"
        self._spent = False
        self._open = self._opener(source, label_column)

    def _opener(self, source: Any, label_column: str | None) -> Callable[[], Iterator[Piece]]:
        """How to begin a pass."""
        if isinstance(source, str | os.PathLike):
            path = Path(source).expanduser()
            self.source = path.name
            return _of_path(path, label_column, self.chunk)
        if label_column is not None:
            raise DataError("arrays have no columns; let each chunk be a pair (array, labels) instead of label_column=")
        if isinstance(source, np.ndarray | torch.Tensor):
            return lambda: of_arrays(source[at : at + self.chunk] for at in range(0, len(source), self.chunk))
        if callable(source):
            return lambda: of_arrays(source())
        if not isinstance(source, Iterable) or hasattr(source, "columns"):
            raise DataError(
                f"cannot read a {type(source).__name__} in chunks; give a .npy or .parquet file, a folder of parquet "
                "files, arrays (b, d) one after the other, or a function that returns them"
            )
        self.once = iter(source) is source
        return lambda: of_arrays(source)

    def chunks(self, keep: int = 10_000, seed: int = 0) -> Iterator[np.ndarray]:
        """Pass over the data once: chunks (b, d) float32 with b <= `chunk`, checked.

        Parameters
        ----------
        keep
            Rows of the uniform sample that is drawn on the way, into `reservoir`.
        seed
            Of that sample.

        Raises
        ------
        DataError
            If a chunk has another width than the first, a value is not finite, there is nothing, or a source that can
            be read once has been read.
        """
        if self._spent:
            raise DataError(
                "the stream comes from an iterator, which has been read; give a function that returns a new one "
                "(Stream(lambda: read()) instead of Stream(read()))"
            )
        self._spent = self.once
        return self._pass(keep, seed)

    def _pass(self, keep: int, seed: int) -> Iterator[np.ndarray]:
        reservoir = self.reservoir = Reservoir(keep, seed)
        width = labelled = None
        for number, piece in enumerate(self._open()):
            if width is None:
                width, self.columns, labelled = piece.x.shape[1], piece.names, piece.labels is not None
            if piece.x.shape[1] != width or (piece.labels is not None) != labelled:
                raise DataError(
                    f"chunk {number} of the stream has {piece.x.shape[1]} columns and "
                    f"{'labels' if piece.labels is not None else 'no labels'}; chunk 0 has {width} and "
                    f"{'labels' if labelled else 'no labels'}"
                )
            step = min(self.chunk, max(1, VALUES // max(1, width)))
            for start in range(0, len(piece.x), step):
                x = self._checked(piece, slice(start, start + step), number, reservoir.seen)
                if reservoir.seen == 0:
                    check_digits(x, piece.x[: len(x)].T.__getitem__, piece.names, part=True)
                labels = None if piece.labels is None else piece.labels[start : start + step]
                reservoir.add(x, labels)
                yield x
        if reservoir.seen == 0:
            raise DataError(f"{self.source} is empty: it gives no rows")
        self.rows, reservoir.complete = reservoir.seen, True

    def _checked(self, piece: Piece, part: slice, number: int, before: int) -> np.ndarray:
        """Some rows of a piece as float32, all finite."""
        with np.errstate(over="ignore"):
            x = np.ascontiguousarray(piece.x[part], dtype=np.float32)
        try:
            check_finite(x, piece.names, first_row=part.start)
        except DataError as error:
            raise DataError(
                f"chunk {number} of {self.source}, from its row {before - part.start:,} on: {error}"
            ) from error
        return x

    def sample(self, n: int, seed: int = 0, labels_are: Kind | None = None) -> Dataset:
        """A uniform sample of n rows, or all of them where there are fewer, in the order of the stream.

        It comes from the pass that has been made, if that kept enough rows; else a pass is made.

        Raises
        ------
        DataError
            If the stream can be read only once, and that pass was not finished or kept too few rows.
        OptionError
            If n is less than 1.
        """
        if n < 1:
            raise OptionError(f"a sample must have at least 1 row; got {n}")
        held = self.reservoir
        enough = held is not None and held.complete and (held.size >= n or held.size >= held.seen)
        if not enough:
            if self._spent and held is not None:
                kept = f"kept {held.size:,} rows of it" if held.complete else "has not reached its end"
                raise DataError(f"the stream can be read once, and that pass {kept}; use chunks(keep={n}) to its end")
            for _ in self.chunks(n, seed):
                pass
            held = self.reservoir
        _, x, labels = cast(Reservoir, held).take(n, seed)
        form = Form("table", x.shape[1:], columns=self.columns)
        codes, classes = (
            (None, ()) if labels is None else taken(_plain(labels), labels_are, what="the labels of the stream")
        )
        return Dataset(x, form, f"sample of {self.source}", hashing.of_array(x), codes, classes)


def _plain(labels: np.ndarray) -> np.ndarray:
    """Labels as an array of their own type: they were kept as objects, so that chunks of any type go together."""
    return np.asarray(labels.tolist())


def _of_path(path: Path, label_column: str | None, rows: int) -> Callable[[], Iterator[Piece]]:
    """How to begin a pass over files."""
    if os.path.isdir(path):
        files: Sequence[Path] = parquet_files(path)
        files = [file for file in files if file.name.lower().startswith("train")] or files
        if not files:
            raise DataError(f"{path} holds no parquet files; a stream is read from .npy or .parquet files")
        return lambda: of_parquet(files, label_column, rows)
    if not os.path.isfile(path):
        raise DataError(f"there is no file at '{path}'")
    if path.suffix.lower() == ".parquet":
        return lambda: of_parquet([path], label_column, rows)
    if path.suffix.lower() == ".npy":
        if label_column is not None:
            raise DataError("a .npy file has no columns, so it cannot have a label_column")
        return lambda: of_npy(path, rows)
    raise DataError(f"a stream is read from .npy or .parquet files; got '{path.name}'")
