"""Many wide rows: `linear` goes through them again and again, and makes neither a matrix (d, d) nor a copy of the rows."""

import logging

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

import selfsup
from selfsup.data import Stream, open_data
from selfsup.data.arrays import krylov, moments
from selfsup.data.arrays.passes import Passes
from selfsup.data.facts import Covariance

QUIET = {"progress": False, "evaluate": False}


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """What is many, in a test."""
    monkeypatch.setattr(moments, "MANY", 300)
    monkeypatch.setattr(moments, "PASSED", 20_000)


def falling(rows=500, columns=400, offset=0.5, seed=0):
    """Rows whose variances fall as 1 / place ** 1.5: a gap of 10 % behind the tenth and of 2 % behind the 64th."""
    rng = np.random.default_rng(seed)
    scores, axes = (
        np.linalg.qr(rng.normal(size=shape))[0] for shape in ((rows, min(rows, columns)), (columns, min(rows, columns)))
    )
    return ((30 * scores * np.arange(1, min(rows, columns) + 1) ** -0.75) @ axes.T + offset).astype(np.float32)


def angle(axes, others):
    return subspace_angles(np.asarray(axes, np.float64).T, np.asarray(others, np.float64).T).max()


@pytest.mark.parametrize(("rows", "columns", "width"), [(500, 400, 8), (400, 700, 1), (600, 500, 15)])
def test_it_is_the_pca_of_scikit_learn(rows, columns, width):
    x = falling(rows, columns)
    assert isinstance(open_data(x).whole().fact("covariance"), Passes)
    model = selfsup.fit(x, "linear", n_components=width, **QUIET)
    known, found = PCA(width, svd_solver="full").fit(x.astype(np.float64)), model.method
    assert angle(found.axes, known.components_) < 1e-4
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(width), atol=1e-6)
    np.testing.assert_allclose(found.explained_variance, known.explained_variance_, rtol=1e-6)
    np.testing.assert_allclose(float(found.noise_variance), known.noise_variance_, rtol=1e-5)
    np.testing.assert_allclose(model.score_samples(x), known.score_samples(x.astype(np.float64)), rtol=1e-4)
    signs = np.sign((found.axes.numpy() * known.components_).sum(1))
    np.testing.assert_allclose(model.encode(x), known.transform(x.astype(np.float64)) * signs, atol=1e-3)


def test_a_large_offset_costs_no_digits():
    x, far = falling(), falling(offset=1000.0)
    axes = selfsup.fit(far, "linear", n_components=8, **QUIET).method.axes
    assert angle(axes, PCA(8, svd_solver="full").fit(far.astype(np.float64)).components_) < 1e-4
    assert (
        angle(axes, PCA(8, svd_solver="full").fit(x.astype(np.float64)).components_) < 1e-2
    )  # float32 rounds the data


def test_images_of_bytes_are_taken_as_they_are():
    x = np.clip(falling(400, 400, 0) * 400 + 128, 0, 255).astype(np.uint8).reshape(400, 20, 20)
    model = selfsup.fit(x, "linear", n_components=6, **QUIET)
    known = PCA(6, svd_solver="full").fit(x.reshape(400, -1) / 255.0)
    assert angle(model.method.axes, known.components_) < 1e-4
    np.testing.assert_allclose(model.method.explained_variance, known.explained_variance_, rtol=1e-5)


def test_no_matrix_and_no_copy_is_made(monkeypatch):
    def refused(*_):
        raise AssertionError("a matrix (d, d), or the rows as a whole, were asked for")

    for place in ("facts.room_for_matrix", "arrays.moments.room_for_matrix", "arrays.moments._of_few"):
        monkeypatch.setattr(f"selfsup.data.{place}", refused)
    x = falling()
    selfsup.fit(x, "linear", n_components=8, **QUIET)
    selfsup.fit(x, "linear", n_components=8, solver="sgd", epochs=1, **QUIET)  # its distance from the closed form


