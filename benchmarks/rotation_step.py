"""What a step of `rotation` costs over the net alone: ResNet-18 on CIFAR-10, in one run.

    python benchmarks/rotation_step.py [--steps 8] [--batch 32] [--net resnet18] [--precision bfloat16] [--threads 1]

"solver": `selfsup`'s own gradient descent, from row numbers to the optimiser's step: look up, mirror, four turns, scale, net,
loss, backward, step. "bare": forward, backward and the same optimiser's step of the same net in the same precision on one batch
of turned images that is made already, in a plain loop. One step of each in turn; medians of wall seconds and of CPU seconds.
Waiting for data is the share of the solver's seconds that it counts itself as such, as in every record.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from statistics import median


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch", type=int, default=32, help="images; four times as many are turned")
    parser.add_argument("--net", default="resnet18")
    parser.add_argument("--precision", default="bfloat16", choices=["float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(given.threads)
    print(f"{given}\n{'':<10}{'wall ms':>12}{'CPU ms':>12}")
    found = measured(given)
    for name, seconds in found.items():
        print(f"{name:<10}" + "".join(f"{1e3 * one:>12.1f}" for one in seconds))
    wall, cpu = (a / b for a, b in zip(found["solver"], found["bare"], strict=True))
    print(f"ratio     {wall:>12.3f}{cpu:>12.3f}   (bar: 1.05)")


def measured(given) -> dict[str, tuple[float, float]]:
    """Median wall and CPU seconds of a step of each; prints the share of waiting for data."""
    import torch

    from _timing import data_folder
    from selfsup import solvers
    from selfsup.data import open_data
    from selfsup.methods import find
    from selfsup.model.encode import build
    from selfsup.solvers.task import Task

    data = open_data(data_folder() / "cifar10", limit=(given.steps + 3) * given.batch, progress=False).whole()
    device = torch.device(given.device)
    method = build(find("rotation")[1](net=given.net), data, 0)
    alone = copy.deepcopy(method).to(device).train()
    solver = solvers.find("sgd")(batch_size=given.batch, precision=given.precision, optimizer="sgd", lr=0.01)
    plan = solver.plan(method, data, 1, 0, device)
    task = Task(method=method, data=data, plan=plan, device=device)
    bare = bare_step(alone, data, given, device)
    times: dict[str, list[tuple[float, float]]] = {"solver": [], "bare": []}
    pauses = solver.run(task)
    next(pauses)  # the one before the first step
    for number in range(given.steps + 2):
        for name, step in (("solver", lambda: next(pauses)), ("bare", bare)):
            wall, cpu = time.perf_counter(), time.process_time()
            step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if number >= 2:  # the first ones make ready
                times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    run = solver._run
    print(f"waiting for data: {run.waited / run.seconds:.2%} of the solver's seconds (bar: 2 %)")
    return {name: tuple(median(column) for column in zip(*each, strict=True)) for name, each in times.items()}


def bare_step(method, data, given, device):
    """A function that does forward, backward and step of the net on one batch of turned images."""
    import contextlib

    import torch
    import torch.nn.functional as F

    from selfsup.solvers.optimizer import make_optimizer
    from selfsup.solvers.plan import DEFAULTS, Plan

    x = method.view(data)[torch.arange(given.batch)].to(device)
    seen, turns = method.hide(x, torch.Generator(device).manual_seed(0))
    seen, turns = method.scale(seen.flatten(0, 1)), turns.flatten()
    settings = {
        "epochs": 1,
        "precision": given.precision,
        "seed": 0,
        "optimizer": "sgd",
        "lr": 0.01,
        "weight_decay": 5e-4,
    }
    optimizer = make_optimizer(method, Plan.of(DEFAULTS | settings))
    half = given.precision == "bfloat16"

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16) if half else contextlib.nullcontext():
            last = method.backbone(seen)
            loss = F.cross_entropy(method.head(last.flatten(2).mean(2)), turns)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


if __name__ == "__main__":
    sys.exit(main())
