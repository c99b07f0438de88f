"""The resolved settings of gradient descent, and the schedules that follow from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor

from selfsup.method import Recipe

MAX_EPOCHS = 300  # where the method names steps and the data are few
DEFAULTS = Recipe(
    steps=3000, batch_size=128, lr=1e-3, weight_decay=0.0, optimizer="adamw", warmup=0.05, clip=None, betas=(0.9, 0.999)
)
RATES = {
    "adamw": 1e-3,
    "sgd": 0.05,
    "muon": 0.02,
    "lars": 0.5,
    "sparse-adam": 1e-3,
}  # where a method prefers another optimiser
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Plan:
    """Everything that decides what gradient descent does to given rows; saved in ``config.json``."""

    epochs: float  # whole ones, or a part of one where time does not suffice for more
    batch_size: int
    lr: float
    weight_decay: float
    optimizer: Literal["adamw", "sgd", "muon", "lars", "sparse-adam"]
    warmup: float  # share of the steps
    clip: float | None  # largest norm of the gradient
    betas: tuple[float, float]  # of adamw
    precision: Precision
    seed: int

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Plan:
        """Take the settings from among those of a run, as JSON may have brought them."""
        values = {field.name: plain[field.name] for field in fields(cls)}
        return cls(**values | {"betas": tuple(values["betas"])})

    def batches(self, rows: int) -> int:
        """Batches an epoch: no row is left out, and none is left alone in a last, tiny batch."""
        return math.ceil(rows / self.batch_size)

    def steps(self, rows: int) -> int:
        """Steps in all."""
        return max(1, round(self.epochs * self.batches(rows))) if self.epochs else 0

    def order(self, rows: int, epoch: int) -> tuple[Tensor, ...]:
        """Row numbers of each batch of an epoch: a shuffle that depends on seed and epoch alone, cut evenly."""
        rng = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        return torch.tensor_split(torch.randperm(rows, generator=rng), self.batches(rows))

    def rate(self, progress: float, phases: int = 1) -> float:
        """Learning rate at `progress` in [0, 1]: linear warm-up, then half a cosine down to 0; anew in each phase."""
        if phases > 1:
            progress = progress * phases % 1.0
        if progress < self.warmup:
            return self.lr * progress / self.warmup
        return self.lr * 0.5 * (1 + math.cos(math.pi * (progress - self.warmup) / max(1 - self.warmup, 1e-12)))
