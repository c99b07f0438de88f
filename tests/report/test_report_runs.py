"""Run folders that were never run, and a reader of the report made of them, for the other tests of the report."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from selfsup import store
from selfsup.report import page

EVIL = "</script><img src=x onerror=alert(1)>"
CLASSES = [str(digit) for digit in range(9)] + [EVIL]


def config(method="rotation", **more):
    image = method in ("rotation", "denoising")
    return {
        "selfsup": "0.1.0",
        "method": method,
        "options": {"net": "auto", "hidden": None, "block": "middle", "shift": 2},
        "training": {"solver": "sgd", "epochs": 12, "batch_size": 64, "lr": 0.002},
        "seed": 0,
        "form": {"kind": "image" if image else "table", "shape": [1, 8, 8] if image else [12], "low": 0, "high": 1},
        "data": {
            "source": "digits",
            "rows": 1437,
            "fingerprint": "a3f1c2d4e5b60718",
            "classes": CLASSES,
            "description": "1,797 grey images of 8 × 8, 10 classes",
        },
        "parameters": 93188,
        "net": "conv, 3 blocks of 32, 64 and 128 channels",
        "why": "pictures with an upright",
        "versions": {"torch": "2.9.0", "numpy": "2.3.0", "python": "3.12.3"},
        "hardware": "2 cores of a CPU",
        "seconds": 83.4,
        "created": "2026-07-01T10:00:00+00:00",
        **more,
    }


def history(epochs=12, terms=("turn",)):
    rng = np.random.default_rng(0)
    records = []
    for epoch in range(epochs + 1):
        loss = 0.25 + 1.15 * np.exp(-epoch / 3) + 0.02 * rng.random()
        record = {"epoch": epoch, "heldout": loss + 0.05, "gap": 2.1 * (1 - np.exp(-epoch / 3)), "shuffled": loss + 2}
        if epoch:
            record |= {"loss": loss, "terms": {term: loss / len(terms) for term in terms}, "lr": 0.002, "seconds": 6.5}
        records.append(record)
    return records


def rows(counts=(1, 5, 20, 100, "all"), classes=10):
    base = {("model", "block1", 32): 0.62, ("model", "block2", 64): 0.7, ("model", "block3", 128): 0.6}
    base |= {("random init", "block2", 64): 0.55, ("PCA", "", 64): 0.58, ("raw input", "", 64): 0.59}
    found = []
    for (encoder, layer, width), low in base.items():
        for place, count in enumerate(counts):
            labels = 1437 if count == "all" else count * classes
            row = {"encoder": encoder, "layer": layer, "width": width, "labels_per_class": count, "labels": labels}
            accuracy = low + (0.97 - low) * place / 4.5
            found.append(
                {**row, "accuracy": accuracy, "sd": 0.02 / (place + 1), "draws": 1 if count == "all" else 3, "new": 1}
            )
    return found


def evaluation(kind="learning", **more):
    return {
        "verdict": {
            "kind": kind,
            "sentence": "Block 2 beats PCA, raw input and a random net at every count of labels.",
            "because": {"layer": "block2", "gap": 2.1, "margin": 0.08, "unknown": [1, 2]},
        },
        "health": {
            "gap_start": 0.01,
            "gap": 2.08,
            "rank": 21.34,
            "width": 64,
            "spread": 0.87,
            "dead_dims": 0.047,
            "surprise": 7,
        },
        "tables": {"probe": rows(), "knn": rows(counts=("all",))},
        "notes": ["The test part is small (360 samples)."],
        **more,
    }


def rotation_arrays():
    rng = np.random.default_rng(1)
    digits = digit_images()[:8]
    turns = (rng.integers(0, 4, (8, 1)) + np.arange(4)) % 4
    seen = np.stack([[np.rot90(d, t, (1, 2)) for t in row] for d, row in zip(digits, turns, strict=True)])
    guess = rng.normal(size=(8, 4, 4)).astype(np.float32) + 3 * np.eye(4, dtype=np.float32)[turns]
    codes, labels = cloud()
    arrays = {"input": digits, "seen": seen, "guess": guess, "answer": turns.astype(np.int64)}
    return {**arrays, "map_codes": codes, "map_labels": labels}


def digit_images():
    from sklearn.datasets import load_digits

    return (load_digits().images[:, None] / 16).astype(np.float32)


def cloud():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 10, 600)
    centres = rng.normal(size=(10, 5)) * 4
    return (centres[labels] + rng.normal(size=(600, 5))).astype(np.float32), labels


def write(folder: Path, config, history, evaluation=None, arrays=None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    store.write_lines(folder / store.METRICS, history)
    if evaluation is not None:
        store.write_json(folder / store.EVALUATION, evaluation)
    if arrays:
        store.write_arrays(folder / store.PICTURES, arrays)
    store.seal(folder, config)
    return folder


class Reader(HTMLParser):
    """What a browser would see: elements, text outside styles, and of each chart its text and its marks."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.inside, self.charts = [], [], None, {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.elements.append((tag, attrs))
        self.inside = tag if tag in ("script", "style") else None
        if tag == "svg" and attrs["class"] == "plot":
            self.charts[attrs["aria-label"]] = []
        if tag == "svg" and attrs["class"] != "plot":
            self.charts[f"small {len(self.charts)}"] = []
        if tag in ("use", "circle"):
            list(self.charts.values())[-1].append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside is None:
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())

    def chart(self, title):
        """Text that tells a chart to those who cannot see it."""
        (found,) = [label for label in self.charts if label.startswith(title)]
        return found


def rotation_report(folder: Path) -> Reader:
    return Reader(page(write(folder, config(), history(), evaluation(), rotation_arrays())))
