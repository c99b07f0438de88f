"""Bad input to evidence: one clear sentence each, in Python and by command, and no verdict where there is nothing to judge."""

import os
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import selfsup
from selfsup.cli.main import main
from selfsup.errors import DataError, OptionError, SelfsupError

ROWS = 40
QUIET = {"progress": False}
BARE = {"evaluate": False, **QUIET}


def rows():
    """Two clusters, and which each row (ROWS, 4) is of."""
    labels = np.repeat([0, 1], ROWS // 2)
    return np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32) + 3 * labels[:, None], labels


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Runs of each kind of data, none of them evaluated, and a table with labels."""
    where = tmp_path_factory.mktemp("runs")
    x, labels = rows()
    pd.DataFrame(x, columns=list("abcd")).assign(label=np.where(labels, "u", "v")).to_csv(where / "t.csv", index=False)
    rng = np.random.default_rng(1)
    for folder, classes, each in (("two", "ab", 8), ("one", "a", 8), ("many", "abcdefgh", 1)):
        for name in classes:
            (where / folder / name).mkdir(parents=True)
            for number in range(each):
                Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(where / folder / name / f"{number}.png")
    text = [" ".join(f"w{word}" for word in rng.integers(0, 40, 12)) for _ in range(150)]
    (where / "text.txt").write_text("\n".join(text))
    for run, data, how in (
        ("table", where / "t.csv", {"method": "linear", "n_components": 2}),
        ("other", where / "t.csv", {"method": "denoising", "epochs": 1}),
        ("array", x[:, :3], {"method": "linear"}),
        ("images", where / "two", {"method": "linear", "n_components": 4}),
        ("words", where / "text.txt", {"method": "skipgram", "epochs": 1, "min_count": 1, "dim": 8, "threads": 1}),
    ):
        selfsup.fit(data, out=where / run, **how, **BARE)
    return where


LABELS = [  # labels -> what is said of them by evaluate
    (np.zeros(ROWS, int), "all of one class"),
    (np.full(ROWS, 0.5), "all one number"),
    ([f"w{row}" for row in range(ROWS)], f"each of these {ROWS} labels is a class of its own"),
    ([np.nan, *rows()[1][1:]], r"row 0 is missing"),
    ([np.nan] * ROWS, r"row 0 is missing"),
    ([np.inf, *rows()[1][1:]], "row 0 is infinite"),
    ([None, *["a", "b"] * (ROWS // 2 - 1), "b"], "row 0 is missing"),
    ([0, 1], f"got 2 labels for {ROWS} rows"),
    ([0, 1] * ROWS, f"got {2 * ROWS} labels for {ROWS} rows"),
    ([], f"got 0 labels for {ROWS} rows"),
    (3, "one value a row"),
    (np.zeros(ROWS, complex), "whole numbers or strings"),
    ("nowhere.txt", "cannot read the labels in nowhere.txt"),
]
TAKEN = 3  # of these are labels, of which training only remarks that they tell nothing


@pytest.mark.parametrize(("labels", "words"), LABELS)
def test_labels_that_tell_nothing(place, labels, words):
    x, _ = rows()
    told = one_sentence(
        lambda: selfsup.evaluate(place / "table", pd.DataFrame(x, columns=list("abcd")), labels=labels, **QUIET)
    )
    assert re.search(words, told)


@pytest.mark.parametrize(("labels", "words"), LABELS[:TAKEN])
def test_training_needs_no_labels_but_says_that_they_tell_nothing(labels, words):
    model = selfsup.fit(rows()[0], "linear", labels=labels, **QUIET)
    assert model.evaluation.rows("probe") == model.evaluation.rows("probe_numbers") == []
    assert any("one class" in note or "no class" in note or "same number" in note for note in model.evaluation.notes)


@pytest.mark.parametrize(("labels", "words"), LABELS[TAKEN:])
def test_training_refuses_what_are_no_labels(labels, words):
    with pytest.raises(DataError, match=words):
        selfsup.fit(rows()[0], "linear", labels=labels, **QUIET)


def test_test_rows_of_one_class_tell_nothing(place):
    x, _ = rows()
    found = selfsup.evaluate(selfsup.fit(x, "linear", **BARE), x, labels=[1] + [0] * (ROWS - 1), **QUIET)
    assert found.rows("probe") == []
    assert any("all of one class, which any guess of it meets" in note for note in found.notes)
    assert "probe" not in found.verdict["because"]


@pytest.mark.filterwarnings("error")
def test_few_rows_a_class_are_no_warning():
    x = rows()[0][::5]
    found = selfsup.evaluate(selfsup.fit(x, "linear", **BARE), x, labels=list("aabbccdd"), **QUIET)
    assert found.verdict["kind"] != "learning"


def one_sentence(call):
    """What is said of a failure: an error of ours, on one line."""
    with pytest.raises(SelfsupError) as caught:
        call()
    told = str(caught.value)
    assert told
    assert "\n" not in told
    assert "Traceback" not in told
    return told


@pytest.mark.parametrize(
    ("run", "data", "words"),
    [
        ("table", np.zeros((9, 7)), "the model takes vectors of 4 values"),
        ("table", np.random.default_rng(0).random((9, 8, 8)), "the model takes vectors of 4 values.*got grey images"),
        ("table", "two", "the model takes vectors of 4 values; these are images"),
        ("table", ["the sea", "the ship"], "the model takes vectors of 4 values; got 2 words or texts"),
        ("table", pd.DataFrame({"e": [1.0, 2], "f": [3.0, 4]}), "lacks columns 'a', 'b', 'c', 'd'"),
        ("images", "t.csv", "the model takes grey images of 8x8; t.csv is a table"),
        ("images", np.zeros((9, 4)), "the model takes grey images of 8x8"),
        ("words", np.zeros((9, 4)), "texts are expected, one string each; got an array of numbers"),
        ("words", (["zz yy", "qq pp"] * 10, ["a", "b"] * 10), "no word of these texts has a vector"),
        (
            "words",
            (["w1 w2", "w3 w4"] * 10, [f"c{row}" for row in range(20)]),
            "each of these 20 labels is a class of its own",
        ),
        ("words", (["w1 w2", "w3 w4"] * 10, ["a"] * 20), "all of one class"),
        ("words", (["w1 w2", "w3 w4"] * 10, ["a", "b"]), "got 2 labels for 20 texts"),
        ("words", (["w1 w2", "w3 w4"] * 10, [None, *["a", "b"] * 9, "b"]), "no text or no label, the first is row 0"),
        ("array", np.full((9, 3), np.nan), "values are missing"),
        ("array", np.ones((9, 3)), "all 9 rows are the same, to the bit"),
        ("array", np.ones((1, 3)), "at least 2 rows; got 1"),
        ("array", None, "give data to measure it on"),
        ("array", 3, "cannot use a int as data"),
    ],
)
def test_data_of_another_kind(place, run, data, words):
    data = place / data if isinstance(data, str) else data
    assert re.search(words, one_sentence(lambda: selfsup.evaluate(place / run, data, **QUIET)))


@pytest.mark.parametrize(
    ("names", "data", "words"),
    [
        (["table"], None, "takes 2 to 20 runs; got 1"),
        ([], None, "takes 2 to 20 runs; got 0"),
        (["table", "nowhere"], None, "there is no run folder"),
        (
            ["table", "images"],
            None,
            "different kinds of data cannot be compared: table from tables and images from images",
        ),
        (["table", "words"], None, "words is of words"),
        (["other", "other"], None, "were not evaluated; give data"),
        (["table", "array"], "t.csv", "the model takes vectors of 3 values"),
        (["table", "other"], "two", "the model takes vectors of 4 values"),
        (["table", "other"], "t.csv", "did not hold out the same rows"),
    ],
)
def test_runs_that_cannot_be_compared(place, names, data, words, capsys):
    paths = [place / name for name in names]
    data = None if data is None else place / data
    assert re.search(words, one_sentence(lambda: selfsup.compare(paths, data, **QUIET)))
    given = [] if data is None else ["--data", str(data)]
    assert main(["compare", *map(str, paths), *given]) != 0
    said(capsys, "selfsup: ")


def test_what_are_no_runs(place):
    for runs, words in (
        ([3, 4], "got a int: 3"),
        ("ab", "takes a list of runs"),
        ([place / "table", None], "got a NoneType"),
    ):
        with pytest.raises(OptionError, match=words):
            selfsup.compare(runs, **QUIET)


def said(capsys, words):
    """What the command wrote to standard error: one message, which has these words."""
    told = capsys.readouterr().err
    assert re.search(words, told), told
    assert told.count("selfsup: ") == 1
    assert "Traceback" not in told
    return told


TABLES = [  # what becomes of the table with labels -> what is said
    (lambda frame: frame.assign(label=[None, *frame["label"][1:]]), "the labels in column 'label': row 0 is missing"),
    (lambda frame: frame[["label"]], "no column besides the labels"),
    (lambda frame: frame[:0], "is empty"),
    (lambda frame: frame[:1], "at least 2|one class"),
    (lambda frame: frame.assign(a=[1.0, *[None] * (ROWS - 1)]), "missing"),
    (
        lambda frame: pd.DataFrame({"id": [f"k{row}" for row in range(60)], "void": [None] * 60}),
        "2 troubles with u.csv; no column of u.csv is left to learn from|lacks columns",
    ),
]


@pytest.mark.parametrize(("change", "words"), TABLES)
def test_tables_on_the_command_line(place, tmp_path, change, words, capsys):
    path, out = tmp_path / "u.csv", str(tmp_path / "run")
    change(pd.read_csv(place / "t.csv")).to_csv(path, index=False)
    for flags in ([], ["--on-bad", "skip"]):
        words_ = ["fit", str(path), "--method", "linear", "--no-progress", "--out", out, *flags]
        if flags and main(words_) == 0:  # the trouble was a column that could be left out
            capsys.readouterr()
            continue
        assert flags or main(words_) == 1
        said(capsys, words)
        assert not os.path.exists(out)
    assert main(["evaluate", str(place / "table"), "--data", str(path), "--no-progress"]) == 1
    said(capsys, f"{words}|lacks columns")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.assign(label="u"), "all of one class"),
        (lambda frame: frame.assign(label=[f"w{row}" for row in range(ROWS)]), "a class of its own"),
        (lambda frame: frame.assign(a="p"), "row 0 holds 'p', but the model learnt numbers"),
        (lambda frame: frame.drop(columns="b"), "lacks column 'b'"),
    ],
)
def test_tables_that_a_model_cannot_be_judged_on(place, tmp_path, change, words, capsys):
    path = tmp_path / "u.csv"
    change(pd.read_csv(place / "t.csv")).to_csv(path, index=False)
    assert main(["evaluate", str(place / "table"), "--data", str(path), "--no-progress"]) == 1
    said(capsys, words)
    with pytest.raises(DataError, match=words):
        selfsup.evaluate(place / "table", path, **QUIET)


def test_folders_on_the_command_line(place, capsys):
    run = str(place / "images")
    assert main(["evaluate", run, "--data", str(place / "many"), "--no-progress"]) == 1
    said(capsys, "each of these 8 labels is a class of its own")
    (place / "none").mkdir(exist_ok=True)
    assert main(["evaluate", run, "--data", str(place / "none"), "--no-progress"]) == 1
    said(capsys, "holds no image")
    assert main(["evaluate", run, "--data", str(place / "t.csv"), "--no-progress"]) == 1
    said(capsys, "the model takes grey images of 8x8; t.csv is a table")
    assert main(["evaluate", run, "--data", str(place / "one"), "--no-progress"]) == 0  # one folder is no label
    with pytest.raises(DataError, match="got 2 labels for 16 rows"):
        selfsup.fit(place / "two", "linear", labels=[0, 1], **QUIET)


def test_a_label_column_that_there_is_not(place, capsys):
    for words in (
        ["fit", str(place / "t.csv"), "--method", "linear"],
        ["evaluate", str(place / "table"), "--data", str(place / "t.csv")],
    ):
        assert main([*words, "--label-column", "lable", "--no-progress"]) == 1
        said(capsys, "unknown column 'lable'; did you mean 'label'")


def test_samples_that_are_all_the_same():
    with pytest.raises(DataError, match="all 20 samples are the same"):
        selfsup.fit(np.ones((20, 3)), "linear", **QUIET)


@pytest.mark.parametrize("method", ["linear", "denoising"])
def test_one_row_to_measure_on_is_no_verdict(method):
    found = selfsup.fit(rows()[0][:8], method, epochs=None if method == "linear" else 1, **QUIET).evaluation.verdict
    assert found["kind"] == "undecided"
    assert found["sentence"].startswith("There was one row to measure on")


def test_labels_in_second_place():
    x, labels = rows()
    for named in ({}, {"method": "linear"}):
        model = selfsup.fit(x, labels, epochs=1 if not named else None, **named, **BARE)
        assert model.config["data"]["classes"] == ["0", "1"]
        with pytest.raises(OptionError, match="labels are given twice"):
            selfsup.fit(x, labels, labels=labels, **named, **BARE)
    with pytest.raises(DataError, match=f"got 2 labels for {ROWS} rows"):
        selfsup.fit(x, [0, 1], method="linear", **BARE)
