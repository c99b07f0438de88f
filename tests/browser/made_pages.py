"""Pages of every kind of run, each made once for all processes of a test session."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from PIL import Image
from sklearn.datasets import load_digits

import selfsup
from biased import biased_vectors
from selfsup import bias
from selfsup.cli.main import main
from selfsup.report.page import write_evaluation
from selfsup.testing import pictures

EVIL = ("</script><img src=x onerror=alert(1)>", "<b id=injected>", '"><i>', "\u202eright", "a&amp;b" * 12)
QUIET = {"progress": False}
NET = {"net": "conv", "hidden": (8, 8), "batch_size": 32}


class Made:
    """Files and folders under names; what makes one may ask for another."""

    def __init__(self, root: Path):
        self.root = root

    def __call__(self, name: str) -> Path:
        """The page, or the run folder, of a name of `MAKERS`."""
        folder = self.root / name
        with FileLock(f"{folder}.lock"):
            if not (done := folder.with_suffix(".done")).exists():
                folder.mkdir()
                done.write_text(str(MAKERS[name](self, folder)))
        return Path(done.read_text())


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "pages"
    root.mkdir(exist_ok=True)
    return Made(root)


def run(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


def digits(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    x, y = load_digits(return_X_y=True)
    return x[:n].reshape(-1, 1, 8, 8).astype(np.float32) / 16, y[:n]


def table() -> pd.DataFrame:
    """Rows of three classes, in columns some of which have a stranger's names."""
    rng, kinds = np.random.default_rng(0), np.arange(150) % 3
    x = rng.normal(size=(3, 8))[kinds] + 0.6 * rng.normal(size=(150, 8))
    frame = pd.DataFrame(x, columns=["height in cm", "mass", "a_rather_long_name_of_a_column", *EVIL])
    frame.insert(2, "colour", np.array(["red", "green", EVIL[0]])[rng.integers(0, 3, 150)])
    return frame.assign(label=np.array(["small", EVIL[1], "large"])[kinds])


def photos(folder: Path, n: int = 60, side: int = 24) -> Path:
    """Colour images in folders of two classes: bright bars on dark ground, and their negatives."""
    for number, image in enumerate(pictures(n, 3, side, side)):
        place = folder / "photos" / ("negative" if number % 2 else "a_positive & bright one")
        place.mkdir(parents=True, exist_ok=True)
        shown = 1 - image if number % 2 else image
        Image.fromarray((shown.transpose(1, 2, 0) * 255).astype(np.uint8)).save(place / f"{number}.png")
    return folder / "photos"


def text(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    topics = [[f"{topic}{number}" for number in range(12)] for topic in ("sea", "law", "sun")] + [list(EVIL[1:3])]
    lines = [" ".join([*rng.choice(topics[number % 4], 8), "the", "of"]) for number in range(1_200)]
    (folder / "text.txt").write_text("\n".join(lines))
    return folder / "text.txt"


def fitted(data: Callable[[Path], object], method: str, **options: object) -> Callable[[Made, Path], Path]:
    def make(made: Made, folder: Path) -> Path:
        selfsup.fit(data(folder), method, out=folder / "run", evaluate=True, **QUIET, **options)
        return folder / "run" / "report.html"

    return make


def _table_file(folder: Path) -> Path:
    table().to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"


def _finetuned(made: Made, folder: Path) -> Path:
    base = made("rotation").parent
    data = base.parent / "photos"
    run("finetune", base, "--data", data, "--out", folder / "run", "--epochs", 2, "--curve", "--counts", "2,5", "--draws", 2,
        "--no-progress")  # fmt: skip
    return folder / "run" / "report.html"


def _labelled_texts(folder: Path) -> Path:
    rng, kinds = np.random.default_rng(1), np.arange(80) % 2
    words = [" ".join(rng.choice([f"{('sea', 'law')[kind]}{number}" for number in range(12)], 6)) for kind in kinds]
    pd.DataFrame({"text": words, "label": np.where(kinds, "wet", "dry")}).to_parquet(folder / "texts.parquet")
    return folder / "texts.parquet"


def _transferred(made: Made, folder: Path) -> Path:
    shutil.copytree(made("skipgram").parent, folder / "run")  # for the numbers are kept in the run
    run("transfer", folder / "run", "--data", _labelled_texts(folder), "--counts", 10, "--draws", 2, "--no-progress",
        "--report", folder / "page.html")  # fmt: skip
    return folder / "page.html"


def _evaluated(made: Made, folder: Path) -> Path:
    found = selfsup.evaluate(selfsup.load(made("table").parent), _table_file(folder))
    return write_evaluation(found, EVIL[0], folder / "page.html")


def _compared(made: Made, folder: Path) -> Path:
    run("compare", made("digits").parent, made("linear").parent, "--draws", 2, "--no-progress",
        "--report", folder / "page.html")  # fmt: skip
    return folder / "page.html"


def _together(made: Made, folder: Path) -> Path:
    run("report", made("digits").parent, made("variational").parent, "--out", folder / "page.html")
    return folder / "page.html"


def _biased(made: Made, folder: Path) -> Path:
    return bias.report(biased_vectors(), folder / "page.html", name=EVIL[0])


MAKERS: dict[str, Callable[[Made, Path], Path]] = {
    "digits": fitted(lambda _: digits(), "undercomplete", n_components=8, hidden=32, epochs=6, holdout=0.2),
    "linear": fitted(lambda _: digits(), "linear", n_components=8, holdout=0.2),
    "variational": fitted(lambda _: digits(), "variational", n_components=8, hidden=32, epochs=6),
    "table": fitted(_table_file, "denoising", n_components=4, hidden=16, epochs=6),
    "rotation": fitted(photos, "rotation", epochs=3, **NET),
    "position": fitted(photos, "position", epochs=2, **NET),
    "colorization": fitted(photos, "colorization", epochs=2, **NET),
    "skipgram": fitted(text, "skipgram", dim=16, epochs=3, min_count=1, threads=1),
    "cbow": fitted(text, "cbow", dim=16, epochs=2, min_count=1, threads=1),
    "spans": fitted(text, "spans", dim=8, length=24, epochs=2, min_count=1, threads=1, batch_size=16),
    "finetuned": _finetuned,
    "transferred": _transferred,
    "evaluated": _evaluated,
    "compared": _compared,
    "together": _together,
    "bias": _biased,
}
