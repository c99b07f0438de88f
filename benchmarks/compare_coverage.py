"""Coverage of the paired error of `selfsup.compare`: how often the lead on fresh rows and draws is within two printed errors.

Two codes (PCA of the digits, of few and of some components) are judged 200 times by a linear probe, each time with other test
rows and other draws of labels; the truth is the mean over many draws and all rows that are not labelled. Beside it a simulation
whose truth is known in closed form.

    python benchmarks/compare_coverage.py [--evaluations 200]
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from selfsup.measures.run import Features
from selfsup.measures.samples import compare, probe
from selfsup.measures.samples.paired import lead

POOL = 400  # rows that labels are drawn from; all others are the population that is tested on
TRUTH = 40  # draws of labels by which the true lead is known


def right(
    codes: np.ndarray, labels: np.ndarray, pool: np.ndarray, asked: np.ndarray, draws: list[np.ndarray]
) -> np.ndarray:
    """Whether each test row is guessed right, (draws, m), by a probe on the labels of each draw."""
    guess = probe.judge(Features(codes[pool], codes[asked]), np.arange(len(pool)))
    return np.stack([guess(rows, labels[pool][rows], n).classes == labels[asked] for n, rows in enumerate(draws)])


def of_digits(
    evaluations: int, draws: int, per_class: int, tested: int, components: tuple[int, int]
) -> tuple[float, ...]:
    """Coverage on the digits, the true lead, and the mean error beside the deviation of the leads."""
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(x))
    pool, others = order[:POOL], order[POOL:]
    codes = [PCA(k, random_state=0).fit(x[pool]).transform(x).astype(np.float32) for k in components]

    def drawn(n: int) -> list[np.ndarray]:
        return [compare.per_class(y[pool], rng.permutation(POOL), per_class) for _ in range(n)]

    many = drawn(TRUTH)
    truth = float(np.subtract(*(right(one, y, pool, others, many).mean() for one in codes)))
    held, errors, sizes = 0, [], []
    for seed in range(evaluations):
        some, asked = drawn(draws), rng.choice(others, tested)  # with replacement: rows of a population, not of a set
        found = lead(*(right(one, y, pool, asked, some) for one in codes), seed)
        held += abs(found.size - truth) <= 2 * found.error
        errors.append(found.error)
        sizes.append(found.size)
    return held / evaluations, truth, float(np.mean(errors)), float(np.std(sizes))


def simulated(evaluations: int, draws: int, rows: int, of_draws: float) -> tuple[float, ...]:
    """The same of rows and draws with effects of their own."""
    rng, held, errors, sizes = np.random.default_rng(1), 0, [], []
    skill, own, rest = (0.6, 0.4), 0.6, 0.8
    spread = math.sqrt(2 * (1 + own**2 + of_draws**2 + rest**2))
    truth = (math.erf(skill[0] / spread) - math.erf(skill[1] / spread)) / 2
    for seed in range(evaluations):
        base = rng.normal(size=rows)
        found = lead(
            *(
                s
                + base
                + own * rng.normal(size=rows)
                + of_draws * rng.normal(size=(draws, 1))
                + rest * rng.normal(size=(draws, rows))
                > 0
                for s in skill
            ),
            seed,
        )
        held += abs(found.size - truth) <= 2 * found.error
        errors.append(found.error)
        sizes.append(found.size)
    return held / evaluations, truth, float(np.mean(errors)), float(np.std(sizes))


def told(name: str, found: tuple[float, ...]) -> None:
    """Print a line."""
    held, truth, error, deviation = found
    print(f"{name:<52}{100 * held:>7.1f} %{100 * truth:>9.1f}{100 * error:>8.2f}{100 * deviation:>9.2f}", flush=True)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--evaluations", type=int, default=200)
    n, began = parser.parse_args().evaluations, time.process_time()
    print(f"{'case':<52}{'coverage':>9}{'lead':>9}{'error':>8}{'s.d.':>9}")
    for draws, rows, of_draws in ((1, 359, 0.0), (3, 300, 0.15), (3, 1000, 0.3), (5, 300, 0.15)):
        told(f"simulated, {draws} draws, {rows} rows", simulated(n, draws, rows, of_draws))
    for draws, per_class, rows, pair in ((5, 1, 200, (16, 6)), (5, 5, 200, (16, 6)), (3, 5, 200, (16, 10))):
        name = f"digits, {draws} draws of {per_class} a class, {rows} rows, PCA {pair[0]} and {pair[1]}"
        told(name, of_digits(n, draws, per_class, rows, pair))
    print(f"{time.process_time() - began:.0f} CPU seconds")


if __name__ == "__main__":
    main()
