"""Gathering the evidence: the model's codes beside raw input, PCA and the same network untrained."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfsup.data import Dataset
from selfsup.errors import OptionError
from selfsup.measures import Evaluation, Features, flat_map, health, pca_features, verdict
from selfsup.measures.samples.compare import compare
from selfsup.method import Method, Samples
from selfsup.model.latent import between, deviations, draw, sweep
from selfsup.model.model import Model, encode_batches

MAX_LABELS = 5_000  # labelled rows used for training a probe, and rows it is tested on: what a laptop does in a minute
MAX_TEST = 10_000
MAP_ROWS = 1_000
SHOWN, FEW = 8, 4  # samples in the picture of seen / guessed / true; fewer where one has more values than LARGE
LARGE = 3 * 64 * 64
SIDE = 48  # larger images are made smaller for the pictures of what a decoder gives
ROOM = 160_000  # float32 values that those pictures may take in all
STEPS, UNITS, ATOMS, DRAWN, EXTREMES = 8, 6, 64, 16, 8
SCORED, DRAWS = 512, 8  # rows that are scored for a picture, and how often what is random is drawn


def gather(
    model: Model,
    untrained: Method,
    train: tuple[Dataset, np.ndarray],
    test: tuple[Dataset, np.ndarray],
    *,
    seed: int = 0,
    max_labels: int = MAX_LABELS,
) -> Evaluation:
    """Evaluate a model.

    Parameters
    ----------
    untrained
        The same method as it was before training.
    train, test
        A data set and the row numbers to take of it; probes are trained on the first, everything is measured on the second.

    Returns
    -------
    Evaluation
        Health always; probes and kNN where the data have labels.
    """
    dataset, rows = train
    test_dataset, test_rows = test
    rng = np.random.default_rng(seed)
    test_rows = _some(test_rows, MAX_TEST, rng)
    tested = model.encode_rows(test_dataset.samples(), torch.from_numpy(test_rows))
    codes = _main(tested, model, test_dataset, test_rows)
    found = health(codes, model.start, model.history[-1] if model.history else model.start)
    probe: list[dict[str, Any]] = []
    knn: list[dict[str, Any]] = []
    notes = list(model.config.get("notes", []))
    classes = 0 if dataset.labels is None else len(np.unique(dataset.labels[rows]))
    if classes == 1:
        notes.append("the labels are all of one class; a comparison needs at least 2 classes")
    if dataset.labels is not None and test_dataset.labels is not None and classes > 1:
        rows = _some(rows, max_labels, rng)
        if len(rows) == max_labels:
            notes.append(
                f"probes were trained on at most {max_labels:,} labelled rows and tested on {len(test_rows):,}"
            )
        features = {
            ("model", name): Features(trained, tested[name])
            for name, trained in model.encode_rows(dataset.samples(), torch.from_numpy(rows)).items()
        }
        features |= baselines(
            untrained, model.device, (dataset.samples(), rows), (test_dataset.samples(), test_rows), codes.shape[1]
        )
        probe, knn = compare(features, dataset.labels[rows], test_dataset.labels[test_rows], seed=seed)
    return Evaluation(verdict(found, probe, knn), found, probe, knn, notes)


def baselines(
    untrained: Method,
    device: torch.device,
    train: tuple[Samples, np.ndarray],
    test: tuple[Samples, np.ndarray],
    width: int,
) -> dict[tuple[str, str], Features]:
    """Raw input, PCA of the same width, and every block of the untrained network."""
    sides = [(samples, torch.from_numpy(rows)) for samples, rows in (train, test)]
    few = train[0][torch.from_numpy(train[1][:MAX_LABELS])].flatten(1)
    mean = few.nanmean(0).nan_to_num().to(device)  # what stands in for a missing value

    def filled(x: Tensor) -> dict[str, Tensor]:
        rows = x.flatten(1)
        return {"raw": torch.where(rows.isnan(), mean, rows)}

    raw = [encode_batches(filled, samples, device, rows)["raw"] for samples, rows in sides]
    untrained = untrained.to(device).eval()
    random = [encode_batches(untrained.layers, samples, device, rows) for samples, rows in sides]
    found = {("raw input", ""): Features(*raw), ("PCA", ""): pca_features(raw[0], raw[1], width)}
    return found | {("random init", name): Features(random[0][name], random[1][name]) for name in random[0]}


def pictures(model: Model, dataset: Dataset, rows: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """What the method saw, guessed and should have guessed for a few samples, and a flat map of the codes."""
    rows = _some(rows, MAP_ROWS, np.random.default_rng(seed))
    samples = dataset.samples()
    some = rows[: FEW if np.prod(dataset.intake.shape) > LARGE else SHOWN]
    x = samples[torch.from_numpy(some)].to(model.device)
    rng = torch.Generator(device=model.device).manual_seed(seed)
    with torch.inference_mode():
        seen, hidden = model.method.hide(x, rng)
        guess, show = model.method.predict(seen), model.method.show
        shown = {"input": x, "seen": show(seen), "guess": show(guess), "answer": show(model.method.target(hidden))}
    arrays = {name: array for key, tree in shown.items() for name, array in _flatten(key, tree)}
    if len(rows) >= 3:
        codes = encode_batches(
            lambda x: {"code": model.method.encode(x)}, samples, model.device, torch.from_numpy(rows)
        )
        arrays["map"] = flat_map(codes["code"])
        if dataset.labels is not None:
            arrays["map_labels"] = dataset.labels[rows]
    return arrays | (decoded(model, samples, rows, seed) if model.method.decodes() else {})


def decoded(model: Model, samples: Samples, rows: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """What a decoder makes of codes, as small float32 arrays of samples in the scale that the method sees.

    Parameters
    ----------
    rows
        Row numbers of held-out samples.

    Returns
    -------
    dict
        ``samples`` (n, ...) new ones; ``interpolation`` (pairs, steps, ...) between held-out samples; ``traversal`` (units,
        steps, ...) of the ``traversal_units`` with the largest deviations; ``atoms`` (n, ...) of the ``atoms_units`` that are
        active most often; ``score_low`` and ``score_high`` (n, ...), the least and the most normal samples, with
        ``score_low_values`` and ``score_high_values``. What the method or the data cannot give is left out.
    """
    counts = _counts(_small(samples[torch.from_numpy(rows[:1])]).size, hasattr(model.method, "atoms"))
    if not counts:
        return {}
    found: dict[str, np.ndarray] = {}
    some = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), SCORED)).astype(int))]
    with torch.inference_mode():
        with contextlib.suppress(OptionError):  # nothing to draw from
            rng = torch.Generator(device=model.device).manual_seed(seed)
            found["samples"] = _small(draw(model.method, model.codes, counts["samples"], rng))
        found |= _ways(model, samples, rows, counts)
        found |= _atoms(model, samples, some, counts["atoms"])
        found |= _extremes(model, samples, some, counts["extremes"], seed)
    return found


def _ways(model: Model, samples: Samples, rows: np.ndarray, counts: dict[str, int]) -> dict[str, np.ndarray]:
    """What lies on the way from one code to another, and along single units."""

    def back(z: np.ndarray) -> np.ndarray:
        return _small(model.method.decode(torch.from_numpy(z).to(model.device)))

    found: dict[str, np.ndarray] = {}
    if len(rows) > 3:
        places = rows[np.linspace(0, len(rows) - 1, 4).astype(int)]  # apart, should the data be sorted
        ends = model.method.encode(samples[torch.from_numpy(places)].to(model.device)).float().cpu().numpy()
        pairs = [(ends[0], ends[2]), (ends[1], ends[3])][: counts["pairs"]]
        found["interpolation"] = np.stack([back(between(a, b, counts["steps"])) for a, b in pairs])
    if "mean" in model.codes:
        spread = deviations(model.codes)
        units = np.argsort(-spread, kind="stable")[: counts["units"]]
        units = units[spread[units] > 0]
        if len(units):
            found["traversal"] = np.stack([back(sweep(model.codes, unit, counts["steps"])) for unit in units.tolist()])
            found["traversal_units"] = units.astype(np.int64)
    return found


def _counts(size: int, atoms: bool) -> dict[str, int]:
    """How many of each picture there is room for; none where a sample is very large."""
    most = {"samples": DRAWN, "units": UNITS, "steps": STEPS, "atoms": ATOMS, "extremes": EXTREMES}
    share = ROOM / (size * (DRAWN + (UNITS + 2) * STEPS + ATOMS * atoms + 2 * EXTREMES))
    if share >= 1:
        return most | {"pairs": 2}
    least = {"samples": 4, "units": 2, "steps": 5, "atoms": 4, "extremes": 3}
    fit = {name: max(least[name], int(count * share)) for name, count in most.items()} | {"pairs": 1}
    return fit if size * (fit["samples"] + fit["steps"] * (fit["units"] + 1)) <= ROOM else {}


def _small(x: Tensor) -> np.ndarray:
    """Samples (n, ...) float32; large images (n, C, H, W) made smaller by averaging."""
    x = x.float()
    if x.ndim == 4 and max(x.shape[2:]) > SIDE:
        share = SIDE / max(x.shape[2:])
        height, width = (max(1, round(share * side)) for side in x.shape[2:])
        x = torch.nn.functional.adaptive_avg_pool2d(x, (height, width))
    array: np.ndarray = x.cpu().numpy()
    return array


def _atoms(model: Model, samples: Samples, rows: np.ndarray, most: int) -> dict[str, np.ndarray]:
    """Atoms of the units that are active most often, of a method that has atoms."""
    atoms = getattr(model.method, "atoms", None)
    if not callable(atoms):
        return {}
    codes = encode_batches(
        lambda x: {"on": (model.method.encode(x) != 0)}, samples, model.device, torch.from_numpy(rows)
    )
    share = codes["on"].mean(0)
    units = np.argsort(-share, kind="stable")[:most]
    units = units[share[units] > 0]
    if not len(units):
        return {}
    chosen = atoms()[torch.from_numpy(units).to(model.device)].unflatten(1, tuple(model.intake.shape))
    return {"atoms": _small(chosen), "atoms_units": units.astype(np.int64)}


def _extremes(model: Model, samples: Samples, rows: np.ndarray, most: int, seed: int) -> dict[str, np.ndarray]:
    """The least and the most normal samples with their scores, lowest and highest first."""
    scores = np.concatenate([_scores(model, samples, part, seed) for part in np.array_split(rows, -(-len(rows) // 64))])
    rows, scores = rows[np.isfinite(scores)], scores[np.isfinite(scores)]
    order = np.argsort(scores, kind="stable")
    count = min(most, len(order) // 2)
    found: dict[str, np.ndarray] = {}
    for name, places in (("score_low", order[:count]), ("score_high", order[::-1][:count])):
        if count:
            found[name] = _small(samples[torch.from_numpy(rows[places])])
            found[f"{name}_values"] = scores[places]
    return found


def _scores(model: Model, samples: Samples, rows: np.ndarray, seed: int) -> np.ndarray:
    """Scores (n,) of a few rows; the same noise serves every call."""
    rng = torch.Generator(device=model.device).manual_seed(seed)
    scores: np.ndarray = (
        model.method.score(samples[torch.from_numpy(rows)].to(model.device), rng, DRAWS).float().cpu().numpy()
    )
    return scores


def _some(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """At most so many of the rows, drawn without looking at labels."""
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _main(found: dict[str, np.ndarray], model: Model, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """What `encode` gives for the rows."""
    samples, chosen = dataset.samples(), torch.from_numpy(rows)
    if "code" in found:
        return found["code"]
    return encode_batches(lambda x: {"code": model.method.encode(x)}, samples, model.device, chosen)["code"]


def _flatten(name: str, tree: Any) -> list[tuple[str, np.ndarray]]:
    """Named arrays of a tensor, or of a NamedTuple's fields."""
    if isinstance(tree, Tensor):
        return [(name, tree.cpu().numpy())]
    return [pair for field, part in zip(tree._fields, tree, strict=True) for pair in _flatten(f"{name}.{field}", part)]
