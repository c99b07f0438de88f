"""Start from PCA: two nets whose first guess is principal component analysis, so that training only has to improve on it.

A ReLU layer holds a pair of units for each axis, relu(v'x) and relu(-v'x); their difference is the score v'x, so an mlp
with hidden layers of at least twice the code's width begins as PCA exactly, and the rest of its units begin at random,
silent. Any other net gets a linear short cut beside it, and its own last layers begin at 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import scipy.linalg
import torch
from torch import Tensor, nn

from selfsup.method import Spec
from selfsup.nets import Standardize

if TYPE_CHECKING:
    from selfsup.methods.autoencoder.base import AutoEncoder

ROWS = 10_000  # of the training part: enough for a start
LARGEST = 4096  # values in a sample: the eigenvectors of a larger covariance take longer than the training


class Short(nn.Module):
    """A linear way beside the nets: into the code and back."""

    def __init__(self, shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        size = int(torch.Size(shape).numel())
        self.into = nn.Sequential(nn.Flatten(), nn.Linear(size, width))
        self.back = nn.Sequential(nn.Linear(width, size), nn.Unflatten(1, shape))


def start_from_pca(model: AutoEncoder, spec: Spec, width: int) -> str:
    """Set the weights of a model that was just built, and say what was done.

    Where the covariance is not known (a model that is being loaded, or the untrained baseline), the weights stay random.
    """
    from selfsup.methods.autoencoder.likelihood import SquaredError

    if type(model.likelihood_of) is not SquaredError:
        return "starts at random (PCA has a squared error; this likelihood has not)"
    if spec.missing or spec.size > LARGEST or width > spec.size:
        why = "values are missing" if spec.missing else "the code is wider than a sample"
        why = f"samples have more than {LARGEST:,} values" if spec.size > LARGEST else why
        return f"starts at random ({why})"
    pair = _paired_layers(model, width)
    if pair is None:
        model.short = Short(spec.shape, width)
    if spec.covary is None:
        return "starts at random"
    axes, centre = _axes(model, spec, width)
    with torch.no_grad():
        if pair is None:
            _set_short(model, axes, centre)
        else:
            _set_pairs(pair[0], pair[1], axes, centre)
    return f"starts from PCA of {width} components"


def _axes(model: AutoEncoder, spec: Spec, width: int) -> tuple[Tensor, Tensor]:
    """Principal axes (D, d) and mean (d,) in standard units."""
    assert spec.covary is not None
    mean, covariance = (part.cpu() for part in spec.covary(ROWS)[:2])
    if isinstance(model.scale, Standardize):
        repeat = spec.size // spec.shape[0]
        std = model.scale.std.flatten().double().repeat_interleave(repeat)
        mean = (mean - model.scale.mean.flatten().double().repeat_interleave(repeat)) / std
        covariance = covariance / torch.outer(std, std)
    size = len(covariance)
    found = scipy.linalg.eigh(covariance.numpy(), subset_by_index=(size - width, size - 1))[1]
    return torch.from_numpy(found).T.flip(0).float(), mean.float()


def _paired_layers(model: AutoEncoder, width: int) -> tuple[list[nn.Linear], list[nn.Linear]] | None:
    """Linear layers of encoder and decoder, if they are ReLU layers of at least twice the code's width."""
    from selfsup.methods.autoencoder.jacobian import linear_layers

    encoder = linear_layers(model)
    if encoder is None or not isinstance(model.decoder, nn.Sequential):
        return None
    *hidden, code = encoder
    if code[1] is not None or not all(isinstance(act, nn.ReLU) for _, act in hidden):
        return None
    decoder = [module for module in model.decoder if isinstance(module, nn.Linear)]
    if len(decoder) != len(encoder) or any(layer.out_features < 2 * width for layer, _ in hidden):
        return None
    return [layer for layer, _ in encoder], decoder


def _set_pairs(encoder: list[nn.Linear], decoder: list[nn.Linear], axes: Tensor, centre: Tensor) -> None:
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


def _set_short(model: AutoEncoder, axes: Tensor, centre: Tensor) -> None:
    """Write the axes into the short cut, and silence the nets beside it."""
    assert isinstance(model.short, Short)
    into, back = model.short.into[1], model.short.back[0]
    assert isinstance(into, nn.Linear)
    assert isinstance(back, nn.Linear)
    into.weight.copy_(axes)
    into.bias.copy_(-axes @ centre)
    back.weight.copy_(axes.T)
    back.bias.copy_(centre)
    for part in (model.code, model.decoder):
        last = [m for m in part.modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1]
        last.weight.zero_()
        if last.bias is not None:
            last.bias.zero_()
