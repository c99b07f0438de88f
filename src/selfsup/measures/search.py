"""What lies near what in codes: neighbours, duplicates and outliers; exact, in blocks, of any number of rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from selfsup.errors import DataError
from selfsup.measures.samples.knn import CHUNK, nearest, unit_rows

ROWS, WIDEST = 10_000, 4_096  # from which the spread of codes is measured; wider codes are only centred
USUAL = 0.1  # of the distance to the nearest that is usual in the data: below it, two rows are nearly the same (docs/search.md)
DIGITS = 6  # of a similarity: sums in float32, in any order, agree in so many
MOST_PAIRS = 1 << 20  # of near rows; where there are more, the codes tell hardly anything apart


class Neighbours(NamedTuple):
    """Nearest rows (m, k) int64 of m questions, and their similarities (m, k) float32: the nearest first, of equals the first."""

    rows: np.ndarray
    similarities: np.ndarray


class Pairs(NamedTuple):
    """Pairs (p, 2) int64 of rows, the smaller number first, and their similarities (p,) float32, the most similar first."""

    rows: np.ndarray
    similarities: np.ndarray


class Space:
    """Where codes have distances and angles that mean something: centred, and their directions of large spread shrunk.

    The inner product is x' (S + tr(S)/D I)^-1 y, with the covariance S of the codes and its mean eigenvalue as a ridge: between
    the Mahalanobis distance, which makes too much of directions in which codes hardly differ, and Euclid's, in which the few
    of large spread decide alone. Codes themselves are not spread around zero, and all their cosines may be near 1.

    Parameters
    ----------
    codes
        (n, D) float32, of the data that are searched.
    """

    def __init__(self, codes: np.ndarray) -> None:
        some = torch.from_numpy(codes[:: -(-len(codes) // ROWS)]).double()
        self.mean = some.mean(0)
        centred = some - self.mean
        self.root: Tensor | None = None
        if codes.shape[1] <= WIDEST and bool(centred.any()):
            spread = centred.T @ centred / len(centred)
            self.root = torch.linalg.cholesky(spread + spread.trace() / len(spread) * torch.eye(len(spread)))

    def place(self, codes: np.ndarray) -> np.ndarray:
        """Coordinates (m, D) float32 of codes (m, D), with the usual inner product."""
        parts = []
        for some in torch.from_numpy(codes).split(ROWS):
            centred = some.double() - self.mean
            if self.root is not None:
                centred = torch.linalg.solve_triangular(self.root, centred.T, upper=False).T
            parts.append(centred.float())
        return torch.cat(parts).numpy()


def units(placed: np.ndarray) -> np.ndarray:
    """Rows (n, D) of length 1, float32; a row of zeros stays one."""
    return unit_rows(placed).numpy()


def neighbours(asked: np.ndarray, among: np.ndarray, k: int, without: list[np.ndarray] | None = None) -> Neighbours:
    """The k rows most similar to each question.

    Parameters
    ----------
    asked, among
        Unit rows (m, D) and (n, D) float32 (`units`).
    k
        At most n, less what is left out.
    without
        Rows of `among` that are left out, for each question.
    """
    found = []
    for first, similar in _blocks(asked, among):
        for number, left_out in enumerate((without or [])[first : first + len(similar)]):
            similar[number, torch.from_numpy(left_out)] = -torch.inf
        values, rows = nearest(similar, k)
        rows, order = rows.sort(dim=1)  # of equals the first
        values, again = values.gather(1, order).sort(dim=1, descending=True, stable=True)
        found.append((values, rows.gather(1, again)))
    similarities, places = (torch.cat(parts).numpy() for parts in zip(*found, strict=True))
    return Neighbours(places, similarities)


def loneliness(placed: np.ndarray, k: int) -> np.ndarray:
    """Mean distance (n,) float32 of each placed row (n, D) to the k nearest others (Angiulli & Pizzuti 2002)."""
    x = torch.from_numpy(placed)
    squares = x.double().square().sum(1).float()
    found = []
    size = max(1, CHUNK // len(x))
    for first in range(0, len(x), size):
        some = x[first : first + size]
        apart = squares[first : first + size, None] + squares - 2 * some @ x.T
        apart[torch.arange(len(some)), first + torch.arange(len(some))] = torch.inf
        found.append(apart.topk(k, largest=False).values.clamp_(min=0).sqrt().mean(1))
    return torch.cat(found).numpy()


def usual(unit: np.ndarray) -> float:
    """The similarity from which two rows are nearly the same: their distance, 1 less it, is a tenth of the usual one.

    The usual one is the median over the unit rows (n, D), at least 2, of the distance to the nearest other.
    """
    some = np.arange(0, len(unit), -(-len(unit) // ROWS))
    near = neighbours(unit[some], unit, 1, [some[row : row + 1] for row in range(len(some))])
    return float(1 - USUAL * np.median(1 - near.similarities.astype(np.float64)))


def pairs(unit: np.ndarray, above: float) -> Pairs:
    """All pairs of unit rows (n, D) whose similarity is at least `above`.

    Raises
    ------
    DataError
        If there are so many that the codes tell hardly anything apart.
    """
    rows: list[Tensor] = []
    values: list[Tensor] = []
    for first, similar in _blocks(unit, unit):
        places = (similar >= above).triu(first + 1).nonzero()  # (p, 2)
        values.append(similar[places[:, 0], places[:, 1]])
        rows.append(places + torch.tensor([first, 0]))
        if sum(map(len, values)) > MOST_PAIRS:
            raise DataError(
                f"more than {MOST_PAIRS:,} pairs of {len(unit):,} rows have a similarity of at least {above:.4g}: "
                "the codes tell hardly anything apart; raise option 'above', or train longer"
            )
    similar, found = torch.cat(values), torch.cat(rows)
    order = similar.argsort(descending=True, stable=True)
    return Pairs(found[order].numpy(), similar[order].numpy())


def groups(rows: np.ndarray) -> list[list[int]]:
    """Rows that pairs (p, 2) connect, also by way of others: groups of at least 2, each and all in the rows' order."""
    root: dict[int, int] = {}

    def find(row: int) -> int:
        while root.setdefault(row, row) != row:
            root[row] = row = root[root[row]]
        return row

    for a, b in rows.tolist():
        low, high = sorted((find(a), find(b)))
        root[high] = low
    found: dict[int, list[int]] = {}
    for row in sorted(root):
        found.setdefault(find(row), []).append(row)
    return list(found.values())


def firsts(x: np.ndarray) -> np.ndarray:
    """Number (n,) int64 of the first row of x (n, ...) that is equal to each to the bit: its own where none is before."""
    seen: dict[bytes, int] = {}
    return np.fromiter((seen.setdefault(digest(row), number) for number, row in enumerate(x)), np.int64, len(x))


def digest(row: np.ndarray) -> bytes:
    """What only rows of the same values have."""
    return hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=16).digest()


def _blocks(asked: np.ndarray, among: np.ndarray) -> Iterator[tuple[int, Tensor]]:
    """Similarities (block, n) of some questions, and the number of the first of them."""
    known, questions = torch.from_numpy(among), torch.from_numpy(asked)
    size = max(1, CHUNK // max(1, len(among)))
    for first in range(0, len(asked), size):
        similar = questions[first : first + size] @ known.T
        yield first, similar.round_(decimals=DIGITS).clamp_(-1, 1)
