"""Colours as classes: the plane of a and b in bins, soft targets, and weights for rare colours (Zhang et al. 2016, section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.data.images.colours import CELL, REACH, SIDE, cell
from selfsup.hide.lab import to_lab

GRID = 10  # from one bin to the next, in a and in b
POINTS = 2 * REACH // GRID + 1  # of the grid in each direction: -110 to 110
NEAREST, SIGMA = 5, 5.0  # bins that share a colour, and the deviation of the Gaussian by whose height they do
MIX = 0.5  # share of the uniform distribution in the prior by which weights are made: the paper's lambda
FAR = 1e4  # where no colour is
COLD = 0.38  # temperature between the mean (1) and the mode (0)


@cache
def gamut() -> np.ndarray:
    """The bins of all of sRGB, (313, 2) float32 of a and b.

    They are the corners of the cells of 10 x 10 that the convex hull of the gamut in a and b meets, so that every colour lies
    among four bins. That makes the 313 of the paper; its own list is named ``pts_in_hull``. (Of the cells that a colour lies in,
    centred at multiples of 10, there are 261.)
    """
    steps = torch.linspace(0, 1, 256)
    low, high = torch.zeros(256), torch.ones(256)
    # the colours at the rim of the hull lie on the edges of the cube of sRGB; the tests walk all of it
    edges = [torch.stack([steps, one, other]) for one in (low, high) for other in (low, high)]
    edges += [edge.roll(turn, 0) for edge in edges for turn in (1, 2)]
    ab = to_lab(torch.stack(edges)[..., None].double())[:, 1:, :, 0].transpose(1, 2).reshape(-1, 2).numpy()
    return points_of(_meets(_hull(ab)))


def _hull(points: np.ndarray) -> np.ndarray:
    """The corners (k, 2) of the convex hull of points (n, 2), anti-clockwise (Andrew 1979); scipy takes a second to import."""
    ordered = np.unique(points, axis=0).tolist()
    found: list[list[float]] = []
    for way in (ordered, ordered[::-1]):
        half: list[list[float]] = []
        for x, y in way:
            while len(half) > 1 and _turn(half[-2], half[-1], (x, y)) <= 0:
                half.pop()
            half.append([x, y])
        found += half[:-1]
    return np.array(found)


def _turn(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> float:
    """Above 0 where the way from a over b to c turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _meets(hull: np.ndarray) -> np.ndarray:
    """Which cells of 10 x 10 (22, 22) a convex polygon (k, 2) meets: none of its sides, nor of the cell's, lies between them."""
    starts = np.arange(-REACH, REACH, GRID)
    along = (starts[:, None] < hull.max(0)) & (starts[:, None] + GRID > hull.min(0))  # (22, 2)
    corners = np.stack(np.meshgrid(starts, starts, indexing="ij"), -1)[:, :, None] + GRID * np.array(
        [(0, 0), (0, 1), (1, 0), (1, 1)]
    )  # (22, 22, 4, 2)
    sides = np.roll(hull, -1, 0) - hull
    outward = np.stack([sides[:, 1], -sides[:, 0]], 1)  # (k, 2)
    within = (corners @ outward.T - (hull * outward).sum(1)).min(2) < 0  # (22, 22, k)
    found: np.ndarray = along[:, None, 0] & along[None, :, 1] & within.all(2)
    return found


