"""The verbs finetune and predict."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from conftest import pictures
from selfsup.cli.main import main

QUICK = ("--no-progress", "--epochs", "3")


def run(*words):
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Folders of classes: bright bars on dark ground, and their negatives; and a run that learnt them without labels."""
    root = tmp_path_factory.mktemp("photos")
    for number, image in enumerate(pictures(60, 3, 16, 16)):
        folder = root / "data" / ("=negative" if number % 2 else "positive")
        folder.mkdir(parents=True, exist_ok=True)
        shown = 1 - image if number % 2 else image
        Image.fromarray((shown.transpose(1, 2, 0) * 255).astype(np.uint8)).save(folder / f"{number}.png")
    words = ("fit", root / "data", "--method", "rotation", "--net", "conv", "--hidden", "8,8", "--no-evaluate")
    assert run(*words, "--out", root / "base", *QUICK) == 0
    assert (
        run(
            "finetune", root / "base", "--data", root / "data", "--out", root / "tuned", "--epochs", 15, "--no-progress"
        )
        == 0
    )
    return root


def test_finetune_says_what_it_is_worth_and_what_is_next(photos, tmp_path, capsys):
    words = ("finetune", photos / "base", "--data", photos / "data", "--out", tmp_path / "run", *QUICK)
    assert run(*words, "--curve", "--counts", "2,5", "--draws", "2", "--backbone-rate", "0.5") == 0
    said = capsys.readouterr().out
    assert "2 classes learnt" in said
    assert "of 12 test rows are classified right, with 48 labels" in said
    for way in ("fine-tuned", "frozen + probe", "from scratch", "most frequent class"):
        assert f"\n{way}" in said
    assert "2 a class" in said
    assert f"selfsup predict {tmp_path / 'run'} DATA --out predictions.csv" in said
    tables = json.loads((tmp_path / "run" / "evaluation.json").read_text())["tables"]
    assert len(tables["label_efficiency"]) == 10
    assert run(*words) == 1
    assert "overwrite" in capsys.readouterr().err
    for verb in ("verify", "report"):
        assert run(verb, tmp_path / "run") == 0
    capsys.readouterr()
    assert run("evaluate", tmp_path / "run", "--data", photos / "data") == 0
    assert "On the 12 rows that were held out in training" in " ".join(capsys.readouterr().out.split())
    assert run("encode", tmp_path / "run", photos / "data", "--out", tmp_path / "z.npy") == 0
    assert np.load(tmp_path / "z.npy").shape == (60, 8)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npy"])
def test_predict_writes_names_labels_and_probabilities(photos, tmp_path, suffix, capsys):
    file = tmp_path / f"predictions{suffix}"
    assert run("predict", photos / "tuned", photos / "data", "--out", file) == 0
    assert "60 labels in" in capsys.readouterr().out
    if suffix == ".npy":
        labels = np.load(file)
        assert set(labels) == {"=negative", "positive"}
    else:
        table = pd.read_csv(file) if suffix == ".csv" else pd.read_parquet(file)
        assert list(table.columns) == ["name", "label", "probability"]
        assert table["probability"].between(0.5, 1).all()
        # a spreadsheet would take "=negative" for a formula
        true = np.asarray([name.rpartition("/")[0] for name in table["name"]])
        assert set(table["label"]) == {"'=negative" if suffix == ".csv" else "=negative", "positive"}
        assert np.mean(true == table["label"]) > 0.9
    assert run("predict", photos / "tuned", photos / "data", "--out", file) == 1


def test_what_cannot_be_done_is_said(photos, tmp_path, capsys):
    def refused(code, said, *words):
        assert run(*words) == code
        assert said in capsys.readouterr().err

    base, data = photos / "base", photos / "data"
    refused(2, "missing: --data", "finetune", base)
    refused(2, "did you mean '--backbone-rate'?", "finetune", base, "--data", data, "--backbone-rates", 1)
    refused(2, "unknown option '--size'", "finetune", base, "--data", data, "--size", 32)
    refused(2, "--resume needs the --out", "finetune", base, "--data", data, "--resume")
    refused(1, "fine-tuning needs labels", "finetune", base, "--data", data / "positive", "--out", tmp_path / "no")
    refused(2, "learns no classes; teach them", "predict", base, data, "--out", tmp_path / "p.csv")
    refused(
        2, "--out must end in .npy, .csv or .parquet", "predict", photos / "tuned", data, "--out", tmp_path / "p.png"
    )
    assert not list(tmp_path.iterdir())


def test_help_has_the_classifiers_options_and_none_that_follow_from_the_run(capsys):
    with pytest.raises(SystemExit, match="0"):
        run("finetune", "--help")
    said = capsys.readouterr().out
    assert "--backbone-rate" in said
    assert "--curve" in said
    assert "--lr" in said
    assert "--base" not in said
    assert " --size" not in said
    assert "evaluation only" not in said