def test_both_forms_answer_the_same():
    x = falling()
    passed, mean = open_data(x).whole().fact("covariance"), torch.from_numpy(x.mean(0, dtype=np.float64))
    matrix = Covariance(mean, torch.from_numpy(np.cov(x.astype(np.float64).T, bias=True)), len(x))
    std = torch.linspace(0.5, 2, x.shape[1])
    for one, other in ((passed, matrix), (passed.scaled(std), matrix.scaled(std))):
        assert one.trace() == pytest.approx(other.trace(), rel=1e-6)
        (values, axes), (others, same) = one.leading(6), other.leading(6)
        np.testing.assert_allclose(values, others, rtol=1e-6)
        assert angle(axes, same) < 1e-4
        assert one.captured(axes) == pytest.approx(other.captured(axes), rel=1e-6)
        np.testing.assert_allclose(one.mean, other.mean, atol=1e-6)
        np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-7)
    wide = passed.leading(200)  # as many as that are found from the matrix
    assert angle(wide[1][:6], matrix.leading(6)[1]) < 1e-4


def test_a_file_is_read_again_and_an_iterator_is_not(tmp_path):
    x = falling()
    np.save(tmp_path / "x.npy", x)
    stored = selfsup.fit(tmp_path / "x.npy", "linear", n_components=8, stream=True, **QUIET)
    parts = selfsup.fit(Stream(lambda: iter([x[:350], x[350:]])), "linear", n_components=8, **QUIET)
    once = selfsup.fit(iter([x[:350], x[350:]]), "linear", n_components=8, **QUIET)
    known = PCA(8, svd_solver="full").fit(x.astype(np.float64)).components_
    for model in (stored, parts, once):
        assert angle(model.method.axes, known) < 1e-4
        assert model.config["data"]["rows"] == 500


def test_rows_that_change_between_two_passes_are_refused():
    x, left = falling(), [500, 450]
    with pytest.raises(selfsup.SelfsupError, match="500 rows at first and 450 when they were read again"):
        selfsup.fit(Stream(lambda: iter([x[: left.pop(0)]])), "linear", n_components=8, **QUIET)


def test_data_without_decay_give_the_variances(caplog, monkeypatch):
    x = np.random.default_rng(0).normal(size=(900, 800)).astype(np.float32)
    found = open_data(x).whole().fact("covariance")
    values, _ = found.leading(10)
    monkeypatch.setattr(krylov, "PRODUCTS", 3)
    with caplog.at_level(logging.WARNING, "selfsup"):
        found.leading(10)
    assert "the last of the 10 principal axes are found to 90 degrees only" in caplog.text
    exact = PCA(10, svd_solver="full").fit(x.astype(np.float64)).explained_variance_ * 899 / 900
    np.testing.assert_allclose(values, exact, rtol=1e-4)


def test_fewer_directions_than_are_asked_for():
    x = falling()[:, :3] @ falling(400, 400, seed=1)[:3] + 1  # three directions
    found = selfsup.fit(x, "linear", n_components=6, **QUIET).method
    known = PCA(3, svd_solver="full").fit(x.astype(np.float64))
    assert angle(found.axes[:3], known.components_) < 1e-4
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(6), atol=1e-6)
    assert float(found.noise_variance) < 1e-9 * float(found.explained_variance[0])


@pytest.mark.parametrize("decay", [0.5, 1.0, 2.0])
def test_the_bound_of_the_angle_holds(decay):
    values = torch.arange(1, 1501, dtype=torch.float64) ** -decay
    found = krylov.leading(lambda x: values[:, None] * x, 1500, 20)
    true = float(torch.linalg.matrix_norm(found.axes[:, 20:], 2))  # the sine of the largest angle
    assert true <= found.angle <= krylov.ANGLE
    np.testing.assert_allclose(found.values, values[:20], rtol=1e-6)


def test_too_many_wide_directions_are_refused_before_they_are_made(monkeypatch):
    found = open_data(falling()).whole().fact("covariance")
    monkeypatch.setattr("selfsup.system.memory.available", lambda: 10_000)
    with pytest.raises(selfsup.SelfsupError, match="18 directions of 400 values need .* use fewer components"):
        found.leading(8)