def bins_of(counts: np.ndarray) -> np.ndarray:
    """The bins (Q, 2) float32 of the colours that occur: corners of the cells of 10 x 10 that have a pixel.

    Parameters
    ----------
    counts
        (44, 44) pixels by cells of 5 x 5, from `selfsup.data.images.colours`.
    """
    wide = GRID // CELL
    return points_of(counts.reshape(SIDE // wide, wide, SIDE // wide, wide).sum((1, 3)) > 0)


def points_of(cells: np.ndarray) -> np.ndarray:
    """The corners (Q, 2) float32 of cells of 10 x 10 (22, 22) bool."""
    corners = np.zeros((POINTS, POINTS), bool)
    for down in (0, 1):
        for right in (0, 1):
            corners[down : POINTS - 1 + down, right : POINTS - 1 + right] |= cells
    found: np.ndarray = np.argwhere(corners).astype(np.float32) * GRID - REACH
    return found


def prior_of(counts: np.ndarray, points: np.ndarray, sigma: float = SIGMA) -> np.ndarray:
    """How often each bin is the nearest, smoothed with a Gaussian: (Q,) float64, sum 1.

    Parameters
    ----------
    counts
        (44, 44) pixels by cells of 5 x 5; none at all count as the same number everywhere.
    points
        (Q, 2) the bins.
    """
    nearest = (np.arange(SIDE) + 1) // (GRID // CELL)  # of the centre of a cell, on the grid
    grid = np.zeros((POINTS, POINTS))
    np.add.at(grid, (nearest[:, None], nearest[None, :]), counts)
    place = np.rint((points + REACH) / GRID).astype(int)
    share = grid[place[:, 0], place[:, 1]]
    share = share / share.sum() if share.any() else np.full(len(points), 1 / len(points))
    between = np.square(points[:, None] - points[None, :]).sum(2, dtype=np.float64)
    kernel = np.exp(-between / (2 * sigma**2))
    smoothed: np.ndarray = kernel / kernel.sum(0) @ share  # what one bin gives away sums to what it had
    return smoothed


def rebalanced(prior: np.ndarray, mix: float = MIX) -> np.ndarray:
    """Weights (Q,) float64 of the bins, larger for rare ones, with mean 1 under the prior (equation 4)."""
    weights = 1 / ((1 - mix) * prior + mix / len(prior))
    found: np.ndarray = weights / (prior * weights).sum()
    return found


def annealed_mean(scores: Tensor, points: Tensor, temperature: float = COLD) -> Tensor:
    """The colour (B, 2, h, w) of scores (B, Q, h, w) of bins (Q, 2): the mean of a sharpened distribution (equation 5).

    At temperature 1 it is the mean, towards 0 the mode.
    """
    shares = (scores.float() / temperature).softmax(1)
    return torch.einsum("bqhw,qc->bchw", shares, points.float())


class Bins(nn.Module):
    """Bins (Q, 2) that colours are shared among.

    Attributes
    ----------
    points
        (Q, 2) float32.
    weights
        (Q,) float32: what a place counts in the loss whose colour is nearest to the bin.
    """

    points: Tensor
    weights: Tensor
    near: Tensor
    far: Tensor

    def __init__(self, points: np.ndarray, weights: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("points", torch.from_numpy(points).float())
        self.register_buffer("weights", torch.from_numpy(weights).float())
        self.register_buffer("near", torch.from_numpy(_candidates(points)), persistent=False)
        self.register_buffer("far", torch.cat([self.points, torch.full((1, 2), FAR)]), persistent=False)

    def __len__(self) -> int:
        return len(self.points)

    @torch.no_grad()
    def share(self, ab: Tensor) -> tuple[Tensor, Tensor]:
        """The five nearest bins of colours (B, 2, h, w), the nearest first, int64 (B, 5, h, w), and their shares, the same."""
        ab = ab.clamp(-REACH, REACH)
        near = self.near[cell(ab[:, 0]) * SIDE + cell(ab[:, 1])]  # (B, h, w, K)
        x, y = self.far[near].unbind(-1)
        apart = (x - ab[:, 0, ..., None]).square_() + (y - ab[:, 1, ..., None]).square_()
        squares, places = apart.topk(min(NEAREST, len(self)), largest=False)
        shares = (-squares / (2 * SIGMA**2)).softmax(-1)  # the Gaussian, divided by its sum
        return near.gather(-1, places).movedim(-1, 1), shares.movedim(-1, 1)


def _candidates(points: np.ndarray) -> np.ndarray:
    """For each cell of 5 x 5 the bins that can be among the five nearest of a colour in it: (1936, K), filled up with Q.

    The fifth bin of a colour is at most as far from the middle of its cell as the middle's own fifth, and twice what the colour
    itself is from there.
    """
    middles = (np.arange(SIDE) + 0.5) * CELL - REACH
    apart = np.hypot(middles[:, None, None] - points[:, 0], middles[None, :, None] - points[:, 1]).reshape(
        -1, len(points)
    )
    order = np.argsort(apart, axis=1, kind="stable")
    apart = np.take_along_axis(apart, order, 1)
    fifth = apart[:, min(NEAREST, len(points)) - 1]
    can = apart <= fifth[:, None] + CELL * 2**0.5 + 1e-3
    found: np.ndarray = np.where(can, order, len(points))[:, : can.sum(1).max()]
    return found
