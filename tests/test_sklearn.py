"""scikit-learn's own checks, with the number that ran asserted: a skip tag can turn 47 checks into 1."""

import warnings
from collections import Counter

import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from selfsup.sklearn import Encoder

CHECKED = {
    "linear": Encoder(method="linear", n_components=1),
    "denoising": Encoder(method="denoising", n_components=2, epochs=2, hidden=(8,)),
}


@parametrize_with_checks(list(CHECKED.values()))
def test_scikit_learn_check(estimator, check):
    check(estimator)  # asserts inside


@pytest.mark.parametrize("method", CHECKED)
def test_the_checks_really_ran(method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        results = check_estimator(CHECKED[method], on_fail=None)
    counts = Counter(result["status"] for result in results)
    print(method, dict(counts))
    assert counts["failed"] == 0
    assert counts["xfail"] == 0
    assert counts["passed"] >= 40
