"""The verbs of auto-encoders on the command line: reconstruct, score, sample, traverse, interpolate, export."""

import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import selfsup
from conftest import pictures, table
from selfsup.cli import main as cli

QUICK = ["--epochs", "1", "--no-progress", "--no-evaluate"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A table with words and gaps, grey and colour images, and runs of auto-encoders and of rotation."""
    here = tmp_path_factory.mktemp("verbs")
    frame = pd.DataFrame(table(60, 3), columns=["a", "b", "c"])
    frame["town"] = np.where(frame["a"] > 0, "Rome", "Oslo")
    frame.loc[::7, "b"] = np.nan
    frame.to_csv(here / "t.csv", index=False)
    np.save(here / "grey.npy", 10 + 5 * pictures(30, 1, 8, 8))
    for number, image in enumerate((pictures(20, 3) * 255).astype(np.uint8)):
        (here / "photos").mkdir(exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(here / "photos" / f"bïld {number:02d}.png")
    before = os.getcwd()
    os.chdir(here)
    try:
        for data, method, out, *more in (
            ("t.csv", "undercomplete", "table", "--n-components", "2"),
            ("grey.npy", "variational", "grey", "--n-components", "4", "--net", "mlp"),
            ("photos", "undercomplete", "photo", "--n-components", "4", "--net", "mlp"),
            ("photos", "sparse", "sparse", "--n-components", "32", "--activation", "topk", "--k", "4"),
            ("grey.npy", "rotation", "turned", "--net", "mlp"),
        ):
            assert cli.main(["fit", data, "--method", method, "--out", f"runs/{out}", *more, *QUICK]) == 0
    finally:
        os.chdir(before)
    return here


@pytest.fixture
def run(home, monkeypatch, capsys):
    """Run a command in the user's folder: exit code, output, errors."""
    monkeypatch.chdir(home)

    def command(*words):
        code = cli.main(list(words))
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


def well(found):
    assert found[0] == 0, found
    assert found[2] == ""
    return found[1]


def test_reconstruct_gives_a_table_with_its_columns(run, home):
    assert "60 samples, rebuilt from their codes, in r.csv" in well(
        run("reconstruct", "runs/table", "t.csv", "--out", "r.csv", "--no-progress")
    )
    frame = pd.read_csv("r.csv")
    assert list(frame.columns) == ["a", "b", "c", "town"]
    assert set(frame["town"]) <= {"Rome", "Oslo"}
    assert not frame.isna().any(axis=None)
    well(run("reconstruct", "runs/table", "t.csv", "--out", "sub/r.parquet", "--no-progress"))
    np.testing.assert_allclose(pd.read_parquet("sub/r.parquet")["a"], frame["a"], rtol=1e-5)
    well(run("reconstruct", "runs/table", "t.csv", "--out", "r.npy", "--no-progress"))
    assert np.load("r.npy").shape == (60, 5)


def test_fill_keeps_what_is_there(run, home):
    assert "missing values filled in" in well(
        run("reconstruct", "runs/table", "t.csv", "--fill", "--out", "f.csv", "--no-progress")
    )
    given, filled = pd.read_csv("t.csv"), pd.read_csv("f.csv")
    known = given["b"].notna()
    np.testing.assert_allclose(filled["b"][known], given["b"][known], rtol=1e-5)
    assert not filled["b"].isna().any()
    assert (filled["town"] == given["town"]).all()
    imputed = selfsup.load("runs/table").impute("t.csv")
    np.testing.assert_allclose(filled["b"], imputed["b"], rtol=1e-5)


def test_images_become_a_contact_sheet_in_their_own_range(run, home):
    well(run("reconstruct", "runs/grey", "grey.npy", "--out", "r.png", "--no-progress"))
    well(run("reconstruct", "runs/grey", "grey.npy", "--out", "g.npy", "--no-progress"))
    sheet = np.asarray(Image.open("r.png"))
    assert sheet.shape == (5 * 68 - 4, 6 * 68 - 4)  # 30 images of 8x8, 8 times as large
    found = np.load("g.npy")
    assert found.shape == (30, 1, 8, 8)
    form = selfsup.load("runs/grey").form
    unit = np.clip((found[7, 0] - form.low) / (form.high - form.low), 0, 1)
    np.testing.assert_array_equal(sheet[68 : 68 + 64 : 8, 68 : 68 + 64 : 8], np.rint(unit * 255))


def test_score_names_the_least_normal(run, home):
    out = well(run("score", "runs/photo", "photos", "--out", "s.csv", "--no-progress"))
    frame = pd.read_csv("s.csv")
    assert list(frame.columns) == ["name", "score"]
    assert len(frame) == 20
    assert f"mean {frame['score'].mean():.4g}"[:10] in out
    lowest = frame.sort_values("score")["name"][:5]
    assert [line.split(maxsplit=1)[1] for line in out.splitlines()[2:]] == list(lowest)
    out = well(run("score", "runs/table", "t.csv", "--out", "s.npy", "--no-progress"))
    scores = np.load("s.npy")
    assert (scores.shape, scores.dtype) == ((60,), np.float32)
    assert f"row {scores.argmin()}" in out.splitlines()[2]
    np.testing.assert_array_equal(scores, selfsup.load("runs/table").score_samples("t.csv"))


def test_sample(run, home):
    assert "16 new samples in new.png" in well(run("sample", "runs/grey", "--out", "new.png"))
    for seed, name in (("3", "a"), ("3", "b"), ("4", "c")):
        well(run("sample", "runs/grey", "--n", "5", "--seed", seed, "--out", f"{name}.npy"))
    a, b, c = (np.load(f"{name}.npy") for name in "abc")
    assert a.shape == (5, 1, 8, 8)
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    np.testing.assert_array_equal(a, selfsup.load("runs/grey").sample(5, seed=3))
    well(run("sample", "runs/table", "--n", "3", "--out", "new.csv"))
    assert list(pd.read_csv("new.csv").columns) == ["a", "b", "c", "town"]


def test_traverse_and_interpolate_lie_in_a_row(run, home):
    well(run("traverse", "runs/photo", "--unit", "3", "--n", "5", "--out", "t.png"))
    assert np.asarray(Image.open("t.png")).shape == (60, 5 * 64 - 4, 3)
    well(run("traverse", "runs/photo", "--unit", "3", "--out", "t.npy"))
    np.testing.assert_array_equal(np.load("t.npy"), selfsup.load("runs/photo").traverse(3))
    out = well(run("interpolate", "runs/photo", "photos", "--rows", "0,7", "--n", "4", "--out", "i.npy"))
    assert "from row 0 to row 7 in 4 steps in i.npy" in out
    model = selfsup.load("runs/photo")
    way, back = np.load("i.npy"), model.reconstruct("photos")
    np.testing.assert_allclose(way[[0, -1]], back[[0, 7]], atol=1e-3)
    well(run("interpolate", "runs/table", "t.csv", "--rows", "2,1", "--out", "i.csv", "--no-progress"))
    assert len(pd.read_csv("i.csv")) == 8


@pytest.mark.parametrize("part", ["encode", "decode"])
def test_export(run, home, part):
    pytest.importorskip("onnxscript")
    assert f"{part} in {part}.onnx" in run("export", "runs/table", "--out", f"{part}.onnx", "--part", part)[1]
    assert run("export", "runs/table", "--out", f"{part}.onnx")[0] == 1
    assert (home / f"{part}.onnx").read_bytes()


def test_nothing_is_overwritten_unless_asked(run, home):
    words = ["sample", "runs/grey", "--out", "once.npy"]
    well(run(*words))
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    assert "once.npy exists" in err
    well(run(*words, "--overwrite"))


WRONG = [
    (["sample", "runs/grey", "--out", "x.txt"], "--out must end in .npy, .csv, .parquet or .png; got 'x.txt'"),
    (["sample", "runs/grey", "--out", "x.csv"], "--out must end in .npy or .png for grey images of 8x8; got 'x.csv'"),
    (
        ["sample", "runs/table", "--out", "x.png"],
        "--out must end in .npy, .csv or .parquet for vectors of 5 values in 4 columns; got 'x.png'",
    ),
    (["score", "runs/table", "t.csv", "--out", "x.parquet"], "--out must end in .npy or .csv"),
    (["export", "runs/table", "--out", "x.pt"], "--out must end in .onnx or .safetensors; got 'x.pt'"),
    (["export", "runs/table", "--out", "x.onnx", "--part", "encod"], "did you mean 'encode'?"),
    (["sample", "runs/grey", "--n", "0", "--out", "x.npy"], "'--n' must be a whole number at least 1; got '0'"),
    (["sample", "runs/turned", "--out", "x.npy"], "has no decoder"),
    (["sample", "runs/sparse", "--out", "x.npy"], "no Gaussian was fitted"),
    (["reconstruct", "runs/turned", "grey.npy", "--out", "x.npy"], "method 'rotation' has no decoder", "not the data"),
    (["traverse", "runs/turned", "--unit", "0", "--out", "x.npy"], "no decoder"),
    (["interpolate", "runs/turned", "grey.npy", "--rows", "0,1", "--out", "x.npy"], "no decoder"),
    (["export", "runs/turned", "--out", "x.onnx", "--part", "decode"], "no decoder"),
    (["traverse", "runs/grey", "--unit", "4", "--out", "x.npy"], "'unit' must be from 0 to 3"),
    (["traverse", "runs/grey", "--unit", "-1", "--out", "x.npy"], "'--unit'", "got '-1'"),
    (["traverse", "runs/grey", "--out", "x.npy"], "missing: --unit"),
    (["interpolate", "runs/grey", "grey.npy", "--rows", "0", "--out", "x.npy"], "--rows takes two row numbers"),
    (["interpolate", "runs/grey", "grey.npy", "--rows", "0,30", "--out", "x.npy"], "from 0 to 29", "got 30"),
    (["reconstruct", "runs/grey", "grey.npy", "--fill", "--out", "x.npy"], "images have no missing values"),
]


@pytest.mark.parametrize(("words", "parts"), [(case[0], case[1:]) for case in WRONG], ids=lambda v: " ".join(v)[:50])
def test_wrong_usage_exits_2_and_writes_nothing(run, home, words, parts):
    code, out, err = run(*words)
    assert (code, out) == (2, ""), err
    assert err.startswith("selfsup: ")
    for part in parts:
        assert part in err
    assert not list(home.glob("x.*"))


def test_data_that_do_not_fit_exit_1(run, home):
    code, _, err = run("score", "runs/table", "grey.npy", "--out", "x.npy")
    assert code == 1
    assert "the model takes" in err
    assert not (home / "x.npy").exists()


def test_a_run_of_words_is_refused_in_a_sentence_where_samples_are_written(home, run):
    (home / "words.txt").write_text("the sea is wide and the city is far\n" * 60)
    words = ["fit", "words.txt", "--dim", "4", "--sample", "0", "--out", "runs/words"]
    assert run(*words, *QUICK)[0] == 0
    said = "this run learnt from text, and no text is written: see encode, and evaluate --analogies"
    for verb in (
        ["reconstruct", "runs/words", "words.txt"],
        ["sample", "runs/words"],
        ["traverse", "runs/words", "--unit", "1"],
        ["interpolate", "runs/words", "words.txt", "--rows", "0,1"],
    ):
        assert run(*verb, "--out", "w.npy") == (2, "", f"selfsup: {said}\n")
    assert not (home / "w.npy").exists()
    code, _, err = run("score", "runs/words", "words.txt", "--out", "w.npy")
    assert (code, err) == (0, "")
    scores = selfsup.load(home / "runs/words").score_samples(home / "words.txt")
    np.testing.assert_allclose(np.load(home / "w.npy"), scores)
    assert scores.shape == (540,)  # of every word, by what stands around it
