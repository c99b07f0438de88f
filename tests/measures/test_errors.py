"""Errors of scores and of leads: paired, over one number of labels and over all of them."""

import numpy as np
import pytest

from selfsup.measures.samples.errors import with_errors
from selfsup.measures.samples.leads import leads
from selfsup.measures.samples.paired import lead


def rows(encoder, scores):
    return [
        {"encoder": encoder, "layer": "", "labels_per_class": count, "labels": 10, "accuracy": float(table.mean()),
         "validation": 0.5}
        for count, table in zip((1, "all"), scores, strict=False)
    ]  # fmt: skip


def test_a_mean_lead_has_the_error_of_the_mean_of_the_leads():
    rng = np.random.default_rng(0)
    mine, theirs = ([rng.random((draws, 400)) < right for draws in (4, 1)] for right in (0.8, 0.7))
    found = with_errors([*rows("model", mine), *rows("PCA", theirs)], [*mine, *theirs])
    few, many = found[2:]
    apart = [a.astype(float) - b for a, b in zip(mine, theirs, strict=True)]
    assert few["lead_error"] == pytest.approx(lead(mine[0], theirs[0]).error, rel=0.1)
    together = lead((apart[0] + apart[1]) / 2, np.zeros((4, 400)))  # the one draw of all labels is in each
    assert few["mean_lead_error"] == many["mean_lead_error"] == pytest.approx(together.error, rel=0.1)
    assert few["mean_lead_error"] < (few["lead_error"] + many["lead_error"]) / 2
    assert found[0]["lead_error"] is None
    assert found[0]["error"] > 0
    (ahead,) = leads(found, "")
    assert (ahead.size, ahead.noise) == pytest.approx((together.size, few["mean_lead_error"]))


def test_without_a_model_there_are_no_leads():
    table = [np.ones((2, 9)), np.ones((1, 9))]
    for row in with_errors(rows("PCA", table), table):
        assert row["lead_error"] is None
        assert row["error"] == pytest.approx(2**0.5 / 13), "of nine rows, all right, none is known for certain"


def test_of_encoders_that_differ_on_a_handful_of_rows_little_is_known():
    mine, theirs = np.ones((3, 20)), np.ones((3, 20))
    same = with_errors([*rows("model", [mine]), *rows("PCA", [theirs])], [mine, theirs])[1]
    assert same["lead_error"] == same["mean_lead_error"] == 0
    theirs[:, 0] = 0
    few = with_errors([*rows("model", [mine]), *rows("PCA", [theirs])], [mine, theirs])[1]
    alone = lead(mine, theirs).error
    assert few["lead_error"] == pytest.approx((alone**2 + 2 / 24**2) ** 0.5, rel=0.02)


def test_a_mean_over_nets_counts_one_of_them():
    rng = np.random.default_rng(0)
    ours, nets = rng.random((4, 400)) < 0.8, rng.random((3, 4, 400)) < np.array([0.5, 0.6, 0.7])[:, None, None]
    found = with_errors([*rows("model", [ours]), *rows("random init", [nets])], [ours, nets])[1]
    spread = 0.1 * (4 / 3) ** 0.5
    assert found["lead_error"] > spread
    assert found["lead_error"] == pytest.approx(found["mean_lead_error"], rel=0.05)
    assert found["error"] < found["lead_error"], "of the mean of nets more is known than of one"
