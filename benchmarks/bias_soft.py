"""Soft debiasing (Bolukbasi et al. 2016, sec. 6): seconds and peak memory, in a process of its own.

    python benchmarks/bias_soft.py [--words 50000] [--dim 300] [--vectors FILE] [--rounds 3]

Words lie in clusters of 200, with spreads by dimension that fall off as those of real vectors do; ten pairs differ along one
direction. A row is one run: the vectors are read from a file, then `soft_debias` is timed. "bounded" has so few neutral words,
and so large a tuning, that the closed form is no positive semidefinite matrix and the iteration is needed.
Seconds are of the CPU and of the wall; peak memory (MB) is that of the whole process, with the table before and after in it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from _timing import Clock, apart
from selfsup import WordVectors
from selfsup.words.bias.attribute import Attribute

KINDS = {"lambda 0.2": {}, "lambda 0.2, averaged": {"average": True}, "bounded": {"tuning": 1e6}}
FEW = 50  # neutral words of "bounded"


def made(n: int, dim: int) -> WordVectors:
    """Vectors (n, dim) float32 with the definitional pairs of gender among the words."""
    rng = np.random.default_rng(0)
    spread = np.arange(1, dim + 1) ** -0.3
    x = rng.standard_normal((n, dim), dtype=np.float32) * 0.6
    x += rng.standard_normal((n // 200 + 1, dim), dtype=np.float32)[rng.integers(0, n // 200 + 1, n)]
    x *= spread
    pairs = [tuple(word.lower() for word in pair) for pair in Attribute.read("gender").pairs]
    words = [*(word for pair in pairs for word in pair), *(f"w{row}" for row in range(n))][:n]
    axis = rng.standard_normal(dim) * spread
    for number in range(len(pairs)):
        x[2 * number + 1] = x[2 * number] - axis + 0.3 * rng.standard_normal(dim) * spread
    return WordVectors(words, x, np.arange(n, 0, -1))


def run(kind: str, path: str) -> dict[str, object]:
    """Figures of one run."""
    from selfsup.words.bias.direction import direction
    from selfsup.words.bias.soft import soft_debias

    vectors = WordVectors.load(path)
    found = direction(vectors, positive="she")
    options = dict(KINDS[kind])
    if kind == "bounded":
        options["specific"] = list(vectors.words)[:-FEW]
    with Clock() as clock:
        _, transform = soft_debias(vectors, found, **options)
    facts = transform.facts
    figures = {"cpu": clock.cpu, "wall": clock.wall, "peak": clock.peak}
    return {"kind": kind, **figures, "left": facts["left"], "steps": facts["steps"], "gap": facts["gap"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=300)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.vectors or Path(folder) / "made.safetensors"
        if given.vectors is None:
            made(given.words, given.dim).save(path)
        print(f"{'':<24}{'cpu s':>10}{'wall s':>10}{'peak MB':>10}{'left':>10}{'steps':>8}{'gap':>10}")
        for _ in range(given.rounds):
            for kind in KINDS:
                row = apart(run, kind, str(path))
                print(
                    f"{row['kind']:<24}{row['cpu']:>10.2f}{row['wall']:>10.2f}{row['peak']:>10.0f}"
                    f"{row['left']:>10.4f}{row['steps']:>8}{row['gap']:>10.1g}"
                )


if __name__ == "__main__":
    main()
