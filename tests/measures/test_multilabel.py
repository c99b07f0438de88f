"""Several labels a sample: what is taken for such, the probe that judges codes by them, and the errors of its leads."""

import json
import logging
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score
from sklearn.preprocessing import MultiLabelBinarizer

import selfsup
from selfsup.data.labels import kind_words
from selfsup.data.open import open_data
from selfsup.errors import DataError, OptionError
from selfsup.measures import Features
from selfsup.measures.run import Columns
from selfsup.measures.samples import boosting, multilabel, runs
from selfsup.measures.samples.judgeable import left_out, told_apart, unjudgeable
from selfsup.measures.samples.leads import best_layer, leads
from selfsup.measures.samples.multilabel import CHANCE, compare, fit, fitted, lines, micro_f1, shares_of
from selfsup.measures.samples.paired import lead
from selfsup.measures.table import Table

QUIET = {"progress": False}
NAMES = ("cat", "dog", "ox", "yak")


@cache
def made(rows=200):
    """Columns, and four labels that hang on what they are made of."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(rows, 3))
    x = hidden @ rng.normal(size=(3, 6)) + 0.3 * rng.normal(size=(rows, 6))
    return x.astype(np.float32), hidden @ rng.normal(size=(3, 4)) > [-0.5, 0.5, 1, 2]


@cache
def trained():
    x, _ = made()
    return selfsup.fit(x, "linear", n_components=3, evaluate=False, **QUIET)


# What is taken for several labels

YES = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 0, 0]])
LISTS = [["b", "a"], ["b"], [], ["c", "a"]]


@pytest.mark.parametrize(
    "labels",
    [YES, YES.astype(bool), YES.astype(np.float64), YES.tolist(), 2 * YES - 1, torch.tensor(YES), pd.DataFrame(YES)],
)
def test_columns_of_yes_and_no_are_several_labels(labels):
    found = open_data(np.zeros((4, 2), np.float32), labels=labels)
    assert found.labels.dtype == bool
    np.testing.assert_array_equal(found.labels, YES == 1)
    assert found.classes == ("0", "1", "2")
    assert "3 labels a sample, each yes or no, used for evaluation only" in found.describe()


@pytest.mark.parametrize("labels", [LISTS, [set(one) for one in LISTS], pd.Series(LISTS), np.array([*LISTS], object)])
def test_lists_of_labels_are_as_scikit_learn_has_them(labels):
    found = open_data(np.zeros((4, 2), np.float32), labels=labels)
    known = MultiLabelBinarizer()
    np.testing.assert_array_equal(found.labels, known.fit_transform(LISTS) == 1)
    assert found.classes == tuple(known.classes_)


CELLS = {
    "semicolons": ["b;a", "b", "", "c; a"],
    "bars": ["b|a", "b", None, "c|a"],
    "spaces": ["b a", "b", "", "c a"],
    "json": ['["b", "a"]', '["b"]', "[]", '["c", "a"]'],
    "python": ["['b', 'a']", "['b']", "[]", "['c', 'a']"],
}


@pytest.mark.parametrize("cells", CELLS)
def test_cells_with_several_labels_are_split_where_that_is_asked_for(cells, tmp_path, caplog):
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "z": [0.5, 1.5, 0.0, 1.0], "tags": CELLS[cells]})
    found = open_data(frame, label_column="tags", labels_are="several")
    np.testing.assert_array_equal(found.labels, MultiLabelBinarizer().fit_transform(LISTS) == 1)
    assert found.classes == ("a", "b", "c")
    frame.to_csv(tmp_path / "t.csv", index=False)
    with caplog.at_level(logging.WARNING, logger="selfsup"):
        read = open_data(str(tmp_path / "t.csv"), label_column="tags", labels_are="several")
    np.testing.assert_array_equal(read.labels, found.labels)
    assert ("split at" in caplog.text) == (cells not in ("json", "python"))


def test_ordinary_columns_stay_classes():
    """A word with a separator in it is no list, unless that is said; where it looks like one, that is said."""
    frame = pd.DataFrame({"x": np.arange(6.0), "z": [1.0, 0, 1, 0, 0, 1], "kind": ["a", "b", "a;b", "b", "a", "b"]})
    found = open_data(frame, label_column="kind")
    assert found.classes == ("a", "a;b", "b")
    assert "labels_are' several" in kind_words(found.labels, found.classes)
    assert kind_words(found.labels, ("a", "b", "x; y")) == ""


def test_columns_of_a_table(tmp_path):
    x, y = made(40)
    frame = pd.DataFrame(x, columns=[f"c{n}" for n in range(6)]).assign(
        **{name: y[:, n].astype(int) for n, name in enumerate(NAMES[:3])}, yak=np.where(y[:, 3], "yes", "no")
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame[:30].to_parquet(tmp_path / "train.parquet")
    frame[30:].to_parquet(tmp_path / "test.parquet")
    for column in (NAMES, [*NAMES], ",".join(NAMES)):
        found = open_data(str(tmp_path / "t.csv"), label_column=column)
        np.testing.assert_array_equal(found.labels, y)
        assert found.classes == NAMES
        assert found.form.columns == tuple(f"c{n}" for n in range(6))
    found = open_data(str(tmp_path), label_column=NAMES)  # a folder of parquet files, with a test part
    np.testing.assert_array_equal(found.test.labels, y[30:])
    again = open_data(found, limit=10)
    assert again.labels.shape == (10, 4)
    assert again.classes == NAMES
    one = open_data(frame, label_column="cat", labels_are="several", columns=("c0", "c1"))
    assert one.labels.shape == (40, 1)
    assert one.classes == ("cat",)


def test_images_of_a_table_have_several_labels(tmp_path):
    from io import BytesIO

    from PIL import Image

    _, y = made(12)
    blobs = []
    for row in range(12):
        held = BytesIO()
        Image.fromarray(np.full((8, 8), 20 * row, np.uint8)).save(held, "PNG")
        blobs.append({"bytes": held.getvalue(), "path": None})
    frame = pd.DataFrame({"image": blobs, "labels": [[NAMES[n] for n in np.flatnonzero(row)] for row in y]})
    frame.assign(**{name: y[:, n] for n, name in enumerate(NAMES)}).to_parquet(tmp_path / "t.parquet")
    for given in ({"label_column": NAMES}, {}):  # four columns; or lists in a column with a usual name
        found = open_data(str(tmp_path / "t.parquet"), **given, **QUIET)
        assert found.form.kind == "image"
        for name in found.classes:
            np.testing.assert_array_equal(found.labels[:, found.classes.index(name)], y[:, NAMES.index(name)])


def test_lists_of_classes_that_have_names(tmp_path):
    """Hugging Face writes the names of classes, of which a row has a list of places."""
    datasets = pytest.importorskip("datasets")
    rows = {"a": [0.5, 1.5, 2.5, 0.0], "tags": [[2, 0], [1], [], [0]]}
    lists = datasets.Sequence(datasets.ClassLabel(names=["cat", "dog", "ox"]))
    made = datasets.Dataset.from_dict(rows, features=datasets.Features({"a": datasets.Value("float32"), "tags": lists}))
    made.to_parquet(tmp_path / "t.parquet")
    for source in (made, str(tmp_path / "t.parquet")):
        found = open_data(source, label_column="tags", **QUIET)
        assert found.classes == ("cat", "dog", "ox")
        assert found.labels.astype(int).tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 0, 0]]


def test_data_sets_of_pytorch_and_test_parts(tmp_path):
    x, y = made(40)
    pairs = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
    np.testing.assert_array_equal(open_data(pairs).labels, y)
    np.savez(tmp_path / "d.npz", x=x, y=y, x_test=x[:9], y_test=y[:9])
    np.testing.assert_array_equal(open_data(str(tmp_path / "d.npz")).test.labels, y[:9])


def test_one_hot_labels_are_classes_where_that_is_said():
    hot = np.eye(3)[[0, 2, 1, 2]]
    x = np.zeros((4, 2), np.float32)
    assert "if they are classes, say so" in kind_words(open_data(x, labels=hot).labels, ())
    found = open_data(x, labels=hot, labels_are="classes")
    assert found.labels.tolist() == [0, 2, 1, 2]
    assert found.classes == ("0", "1", "2")
    assert open_data(x, labels=hot[:, :1]).classes == ("0", "1")  # one column is one class a row, as ever


@pytest.mark.parametrize(
    ("labels", "are", "said"),
    [
        (np.zeros((4, 0)), None, r"shape \(4, 0\): there is no label"),
        (YES * 2, None, "row 0, column 0 holds 2; several labels"),
        (np.where(YES, 1, np.nan), None, r"row 0, column 1 holds nothing \(NaN\)"),
        (YES[:3], None, "3 labels for 4 rows"),
        (YES, "classes", "row 0 has 2 of the 3 labels"),
        (YES, "numbers", "several labels a row"),
        (np.zeros((4, 2, 2)), None, "one value a row"),
        ([[1, 2], [0.5], [], [1]], None, "row 1 holds a float"),
        ([[], [], [], [[], "a"]], None, "row 3 holds a list"),
        ([set(), set(), set(), set()], None, "no row has any label"),
        (["a", ["a", "b"], "b", "a"], "several", "row 1 holds a list, row 0 none"),
        (["a", "b", "a", "b"], "several", "no cell holds more than one"),
        (["a;b", "b|c", "a", "b"], "several", "';' and '|'"),
        (["['a']", "b", "a", "b"], "several", "row 1 holds 'b', and other rows hold lists"),
        (["[a b' ', c]", "[]", "[]", "[]"], "several", "is no list of labels"),
        ([1, 0, 2, 0], "several", "row 2 holds 2"),
    ],
)
def test_labels_that_are_refused(labels, are, said):
    with pytest.raises(DataError, match=said):
        open_data(np.zeros((4, 2), np.float32), labels=labels, labels_are=are)


def test_columns_that_are_refused():
    frame = pd.DataFrame({"a": [1.0, 2], "cat": [1, 0], "dog": [0, 3], "ox": ["x", "y"], "yak": [1, None]})
    for column, said in (
        (("cat", "dog"), "row 1 of 'dog' holds 3"),
        (("cat", "ox"), "'ox', row 0: 'x' is neither 0 nor 1"),
        (("cat", "yak"), "row 1 of 'yak' holds nothing"),
        (("cat", "cow"), "unknown column 'cow'"),
    ):
        with pytest.raises(DataError, match=said):
            open_data(frame, label_column=column)
    with pytest.raises(OptionError, match="each once"):
        open_data(frame, label_column=("cat", "cat"))
    with pytest.raises(OptionError, match="numbers are in one column"):
        open_data(frame, label_column=("cat", "dog"), labels_are="numbers")
    with pytest.raises(OptionError, match="take it out of option 'columns'"):
        open_data(frame, label_column=("cat", "dog"), columns=("a", "cat"))


# The score


def test_average_precision_by_hand():
    """Ranked by score: yes, no, yes, no; precision 1 and 2/3 at the two that have the label, 5/6 in the mean."""
    asked = np.array([[True], [False], [True], [False]])
    assert shares_of(np.array([[4.0], [3], [2], [1]]), asked).mean() == pytest.approx(5 / 6)
    assert shares_of(np.zeros((4, 1)), asked).mean() == pytest.approx(1 / 2)  # chance: the share that has it


def test_average_precision_and_the_influence_of_rows_are_as_scikit_learn_has_them():
    rng = np.random.default_rng(0)
    scores, asked = np.round(rng.normal(size=(60, 3)), 1), rng.random((60, 3)) < 0.3  # with equal scores
    shares = shares_of(scores, asked)
    assert shares.mean() == pytest.approx(average_precision_score(asked, scores))
    for row in (0, 17, 41):
        weight = np.ones(60)
        weight[row] += 60e-6
        more = average_precision_score(asked, scores, sample_weight=weight)
        assert shares[row] - shares.mean() == pytest.approx((more - shares.mean()) / 1e-6, rel=1e-3, abs=1e-5)
    assert micro_f1(scores > 0, asked) == pytest.approx(f1_score(asked, scores > 0, average="micro"))


def test_the_error_of_a_lead_holds_what_it_promises():
    """Two scores of the same rows, one with more noise: of 200 test sets the lead of all is within two errors."""
    rng = np.random.default_rng(0)

    def drawn(rows):
        hidden = rng.normal(size=(rows, 3))
        two = [hidden + noise * rng.normal(size=(rows, 3)) for noise in (0.7, 1.0)]
        asked = hidden + rng.normal(size=(rows, 3)) > [0.5, 1.0, 1.5]
        return [shares_of(scores, asked) for scores in two]

    mine, other = drawn(200_000)
    true = (mine - other).mean()
    found = [lead(*(shares[None] for shares in drawn(200)), seed=seed) for seed in range(100)]
    inside = [abs(one.size - true) <= 2 * one.error for one in found]
    assert 0.88 <= np.mean(inside) <= 1
    spread = np.std([one.size for one in found])
    assert 0.75 < np.mean([one.error for one in found]) / spread < 1.4


# The probe


def test_the_fit_is_that_of_scikit_learn_for_each_label():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(120, 5)).astype(np.float32), rng.random((120, 3)) < 0.4
    y[:, 1] = False  # nobody has it: always guessed so, and alike
    for strength in (0.1, 10.0):
        found = fit(x, y, strength, slope=1e-6)
        for label in (0, 2):
            known = LogisticRegression(C=strength, tol=1e-8).fit(x.astype(float), y[:, label])
            np.testing.assert_allclose(found.weight[:, label], known.coef_[0], atol=2e-3)
            assert found.bias[label] == pytest.approx(known.intercept_[0], abs=2e-3)
        scores = found.scores(x)[:, 1]
        assert np.ptp(scores) == 0
        assert scores[0] < 0


def test_the_strength_is_chosen_on_rows_that_are_held_out():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 40)).astype(np.float32)
    noise, weight = rng.random((60, 3)) < 0.4, np.zeros((40, 3))
    found, validation = fitted(x, noise)
    assert np.abs(found.weight).max() < 0.2  # nothing to learn: the strongest penalty
    assert validation < 0.7
    weight[:3] = 10 * np.eye(3)
    found, validation = fitted(x, x @ weight > 0)
    assert np.abs(found.weight).max() > 0.5
    assert validation > 0.8
    assert fitted(x[:10], noise[:10])[1] is None


@cache
def table():
    """Codes of which the model's hold what the labels are made of, and the others less or nothing."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(400, 3))
    y = np.hstack([hidden @ rng.normal(size=(3, 4)) > [-0.5, 0.5, 1, 1.5], np.zeros((400, 1), bool)])
    some = {
        ("model", "early"): 3.0 * rng.normal(size=(400, 3)) + hidden,
        ("model", "code"): hidden + 0.2 * rng.normal(size=(400, 3)),
        ("PCA", ""): hidden + 0.8 * rng.normal(size=(400, 3)),
        ("random init", "code"): rng.normal(size=(400, 3)),
        (CHANCE, ""): np.zeros((400, 1)),
    }
    codes = {name: Features(*(part.astype(np.float32) for part in np.split(one, 2))) for name, one in some.items()}
    return codes, y[:200], y[200:], compare(codes, y[:200], y[200:])


