"""Adam of few rows: torch's of the same name where gradients are sparse, torch's Adam where they are not."""

import copy

import pytest
import torch
import torch.nn.functional as F

from selfsup.solvers.sparse_adam import SparseAdam, densify


def table():
    return torch.nn.Parameter(torch.randn(20, 4, generator=torch.Generator().manual_seed(0)))


def steps(optimizer, parameter, sparse, n=30):
    rng = torch.Generator().manual_seed(1)
    for _ in range(n):
        rows = torch.randint(0, 20, (6,), generator=rng)
        optimizer.zero_grad()
        (F.embedding(rows, parameter, sparse=sparse) - 1).square().sum().backward()
        optimizer.step()
    return parameter.detach()


@pytest.mark.parametrize(("sparse", "reference"), [(True, torch.optim.SparseAdam), (False, torch.optim.Adam)])
def test_it_moves_as_the_reference(sparse, reference):
    ours, theirs = table(), table()
    found = steps(SparseAdam([{"params": [ours]}], lr=0.05, betas=(0.8, 0.95)), ours, sparse)
    expected = steps(reference([theirs], lr=0.05, betas=(0.8, 0.95)), theirs, sparse)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert (found - table()).abs().max() > 0.1


def test_a_saved_state_goes_on_to_the_bit():
    whole = table()
    first = SparseAdam([{"params": [whole]}], lr=0.05)
    steps(first, whole, True, 3)
    half, saved = torch.nn.Parameter(whole.detach().clone()), copy.deepcopy(first.state_dict())
    steps(first, whole, True, 5)
    again = SparseAdam([{"params": [half]}], lr=0.05)
    again.load_state_dict(saved)
    assert torch.equal(steps(again, half, True, 5), whole.detach())


def test_rows_that_are_not_met_stay_and_decay_is_of_those_that_are():
    parameter = table()
    before = parameter.detach().clone()
    (F.embedding(torch.tensor([3]), parameter, sparse=True) * 0).sum().backward()
    SparseAdam([{"params": [parameter]}], lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(parameter[3].detach(), before[3] * 0.95)
    assert torch.equal(parameter.detach()[[0, 1, 2, 4]], before[[0, 1, 2, 4]])


def test_sparse_gradients_are_made_dense():
    parameter = table()
    F.embedding(torch.tensor([3, 3]), parameter, sparse=True).sum().backward()
    densify([parameter])
    assert not parameter.grad.is_sparse
    assert parameter.grad[3].tolist() == [2] * 4
