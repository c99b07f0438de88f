"""LARS: each matrix moves by a share of its own length, whatever the length of its gradient (You et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.9
TRUST = 0.02  # of its length that a matrix moves at a rate of 1; the paper's 0.001 is for epochs by the hundred (docs/log.md)


class Lars(torch.optim.Optimizer):
    """Algorithm 1 of the paper with Nesterov's momentum, for groups with ``matrices`` true; all others move by their gradient.

    In large batches the ratio of a gradient to its weights differs between layers by orders of magnitude, so that no one rate
    suits all of them. Biases and norms are neither scaled nor decay, as is common since SimCLR (Chen et al. 2020, section 2.1).

    Parameters
    ----------
    groups
        Dicts with ``params``, ``weight_decay`` and ``matrices``.
    lr
        About 0.3.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": 0.0, "matrices": False})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    move = parameter.grad
                    if group["matrices"]:
                        move = scaled(parameter, move, group["weight_decay"])
                    self._follow(parameter, move * group["lr"])

    def _follow(self, parameter: Tensor, move: Tensor) -> None:
        """The rate is within the momentum, as in the paper: a change of it acts on what follows only."""
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].mul_(MOMENTUM).add_(move)
        parameter.sub_(move.add(state["momentum"], alpha=MOMENTUM))  # Nesterov's


def scaled(weight: Tensor, gradient: Tensor, decay: float) -> Tensor:
    """The gradient with its decay, of the local rate's length; as it is where weight or gradient are 0.

    The local rate is ``TRUST |w| / (|g| + decay |w|)`` (eq. 6).
    """
    size, slope = weight.norm(), gradient.norm()
    local = torch.where((size > 0) & (slope > 0), TRUST * size / (slope + decay * size), 1.0)
    return gradient.add(weight, alpha=decay).mul_(local)