def test_the_table():
    codes, known, asked, rows = table()
    assert [row["labels"] for row in rows[:4]] == [10, 30, 100, 200]
    assert best_layer(rows) == "code"
    last = {(row["encoder"], row["layer"]): row for row in rows if row["labels"] == 200}
    assert last["model", "code"]["map"] > last["PCA", ""]["map"] > last["random init", "code"]["map"]
    assert last[CHANCE, ""]["map"] == pytest.approx(asked[:, :4].mean())
    assert {row["counted"] for row in rows} == {4}
    assert all(row["error"] > 0 for row in rows)
    ahead = {one.baseline: one for one in leads(rows, "code")}
    assert ahead["PCA"].size > 2 * ahead["PCA"].noise > 0
    known_best = LogisticRegression(C=1.0).fit(codes["model", "code"].train, known[:, 0])
    score = average_precision_score(asked[:, 0], known_best.decision_function(codes["model", "code"].test))
    one = compare({("model", "code"): codes["model", "code"]}, known[:, :1], asked[:, :1])[-1]
    assert one["map"] == pytest.approx(score, abs=0.02)
    assert rows == compare(codes, known, asked)  # nothing hangs on the time or the order
    told = "\n".join(lines(Table.of("probe_several", rows)))
    assert "30 rows" in told
    assert "mean over 4 labels" in told
    assert max(map(len, told.splitlines())) <= 100


