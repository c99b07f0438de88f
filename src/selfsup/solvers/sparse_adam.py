"""Adam for tables of which a step meets few rows: the averages of a row move when it is met, and only then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

EPSILON = 1e-8


class SparseAdam(torch.optim.Optimizer):
    """Adam (Kingma & Ba 2015) that leaves rows without a gradient alone, as torch's of this name; it takes dense gradients, too.

    A rare row's average, met once, would go on to move it for a dozen steps. Ours keeps its count of steps in a tensor, so that a
    saved state goes on to the bit.

    Parameters
    ----------
    params
        Groups of parameters.
    lr, betas
        As of Adam.
    weight_decay
        Decoupled, of the rows that are met.
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter, or those of its rows, that have a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group)

    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, (slow, slower) = self.state[parameter], group["betas"]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.int64)
            state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        done = int(state["step"])
        rate = group["lr"] * (1 - slower**done) ** 0.5 / (1 - slow**done)
        if gradient.is_sparse:
            gradient = gradient.coalesce()
            rows, values = gradient.indices()[0], gradient.values()
        else:
            rows, values = torch.arange(len(parameter), device=parameter.device), gradient
        mean = state["mean"].index_select(0, rows).lerp_(values, 1 - slow)
        square = state["square"].index_select(0, rows).lerp_(values * values, 1 - slower)
        state["mean"].index_copy_(0, rows, mean)
        state["square"].index_copy_(0, rows, square)
        move = mean.div_(square.sqrt_().add_(EPSILON)).mul_(-rate)
        if group["weight_decay"]:
            move -= group["lr"] * group["weight_decay"] * parameter.index_select(0, rows)
        parameter.index_add_(0, rows, move)


def densify(parameters: Iterable[Tensor]) -> None:
    """Make sparse gradients dense, for what cannot take them."""
    for parameter in parameters:
        if parameter.grad is not None and parameter.grad.is_sparse:
            parameter.grad = parameter.grad.to_dense()
