"""Soft debiasing: the best matrix, found another way; its limits; and what it does to vectors."""

import logging

import numpy as np
import pytest
import scipy.optimize
from tests.tools.biased import biased_vectors

from selfsup.errors import DataError, OptionError
from selfsup.words import WordVectors
from selfsup.words.bias.direction import direction
from selfsup.words.bias.given import all_units, units
from selfsup.words.bias.hard import hard_debias
from selfsup.words.bias.soft import soft_debias, softened
from selfsup.words.bias.transform import Transform


def case(seed, n=None, tuning=None):
    """Unit vectors of unequal spread W (D, n), some of them neutral N, a direction and a tuning."""
    rng = np.random.default_rng(seed)
    dim = int(rng.integers(4, 7))
    words = rng.standard_normal((dim, n or int(rng.integers(dim + 1, 30)))) * rng.exponential(1, (dim, 1))
    words /= np.linalg.norm(words, axis=0)
    neutral = words[:, : int(rng.integers(1, words.shape[1]))]
    b = rng.standard_normal(dim)
    return words, neutral, b / np.linalg.norm(b), tuning or float(10 ** rng.uniform(-2, 3))


def value(gram, words, neutral, b, tuning):
    """The objective as the paper writes it, over all pairs of words."""
    kept = words.T @ gram @ words - words.T @ words
    return (kept**2).sum() + tuning * ((neutral.T @ gram @ b) ** 2).sum()


def independent(words, neutral, b, tuning):
    """The minimum over T itself, which has no constraint, by scipy."""

    def objective(t):
        t = t.reshape(len(b), -1)
        gram = t.T @ t
        kept, along = words.T @ gram @ words - words.T @ words, neutral.T @ gram @ b
        slope = 2 * words @ kept @ words.T + 2 * tuning * np.outer(neutral @ along, b)
        return (kept**2).sum() + tuning * along @ along, (t @ (slope + slope.T)).ravel()

    start = np.eye(len(b)) + 0.1 * np.random.default_rng(0).standard_normal((len(b), len(b)))
    found = scipy.optimize.minimize(objective, start.ravel(), jac=True, method="BFGS", options={"gtol": 1e-10})
    t = found.x.reshape(len(b), -1)
    return t.T @ t, found.fun


def test_it_is_the_minimum_that_scipy_finds_with_and_without_the_bound():
    bounded = []
    for seed in range(12):
        words, neutral, b, tuning = case(seed)
        ours = softened(words @ words.T, neutral @ neutral.T, b, tuning)
        gram, best = independent(words, neutral, b, tuning)
        assert np.linalg.eigvalsh(ours.gram)[0] > -1e-8
        assert ours.value == pytest.approx(value(ours.gram, words, neutral, b, tuning), rel=1e-8)
        assert ours.value == pytest.approx(best, rel=1e-8)
        np.testing.assert_allclose(ours.gram, gram, atol=1e-4)
        assert ours.gap < 1e-8
        assert ours.steps < 20
        bounded.append(ours.steps > 0)
    assert any(bounded)
    assert not all(bounded)


def test_no_other_matrix_near_it_is_better():
    words, neutral, b, tuning = case(5, tuning=30.0)
    ours = softened(words @ words.T, neutral @ neutral.T, b, tuning)
    rng = np.random.default_rng(1)
    values, axes = np.linalg.eigh(ours.gram)
    root = (axes * np.sqrt(values.clip(0))) @ axes.T
    for _ in range(200):
        t = root + 1e-3 * rng.standard_normal(root.shape)
        assert value(t.T @ t, words, neutral, b, tuning) >= ours.value * (1 - 1e-9)


def test_where_words_lie_evenly_the_answer_is_known():
    """With S = C = s I the objective is that of one number, and X = I - bb' tuning / (s + tuning)."""
    b = np.array([0.6, 0.8, 0.0, 0.0])
    for spread, tuning in ((7.0, 0.2), (7.0, 1e4)):
        found = softened(spread * np.eye(4), spread * np.eye(4), b, tuning)
        np.testing.assert_allclose(found.gram, np.eye(4) - np.outer(b, b) * tuning / (spread + tuning), atol=1e-12)