def test_labels_that_say_nothing():
    known, asked = np.array([[1, 1, 0, 1], [0, 1, 0, 0]] * 3) == 1, np.array([[1, 1, 0, 1], [0, 0, 1, 1]]) == 1
    assert told_apart(known, asked).tolist() == [True, False, False, False]
    said = left_out(known, asked, NAMES)
    assert "'dog', which all of the training rows have" in said
    assert "'ox', which none of the training rows have" in said
    assert "'yak', which all of the test rows have" in said
    assert left_out(known[:, :1], asked[:, :1], NAMES) == ""
    assert unjudgeable(known, asked) == ""
    assert "none of the 3 labels" in unjudgeable(known[:, 1:], asked[:, 1:])
    assert "at least 5 training rows" in unjudgeable(known[:3], asked)
    with pytest.raises(DataError, match="none of the 3 labels"):
        compare({("model", "code"): Features(np.ones((6, 2)), np.ones((2, 2)))}, known[:, 1:], asked[:, 1:])


def test_boosting_of_several_labels():
    x, y = made()
    columns = Columns(x[:150], x[150:], np.zeros(6, bool))
    assert boosting.classes_of(y) == 4
    found = boosting._judged(columns, y[:150], y[150:], [np.arange(150)], 0)
    assert found.draws[0] > y[150:].mean() + 0.2
    assert len(found.shares) == 50


