"""Text methods that are no skip-gram, one file each, through the command line: all that skip-gram has, they have."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import selfsup
from selfsup.cli.main import main
from selfsup.testing import checks_of

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
METHODS = {
    name: f"{EXAMPLES / name.split(':')[0]}:{name.split(':')[1]}"
    for name in ("glove.py:Glove", "masked_words.py:MaskedWords")
}
every = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def cases():
    for name, method in METHODS.items():
        for check in checks_of(method):
            yield pytest.param(check, id=f"{name}-{check.name}".replace(" ", "_"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three subjects of forty words, of which some are far more frequent."""
    rng = np.random.default_rng(0)
    chance = 1 / np.arange(1, 41)
    lines = (rng.choice(40, 8, p=chance / chance.sum()) for _ in range(3000))
    path = tmp_path_factory.mktemp("text") / "corpus.txt"
    path.write_text("\n".join(" ".join(f"{'abc'[k % 3]}{word}" for word in line) for k, line in enumerate(lines)))
    return path


def run(*words):
    assert main([str(word) for word in words]) == 0


@pytest.mark.parametrize("check", list(cases()))
def test_an_example_keeps_the_contract(check):
    check.run()


@pytest.mark.parametrize("name", METHODS)
def test_an_example_is_short(name):
    assert len((EXAMPLES / name.split(":")[0]).read_text().splitlines()) <= 60


@every
def test_an_example_is_trained_evaluated_told_saved_and_loaded(method, corpus, tmp_path, capsys):
    out = tmp_path / "run"
    more = ("--epochs", 8, "--batch-size", 512, "--lr", 0.02)
    run("fit", corpus, "--method", method, "--dim", 12, *more, "--out", out, "--no-progress")
    said = capsys.readouterr().out
    assert re.search(r"^(LEARNING|UNDECIDED)", said, re.M), said
    assert "near" in said
    vectors = selfsup.WordVectors.load(out)
    assert vectors.vectors.shape == (120, 12)
    own = [sum(word[0] == near[0] for near, _ in vectors.most_similar(word, 5)) for word in ("a1", "b2", "c3")]
    assert min(own) >= 4, "words of a subject are near each other"

    (tmp_path / "questions.txt").write_text(": subjects\na0 a1 b0 b1\n")
    (tmp_path / "pairs.tsv").write_text("a0\ta1\t9\na0\tb1\t1\nb3\tb4\t8\nc0\tb4\t2\n")
    asked = ("--analogies", tmp_path / "questions.txt", "--similarity", tmp_path / "pairs.tsv")
    run("evaluate", out, *asked, "--method", method)
    tables = json.loads((out / "evaluation.json").read_text())["tables"]
    assert tables["similarity"][0]["spearman"] > 0.5
    assert "analogies" in tables
    run("report", out, "--out", tmp_path / "page.html")
    assert "most_similar" in (tmp_path / "page.html").read_text()

    model = selfsup.load(out, method=method)
    np.testing.assert_array_equal(model["a1"], vectors["a1"])
    assert model.encode(["a1 a2", "b3"]).shape == (2, 12)
    run("encode", out, corpus, "--out", tmp_path / "codes.npy", "--method", method)
    assert np.load(tmp_path / "codes.npy").shape == (3000, 12)


@every
def test_an_example_that_was_cut_goes_on_to_the_same_bits(method, corpus, tmp_path, cut):
    words = (
        "fit",
        corpus,
        "--method",
        method,
        "--dim",
        12,
        "--epochs",
        2,
        "--no-evaluate",
        "--no-progress",
        "--checkpoint-every",
        0,
    )
    assert main([str(word) for word in (*words, "--out", tmp_path / "cut")]) != 0
    cut()
    run(*words, "--out", tmp_path / "cut", "--resume")
    run(*words, "--out", tmp_path / "whole")
    found, whole = (selfsup.WordVectors.load(tmp_path / name) for name in ("cut", "whole"))
    np.testing.assert_array_equal(found.vectors, whole.vectors)
