"""Labels that are numbers: when they are taken for such, and the regression that judges codes by them."""

import json
from functools import cache

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import LeaveOneOut, cross_val_predict

import selfsup
from selfsup.cli.main import main
from selfsup.data.labels import are_numbers, kind_words, taken
from selfsup.data.open import open_data
from selfsup.errors import DataError, OptionError
from selfsup.measures import Features, verdict
from selfsup.measures.samples.judgeable import unjudgeable
from selfsup.measures.samples.leads import best_layer, leads
from selfsup.measures.samples.probe import fitted, folds, held_out, probe, turned
from selfsup.measures.samples.regression import FEW, STRENGTHS, compare, lines, ridge, shares_of
from selfsup.measures.table import Table

QUIET = {"progress": False}


@cache
def diabetes():
    found = load_diabetes(scaled=False)
    return found.data.astype(np.float32), found.target


@cache
def trained():
    x, y = diabetes()
    return selfsup.fit(x, "linear", labels=y, n_components=4, **QUIET)


# What labels are taken for


@pytest.mark.parametrize(
    ("labels", "numbers"),
    [
        (load_diabetes().target, True),  # 214 different whole numbers
        (np.arange(10) % 3, False),
        ([0.5, 1.0, 1.0], True),
        (np.arange(100) % 20 * 7, False),  # 20 different ones
        (np.arange(100) % 21 * 7, True),
        (np.arange(200) % 100, False),  # counted: 100 classes of two rows
        (np.arange(200) % 100 + 1, False),
        (np.arange(200) % 100 + 2, True),
        (np.arange(100), True),  # one row each
        (np.arange(200) % 50 * 1.0, False),
        ([True, False] * 3, False),
        ([str(number) for number in range(100)], False),
        (np.asarray([3, 1, 2, 2**62, *range(40)], np.uint64), True),
        (np.asarray([2.0**70, 1.0]), True),
    ],
)
def test_what_labels_are_taken_for(labels, numbers):
    found, classes = taken(labels)
    assert (found.dtype.kind == "f") == numbers == (not classes)
    if numbers:
        np.testing.assert_array_equal(found, np.asarray(labels, np.float64))


def test_what_they_are_can_be_said():
    x, y = diabetes()
    assert len(open_data(x, labels=y, labels_are="classes").classes) == 214
    found = open_data(x, labels=np.arange(len(x)) % 3, labels_are="numbers")
    assert found.labels.dtype == np.float64
    assert not found.classes
    assert "numbers as labels (0 to 2)" in found.describe()
    assert taken(["1.5", "2"], "numbers")[0].tolist() == [1.5, 2.0]
    for words in (["1.5", "two"], ["1", "inf"], ["1", "nan"]):
        with pytest.raises(DataError, match=f"row 1 holds '{words[1]}'"):
            taken(words, "numbers")
    with pytest.raises(DataError, match="row 0 is 0.5"):
        taken([0.5, 1], "classes")
    with pytest.raises(OptionError, match="labels_are"):
        open_data(x, labels=y, labels_are="counts")


def test_a_few_rows_are_taken_as_all_are():
    labels = np.arange(1000) % 100
    x = np.random.default_rng(0).standard_normal((1000, 3), np.float32)
    for limit in (5, 150):
        assert open_data(x, labels=labels, limit=limit).classes
        assert not open_data(x, labels=labels * 3, limit=limit).classes


