"""Sparse auto-encoders against a known dictionary: do the atoms that were learned equal the features in the data?

    python benchmarks/synthetic_dictionary.py [--seeds 3] [--samples 500000] [--epochs 4] [--l0 8] [--jobs 2]

SynthSAEBench-16k (Chanin & Garriga-Alonso, arXiv 2602.14687; the benchmark's page in the SAELens docs), scaled to two CPU
cores. A sample is a sparse sum of unit features: which features fire is a thresholded Gaussian with low-rank
correlations and Zipf frequencies; features stand in trees, where a child fires only with its parent, excludes its
siblings, and is scaled by its parent; magnitudes are normal. The published world has 16,384 features in 768 dimensions,
learned by 4,096 latents from 200M samples. Here features and latents are an eighth of that, dimensions and the number of
active features a third, all other constants as published. Zipf frequencies with exponent 1/2 sum to about the square
root of the number of features, so this scaling leaves the active features per dimension, hence the noise under which
a latent must decide, as they are (10.8 in 256 here, 34.5 in 768 there); so is the ratio of features to latents (4). L0 = 8
here is the published 25: as many as fire among the features that there are latents for. `World(16384, 768, 128)` is the
published world.

`fit` with its defaults, at the same L0: k of topk and batchtopk, while the penalties of relu and jumprelu are searched for
on training data. Prints F1, MCC, uniqueness, variance explained, dead latents and L0 (means ± sd over the
seeds, on fresh samples) between a floor of random atoms and a ceiling of true ones, and the published order beside them.
Metrics are the published ones (docs, "Evaluation Metrics"); see `score`.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

BLOCK = 2048  # samples drawn at a time
WIDTH = 512  # latents: 4,096 in the published runs
START = {"relu": (2.0, 8.0), "jumprelu": (1.0, 16.0)}  # between these weights the search for a penalty begins
FIXED = ("random atoms", "true atoms, largest projections", "true atoms, true values")
FIGURES = ("F1", "precision", "recall", "MCC", "unique", "explained", "dead", "L0", "CPU s")
PUBLISHED = {  # at L0 = 25: SAELens docs, page SynthSAEBench
    "batchtopk": {"F1": 0.7316, "MCC": 0.7574, "unique": 0.9837, "explained": 0.7923},
    "relu": {"F1": 0.5562, "MCC": 0.6039, "unique": 0.8976, "explained": 0.7654},
    "jumprelu": {"F1": 0.7317, "MCC": 0.7527, "unique": 0.9885, "explained": 0.7951},
}


@dataclass(frozen=True)
class World:
    """Constants of the generator; the defaults are SynthSAEBench-16k's, where a comment does not give another."""

    features: int = 2048  # 16,384
    size: int = 256  # 768
    roots: int = 16  # 128
    branches: int = 4
    depth: int = 3
    exponent: float = 0.5
    most: float = 0.4  # firing probability of the most and of the least frequent feature
    least: float = 5e-4
    rank: int = 25
    correlation: float = 0.1
    magnitudes: tuple[float, float] = (5.0, 4.0)  # of the most and of the least frequent feature
    spread: tuple[float, float] = (0.5, 0.5)  # deviation of a feature's magnitude: |normal(mean, sd)|
    bias: float = 0.5
    straighten: int = 100  # steps of Adam towards orthogonal features, at a rate of 3e-4


