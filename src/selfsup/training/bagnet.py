"""A small net on bags of words: an embedding layer that is trained, and a linear classifier on the weighted mean of a text."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from selfsup.measures.samples import probe

BATCHES = 25  # of an epoch at least, where there are rows for them; a batch has from 8 to 64
EPOCHS, STEPS = 12, 2_000  # at most
PATIENCE = 2  # epochs without a lower held-out loss
UNCHOSEN = 1  # epochs, where there are too few labels to hold some out
RATE, HEAD_RATE = 2e-3, 5e-4  # Adam's, of the embeddings and of the classifier; codes have a mean square of 1
MOST_HELD = 1_000  # labels that tell when to stop, at most
MANY = 5_000  # labels: so many are not trained on a second time, together with the held-out ones


class Trained(NamedTuple):
    """Embeddings (U, D) after training, in the unit of those given, and the classifier (K, D), (K,) on them."""

    table: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def word_scores(self) -> np.ndarray:
        """What each word adds to the score of each class, (U, K): scores of texts are their shares times these, and the bias."""
        found: np.ndarray = self.table @ self.weight.T
        return found


def fine_tuned(shares: Any, table: np.ndarray, labels: np.ndarray, classes: int, seed: int) -> Trained:
    """Train embeddings and classifier; first a linear probe on the embeddings as they are, then both (Kumar et al. 2022).

    Held-out labels say after how many epochs to stop, none included; then all labels are trained on for so many epochs.

    Parameters
    ----------
    shares
        Sparse (n, U): the weight of each word in each labelled text; a row adds up to 1.
    table
        (U, D) embeddings to begin with.
    labels
        (n,) int64 in 0..classes-1.
    """
    parts = probe.split(labels, seed)
    every = np.arange(len(labels))
    if parts is None:
        return _train(shares, table, labels, classes, every, None, UNCHOSEN, seed)[0]
    fit, held = parts
    if len(held) > MOST_HELD:
        held = np.sort(np.random.default_rng(seed).permutation(held)[:MOST_HELD])
        fit = np.setdiff1d(every, held)
    found, epochs = _train(shares, table, labels, classes, fit, held, EPOCHS, seed)
    if len(labels) > MANY:
        return found
    return _train(shares, table, labels, classes, every, None, epochs, seed)[0]


def _train(
    shares: Any,
    table: np.ndarray,
    labels: np.ndarray,
    classes: int,
    fit: np.ndarray,
    held: np.ndarray | None,
    epochs: int,
    seed: int,
) -> tuple[Trained, int]:
    """Train on some rows; with held-out rows the weights of the epoch with their least loss, and its number."""
    start = probe.weights(np.asarray(shares[fit] @ table, np.float32), labels[fit], classes, seed)
    weight, bias = start.weight, start.bias - start.weight @ (start.mean / start.size)
    net = _Net(table, start.size, weight, bias)
    slow = torch.optim.SparseAdam([net.table], lr=RATE)
    fast = torch.optim.Adam([net.weight, net.bias], lr=HEAD_RATE)
    rng, known = np.random.default_rng(seed), torch.from_numpy(labels)
    size = int(np.clip(len(fit) // BATCHES, 8, 64))
    if held is not None:
        epochs = min(epochs, max(1, STEPS * size // len(fit)))
    best = (net.loss(shares[held], known[held]) if held is not None else 0.0, 0, net.copy())
    for epoch in range(1, epochs + 1):
        order = rng.permutation(fit)
        for first in range(0, len(order), size):
            rows = order[first : first + size]
            loss = F.cross_entropy(net(shares[rows]), known[rows])
            slow.zero_grad()
            fast.zero_grad()
            loss.backward()
            slow.step()
            fast.step()
        if held is not None:
            lost = net.loss(shares[held], known[held])
            if lost < best[0]:
                best = (lost, epoch, net.copy())
            elif epoch - best[1] >= PATIENCE:
                break
    return (best[2], best[1]) if held is not None else (net.copy(), epochs)


class _Net(nn.Module):
    """Scores of bags: (shares @ table) @ weight' + bias, with the table in the unit in which codes have a mean square of 1."""

    def __init__(self, table: np.ndarray, size: float, weight: np.ndarray, bias: np.ndarray) -> None:
        super().__init__()
        self.size = size
        self.table, self.weight, self.bias = (
            nn.Parameter(torch.tensor(np.asarray(one, np.float32))) for one in (table / size, weight, bias)
        )

    def forward(self, shares: Any) -> Tensor:
        """Scores (B, K) of sparse shares (B, U)."""
        words, starts = torch.from_numpy(shares.indices).long(), torch.from_numpy(shares.indptr[:-1]).long()
        heavy = torch.from_numpy(shares.data)
        codes = F.embedding_bag(words, self.table, starts, mode="sum", per_sample_weights=heavy, sparse=True)  # (B, D)
        return codes @ self.weight.T + self.bias

    def loss(self, shares: Any, labels: Tensor) -> float:
        """Cross-entropy, from the scores of words: no row of the table is looked up twice."""
        with torch.no_grad():
            scores = shares @ (self.table @ self.weight.T).numpy() + self.bias.numpy()
            return float(F.cross_entropy(torch.from_numpy(np.asarray(scores, np.float32)), labels))

    def copy(self) -> Trained:
        """The weights as they are now, in the unit of the table that was given."""
        table, weight, bias = (one.detach().numpy() for one in (self.table, self.weight, self.bias))
        return Trained(table * np.float32(self.size), weight / np.float32(self.size), bias.copy())
