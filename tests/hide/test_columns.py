"""Views of a table's rows: which columns are swapped, from where, whole fields together, and missing values."""

import pytest
import torch
from hypothesis import given, settings, strategies as st

from selfsup.errors import DataError, OptionError
from selfsup.hide import changed_columns, swap_columns

FIELDS = torch.tensor([0, 1, 1, 1, 2, 3, 3])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def table(rows=60, width=7):
    """Every value is its row's number and its column's, so that it tells where it came from."""
    return torch.arange(rows, dtype=torch.float32)[:, None] + 1000 * torch.arange(width)


@given(share=st.floats(0, 1), width=st.integers(1, 9), n=st.integers(1, 3), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_share_of_the_columns_is_taken_from_other_rows_of_the_same_column(share, width, n, seed):
    x = table(20, width)
    views = swap_columns(x, n, seeded(seed), share)
    assert views.shape == (20, n, width)
    assert (views // 1000 == torch.arange(width)).all()
    swapped = (views != x[:, None]).sum(2)  # other rows have other values, so all that are swapped show
    exact = torch.tensor(share) * width
    assert (swapped >= exact.floor() - 1e-4).all()
    assert (swapped <= exact.ceil() + 1e-4).all()
    assert torch.equal(x, table(20, width))


def test_the_share_is_kept_on_average_and_every_column_and_row_is_as_likely():
    x = table(400, 5)
    views = swap_columns(x, 8, seeded(), 0.3)
    changed = views != x[:, None]
    assert (changed.float().mean((0, 1)) - 0.3).abs().max() < 0.03
    came = (views - x[:, None])[changed] % 400  # how many rows further down it was found
    assert (torch.histc(came.float(), 4, 0, 400) / len(came) - 0.25).abs().max() < 0.03


def test_the_columns_of_a_field_move_together():
    x = table()
    views = swap_columns(x, 3, seeded(), 0.5, FIELDS)
    rows = views % 1000
    assert torch.equal(rows[..., 1], rows[..., 2])
    assert torch.equal(rows[..., 1], rows[..., 3])
    assert torch.equal(rows[..., 5], rows[..., 6])
    assert not torch.equal(rows[..., 0], rows[..., 4])
    fields = (views != x[:, None])[..., [0, 1, 4, 5]].sum(2)
    assert (fields == 2).all()  # half of four, whatever their widths


def test_categories_stay_categories():
    kinds = torch.nn.functional.one_hot(torch.randint(0, 3, (50,), generator=seeded(3)), 3).float()
    x = torch.cat([table(50, 1), kinds, table(50, 3)], 1)
    views = swap_columns(x, 4, seeded(), 0.7, FIELDS)
    assert (views[..., 1:4].sum(2) == 1).all()
    assert set(views[..., 1:4].unique().tolist()) == {0.0, 1.0}


def test_missing_values_are_values():
    x = table(40)
    x[::2, 2] = torch.nan
    views = swap_columns(x, 2, seeded(), 1.0)
    assert 0.3 < views[..., 2].isnan().float().mean() < 0.7
    assert not views[..., [0, 1, 3]].isnan().any()
    changed = changed_columns(x, views)
    assert changed[..., [0, 1, 3]].all()
    both = x[:, None, 2].isnan() & views[..., 2].isnan()
    assert both.any()
    assert not changed[..., 2][both].any()  # missing before and after


def test_what_changed_is_told_for_all_columns_of_a_field():
    x = torch.tensor([[5.0, 1, 0, 0, 2, 8, 9], [5.0, 0, 1, 0, 3, 8, 9]])
    view = torch.tensor([[5.0, 0, 1, 0, 2, 8, 7], [5.0, 0, 1, 0, 2, 8, 9]])
    found = changed_columns(x, view[:, None], FIELDS)[:, 0]
    assert found.int().tolist() == [[0, 1, 1, 1, 0, 1, 1], [0, 0, 0, 0, 1, 0, 0]]


def test_of_one_row_there_is_no_other():
    x = table(1)
    assert torch.equal(swap_columns(x, 2, seeded(), 1.0), x[:, None].expand(-1, 2, -1))


def test_the_seed_decides():
    x = table()
    assert torch.equal(swap_columns(x, 2, seeded(1), 0.6), swap_columns(x, 2, seeded(1), 0.6))
    assert not torch.equal(swap_columns(x, 2, seeded(1), 0.6), swap_columns(x, 2, seeded(2), 0.6))


def test_what_is_refused_is_said():
    with pytest.raises(OptionError, match=r"'share' must be between 0 and 1; got 1\.5"):
        swap_columns(table(), 2, seeded(), 1.5)
    with pytest.raises(DataError, match=r"rows of a table must be \(B, d\), at least one; got \(2, 1, 4, 4\)"):
        swap_columns(torch.zeros(2, 1, 4, 4), 2, seeded(), 0.5)
