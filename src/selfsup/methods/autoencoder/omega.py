"""Omega(z): what an auto-encoder is charged for besides its reconstruction.

A penalty is a plain function of ``(x, z, reconstruction, model)``: x (B, ...) as the encoder sees it (standard units,
missing values filled in), z (B, D), reconstruction (B, ...), and the method itself. It gives (B,) or a scalar. A new one
is a function: ``omega="mymodule:my_penalty"`` or ``omega="FILE.py:my_penalty"``, or the function itself from Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from selfsup.errors import OptionError, unknown
from selfsup.methods.autoencoder.jacobian import squared_norm
from selfsup.system import imports

Omega = Callable[[Tensor, Tensor, Tensor, Any], Tensor]
RATE = 0.05  # mean activity that `kl` draws each unit to (Ng 2011, CS294A notes, section 3)


def l1(x: Tensor, z: Tensor, reconstruction: Tensor, model: Any) -> Tensor:
    """Sum of absolute values of the code (B,): with a ReLU it gives exact zeros."""
    return z.abs().sum(1)


def kl(x: Tensor, z: Tensor, reconstruction: Tensor, model: Any) -> Tensor:
    """KL divergence between a rate of 0.05 and each unit's mean activity sigmoid(z) over the batch, summed (Ng 2011)."""
    rate = z.sigmoid().mean(0).clamp(1e-6, 1 - 1e-6)  # (D,)
    return (RATE * (RATE / rate).log() + (1 - RATE) * ((1 - RATE) / (1 - rate)).log()).sum()


def contractive(x: Tensor, z: Tensor, reconstruction: Tensor, model: Any) -> Tensor:
    """Squared Frobenius norm (B,) of the code's Jacobian at x (Rifai et al. 2011), exact."""
    return squared_norm(model.encoder(), x)


def orthogonality(x: Tensor, z: Tensor, reconstruction: Tensor, model: Any) -> Tensor:
    """Sum of squared correlations between different units of the code over the batch."""
    centred = z - z.mean(0)
    scaled = centred / (centred.norm(dim=0) + 1e-6)
    correlation = scaled.T @ scaled  # (D, D)
    apart: Tensor = correlation.square().sum() - correlation.diagonal().square().sum()
    return apart


def mmd(x: Tensor, z: Tensor, reconstruction: Tensor, model: Any) -> Tensor:
    """Squared maximum mean discrepancy between the batch's codes and a standard normal prior (Gretton et al. 2012).

    With Gaussian kernels the prior's expectations have a closed form, so no prior sample is drawn. The bandwidths are
    1/2, 1 and 2 times the root of D, the size of a prior sample; the unbiased estimate is used.
    """
    rows, width = z.shape
    apart = torch.cdist(z, z).square()  # (B, B)
    found = z.new_zeros(())
    for factor in (0.5, 1.0, 2.0):
        variance = factor**2 * width
        kernel = (-apart / (2 * variance)).exp()
        among = (kernel.sum() - kernel.diagonal().sum()) / max(rows * (rows - 1), 1)
        shrink = (variance / (variance + 1)) ** (width / 2)
        to_prior = shrink * (-z.square().sum(1) / (2 * (variance + 1))).exp().mean()
        found = found + among - 2 * to_prior + (variance / (variance + 2)) ** (width / 2)
    return found


def l2(x: Tensor, z: Tensor, reconstruction: Tensor, model: Any) -> Tensor:
    """Sum of squared weights of both nets, without biases: part of the loss, unlike the decoupled weight decay."""
    return torch.stack([p.square().sum() for p in model.parameters() if p.ndim > 1 and p.requires_grad]).sum()


OMEGAS: dict[str, Omega] = {
    "l1": l1,
    "kl": kl,
    "contractive": contractive,
    "orthogonality": orthogonality,
    "mmd": mmd,
    "l2": l2,
}
COUPLED = (kl, orthogonality, mmd)  # compare the samples of a batch


def find_omega(omega: str | Omega | None) -> Omega | None:
    """Give the function of a name, of a path ``"mymodule:my_penalty"`` or ``"FILE.py:my_penalty"``, or the function itself.

    Raises
    ------
    OptionError
        If there is none of that name (with the nearest), or the path does not import.
    """
    if omega is None or not isinstance(omega, str):
        return omega
    if omega in OMEGAS:
        return OMEGAS[omega]
    if ":" not in omega:
        raise OptionError(unknown("omega", omega, OMEGAS) + " (a penalty of your own: 'FILE.py:my_penalty')")
    found = imports.find(omega, "penalty")
    if not callable(found):
        raise OptionError(f"the penalty '{omega}' is not a function of (x, z, reconstruction, model)")
    return found


def charge(omega: Omega, x: Tensor, z: Tensor, reconstruction: Tensor, model: Any) -> Tensor:
    """What a penalty gives, held to its contract.

    Raises
    ------
    OptionError
        If it is no tensor, or neither (B,) nor a scalar.
    """
    found = omega(x, z, reconstruction, model)
    if not isinstance(found, Tensor) or found.shape not in ((), (len(x),)):
        got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise OptionError(
            f"the penalty '{name_of(omega)}' must give a tensor of shape ({len(x)},) or a scalar; it gave {got}"
        )
    return found


def name_of(omega: Omega) -> str:
    """What a penalty is called in messages and terms."""
    return str(getattr(omega, "__name__", type(omega).__name__))
