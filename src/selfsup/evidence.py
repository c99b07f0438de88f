"""Gathering the evidence: the model's codes beside raw input, PCA and the same network untrained."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfsup.data import Dataset
from selfsup.evaluation import Evaluation, Features, compare, flat_map, health, pca_features, verdict
from selfsup.method import Method, Samples
from selfsup.model import Model, encode_batches

MAX_LABELS = 5_000  # labelled rows used for training a probe, and rows it is tested on: what a laptop does in a minute
MAX_TEST = 10_000
MAP_ROWS = 1_000
SHOWN = 8  # samples in the picture of seen / guessed / true


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
    raw = [encode_batches(lambda x: {"raw": x.flatten(1)}, samples, device, rows)["raw"] for samples, rows in sides]
    untrained = untrained.to(device).eval()
    random = [encode_batches(untrained.layers, samples, device, rows) for samples, rows in sides]
    found = {("raw input", ""): Features(*raw), ("PCA", ""): pca_features(raw[0], raw[1], width)}
    return found | {("random init", name): Features(random[0][name], random[1][name]) for name in random[0]}


def pictures(model: Model, dataset: Dataset, rows: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """What the method saw, guessed and should have guessed for a few samples, and a flat map of the codes."""
    rows = _some(rows, MAP_ROWS, np.random.default_rng(seed))
    samples = dataset.samples()
    x = samples[torch.from_numpy(rows[:SHOWN])].to(model.device)
    rng = torch.Generator(device=model.device).manual_seed(seed)
    with torch.inference_mode():
        seen, hidden = model.method.hide(x, rng)
        shown = {"input": x, "seen": seen, "guess": model.method.predict(seen), "answer": model.method.target(hidden)}
    arrays = {name: array for key, tree in shown.items() for name, array in _flatten(key, tree)}
    if len(rows) >= 3:
        codes = encode_batches(
            lambda x: {"code": model.method.encode(x)}, samples, model.device, torch.from_numpy(rows)
        )
        arrays["map"] = flat_map(codes["code"])
        if dataset.labels is not None:
            arrays["map_labels"] = dataset.labels[rows]
    return arrays


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
