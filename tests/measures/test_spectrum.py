"""Measures of codes without labels, against closed forms."""

import numpy as np
import pytest
from scipy.special import hyp0f1

from selfsup.errors import DataError
from selfsup.measures.samples.spectrum import alignment, alpha_req, eigenvalues, participation_ratio, uniformity


def with_spectrum(values, rows=200, seed=0):
    """Codes whose covariance has these eigenvalues, far from the origin."""
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((rows, len(values)))
    axes = np.linalg.qr(drawn - drawn.mean(0))[0] * np.sqrt(rows)  # (rows, D), orthogonal and of mean 0
    turn = np.linalg.qr(rng.standard_normal((len(values), len(values))))[0]
    return (axes * np.sqrt(values)) @ turn + 7


def test_eigenvalues_are_those_of_the_covariance():
    values = [9.0, 4.0, 1.0, 0.25]
    codes = with_spectrum(values)
    np.testing.assert_allclose(eigenvalues(codes), values)
    np.testing.assert_allclose(eigenvalues(1e30 * codes), 1e60 * np.array(values))
    assert len(eigenvalues(np.full((50, 3), 2.5))) == 0


@pytest.mark.parametrize(
    ("values", "expected"), [([1, 1, 1, 1], 4), ([4, 0, 0], 1), ([3, 1], 16 / 10), ([2, 1, 1], 16 / 6)]
)
def test_participation_ratio(values, expected):
    assert participation_ratio(with_spectrum(np.array(values, float))) == pytest.approx(expected)


def test_a_point_has_no_dimension():
    assert participation_ratio(np.ones((20, 4))) == 0
    assert np.isnan(alpha_req(np.ones((20, 4))))


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.3])
def test_the_exponent_of_a_power_law_is_found(alpha):
    assert alpha_req(with_spectrum(3 * np.arange(1, 33) ** -alpha)) == pytest.approx(alpha, abs=1e-9)


def test_alignment_is_of_directions():
    codes = np.random.default_rng(0).standard_normal((30, 5))
    assert alignment(codes, 3 * codes) == pytest.approx(0)
    assert alignment(codes, -codes) == pytest.approx(4)
    assert alignment(np.array([[1.0, 0]]), np.array([[0, 2.0]])) == pytest.approx(2)
    with pytest.raises(DataError, match="one shape"):
        alignment(codes, codes[:3])


def test_uniformity_is_that_of_the_sphere():
    assert uniformity(np.ones((5, 3))) == pytest.approx(0)
    assert uniformity(np.array([[1.0, 0], [-1, 0]])) == pytest.approx(-8)
    for width in (3, 16):
        codes = np.random.default_rng(0).standard_normal((1500, width))
        assert uniformity(codes) == pytest.approx(-4 + np.log(hyp0f1(width / 2, 4)), abs=0.02)
    with pytest.raises(DataError, match="at least 2"):
        uniformity(np.ones((1, 3)))