class Truth:
    """A world of known features.

    Parameters
    ----------
    world
        Its constants.
    seed
        Of everything that is fixed in it: directions, correlations, deviations.

    Attributes
    ----------
    features
        Unit directions (N, d), in the order of their base frequency.
    """

    def __init__(self, world: World | None = None, seed: int = 42) -> None:
        from scipy.special import ndtri

        self.world = w = world or World()
        rng = np.random.default_rng(seed)
        self.features = straight(rng.normal(size=(w.features, w.size)), w.straighten).astype(np.float32)
        bias = rng.normal(size=w.size)
        self.bias = (w.bias * bias / np.linalg.norm(bias)).astype(np.float32)
        self.mean = np.linspace(*w.magnitudes, w.features).astype(np.float32)
        self.spread = np.abs(rng.normal(*w.spread, w.features)).astype(np.float32)
        self.levels = levels(w)
        self.frequency = zipf(w)
        # fires where factor @ shared + own noise > threshold: with the noise alone on the left it is one comparison
        factor = w.correlation * rng.normal(size=(w.features, w.rank))
        factor *= np.sqrt(np.minimum(1, 0.99 / np.square(factor).sum(1)))[:, None]
        own = np.sqrt(1 - np.square(factor).sum(1))
        self._slope = (-factor / own[:, None]).astype(np.float32)  # (N, rank)
        self._threshold = (ndtri(1 - compensated(self.frequency, self.levels)) / own).astype(np.float32)
        self._free = np.r_[: w.roots, self.levels[-1][1].stop : w.features]  # features without a parent

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Activations (n, d) and the features' values (n, N), zero where a feature is silent; both float32.

        A child is drawn only where its parent fires: elsewhere it is silent whatever its noise.
        """
        from scipy.sparse import csr_array

        w, free = self.world, self._free
        shared = rng.standard_normal((n, w.rank), dtype=np.float32)
        noise = rng.standard_normal((n, len(free)), dtype=np.float32)
        row, at = np.divmod(np.flatnonzero(noise > shared @ self._slope[free].T + self._threshold[free]), len(free))
        feature, value = free[at], self._magnitude(free[at], rng)
        found = [(row, feature, value)]
        for parents, children in self.levels:
            at = np.flatnonzero((feature >= parents.start) & (feature < parents.stop) & (value > 0))
            row, feature, value = row[at], feature[at], value[at]  # (K,): parents that fire
            child = children.start + (feature[:, None] - parents.start) * w.branches + np.arange(w.branches)  # (K, b)
            level = np.einsum("kr,kbr->kb", shared[row], self._slope[child]) + self._threshold[child]
            fires = rng.standard_normal(child.shape, dtype=np.float32) > level
            luck = rng.random(child.shape) * fires  # of the siblings that fire one stays, any as likely
            pick = np.arange(len(child)), luck.argmax(1)
            size = self._magnitude(child[pick], rng) * value / self.mean[feature] * fires[pick]
            feature, value = child[pick], size
            found.append((row, feature, value))
        row, feature, value = (np.concatenate(part) for part in zip(*found, strict=True))
        sparse = csr_array((value, (row, feature)), shape=(n, w.features))
        return sparse @ self.features + self.bias, sparse.toarray()

    def _magnitude(self, feature: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Values of features that fire, before their parents scale them."""
        normal = rng.standard_normal(len(feature), dtype=np.float32)
        return np.maximum(self.mean[feature] + self.spread[feature] * normal, 0)

    def blocks(self, n: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The same in blocks that fit in memory."""
        for start in range(0, n, BLOCK):
            yield self.draw(min(BLOCK, n - start), rng)


def zipf(world: World) -> np.ndarray:
    """Base firing probabilities (N,), falling with the rank: a power law stretched to [least, most]."""
    power = np.arange(1, world.features + 1.0) ** -world.exponent
    return world.least + (world.most - world.least) * (power - power[-1]) / (power[0] - power[-1])


def levels(world: World) -> list[tuple[slice, slice]]:
    """Parents and their children, level by level: the roots are the most frequent features, children follow in order."""
    found, start, count = [], 0, world.roots
    for _ in range(world.depth):
        first = start + count
        if first + world.branches * count > world.features:
            raise ValueError(f"{world.features} features are too few for {world.roots} trees of depth {world.depth}")
        found.append((slice(start, first), slice(first, first + world.branches * count)))
        start, count = first, world.branches * count
    return found


def compensated(frequency: np.ndarray, tree: list[tuple[slice, slice]]) -> np.ndarray:
    """Probability before the trees prune (N,), such that about the base frequency is left: p / parent's p, times one
    more than the siblings expected beside it, at most 1.
    """
    found = frequency.copy()
    for parents, children in tree:
        parent = frequency[parents][:, None]
        child = frequency[children].reshape(len(parent), -1)
        others = child.sum(1, keepdims=True) - child
        found[children] = (child / parent * (1 + others / parent)).ravel()
    return np.minimum(found, 1)


def straight(vectors: np.ndarray, steps: int, lr: float = 3e-4) -> np.ndarray:
    """Unit vectors (N, d), moved by Adam to make them more orthogonal: the sum of squared products of every two, and
    N times the squared departures of the squared lengths from 1.
    """
    x = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    first, second = np.zeros_like(x), np.zeros_like(x)
    for step in range(1, steps + 1):
        length = np.square(x).sum(1, keepdims=True)
        gradient = 4 * (x @ (x.T @ x) - x * length) + 4 * len(x) * (length - 1) * x
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        x = x - lr * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def cosines(atoms: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Absolute cosines (width, N); an atom of length 0 is like no feature."""
    length = np.maximum(np.linalg.norm(atoms, axis=1, keepdims=True), 1e-8)
    return np.abs((atoms / length) @ (features / np.linalg.norm(features, axis=1, keepdims=True)).T)


def score(
    atoms: np.ndarray,
    code: Callable[[np.ndarray, np.ndarray], np.ndarray],
    rebuild: Callable[[np.ndarray], np.ndarray],
    truth: Truth,
    rows: int = 100_000,
    seed: int = 10_000,
) -> dict[str, float]:
    """The published metrics of a dictionary.

    Parameters
    ----------
    atoms
        (width, d), the decoder's.
    code
        (x (n, d), true values (n, N)) to codes (n, width); only an oracle looks at the values.
    rebuild
        Codes to x.
    rows, seed
        Fresh samples on which it is measured.

    Returns
    -------
    dict
        ``F1``: every latent is a detector of the feature whose direction is nearest to its atom (largest absolute
        cosine), mean over latents, 0 for one that never fires; ``precision`` and ``recall`` likewise. ``MCC``: mean
        absolute cosine of atoms and features matched one to one (Hungarian). ``unique``: number of different nearest
        features over the number of latents. ``explained``: 1 - squared error / variance about the mean, both summed over
        dimensions. ``dead``: latents that never fired. ``L0``: mean number of latents that fire.
    """
    from scipy.optimize import linear_sum_assignment

    near = cosines(atoms, truth.features)
    nearest = near.argmax(1)
    both, fires, true = (np.zeros(len(atoms)) for _ in range(3))
    total, square, error = np.zeros(truth.world.size), 0.0, 0.0
    for x, values in truth.blocks(rows, np.random.default_rng(seed)):
        codes = code(x, values)
        active, present = codes != 0, values[:, nearest] > 0
        both += (active & present).sum(0)
        fires += active.sum(0)
        true += present.sum(0)
        total += x.sum(0, dtype=np.float64)
        square += float(np.square(x, dtype=np.float64).sum())
        error += float(np.square(x - rebuild(codes), dtype=np.float64).sum())
    matched = linear_sum_assignment(near, maximize=True)
    precision, recall = both / np.maximum(fires, 1), both / np.maximum(true, 1)
    return {
        "F1": float((2 * both / np.maximum(fires + true, 1)).mean()),
        "MCC": float(near[matched].mean()),
        "unique": len(np.unique(nearest)) / len(atoms),
        "explained": 1 - error / (square - float(np.square(total).sum()) / rows),
        "dead": float((fires == 0).sum()),
        "L0": float(fires.sum()) / rows,
        "precision": float(precision.mean()),
        "recall": float(recall.mean()),
    }


def largest(codes: np.ndarray, k: int) -> np.ndarray:
    """The k largest of every row, where they are positive; 0 elsewhere."""
    least = np.partition(codes, -k, axis=1)[:, [-k]]
    return np.where((codes >= least) & (codes > 0), codes, 0)


def fixed(system: str, k: int) -> dict[str, float]:
    """Dictionaries that are not learned: the floor and the ceilings."""
    truth, width = Truth(), WIDTH
    known = truth.features[:width]
    if system == "true atoms, true values":
        rest = np.mean([v[:, width:].mean(0) for _, v in truth.blocks(32_768, np.random.default_rng(1))], axis=0)
        middle = truth.bias + rest @ truth.features[width:]  # features that are not among the atoms, on average
        return score(known, lambda x, values: values[:, :width], lambda z: z @ known + middle, truth)
    atoms = known
    if system == "random atoms":
        atoms = np.random.default_rng(1).normal(size=known.shape).astype(np.float32)
        atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    x, _ = truth.draw(BLOCK, np.random.default_rng(1))
    middle = x.mean(0)
    rebuilt = largest((x - middle) @ atoms.T, k) @ atoms
    # atoms overlap, so their projections add up to too much
    gain = (rebuilt * (x - middle)).sum() / np.square(rebuilt).sum()
    return score(atoms, lambda x, _: largest((x - middle) @ atoms.T, k), lambda z: gain * z @ atoms + middle, truth)


def save(path: str, rows: int, seed: int) -> None:
    """Draw training samples to a file, so that every method sees the same."""
    truth = Truth()
    x = np.lib.format.open_memmap(path, "w+", np.float32, (rows, truth.world.size))
    start = 0
    for block, _ in truth.blocks(rows, np.random.default_rng(seed)):
        x[start : start + len(block)] = block
        start += len(block)


def train(activation: str, path: str, seed: int, epochs: int, options: dict[str, Any], rows: int | None = None) -> Any:
    """One `fit` on one thread."""
    import torch

    import selfsup

    torch.set_num_threads(1)
    x = np.load(path, mmap_mode="c")[:rows]
    quiet = {"evaluate": False, "holdout": 0.0, "progress": False, "device": "cpu"}
    return selfsup.fit(
        x, "sparse", activation=activation, seed=seed, epochs=epochs, n_components=WIDTH, **quiet, **options
    )


def learned(activation: str, path: str, seed: int, epochs: int, options: dict[str, Any]) -> dict[str, float]:
    """Train one, and measure it."""
    begin = time.process_time()
    model = train(activation, path, seed, epochs, options)
    seconds = time.process_time() - begin
    atoms = model.method.atoms().numpy()
    return score(atoms, lambda x, _: model.encode(x), model.decode, Truth()) | {"CPU s": seconds}


def penalty(activation: str, path: str, epochs: int, target: float) -> float:
    """The weight at which as many latents fire as wanted, found on training data only.

    A search on a fifth of the samples, on the line through logarithms; then, since longer training changes the number, the
    whole job again at the weight that the slope found there asks for, until it is within 2 per cent (at most three times).
    """
    whole = len(np.load(path, mmap_mode="r"))

    def over(weight: float, rows: int) -> float:
        """Logarithm of the number that fire over the number wanted."""
        model = train(activation, path, 0, epochs, {"penalty": weight}, rows)
        fired = float((model.encode(np.load(path, mmap_mode="r")[:8192]) != 0).sum(1).mean())
        print(f"{activation}: penalty {weight:.4g} on {rows:,} samples: L0 {fired:.2f}", file=sys.stderr, flush=True)
        return math.log(max(fired, 0.01) / target)

    low, high = (math.log(weight) for weight in START[activation])
    many, few = over(math.exp(low), whole // 5), over(math.exp(high), whole // 5)
    if not many > 0 > few:
        print(f"{activation}: L0 {target:g} lies outside the range that was searched", file=sys.stderr, flush=True)
        return math.exp(high if many > 0 else low)
    for _ in range(4):
        at = high + (low - high) * min(max(few / (few - many), 0.25), 0.75)
        middle = over(math.exp(at), whole // 5)
        low, many, high, few = (at, middle, high, few) if middle > 0 else (low, many, at, middle)
        if abs(middle) < 0.05:
            break
    slope = min((few - many) / (high - low), -0.3)
    for _ in range(3):
        middle = over(math.exp(at), whole)
        if abs(middle) < 0.02:
            break
        at -= middle / slope
    return math.exp(at)


def tell(about: str, job: Future[dict[str, float]]) -> None:
    """A line of progress."""
    if not job.cancelled() and job.exception() is None:
        figures = ", ".join(f"{name} {job.result()[name]:.4g}" for name in FIGURES)
        print(f"{about}: {figures}", file=sys.stderr, flush=True)


def cells(rows: list[dict[str, float]]) -> str:
    """Means and deviations in the columns of the table."""
    parts = []
    for name in FIGURES:
        column = [row[name] for row in rows if name in row]
        digits = 1 if name in ("dead", "L0", "CPU s") else 4
        text = f"{np.mean(column):.{digits}f}" if column else "-"
        parts.append(f"{text + (f' ±{np.std(column):.{digits}f}' if len(column) > 1 else ''):>16}")
    return "".join(parts)


def order(rows: dict[str, dict[str, float]], name: str) -> str:
    """Methods by a figure, best first."""
    return " > ".join(f"{key} {rows[key][name]:.3f}" for key in sorted(rows, key=lambda key: -rows[key][name]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="seeds of training, each with samples of its own")
    parser.add_argument("--samples", type=int, default=500_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument(
        "--l0", type=int, default=8, help="active latents a sample; 8 here is 25 in the published world"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time, of one thread each")
    parser.add_argument("--activations", nargs="+", default=["topk", "batchtopk", "relu", "jumprelu"])
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    from _timing import apart

    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.jobs) as pool:
        paths = [str(Path(folder) / f"{seed}.npy") for seed in range(given.seeds)]
        list(pool.map(lambda job: apart(save, *job), [(path, given.samples, 1 + i) for i, path in enumerate(paths)]))
        floor = {name: pool.submit(apart, fixed, name, given.l0) for name in FIXED}
        found = {
            name: pool.submit(apart, penalty, name, paths[0], given.epochs, given.l0)
            for name in START
            if name in given.activations
        }
        options: dict[str, dict[str, Any]] = {name: {"k": given.l0} for name in given.activations if name not in START}

        jobs: dict[str, list[Future[dict[str, float]]]] = {}

        def submit(names: Iterable[str]) -> None:
            for seed, path in enumerate(paths):
                for name in names:
                    job = pool.submit(apart, learned, name, path, seed, given.epochs, options[name])
                    jobs.setdefault(name, []).append(job)
                    job.add_done_callback(lambda job, about=f"{name}, seed {seed}": tell(about, job))

        submit(list(options))
        for name, job in found.items():
            options[name] = {"penalty": job.result()}
            submit([name])
        table = {name: [job.result()] for name, job in floor.items()}
        table |= {name: [job.result() for job in row] for name, row in jobs.items()}
    world = World()
    print(
        f"{world.features} features in {world.size} dimensions, {WIDTH} latents, L0 {given.l0}; "
        f"{given.samples:,} samples x {given.epochs} epochs, {given.seeds} seeds, {time.perf_counter() - begin:.0f} s"
    )
    print(f"{'':<32}" + "".join(f"{name:>16}" for name in FIGURES))
    for name, rows in table.items():
        weight = options.get(name, {}).get("penalty")
        print(f"{name + (f' (penalty {weight:.3g})' if weight else ''):<32}{cells(rows)}")
    for name, row in PUBLISHED.items():
        print(f"{'published, L0 25: ' + name:<32}{cells([row])}")
    published = {name: row for name, row in PUBLISHED.items() if name in table}
    ours = {
        name: {figure: float(np.mean([row[figure] for row in table[name]])) for figure in FIGURES} for name in published
    }
    for figure in ("F1", "MCC", "unique", "explained"):
        print(f"{figure:<10} here       {order(ours, figure)}")
        print(f"{'':<10} published  {order(published, figure)}")


if __name__ == "__main__":
    sys.exit(main())