def test_columns_files_and_test_parts(tmp_path):
    x, y = diabetes()
    table = np.column_stack([x, y])
    names = ",".join([f"c{place}" for place in range(10)] + ["progression"])
    np.savetxt(tmp_path / "d.csv", table, delimiter=",", header=names, comments="")
    found = open_data(str(tmp_path / "d.csv"), label_column="progression")
    np.testing.assert_array_equal(found.labels, y)
    assert found.x.shape == (442, 10)
    (tmp_path / "y.txt").write_text("\n".join(f"{value}" for value in y / 7))
    np.testing.assert_array_equal(open_data(x, labels=str(tmp_path / "y.txt")).labels, y / 7)
    np.savez(tmp_path / "d.npz", x_train=x[:300], y_train=y[:300], x_test=x[300:], y_test=y[300:])
    parts = open_data(str(tmp_path / "d.npz"))
    np.testing.assert_array_equal(parts.test.labels, y[300:])
    again = open_data(found, labels_are="classes")
    assert len(again.classes) == 214
    assert open_data(again, labels_are="numbers").labels.tolist() == y.tolist()


def test_a_split_of_a_parquet_folder(tmp_path):
    pd = pytest.importorskip("pandas")
    x, y = diabetes()
    frame = pd.DataFrame(x, columns=[f"c{place}" for place in range(10)]).assign(progression=y / 2)
    frame[:300].to_parquet(tmp_path / "train.parquet")
    frame[300:].to_parquet(tmp_path / "test.parquet")
    found = open_data(str(tmp_path), label_column="progression")
    np.testing.assert_array_equal(found.labels, y[:300] / 2)
    np.testing.assert_array_equal(found.test.labels, y[300:] / 2)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([1.0, np.nan, 2.5, 3.0], "row 1 is missing"),
        ([1.0, 2.0, -np.inf, 3.0], "row 2 is infinite"),
        ([1.5, 2.5], "2 labels for 4 rows"),
        (np.ones((4, 2)) / 3, "column 0 holds 0.333333; several labels a sample are yes or no each"),
        (np.ones((4, 2, 2)), "one value a row"),
        ([1.5, None, 2.0, 3.0], "row 1 is missing"),
    ],
)
def test_labels_that_are_refused(labels, said):
    with pytest.raises(DataError, match=said):
        open_data(np.zeros((4, 2)), labels=labels)


def test_the_note_says_what_was_taken():
    assert "numbers (214 different, 25 to 346)" in kind_words(diabetes()[1], ())
    assert "taken for 6 classes" in kind_words(np.arange(6), tuple("345678"))
    assert kind_words(np.arange(3), ("0", "1", "2")) == kind_words(np.arange(2), ("cat", "dog")) == ""


# The regression


@pytest.mark.parametrize(("n", "d"), [(30, 5), (20, 60), (200, 10), (210, 300)])
def test_the_same_guesses_as_scikit_learn(n, d):
    rng = np.random.default_rng(n)
    x, t = rng.standard_normal((n, d)), rng.standard_normal((40, d))
    y = x @ rng.standard_normal(d) + 2 * rng.standard_normal(n) + 3
    known = RidgeCV(alphas=STRENGTHS).fit(x, y)
    found = ridge(x, y, t, STRENGTHS if n >= FEW else np.asarray([known.alpha_]))
    assert found.strength == known.alpha_
    np.testing.assert_allclose(found.guesses, known.predict(t), rtol=1e-9, atol=1e-9)
    rows = sparse.csr_array(x), sparse.csr_array(t)
    np.testing.assert_allclose(
        ridge(rows[0], y, rows[1], np.asarray([found.strength])).guesses, found.guesses, rtol=1e-9, atol=1e-9
    )


def test_a_penalty_that_lets_few_labels_be_met_is_not_chosen():
    """Twenty labels of noise and twenty codes: leaving rows out alone chooses a fit through all of them now and then."""
    rng = np.random.default_rng(0)
    worst = []
    for _ in range(30):
        x, t = rng.standard_normal((20, 20)), rng.standard_normal((50, 20))
        y, asked = rng.standard_normal(20), rng.standard_normal(50)
        by_scikit_learn = RidgeCV(alphas=STRENGTHS).fit(x, y).predict(t)
        worst.append((r2_score(asked, ridge(x, y, t).guesses), r2_score(asked, by_scikit_learn)))
    assert np.min(worst, 0)[0] > np.min(worst, 0)[1]
    assert np.mean(worst, 0)[0] > -0.5


