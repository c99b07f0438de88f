"""p(x | z): what the decoder's output says of a sample, and how surprised it is by the true one.

The one convention of every auto-encoder here: **summed over features, mean over rows, in nats.** A squared error is
minus the log-likelihood of a Gaussian with variance 1/2, without its constant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup.data.facts import Moments
from selfsup.data.form import Field, Form
from selfsup.errors import OptionError
from selfsup.nets import Standardize

PACE = 10.0  # an adaptive step moves every parameter alike; the one variance has farther to go than a weight
LikelihoodName = Literal["auto", "gaussian", "bernoulli"]


class Likelihood(nn.Module):
    """The decoder gives one number for each value of a sample; subclasses say what it means.

    Parameters
    ----------
    missing
        Whether values may be NaN: they then cost nothing.
    """

    def __init__(self, missing: bool = False) -> None:
        super().__init__()
        self.missing = missing

    def forward(self, output: Tensor, x: Tensor) -> Tensor:
        """Minus log p(x | output) (...,) of x (..., *shape), summed over the features that are there, in nats."""
        if self.missing:
            known = ~x.isnan()
            losses = torch.where(known, self.elementwise(output, x.masked_fill(~known, 0.0)), 0.0)
        else:
            losses = self.elementwise(output, x)
        return losses.flatten(1).sum(1)

    def elementwise(self, output: Tensor, x: Tensor) -> Tensor:
        """Each value's part, in the shape of x."""
        raise NotImplementedError

    def mean(self, output: Tensor) -> Tensor:
        """Expected sample."""
        return output


class SquaredError(Likelihood):
    """(x - output)^2: the Gaussian of variance 1/2, without its constant."""

    def elementwise(self, output: Tensor, x: Tensor) -> Tensor:
        """Squared differences."""
        return F.mse_loss(output, x, reduction="none")


class Gaussian(Likelihood):
    """A Gaussian with one variance for all values, learnt beside the weights (Rybkin et al. 2021), with its constant.

    With a variance that is learnt, the balance between reconstruction and KL needs no weight of the user's.

    Parameters
    ----------
    variance
        Of the data, in the units of the loss: where learning begins.
    """

    def __init__(self, variance: float = 1.0, missing: bool = False) -> None:
        super().__init__(missing)
        self.log_variance = nn.Parameter(torch.tensor(math.log(max(variance, 1e-6)) / PACE))

    def elementwise(self, output: Tensor, x: Tensor) -> Tensor:
        """Half of: squared error over variance, log-variance, log 2 pi."""
        log_variance = (PACE * self.log_variance).clamp(min=-12)  # data that are fitted exactly have no finite optimum
        return 0.5 * (F.mse_loss(output, x, reduction="none") * (-log_variance).exp() + log_variance + _LOG_2PI)


class Bernoulli(Likelihood):
    """The output is a logit. For values between 0 and 1 it is a cross-entropy, which is no density of grey values."""

    def elementwise(self, output: Tensor, x: Tensor) -> Tensor:
        """Cross-entropy of each value."""
        return F.binary_cross_entropy_with_logits(output, x, reduction="none")

    def mean(self, output: Tensor) -> Tensor:
        """Probabilities."""
        return output.sigmoid()


class Columns(Likelihood):
    """A table whose columns are not all numbers: each kind has its own likelihood, and they add up.

    Parameters
    ----------
    fields
        Columns in order.
    number
        Likelihood of the numbers.
    """

    numbers: Tensor
    booleans: Tensor

    def __init__(self, fields: tuple[Field, ...], number: Likelihood, missing: bool = False) -> None:
        super().__init__(missing)
        self.number, places = number, _places(fields)
        of_kind = {kind: [place for k, place in places if k == kind] for kind in ("number", "boolean", "category")}
        self.register_buffer("numbers", torch.tensor([s.start for s in of_kind["number"]], dtype=torch.long), False)
        self.register_buffer("booleans", torch.tensor([s.start for s in of_kind["boolean"]], dtype=torch.long), False)
        self.categories = of_kind["category"]

    def elementwise(self, output: Tensor, x: Tensor) -> Tensor:
        """Each column's part; a category's stands at its one place that is 1."""
        losses = torch.empty_like(x)  # in bfloat16 the output is not, and losses are float32
        losses[:, self.numbers] = self.number.elementwise(output[:, self.numbers], x[:, self.numbers])
        booleans = F.binary_cross_entropy_with_logits(output[:, self.booleans], x[:, self.booleans], reduction="none")
        losses[:, self.booleans] = booleans
        for place in self.categories:
            losses[:, place] = -output[:, place].log_softmax(1) * x[:, place]
        return losses

    def mean(self, output: Tensor) -> Tensor:
        """Numbers, and probabilities of the others."""
        found = output.clone()
        found[:, self.booleans] = output[:, self.booleans].sigmoid()
        for place in self.categories:
            found[:, place] = output[:, place].softmax(1)
        return found


def _places(fields: tuple[Field, ...]) -> Sequence[tuple[str, slice]]:
    """Kind and columns of x of each field."""
    found, start = [], 0
    for field in fields:
        found.append((field.kind, slice(start, start + field.width)))
        start += field.width
    return found


def make_likelihood(
    name: LikelihoodName, form: Form, moments: Moments, scale: nn.Module, *, learnt: bool = False
) -> Likelihood:
    """Choose p(x | z) for the data.

    Parameters
    ----------
    name
        ``"auto"``: Bernoulli where `learnt` and all values are 0 or 1, else Gaussian; a table's booleans and
        categories always have their own.
    scale
        What brings the data to the units of the loss.
    learnt
        Whether a Gaussian learns its variance and counts its constants; else it is the squared error.

    Raises
    ------
    OptionError
        If Bernoulli is asked for and values lie outside [0, 1], or the table has its own kinds of columns.
    """
    if name == "bernoulli" and form.fields is not None:
        raise OptionError("option 'likelihood': a table with columns of several kinds takes auto or gaussian")
    if name == "bernoulli" or (name == "auto" and learnt and form.fields is None and moments.binary):
        if not moments.unit:
            raise OptionError(
                "option 'likelihood': bernoulli needs values in [0, 1], and these data have others: use gaussian"
            )
        return Bernoulli(form.missing)
    variance = 1.0 if isinstance(scale, Standardize) else float(np.square(moments.std).mean())
    number: Likelihood = Gaussian(variance, form.missing) if learnt else SquaredError(form.missing)
    return number if form.fields is None else Columns(form.fields, number, form.missing)


_LOG_2PI = math.log(2 * math.pi)
