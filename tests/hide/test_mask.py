"""Masks of patches and tokens: exact counts, uniform at random, and rectangles."""

import pytest
import torch
from hypothesis import given, settings, strategies as st

from selfsup.errors import OptionError
from selfsup.hide import block_mask, random_mask


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@given(rows=st.integers(1, 16), columns=st.integers(1, 16), ratio=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_every_sample_hides_the_same_number(rows, columns, ratio, seed):
    for mask in (
        random_mask(5, (rows, columns), ratio, seeded(seed)),
        block_mask(5, (rows, columns), ratio, seeded(seed)),
    ):
        assert mask.shape == (5, rows, columns)
        assert mask.dtype == torch.bool
        assert (mask.sum((1, 2)) == round(rows * columns * ratio)).all()


@pytest.mark.parametrize("make", [random_mask, block_mask])
def test_the_seed_decides_and_samples_differ(make):
    first = make(8, (14, 14), 0.4, seeded(1))
    assert torch.equal(first, make(8, (14, 14), 0.4, seeded(1)))
    assert not torch.equal(first, make(8, (14, 14), 0.4, seeded(2)))
    assert len({tuple(sample.flatten().tolist()) for sample in first}) == 8


def test_every_token_is_as_likely_as_another():
    mask = random_mask(4000, 20, 0.75, seeded())
    assert mask.shape == (4000, 20)
    assert (mask.float().mean(0) - 0.75).abs().max() < 0.03
    assert abs(torch.corrcoef(mask.float().T)[0, 1] + 1 / 19) < 0.05  # drawn without replacement


def borders(mask):
    """Neighbouring patches of which one is hidden and the other is not."""
    return (mask[:, 1:] ^ mask[:, :-1]).sum() + (mask[:, :, 1:] ^ mask[:, :, :-1]).sum()


def test_blocks_hang_together():
    in_blocks, at_random = (make(50, (14, 14), 0.4, seeded()) for make in (block_mask, random_mask))
    assert borders(in_blocks) < 0.4 * borders(at_random)


def test_one_block_is_a_rectangle():
    """Where the share is what one rectangle takes, the mask is that rectangle."""
    mask = block_mask(20, (10, 10), 0.25, seeded(), area=(0.25, 0.25), aspect=(1.0, 1.0))
    for sample in mask:
        rows, columns = sample.any(1).nonzero()[:, 0], sample.any(0).nonzero()[:, 0]
        assert len(rows) == len(columns) == 5
        assert sample[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()


@pytest.mark.parametrize("make", [random_mask, block_mask])
def test_a_share_beyond_its_range(make):
    with pytest.raises(OptionError, match="'ratio' must be between 0 and 1; got 1.2"):
        make(2, (4, 4), 1.2, seeded())
    with pytest.raises(OptionError, match="at least one place to hide; got 0"):
        make(2, (0, 4), 0.5, seeded())


def test_blocks_of_no_size():
    with pytest.raises(OptionError, match="'area' must be two numbers above 0 and at most 1"):
        block_mask(2, (4, 4), 0.5, seeded(), area=(0.0, 0.1))
    with pytest.raises(OptionError, match="'aspect' must be two numbers above 0, the lesser first"):
        block_mask(2, (4, 4), 0.5, seeded(), aspect=(2.0, 1.0))
