"""The verb race."""

import json

import numpy as np
import pytest

from selfsup.cli.main import USAGE, main
from selfsup.measures import Evaluation
from selfsup.training import clock


def run(*words):
    return main([str(word) for word in words])


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(clock, "LEAST", 0.05)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng, y = np.random.default_rng(0), np.arange(80) % 2
    x = rng.normal(size=(80, 6)) + 2 * y[:, None]
    lines = [",".join([*map(str, row), ["no", "yes"][kind]]) for row, kind in zip(x, y, strict=True)]
    (tmp_path / "table.csv").write_text("\n".join([",".join([*"abcdef", "label"]), *lines]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_ranking_a_run_and_a_page(folder, capsys):
    words = ("race", "table.csv", "--minutes", 0.001, "--methods", "undercomplete:n_components=2", "denoising")
    assert run(*words, "--report", "race.html", "--no-progress") == 0
    said = capsys.readouterr()
    for part in (
        "codes from",
        "undercomplete:n_components=2",
        "denoising",
        "PCA",
        "run:    runs/race-table",
        "It took",
    ):
        assert part in said.out
    assert said.err.count("0.001 min are short for so many methods") == 1
    assert "The race" in (folder / "race.html").read_text()
    held = json.loads((folder / "runs" / "race-table" / "race.json").read_text())
    assert Evaluation.from_dict({key: held[key] for key in ("verdict", "health", "tables", "notes")}).verdict
    assert run("verify", "runs/race-table") == 0
    assert run("encode", "runs/race-table", "table.csv", "--out", "codes.npy") == 0
    assert np.load(folder / "codes.npy").shape[0] == 80
    config = json.loads((folder / "runs" / "race-table" / "config.json").read_text())
    assert config["data"]["given"] == "table.csv"
    assert {"race.json", "race.html"} <= config["files"].keys()


def test_json_and_nothing_else(folder, capsys):
    words = (
        "race",
        "table.csv",
        "--minutes",
        0.02,
        "--methods",
        "denoising",
        "--out",
        "here",
        "--no-progress",
        "--json",
    )
    assert run(*words) == 0
    assert json.loads(capsys.readouterr().out)["ranking"] == ["denoising"]
    assert run(*words) == 1
    assert "here exists" in capsys.readouterr().err


def test_what_is_wrong_is_a_sentence(folder, capsys):
    for words, said in (
        (("race",), "missing: DATA"),
        (("race", "table.csv", "--methods", "denoisin"), "did you mean 'denoising'"),
        (("race", "table.csv", "--minutes", "0"), "greater than 0"),
        (("race", "table.csv", "--methods", "rotation"), "cannot take part"),
        (("race", "nowhere.csv"), "nowhere.csv"),
        (("race", "table.csv", "--methods", "denoising:lr=fast"), "lr"),
    ):
        assert run(*words, "--no-progress") in (1, 2)
        assert said in capsys.readouterr().err
    (folder / "corpus.txt").write_text("the sea and the ship\n" * 30)
    assert run("race", "corpus.txt") == 2
    assert "a race is for images and tables" in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["corpus.txt", "table.csv"]


def test_the_verb_is_in_the_usage_and_has_groups(capsys):
    assert "selfsup race DATA --minutes 30" in USAGE
    with pytest.raises(SystemExit):
        run("race", "--help")
    said = capsys.readouterr().out
    for part in ("\ndata:", "\nrace:", "--label-column", "--minutes X", "--methods METHODS"):
        assert part in said
