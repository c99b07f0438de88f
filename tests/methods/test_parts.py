"""The parts methods are made of: ways of hiding, nets, schedules, the closed form."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from selfsup.data import open_data
from selfsup.data.arrays.moments import covariance
from selfsup.errors import OptionError
from selfsup.hide import corrupt, quarter_turns, random_crop
from selfsup.nets import ConvDecoder, make_backbone, pooled
from selfsup.solvers.plan import DEFAULTS, Plan

sides = st.integers(1, 9)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def planned(**changes):
    return Plan.of(DEFAULTS | {"epochs": 3, "precision": "float32", "seed": 7} | changes)


@given(sides, sides, st.integers(1, 3))
def test_quarter_turns_are_numpys(height, width, channels):
    x = torch.arange(2 * channels * height * width, dtype=torch.float32).view(2, channels, height, width)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = x[..., top : top + side, left : left + side].numpy()
    turned = quarter_turns(x)
    assert turned.shape == (2, 4, channels, side, side)
    for k in range(4):
        np.testing.assert_array_equal(turned[:, k], np.rot90(middle, k, axes=(2, 3)))


@given(sides, sides, st.integers(0, 3), st.integers(0, 99))
def test_a_crop_moves_whole_pixels_and_brings_in_zeros(height, width, most, seed):
    x = 1 + torch.arange(3 * height * width, dtype=torch.float32).view(3, 1, height, width)
    moved = random_crop(x, most, rng(seed))
    assert moved.shape == x.shape
    for before, after in zip(x, moved, strict=True):
        kept = after[after > 0]
        assert set(kept.tolist()) <= set(before.flatten().tolist())
        if len(kept):  # all kept pixels moved the same way
            places = (after > 0).nonzero()
            origins = torch.stack([(before == value).nonzero()[0] for value in kept])
            assert len((places - origins).unique(dim=0)) == 1
            assert (places - origins).abs().max() <= most


def test_mirror_images_are_about_half():
    x = torch.arange(4.0).expand(400, 1, 1, 4)
    mirrored = random_crop(x, 0, rng(), mirror=True)[:, 0, 0, 0] == 3
    assert 150 < int(mirrored.sum()) < 250


@pytest.mark.parametrize("kind", ["masking", "salt-and-pepper"])
def test_the_share_that_is_corrupted_is_the_level(kind):
    x = torch.rand(64, 100, generator=rng(5)) * 0.8 + 0.1
    seen = corrupt(x, kind, 0.3, rng())
    changed = seen != x
    assert changed.float().mean() == pytest.approx(0.3, abs=0.02)
    assert set(seen[changed].unique().tolist()) <= ({0.0} if kind == "masking" else {x.min().item(), x.max().item()})


def test_gaussian_noise_has_its_deviation():
    x = torch.zeros(200, 200)
    assert float(corrupt(x, "gaussian", 0.5, rng()).std()) == pytest.approx(0.5, rel=0.02)
    assert corrupt(x, "gaussian", 0.0, rng()) is x


@given(st.integers(2, 500), st.integers(2, 64), st.integers(0, 5))
def test_every_row_of_an_epoch_is_used_once_and_no_batch_is_tiny(rows, batch_size, epoch):
    plan = planned(batch_size=batch_size)
    batches = plan.order(rows, epoch)
    assert sorted(torch.cat(batches).tolist()) == list(range(rows))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


def test_the_rate_rises_and_falls():
    plan = planned(lr=0.1, warmup=0.2)
    rates = [plan.rate(p) for p in np.linspace(0, 1, 101)]
    assert rates[0] == 0
    assert max(rates) == pytest.approx(0.1)
    assert rates[20] == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert all(a >= b for a, b in zip(rates[20:], rates[21:], strict=False))


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 300), st.integers(1, 20), st.floats(-1e4, 1e4), st.integers(0, 9))
def test_moments_equal_numpys_even_far_from_zero(rows, columns, offset, seed):
    x = (np.random.default_rng(seed).normal(size=(rows, columns)) + offset).astype(np.float32)
    found = covariance(open_data(x).samples())
    np.testing.assert_allclose(found.mean, x.mean(0, dtype=np.float64), rtol=1e-6, atol=1e-6)
    exact = np.cov(x.astype(np.float64), rowvar=False, bias=True).reshape(columns, columns)
    np.testing.assert_allclose(found.covariance, exact, rtol=1e-4, atol=1e-5)


def test_a_net_of_a_users_own_is_a_function_in_a_file(tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    backbone = make_backbone(f"{tmp_path}/mine.py:tokens", (3, 4, 4), (5, 7))
    assert backbone.maps == [(16, 5), (16, 7)]
    assert backbone.widths == [5, 7]
    assert backbone.words == "tokens of 2 blocks, 5-7 channels"
    x = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(backbone.pooled(backbone(x)), backbone(x).mean(1))
    with pytest.raises(OptionError, match="did you mean 'tokens'"):
        make_backbone(f"{tmp_path}/mine.py:token", (3, 4, 4))
    with pytest.raises(OptionError, match="must give a list of modules"):
        make_backbone(lambda shape, hidden: nn.Identity(), (3,))
    with pytest.raises(OptionError, match="unknown net 'resnet'; did you mean 'resnet50'"):
        make_backbone("resnet", (3, 4, 4))


def test_a_net_that_pools_its_tokens_itself():
    class First(nn.Identity):
        def pooled(self, x):
            return x[:, 0]

    backbone = make_backbone(First(), (4, 6))
    x = torch.rand(2, 4, 6)
    assert torch.equal(backbone.pooled(x), x[:, 0])
    assert torch.equal(pooled(x), x.mean(1))


OWN = """
from torch import nn

class Places(nn.Module):
    def forward(self, x):
        return x.flatten(2).transpose(1, 2)

def tokens(shape, hidden):
    first, second = hidden
    return [nn.Sequential(Places(), nn.Linear(shape[0], first)), nn.Linear(first, second)]
"""


@pytest.mark.parametrize("net", ["conv", "bottleneck", "nin", "resnet18", "mlp"])
@pytest.mark.parametrize("shape", [(1, 5, 5), (3, 8, 8), (1, 28, 28), (3, 33, 21)])
def test_every_net_takes_every_image(net, shape):
    hidden = (4, 4, 4, 4) if net == "resnet18" else None
    backbone = make_backbone(net, shape, hidden)
    x = torch.zeros(2, *shape)
    outputs = backbone.outputs(x)
    assert [tuple(out.shape[1:]) for out in outputs] == backbone.maps
    assert all(pooled(out).ndim == 2 for out in outputs)
    assert backbone.words
    if net == "conv":
        assert ConvDecoder(6, [shape, *backbone.maps])(torch.zeros(2, 6)).shape == x.shape
        assert max(backbone.maps[-1][1:]) <= 3
