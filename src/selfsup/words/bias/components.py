"""From differences of pairs (p, D) to a direction: its vector (D,) of length 1, and shares (k,) of their squared lengths.

Each way also tells its first share from the products (b, p, p) of the differences with each other, which of many random pairs are
much smaller than the differences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from selfsup.errors import DataError

TINY = 1e-9  # length of a vector below which it is rounding


class Way(NamedTuple):
    """One way from differences of pairs to a direction.

    Attributes
    ----------
    said
        What it is called in a sentence.
    found
        From differences (p, D) and the place of the pair with the named word to a vector (D,) of length 1 and shares (k,).
    shares
        From products (b, p, p) of differences to the first share (b,) of each.
    least
        Fewest pairs.
    """

    said: str
    found: Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
    shares: Callable[[np.ndarray], np.ndarray]
    least: int


def _components(differences: np.ndarray, place: int) -> tuple[np.ndarray, np.ndarray]:
    """First principal component (D,) and the shares of all, of differences (p, D)."""
    _, sizes, components = np.linalg.svd(differences, full_matrices=False)
    return components[0], sizes**2 / (sizes**2).sum()


def _first_shares(grams: np.ndarray) -> np.ndarray:
    return _share(np.linalg.eigvalsh(grams)[:, -1], grams)


def _share(along: np.ndarray, grams: np.ndarray) -> np.ndarray:
    """Squared lengths (b,) along something over those of all differences; 0 where these are zero, as pairs of one vector are."""
    total = np.trace(grams, axis1=1, axis2=2)
    shares: np.ndarray = np.divide(along, total, out=np.zeros_like(total), where=total > 0)
    return shares


def _along(vector: np.ndarray, differences: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    """A vector made of length 1, and the share of the squared differences (p, D) along it."""
    length = float(np.linalg.norm(vector))
    if length < TINY:
        raise DataError(f"the {what} of the pairs is zero: they cancel out; use method 'pca', or order all pairs alike")
    vector = vector / length
    return vector, np.array([((differences @ vector) ** 2).sum() / (differences**2).sum()])


def _one(differences: np.ndarray, place: int) -> tuple[np.ndarray, np.ndarray]:
    return _along(differences[place], differences, "difference")


def _one_shares(grams: np.ndarray) -> np.ndarray:
    return _share(_squared(grams[:, 0], grams[:, 0, 0]), grams)


def _mean(differences: np.ndarray, place: int) -> tuple[np.ndarray, np.ndarray]:
    return _along(differences.mean(axis=0), differences, "mean difference")


def _mean_shares(grams: np.ndarray) -> np.ndarray:
    products = grams.sum(axis=1)  # (b, p): of each difference with the sum of all
    return _share(_squared(products, products.sum(axis=1)), grams)


def _squared(products: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Squared lengths (b,) along a vector, of its products (b, p) with the differences and its own squared length (b,)."""
    squares = (products**2).sum(axis=1)
    along: np.ndarray = np.divide(squares, lengths, out=np.zeros_like(squares), where=lengths > TINY**2)
    return along


METHODS = {
    "pca": Way("first principal component", _components, _first_shares, 2),
    "difference": Way("the difference of one", _one, _one_shares, 1),
    "mean": Way("mean difference", _mean, _mean_shares, 1),
}
