"""kNN, probe, comparison, baselines and the map: against references, and what they refuse."""

import json

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from selfsup.errors import DataError, OptionError
from selfsup.measures import Evidence, Features, Table, flat_map, pca_features, run
from selfsup.measures.samples import compare as comparing, knn, probe as probing
from selfsup.measures.samples.compare import at_random, per_class, plan
from selfsup.measures.samples.knn import knn_predict, nearest
from selfsup.measures.samples.probe import SQUARED_NORM, probe, scale_features, split


def compare(*given, **more):
    """Rows of the probe and of kNN."""
    return tuple(comparing.compare(*given, judge=judge, **more) for judge in (probing.judge, knn.judge))


def blobs(n, classes=4, width=8, apart=4.0, seed=0):
    """Rows around one centre a class; train and test of the same centres for any seed."""
    centres = apart * np.random.default_rng(99).standard_normal((classes, width))
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    return (centres[labels] + rng.standard_normal((n, width))).astype(np.float32), labels


@pytest.fixture(scope="module")
def data():
    (train, y_train), (test, y_test) = blobs(400), blobs(150, seed=1)
    return Features(train, test), y_train, y_test


def knn_reference(train, labels, test, k, temperature):
    found = []
    for row in test.astype(np.float64):
        cosine = train @ row / np.linalg.norm(train, axis=1) / np.linalg.norm(row)
        near = np.argsort(-cosine, kind="stable")[:k]
        votes = np.bincount(labels[near], np.exp(cosine[near] / temperature), labels.max() + 1)
        found.append(votes.argmax())
    return np.array(found)


@pytest.mark.parametrize(("n", "k", "temperature"), [(300, 20, 0.07), (300, 5, 1.0), (7, 20, 0.07)])
def test_knn_is_the_brute_force_one(n, k, temperature):
    train, labels = blobs(n, apart=0.7)
    test, _ = blobs(200, apart=0.7, seed=1)
    expected = knn_reference(train.astype(np.float64), labels, test, k, temperature)
    assert (knn_predict(train, labels, test, k, temperature) == expected).all()


def test_knn_in_chunks_is_knn_at_once(monkeypatch):
    train, labels = blobs(300, apart=0.7)
    test, _ = blobs(100, apart=0.7, seed=1)
    whole = knn_predict(train, labels, test)
    monkeypatch.setattr("selfsup.measures.samples.knn.CHUNK", 300 * 7)
    assert (knn_predict(train, labels, test) == whole).all()


def test_of_equally_near_rows_the_first_are_taken():
    similar = torch.zeros(3, 500)
    similar[1, 400] = 1.0
    values, places = nearest(similar, 4)
    assert places.tolist() == [[0, 1, 2, 3], [400, 0, 1, 2], [0, 1, 2, 3]]
    assert values[1].tolist() == [1, 0, 0, 0]


def test_knn_of_constant_and_of_zero_codes_is_the_same_answer_everywhere():
    labels = np.arange(100) % 5
    for value in (0.0, 3.0):
        assert len(set(knn_predict(np.full((100, 6), value, np.float32), labels, np.full((40, 6), value)))) == 1


def test_scaling_is_one_shift_and_one_factor_from_all_training_rows():
    train = (np.random.default_rng(0).standard_normal((9000, 5)) * [1, 2, 3, 4, 5] + 100).astype(np.float32)
    (scaled, part) = scale_features(train, train, train[:10])
    assert scaled.dtype == np.float32
    assert np.square(scaled).sum(1).mean() == pytest.approx(SQUARED_NORM, rel=1e-4)
    assert np.abs(scaled.mean(0)).max() < 1e-3
    assert np.allclose(part, scaled[:10])
    assert np.ptp(train.std(0) / scaled.std(0)) < 1e-3
    assert not scale_features(np.full((5, 3), 7.0, np.float32), np.full((5, 3), 7.0, np.float32))[0].any()


def test_split_takes_a_fifth_of_every_class_that_has_five():
    labels = np.repeat([0, 1, 2], [50, 10, 4])
    fit, held = split(labels, 0)
    assert np.bincount(labels[held]).tolist() == [10, 2]
    assert sorted([*fit, *held]) == list(range(64))
    assert split(np.repeat([0, 1], [50, 4]), 0) is None


def test_probe_is_the_scikit_learn_pipeline(data, monkeypatch):
    features, y_train, y_test = data
    monkeypatch.setattr("selfsup.measures.samples.probe.STRENGTHS", (1.0,))
    train, test = scale_features(features.train, features.train, features.test)
    found = probe(train, y_train, test)
    scaler = FunctionTransformer(lambda x: scale_features(features.train, x)[0])
    pipeline = make_pipeline(scaler, LogisticRegression(max_iter=1000, tol=1e-6)).fit(features.train, y_train)
    assert np.mean(found.classes == pipeline.predict(features.test)) > 0.99
    assert np.mean(found.classes == y_test) > 0.9
    assert found.validation > 0.9


def test_with_few_labels_nothing_is_chosen(data):
    features, y_train, _ = data
    rows = per_class(y_train, np.arange(400), 3)
    assert probe(features.train[rows], y_train[rows], features.test).validation is None


