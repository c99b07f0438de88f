"""The TopK sparse auto-encoder whose forward and backward are sparse from end to end.

A code is kept flat, whatever made it: ``values`` (N,), the latent ``ids`` (N,), the ``rows`` (N,) they belong to, sorted,
and ``offsets`` (B,), where each row starts. TopK has N = B * k, the same for every row; BatchTopK shares N = B * k out
over the batch. What is then dear in a dense implementation is a sum over a few rows of a matrix (an *embedding bag*):

========================  =============  ==================  ========================
what                      one sum per    over                weighted by
========================  =============  ==================  ========================
reconstruction (B, d)     row            its atoms           values
gradient of x (B, d)      row            its encoder rows    gradients of the values
gradient of decoder       latent         gradient rows       values
gradient of encoder       latent         rows of x           gradients of the values
========================  =============  ==================  ========================

Sorting the ids once a step gives the grouping by latent that both weight gradients use. Nothing of size (B, M) is ever
built for TopK: the pre-activations live in blocks of rows, and only until the k largest of a row are found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from selfsup.errors import DataError, OptionError
from selfsup.methods.autoencoder.largest import choose, dots_of, has_fast_bfloat16, starts_of


class TopKStep(NamedTuple):
    """What ``topk_step`` gives."""

    reconstruction: Tensor  # (B, d)
    values: Tensor  # (B, k), in no particular order
    indices: Tensor  # (B, k) int64


class BatchTopKStep(NamedTuple):
    """What ``batch_topk_step`` gives."""

    reconstruction: Tensor  # (B, d)
    values: Tensor  # (B * k,)
    ids: Tensor  # (B * k,) int64, the latent
    rows: Tensor  # (B * k,) int64, sorted


def topk_step(
    x: Tensor,
    encoder_weight: Tensor,
    encoder_bias: Tensor,
    decoder_weight: Tensor,
    decoder_bias: Tensor,
    k: int,
    *,
    relu: bool = True,
) -> TopKStep:
    """Keep the k largest pre-activations of every row, and rebuild the row from their atoms.

    ``pre = (x - decoder_bias) @ encoder_weight.T + encoder_bias``; the reconstruction is the sum of
    ``values * atoms`` plus ``decoder_bias``. Gradients reach all four parameters, and x where it wants one; they may
    arrive at the reconstruction and at the values. A value that was clamped to zero passes none.

    Parameters
    ----------
    x : Tensor (B, d)
    encoder_weight : Tensor (M, d)
    encoder_bias : Tensor (M,)
    decoder_weight : Tensor (M, d)
        Row j is the atom of latent j.
    decoder_bias : Tensor (d,)
    k : int
        How many latents a row keeps, 1 to M.
    relu : bool
        Clamp the kept values at zero, after they were chosen.

    Returns
    -------
    TopKStep
        ``reconstruction`` (B, d), ``values`` (B, k) and ``indices`` (B, k).
    """
    step = _step(x, (encoder_weight, encoder_bias, decoder_weight, decoder_bias), k, relu, whole_batch=False)
    return TopKStep(step.reconstruction, step.values.view(len(x), k), step.ids.view(len(x), k))


def batch_topk_step(
    x: Tensor,
    encoder_weight: Tensor,
    encoder_bias: Tensor,
    decoder_weight: Tensor,
    decoder_bias: Tensor,
    k: int,
    *,
    relu: bool = True,
) -> BatchTopKStep:
    """Keep the B * k largest pre-activations of the whole batch: a row takes as many as it needs, k on average.

    Parameters are those of ``topk_step``. The pre-activations (B, M) are held while the largest are sought.

    Returns
    -------
    BatchTopKStep
        ``reconstruction`` (B, d); ``values``, ``ids`` and ``rows`` (B * k,), sorted by row.
    """
    return _step(x, (encoder_weight, encoder_bias, decoder_weight, decoder_bias), k, relu, whole_batch=True)


def sparse_codes(values: Tensor, indices: Tensor, latents: int) -> Tensor:
    """Write a TopK code out in full: values (B, k) and indices (B, k) -> (B, latents)."""
    return values.new_zeros(len(values), latents).scatter_add(1, indices, values)


def decode_sparse(values: Tensor, indices: Tensor, decoder_weight: Tensor, decoder_bias: Tensor) -> Tensor:
    """Rebuild rows from a TopK code: the sum of values (B, k) times atoms, plus the bias -> (B, d).

    Gradients reach the values, the atoms and the bias.
    """
    rows = torch.arange(len(values), device=values.device).repeat_interleave(values.shape[1])
    layout = _Layout(indices.reshape(-1), rows, len(values), len(decoder_weight))
    return _decode(values.reshape(-1), decoder_weight, decoder_bias, layout)


class _Layout:
    """Which latents are on in which row; grouped by latent when the first gradient asks, once a step."""

    def __init__(self, ids: Tensor, rows: Tensor, batch: int, latents: int) -> None:
        self.ids, self.rows, self.latents = ids, rows, latents
        self.offsets = starts_of(rows, batch)  # (B,)
        self._grouped: tuple[Tensor, Tensor, Tensor] | None = None

    def by_row(self, matrix: Tensor, weights: Tensor) -> Tensor:
        """Sum over the latents of a row: matrix (M, d), weights (N,) -> (B, d)."""
        return F.embedding_bag(self.ids, matrix, self.offsets, mode="sum", per_sample_weights=weights)

    def by_latent(self, matrix: Tensor, weights: Tensor) -> Tensor:
        """Sum over the rows of a latent: matrix (B, d), weights (N,) -> (M, d)."""
        if self._grouped is None:
            ids, order = torch.sort(self.ids, stable=True)
            self._grouped = order, self.rows.index_select(0, order), starts_of(ids, self.latents)
        order, rows, starts = self._grouped
        return F.embedding_bag(
            rows, matrix.contiguous(), starts, mode="sum", per_sample_weights=weights.index_select(0, order)
        )

    def sums(self, weights: Tensor) -> Tensor:
        """Sum over the rows of a latent: weights (N,) -> (M,); on a GPU in a fixed order, which index_add_ does not keep."""
        found = weights.new_zeros(self.latents)
        if weights.device.type == "cpu":
            return found.index_add_(0, self.ids, weights)
        return found.index_put_((self.ids,), weights, accumulate=True)

    def dots(self, left: Tensor, right: Tensor) -> Tensor:
        """Inner products of a row and its latents: left (B, d), right (M, d) -> (N,)."""
        return dots_of(left, right, self.rows, self.ids)


class _Encode(torch.autograd.Function):
    """The chosen values as a function of x and the encoder: the choice itself has no gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        shift: Tensor,
        centred: Tensor,
        raw: Tensor,
        relu: bool,
        layout: _Layout,
    ) -> Tensor:
        values = raw.clamp_min(0) if relu else raw.clone()
        ctx.relu, ctx.layout = relu, layout
        ctx.save_for_backward(centred, weight, values)
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        centred, weight, values = ctx.saved_tensors
        layout: _Layout = ctx.layout
        if ctx.relu:
            gradient = gradient * (values > 0)  # (N,)
        of_x, of_weight, of_shift = None, None, None
        of_bias = layout.sums(gradient)  # (M,)
        if ctx.needs_input_grad[0]:
            of_x = layout.by_row(weight, gradient)  # (B, d)
        if ctx.needs_input_grad[1]:
            of_weight = layout.by_latent(centred, gradient)  # (M, d)
        if ctx.needs_input_grad[3]:
            of_shift = -(of_bias @ weight)  # (d,): the sum of of_x over its rows
        return of_x, of_weight, of_bias, of_shift, None, None, None, None