def test_its_validation_is_that_of_leaving_each_row_out():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((25, 4)), rng.standard_normal(25)
    found = ridge(x, y, x, np.asarray([3.0]))
    from sklearn.linear_model import Ridge

    guesses = cross_val_predict(Ridge(3.0), x, y, cv=LeaveOneOut())
    assert found.validation == pytest.approx(r2_score(y, guesses), abs=1e-12)


def test_codes_that_say_nothing_give_the_mean():
    y = np.asarray([1.0, 2.0, 6.0])
    assert ridge(np.ones((3, 2)), y, np.ones((2, 2))).guesses.tolist() == [3.0, 3.0]
    assert ridge(np.eye(3), np.full(3, 7.0), np.eye(3)).guesses.tolist() == [7.0, 7.0, 7.0]


def made(n=400, m=200, seed=0, noise=1.0):
    """Codes of which the model's hold what the labels are made of, and the others less or nothing."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n + m, 3))
    y = z.sum(1) + noise * rng.standard_normal(n + m)
    codes = {
        ("model", "code"): z,
        ("model", "block 1"): z + 2 * rng.standard_normal(z.shape),
        ("raw input", ""): z + rng.standard_normal(z.shape),
        ("PCA", ""): rng.standard_normal((n + m, 3)),
        ("random init", "code"): rng.standard_normal((n + m, 2)),
        ("random init", "block 1"): rng.standard_normal((n + m, 2)),
    }
    found = {name: Features(x[:n].astype(np.float32), x[n:].astype(np.float32)) for name, x in codes.items()}
    return found, y[:n], y[n:]


def test_the_table():
    codes, known, asked = made()
    rows = compare(codes, known, asked)
    assert [row["labels"] for row in rows[:3]] == [10, 100, 400]
    assert rows[2]["draws"] == 1
    last = {(row["encoder"], row["layer"]): row for row in rows if row["labels"] == 400}
    own = codes["model", "code"]
    expected = r2_score(asked, LinearRegression().fit(own.train, known).predict(own.test))
    assert last["model", "code"]["r2"] == pytest.approx(expected, abs=5e-3)
    assert best_layer(rows) == "code"
    assert all((row["lead_error"] is None) == (row["encoder"] == "model") for row in rows)
    assert last["PCA", ""]["r2"] == pytest.approx(0, abs=0.05)
    assert json.loads(json.dumps(rows)) == rows
    told = "\n".join(lines(Table.of("probe_numbers", rows)))
    assert "10 labels" in told
    assert "PCA(3)" in told
    assert max(map(len, told.splitlines())) <= 100


def test_errors_are_as_large_as_r2_strays():
    """Over fresh test rows R2, and the lead, spread as the errors say."""
    found = []
    for seed in range(30):
        codes, known, asked = made(seed=seed)
        few = {name: codes[name] for name in [("model", "code"), ("raw input", "")]}
        mine, other = compare(few, known, asked, counts=())
        found.append((mine["r2"], mine["error"], mine["r2"] - other["r2"], other["lead_error"]))
    table = np.asarray(found)
    assert 0.6 < table[:, 1].mean() / table[:, 0].std(ddof=1) < 1.7
    assert 0.6 < table[:, 3].mean() / table[:, 2].std(ddof=1) < 1.7


def test_what_rows_add_to_r2():
    rng = np.random.default_rng(0)
    guesses, asked = rng.standard_normal((2, 50))
    assert shares_of(guesses, asked).mean() == pytest.approx(r2_score(asked, guesses))


def test_leads_and_the_verdict_go_by_r2():
    codes, known, asked = made()
    rows = compare(codes, known, asked)
    health = {"spread": 1.0, "rank": 3.0, "width": 3.0}
    found = leads(rows, "code")
    assert [lead.baseline for lead in found] >= ["raw input", "PCA", "random init"]
    assert all(lead.size > 2 * lead.noise for lead in found)
    said = verdict(health, rows)
    assert said["kind"] == "learning"
    assert "a class" not in said["sentence"]
    assert "variance" in said["sentence"]
    swapped = {**codes, ("model", "code"): codes["PCA", ""], ("PCA", ""): codes["model", "code"]}
    del swapped["model", "block 1"], swapped["random init", "block 1"]
    assert verdict(health, compare(swapped, known, asked))["kind"] == "no better than PCA"


def test_numbers_that_were_shuffled_are_not_learnt():
    codes, known, asked = made()
    rng = np.random.default_rng(1)
    kinds = [
        verdict(
            {"spread": 1.0, "rank": 3.0, "width": 3.0}, compare(codes, rng.permutation(known), rng.permutation(asked))
        )
        for _ in range(10)
    ]
    assert not [said for said in kinds if said["kind"] == "learning"]


# Runs


def test_a_run_with_numbers_as_labels(tmp_path):
    model = trained()
    assert "numbers as labels (25 to 346)" in model.config["data"]["description"]
    found = model.evaluation
    assert {table.name for table in found.tables} >= {"probe_numbers"}
    assert not {"probe", "knn"} & {table.name for table in found.tables}
    assert any("taken for numbers" in note for note in found.notes)
    assert found.verdict["because"].keys() >= {"lead_PCA", "noise_PCA", "layer"}
    assert "ridge regression, R2" in str(found)
    assert "R2" in found.short()
    out = model.save(tmp_path / "run")
    page, card = (out / "report.html").read_text(), (out / "README.md").read_text()
    assert "R2" in page
    assert "Ridge regression" in page
    assert "Ridge regression" in card
    assert "no labels" not in page + card
    assert "R2 over the number of labels" in page
    assert "25 to" in page
    assert selfsup.load(out).evaluation.to_dict() == found.to_dict()


def test_evaluate_on_numbers():
    x, y = diabetes()
    found = selfsup.evaluate(trained(), x, labels=y, **QUIET)
    assert found.rows("probe_numbers")
    found = selfsup.evaluate(trained(), x, labels=y, labels_are="classes", measures=("knn",), **QUIET)
    assert found.rows("knn")
    assert not found.rows("probe_numbers")
    with pytest.raises(OptionError, match="needs labels that are classes"):
        selfsup.evaluate(trained(), x, labels=y, measures=("probe",), **QUIET)


def test_raw_input_of_a_table_as_scikit_learn_has_it():
    """The same rows, columns standardised: ridge there gives the R2 of the table."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = trained()
    x, y = diabetes()
    data = open_data(x, labels=y)
    learnt, test = data.cut(len(x) // 5, model.config["seed"])
    known = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-3, 4, 30))).fit(
        x[learnt.numbers], learnt.labels
    )
    expected = r2_score(test.labels, known.predict(x[test.numbers]))
    rows = [row for row in model.evaluation.rows("probe_numbers") if row["encoder"] == "raw input"]
    assert rows[-1]["r2"] == pytest.approx(expected, abs=5e-3)


