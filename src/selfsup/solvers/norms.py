"""Batch norm over the batches of all processes, on any device: torch's own (`nn.SyncBatchNorm`) is for GPUs alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from selfsup.solvers.distributed import Processes


def batch_norms(module: nn.Module) -> tuple[_BatchNorm, ...]:
    """The batch norms in a module that are torch's own, for which `of_whole_batch` can stand in."""
    return tuple(
        norm for norm in module.modules() if isinstance(norm, _BatchNorm) and type(norm).forward is _BatchNorm.forward
    )


@contextmanager
def of_whole_batch(norms: Sequence[_BatchNorm], group: Processes) -> Iterator[None]:
    """While this lasts, what is normalised in training is so by mean and variance over all processes, with gradient.

    The modules stay what they are, with their names and tensors; their running statistics come to be the same in all processes.
    """
    for norm in norms:
        norm.forward = partial(_normalised, norm, group)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


def _normalised(norm: _BatchNorm, group: Processes, x: Tensor) -> Tensor:
    """What batch norm makes of the share (b, C, ...) of this process."""
    if not norm.training and norm.running_mean is not None:
        return _BatchNorm.forward(norm, x)
    norm._check_input_dim(x)
    mean, variance, rows = _moments(x, group)
    if norm.training and norm.running_mean is not None:
        _follow(norm, mean.detach(), variance.detach() * (rows / (rows - 1)))
    scale = (variance + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -mean * scale if norm.bias is None else norm.bias - mean * scale
    along = (-1,) + (1,) * (x.ndim - 2)
    return torch.addcmul(shift.view(along), _wide(x), scale.view(along)).to(x.dtype)


def _moments(x: Tensor, group: Processes) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (C,) and variance (C,) over all processes, and over how many values of a channel they are; the shares may differ."""
    variances, means = torch.var_mean(_wide(x), [0, *range(2, x.ndim)], correction=0)  # (C,)
    width = len(means)
    count = means.new_full((1,), x.numel() // width)
    found = group.whole(torch.cat([means, variances, count])[None], group.size)  # (P, 2 C + 1)
    counts = found[:, -1:].detach()
    rows = counts.sum()  # at least two, as no process is without a sample
    share = counts / rows
    mean = (share * found[:, :width]).sum(0)
    variance = (share * (found[:, width:-1] + (found[:, :width] - mean).square())).sum(0)
    return mean, variance, rows


@torch.no_grad()
def _follow(norm: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked += 1
    pace = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), pace)
    norm.running_var.lerp_(variance.to(norm.running_var.dtype), pace)


def _wide(x: Tensor) -> Tensor:
    """At least in float32, in which sums over a batch are kept."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
