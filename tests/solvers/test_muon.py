"""Muon: what it does to a matrix, to what is none, and that a run with it goes on to the same bit."""

import numpy as np
import pytest
import torch
from torch import nn

import selfsup
from conftest import pictures
from selfsup.solvers.muon import A, B, C, Muon, orthogonal
from selfsup.solvers.optimizer import make_optimizer
from selfsup.solvers.plan import DEFAULTS, Plan


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(5, 5), (8, 30), (30, 8), (1, 7), (7, 1)])
def test_a_matrix_is_made_orthogonal_in_its_own_directions(shape):
    x = drawn(*shape)
    found = orthogonal(x)
    left, values, right = torch.linalg.svd(x.double(), full_matrices=False)
    rounds = values / values.norm()
    for _ in range(5):  # the quintic acts on the singular values alone
        rounds = A * rounds + B * rounds**3 + C * rounds**5
    torch.testing.assert_close(found.double(), left @ torch.diag(rounds) @ right, atol=1e-4, rtol=0)
    assert found.dtype == x.dtype
    torch.testing.assert_close(orthogonal(1000 * x), found, atol=1e-4, rtol=0)
    assert (orthogonal(torch.zeros(shape)) == 0).all()
    if shape == (8, 30):
        assert torch.linalg.svdvals(found).min() > 0.65
        assert torch.linalg.svdvals(found).max() < 1.25


def test_steps_of_a_matrix_have_the_size_of_the_rate_whatever_the_gradient():
    weight = nn.Parameter(drawn(4, 16))
    before = weight.detach().clone()
    optimizer = Muon([{"params": [weight], "matrices": True}], lr=0.1)
    weight.grad = 1e-6 * drawn(4, 16, seed=1)
    optimizer.step()
    moved = (weight.detach() - before) / 0.1
    assert torch.linalg.svdvals(moved).max() < 1.25
    assert torch.linalg.svdvals(moved).min() > 0.6
    assert float((moved * weight.grad).sum()) < 0


def test_what_is_no_matrix_moves_by_adam():
    one, other = nn.Parameter(drawn(6)), nn.Parameter(drawn(6))
    ours = Muon([{"params": [one], "weight_decay": 0.01}], lr=0.1)
    theirs = torch.optim.AdamW([other], lr=0.01, betas=(0.9, 0.95), weight_decay=0.01)
    for seed in range(4):
        one.grad = other.grad = drawn(6, seed=seed + 1)
        ours.step()
        theirs.step()
    torch.testing.assert_close(one, other)


def test_a_gradient_that_is_not_there_moves_nothing():
    weight = nn.Parameter(drawn(3, 3))
    before = weight.detach().clone()
    Muon([{"params": [weight], "matrices": True, "weight_decay": 0.5}], lr=0.1).step()
    assert torch.equal(weight, before)


def test_matrices_and_others_are_told_apart_by_their_axes():
    class Net(selfsup.Method):
        def __init__(self):
            super().__init__()
            self.layers_of = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))

        def rates(self):
            return {"layers_of.3": 0.5}

    plan = Plan.of(
        DEFAULTS | {"epochs": 1, "precision": "float32", "seed": 0, "optimizer": "muon", "weight_decay": 0.1}
    )
    optimizer = make_optimizer(Net(), plan)
    found = [
        (g["prefix"], g["matrices"], g["weight_decay"], [p.ndim for p in g["params"]]) for g in optimizer.param_groups
    ]
    assert found == [
        (None, True, 0.1, [4]),
        (None, False, 0.0, [1, 1, 1]),
        ("layers_of.3", True, 0.1, [2]),
        ("layers_of.3", False, 0.0, [1]),
    ]


def test_a_run_that_was_cut_goes_on_to_the_same_bit(tmp_path, cut):
    x = pictures(64, 3, 12, 12)
    how = {
        "hidden": (8, 12),
        "epochs": 4,
        "batch_size": 16,
        "optimizer": "muon",
        "lr": 0.02,
        "evaluate": False,
        "progress": False,
    }
    how["checkpoint_every"] = 0
    with pytest.raises(KeyboardInterrupt):
        selfsup.fit(x, "rotation", out=tmp_path / "cut", **how)
    cut()
    whole = selfsup.fit(x, "rotation", out=tmp_path / "whole", **how)
    resumed = selfsup.fit(x, "rotation", out=tmp_path / "cut", resume=True, **how)
    for name, tensor in whole.method.state_dict().items():
        np.testing.assert_array_equal(tensor, resumed.method.state_dict()[name], err_msg=name)
