"""The synthetic dictionary benchmark: its world has the structure it claims, its metrics say 1 of the truth itself."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import synthetic_dictionary as bench


@pytest.fixture(scope="module")
def truth():
    return bench.Truth(bench.World(features=256, size=64, roots=2, straighten=50), seed=0)


@pytest.fixture(scope="module")
def drawn(truth):
    return truth.draw(20_000, np.random.default_rng(0))


def test_the_true_dictionary_is_perfect(truth):
    found = bench.score(
        truth.features, lambda x, values: values, lambda z: z @ truth.features + truth.bias, truth, rows=4000
    )
    for figure in ("F1", "precision", "recall"):
        assert found[figure] == pytest.approx(1 - found["dead"] / 256)  # a feature that never fired has no detector
    assert found["MCC"] == pytest.approx(1, abs=1e-5)
    assert found["unique"] == 1
    assert found["explained"] == pytest.approx(1, abs=1e-5)


def test_permuted_scaled_and_negated_atoms_are_as_good(truth):
    rng = np.random.default_rng(0)
    order = rng.permutation(256)
    scale = (rng.uniform(0.5, 2, 256) * rng.choice([-1, 1], 256)).astype(np.float32)
    atoms = truth.features[order] * scale[:, None]
    found = bench.score(atoms, lambda x, v: v[:, order] / scale, lambda z: z @ atoms + truth.bias, truth, rows=4000)
    assert found["MCC"] == pytest.approx(1, abs=1e-5)
    assert found["unique"] == 1
    assert found["explained"] == pytest.approx(1, abs=1e-4)
    assert found["F1"] == pytest.approx(1 - found["dead"] / 256)


def test_copies_of_one_atom_are_not_unique_and_silent_latents_are_dead(truth):
    atoms = np.repeat(truth.features[:1], 4, axis=0)

    def code(x, values):
        return np.stack([values[:, 0], values[:, 0], np.ones(len(x)), np.zeros(len(x))], axis=1)

    found = bench.score(atoms, code, lambda z: np.zeros((len(z), 64)), truth, rows=4000)
    assert found["unique"] == 0.25
    assert found["dead"] == 1
    share = np.mean(truth.draw(bench.BLOCK, np.random.default_rng(10_000))[1][:, 0] > 0)
    always = 2 * share / (1 + share)  # a latent that always fires has precision share and recall 1
    assert found["F1"] == pytest.approx((1 + 1 + always + 0) / 4, abs=0.01)
    assert found["MCC"] < 0.6  # only one of the four can be matched to its feature


def test_mean_prediction_explains_nothing(truth):
    middle = np.mean([x.mean(0) for x, _ in truth.blocks(16_384, np.random.default_rng(1))], axis=0)
    found = bench.score(
        truth.features, lambda x, values: values, lambda z: np.broadcast_to(middle, (len(z), 64)), truth, rows=16_384
    )
    assert found["explained"] == pytest.approx(0, abs=0.01)


def test_children_fire_with_their_parents_alone_and_one_at_a_time(truth, drawn):
    _, values = drawn
    assert [(p.start, p.stop, c.stop) for p, c in truth.levels] == [(0, 2, 10), (2, 10, 42), (10, 42, 170)]
    for parents, children in truth.levels:
        group = values[:, children].reshape(len(values), -1, 4) > 0
        assert (group.sum(2) <= 1).all()
        assert (group.any(2) <= (values[:, parents] > 0)).all()


def test_roots_and_free_features_fire_at_their_frequency(truth, drawn):
    fires = (drawn[1] > 0).mean(0)
    free = truth._free
    assert fires[free] == pytest.approx(truth.frequency[free], abs=0.02)
    assert fires[free].sum() == pytest.approx(truth.frequency[free].sum(), rel=0.03)


def test_children_are_scaled_by_their_parents(truth, drawn):
    _, values = drawn
    varied = int(truth.spread[:10].argmax())  # its children follow it most visibly
    parents, children = truth.levels[0 if varied < 2 else 1]
    first = children.start + 4 * (varied - parents.start)
    parent, child = values[:, varied], values[:, first : first + 4] / truth.mean[first : first + 4]
    on = child.any(1)
    assert on.sum() > 500
    assert np.corrcoef(parent[on], child[on].sum(1))[0, 1] > 0.3


def test_a_draw_is_a_function_of_its_generator(truth):
    first, second = (truth.draw(100, np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert first[0] == pytest.approx(first[1] @ truth.features + truth.bias, abs=1e-4)


def test_straightening_makes_features_more_orthogonal():
    start = np.random.default_rng(0).normal(size=(100, 64))
    before, after = (
        np.square(bench.straight(start, steps) @ bench.straight(start, steps).T).sum() for steps in (0, 200)
    )
    assert after < 0.99 * before
    assert np.linalg.norm(bench.straight(start, 200), axis=1) == pytest.approx(1)


def test_the_k_largest():
    assert bench.largest(np.array([[3.0, -1, 2, 1], [-1, -2, -3, 5]]), 2).tolist() == [[3, 0, 2, 0], [0, 0, 0, 5]]
