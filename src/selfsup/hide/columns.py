"""Views of a table's rows: some columns take their value from another row of the batch."""

from __future__ import annotations

import torch
from torch import Tensor

from selfsup.errors import DataError
from selfsup.hide.checks import check_between


def swap_columns(x: Tensor, n: int, rng: torch.Generator, share: float, fields: Tensor | None = None) -> Tensor:
    """Draw views of rows in which a share of the columns has the values of other rows (Bahri et al. 2022, section 3).

    Each view draws which columns, and each of these the row that it takes its value from: any other of the batch. So every
    column keeps the distribution that it has in the batch, and what belongs together is torn apart. Where the share of the
    columns is no whole number, it is rounded up or down by chance, so that the share is kept on average.

    Parameters
    ----------
    x
        Rows (B, d). NaN, for a value that is missing, is a value like any other. Of a batch of one nothing is swapped, as there
        is no other row.
    n
        Views of every row.
    rng
        Source of all randomness, on the device of `x`.
    share
        Of the columns, in [0, 1].
    fields
        (d,) int64, on the device of `x`: the number, from 0 and without gaps, of the field that each column belongs to. The
        columns of a field take their values from the same row: those of a category are one 1 and zeros. None: each column is a
        field of its own.

    Returns
    -------
    Tensor
        (B, n, d), of the type of `x`.

    Raises
    ------
    DataError
        If `x` is not (B, d) with something in it.
    OptionError
        If the share is not in [0, 1].
    """
    if x.ndim != 2 or not x.numel():
        raise DataError(f"rows of a table must be (B, d), at least one; got {tuple(x.shape)}")
    check_between(0, 1, share=share)
    batch, width = x.shape
    places = torch.arange(width, device=x.device)
    fields = places if fields is None else fields
    many = fields.amax() + 1  # of the d scores of a view those of the first `many` count: a GPU need not be waited for
    score = torch.rand((batch, n, width), generator=rng, device=x.device).masked_fill_(places >= many, 2.0)
    rank = score.argsort(2).argsort(2)  # (B, n, d)
    wanted = (share * many + torch.rand((batch, n, 1), generator=rng, device=x.device)).floor()
    ahead = torch.randint(1, max(batch, 2), (batch, n, width), generator=rng, device=x.device)
    other = (torch.arange(batch, device=x.device)[:, None, None] + ahead) % batch  # (B, n, d): rows, of every field
    views = x[:, None].expand(-1, n, -1)
    return torch.where((rank < wanted)[..., fields], views.gather(0, other[..., fields]), views)


def changed_columns(x: Tensor, views: Tensor, fields: Tensor | None = None) -> Tensor:
    """Tell in which columns the views of rows hold another value: (B, n, d) bool, alike in all columns of a field.

    A field that was drawn, and got from the other row the value that it had, is as before.

    Parameters
    ----------
    x
        Rows (B, d).
    views
        Of them, (B, n, d).
    fields
        As in `swap_columns`.
    """
    rows = x[:, None]
    changed = (views != rows) & ~(views.isnan() & rows.isnan())  # (B, n, d)
    if fields is None:
        return changed
    counts = torch.zeros(changed.shape, device=x.device).index_add_(2, fields, changed.float())
    return counts[..., fields] > 0
