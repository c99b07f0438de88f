"""What a device changes, as far as a processor can tell: precision, memory, and who reads a file."""

import threading
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

import selfsup
from selfsup.data import open_data
from selfsup.data.tables.columnar import Encoded
from selfsup.errors import TrainingError
from selfsup.methods.undercomplete import Undercomplete
from selfsup.solvers import precision
from selfsup.solvers.sgd import Sgd
from selfsup.testing import table

QUIET = {"progress": False, "evaluate": False, "device": "cpu"}


@pytest.mark.parametrize("method", ["undercomplete", "denoising", "variational", "sparse", "contractive"])
def test_a_table_of_all_kinds_with_gaps_in_bfloat16(method):
    rng = np.random.default_rng(0)
    columns = {"a": rng.normal(size=60), "b": rng.random(60) > 0.5, "c": rng.choice(["x", "y", "z"], 60)}
    columns["a"][::7] = np.nan
    frame = pd.DataFrame(columns)
    losses = [
        selfsup.fit(frame, method, precision=name, epochs=2, hidden=(8,), **QUIET).history[-1]["heldout"]
        for name in ("float32", "bfloat16")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_a_full_device_is_a_sentence(monkeypatch):
    def full(*given):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 EiB")

    monkeypatch.setattr(precision.Step, "forward", full)
    with pytest.raises(TrainingError, match=r"cpu has no memory left for this; lower option 'batch_size' \(now 16\)"):
        selfsup.fit(table(60), "undercomplete", batch_size=16, **QUIET)


@pytest.mark.parametrize(("there", "chosen"), [(True, "auto"), (False, "float32")])
def test_on_a_gpu_too_the_faster_precision_is_found_by_trying(monkeypatch, there, chosen):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: there)
    plan = Sgd().plan(Undercomplete(), open_data(table(60)).whole(), 1, 0, torch.device("cuda", 1))
    assert plan["precision"] == chosen
    assert plan["device"] == "cuda"  # a run goes on where it began: elsewhere other numbers are drawn


def test_many_threads_read_a_column_once():
    class Slow:
        schema = pa.schema([("image", pa.binary())])
        reads = 0

        def read(self, column, child=None):
            self.reads += 1
            time.sleep(0.05)
            return pa.chunked_array([[b"one", b"two"]])

    class Part:
        table, folders, base = Slow(), None, None

    encoded, found = Encoded(Part(), "image", 2), []
    threads = [threading.Thread(target=lambda i=i: found.append(bytes(encoded.blob(i % 2)))) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [b"one"] * 4 + [b"two"] * 4
    assert Part.table.reads == 1
