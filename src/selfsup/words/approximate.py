"""Approximate nearest words by a graph (HNSW, Malkov and Yashunin 2018; the package usearch), its recall measured.

Exact search needs time in proportion to the number of words; the graph nearly none, but minutes to be built. It is worth
that from some ten thousand questions on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from selfsup.errors import DataError, OptionError, RunError
from selfsup.lazy import usearch
from selfsup.store.arrays import mapped, write_arrays
from selfsup.system.cores import cores
from selfsup.system.signals import heard
from selfsup.words.search import Nearest, Space

SAMPLE, AT = 200, 10  # words whose neighbours are compared with the exact ones, and how many of them
BLOCK = 1 << 14  # vectors that are added at once
Asked = Callable[
    [Any], tuple[np.ndarray, np.ndarray]
]  # questions -> unit vectors (m, D), and rows (m,) that are theirs


class How(NamedTuple):
    """How the graph is made and searched.

    Attributes
    ----------
    links
        Neighbours of each word in the graph (M in the paper).
    build, search
        Words kept in view while one is put in (efConstruction), and while one is looked for (ef): more is slower and misses less.
    """

    links: int
    build: int
    search: int


class Approximate:
    """Words of a `WordVectors` that can be searched approximately: ``index = vectors.approximate()``.

    Attributes
    ----------
    how
        With which settings.
    recall
        Share of the 10 exact nearest words that were found, over words of a sample, without the words themselves.
    """

    def __init__(self, space: Space, asked: Asked, graph: Any, how: How, recall: float = float("nan")) -> None:
        self._space, self._asked, self._graph, self.how, self.recall = space, asked, graph, how, recall

    def __len__(self) -> int:
        return len(self._graph)

    def __repr__(self) -> str:
        return (
            f"Approximate({len(self):,} words, recall@{AT} {self.recall:.3f} of {SAMPLE} words asked; links {self.how.links}, "
            f"build {self.how.build}, search {self.how.search})"
        )

    @classmethod
    def build(cls, space: Space, asked: Asked, how: How, seed: int = 0) -> Approximate:
        """Make the graph of all rows that are not zero, with all cores, and measure its recall."""
        if min(how) < 2:
            raise OptionError(
                f"links, build and search must be 2 or more; got {how.links}, {how.build} and {how.search}"
            )
        rows = np.flatnonzero(space.inverse != 0)
        graph = usearch.index.Index(
            ndim=space.dim,
            metric="cos",
            dtype="f16",
            connectivity=how.links,
            expansion_add=how.build,
            expansion_search=how.search,
        )
        for first in range(0, len(rows), BLOCK):
            part = rows[first : first + BLOCK]
            heard(_add, graph, part, space.units(part))
        made = cls(space, asked, graph, how)
        own = np.random.default_rng(seed).choice(rows, min(SAMPLE, len(rows)), replace=False)
        units = space.units(own)
        exact, found = (one.others(own, AT).rows for one in (space.nearest(units, AT + 1), made._found(units, AT + 1)))
        shared = sum(len(set(a) & set(b)) for a, b in zip(exact.tolist(), found.tolist(), strict=True))
        made.recall = shared / max(1, exact.size)
        return made

    def nearest(self, queries: np.ndarray | Sequence[str | np.ndarray], k: int = 10) -> Nearest:
        """Words near to each of many words or vectors, as `WordVectors.nearest`: most of the nearest, with their exact cosines.

        Where fewer than k are found, row -1 with cosine -inf fills the place; ``.named`` leaves it out.
        """
        if k < 1:
            raise OptionError(f"k must be 1 or more; got {k}")
        units, own = self._asked(queries)
        return self._found(units, k + int((own >= 0).any())).others(own, k)

    def _found(self, units: np.ndarray, k: int) -> Nearest:
        k = min(k, len(self))
        if not len(units):
            return Nearest(np.empty((0, k), np.int64), np.empty((0, k), np.float32))
        found = self._graph.search(np.ascontiguousarray(units, np.float32), k, threads=cores())
        keys = np.asarray(found.keys).astype(np.int64).reshape(len(units), -1)
        counts = np.asarray(
            found.counts if len(units) > 1 and hasattr(found, "counts") else [len(keys[0])] * len(units)
        )
        rows = np.full((len(units), k), -1, np.int64)
        cosines = np.full((len(units), k), -np.inf, np.float32)
        for question, count in enumerate(counts.tolist()):
            some = keys[question, :count]
            exact = self._space.units(some) @ units[question]
            order = np.argsort(-exact, kind="stable")
            rows[question, :count], cosines[question, :count] = some[order], exact[order]
        return Nearest(rows, cosines)

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write the graph, without the vectors, whole or not at all.

        Raises
        ------
        RunError
            If the path is taken.
        """
        if Path(path).exists() and not overwrite:
            raise RunError(f"{path} exists; overwrite=True replaces it")
        graph = np.frombuffer(self._graph.save(None), np.uint8)
        about = {name: str(value) for name, value in self.how._asdict().items()}
        about |= {
            "recall": repr(self.recall),
            "vectors": self._space.fingerprint,
            "graph": hashlib.sha256(graph.data).hexdigest(),
        }
        write_arrays(Path(path), {"graph": graph}, about)

    @classmethod
    def load(cls, path: str | PathLike[str], space: Space, asked: Asked) -> Approximate:
        """What `save` wrote, for the same vectors. The graph is read by usearch, which trusts it: load only files of your own.

        Raises
        ------
        DataError
            If it was made of other vectors.
        RunError
            If the file is damaged or something else.
        """
        if not Path(path).is_file():
            raise RunError(f"there is no file {path}; make an index with vectors.approximate() and save it")
        arrays, about = mapped(Path(path), {"graph": ("U8", 1)})
        try:
            how = How(*(int(about[name]) for name in How._fields))
            recall, made_of, digest = float(about["recall"]), about["vectors"], about["graph"]
        except (KeyError, ValueError) as error:
            raise RunError(f"{path} is no index of words: its metadata are {about}") from error
        if hashlib.sha256(arrays["graph"].data).hexdigest() != digest:
            raise RunError(f"{path} is damaged: it is not what was written; make it anew with vectors.approximate()")
        if made_of != space.fingerprint:
            raise DataError(
                f"{path} was made of other vectors than these; make one of these with vectors.approximate()"
            )
        graph = usearch.index.Index.restore(arrays["graph"].tobytes())
        graph.expansion_search = how.search
        return cls(space, asked, graph, how, recall)


def _add(graph: Any, rows: np.ndarray, units: np.ndarray) -> None:
    graph.add(rows.astype(np.uint64), units, threads=cores())