def test_wine_by_a_column_of_it(tmp_path, capsys):
    wine = load_wine(as_frame=True).data
    wine.to_csv(tmp_path / "wine.csv", index=False)
    out = str(tmp_path / "run")
    words = [
        str(tmp_path / "wine.csv"),
        "--label-column",
        "proline",
        "--method",
        "linear",
        "--n-components",
        "3",
        "--out",
        out,
    ]
    assert main(["fit", *words]) == 0
    said = capsys.readouterr().out
    assert "numbers as labels (278 to 1680)" in said
    assert "R2" in said
    assert "taken for numbers" in said
    assert main(["fit", *words, "--overwrite", "--labels-are", "classes", "--no-evaluate"]) == 0
    assert "121 classes used for evaluation only" in capsys.readouterr().out
    assert main(["fit", *words, "--overwrite", "--labels-are", "ranks"]) == 2
    assert "classes" in capsys.readouterr().err


# Labels that say nothing


@pytest.mark.parametrize(
    ("known", "asked", "said"),
    [
        (np.arange(10.0), np.ones(5), "test rows are all the same number, 1"),
        (np.ones(10), np.arange(5.0), "training rows are all the same number"),
        (np.arange(4.0), np.arange(5.0), "at least 5 training rows"),
        (np.arange(9.0), np.arange(1.0), "at least 2 test rows"),
        (np.asarray([1, np.inf, 2, 3, 4]), np.arange(5.0), "finite"),
        (np.zeros(9, int), np.zeros(3, int), "all of one class"),
        (np.arange(9), np.arange(9, 12), "no class of the 3 test rows"),
    ],
)
def test_labels_that_say_nothing(known, asked, said):
    assert said in unjudgeable(known, asked)
    assert unjudgeable(np.arange(9.0), np.arange(3.0)) == unjudgeable(np.arange(9) % 2, np.arange(2)) == ""


