"""Two processes on one machine train what one process trains: each takes its share of every batch."""

import os
import subprocess
import sys

import numpy as np
import pytest

import selfsup

SCRIPT = """
import sys
import numpy as np
import selfsup

x = np.load("x.npy")
selfsup.fit(x, "undercomplete", out="two", **OPTIONS)
"""
OPTIONS = {
    "n_components": 2,
    "start": "random",
    "epochs": 5,
    "batch_size": 20,
    "lr": 1e-2,
    "evaluate": False,
    "progress": False,
}


def launched(folder, script, *, processes=2):
    """Run a script in several processes, as torchrun does."""
    (folder / "train.py").write_text(script.replace("OPTIONS", repr(OPTIONS)))
    words = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [sys.executable, *words, "train.py"], cwd=folder, env=environment, capture_output=True, text=True, timeout=200
    )


def test_two_processes_equal_one(tmp_path):
    """What is hidden is not drawn, and 80 rows are 4 batches of 20 in even halves: the mean gradient is one process's."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(100, 3)) @ rng.normal(size=(3, 8))).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    done = launched(tmp_path, SCRIPT)
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = selfsup.fit(x, "undercomplete", **OPTIONS), selfsup.load(tmp_path / "two")
    np.testing.assert_allclose(two.encode(x), one.encode(x), rtol=1e-5, atol=1e-5)
    assert len(two.history) == len(one.history) == 5
    assert one.history[-1]["loss"] < 0.9 * one.history[0]["loss"]
    for here, there in zip(one.history, two.history, strict=True):
        for name in ("loss", "heldout", "gap"):
            assert there[name] == pytest.approx(here[name], rel=1e-5)
