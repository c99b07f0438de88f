"""Exercise of chapter 6: a reparametrised draw, and the KL divergence from a standard normal distribution."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence


def check(draw: Callable[[Tensor, Tensor, Tensor], Tensor], kl: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Whether draws have the mean and deviation of q and let gradients through, and whether the KL is right."""
    rng = torch.Generator().manual_seed(3)
    mean, log_variance = torch.randn((5, 3), generator=rng), torch.randn((5, 3), generator=rng)
    q = Normal(mean, (0.5 * log_variance).exp())
    zero, one = torch.zeros(5, 3), torch.ones(5, 3)
    centre = draw(mean, log_variance, zero)
    assert centre.shape == mean.shape, f"a code for each sample, {tuple(mean.shape)}; got {tuple(centre.shape)}"
    assert torch.allclose(centre, mean, atol=1e-5), (
        "with noise 0 the draw is the mean; yours is not: is there chance that is not from `noise`?"
    )
    spread = draw(mean, log_variance, one) - mean
    assert torch.allclose(spread, q.stddev, rtol=1e-4), (
        f"noise of 1 should move the code by s = exp(log s^2 / 2), {float(q.stddev[0, 0]):.3f} in the first place; yours "
        f"moves by {float(spread[0, 0]):.3f}{_spread(spread, log_variance)}"
    )
    learnt = log_variance.clone().requires_grad_()
    draw(mean, learnt, one).sum().backward()
    assert learnt.grad is not None and bool(learnt.grad.any()), "no gradient reaches log_variance: do not detach it"
    got, right = kl(mean, log_variance), kl_divergence(q, Normal(zero, one)).sum(1)
    assert got.shape == (5,), f"one divergence a sample, (5,): sum over axis 1; got {tuple(got.shape)}"
    nothing = float(kl(zero[:1], zero[:1]))
    assert abs(nothing) < 1e-6, f"q that is the prior has KL 0; yours is {nothing:.3f}"
    assert bool((got > -1e-5).all()), (
        f"a KL divergence is never negative; yours is {float(got.min()):.3f}: is a sign turned round?"
    )
    assert torch.allclose(got, right, rtol=1e-4), (
        f"the KL of the first sample is {float(right[0]):.3f}, half the sum over j of mu^2 + s^2 - 1 - log s^2; "
        f"yours is {float(got[0]):.3f}, {float(got[0] / right[0]):.2f} times that"
    )
    print("right: the draws have the mean and deviation of q, and the KL is exact")


def _spread(spread: Tensor, log_variance: Tensor) -> str:
    """What was taken for the deviation."""
    if torch.allclose(spread, log_variance.exp(), rtol=1e-4):
        return ", which is the variance s^2"
    return ", which is log s^2" if torch.allclose(spread, log_variance, rtol=1e-4) else ""