class _Decode(torch.autograd.Function):
    """Rows rebuilt from their atoms."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor, layout: _Layout) -> Tensor:
        ctx.layout = layout
        ctx.save_for_backward(values, weight)
        return layout.by_row(weight, values).add_(bias)  # (B, d)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        values, weight = ctx.saved_tensors
        layout: _Layout = ctx.layout
        gradient = gradient.contiguous()
        of_values = layout.dots(gradient, weight) if ctx.needs_input_grad[0] else None  # (N,)
        of_weight = layout.by_latent(gradient, values) if ctx.needs_input_grad[1] else None  # (M, d)
        return of_values, of_weight, gradient.sum(0), None


_encode: Callable[..., Tensor] = _Encode.apply
_decode: Callable[..., Tensor] = _Decode.apply


def _step(
    x: Tensor, parameters: tuple[Tensor, Tensor, Tensor, Tensor], k: int, relu: bool, whole_batch: bool
) -> BatchTopKStep:
    """Choose, encode, decode."""
    _check(x, parameters, k)
    weight, bias, atoms, shift = parameters
    with torch.autocast(x.device.type, enabled=False):
        x = x.to(weight.dtype)
        with torch.no_grad():
            centred = x - shift  # (B, d)
            raw, ids, rows = choose(centred, weight, bias, k, whole_batch, has_fast_bfloat16(x.device.type))
        layout = _Layout(ids, rows, len(x), len(weight))
        values = _encode(x, weight, bias, shift, centred, raw, relu, layout)
        rebuilt = _decode(values, atoms, shift, layout)
    return BatchTopKStep(rebuilt, values, ids, rows)


def _check(x: Tensor, parameters: tuple[Tensor, Tensor, Tensor, Tensor], k: int) -> None:
    weight, bias, atoms, shift = parameters
    if weight.ndim != 2 or not 1 <= k <= len(weight):
        raise OptionError(f"k must be 1 to the number of latents, {len(weight)}; got {k}")
    latents, width = weight.shape
    if x.ndim != 2 or len(x) == 0 or x.shape[1] != width:
        raise DataError(f"x must be (rows, {width}), one row or more, as wide as the encoder; got {tuple(x.shape)}")
    wanted = ((latents,), (latents, width), (width,))
    given = tuple(tuple(part.shape) for part in (bias, atoms, shift))
    if given != wanted:
        raise DataError(f"encoder_bias, decoder_weight and decoder_bias must be of shape {wanted}; got {given}")
