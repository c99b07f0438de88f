"""What is printed beside a number holds the truth as often as it says; the fits it rests on; how long probes take."""

import logging
import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import selfsup
from selfsup.measures.run import Features
from selfsup.measures.samples import boosting, expected, probe, softmax
from selfsup.measures.samples.compare import CHEAP, DRAWS, MORE, draws_of
from selfsup.measures.samples.errors import finished
from selfsup.measures.samples.expected import Pace
from selfsup.measures.samples.leads import score
from selfsup.measures.samples.paired import leads
from selfsup.training import evidence

# Coverage of a table's errors: rows, draws of labels and nets have effects of their own, and the truth is known


def drawn(rng, skill, rows, of_draws, of_nets, nets):
    """Whether rows are guessed right (nets, draws, m), and the skill of each net."""
    skills = skill + of_nets * rng.normal(size=(nets, 1, 1))
    own = 0.5 * rng.normal(size=(nets, 1, rows.shape[0])) + of_draws * rng.normal(size=(nets, 5, 1))
    return skills + own + 0.6 * rng.normal(size=(nets, 5, rows.shape[0])) + rows > 0, skills.ravel()


def chance(skill, of_draws):
    """That a row is guessed right by a net of some skill."""
    return 0.5 * (1 + math.erf(skill / math.sqrt(2 * (1 + 0.25 + of_draws**2 + 0.36))))


def row(encoder, tables):
    shares = tables if len(tables) > 1 else tables[0]
    return {"encoder": encoder, "layer": "", "labels_per_class": 5, "labels": 50, "accuracy": float(shares.mean()),
            "validation": 0.5, "shares": shares}  # fmt: skip


def evaluations(of_nets, trained, number=100, of_draws=0.15):
    """Of the model's score, its lead over PCA and over one net more: what is said, its error, and what is true."""
    rng, found = np.random.default_rng(0), []
    for seed in range(number):
        rows = rng.normal(size=160)
        ours, mine = drawn(rng, 0.5 if trained else 0.2, rows, of_draws, 0 if trained else of_nets, 1)
        pca = drawn(rng, 0.3, rows, of_draws, 0, 1)[0]
        nets = drawn(rng, 0.2, rows, of_draws, of_nets, 6)[0]
        table = finished([row("model", ours), row("PCA", pca), row("random init", nets)], seed)
        one = chance(0.2 + of_nets * rng.normal(), of_draws)
        own, truth = score(table[0]), chance(mine[0], of_draws)
        found.append((own, table[0]["error"], truth))
        found += [
            (own - score(other), other["mean_lead_error"], truth - beside)
            for other, beside in ((table[1], chance(0.3, of_draws)), (table[2], one))
        ]
    return np.array(found).reshape(number, 3, 3)


@pytest.mark.parametrize("of_nets", [0.0, 0.15])
def test_two_errors_hold_the_truth_nineteen_times_of_twenty(of_nets):
    found = evaluations(of_nets, trained=True)
    held = (np.abs(found[..., 0] - found[..., 2]) <= 2 * found[..., 1]).mean(0)
    assert (held >= 0.90).all()
    assert (held <= 0.99).all(), "nor are the errors wider than they need to be"


def test_an_untrained_net_is_seldom_ahead_of_others():
    found = evaluations(0.3, trained=False)[:, 2]
    assert (found[:, 0] > 2 * found[:, 1]).mean() <= 0.06


def test_one_more_of_some_is_as_uncertain_as_they_differ():
    nets = np.array([0.2, 0.4, 0.6])[:, None, None] * np.ones((3, 2, 50))
    mean, another = (leads([nets], another=one)[0].error for one in (False, True))
    assert another == pytest.approx(mean * 2, rel=0.01)  # 1/3 of the variance, and as much and once more
    flat = nets[:1].repeat(3, 0)
    assert leads([flat], another=True)[0].error == pytest.approx(0, abs=1e-12)


# The fits of the probe


