"""Closed form: one pass over the data for its mean and covariance, which the method turns into its solution."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Protocol, cast

import numpy as np
import torch

from selfsup.data.facts import Asked, Covariance
from selfsup.method import About, Data, Method
from selfsup.solvers.devices import choose_device
from selfsup.solvers.sliced import changed
from selfsup.solvers.task import Pause, Solver, State, Task
from selfsup.store.weights import named_tensors

FEW = 1000  # rows that tell the net before it is solved where the data lie


class Solved(Protocol):
    """What a method needs beside the contract to be solved in closed form."""

    def solve(self, covariance: Covariance) -> None:
        """Set the weights, and everything else that follows from the second moments of the data."""
        ...


class Exact(Solver):
    """The closed form, where a method has one (``solve``): no steps, no options."""

    name = "exact"
    closed = True

    def __init__(self) -> None:
        self._method: Method | None = None

    def refuses(self, method: Method, device: str) -> str | None:
        """Without a closed form, or with another problem than the one that is solved."""
        kind = type(method).__name__
        if not callable(getattr(method, "solve", None)):
            return f"{kind} has no closed form, which exact needs; use {method.solvers[0]}"
        if own := changed(type(method), "solve"):
            return (
                f"the closed form that {kind} inherits is not of its own {own}(); use sgd, or define solve() beside it"
            )
        return None

    def device(self, asked: str) -> torch.device:
        """The best there is for "auto"."""
        return choose_device(asked)

    def about(self, data: Data) -> About:
        """Moments of a few rows, and no covariance: the one pass over the data is made in `run`."""
        few = data.part(np.arange(min(len(data), FEW))) if hasattr(data, "part") else data
        return Asked(few, without=("covariance",))

    def plan(self, method: Method, data: Data, epochs: int | None, seed: int, device: torch.device) -> dict[str, Any]:
        """One pass, however many are asked for."""
        return {"epochs": 1, "seed": seed}

    def run(self, task: Task) -> Iterator[Pause]:
        """Measure the covariance and solve; the loss of the record is left to be measured."""
        self._method = task.method.to(task.device).eval()
        yield Pause(0.0)
        began = time.perf_counter()
        covariance = task.data.fact("covariance", device=task.device)
        cast(Solved, task.method).solve(covariance)
        seconds = time.perf_counter() - began
        rate = covariance.rows / max(seconds, 1e-9)
        self.epoch = 1.0
        yield Pause(1.0, {"terms": {}, "seconds": seconds, "samples_per_second": rate, "data_wait": 0.0})

    def state(self) -> State:
        """The solution."""
        assert self._method is not None
        return State({name: tensor.clone() for name, tensor in named_tensors(self._method).items()}, {})
