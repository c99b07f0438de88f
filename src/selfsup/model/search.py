"""What a model's codes are used for: the nearest of many, what is there twice, and what is like nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from selfsup.data.text.form import TextForm
from selfsup.errors import DataError, OptionError
from selfsup.measures import search

Bad = Literal["stop", "skip"]


class Found(NamedTuple):
    """What `Model.search` finds for m queries.

    Attributes
    ----------
    rows
        (m, k) int64, of the data that were searched, the nearest first.
    similarities
        (m, k) float32, in -1 to 1.
    names
        The rows' names, k for each query: their files, or their numbers.
    itself
        For each query the rows with the same values, which were left out.
    """

    rows: np.ndarray
    similarities: np.ndarray
    names: list[list[str]]
    itself: list[np.ndarray]


class Duplicates(NamedTuple):
    """What `Model.duplicates` finds.

    Attributes
    ----------
    groups
        Rows that are duplicates of each other, also by way of a third; the largest group first.
    rows
        Pairs (p, 2) int64: each row of the same values beside the first of them, then those that are nearly the same, the most
        similar first.
    similarities
        (p,) float32.
    exact
        (p,) bool: whether all values are the same.
    names
        Of every row of the data.
    above
        The similarity from which rows are called nearly the same.
    """

    groups: list[list[int]]
    rows: np.ndarray
    similarities: np.ndarray
    exact: np.ndarray
    names: Sequence[str]
    above: float


class Outliers(NamedTuple):
    """All n rows of the data as `Model.outliers` orders them, the farthest from the others first.

    Attributes
    ----------
    rows
        (n,) int64.
    distances
        (n,) float32: mean distance to the k nearest others.
    names
        Of those rows, in their order.
    k
        Neighbours that were used.
    """

    rows: np.ndarray
    distances: np.ndarray
    names: list[str]
    k: int


class SearchFace:
    """Searching by codes: everything here takes what `Model.encode` takes."""

    form: Any
    config: dict[str, Any]

    def open(self, data: Any, *, on_bad: Bad = "stop", **options: Any) -> Any:
        """See `Model.open`."""
        raise NotImplementedError

    def encode(self, data: Any, layer: str | None = None, *, on_bad: Bad = "stop") -> np.ndarray:
        """See `Model.encode`."""
        raise NotImplementedError

    def search(self, query: Any, among: Any, k: int = 9, layer: str | None = None, *, on_bad: Bad = "stop") -> Found:
        """The rows of some data that are most similar to others, by the cosine of their codes in `selfsup.measures.search.Space`.

        Parameters
        ----------
        query
            m rows, or the file of an image; rows of the data that have the very same values are left out of the answer.
        among
            Data (n rows) that are searched.
        k
            How many; fewer where the data have not so many.
        layer
            A block of the network instead of the code.
        on_bad
            stop: files that cannot be read are an error. skip: leave them out.

        Raises
        ------
        DataError
            If data are not of the kind that the model learnt from, or hold nothing but the query.
        OptionError
            If there is no such layer, `k` is not positive, or the model learnt from text.
        """
        _check("k", k)
        asked, data = self.open_rows(query), self.open_rows(among, on_bad=on_bad)
        codes, questions = self.encode(data, layer), self.encode(asked, layer)
        own: dict[bytes, list[int]] = {}
        for row, x in enumerate(data.x):
            own.setdefault(search.digest(x), []).append(row)
        itself = [np.array(own.get(search.digest(x), []), np.int64) for x in asked.x]
        most = len(data) - max(map(len, itself))
        if most < 1:
            raise DataError(f"{data.source} holds nothing but the query itself: there is nothing to compare it with")
        space = search.Space(codes)
        questions, known = search.units(space.place(questions)), search.units(space.place(codes))
        found = search.neighbours(questions, known, min(k, most), itself)
        names = names_of(data)
        return Found(*found, [[names[row] for row in rows] for rows in found.rows.tolist()], itself)

    def duplicates(
        self, data: Any, above: float | None = None, layer: str | None = None, *, on_bad: Bad = "stop"
    ) -> Duplicates:
        """Rows that are there twice: with the same values, or with nearly the same code.

        Parameters
        ----------
        data
            n rows.
        above
            Similarity from which two rows are called nearly the same, in -1 to 1; by default `selfsup.measures.search.usual`.
        layer, on_bad
            As for `search`.

        Raises
        ------
        DataError
            If there are fewer than two rows, or too many pairs.
        OptionError
            If there is no such layer, `above` is out of range, or the model learnt from text.
        """
        if above is not None and not -1 <= above <= 1:
            raise OptionError(f"option 'above' must be from -1 to 1; got {above}")
        opened = self.open_rows(data, on_bad=on_bad, least=2)
        first = search.firsts(opened.x)
        own = np.flatnonzero(first == np.arange(len(first)))  # one of each
        twice = np.flatnonzero(first != np.arange(len(first)))
        codes = self.encode(opened, layer)
        unit = search.units(search.Space(codes).place(codes[own]))
        level = above if above is not None else search.usual(unit) if len(own) > 1 else 1.0
        near = search.pairs(unit, level)
        rows = np.concatenate([np.stack([first[twice], twice], 1), own[near.rows]])  # (p, 2)
        exact = np.arange(len(rows)) < len(twice)
        groups = sorted(search.groups(rows), key=len, reverse=True)
        similarities = np.concatenate([np.ones(len(twice), np.float32), near.similarities])
        return Duplicates(groups, rows, similarities, exact, names_of(opened), level)

    def outliers(self, data: Any, k: int = 20, layer: str | None = None, *, on_bad: Bad = "stop") -> Outliers:
        """Rows by how far their codes are from others: the mean distance to the k nearest, in `selfsup.measures.search.Space`.

        Parameters
        ----------
        data
            n rows.
        k
            Neighbours; at most n - 1 are there.
        layer, on_bad
            As for `search`.

        Raises
        ------
        DataError
            If there are fewer than two rows.
        OptionError
            If there is no such layer, `k` is not positive, or the model learnt from text.
        """
        _check("k", k)
        opened = self.open_rows(data, on_bad=on_bad, least=2)
        codes = self.encode(opened, layer)
        k = min(k, len(codes) - 1)
        distances = search.loneliness(search.Space(codes).place(codes), k)
        rows, names = np.argsort(-distances, kind="stable"), names_of(opened)
        return Outliers(rows, distances[rows], [names[row] for row in rows.tolist()], k)

    def open_rows(self, data: Any, *, on_bad: Bad = "stop", least: int = 1, progress: bool = False) -> Any:
        """Open data that are searched, of so many rows at least; see `Model.open`."""
        if isinstance(self.form, TextForm):
            raise OptionError(
                "this run learnt from text, whose codes are of words: ask model.most_similar('word'); searching by codes is "
                "for images and tables"
            )
        opened = self.open(data, on_bad=on_bad, progress=progress)
        if len(opened) < least:
            raise DataError(f"{opened.source}: {len(opened)} row, and at least {least} are needed to compare them")
        return opened


def names_of(opened: Any) -> list[str]:
    """Name of each row: its file, or its number."""
    return list(opened.names or map(str, range(len(opened))))


def _check(name: str, k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise OptionError(f"option '{name}' must be a whole number at least 1; got {k!r}")