def rows_of(classes, n=120, width=6, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    return (rng.normal(size=(n, width)) + 0.8 * rng.normal(size=(classes, width))[labels]).astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("strength", [0.03, 3.0])
def test_the_regression_is_scikit_learns(classes, strength):
    x, labels = rows_of(classes)
    reference = LogisticRegression(C=strength, tol=1e-6, max_iter=2000).fit(x, labels)
    found = softmax.fit(x, labels, classes, strength, slope=1e-6, steps=2000)[0]
    ours = softmax.Softmax(np.arange(classes), found[:, :-1], found[:, -1])
    np.testing.assert_allclose(ours.predict_proba(x), reference.predict_proba(x), atol=1e-3)
    sparse = softmax.fit(csr_matrix(x), labels, classes, strength, slope=1e-6, steps=2000)[0]
    np.testing.assert_allclose(sparse, found, atol=2e-3)


def test_sets_of_rows_that_are_fitted_together_are_as_alone():
    x, labels = rows_of(3)
    counted = np.arange(len(x)) % 4 != np.arange(4)[:, None]
    together = softmax.fit(x, labels, 3, 1.0, counted=counted, slope=1e-6, steps=2000)
    for some, found in zip(counted, together, strict=True):
        alone = softmax.fit(x[some], labels[some], 3, 1.0, slope=1e-6, steps=2000)[0]
        np.testing.assert_allclose(found, alone, atol=5e-3)


def test_a_strength_that_is_chosen_is_as_good_as_by_scikit_learns_fits():
    x, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    train, test = probe.scale_features(x[order[:600]], x[order[:600]], x[order[600:]])
    for n in (250, 600):
        y, asked = labels[order[:n]], labels[order[600:]]
        model, validation = probe.fitted(train[:n], y, 0)
        best = max(
            np.mean(LogisticRegression(C=strength, max_iter=500).fit(train[:n], y).predict(test) == asked)
            for strength in probe.STRENGTHS
        )
        assert np.mean(model.predict(test) == asked) > best - 0.02
        assert 0.85 < validation <= 1


# How often, and how long


def test_of_few_rows_labels_are_drawn_more_often():
    assert (draws_of(CHEAP), draws_of(CHEAP + 1)) == (MORE, DRAWS)


def test_time_grows_with_what_is_probed(monkeypatch):
    monkeypatch.setattr(expected, "pace", lambda: Pace(6e-5, 2e-9, 3e-10))

    def seconds(rows=400, width=16, others=0, labels=None):
        y = np.arange(rows) % 5 if labels is None else labels(rows)
        codes = Features(np.zeros((rows, width), np.float32), np.zeros((100, width), np.float32))
        return expected.seconds({("model", ""): codes, ("random init", ""): codes}, y, y[:100], others)

    assert 0.02 < seconds() < 1
    for more in ({"rows": 1990}, {"width": 512}, {"others": 4}):
        assert seconds(**more) > 1.2 * seconds()
    numbers, several = (lambda n: np.linspace(0, 1, n)), (lambda n: np.ones((n, 3), bool))
    assert 0 < seconds(labels=numbers) < seconds(rows=2000, width=512, labels=numbers)
    assert 0 < seconds(labels=several) < seconds(rows=4000, labels=several)
    measured = expected.Pace(*expected.pace())
    assert measured.each > 0


def test_boosting_takes_longer_with_classes_columns_and_rows():
    least = boosting.seconds(300, 10, 1)
    assert 0.03 < least < 0.2
    assert boosting.seconds(300, 10, 30) == pytest.approx(30 * least)
    assert boosting.seconds(300, 30, 1) < boosting.seconds(1400, 30, 1)


def test_how_long_the_probes_take_is_said_before_they_begin(caplog, capsys, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    labels, order = (x[:, 0] > 0).astype(int), []
    real = probe.judge
    monkeypatch.setattr(probe, "judge", lambda *some: order.append("probe") or real(*some))
    monkeypatch.setattr(evidence, "SAID", 0.0)
    caplog.set_level(logging.INFO, logger="selfsup")
    handler = logging.Handler()
    handler.emit = lambda record: order.append(record.getMessage())
    logging.getLogger("selfsup").addHandler(handler)
    try:
        model = selfsup.fit(x, "denoising", epochs=1, hidden=(8,), progress=False, evaluate=False)
        selfsup.evaluate(model, (x, labels), measures=("probe",))
    finally:
        logging.getLogger("selfsup").removeHandler(handler)
    told = next(place for place, said in enumerate(order) if said.startswith("probes on 48 rows with labels"))
    assert " s" in order[told]
    assert told < order.index("probe")
    assert capsys.readouterr().err.count("probes on 48 rows with labels, of 8 untrained nets too: about") == 1