# All of it


def test_a_run_with_several_labels(tmp_path):
    x, y = (part[:80] for part in made())
    y = np.hstack([y, np.zeros((len(y), 1), bool)])
    model = selfsup.fit(
        x, "linear", labels=pd.DataFrame(y, columns=[*NAMES, "emu"]), n_components=3, holdout=0.3, **QUIET
    )
    assert "5 labels a sample, each yes or no" in model.config["data"]["description"]
    assert model.config["data"]["classes"] == []
    found = model.evaluation
    tables = {one.name for one in found.tables}
    assert "probe_several" in tables
    assert not {"probe", "knn", "probe_numbers"} & tables
    assert "taken for 5 labels a sample, each yes or no" in " ".join(found.notes)
    assert "'emu', which none of the training rows have" in " ".join(found.notes)
    assert "mean average precision" in found.verdict["sentence"]
    model.save(tmp_path / "run")
    again = selfsup.load(tmp_path / "run")
    assert again.evaluation.to_dict() == json.loads((tmp_path / "run" / "evaluation.json").read_text())
    page, card = ((tmp_path / "run" / name).read_text() for name in ("report.html", "README.md"))
    assert "mean average precision" in card
    assert "mAP, %" in page
    assert CHANCE in page
    assert "no labels" not in page + card


