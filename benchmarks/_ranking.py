"""Which measure without labels ranks runs as a probe does? Every measure of many runs beside the accuracy of a probe."""

from __future__ import annotations

import math
import tempfile
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from _panels import Planted, cifar, masked_words, mnist, run, text
from _planted import Column, Rows, Twins, curved, digits, rings, waves
from selfsup.hide import random_crop
from selfsup.measures.health import effective_rank
from selfsup.measures.samples.spectrum import alignment, alpha_req, participation_ratio, uniformity

FEWEST = 5  # runs of a group
OF_CODES = ("RankMe", "participation ratio", "alpha-ReQ", "|alpha - 1|", "stability", "alignment", "uniformity")
OF_LOSSES = ("loss", "gap", "gap / loss", "held-out / training")
FLAT = {
    "alpha-ReQ",
    "|alpha - 1|",
    "uniformity",
}  # whose difference from the untrained net's is taken, and not the ratio
SHARED = {  # method and options of what is tried on further data, so that a run takes a few seconds
    "sparse": ("sparse", {"n_components": 256, "epochs": 12}),
    "variational": ("variational", {"net": "mlp", "hidden": (64,), "n_components": 16, "epochs": 12}),
    "denoising": ("denoising", {"net": "mlp", "hidden": (64,), "epochs": 6}),
    "rotation": ("rotation", {"hidden": (8, 16), "epochs": 3}),
    "position": ("position", {"hidden": (8, 16), "pairs": 4, "epochs": 3}),
    "column": (Column, {"steps": 300}),
}


def grid() -> list[Planted]:
    """Runs that differ in rate, hiding and what they are asked for: some good, some not."""
    mlp = {"net": "mlp", "hidden": (64,), "epochs": 20}
    made = []

    def add(name: str, method: Any, rows: Any, **how: Any) -> None:
        made.append(run(f"{name} {len(made)}", "any", method, rows, **how))

    for lr in (1e-4, 2e-3, 3e-2):
        for level in (0.05, 0.5, 2.0):
            add("denoising digits", "denoising", digits, level=level, lr=lr, **mlp)
        for share in (0.2, 0.6, 0.9):
            add("masking waves", "denoising", waves, corruption="masking", level=share, lr=lr, epochs=20)
        for width in (2, 6, 24):
            add("undercomplete curved", "undercomplete", curved, n_components=width, lr=lr, start="random", epochs=20)
        for noise in (0.1, 0.5, 1.5):
            add("twins digits", Twins, digits, noise=noise, lr=lr, variance=5.0, covariance=1.0, steps=200)
    rates = [{"lr": lr} for lr in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)]
    further = [
        ("sparse", mnist, [{"penalty": penalty, "lr": lr} for penalty in (0.3, 3, 30) for lr in (1e-4, 2e-3)]),
        ("variational", mnist, [{"beta": beta, "lr": lr} for beta in (0.2, 2, 20) for lr in (1e-4, 2e-3)]),
        ("denoising", cifar, [{"level": level, "lr": lr} for level in (0.1, 1.0) for lr in (1e-4, 2e-3, 3e-2)]),
        *[(method, rows, rates) for method, rows in (("rotation", mnist), ("rotation", cifar), ("position", cifar))],
        *[("column", rows, [{"column": 2, **rate} for rate in rates]) for rows in (rings, waves)],
    ]
    for name, rows, ways in further:
        method, how = SHARED[name]
        for n, way in enumerate(ways):
            made.append(run(f"{name} {rows.__name__}, {n}", "any", method, rows, **how, **way))
    words = [("skipgram", "skipgram", lr, dim) for lr in (1e-3, 0.025, 0.05) for dim in (4, 32)]
    words += [("masked words", masked_words(), lr, dim) for lr in (1e-4, 2e-2, 0.3) for dim in (4, 32)]
    for name, method, lr, dim in words:
        more = {"threads": 1, "sample": 0.0} if name == "skipgram" else {}
        made.append(text(f"{name} {len(made)}", "any", method, lines=400, of=31, epochs=6, lr=lr, dim=dim, **more))
    return made