def test_no_weight_changes_nothing_and_all_weight_takes_everything():
    words, neutral, b, _ = case(3, n=40)
    small = softened(words @ words.T, neutral @ neutral.T, b, 1e-12)
    np.testing.assert_allclose(small.gram, np.eye(len(b)), atol=1e-9)
    large = softened(words @ words.T, words @ words.T, b, 1e12)
    np.testing.assert_allclose(large.gram @ b, 0, atol=1e-9)


def test_the_bound_is_met_for_every_weight():
    for seed in range(60):
        words, neutral, b, _ = case(seed, n=12)
        for tuning in (1e-3, 1.0, 1e3, 1e6):
            found = softened(words @ words.T, neutral[:, :2] @ neutral[:, :2].T, b, tuning)
            assert np.linalg.eigvalsh(found.gram)[0] > -1e-7
            assert found.gap < 1e-6
            assert found.steps < 20


def test_fewer_words_than_dimensions_leave_the_rest_as_it_is():
    rng = np.random.default_rng(0)
    words = rng.standard_normal((8, 4))
    b = words[:, 0] + rng.standard_normal(8)  # partly outside of what the words span
    found = softened(words @ words.T, words @ words.T, b / np.linalg.norm(b), 5.0)
    outside = np.linalg.svd(words)[0][:, 4:]
    np.testing.assert_allclose(found.gram @ outside, outside, atol=1e-10)
    assert np.isfinite(found.gram).all()
    assert np.linalg.eigvalsh(found.gram)[0] > -1e-10


@pytest.fixture(scope="module")
def vectors():
    return biased_vectors()


def test_vectors_are_the_words_times_t_with_length_1_and_saved_whole(vectors, tmp_path):
    g = direction(vectors)
    after, transform = soft_debias(vectors, g, average=True)
    rows = np.concatenate([part for _, part in all_units(vectors)]) @ transform.matrix
    np.testing.assert_allclose(after.vectors, rows / np.linalg.norm(rows, axis=1)[:, None], atol=1e-6)
    np.testing.assert_allclose(transform.matrix, transform.matrix.T, atol=1e-12)
    assert list(after.words) == list(vectors.words)
    assert (after.counts == vectors.counts).all()
    transform.save(tmp_path / "soft.safetensors")
    np.testing.assert_array_equal(Transform.load(tmp_path / "soft.safetensors").apply(vectors).vectors, after.vectors)


def test_it_lies_between_none_and_hard_and_more_weight_takes_more(vectors):
    g = direction(vectors)
    jobs = ["homemaker", "nurse", "captain", "architect"]
    sizes = [np.abs(g.project(jobs)).mean()]
    lefts = [1.0]
    for tuning in (0.2, 20, 2000):
        after, transform = soft_debias(vectors, g, tuning=tuning)
        rows = np.array([after.index[word] for word in jobs])
        sizes.append(np.abs(units(after, rows) @ g.vector).mean())
        lefts.append(transform.facts["left"])
    hard = hard_debias(vectors, g)[0]
    sizes.append(np.abs(units(hard, rows) @ g.vector).mean())
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]
    assert lefts == sorted(lefts, reverse=True)
    assert lefts[-1] < 0.5


def test_it_says_when_the_paper_s_weight_takes_hardly_anything(vectors, caplog):
    with caplog.at_level(logging.WARNING, "selfsup"):
        _, transform = soft_debias(vectors, direction(vectors))
        assert "average=True" in caplog.text
        assert transform.facts["left"] > 0.95
        caplog.clear()
        _, means = soft_debias(vectors, direction(vectors), average=True)
        assert not caplog.text
        assert means.facts["left"] < 0.9
    count = transform.facts["neutral"]
    assert 0 < count < len(vectors)
    _, same = soft_debias(vectors, direction(vectors), tuning=0.2 * len(vectors) ** 2 / count)
    np.testing.assert_allclose(same.matrix, means.matrix, atol=1e-10)


def test_what_cannot_be_done_is_said(vectors):
    g = direction(vectors)
    for tuning in (0, -1, float("nan"), float("inf"), 1e13, "0.2", True):
        with pytest.raises(OptionError, match="tuning"):
            soft_debias(vectors, g, tuning=tuning)
    with pytest.raises(DataError, match="of length 60; got 5"):
        soft_debias(WordVectors(["a", "b"], np.eye(2, 5)), g)
    with pytest.raises(DataError, match="none is neutral"):
        soft_debias(vectors, g, specific=list(vectors.words))
