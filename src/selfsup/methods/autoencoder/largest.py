"""The largest pre-activations of a batch, found without a search through all of them.

Maxima of groups of latents say where the largest can be; where bfloat16 is fast, it says so first, within a bound on its error.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

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
        return dots_of(x[part], weight, rows, ids) + bias.index_select(0, ids)


def choose(x: Tensor, weight: Tensor, bias: Tensor, k: int, whole_batch: bool, rough: bool) -> Code:
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


def starts_of(groups: Tensor, many: int) -> Tensor:
    """Where each of ``many`` groups starts in a sorted list of their numbers (N,) -> (many,)."""
    return torch.searchsorted(groups, torch.arange(many, device=groups.device))


def dots_of(left: Tensor, right: Tensor, rows: Tensor, ids: Tensor) -> Tensor:
    """Inner products of rows of left (B, d) and of right (M, d), pair by pair, sorted by row -> (N,)."""
    # Neither way makes an (N, d) tensor; gathering and multiplying takes ten times as long
    if left.device.type == "cpu":
        _hush()
        starts = starts_of(rows, len(left) + 1)
        shape = len(left), len(right)
        pairs = torch.sparse_csr_tensor(starts, ids, left.new_zeros(len(ids)), shape, check_invariants=False)
        dots: Tensor = torch.sparse.sampled_addmm(pairs, left, right.t(), beta=0.0).values()
        return dots
    # What embedding_bag's own backward calls
    found: Tensor = torch.ops.aten._embedding_bag_per_sample_weights_backward(
        left, right, ids, starts_of(rows, len(left)), rows, 0
    )
    return found


@cache
def _hush() -> None:
    """PyTorch says once a process that CSR tensors are young; a user of ours cannot act on that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.sparse_csr_tensor([0, 1], [0], [0.0], (1, 1), check_invariants=False)


@cache
def has_fast_bfloat16(device: str) -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; other devices take the plain way."""
    asks = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(device == "cpu" and asks is not None and torch.backends.mkldnn.is_available() and asks())
