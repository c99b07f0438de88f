"""The verb transfer."""

import json

import numpy as np
import pandas as pd
import pytest

import selfsup
from selfsup.cli.main import main

SHORT = ("--counts", "10", "--draws", "2", "--no-progress")


def run(*words):
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Vectors in a file, and labelled texts in several."""
    root, rng = tmp_path_factory.mktemp("transfer"), np.random.default_rng(0)
    words = [f"{kind}{i}" for kind in ("good", "bad") for i in range(20)]
    rows = rng.normal(size=(40, 6)) * 0.3 + np.outer(np.repeat([2, -2], 20), np.eye(6)[0])
    selfsup.WordVectors(words, rows.astype(np.float32)).save(root / "v.bin")
    y = np.arange(80) % 2
    texts = [" ".join(rng.choice(words[20 * c : 20 * c + 20], 5)) + " the" for c in y]
    frame = pd.DataFrame({"number": y, "review": texts, "stars": np.where(y, "few", "many")})
    frame.iloc[:60].to_parquet(root / "train.parquet")
    frame.iloc[60:].to_csv(root / "test.csv", index=False)
    (root / "lines.txt").write_text("\n".join(f"{c} {text}" for c, text in zip(y, texts, strict=True)))
    return root


def test_vectors_and_a_table(folder, tmp_path, capsys):
    words = ("transfer", folder / "v.bin", "--data", folder / "train.parquet", "--text", "review", "--label", "stars",
             "--test", folder / "test.csv", *SHORT, "--out", tmp_path / "e.json", "--report", tmp_path / "page.html")  # fmt: skip
    assert run(*words) == 0
    said = capsys.readouterr().out
    for part in ("10 labels", "all labels", "\nfrozen codes", "\nTF-IDF", "\ncodes + TF-IDF", "With 10 labels"):
        assert part in said
    assert "most often the (80)" in " ".join(said.split())
    rows = json.loads((tmp_path / "e.json").read_text())["tables"]["transfer"]
    assert {row["tested"] for row in rows} == {20}
    page = (tmp_path / "page.html").read_text()
    assert "<svg" in page
    assert "What is it worth for a task with labels?" in page
    assert run(*words) == 1
    assert "overwrite" in capsys.readouterr().err


def test_a_run_keeps_it(folder, tmp_path, capsys):
    out = tmp_path / "run"
    (tmp_path / "t.txt").write_text("good1 good2 good3 bad1 bad2 bad3\n" * 60)
    assert run("fit", tmp_path / "t.txt", "--method", "skipgram", "--min-count", 1, "--dim", 4, "--epochs", 1, "--threads", 1,
               "--sample", 0, "--no-progress", "--out", out) == 0  # fmt: skip
    assert run("transfer", out, "--data", folder / "lines.txt", *SHORT) == 0
    assert f"kept in {out}" in capsys.readouterr().out
    assert "What is it worth for a task with labels?" in (out / "report.html").read_text()
    assert "## Transfer" in (out / "README.md").read_text()
    assert run("verify", out) == 0
    assert selfsup.load(out).evaluation.rows("transfer")
    assert "have no vector" in " ".join(selfsup.load(out).evaluation.notes)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("v.bin",), 2, "missing: --data"),
        (("v.bin", "--data", "train.parquet", "--text", "revue", "--label", "stars"), 1, "'review'"),
        (("v.bin", "--data", "train.parquet", "--text", "review", "--label", "star"), 1, "'stars'"),
        (("nothing.bin", "--data", "lines.txt"), 1, "nothing.bin"),
        (("v.bin", "--data", "nothing.csv"), 1, "nothing.csv"),
        (("v.bin", "--data", "lines.txt", "--holdout", "2"), 2, "holdout"),
        (("v.bin", "--data", "lines.txt", "--epochs", "2"), 2, "epochs"),
    ],
)
def test_wrong_words(folder, words, code, said, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    assert run("transfer", *words) == code
    assert said in capsys.readouterr().err


def test_help_names_what_is_compared(capsys):
    with pytest.raises(SystemExit):
        run("transfer", "--help")
    said = capsys.readouterr().out
    for flag in ("--counts", "--draws", "--test", "--report", "--backbone-rate"):
        assert flag in said
