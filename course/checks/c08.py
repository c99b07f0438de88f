"""Exercise of chapter 8: the loss of skip-gram with negative sampling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def check(negative_loss: Loss) -> None:
    """Whether the loss is right: against the formula in float64, for scores of any size, and by where its minimum lies."""
    rng = torch.Generator().manual_seed(0)
    guess, near = (torch.randn((6, 4), generator=rng) for _ in range(2))
    far = torch.randn((6, 3, 4), generator=rng)
    found = negative_loss(guess, near, far)
    assert tuple(found.shape) == (6,), (
        f"the loss must be one number a pair, (6,) here; it is {tuple(found.shape)}: do not average over the batch"
    )
    wanted = _formula(guess, near, far)
    if not torch.allclose(found.double(), wanted, atol=1e-4):
        raise AssertionError(_why(found.double(), guess, near, far))
    large = negative_loss(100 * torch.ones(1, 4), -torch.ones(1, 4), torch.ones(1, 3, 4))
    assert bool(torch.isfinite(large).all()), (
        "for large scores the loss is not finite: log(sigmoid(x)) is log(0) there; use softplus, as -log s(x) = softplus(-x)"
    )
    assert abs(float(large) - 1600) < 1, f"for scores of -400 and 400 the loss must be 1600; it is {float(large):.4g}"
    print(f"right: mean loss {float(found.mean()):.3f}, and finite for scores of 400")


def _formula(guess: Tensor, near: Tensor, far: Tensor) -> Tensor:
    """What it should be (B,), in float64."""
    g, n, f = (part.double().numpy() for part in (guess, near, far))
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    return torch.from_numpy(-np.log(sigmoid((g * n).sum(1))) - np.log(sigmoid(-(g[:, None] * f).sum(2))).sum(1))


def _why(found: Tensor, guess: Tensor, near: Tensor, far: Tensor) -> str:
    """Which mistake gives these numbers."""
    minus = _formula(guess, -near, -far)
    same_sign = _formula(guess, near, -far)
    count = far.shape[1]
    nearest = _formula(guess, near, far[:, :0])
    mean = nearest + (_formula(guess, near, far) - nearest) / count
    everything = torch.cat([near[:, None], far], 1).double() @ guess.double()[:, :, None]
    softmax = -torch.log_softmax(everything[..., 0], 1)[:, 0]
    mistakes = {
        "both signs are the wrong way round: the neighbour's score should grow, those of the negatives should fall": minus,
        "the negatives are treated as neighbours: theirs is log s(-v_n . v_w), with a minus inside": same_sign,
        f"the negatives are averaged; their {count} terms are summed": mean,
        "this is a softmax over the neighbour and the negatives; here each of them is a yes-or-no question of its own": softmax,
        "the negatives are missing": nearest,
        "it is the logarithm itself: the loss is minus that": -_formula(guess, near, far),
    }
    for words, values in mistakes.items():
        if torch.allclose(found, values, atol=1e-4):
            return words
    return f"the loss of the first pair is {float(found[0]):.4f}; by the formula it is {float(_formula(guess, near, far)[0]):.4f}"
