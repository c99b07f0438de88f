"""Jigsaw puzzles: the set of orders, what is hidden, what is refused, and that it learns."""

import itertools

import numpy as np
import pytest
import torch

import selfsup
from selfsup.data import open_data
from selfsup.errors import OptionError
from selfsup.methods.jigsaw import Jigsaw, far_apart
from selfsup.model.encode import build


def built(shape, n=6, **options):
    x = np.random.default_rng(0).random((n, *shape)).astype(np.float32)
    part = open_data(x, progress=False).whole()
    return build(Jigsaw(**{"hidden": (8, 8), **options}), part, 0), part.rows()[:]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def distances(orders):
    return np.array([(a != b).sum() for a, b in itertools.combinations(orders, 2)])


@pytest.mark.parametrize("count", [10, 100])
def test_orders_are_far_apart_and_always_the_same(count):
    orders = far_apart(9, count)
    assert orders.shape == (count, 9)
    assert (np.sort(orders, 1) == np.arange(9)).all()
    found = distances(orders)
    drawn = np.array([np.random.default_rng([7, k]).permutation(9) for k in range(count)])
    assert found.min() >= (7 if count == 10 else 6)
    assert found.mean() > distances(drawn).mean()  # 8 on average
    far_apart.cache_clear()
    assert np.array_equal(orders[:5], far_apart(9, 5))
    assert not np.array_equal(orders[:5], far_apart(9, 5, seed=1))


def test_of_few_cells_the_choice_is_the_greedy_one_and_all_orders_can_be_had():
    orders = far_apart(4, 24)
    assert len(set(map(tuple, orders))) == 24
    every = np.array(list(itertools.permutations(range(4))))
    for count in range(1, 24):
        least = np.array([min((one != other).sum() for other in orders[:count]) for one in every])
        assert min((orders[count] != other).sum() for other in orders[:count]) == least.max()
    with pytest.raises(OptionError, match="at most 24, the orders of 4 cells; got 25"):
        far_apart(4, 25)


@pytest.mark.parametrize(("cells", "count"), [(3, 100), (2, 24)])
def test_puzzles_lay_patches_out_in_the_order_that_is_asked_for(cells, count):
    method, x = built((3, 40, 40), cells=cells, puzzles=5)
    seen, which = method.hide(x, generator())
    assert seen.patches.shape[:2] == (6, cells**2)
    assert torch.equal(seen.orders, torch.tensor(far_apart(cells**2, count))[which])
    assert not torch.equal(which[0], which[1])  # else permuted guesses would be right answers
    method.eval()
    guess, codes = method.predict(seen), method.embed(seen.patches)
    assert guess.shape == (6, 5, count)
    for image in range(6):
        for number in range(5):
            laid = torch.cat([codes[image, cell] for cell in seen.orders[image, number].tolist()])
            assert torch.allclose(method.head(laid[None])[0], guess[image, number], atol=1e-5)
    shown = method.show(seen)
    assert torch.equal(shown[0, 0], seen.patches[0, seen.orders[0, 0, 0]])


def test_sizes_and_refusals():
    assert built((3, 96, 96), n=2, cells=2)[0].sizes == (32, 16, 7)
    assert built((3, 96, 96), n=2)[0].sizes == (24, 8, 3)
    with pytest.raises(OptionError, match="at most 24"):
        built((3, 40, 40), cells=2, permutations=30)
    with pytest.raises(OptionError, match="at least 88 pixels; the shorter side of these is 40"):
        built((3, 40, 40), patch=24, gap=8)


@pytest.mark.parametrize("channels", [1, 13])
def test_any_number_of_channels_trains(channels):
    x = np.random.default_rng(0).random((20, channels, 33, 40)).astype(np.float32)
    model = selfsup.fit(x, "jigsaw", cells=2, epochs=1, hidden=(4, 4), evaluate=False, progress=False)
    assert model.encode(x).shape == (20, 4)
    assert "accuracy" in model.history[-1]["measures"]


def test_it_learns_where_parts_have_their_places():
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 1, 36)
    x = 0.3 * rng.random((160, 1, 36, 36)) * ramp + 0.7 * np.sin(np.arange(36) * ramp * 2)[:, None]
    x = x.clip(0, 1).astype(np.float32)
    how = {"hidden": (16, 16), "batch_size": 16, "lr": 5e-3, "precision": "float32"}
    model = selfsup.fit(x, "jigsaw", cells=2, epochs=12, evaluate=False, progress=False, **how)
    assert model.start["measures"]["accuracy"] < 0.15
    assert model.history[-1]["measures"]["accuracy"] > 0.2
