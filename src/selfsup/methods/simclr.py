"""SimCLR: two views of a sample find each other among all views of a batch."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
import torch.nn.functional as F

from selfsup.method import Recipe, Terms, Tree
from selfsup.methods.joint import Joint
from selfsup.options import Range


class Simclr(Joint):
    """Find the other view of a sample among those of all others (SimCLR).

    Hides which views belong together: the embedding of a view has to be nearer to that of the same sample's other view than to
    every view of other samples in the batch (NT-Xent; Chen, Kornblith, Norouzi & Hinton 2020, equation 1 and algorithm 1). With
    more than two views each of the others is held against all views of other samples, and the mean is taken. Needs no
    momentum and no teacher, but other samples, so that larger batches are harder tasks.

    Parameters
    ----------
    temperature
        Of the cosines that the loss compares: the smaller, the more the nearest of the others count.
    """

    recipe: ClassVar[Recipe] = {"steps": 350, "batch_size": 128, "lr": 0.02, "weight_decay": 0.01, "optimizer": "muon"}

    def __init__(self, temperature: Annotated[float, Range(0, open_low=True)] = 0.2, **shared: Any) -> None:
        super().__init__(**shared)
        self.temperature = temperature

    def loss(self, guess: Tree, answer: Tree) -> Terms:
        """Cross-entropy in nats, mean over the pairs of views of a sample: (B,)."""
        z = F.normalize(torch.cat([guess, answer], 1), dim=2)  # (B, V, d)
        batch, count = z.shape[:2]
        flat = z.flatten(0, 1)  # (B V, d), those of a sample side by side
        likeness = (flat @ flat.T / self.temperature).view(batch, count, batch, count)
        own = torch.arange(batch, device=z.device)
        pairs = likeness[own, :, own]  # (B, V, V): views of the same sample
        same = torch.eye(batch, dtype=torch.bool, device=z.device)[:, None, :, None]
        others = likeness.masked_fill(same, -torch.inf).flatten(2).logsumexp(2, keepdim=True)  # (B, V, 1)
        each = torch.logaddexp(pairs, others) - pairs  # equation 1, whose sum is over the pair and all negatives
        apart = ~torch.eye(count, dtype=torch.bool, device=z.device)
        return {"contrast": each[:, apart].mean(1)}
