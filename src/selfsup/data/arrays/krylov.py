"""The largest eigenvalues of a matrix that is known by its products alone, and their vectors: a randomised block Krylov method.

It begins, as Halko, Martinsson & Tropp (2011) do, with the products of a few random directions more than are wanted, but keeps
what every later product adds (Musco & Musco 2015), which takes far fewer products for the same axes, and says how far these
can still be from the true ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

OVER = 10  # directions more than are wanted
BLOCKS = 12  # are kept, each of half the directions, before the best of all begin anew
PRODUCTS = 40  # at most
ANGLE = 5e-5  # radians from the true subspace that are good enough
REST = 1e-7  # of the smallest variance wanted: what its axis may miss where no gap tells the subspace from the rest
NOISE = 1e-9  # of the largest variance: products in float32 know nothing below


class Leading(NamedTuple):
    """Largest eigenvalues and their vectors.

    Attributes
    ----------
    values
        (k,) float64, from the largest on.
    axes
        (k, d) float64, orthonormal.
    angle
        Bound of the largest angle to the true subspace in radians, by the theorem of Davis & Kahan, up to the rounding of the
        products; at most pi / 2, which it is where the next eigenvalue is as large as the last one wanted.
    residual
        Bound of the error of a value, as a share of the smallest.
    """

    values: Tensor
    axes: Tensor
    angle: float
    residual: float


def suits(count: int, size: int) -> bool:
    """Whether so few of the eigenvectors are wanted that products with some of them cost less than the matrix."""
    return BLOCKS * (count + OVER) <= size


def leading(times: Callable[[Tensor], Tensor], size: int, count: int) -> Leading:
    """Eigenvalues and vectors of a positive semidefinite matrix (d, d), with the same random start each time.

    Parameters
    ----------
    times
        The product (d, l) float64 of the matrix with (d, l) float64.
    size, count
        d, and the number k of eigenvalues, of which `suits` is true.
    """
    keep = count + OVER
    width = -(-keep // 2)  # of a block: half, since later blocks add more than wider ones
    most = min(BLOCKS * width, size)
    rng = torch.Generator().manual_seed(0)
    block = torch.linalg.qr(torch.randn(size, width, generator=rng, dtype=torch.float64))[0]
    space, inner = block.new_empty(size, most), block.new_empty(0, 0)  # orthonormal, and the matrix seen from it (m, m)
    values, turns = inner.diagonal(), inner  # of the matrix (m, m)
    for _ in range(PRODUCTS):
        before = len(inner)
        if before + width > most:  # the best directions stay, and with them all that the last block is coupled to
            before, inner = keep, torch.diag(values[:keep])
            space[:, :keep] = space[:, : len(turns)] @ turns[:, :keep]
        image = times(block)  # (d, l)
        basis = space[:, : before + width]  # (d, m)
        basis[:, before:] = block
        along = basis.T @ image  # (m, l)
        inner = _grown(inner, along)
        block, rest = _apart(image.sub_(basis @ along), basis)
        values, turns = (found.flip(-1) for found in torch.linalg.eigh(inner))
        if len(values) <= count:
            continue
        angle, residual = _angle(values, rest @ turns[-width:, : count + 1], count)
        if angle <= ANGLE or residual <= max(REST * float(values[count - 1]), NOISE * float(values[0])):
            break
    share = residual / max(float(values[count - 1]), NOISE * float(values[0]), 1e-300)
    return Leading(values[:count].clamp(min=0), (basis @ turns[:, :count]).T, angle, share)


def _grown(inner: Tensor, along: Tensor) -> Tensor:
    """The symmetric matrix (m, m) with the columns (m, l) of a block more."""
    before = len(inner)
    found = along.new_zeros(len(along), len(along))
    found[:before, :before] = inner
    found[:, before:] = along
    found[before:] = along.T
    corner = found[before:, before:]
    corner.copy_((corner + corner.T.clone()) / 2)
    return found


def _apart(image: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """Orthonormal columns (d, l) that span the image outside of the basis, and its coordinates (l, l); twice is enough."""
    block, rest = torch.linalg.qr(image)
    block, more = torch.linalg.qr(block.sub_(basis @ (basis.T @ block)))
    return block, more @ rest


def _angle(values: Tensor, left: Tensor, count: int) -> tuple[float, float]:
    """Bound of the angle to the true subspace, and the residual, from what the products leave outside of the basis (l, k + 1)."""
    residual = float(torch.linalg.matrix_norm(left[:, :count], 2))
    gap = float(values[count - 1] - values[count] - left[:, count].norm())  # the next one is at most so much larger
    return (math.asin(min(residual / gap, 1.0)) if gap > 0 else math.pi / 2), residual