def test_draws_are_the_same_rows_for_every_encoder(data):
    features, y_train, y_test = data
    same = compare({("model", "code"): features, ("raw input", ""): features}, y_train, y_test, counts=(1, 5))
    for rows in same:
        half = len(rows) // 2
        for one, other in zip(rows[:half], rows[half:], strict=True):
            assert (
                other["lead_error"] == other["mean_lead_error"] == 0
            )  # the same guesses on every row: that the lead is none is certain
            aside = {"encoder": "", "layer": "", "lead_error": 0, "mean_lead_error": 0, "error": 0}
            assert {**one, **aside} == {**other, **aside}


def test_rows_are_as_documented(data):
    features, y_train, y_test = data
    probe_rows, knn_rows = compare({("model", "code"): features}, y_train, y_test, counts=("all", 20, 5))
    keys = ["encoder", "layer", "width", "labels_per_class", "labels", "accuracy", "sd", "draws"]
    assert list(knn_rows[0])[:8] == keys
    assert [row["labels_per_class"] for row in probe_rows] == [5, 20, "all"]
    assert [row["labels"] for row in probe_rows] == [20, 80, 400]
    assert [row["draws"] for row in probe_rows] == [5, 5, 1]
    assert probe_rows[-1]["sd"] == 0.0
    assert json.loads(json.dumps([probe_rows, knn_rows])) == [probe_rows, knn_rows]
    again = compare({("model", "code"): features}, y_train, y_test, counts=("all", 20, 5))
    assert again == (probe_rows, knn_rows)


@pytest.mark.filterwarnings("error")
def test_hard_data_give_no_warnings(monkeypatch):
    monkeypatch.setattr("selfsup.measures.samples.probe.ITERATIONS", 11)
    train, y_train = blobs(300, classes=30, width=3, apart=0.1)
    test, y_test = blobs(50, classes=30, width=3, apart=0.1, seed=1)
    probe_rows, knn_rows = compare({("model", "code"): Features(train, test)}, y_train, y_test)
    assert all(0 <= row["accuracy"] <= 1 for row in [*probe_rows, *knn_rows])


def test_permuted_labels_give_chance(data):
    features, y_train, y_test = data
    shuffled = np.random.default_rng(0).permutation(y_train)
    for rows in compare({("model", "code"): features}, shuffled, y_test, counts=(20,)):
        assert all(abs(row["accuracy"] - 0.25) < 0.15 for row in rows)


def test_counts_that_half_the_classes_lack_are_left_out():
    labels = np.repeat([0, 1, 2, 3], [200, 30, 8, 3])
    tasks = plan(labels, (1, 5, 20, 100, "all"), 2, 0, 10_000)
    assert [task.per_class for task in tasks] == [1, 5, 20, "all"]
    sizes = [np.bincount(labels[task.draws[0]]).tolist() for task in tasks]
    assert sizes == [[1, 1, 1, 1], [5, 5, 5, 3], [20, 20, 8, 3], [200, 30, 8, 3]]
    assert len(tasks[0].draws) == 2
    assert set(tasks[0].draws[0]) < set(tasks[1].draws[0]), "smaller draws lie in larger ones"


def test_all_is_capped_by_max_labels(data):
    features, y_train, y_test = data
    rows, _ = compare({("model", "code"): features}, y_train, y_test, max_labels=60, max_test=50)
    assert [row["labels_per_class"] for row in rows] == [1, 5, "all"]
    assert (rows[-1]["labels"], rows[-1]["draws"], rows[-1]["tested"]) == (60, 5, 50)
    labels = np.repeat([0, 1], [1000, 1])
    assert set(labels[at_random(labels, np.arange(1001), 5)]) == {0, 1}, "no class is lost by chance"


def test_classes_may_be_any_numbers_and_a_class_without_training_labels_counts_as_wrong(data):
    features, y_train, y_test = data
    rows, votes = compare({("model", "code"): features}, y_train * 10 + 7, y_test * 10 + 7)
    assert rows == compare({("model", "code"): features}, y_train, y_test)[0]
    assert votes[-1]["accuracy"] > 0.9
    unknown, _ = compare({("model", "code"): features}, y_train, np.full(150, 99))
    assert unknown[-1]["accuracy"] == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y_train": np.zeros(400, int)}, "at least 2 classes"),
        ({"y_train": np.zeros(3, int)}, "at least 2 classes"),
        ({"y_train": np.arange(390) % 3}, r"must be \(390, D\)"),
        ({"y_test": np.zeros(0, int)}, "needs test rows"),
        ({"encoders": {}}, "no encoder"),
    ],
)
def test_what_cannot_be_compared_is_refused(data, change, words):
    features, y_train, y_test = data
    given = {
        "encoders": {("model", "code"): features},
        "judge": knn.judge,
        "y_train": y_train,
        "y_test": y_test,
    } | change
    with pytest.raises(DataError, match=words):
        comparing.compare(**given)


