"""The optimiser: which parameters move at which rate, and which decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from selfsup.errors import TrainingError
from selfsup.method import Method
from selfsup.solvers.lars import Lars
from selfsup.solvers.muon import Muon
from selfsup.solvers.plan import Plan
from selfsup.solvers.sparse_adam import SparseAdam

BY_AXES = {"muon": Muon, "lars": Lars}  # they move matrices in one way, and biases and norms in another


def make_optimizer(method: Method, plan: Plan) -> torch.optim.Optimizer:
    """Over groups of parameters: one for each prefix that the method has a rate for, matrices and others apart.

    Where weights decay, biases and the gains of norms do not: pulled towards 0 they cost fit and save nothing.

    Raises
    ------
    TrainingError
        If nothing can be trained, or a prefix of `Method.rates` is no parameter's.
    """
    named = {name: p for name, p in method.named_parameters() if p.requires_grad}
    if not named:
        raise TrainingError(f"{type(method).__name__} has no trainable parameter")
    prefixes = method.rates().keys()
    for prefix in prefixes:
        if not any(_under(name, prefix) for name in named):
            known = ", ".join(dict.fromkeys(name.partition(".")[0] for name in named))
            raise TrainingError(
                f"rates() names '{prefix}', which no trainable parameter begins with; there are {known}"
            )
    apart = plan.weight_decay > 0 or plan.optimizer in BY_AXES
    groups: dict[tuple[str | None, bool], list[nn.Parameter]] = {}
    for name, parameter in named.items():
        groups.setdefault((_longest(name, prefixes), parameter.ndim > 1 or not apart), []).append(parameter)
    made: list[dict[str, Any]] = [
        {"params": parameters, "weight_decay": plan.weight_decay if matrices else 0.0, "prefix": prefix}
        for (prefix, matrices), parameters in groups.items()
    ]
    if plan.optimizer in BY_AXES:
        return BY_AXES[plan.optimizer]([group | {"matrices": group["params"][0].ndim > 1} for group in made], plan.lr)
    if plan.optimizer == "sparse-adam":
        return SparseAdam(made, lr=plan.lr, betas=plan.betas)
    if plan.optimizer == "adamw":
        return torch.optim.AdamW(made, lr=plan.lr, betas=plan.betas, fused=True)
    return torch.optim.SGD(made, lr=plan.lr, momentum=0.9, nesterov=True, fused=True)


class Rates:
    """The learning rate of every group, step by step."""

    def __init__(self, method: Method, optimizer: torch.optim.Optimizer) -> None:
        self.method, self.optimizer = method, optimizer
        self.prefixes = set(method.rates())

    def set(self, rate: float) -> None:
        """Set the rate of the next step, times the method's factors.

        Raises
        ------
        TrainingError
            If `Method.rates` names other prefixes than at the start.
        """
        factors = self.method.rates()
        if factors.keys() != self.prefixes:
            raise TrainingError(
                f"rates() names {', '.join(map(repr, factors)) or 'nothing'} now and named other prefixes at the start; name all "
                "of them at every step, with the factor 1 where nothing changes"
            )
        for group in self.optimizer.param_groups:  # loading a state makes new ones
            prefix = group["prefix"]
            group["lr"] = rate if prefix is None else rate * factors[prefix]


def _under(name: str, prefix: str) -> bool:
    """Whether a parameter is what the prefix names, or in it: ``blocks.1`` is not ``blocks.10``."""
    return name == prefix or not prefix or name.startswith(prefix.rstrip(".") + ".")


def _longest(name: str, prefixes: Iterable[str]) -> str | None:
    return max((prefix for prefix in prefixes if _under(name, prefix)), key=len, default=None)
