"""The command of the README that needs no data: word vectors from the documentation of the installed packages."""

import re

import selfsup
from selfsup.cli.main import main

KIN = {
    "true": {"false", "bool", "boolean"},
    "list": {"tuple", "tuples", "lists", "sequence", "dict"},
    "rows": {"columns", "row", "column"},
    "float32": {"float64", "float16", "bfloat16", "int32", "complex64"},
}


def test_words_of_the_documentation_find_their_kin(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "docstrings", "--method", "skipgram", "--epochs", "1", "--out", "run", "--no-progress"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert len(re.findall(r"^near     \S+: (?:\S+ [\d.]+(?:, )?){5}$", told.out, re.M)) >= 5
    model = selfsup.load(tmp_path / "run")
    assert model.history[-1]["heldout"] < 0.8 * model.start["heldout"]
    found = {word: {other for other, _ in model.most_similar(word, 10)} & kin for word, kin in KIN.items()}
    assert sum(map(bool, found.values())) >= 3, found  # all four, with every seed that was tried
