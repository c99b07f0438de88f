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

x = np.load(sys.argv[1])
selfsup.fit(x, "linear", solver="sgd", n_components=2, epochs=5, batch_size=20, out=sys.argv[2], evaluate=False, progress=False)
"""


def test_two_processes_equal_one(tmp_path):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(100, 3)) @ rng.normal(size=(3, 8))).astype(
        np.float32
    )  # 80 rows are 4 batches of 20: even halves
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "train.py").write_text(SCRIPT)
    words = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0", "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, *words, "train.py", "x.npy", "two"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one = selfsup.fit(
        x, "linear", solver="sgd", n_components=2, epochs=5, batch_size=20, evaluate=False, progress=False
    )
    two = selfsup.load(tmp_path / "two")
    np.testing.assert_allclose(two.encode(x), one.encode(x), rtol=1e-3, atol=1e-4)
    assert two.history[-1]["loss"] == pytest.approx(one.history[-1]["loss"], rel=0.4)  # of its half
