"""The Jacobian of the code with respect to the sample: its squared Frobenius norm, exactly or by random projections."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

CHUNK = 16  # units whose gradients are taken at once where there is no closed form
Layer = tuple[nn.Linear, nn.Module | None]  # with its activation


class Encoder(NamedTuple):
    """The way from a sample to its code.

    Attributes
    ----------
    code_of
        From what is seen (B, ...) to codes (B, D).
    parts
        The modules that it is, one after the other; empty where it is more than that.
    """

    code_of: Callable[[Tensor], Tensor]
    parts: tuple[nn.Module, ...] = ()

    def layers(self) -> list[Layer] | None:
        """Linear layers with their activations, where it is made of nothing else; None otherwise."""
        found: list[Layer] = []
        for module in (m for part in self.parts for m in part.modules() if not list(m.children())):
            if isinstance(module, nn.Linear):
                found.append((module, None))
            elif isinstance(module, nn.ReLU | nn.Sigmoid | nn.Tanh) and found and found[-1][1] is None:
                found[-1] = (found[-1][0], module)
            elif not isinstance(module, nn.Flatten | nn.Identity):
                return None
        return found or None


def squared_norm(encoder: Encoder, x: Tensor) -> Tensor:
    """Squared Frobenius norm (B,) of d code / d x at x (B, ...), differentiable.

    A code of one layer has the closed form of Rifai et al. (2011, section 5); with one hidden layer and a linear code it
    is s' (W2'W2 * W1W1') s', s' being the slopes of the hidden units (B, h): both cost less than the encoder itself. Any
    other net takes one backward pass for each unit of the code.
    """
    layers = encoder.layers()
    if layers is not None and len(layers) == 1:
        (layer, activation), rows = layers[0], x.flatten(1)
        slopes = _slopes(activation, layer(rows))  # (B, D)
        return slopes.square() @ layer.weight.square().sum(1)
    if layers is not None and len(layers) == 2 and layers[1][1] is None:
        (first, activation), (second, _) = layers
        slopes = _slopes(activation, first(x.flatten(1)))  # (B, h)
        gram = (second.weight.T @ second.weight) * (first.weight @ first.weight.T)  # (h, h)
        return ((slopes @ gram) * slopes).sum(1)
    return _by_units(encoder, x)


def _slopes(activation: nn.Module | None, before: Tensor) -> Tensor:
    """Derivative of an activation at its input."""
    if activation is None:
        return torch.ones_like(before)
    if isinstance(activation, nn.ReLU):
        return (before > 0).to(before.dtype)
    after = activation(before)
    slope: Tensor = after * (1 - after) if isinstance(activation, nn.Sigmoid) else 1 - after.square()
    return slope


def _by_units(encoder: Encoder, x: Tensor) -> Tensor:
    """One backward pass a unit, a few at a time."""
    with torch.enable_grad():
        seen = x.detach().requires_grad_()
        z = encoder.code_of(seen)  # (B, D)
        found = []
        for start in range(0, z.shape[1], CHUNK):
            units = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)[start : start + CHUNK]  # (U, D)
            rows = torch.autograd.grad(
                z, seen, units[:, None].expand(-1, len(z), -1), create_graph=True, is_grads_batched=True
            )[0]  # (U, B, ...)
            found.append(rows.flatten(2).square().sum((0, 2)))
        return torch.stack(found).sum(0)


def estimated_norm(z: Tensor, x: Tensor, probes: Tensor) -> Tensor:
    """Unbiased estimate (B,) of the squared norm from random signs (B, P, D): E |v'J|^2 = |J|^2 (Hutchinson 1990).

    Parameters
    ----------
    z
        Codes (B, D) that were computed from x (B, ...), which requires its gradient.
    """
    found = []
    for number in range(probes.shape[1]):
        rows = torch.autograd.grad(z, x, probes[:, number], create_graph=True)[0]  # (B, ...)
        found.append(rows.flatten(1).square().sum(1))
    return torch.stack(found).mean(0)
