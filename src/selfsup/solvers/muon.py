"""Muon: momentum that is made orthogonal, matrix by matrix, before it is applied (Jordan et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
BETAS, TINY = (0.9, 0.95), 1e-8  # of what is no matrix
SHARE = 0.1  # of the learning rate, for what is no matrix: it moves by AdamW, whose steps are about 1 in every value
A, B, C = 3.4445, -4.7750, 2.0315  # of the quintic that takes singular values to within 0.7 to 1.2 in five rounds
ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """Groups with ``matrices`` true move by orthogonal matrices, all others by AdamW with a tenth of the rate.

    A kernel of a convolution is a matrix of its outputs by all the rest. All of its directions then move alike, also those of
    which the gradient has little: a net that is trained for minutes gets several times as far (docs/log.md).

    Parameters
    ----------
    groups
        Dicts with ``params``, ``weight_decay`` (decoupled) and ``matrices``.
    lr
        About 0.02.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": 0.0, "matrices": False})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            move = self._turn if group["matrices"] else self._adam
            rate = group["lr"] * (1.0 if group["matrices"] else SHARE)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - rate * group["weight_decay"])
                    move(parameter, parameter.grad, rate)

    def _turn(self, parameter: Tensor, gradient: Tensor, rate: float) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].mul_(MOMENTUM).add_(gradient)
        ahead = gradient.add(state["momentum"], alpha=MOMENTUM)  # Nesterov's
        rows, columns = len(ahead), ahead[0].numel()
        step = orthogonal(ahead.reshape(rows, columns)).view(ahead.shape)
        parameter.add_(step, alpha=-rate * max(1.0, rows / columns) ** 0.5)

    def _adam(self, parameter: Tensor, gradient: Tensor, rate: float) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        state["mean"].lerp_(gradient, 1 - BETAS[0])
        state["square"].lerp_(gradient.square(), 1 - BETAS[1])
        first, second = (1 - beta ** state["step"].item() for beta in BETAS)
        parameter.addcdiv_(state["mean"] / first, (state["square"] / second).sqrt_().add_(TINY), value=-rate)


def orthogonal(x: Tensor) -> Tensor:
    """The nearest matrix with orthonormal rows or columns, about: (m, n) with its singular values taken to 0.7 to 1.2.

    The rounds are done on the small square, as what they multiply by is a polynomial of it: two products with x in all.
    """
    wide = x if x.shape[0] <= x.shape[1] else x.T
    wide = wide.float() / (x.norm() + 1e-7)
    square = wide @ wide.T  # (m, m)
    whole = torch.eye(len(square), device=x.device)
    for _ in range(ROUNDS):
        factor = torch.addmm(B * square, square, square, alpha=C)
        factor.diagonal().add_(A)
        whole = factor @ whole
        square = factor @ square @ factor
    found: Tensor = (whole @ wide).to(x.dtype)
    return found if x.shape[0] <= x.shape[1] else found.T
