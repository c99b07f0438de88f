"""LARS: a step beside a plain one, what it leaves alone, and that a run with it goes on to the same bit."""

import numpy as np
import pytest
import torch
from torch import nn

import selfsup
from conftest import pictures
from selfsup.data import open_data
from selfsup.methods.rotation import Rotation
from selfsup.solvers.lars import MOMENTUM, TRUST, Lars
from selfsup.solvers.optimizer import make_optimizer
from selfsup.solvers.plan import DEFAULTS, RATES, Plan
from selfsup.solvers.sgd import Sgd


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_steps_are_those_of_the_paper_with_nesterovs_momentum():
    weight = nn.Parameter(drawn(4, 3, 2, 2).double())
    optimizer = Lars([{"params": [weight], "weight_decay": 0.1, "matrices": True}], lr=0.3)
    w, v = weight.detach().numpy().copy(), 0.0
    for seed, rate in enumerate([0.3, 0.3, 0.1, 0.02]):
        gradient = 100.0**seed * drawn(4, 3, 2, 2, seed=seed + 1).double()
        weight.grad, optimizer.param_groups[0]["lr"] = gradient, rate
        optimizer.step()
        g = gradient.numpy()
        norm = np.linalg.norm(w)
        local = TRUST * norm / (np.linalg.norm(g) + 0.1 * norm)  # eq. 6
        move = rate * local * (g + 0.1 * w)
        v = MOMENTUM * v + move
        w = w - move - MOMENTUM * v
        np.testing.assert_allclose(weight.detach().numpy(), w, rtol=1e-12)


def test_a_matrix_moves_by_a_share_of_its_length_whatever_the_gradient():
    for size in (1e-6, 1e6):
        weight = nn.Parameter(drawn(5, 7))
        before = weight.detach().clone()
        weight.grad = size * drawn(5, 7, seed=1)
        Lars([{"params": [weight], "matrices": True}], lr=0.5).step()
        moved = float((weight.detach() - before).norm() / before.norm())
        assert moved == pytest.approx(0.5 * TRUST * (1 + MOMENTUM), rel=1e-4)


def test_biases_and_norms_neither_decay_nor_are_scaled():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))

    class Net(selfsup.Method):
        def __init__(self):
            super().__init__()
            self.net = net

    plan = Plan.of(
        DEFAULTS | {"epochs": 1, "precision": "float32", "seed": 0, "optimizer": "lars", "weight_decay": 0.1}
    )
    optimizer = make_optimizer(Net(), plan)
    found = [(group["matrices"], group["weight_decay"], len(group["params"])) for group in optimizer.param_groups]
    assert found == [(True, 0.1, 2), (False, 0.0, 4)]
    gains = [p for p in net.parameters() if p.ndim == 1]
    like = [nn.Parameter(p.detach().clone()) for p in gains]
    plain = torch.optim.SGD(like, lr=plan.lr, momentum=0.9, nesterov=True)
    for seed in range(3):
        for number, (one, other) in enumerate(zip(gains, like, strict=True)):
            one.grad = other.grad = drawn(*one.shape, seed=10 * seed + number)
        optimizer.step()
        plain.step()
    for one, other in zip(gains, like, strict=True):
        torch.testing.assert_close(one, other)


def test_what_is_0_moves_by_its_gradient_and_no_gradient_moves_nothing():
    zero, still = nn.Parameter(torch.zeros(3, 3)), nn.Parameter(drawn(3, 3))
    before = still.detach().clone()
    zero.grad = drawn(3, 3, seed=1)
    Lars([{"params": [zero, still], "matrices": True, "weight_decay": 0.5}], lr=0.1).step()
    torch.testing.assert_close(zero.detach(), -0.1 * (1 + MOMENTUM) * zero.grad)
    assert torch.equal(still, before)


def test_an_optimizer_that_the_method_does_not_prefer_brings_its_own_rate():
    method, device = Rotation(), torch.device("cpu")
    data = open_data(pictures(32, 1, 8, 8))

    def rate(**how):
        return Sgd(**how).plan(method, data, 1, 0, device)["lr"]

    assert rate() == rate(optimizer="muon") == method.recipe["lr"]
    assert rate(optimizer="lars") == RATES["lars"]
    assert rate(optimizer="lars", lr=0.7) == 0.7


def test_a_run_that_was_cut_goes_on_to_the_same_bit(tmp_path, cut):
    x = pictures(64, 3, 12, 12)
    how = {"hidden": (8, 12), "epochs": 3, "batch_size": 16, "optimizer": "lars", "weight_decay": 1e-4}
    how |= {"evaluate": False, "progress": False, "checkpoint_every": 0}
    with pytest.raises(KeyboardInterrupt):
        selfsup.fit(x, "rotation", out=tmp_path / "cut", **how)
    cut()
    whole = selfsup.fit(x, "rotation", out=tmp_path / "whole", **how)
    resumed = selfsup.fit(x, "rotation", out=tmp_path / "cut", resume=True, **how)
    for name, tensor in whole.method.state_dict().items():
        np.testing.assert_array_equal(tensor, resumed.method.state_dict()[name], err_msg=name)
