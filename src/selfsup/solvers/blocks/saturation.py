"""How far a row goes that many windows of one block meet: their moves were all taken where the row stood before the block.

One after another, such moves grow smaller as the row comes to where they pull it. Their sum does not, and overshoots: from a few
thousand windows on, training diverges. What the row would do is known from the curvature of its loss. With the other rows held,
follow the gradient for the time that the rate stands for, the loss taken as quadratic: the row moves by

    phi(rate H) m,    phi(z) = (1 - exp(-z)) / z,    m = the sum of the moves, H = sum over its pairs of c x x'

(the exponential Euler step: Hochbruck and Ostermann 2010, "Exponential integrators", Acta Numerica 19, section 2). x is the
other row of a pair; c is no second derivative, which vanishes where a guess is badly wrong, but the curvature of the parabola
that touches the pair's loss and lies nowhere below it (Jaakkola and Jordan 2000, "Bayesian parameter estimation via variational
methods", Statistics and Computing 10, section 2): so no row can go too far, however far it has to go. A row met rarely has a
small H: phi is 1, and it takes the plain sum.

H is a matrix for each row, so it is taken as h C: h = the row's own sum of c, C = the mean of x x' over the pairs of the block,
which for negatives is what their pairs have by chance. The matrix matters: word vectors have a part in common, in whose direction
the steps are long, while across it nothing needs to be held back; one factor for the whole row loses what is learned there
(docs/log.md). phi(h C) m takes two steps of Lanczos (Hochbruck and Lubich 1997, "On Krylov subspace approximations to the matrix
exponential operator", SIAM J. Numer. Anal. 34): two products with C, no decomposition, nothing to wait for.
"""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-20  # beside any square that matters


def curvature(score: Tensor, s: Tensor) -> Tensor:
    """Of the parabola that touches the loss at a score and lies nowhere below: (s - 1/2) / score, 1/4 at 0."""
    return torch.where(score.abs() > 0.01, (s - 0.5) / score, 0.25)


def phi(z: Tensor) -> Tensor:
    """(1 - exp(-z)) / z of z >= 0, elementwise; 1 at 0."""
    return torch.where(z > 1e-4, -torch.expm1(-z) / z.clamp(min=1e-4), 1 - z / 2)


def saturated(moves: Tensor, bend: Tensor, moment: Tensor) -> Tensor:
    """Moves m of rows, each as far as its curvature lets it: phi(h C) m to two steps of Lanczos.

    Parameters
    ----------
    moves
        (R, D) the sums of the moves.
    bend
        (R,) h: rate times each row's sum of curvatures.
    moment
        (D, D) C, symmetric and with no negative eigenvalue.

    Returns
    -------
    Tensor
        (R, D), no longer than the moves.
    """
    h = bend[:, None]
    pushed = moves @ moment
    length = (moves * moves).sum(1, keepdim=True) + TINY
    along = (pushed * moves).sum(1, keepdim=True) / length  # the 2 x 2 matrix of C in the plane of m and C m:
    rest = pushed - along * moves  # [along, sqrt(cross); sqrt(cross), across]
    square = (rest * rest).sum(1, keepdim=True) + TINY
    across = ((rest @ moment) * rest).sum(1, keepdim=True) / square
    cross = square / length
    middle, half = (along + across) / 2, (along - across) / 2
    radius = torch.sqrt(half * half + cross) + TINY  # its eigenvalues are middle +- radius
    high, low = phi(h * (middle + radius)), phi(h * (middle - radius).clamp(min=0))
    slope = (high - low) / (2 * radius)
    return ((high + low) / 2 + slope * half) * moves + slope * rest


def second_moment(rows: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean (D, D) of x x' over rows (R, D) with weights (R,) of at least 0; zeros where all weights are 0."""
    return (rows * weight[:, None]).T @ rows / (weight.sum() + TINY)
