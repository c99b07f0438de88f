"""What every test may use: the data folder, small data with structure, and a cache of its own."""

import json
import logging
import os
from functools import partial
from pathlib import Path

# One thread: the nets here are tiny, and on a busy machine threads that wait for each other cost ten times what they save.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import platformdirs  # noqa: E402

# Unlike all else in the cache, compiled kernels outlive a session: to compile them takes half a minute.
os.environ.setdefault("NUMBA_CACHE_DIR", platformdirs.user_cache_dir("selfsup-tests", appauthor=False))

import pytest  # noqa: E402
import torch  # noqa: E402

from selfsup.testing import pictures, table  # noqa: E402, F401

torch.set_num_threads(1)


def pytest_configure(config):
    """The tests are of the processor, to the bit: a GPU is hidden from them, but for `pytest -m cuda`."""
    if "cuda" not in config.option.markexpr:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def reseal(folder: Path) -> Path:
    """Let a folder that a test has changed pass for one that was written so, as a stranger could."""
    from selfsup import store

    store.seal(folder, json.loads((folder / store.CONFIG).read_text()))
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("SELFSUP_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def _own_logger():
    """The command line hands what is logged on to standard error: not beyond its test."""
    logger = logging.getLogger("selfsup")
    before = logger.handlers, logger.propagate
    yield
    logger.handlers, logger.propagate = before


@pytest.fixture(scope="session")
def shared_data() -> Path:
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SELFSUP_DATA", default))
    if not (folder / "mnist").is_dir():
        pytest.skip(f"no data sets at {folder}: set SELFSUP_DATA to the folder that holds mnist/ and cifar10/")
    return folder


@pytest.fixture
def in_slices(monkeypatch):
    """Solvers of words pause for a record, and to be saved, as often as they look up: a hundred times a second."""
    from selfsup.training import job, loop

    monkeypatch.setattr(job, "Loop", partial(loop.Loop, first=0.0))
    monkeypatch.setattr("selfsup.solvers.hogwild.TICK", 0.01)


@pytest.fixture
def cut(monkeypatch):
    """A training is interrupted when its state is saved in the middle for the first time; calling it ends that."""
    from selfsup.store.checkpoint import Checkpoint

    save = Checkpoint.save

    def interrupted(self, tensors, facts):
        save(self, tensors, facts)
        if 0 < facts["records"][-1]["epoch"] < self.identity["epochs"]:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", interrupted)
    return lambda: monkeypatch.setattr(Checkpoint, "save", save)
