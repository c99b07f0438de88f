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

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from selfsup.errors import DataError, OptionError

BLOCK = 2**22  # pre-activations held at once on a CPU: a block of rows that still fits the last cache
GROUPS = 4  # how many columns share one maximum, twice over: groups of 4, and of 4 * 4
SPARSE = 64  # the maxima are searched where there are this many latents for each one that is kept
FULL = 16  # and given up where more than FULL * k groups of a row could hold one of the k largest,
FULL_ROUGH = 4  # or so many by bfloat16, whose candidates have to be computed again


class Code(NamedTuple):
    """A sparse code (B, M), flat: what is not listed is zero."""

    values: Tensor  # (N,)
    ids: Tensor  # (N,) int64, the latent
    rows: Tensor  # (N,) int64, sorted


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


# ---------------------------------------------------------------------------------------------- the two functions


class _Layout:
    """Which latents are on in which row; grouped by latent when the first gradient asks, once a step."""

    def __init__(self, ids: Tensor, rows: Tensor, batch: int, latents: int) -> None:
        self.ids, self.rows, self.latents = ids, rows, latents
        self.offsets = _starts(rows, batch)  # (B,)
        self._grouped: tuple[Tensor, Tensor, Tensor] | None = None

    def by_row(self, matrix: Tensor, weights: Tensor) -> Tensor:
        """Sum over the latents of a row: matrix (M, d), weights (N,) -> (B, d)."""
        return F.embedding_bag(self.ids, matrix, self.offsets, mode="sum", per_sample_weights=weights)

    def by_latent(self, matrix: Tensor, weights: Tensor) -> Tensor:
        """Sum over the rows of a latent: matrix (B, d), weights (N,) -> (M, d)."""
        if self._grouped is None:
            ids, order = torch.sort(self.ids, stable=True)
            self._grouped = order, self.rows.index_select(0, order), _starts(ids, self.latents)
        order, rows, starts = self._grouped
        return F.embedding_bag(
            rows, matrix.contiguous(), starts, mode="sum", per_sample_weights=weights.index_select(0, order)
        )

    def dots(self, left: Tensor, right: Tensor) -> Tensor:
        """Inner products of a row and its latents: left (B, d), right (M, d) -> (N,)."""
        return _dots(left, right, self.rows, self.ids)


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
        of_bias = gradient.new_zeros(layout.latents).index_add_(0, layout.ids, gradient)  # (M,)
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
            raw, ids, rows = _choose(centred, weight, bias, k, whole_batch, _has_fast_bfloat16(x.device.type))
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


# ------------------------------------------------------------------------------------------------------ the choice


class _Scores:
    """Pre-activations of blocks of rows: exact, or from bfloat16 with a bound on their error."""

    def __init__(self, x: Tensor, weight: Tensor, bias: Tensor, rough: bool) -> None:
        self.exact = (x, weight, bias)
        self.rough = rough
        if not rough:
            self.x, self.weight, self.bias = x, weight, bias
            return
        self.x, self.weight, self.bias = x.bfloat16(), weight.bfloat16(), bias.bfloat16()
        x_left, weight_left, bias_left = x - self.x, weight - self.weight, bias - self.bias
        longest = weight.norm(dim=1).max()
        # |x w - x' w'| <= |x - x'| |w| + |x'| |w - w'|, and float32 sums of d terms are out by d / 2^23 at most
        of_weight = weight_left.norm(dim=1).max() + longest * (x.shape[1] * 2.0**-23)
        of_bias = bias_left.abs().max() + bias.abs().max() * 2.0**-8
        length = x.norm(dim=1) + x_left.norm(dim=1)  # (B,), at least |x'|
        self.error = (x_left.norm(dim=1) * longest + length * of_weight + of_bias).unsqueeze(1)  # (B, 1)

    def block(self, part: slice) -> Tensor:
        """(b, M): the scores of some rows."""
        return torch.addmm(self.bias, self.x[part], self.weight.t())

    def lowered(self, floor: Tensor, part: slice) -> Tensor:
        """Floor (b, 1) or (1, 1) of the exact scores to reach -> (b, 1), what their rough scores reach for certain."""
        if not self.rough:
            return floor.expand(self.x[part].shape[0], 1)
        floor, error = floor.float(), self.error[part]
        both = error * 2 if len(floor) > 1 else error + error.max()  # of the floor, and of what is compared with it
        floor = floor - both - floor.abs() * 2.0**-8  # a score is rounded once more when it is written
        return (floor - floor.abs() * 0.008).bfloat16()  # 0.008 > 2^-8 as above, and 2^-8 for this rounding

    def values(self, scores: Tensor, part: slice, rows: Tensor, ids: Tensor) -> Tensor:
        """Exact pre-activations (n,) at places (rows, ids) of a block."""
        x, weight, bias = self.exact
        if not self.rough:
            return scores.view(-1).index_select(0, rows * len(weight) + ids)
        return _dots(x[part], weight, rows, ids) + bias.index_select(0, ids)


