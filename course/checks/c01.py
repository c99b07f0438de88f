"""Exercise of chapter 1: principal component analysis as the closed form of a linear auto-encoder."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

ClosedForm = Callable[[Tensor, int], tuple[Tensor, Tensor]]


def check(closed_form: ClosedForm) -> None:
    """Whether the axes are orthonormal, span the best subspace of data far from 0, and stand in their order."""
    rng = torch.Generator().manual_seed(1)
    spread = torch.tensor([9.0, 5.0, 3.0, 2.0, 1.0, 0.5, 0.2, 0.1]).double()
    turn = torch.linalg.qr(torch.randn((8, 8), generator=rng).double())[0]
    x = torch.randn((500, 8), generator=rng).double() * spread @ turn + torch.linspace(20, -30, 8).double()
    axes, mean = closed_form(x.clone(), 3)
    assert tuple(axes.shape) == (3, 8), (
        f"3 axes of data with 8 columns are (3, 8), one axis a row; got {tuple(axes.shape)}"
    )
    assert tuple(mean.shape) == (8,), f"the mean has a value a column, (8,); got {tuple(mean.shape)}"
    off = float((mean - x.mean(0)).abs().max())
    assert off < 1e-6, f"the mean is off by {off:.2g} in a column"
    apart = float((axes @ axes.T - torch.eye(3)).abs().max())
    assert apart < 1e-6, f"the axes are not orthonormal: V V' differs from the identity by {apart:.2g}"
    right = torch.linalg.svd(x - x.mean(0), full_matrices=False).Vh[:3]
    angle = float(torch.linalg.svdvals(axes.T - right.T @ (right @ axes.T))[0].clamp(max=1).asin())
    assert angle < 1e-3, f"the angle to the best subspace is {angle:.2g} rad; it should be below 1e-3: {_hint(axes, x)}"
    variances = ((x - mean) @ axes.T).var(0)
    assert bool((variances[:-1] >= variances[1:]).all()), (
        f"the largest variance comes first; yours are {[round(float(v), 2) for v in variances]}: eigh sorts them the other way"
    )
    print(f"right: the angle to the best subspace is {angle:.0e} rad")


def _hint(axes: Tensor, x: Tensor) -> str:
    """What the axes are instead."""
    centre = x.mean(0) / x.mean(0).norm()
    if float((axes @ centre).norm()) > 0.98:
        return "one axis points at the mean of the data. Is the code centred?"
    return "are these the eigenvectors of the largest eigenvalues, and the columns of what eigh gives?"