def test_codes_that_are_not_finite_are_refused(data):
    features, y_train, y_test = data
    bad = features.test.copy()
    bad[3, 1] = np.nan
    with pytest.raises(DataError, match="model code: test codes hold NaN"):
        compare({("model", "code"): Features(features.train, bad)}, y_train, y_test)


@pytest.mark.parametrize("counts", [(0,), (2.5,), (True,), ("some",)])
def test_counts_are_checked(data, counts):
    features, y_train, y_test = data
    with pytest.raises(OptionError, match="counts must be"):
        compare({("model", "code"): features}, y_train, y_test, counts=counts)


def test_constant_codes_have_the_accuracy_of_the_commonest_guess(data):
    _, y_train, y_test = data
    flat = Features(np.full((400, 3), 0.3, np.float32), np.full((150, 3), 0.3, np.float32))
    rows, votes = compare({("model", "code"): flat}, y_train, y_test)
    shares = np.bincount(y_test) / 150
    assert all(min(shares) - 1e-9 <= row["accuracy"] <= max(shares) + 1e-9 for row in rows + votes)


def test_pca_is_that_of_scikit_learn_up_to_sign():
    train, _ = blobs(100, width=12)
    test, _ = blobs(30, width=12, seed=1)
    codes = pca_features(train, test, 4)
    expected = PCA(4, svd_solver="full").fit(train).transform(test)
    assert codes.train.shape == (100, 4)
    assert codes.test.dtype == np.float32
    assert np.allclose(np.abs(codes.test), np.abs(expected), atol=1e-3)
    assert pca_features(train, test, 64).train.shape == (100, 12)
    assert pca_features(train[:5], test, 64).test.shape == (30, 5)
    wide = np.random.default_rng(0).standard_normal((40, 2100)).astype(np.float32)
    assert (pca_features(wide, wide, 8).train == pca_features(wide, wide, 8).train).all()
    assert np.isfinite(pca_features(np.ones((9, 3), np.float32), np.ones((2, 3), np.float32), 2).test).all()


def test_map_keeps_blobs_apart_and_is_the_same_every_time():
    codes, labels = blobs(120)
    flat = flat_map(codes)
    assert flat.shape == (120, 2)
    assert flat.dtype == np.float32
    assert (flat == flat_map(codes)).all()
    centres = np.stack([flat[labels == c].mean(0) for c in range(4)])
    nearest_centre = np.linalg.norm(flat[:, None] - centres, axis=2).argmin(1)
    assert np.mean(nearest_centre == labels) > 0.9


@pytest.mark.parametrize("shape", [(1, 4), (2, 4), (10, 1), (10, 5), (50, 1), (0, 3)])
def test_map_of_little(shape):
    codes = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    flat = flat_map(codes)
    assert flat.shape == (shape[0], 2)
    assert np.isfinite(flat).all()


def test_map_of_constant_and_of_huge_codes():
    assert not flat_map(np.full((40, 5), 2.5, np.float32)).any()
    huge = np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32) * 1e30
    assert np.isfinite(flat_map(huge)).all()
    assert flat_map(huge, limit=50).shape == (60, 2)


# Measures by name, and of a user's own


def some(features, y_train, y_test, **more):
    return Evidence({("model", "code"): features}, y_train, y_test, **more)


def mine(evidence):
    rows = [
        {"encoder": name, "mean": codes.train.mean(), "worst": np.float64("inf")}
        for (name, _), codes in evidence.features.items()
    ]
    return Table("means", rows, health={"means": 1.0})


def test_all_measures_that_have_what_they_need_are_taken(data):
    tables = run(some(*data))
    assert [table.name for table in tables] == ["probe", "knn", "confusion", "hardest"]
    assert (tables[0].rows, [row | {"validation": None} for row in tables[1].rows]) == compare(
        {("model", "code"): data[0]}, *data[1:]
    )
    assert run(Evidence()) == []
    assert [table.name for table in run(some(*data), ("knn",))] == ["knn"]


def test_a_measure_of_a_users_own(data, tmp_path):
    (table,) = run(some(*data), (mine,))
    assert table.rows == [{"encoder": "model", "mean": pytest.approx(float(data[0].train.mean())), "worst": None}]
    assert type(table.rows[0]["mean"]) is float
    file = tmp_path / "own.py"
    file.write_text(
        "from selfsup.measures import Table\n\ndef rows(evidence):\n    return Table('n', [{'n': len(evidence.y_test)}])\n"
    )
    assert run(some(*data), (f"{file}:rows",))[0].rows == [{"n": 150}]


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        ("prob", "did you mean 'probe'"),
        ("neighbours", "needs words"),
        (3, "is a function of Evidence"),
        (lambda evidence: [], "must give a Table; got list"),
        (lambda evidence: Table("probe", []), "is one of ours"),
        (lambda evidence: Table("mine", [{"a": [1]}]), "'a' of a row of 'mine' is a word or a number"),
        ("nowhere:measure", "cannot import"),
    ],
)
def test_what_is_no_measure_is_refused(data, measure, words):
    with pytest.raises(OptionError, match=words):
        run(some(*data), (measure,))
