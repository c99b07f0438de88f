"""Exercise of chapter 10: what is left after debiasing, on words that were not learnt from, beside chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

LeftOver = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[float, float]]


def check(left_over: LeftOver) -> None:
    """Whether it tells nothing where there is nothing, something where there is something, and chance where sides are uneven."""
    rng = np.random.default_rng(7)
    noise = rng.normal(size=(60, 50))
    even = rng.permutation(np.arange(60) < 30)
    told, chance = _asked(left_over, noise, even)
    assert told < 0.8, (
        f"of vectors of pure noise, 60 of 50 numbers, it tells {100 * told:.0f} % of the sides: it must be asked of words "
        "that it has not learnt from"
    )
    assert 0.25 < chance < 0.75, (
        f"with shuffled sides it tells {100 * chance:.0f} %, where there is nothing to be told: shuffle the sides, then learn "
        "and ask on other words"
    )
    clear = noise.copy()
    clear[:, 0] += np.where(even, 4.0, -4.0)
    told, _ = _asked(left_over, clear, even)
    assert told > 0.85, (
        f"of two sides that lie far apart it tells only {100 * told:.0f} %: learn with the true sides, and compare with the "
        "true ones"
    )
    uneven = rng.permutation(np.arange(200) < 170)
    told, chance = _asked(left_over, rng.normal(size=(200, 4)), uneven)
    assert chance > 0.65, (
        "where 85 % of the words are of one side, whoever always names that side is right in 85 %; chance was said to be "
        f"{100 * chance:.0f} %. "
        "Measure it by the same procedure with shuffled sides"
    )
    assert abs(told - chance) < 0.15, (
        f"of noise with uneven sides it tells {100 * told:.0f} %, chance is {100 * chance:.0f} %: they should be alike"
    )
    print(f"right: of noise with uneven sides {100 * told:.0f} % are told, and chance is {100 * chance:.0f} %")


def _asked(left_over: LeftOver, vectors: np.ndarray, side: np.ndarray) -> tuple[float, float]:
    """Two numbers between 0 and 1, with the arguments as they were."""
    before = vectors.copy(), side.copy()
    found = left_over(vectors, side, np.random.default_rng(0))
    assert isinstance(found, tuple) and len(found) == 2, (
        f"left_over must give two numbers, accuracy and chance; it gives {found!r}"
    )
    assert (vectors == before[0]).all() and (side == before[1]).all(), (
        "left_over has changed vectors or side; shuffle a copy: rng.permutation(side)"
    )
    assert all(0 <= share <= 1 for share in found), f"accuracies lie between 0 and 1; these are {found}"
    return float(found[0]), float(found[1])