def data_of(rows: Rows) -> str:
    """The name of the data, by the form of a sample; a mark or a copied column makes no other data."""
    size = rows.x.shape[1:]
    named = {
        (8, 8): "digits",
        (28, 28): "mnist",
        (32, 32): "cifar",
        (24,): "waves" if len(rows.fresh) == 1000 else "rings",
    }
    return named.get(size[:2], str(size))


@torch.no_grad()
def of_codes(model: Any, rows: Rows) -> dict[str, float]:
    """Of the codes of fresh rows: shape, how little noise and views change them, and how they lie on the sphere."""
    x = rows.fresh[:400]
    codes = model.encode(x).astype(np.float64)
    rng = torch.Generator().manual_seed(0)
    spread = float(np.sqrt(np.square(codes - codes.mean(0)).mean())) or 1e-30
    noisy = x + 0.01 * x.std(0, keepdims=True) * np.random.default_rng(0).standard_normal(x.shape)
    moved = float(np.sqrt(np.square(model.encode(as_were(noisy, x)) - codes).mean())) / spread
    alpha = alpha_req(codes)
    first, second = (model.encode(view(x, rng)).astype(np.float64) for _ in range(2))
    return {
        "RankMe": effective_rank(codes), "participation ratio": participation_ratio(codes), "alpha-ReQ": alpha,
        "|alpha - 1|": abs(alpha - 1), "stability": moved, "alignment": alignment(first, second),
        "uniformity": uniformity(codes),
    }  # fmt: skip


