"""A step whose predict, target and loss are compiled, where that works."""

from __future__ import annotations

import logging
from typing import Any

import torch

from selfsup.method import Method, Samples, Terms, Tree, total
from selfsup.solvers.plan import Precision
from selfsup.solvers.precision import Step
from selfsup.store.weights import named_tensors, set_tensors

log = logging.getLogger("selfsup")


class CompiledStep(Step):
    """As `Step`; hiding stays as it is, since a compiler takes no generator.

    For each size of a batch (there are two at most) code is made of its own, so that a resumed run, which meets them in another
    order, computes the same.
    """

    def __init__(self, method: Method, precision: Precision) -> None:
        super().__init__(method, precision)
        self._compiled: Any = torch.compile(super().solve, dynamic=False)

    def solve(self, seen: Tree, hidden: Tree) -> tuple[Terms, Tree]:
        """Terms of the loss, and the answer."""
        found: tuple[Terms, Tree] = self._compiled(seen, hidden)
        return found


def compiles(step: CompiledStep, samples: Samples, batch_size: int) -> bool:
    """Whether a step can be compiled, forward and backward: tried on a batch, and if not said in one sentence.

    Parameters
    ----------
    step
        Its method's weights and buffers are afterwards what they were.
    """
    method, size = step.method, min(batch_size, len(samples))
    x = samples[torch.arange(size)]
    before = {name: tensor.clone() for name, tensor in named_tensors(method).items()}
    was_training = method.training
    try:
        with torch.random.fork_rng(devices=[x.device] if x.device.type == "cuda" else []):
            total(step.train()(x, torch.Generator(x.device).manual_seed(0))[0]).backward()
    except Exception as error:  # a compiler fails in many ways: no C++ compiler, an operation that it does not know
        why = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        log.warning(
            "option 'compile': the step cannot be compiled here (%s), so it is done uncompiled", why.strip().rstrip(".")
        )
        return False
    finally:
        set_tensors(method, before)
        method.zero_grad()
        method.train(was_training)
    return True
