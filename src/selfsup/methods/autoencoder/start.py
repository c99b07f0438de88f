"""Start from PCA: two nets whose first guess is principal component analysis, so that training only has to improve on it.

A ReLU layer holds a pair of units for each axis, relu(v'x) and relu(-v'x); their difference is the score v'x, so an mlp
with hidden layers of at least twice the code's width begins as PCA exactly, and the rest of its units begin at random,
silent. Any other net gets a linear short cut beside it, and its own last layers begin at 0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from selfsup.data.facts import Covariance
from selfsup.data.form import Form
from selfsup.methods.autoencoder.jacobian import Encoder
from selfsup.methods.autoencoder.likelihood import Likelihood, SquaredError
from selfsup.nets import Standardize

ROWS = 10_000  # of the training part: enough for a start
LARGEST = 4096  # values in a sample: the eigenvectors of a larger covariance take longer than the training


class Short(nn.Module):
    """A linear way beside the nets: into the code and back."""

    def __init__(self, shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        size = int(torch.Size(shape).numel())
        self.into = nn.Sequential(nn.Flatten(), nn.Linear(size, width))
        self.back = nn.Sequential(nn.Linear(width, size), nn.Unflatten(1, shape))


def why_not(likelihood: Likelihood, form: Form, width: int) -> str:
    """Why a model with a code of that width cannot begin as PCA; empty if it can."""
    if type(likelihood) is not SquaredError:
        return "PCA has a squared error; this likelihood has not"
    if form.size > LARGEST:
        return f"samples have more than {LARGEST:,} values"
    if form.missing:
        return "values are missing"
    return "the code is wider than a sample" if width > form.size else ""


def paired(encoder: Encoder, decoder: nn.Module, width: int) -> tuple[list[nn.Linear], list[nn.Linear]] | None:
    """Linear layers of encoder and decoder, if they are ReLU layers of at least twice the code's width."""
    layers = encoder.layers()
    if layers is None or not isinstance(decoder, nn.Sequential):
        return None
    *hidden, code = layers
    if code[1] is not None or not all(isinstance(act, nn.ReLU) for _, act in hidden):
        return None
    back = [module for module in decoder if isinstance(module, nn.Linear)]
    if len(back) != len(layers) or any(layer.out_features < 2 * width for layer, _ in hidden):
        return None
    return [layer for layer, _ in layers], back


def principal_axes(found: Covariance, scale: nn.Module, channels: int, width: int) -> tuple[Tensor, Tensor]:
    """Principal axes (D, d) and mean (d,) in standard units, float32."""
    mean = found.mean.cpu()
    if isinstance(scale, Standardize):
        each = len(mean) // channels
        std = scale.std.flatten().double().cpu().repeat_interleave(each)
        mean = (mean - scale.mean.flatten().double().cpu().repeat_interleave(each)) / std
        found = found.scaled(std)
    return found.leading(width)[1].float(), mean.float()


@torch.no_grad()
def set_pairs(encoder: list[nn.Linear], decoder: list[nn.Linear], axes: Tensor, centre: Tensor) -> None:
    """Write the axes into ReLU layers; with no hidden layer the code is the scores themselves."""
    width = len(axes)
    scores = axes @ centre
    if len(encoder) == 1:
        encoder[0].weight.copy_(axes)
        encoder[0].bias.copy_(-scores)
        decoder[0].weight.copy_(axes.T)
        decoder[0].bias.copy_(centre)
        return
    sign = torch.cat([torch.eye(width), -torch.eye(width)])  # (2 D, D)
    _set_rows(encoder[0], sign @ axes, -sign @ scores)
    _set_rows(decoder[0], sign, torch.zeros(2 * width))
    for layer in (*encoder[1:-1], *decoder[1:-1]):
        _set_rows(layer, torch.eye(2 * width, layer.in_features), torch.zeros(2 * width))
    for layer, weight, bias in ((encoder[-1], sign.T, torch.zeros(width)), (decoder[-1], (sign @ axes).T, centre)):
        layer.weight.zero_()  # the units that began at random are silent
        layer.weight[:, : 2 * width] = weight
        layer.bias.copy_(bias)


def _set_rows(layer: nn.Linear, weight: Tensor, bias: Tensor) -> None:
    layer.weight[: len(weight)] = weight
    layer.bias[: len(bias)] = bias


@torch.no_grad()
def set_short(short: Short, nets: tuple[nn.Module, nn.Module], axes: Tensor, centre: Tensor) -> None:
    """Write the axes into the short cut, and silence the last layers of the nets beside it: of the code and the decoder."""
    into, back = short.into[1], short.back[0]
    assert isinstance(into, nn.Linear)
    assert isinstance(back, nn.Linear)
    into.weight.copy_(axes)
    into.bias.copy_(-axes @ centre)
    back.weight.copy_(axes.T)
    back.bias.copy_(centre)
    for net in nets:
        last = [m for m in net.modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1]
        last.weight.zero_()
        if last.bias is not None:
            last.bias.zero_()