@pytest.mark.parametrize(
    ("labels", "said"),
    [(np.zeros(60), "one class"), (np.arange(60), "class of its own"), (np.full(60, 2.5), "one number")],
)
def test_evaluate_refuses_labels_that_say_nothing(labels, said):
    x = diabetes()[0][:60]
    kind = None if labels[0] % 1 else "classes"
    with pytest.raises(DataError, match=said):
        selfsup.evaluate(trained(), x, labels=labels, labels_are=kind, **QUIET)


@pytest.mark.parametrize("labels", [np.zeros(60), np.arange(60), np.full(60, 2.5)])
def test_a_run_with_labels_that_say_nothing_is_judged_without_them(labels):
    kind = None if labels[0] % 1 else "classes"
    found = selfsup.fit(
        diabetes()[0][:60], "linear", labels=labels, labels_are=kind, n_components=2, **QUIET
    ).evaluation
    assert not {"probe", "knn", "probe_numbers"} & {table.name for table in found.tables}
    assert "layer" not in found.verdict["because"]
    assert [note for note in found.notes if "labels" in note or "class" in note]


def test_nothing_is_taught_by_numbers():
    x, y = diabetes()
    with pytest.raises(DataError, match="fine-tuning teaches classes.*labels_are"):
        selfsup.finetune(trained(), (x, y), **QUIET)
    assert are_numbers(np.asarray([0.5]))
    assert not are_numbers(np.asarray(["a"]))


# How strongly the probe of classes is held back


def test_few_labels_choose_by_turns():
    labels = np.repeat([0, 1, 2, 3], [30, 20, 5, 1])
    found = folds(labels, np.random.default_rng(0))
    assert len(found) == 3
    assert sorted(np.concatenate(found).tolist()) == list(range(55))  # the only row of a class is always learnt from
    for rows in found:
        assert np.abs(np.bincount(labels[rows], minlength=3)[:3] - [10, 20 / 3, 5 / 3]).max() < 1
    assert len(held_out(labels, 0)) == 3
    assert len(held_out(np.arange(400) % 2, 0)) == 1
    assert held_out(np.arange(27) % 3, 0) == []


def test_rows_turned_into_their_span_learn_the_same():
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((40, 300)).astype(np.float32), np.arange(40) % 3
    model = LogisticRegression(C=0.01, max_iter=1000, tol=1e-8)
    chances = [model.fit(rows, labels).predict_proba(rows) for rows in (x, turned(x))]
    assert turned(x).shape == (40, 40)
    np.testing.assert_allclose(*chances, atol=1e-4)
    assert turned(x[:, :20]).shape == (40, 20)


def test_the_choice_knows_no_test_rows():
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((60, 5)).astype(np.float32), np.arange(60) % 2
    known = fitted(x, labels, 0)
    assert known[1] == probe(x, labels, x[:7]).validation == probe(x, labels, -9 * x).validation
