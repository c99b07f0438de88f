"""Exercise of chapter 3: the largest likelihood of probabilistic PCA in closed form."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

MostLikely = Callable[[Tensor, int], tuple[Tensor, Tensor, float]]


def check(most_likely: MostLikely) -> None:
    """Whether mean, noise and W are those of the largest likelihood, of data far from 0."""
    rng = torch.Generator().manual_seed(2)
    turn = torch.linalg.qr(torch.randn((6, 6), generator=rng).double())[0]
    x = (
        torch.randn((200, 6), generator=rng).double() * torch.tensor([4.0, 2.0, 1.0, 0.8, 0.6, 0.4]).double() @ turn
        + 5.0
    )
    mean, w, noise = most_likely(x.clone(), 2)
    assert tuple(w.shape) == (6, 2), (
        f"W has a row for each column of the data and a column for each number of the code, (6, 2); "
        f"got {tuple(w.shape)}"
    )
    off = float((mean - x.mean(0)).abs().max())
    assert off < 1e-6, f"the mean is off by {off:.2g} in a column"
    values, vectors = torch.linalg.eigh((x - x.mean(0)).T @ (x - x.mean(0)) / len(x))  # rising
    right = float(values[:4].mean())
    assert abs(float(noise) / right - 1) < 1e-6, (
        f"sigma^2 is {float(noise):.4g}, and should be {right:.4g}, the mean of the 4 eigenvalues that are left out: "
        f"{_hint(float(noise), values)}"
    )
    best = vectors[:, 4:] * values[4:] @ vectors[:, 4:].T
    ratio = float((w @ w.T).trace() / (best.trace() - 2 * right))
    assert torch.allclose(w @ w.T, best - right * vectors[:, 4:] @ vectors[:, 4:].T, atol=1e-6), (
        f"W W' is not that of the maximum (its trace is {ratio:.3g} times what it should be): W are the first eigenvectors, "
        "times the root of their eigenvalues less sigma^2"
    )
    print(f"right: sigma^2 = {right:.4f}, and W is right up to a rotation of the code")


def _hint(noise: float, values: Tensor) -> str:
    """What was computed instead."""
    likely = {
        "that is their sum": float(values[:4].sum()),
        "that is the mean of all eigenvalues": float(values.mean()),
        "that divides by d instead of d - k": float(values[:4].sum() / 6),
        "that is the mean of the ones that are kept": float(values[4:].mean()),
        "that is its root": float(values[:4].mean().sqrt()),
        "the covariance was divided by n - 1; the largest likelihood divides by n": float(
            values[:4].mean() * 200 / 199
        ),
    }
    return next(
        (words for words, value in likely.items() if abs(noise / value - 1) < 1e-6),
        "is the covariance that of centred data?",
    )
