"""What every test may use: the data folder, small data with structure, and a cache of its own."""

import os
from pathlib import Path

# One thread: the nets here are tiny, and on a busy machine threads that wait for each other cost ten times what they save.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("SELFSUP_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SELFSUP_DATA", default))
    if not (folder / "mnist").is_dir():
        pytest.skip(f"no data sets at {folder}: set SELFSUP_DATA to the folder that holds mnist/ and cifar10/")
    return folder


def pictures(n: int, channels: int = 1, height: int = 12, width: int = 12, seed: int = 0) -> np.ndarray:
    """Float images (n, C, H, W) in [0, 1] with an upright: a bright bar in the upper half, at a random place."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 0.2, (n, channels, height, width)).astype(np.float32)
    for image in x:
        top, left = rng.integers(0, max(height // 4, 1)), rng.integers(0, max(width // 3, 1))
        image[:, top : top + 2, left : left + width // 2] += 0.7
    return x.clip(0, 1)


def table(n: int, columns: int = 6, seed: int = 0) -> np.ndarray:
    """Vectors (n, d) float32 of rank 2 plus a little noise, in columns of different scale."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)) @ rng.normal(size=(2, columns)) + 0.05 * rng.normal(size=(n, columns))
    return (x * np.logspace(-1, 1, columns) + np.arange(columns)).astype(np.float32)
