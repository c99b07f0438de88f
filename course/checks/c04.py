"""Exercise of chapter 4: soft thresholding."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Shrink = Callable[[Tensor, float], Tensor]


def check(shrink: Shrink) -> None:
    """Whether it gives the least of (z - a)^2 / 2 + penalty |z|, held against a search on a fine grid."""
    a = torch.tensor([[-2.0, -0.7, -0.3, 0.0], [0.2, 0.5, 0.9, 3.0]])
    grid = torch.linspace(-4, 4, 8001)
    for penalty in (0.5, 0.0, 1.5):
        before = a.clone()
        got = shrink(a, penalty)
        assert torch.equal(a, before), "shrink has changed a itself; give a new tensor"
        assert got.shape == a.shape, f"a number for each number of a, {tuple(a.shape)}; got {tuple(got.shape)}"
        best = grid[((grid - a[..., None]).square() / 2 + penalty * grid.abs()).argmin(-1)]
        wrong = int((got - best).abs().argmax())
        assert torch.allclose(got, best, atol=2e-3), (
            f"with penalty {penalty:g} the least for a = {float(a.flatten()[wrong]):g} lies at "
            f"z = {float(best.flatten()[wrong]):.2f}; yours is {float(got.flatten()[wrong]):.2f}. {_hint(a, got, best, penalty)}"
        )
        exact = int((got[(a.abs() <= penalty)] != 0).sum())
        assert exact == 0, f"{exact} of the numbers below the penalty are small, but not exactly 0"
    print("right: below the penalty exactly 0, above it nearer to 0 by the penalty")


def _hint(a: Tensor, got: Tensor, best: Tensor, penalty: float) -> str:
    """Which part is right already."""
    small, large = a.abs() <= penalty, a > penalty
    if torch.allclose(got[a >= 0], best[a >= 0], atol=2e-3):
        return "Positive numbers are right: what of a negative a?"
    if torch.allclose(got[small], best[small], atol=2e-3) and torch.allclose(got[large], a[large]):
        return "What is large pays as well, and is moved by the penalty."
    return "Set the slope to 0 on either side of the kink."
