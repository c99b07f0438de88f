"""Few wide rows: `linear` goes by the products of the rows with each other, and no matrix (d, d) is made."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

import selfsup
from selfsup.data import open_data
from selfsup.data.arrays import eigen
from selfsup.data.arrays.moments import covariance_of_chunks
from selfsup.data.facts import Covariance
from selfsup.methods.linear import Linear
from selfsup.system import memory

QUIET = {"progress": False, "evaluate": False}
PHOTOS = """
import resource, sys, time
import numpy as np, selfsup
from pathlib import Path
def peak(): return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
x = np.random.default_rng(0).integers(0, 256, (30, 64, 64, 3), dtype=np.uint8)
selfsup.fit(x[:, :8, :8], "linear", n_components=4, progress=False)  # the imports
before, began = peak(), time.process_time()
selfsup.fit(x, "linear", progress=False)
print(time.process_time() - began, peak() - before)
"""


def wide(rows, columns, rank=6, seed=0, offset=3.0):
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, columns))
    return (signal + 0.2 * rng.normal(size=(rows, columns)) + offset).astype(np.float32)


@pytest.mark.parametrize(("rows", "columns"), [(30, 2000), (2, 50), (40, 41)])
def test_it_is_the_pca_of_scikit_learn(rows, columns):
    x = wide(rows, columns)
    width = min(5, rows - 1)
    model = selfsup.fit(x, "linear", n_components=width, **QUIET)
    known = PCA(width, svd_solver="full").fit(x.astype(np.float64))
    found = model.method
    signs = np.sign((found.axes.numpy() * known.components_).sum(1, keepdims=True))
    np.testing.assert_allclose(found.axes.numpy() * signs, known.components_, atol=2e-6)
    np.testing.assert_allclose(found.explained_variance, known.explained_variance_, rtol=1e-5)
    np.testing.assert_allclose(float(found.noise_variance), known.noise_variance_, rtol=1e-4, atol=1e-9)
    if known.noise_variance_ > 1e-9:
        np.testing.assert_allclose(model.score_samples(x), known.score_samples(x.astype(np.float64)), rtol=1e-4)
    np.testing.assert_allclose(
        model.encode(x), known.transform(x.astype(np.float64)) * signs[:, 0], rtol=1e-3, atol=1e-3
    )


def test_thirty_photos_take_less_than_a_second_and_200_mb():
    done = subprocess.run(
        [sys.executable, "-c", PHOTOS],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < 1
    assert megabytes < 200


def test_no_matrix_of_all_values_is_made(monkeypatch):
    def matrix(size):
        raise AssertionError("a matrix (d, d) was asked for")

    monkeypatch.setattr("selfsup.data.facts.room_for_matrix", matrix)
    monkeypatch.setattr("selfsup.data.arrays.moments.room_for_matrix", matrix)
    x = wide(20, 300)
    selfsup.fit(x, "linear", n_components=3, **QUIET)
    selfsup.fit(x, "linear", n_components=3, solver="sgd", epochs=1, **QUIET)
    selfsup.fit(iter([x[:7], x[7:]]), "linear", n_components=3, **QUIET)
    selfsup.fit(x * 9, "undercomplete", n_components=3, epochs=1, **QUIET)  # starts from PCA


def test_axes_are_orthonormal_where_the_rows_span_fewer_than_are_asked_for():
    x = wide(9, 60)
    x[5:] = x[4]  # four directions
    axes = selfsup.fit(x, "linear", n_components=20, **QUIET).method.axes
    np.testing.assert_allclose(axes @ axes.T, np.eye(20), atol=1e-5)


def test_the_chunks_do_not_matter_and_the_rows_are_kept_until_they_are_as_many_as_the_values():
    x = torch.from_numpy(wide(90, 40))
    once = covariance_of_chunks([x])
    for sizes in ([7] * 12 + [6], [39, 51], [1, 89]):
        found = covariance_of_chunks(x.split(sizes))
        np.testing.assert_allclose(found.mean, once.mean, rtol=1e-6)
        np.testing.assert_allclose(found.covariance, once.covariance, rtol=1e-4, atol=1e-5)
    reused = torch.empty(10, 40)
    few = covariance_of_chunks(reused.copy_(part) for part in x[:30].split(10))  # one memory for all chunks
    np.testing.assert_allclose(few.covariance, np.cov(x[:30].double().T, bias=True), atol=1e-9)


def test_both_forms_answer_the_same():
    x = torch.from_numpy(wide(25, 30)).double()
    mean = x.mean(0)
    matrix = Covariance(mean, (x - mean).T @ (x - mean) / 25, 25)
    rows = Covariance(mean, None, 25, centred=x - mean)
    std = torch.linspace(0.5, 2, 30)
    for one, other in ((matrix, rows), (matrix.scaled(std), rows.scaled(std))):
        assert one.trace() == pytest.approx(other.trace())
        (values, axes), (others, same) = one.leading(4), other.leading(4)
        np.testing.assert_allclose(values, others, rtol=1e-9)
        np.testing.assert_allclose((axes * same).sum(1).abs(), 1, rtol=1e-9)
        assert one.captured(axes) == pytest.approx(other.captured(axes))
        np.testing.assert_allclose(one.mean, other.mean)
        np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-12)


class Matrix(Linear):
    """A user's own closed form, which reads the matrix."""

    def solve(self, covariance):
        self.read = covariance.covariance.shape
        super().solve(covariance)


def test_a_method_of_ones_own_may_read_the_matrix():
    assert selfsup.fit(wide(12, 30), Matrix, n_components=2, **QUIET).method.read == (30, 30)


def test_large_matrices_are_solved_as_scipy_does(monkeypatch):
    x = wide(80, 60)
    before = selfsup.fit(x, "linear", n_components=5, **QUIET).method.axes
    monkeypatch.setattr(eigen, "SHORT", 0)
    assert torch.equal(selfsup.fit(x, "linear", n_components=5, **QUIET).method.axes, before)


def test_a_covariance_that_does_not_fit_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 10_000)
    with pytest.raises(selfsup.SelfsupError, match=r"the covariance of 30 values .* need 21.6 KB of memory and 10 KB"):
        open_data(wide(40, 30)).whole().fact("covariance")
    with pytest.raises(selfsup.SelfsupError, match=r"20 rows of 30 values.* need 19.2 KB"):
        open_data(wide(20, 30)).whole().fact("covariance")


def test_values_whose_squares_overflow_are_refused():
    with np.errstate(over="ignore", invalid="ignore"):
        found = covariance_of_chunks([torch.from_numpy(wide(50, 8) * np.float32(1e30))])
    with pytest.raises(selfsup.SelfsupError, match="divide the data by a constant"):
        found.leading(2)
