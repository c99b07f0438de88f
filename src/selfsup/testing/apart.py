"""Two processes must train what one does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from selfsup.methods import find
from selfsup.store.weights import read_weights, write_weights
from selfsup.testing.case import Case, Rules, demand, generator, same, train

CHECKS = Rules()


@CHECKS.add("method")
def two_processes_train_what_one_does(case: Case) -> None:
    """Both end with the same weights; where hide draws nothing, with those of one process."""
    if case.make().coupled:
        return
    with tempfile.TemporaryDirectory() as folder:
        _train_two(json.dumps([case.name, dict(case.options), case.made, folder]))
        one, other = (case.make(seed=number) for number in (1, 2))
        for rank, method in enumerate((one, other)):
            read_weights(Path(folder), f"{rank}.safetensors", method)
    named = dict(other.named_parameters())  # buffers are the first one's own
    bad = [name for name, value in one.named_parameters() if not torch.equal(value, named[name])]
    demand(not bad, f"the two processes have another '{''.join(bad[:1])}' in the end")
    alone = case.make()
    x = case.x(alone)
    if same(alone.hide(x, generator(1)), alone.hide(x, generator(2))):
        train(alone, case.data, epochs=5)
        for name, value in alone.named_parameters():
            near = torch.allclose(value, named[name], rtol=1e-3, atol=1e-4)
            demand(near, f"two processes end with another '{name}' than one")


def _train_two(asked: str) -> None:
    """Start two processes that know of each other, and wait for them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    around = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "CUDA_VISIBLE_DEVICES": ""}
    around = {**os.environ, **around, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", "from selfsup.testing.apart import one_of_two; one_of_two()", asked]
    ranks = [{**around, "RANK": rank, "LOCAL_RANK": rank} for rank in ("0", "1")]
    started = [subprocess.Popen(command, env=rank, stderr=subprocess.PIPE, text=True) for rank in ranks]
    said = [one.communicate(timeout=200)[1] for one in started]
    demand(not any(one.returncode for one in started), f"a process of two failed: {''.join(said)[-2000:]}")


def one_of_two() -> None:
    """One process of several: train, and write the weights."""
    name, options, made_name, folder = json.loads(sys.argv[1])
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    case = Case(name, find(name)[1], options, made_name)
    method = case.make()
    train(method, case.data, epochs=5)
    write_weights(Path(folder) / f"{os.environ['RANK']}.safetensors", method)
