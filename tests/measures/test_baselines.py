"""What a model is held against: boosting on the columns, PCA of all rows, several untrained nets, colours, reconstructions."""

import json
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

import selfsup
from selfsup.data.form import Field
from selfsup.data.open import open_data
from selfsup.errors import OptionError
from selfsup.measures import Evidence, Features, run
from selfsup.measures.evaluation import Evaluation
from selfsup.measures.run import Columns
from selfsup.measures.samples import boosting, components
from selfsup.measures.samples.boosting import error_of
from selfsup.measures.samples.components import Components, histogram
from selfsup.measures.samples.leads import BEST, leads
from selfsup.measures.samples.rivals import with_rivals
from selfsup.training.baselines import Beside, Known, another, columns_of, rebuilt
from selfsup.training.evaluate import untrained_of

CPU = torch.device("cpu")
QUIET = {"progress": False}


@cache
def table(rows=300):
    """Columns of very different units; two classes that no line tells apart."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 5))
    labels = (x[:, 0] * x[:, 1] > 0).astype(int)
    return (x * [1, 1e3, 1, 1e-3, 1]).astype(np.float32), labels


# Gradient boosting


def test_boosting_is_scikit_learns_on_the_columns_as_they_are():
    x, labels = table()
    model = selfsup.fit(x, "denoising", epochs=2, hidden=(8,), evaluate=False, **QUIET)
    found = selfsup.evaluate(model, (x, labels), measures=("boosting",), **QUIET)
    alone, beside = found.rows("boosting")
    order = np.random.default_rng(0).permutation(len(x))
    test, train = np.sort(order[:60]), np.sort(order[60:])
    both = np.hstack([x, model.encode(x)])
    for row, columns in ((alone, x), (beside, both)):
        reference = HistGradientBoostingClassifier(random_state=0).fit(columns[train], labels[train])
        assert row["accuracy"] == reference.score(columns[test], labels[test])
        assert row["width"] == columns.shape[1]
        assert (row["labels"], row["tested"], row["draws"]) == (240, 60, 1)
    assert (alone["encoder"], beside["encoder"]) == ("boosting", "boosting + codes")
    assert alone["lead"] is alone["lead_error"] is None
    assert beside["lead"] == pytest.approx(beside["accuracy"] - alone["accuracy"])
    assert alone["accuracy"] > 0.85, "it sees what no line tells"
    assert Evaluation.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert "Did it help against boosting on your columns?" in found.short()
    assert "boosting + codes" in str(found)


def judged(codes, labels, columns=None):
    columns = (
        np.random.default_rng(1).standard_normal((len(labels), 3)).astype(np.float32) if columns is None else columns
    )
    half = len(labels) // 2
    evidence = Evidence(
        features={("model", "code"): Features(codes[:half], codes[half:])},
        y_train=labels[:half],
        y_test=labels[half:],
        columns=Columns(columns[:half], columns[half:], np.zeros(columns.shape[1], bool)),
    )
    return run(evidence, ["boosting"])[0]


@pytest.mark.parametrize(("tells", "word"), [(True, "yes: "), (False, "not clearly: ")])
def test_whether_the_codes_help_is_said(tells, word):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    codes = (labels[:, None] if tells else 0) + 0.3 * rng.standard_normal((400, 2)).astype(np.float32)
    found = judged(codes.astype(np.float32), labels)
    assert word in boosting.answer(found, {})[0]
    lead, error = found.rows[1]["lead"], found.rows[1]["lead_error"]
    assert (lead > 2 * error) == tells


def test_numbers_as_labels_are_boosted_by_regression():
    rng = np.random.default_rng(0)
    codes, columns = (rng.standard_normal((300, 2)).astype(np.float32) for _ in range(2))
    labels = codes[:, 0].astype(np.float64)
    alone, beside = judged(codes, labels, columns).rows
    reference = HistGradientBoostingRegressor(random_state=0).fit(columns[:150], labels[:150])
    assert alone["r2"] == pytest.approx(reference.score(columns[150:], labels[150:]))
    assert beside["r2"] > 0.9
    assert beside["lead"] > 5 * beside["lead_error"]
    assert "R2" in boosting.lines(judged(codes, labels, columns))[0]


def test_categories_are_one_column_and_what_is_missing_stays_missing():
    fields = (Field("size", "number"), Field("kind", "category", ("a", "b", "c")), Field("on", "boolean"))
    nan = np.nan
    x = np.array([[5, 0, 1, 0, 1], [nan, nan, nan, nan, 0], [7, 0, 0, 1, nan]], np.float32)
    found, categories = columns_of(fields, x)
    np.testing.assert_array_equal(found, [[5, 1, 1], [nan, nan, 0], [7, 2, nan]])
    assert categories.tolist() == [False, True, False]
    many = Field("many", "category", tuple(map(str, range(300))))
    assert not columns_of((many,), np.eye(300, dtype=np.float32))[1].any()


def test_a_frame_with_categories_and_gaps_is_boosted():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    kind, number = rng.choice(list("abcd"), 160), rng.standard_normal(160)
    labels = np.isin(kind, ["a", "d"]).astype(int)
    number[::7] = np.nan
    frame = pandas.DataFrame({"number": number, "kind": kind, "label": labels})
    how = {"label_column": "label", **QUIET}
    model = selfsup.fit(frame, "undercomplete", epochs=2, hidden=(8,), evaluate=False, **how)
    alone = selfsup.evaluate(model, frame, measures=("boosting",), **how).rows("boosting")[0]
    assert alone["width"] == 2
    assert alone["accuracy"] == 1.0
    assert 0 < alone["error"] < 0.05, "32 rows do not tell 100 % for certain"


def test_boosting_that_takes_long_is_left_out_and_that_is_said(monkeypatch):
    x, labels = table()
    part = open_data((x, labels), progress=False).whole()
    beside, notes = Beside(Known.of(part, CPU), part, part, CPU), []
    assert beside.columns(4, notes) is not None
    assert notes == []
    monkeypatch.setattr(boosting, "LONG", 0.01)
    assert beside.columns(4, notes) is None
    assert "gradient boosting on the columns was left out: of 5 columns, 4 codes and 2 classes" in notes[0]


def test_more_labels_than_it_takes_are_drawn_three_times(monkeypatch):
    monkeypatch.setattr(boosting, "MOST", 100)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    alone, beside = judged(rng.standard_normal((400, 2)).astype(np.float32), labels).rows
    assert alone["draws"] == beside["draws"] == 3
    assert alone["labels"] == 100


def test_the_error_is_that_of_a_share_and_never_nothing():
    right = (np.arange(200) < 150).astype(float)
    assert error_of(boosting.Found(right, [0.75])) == pytest.approx((0.75 * 0.25 / 200) ** 0.5, rel=0.02)
    assert error_of(boosting.Found(np.ones(200), [1.0])) > 0


# PCA


def subspace(axes, other):
    """The cosine of the largest angle between two subspaces of orthonormal rows."""
    return np.linalg.svd(axes @ other.T)[1].min()


def test_pca_is_of_all_rows_and_not_of_those_with_labels():
    x = np.random.default_rng(0).standard_normal((400, 12)).astype(np.float32) * np.linspace(1, 3, 12, dtype=np.float32)
    whole = open_data(x, progress=False).whole()
    beside = Beside(Known.of(whole, CPU), whole.part(np.arange(30)), whole.part(np.arange(30, 60)), CPU)
    scaled = (x - x.mean(0)) / x.std(0)
    reference = PCA(4).fit(scaled)
    assert subspace(beside.components.axes(4), reference.components_) > 0.999
    np.testing.assert_allclose(np.abs(beside.pca(4).test), np.abs(reference.transform(scaled[30:60])), atol=2e-3)


def test_axes_that_are_searched_for_are_those_of_the_covariance(monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 8)) @ rng.standard_normal((8, 60)) + 0.1 * rng.standard_normal((300, 60)) + 5
    rows = torch.from_numpy(x.astype(np.float32))
    exact = Components(lambda: iter(rows.split(70)), 300, 60)
    first = exact.rebuilt(rows.numpy(), 6)
    monkeypatch.setattr(components, "WIDEST", 10)
    searched = Components(lambda: iter(rows.split(70)), 300, 60)
    np.testing.assert_allclose(searched.axes(6) @ searched.axes(6).T, np.eye(6), atol=1e-5)
    assert subspace(searched.axes(6), exact.axes(6)) > 0.999
    np.testing.assert_allclose(searched.rebuilt(rows.numpy(), 6), first, atol=0.05)
    np.testing.assert_allclose(first, PCA(6).fit(x).inverse_transform(PCA(6).fit_transform(x)), atol=1e-3)
    assert searched.axes(999).shape == (60, 60)


def right(accuracy):
    """Which of 100 rows are guessed right, in three draws."""
    return np.tile(np.arange(100) < round(100 * accuracy), (3, 1))


def rows_of(encoder, layer, accuracy, **more):
    return [
        {"encoder": encoder, "layer": layer, "width": 4, "labels_per_class": count, "labels": labels, "accuracy": accuracy,
         "sd": 0.01, "draws": 3, "tested": 100, "validation": accuracy, "shares": right(accuracy), **more}
        for count, labels in ((5, 50), ("all", 400))
    ]  # fmt: skip


def codes(width, rows=6):
    return Features(np.zeros((rows, width), np.float32), np.zeros((rows, width), np.float32))


def test_pca_is_as_wide_as_the_layer_that_is_judged():
    features = {("model", "block1"): codes(7), ("model", "code"): codes(4), ("PCA", ""): codes(4)}
    table = rows_of("model", "block1", 0.9) + rows_of("model", "code", 0.8) + rows_of("PCA", "", 0.7)
    asked = []

    def compared(encoders):
        asked.append({key: one.train.shape[1] for key, one in encoders.items()})
        if len(encoders) == len(features):
            return table
        return rows_of("PCA", "", 0.6)

    found = with_rivals(Evidence(features=features, pca=codes), compared)
    assert asked[1:] == [{("PCA", ""): 7}]
    assert [row["accuracy"] for row in found if row["encoder"] == "PCA"] == [0.6, 0.6]
    assert len(found) == len(table)
    assert all("shares" not in row and row["error"] > 0 for row in found)
    asked.clear()
    features["PCA", ""] = codes(7)
    found = with_rivals(Evidence(features=features, pca=codes), compared)
    assert [row["accuracy"] for row in found] == [row["accuracy"] for row in table]
    assert len(asked) == 1


# Untrained nets


def test_untrained_nets_count_with_their_spread():
    features = {("model", "a"): codes(4), ("random init", "a"): codes(4), ("random init", "b"): codes(4)}
    first = rows_of("random init", "a", 0.5) + rows_of("random init", "b", 0.6)
    table = rows_of("model", "a", 0.8) + first

    def compared(encoders):
        """Layer a of the other nets gives 0.6 and 0.7, their layer b as much as that of the first."""
        nets = {4: 0.6, 5: 0.7}
        if ("model", "a") in encoders:
            return table
        return [
            row
            for (name, layer), one in encoders.items()
            for row in rows_of(name, layer, nets[one.train.shape[1]] if layer == "a" else 0.6)
        ]

    others = [lambda layer: codes(4), lambda layer: codes(5)]
    found = with_rivals(Evidence(features=features, others=others), compared)
    middle = [row for row in found if (row["encoder"], row["layer"]) == ("random init", "a")]
    assert [row["accuracy"] for row in middle] == pytest.approx([0.6, 0.6])
    assert middle[0]["nets"] == [0.5, 0.6, 0.7]
    by_name = {lead.baseline: lead for lead in leads(found, "a")}
    alone = {lead.baseline: lead for lead in leads(with_rivals(Evidence(features=features), compared), "a")}
    assert by_name["random init"].size == pytest.approx(0.2)
    assert by_name[BEST].size == pytest.approx(0.2), "the untrained net is judged by its own best layer, too"
    spread = 0.1 * (4 / 3) ** 0.5  # of one net more, beside the mean of three
    assert by_name["random init"].noise > spread > alone["random init"].noise
    assert by_name[BEST].noise == pytest.approx(alone[BEST].noise)


def test_eight_nets_are_tried_and_evaluating_again_gives_the_same():
    x, labels = table(30)
    model = selfsup.fit((x, labels), "denoising", epochs=2, hidden=(8,), **QUIET)
    nets = [row["nets"] for row in model.evaluation.rows("probe") if row["encoder"] == "random init"]
    assert nets
    assert all(len(one) == 8 for one in nets)
    assert any(len(set(one)) > 1 for one in nets)
    assert selfsup.evaluate(model, (x, labels), **QUIET).tables == model.evaluation.tables
    again = [untrained_of(model, more) for more in (0, 0, 1)]
    first, same, other = ([one.detach() for one in net.parameters()] for net in again)
    assert all(map(torch.equal, first, same))
    assert not all(map(torch.equal, first, other))


def test_a_module_of_the_users_is_drawn_again_and_left_as_it_is():
    x, labels = table(20)
    net = torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.ReLU())
    model = selfsup.fit((x, labels), "denoising", net=net, epochs=2, **QUIET)
    before = [one.detach().clone() for one in model.method.parameters()]
    found, same = (another(model.method, model.unbuilt, None, 7) for _ in range(2))
    assert all(map(torch.equal, before, model.method.parameters()))
    assert all(map(torch.equal, found.parameters(), same.parameters()))
    assert not all(map(torch.equal, before, found.parameters()))
    assert len(model.evaluation.rows("probe")[-1]["nets"]) == 8


def test_methods_without_steps_have_untrained_nets_too():
    x, labels = table(20)
    model = selfsup.fit((x, labels), "linear", n_components=2, **QUIET)
    assert [len(row["nets"]) for row in model.evaluation.rows("probe") if row["encoder"] == "random init"][-1] == 8


# Colours


def test_a_histogram_is_the_root_of_the_share_of_each_colour():
    x = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    x[0, :, 0, 0] = 1.0
    expected = np.zeros((2, 8, 8, 8))
    for image in range(2):
        for row in range(5):
            for column in range(4):
                red, green, blue = (min(7, int(8 * value)) for value in x[image, :, row, column].tolist())
                expected[image, red, green, blue] += 1 / 20
    np.testing.assert_allclose(histogram(x).numpy(), np.sqrt(expected.reshape(2, -1)), atol=1e-6)


def test_images_in_colour_are_held_against_their_colours_alone():
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    images = (rng.random((40, 8, 8, 3)) * 80 + 120 * labels[:, None, None, None]).astype(np.uint8)
    model = selfsup.fit(images, "rotation", hidden=(4, 4), epochs=1, evaluate=False, **QUIET)
    evaluation = selfsup.evaluate(model, (images, labels), measures=("knn",), **QUIET)
    found = [row for row in evaluation.rows("knn") if row["encoder"] == "colour histogram"]
    assert found[-1]["accuracy"] == 1.0
    assert found[-1]["width"] == 512
    assert "unexplained" not in evaluation.health, "rotation has no way back"
    with pytest.raises(OptionError, match="'boosting' needs columns"):
        selfsup.evaluate(model, (images, labels), measures=("boosting",), **QUIET)


# What is rebuilt


def test_what_linear_leaves_is_what_pca_leaves():
    x = table()[0][:, [0, 2, 4]] * np.float32([1, 2, 3])
    model = selfsup.fit(x, "linear", n_components=2, holdout=0.2, **QUIET)
    health = model.evaluation.health
    assert health["values"] == 3
    order = np.random.default_rng(0).permutation(len(x))
    test, train = x[order[:60]], x[order[60:]]
    mean, std = train.mean(0), train.std(0)
    fitted = PCA(2).fit((train - mean) / std)
    scaled = (test - mean) / std
    left = scaled - fitted.inverse_transform(fitted.transform(scaled))
    total = np.square(scaled - scaled.mean(0)).sum()
    assert health["unexplained_pca"] == pytest.approx(np.square(left).sum() / total, rel=1e-3)
    own = PCA(2).fit(train)  # linear takes the columns as they are
    apart = (test - own.inverse_transform(own.transform(test))) / std
    assert health["unexplained"] == pytest.approx(np.square(apart).sum() / total, rel=1e-3)
    assert health["unexplained_lead_error"] > 0


def test_what_is_missing_is_not_counted():
    x = np.random.default_rng(0).standard_normal((80, 4)).astype(np.float32)
    x[::3, 1] = np.nan
    model = selfsup.fit(x, "undercomplete", n_components=2, epochs=3, hidden=(8,), **QUIET)
    health = model.evaluation.health
    assert 0 < health["unexplained_pca"] < 1
    assert np.isfinite(health["unexplained"])


def test_the_same_rows_are_halved_so_that_pca_has_not_seen_what_it_is_judged_on():
    x = np.random.default_rng(0).standard_normal((12, 40)).astype(np.float32)
    model = selfsup.fit(x, "linear", n_components=8, **QUIET)
    part = open_data(x, progress=False).whole()
    assert rebuilt(model.method, Known.of(part, CPU), part, part, CPU)["unexplained_pca"] > 0.3
    constant = open_data(np.ones((12, 40), np.float32), progress=False).whole()
    assert rebuilt(model.method, Known.of(constant, CPU), constant, constant, CPU) == {"values": 40.0}