def as_were(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Values of the type, and of images within the range, that they had."""
    return x.clip(like.min(), like.max()).astype(np.float32).round().astype(like.dtype) if like.dtype == np.uint8 else (
        x.clip(like.min(), like.max()) if like.ndim > 2 else x).astype(like.dtype)  # fmt: skip


def view(x: np.ndarray, rng: torch.Generator) -> np.ndarray:
    """Images moved by up to an eighth of their side; of a table, a fifth of each row's values taken from other rows."""
    if x.ndim == 2:
        places = torch.rand(x.shape, generator=rng).numpy() < 0.2
        return np.where(places, x[torch.randperm(len(x), generator=rng).numpy()], x)
    t = torch.from_numpy(x.astype(np.float32)).reshape(len(x), x.shape[1], x.shape[2], -1).permute(0, 3, 1, 2)
    moved = random_crop(t, x.shape[1] // 8, rng).permute(0, 2, 3, 1).reshape(x.shape)
    return moved.numpy().astype(x.dtype)


def of_words(model: Any, planted: Planted) -> dict[str, float]:
    """What of these there is of word vectors; the two views of alignment are words that stand beside each other."""
    vectors = model.word_vectors
    table = np.stack([vectors[word] for word in vectors.words]).astype(np.float64)
    alpha = alpha_req(table)
    place = {word: n for n, word in enumerate(vectors.words)}
    with tempfile.TemporaryDirectory() as folder:
        lines = planted.rows(Path(folder) / "text.txt").read_text().splitlines()
    beside = [[place[word] for word in pair] for line in lines for pair in pairwise(line.split())]
    first, second = np.array(beside).T  # (pairs,) each
    return {
        "RankMe": effective_rank(table), "participation ratio": participation_ratio(table), "alpha-ReQ": alpha,
        "|alpha - 1|": abs(alpha - 1), "alignment": alignment(table[first], table[second]),
        "uniformity": uniformity(table),
    }  # fmt: skip


def of_losses(model: Any) -> dict[str, float]:
    """From the records: of the end, and beside those before training."""
    start, end = model.start, (model.history or [model.start])[-1]
    found = {"loss": end["heldout"], "gap": end["gap"], "gap / loss": end["gap"] / max(abs(end["heldout"]), 1e-12)}
    found["held-out / training"] = end["heldout"] / end.get("loss", math.nan) if end.get("loss", 0) > 0 else math.nan
    before = {
        "loss": start["heldout"],
        "gap": start["gap"],
        "gap / loss": start["gap"] / max(abs(start["heldout"]), 1e-12),
    }
    return found | {f"{key} untrained": value for key, value in before.items()}


def measured(planted: Planted, truth: dict[str, Any], model: Any, untrained: Any) -> dict[str, Any]:
    """One row: every measure, that of the untrained net, and the probe."""
    row: dict[str, Any] = {"name": planted.name, "method": type(model.method).__name__, **of_losses(model)}
    if not planted.text and "probe model" not in truth:
        return row | {"probe": None}
    if planted.text:
        row |= of_words(model, planted) | {f"{k} untrained": v for k, v in of_words(untrained, planted).items()}
        return row | {"data": "text", "probe": truth["related"], "probe untrained": truth["chance"]}
    rows = planted.rows()
    row |= of_codes(model, rows) | {f"{k} untrained": v for k, v in of_codes(untrained, rows).items()}
    return row | {
        "data": data_of(rows),
        "probe": truth.get("probe model"),
        "probe untrained": truth.get("probe random init"),
    }


def relative(row: dict[str, Any], name: str) -> float:
    """Beside the untrained net's: the ratio, or the difference of what has no zero."""
    value, before = row.get(name, math.nan), row.get(f"{name} untrained", math.nan)
    return value - before if name in FLAT else value / before if before else math.nan


def rank_correlation(x: list[float], y: list[float]) -> float:
    from scipy.stats import spearmanr

    kept = np.isfinite(x) & np.isfinite(y)
    a, b = np.array(x)[kept], np.array(y)[kept]
    if len(a) < FEWEST or len(set(a)) < 3 or len(set(b)) < 3:
        return math.nan
    return float(spearmanr(a, b)[0])


def correlations(rows: list[dict[str, Any]]) -> list[str]:
    """Spearman of every measure with the probe, plain and relative, within a method and across methods on the same data."""
    ways = {"within": ("method", "data"), "across": ("data",)}
    lines = [f"{'measure':<22}" + "".join(f"{way + kind:>22}" for way in ways for kind in (", plain", ", relative"))]
    for name in (*OF_LOSSES, *OF_CODES):
        cells = []
        for way in ways.values():
            groups = defaultdict(list)
            for row in rows:
                groups[tuple(row[key] for key in way)].append(row)
            for plain in (True, False):
                found = []
                for group in groups.values():
                    values = [row.get(name, math.nan) if plain else relative(row, name) for row in group]
                    truths = [row["probe"] - (0 if plain else row["probe untrained"]) for row in group]
                    found.append(rank_correlation(values, truths))
                known = [one for one in found if math.isfinite(one)]
                cells.append(f"{np.mean(known):+.2f} ± {np.std(known):.2f} ({len(known)})" if known else "-")
        lines.append(f"{name:<22}" + "".join(f"{cell:>22}" for cell in cells))
    return lines


def listed(rows: list[dict[str, Any]]) -> list[str]:
    """Every run in a line."""
    names = (*OF_LOSSES, *OF_CODES)
    head = f"{'run':<38}{'data':<8}{'probe':>7}{'random':>7}" + "".join(f"{name[:11]:>12}" for name in names)
    lines = [head]
    for row in sorted(rows, key=lambda one: (one["data"], -one["probe"])):
        cells = "".join(f"{row.get(name, math.nan):>12.4g}" for name in names)
        lines.append(
            f"{row['name'][:37]:<38}{row['data'][:7]:<8}{100 * row['probe']:>7.1f}{100 * row['probe untrained']:>7.1f}{cells}"
        )
    return lines