def test_evaluate_and_compare(capsys):
    x, y = (part[:100] for part in made())
    rows = selfsup.evaluate(trained(), (x, y), measures=("probe_several",), **QUIET).rows("probe_several")
    assert {row["encoder"] for row in rows} >= {"model", "raw input", "PCA", CHANCE}
    assert all(0 <= row["map"] <= 1 for row in rows)
    with pytest.raises(OptionError, match="needs labels that are classes"):
        selfsup.evaluate(trained(), (x, y), measures=("knn",), **QUIET)
    for labels in (np.zeros((100, 3)), np.tile([1, 0], (100, 1))):
        with pytest.raises(DataError, match="had by all rows or by none"):
            selfsup.evaluate(trained(), (x, labels), **QUIET)
    two = [trained(), selfsup.fit(x, "linear", n_components=1, evaluate=False, **QUIET)]
    side = selfsup.compare(two, (x, y), draws=2, **QUIET)
    assert {row["by"] for row in side.rows("compare")} == {runs.SEVERAL}
    assert all("map" in row for row in side.rows("compare"))
    assert "30 rows" in str(side)
    assert "mAP" in str(side)
    assert side.verdict["kind"] == "better"


def test_classes_are_learnt_and_not_several_labels():
    x, y = made(40)
    with pytest.raises(DataError, match="one a sample"):
        selfsup.finetune(trained(), (x, y), **QUIET)
    with pytest.raises(DataError, match="one a sample"):
        open_data((x, y)).labelled()
    assert multilabel.LOOK.title == "multi-label probe"