def _choose(x: Tensor, weight: Tensor, bias: Tensor, k: int, whole_batch: bool, rough: bool) -> Code:
    """Find the k largest pre-activations of each row (or k a row on average): raw values, ids and rows, each (N,).

    Where bfloat16 is fast (twice float32 and more) it only says which few latents can be among the largest: their
    exact values decide. What comes out is what float32 alone would have given.
    """
    large = len(weight) >= SPARSE * k and len(weight) % GROUPS**2 == 0
    scores = _Scores(x, weight, bias, rough and large and x.dtype == torch.float32)
    entries = len(x) * len(weight) if whole_batch else BLOCK if x.device.type == "cpu" else 64 * BLOCK
    height = max(1, entries // len(weight))
    parts: list[Code] = []
    for start in range(0, len(x), height):
        part = slice(start, start + height)
        found = _largest(scores, part, k, whole_batch) if large else None
        if found is None and scores.rough:  # too many are near the border: bfloat16 does not pay on these data
            scores = _Scores(x, weight, bias, rough=False)
            found = _largest(scores, part, k, whole_batch)
        if found is None:
            found = _plain(scores.block(part), k, whole_batch)
        parts.append(found._replace(rows=found.rows + start) if start else found)
    return parts[0] if len(parts) == 1 else Code(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _plain(scores: Tensor, k: int, whole_batch: bool) -> Code:
    """The largest of (b, M) by a search through all of them."""
    rows, latents = scores.shape
    if whole_batch:
        values, at = scores.view(-1).topk(rows * k, sorted=False)
        at, order = at.sort()
        return Code(values.index_select(0, order), at % latents, at // latents)
    values, ids = scores.topk(k, dim=1, sorted=False)
    return Code(values.view(-1), ids.view(-1), torch.arange(rows, device=ids.device).repeat_interleave(k))


def _largest(source: _Scores, part: slice, k: int, whole_batch: bool) -> Code | None:
    """The same, where few are kept of many: maxima of groups first. None where the maxima do not tell enough apart."""
    scores = source.block(part)
    rows, latents = scores.shape
    width = latents // GROUPS
    groups = scores.view(rows, GROUPS, width).amax(1)  # (b, M / 4): column j is the maximum of j, j + M/4, ...
    coarse = groups.view(rows, GROUPS, width // GROUPS).amax(1)  # (b, M / 16)
    # k groups have a maximum of floor or more: so the k largest scores are floor or more
    coarse = coarse.view(1, -1) if whole_batch else coarse
    floor = coarse.topk(k * rows // len(coarse), dim=1, sorted=False).values.amin(1, keepdim=True)
    floor = source.lowered(floor, part)  # (b, 1)
    hits = (groups >= floor).view(-1).nonzero().squeeze(1)
    if len(hits) > (FULL_ROUGH if source.rough else FULL) * k * rows:
        return None
    of_row = torch.div(hits, width, rounding_mode="floor")
    members = torch.arange(0, latents, width, device=hits.device)  # (4,)
    at = ((hits + of_row * (latents - width)).unsqueeze(1) + members).view(-1)  # places in the flat block
    of_row = of_row.repeat_interleave(GROUPS)
    reach = scores.view(-1).index_select(0, at) >= floor.view(-1).index_select(0, of_row)
    kept = reach.nonzero().squeeze(1)
    of_row = of_row.index_select(0, kept)
    ids = at.index_select(0, kept) - of_row * latents
    found = Code(source.values(scores, part, of_row, ids), ids, of_row)
    return _trim_batch(found, rows * k) if whole_batch else _trim(found, rows, k)


def _trim(found: Code, rows: int, k: int) -> Code | None:
    """The k largest of each row among those found; None where a row has fewer (a score is not a number)."""
    many = torch.bincount(found.rows, minlength=rows)
    fewest, most = (int(bound) for bound in many.aminmax())
    if fewest < k:
        return None
    step = torch.arange(0, rows * most, most, device=many.device) - (many.cumsum(0) - many)
    at = torch.arange(len(found.rows), device=many.device) + step.index_select(0, found.rows)
    values = found.values.new_full((rows * most,), -torch.inf)
    values[at] = found.values
    ids = torch.zeros(rows * most, dtype=torch.int64, device=many.device)
    ids[at] = found.ids
    top, places = values.view(rows, most).topk(k, dim=1, sorted=False)
    owners = torch.arange(rows, device=many.device).repeat_interleave(k)
    return Code(top.view(-1), ids.view(rows, most).gather(1, places).view(-1), owners)


def _trim_batch(found: Code, many: int) -> Code | None:
    """The largest of all, sorted by row; None where there are fewer."""
    if len(found.rows) < many:
        return None
    places = found.values.topk(many, sorted=False).indices
    places = places.sort().values
    return Code(*(column.index_select(0, places) for column in found))


# ------------------------------------------------------------------------------------------------------ small parts


def _starts(groups: Tensor, many: int) -> Tensor:
    """Where each of ``many`` groups starts in a sorted list of their numbers (N,) -> (many,)."""
    return torch.searchsorted(groups, torch.arange(many, device=groups.device))


def _dots(left: Tensor, right: Tensor, rows: Tensor, ids: Tensor) -> Tensor:
    """Inner products of rows of left (B, d) and of right (M, d), pair by pair, sorted by row -> (N,)."""
    # Neither way makes an (N, d) tensor; gathering and multiplying takes ten times as long
    if left.device.type == "cpu":
        _hush()
        starts = _starts(rows, len(left) + 1)
        shape = len(left), len(right)
        pairs = torch.sparse_csr_tensor(starts, ids, left.new_zeros(len(ids)), shape, check_invariants=False)
        dots: Tensor = torch.sparse.sampled_addmm(pairs, left, right.t(), beta=0.0).values()
        return dots
    # What embedding_bag's own backward calls
    found: Tensor = torch.ops.aten._embedding_bag_per_sample_weights_backward(
        left, right, ids, _starts(rows, len(left)), rows, 0
    )
    return found


@cache
def _hush() -> None:
    """PyTorch says once a process that CSR tensors are young; a user of ours cannot act on that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.sparse_csr_tensor([0, 1], [0], [0.0], (1, 1), check_invariants=False)


@cache
def _has_fast_bfloat16(device: str) -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; other devices take the plain way."""
    asks = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(device == "cpu" and asks is not None and torch.backends.mkldnn.is_available() and asks())
