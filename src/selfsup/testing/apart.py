"""Two processes must train what one does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from selfsup.method import Method
from selfsup.methods import find
from selfsup.solvers.sgd import Sgd
from selfsup.solvers.task import Task
from selfsup.store.weights import named_tensors, read_weights, write_weights
from selfsup.testing.case import CPU, Case, Rules, demand

CHECKS = Rules()
EPOCHS, BATCH, NEAR = 2, 14, 1e-5  # batches of 14 and 13 rows do not divide by two


@CHECKS.add("method")
def two_processes_train_what_one_does(case: Case) -> None:
    """All three end with the same weights and buffers, but for rounding."""
    said = differences([case])
    demand(not said, "; ".join(said))


def differences(cases: Sequence[Case], processes: int = 2) -> list[str]:
    """What differs between several processes and one, for each case: all are trained in one start of the processes.

    By plain descent: Adam divides by the size of the gradient, and makes of the rounding of one that is about 0 a whole step.

    Returns
    -------
    list of str
        Sentences; weights and buffers count as the same within 1e-5 of 1, or of their tensor's largest value.
    """
    said: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        asked = [[case.name, dict(case.options), case.made] for case in cases]
        _train_several(json.dumps([folder, asked]), processes)
        for number, case in enumerate(cases):
            alone, named = case.make(), f"method '{case.name}' on {case.made}"
            first = {name: tensor.clone() for name, tensor in named_tensors(alone).items()}
            descend(alone, case)
            now = named_tensors(alone)
            if all(torch.equal(first[name], tensor) for name, tensor in now.items()):
                said.append(f"{named}: nothing was trained")
            for rank in range(processes):
                other = case.make(seed=1 + rank)  # its own weights do not matter
                read_weights(Path(folder), f"{number}.{rank}.safetensors", other)
                theirs = named_tensors(other)
                bad = {name: _apart(tensor, theirs[name]) for name, tensor in now.items()}
                if any(far > NEAR for far in bad.values()):
                    worst = max(bad, key=bad.__getitem__)
                    said.append(
                        f"{named}: process {rank} of {processes} ends with another '{worst}' ({bad[worst]:.1e} apart)"
                    )
    return said


def descend(method: Method, case: Case) -> None:
    """Train a little."""
    solver = Sgd(batch_size=BATCH, lr=0.05, weight_decay=0.0, optimizer="sgd", clip=1.0, precision="float32")
    for _ in solver.run(Task(method, case.few, solver.plan(method, case.few, EPOCHS, 0, CPU), CPU)):
        pass


def _apart(one: Tensor, other: Tensor) -> float:
    """The largest distance, beside the largest value where that is above 1; numbers that count must be equal."""
    if not one.is_floating_point():
        return 0.0 if torch.equal(one, other) else 1.0
    size = max(1.0, float(one.abs().max())) if one.numel() else 1.0
    return float((one - other).abs().nan_to_num(torch.inf).max()) / size if one.numel() else 0.0


def _train_several(asked: str, processes: int) -> None:
    """Start processes that know of each other, and wait for them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    around = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "CUDA_VISIBLE_DEVICES": ""}
    around = {**os.environ, "OMP_NUM_THREADS": "1", **around, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", "from selfsup.testing.apart import one_of_several; one_of_several()", asked]
    ranks = [{**around, "RANK": rank, "LOCAL_RANK": rank} for rank in map(str, range(processes))]
    started = [subprocess.Popen(command, env=rank, stderr=subprocess.PIPE, text=True) for rank in ranks]
    said = [one.communicate(timeout=280)[1] for one in started]
    demand(not any(one.returncode for one in started), f"a process of {processes} failed: {''.join(said)[-2000:]}")


def one_of_several() -> None:
    """One process of several: train, and write the weights."""
    folder, cases = json.loads(sys.argv[1])
    for number, (name, options, made_name) in enumerate(cases):
        options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
        case = Case(name, find(name)[1], options, made_name)
        method = case.make()
        descend(method, case)
        write_weights(Path(folder) / f"{number}.{os.environ['RANK']}.safetensors", method)
