"""The options of text in the word methods, and the kinds of text that `fit` takes."""

import json
from types import SimpleNamespace

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

import selfsup
from selfsup.data.facts import Facts
from selfsup.data.open import reading_options
from selfsup.data.text.form import TextForm
from selfsup.data.text.windows import Windows
from selfsup.errors import DataError, OptionError
from selfsup.methods import find
from selfsup.model.encode import build
from selfsup.options import options_of, parse

SMALL = {"dim": 8, "min_count": 1, "sample": 0.0, "epochs": 1, "threads": 1, "progress": False}
LINES = ["The cat's ship-wreck sails", "a Cat sails the sea", "the sea is wide"] * 30
LISTS = [line.lower().split() for line in LINES]


def fit(data, method="skipgram", **options):
    chosen = SMALL | options
    if chosen.get("solver") == "sgd":
        del chosen["threads"]  # an option of the fast solver
    return selfsup.fit(data, method, **chosen)


def cut(line):
    return line.split("-")


@pytest.mark.parametrize("method", ["skipgram", "cbow"])
def test_what_a_word_is(tmp_path, method):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES))
    assert {"cat's", "ship", "wreck"} < set(fit(path, method).words)
    assert {"cat's", "ship-wreck"} < set(fit(path, method, tokens="space").words)
    assert (
        fit(path, method, tokens="space", lower=False).words == fit([line.split() for line in LINES], lower=False).words
    )
    assert {"cat", "s"} < set(fit(path, method, tokens="[a-z]+").words)
    own = fit(path, method, tokens=cut, out=tmp_path / f"run-{method}")
    assert set(own.words) == {"the cat's ship", "wreck sails", "a cat sails the sea", "the sea is wide"}
    reading = json.loads((tmp_path / f"run-{method}" / "config.json").read_text())["reading"]
    assert reading["tokens"] == {"function": "test_words_options:cut"}
    run = tmp_path / f"run-{method}"
    assert selfsup.load(run).words == own.words
    with pytest.raises(OptionError, match=r"cut by the function test_words_options:cut, .* load\(run, given="):
        selfsup.load(run).encode(["wreck sails"])  # what a run folder names is not imported
    again = selfsup.load(run, given={"tokens": cut})
    plain = again.encode(["wreck sails"], weights="mean", remove=0, unit=False)
    assert np.array_equal(plain[0], own["wreck sails"])
    assert "ship-wreck" in fit(path, method, tokens=str.split).words  # has no module to be named by


def test_what_may_be_given_to_a_run_is_named(tmp_path):
    fit(LINES, out=tmp_path / "run")
    with pytest.raises(OptionError, match="unknown option in given 'nothing'; known: tokens"):
        selfsup.load(tmp_path / "run", given={"nothing": 1})
    with pytest.raises(OptionError, match="this run was trained with dim 8; it takes no dim of yours"):
        selfsup.load(tmp_path / "run", given={"dim": 9})


def test_rules_that_are_none():
    for tokens, error, said in (
        ("[", OptionError, "no regular expression"),
        (3, OptionError, "must be a word or a function; got 3"),
        (lambda line: line, DataError, "must return a list of words; it returned one string"),
        (lambda line: None, DataError, "must return a list of words; it returned a NoneType"),
        (lambda line: [1], DataError, "tokens must be strings"),
    ):
        with pytest.raises(error, match=said):
            fit(LINES, tokens=tokens)


def test_words_that_are_kept(caplog):
    words = fit([*LINES, "rare words here"], min_count=30, keep=["rare", "Here"]).words
    assert {"rare", "here", "sea"} <= set(words)
    assert "words" not in words
    model = fit(LINES, keep=("sea", "absent"))
    assert "absent" not in model.words
    assert "does not hold 'absent', which option 'keep' names" in caplog.text
    with pytest.raises(OptionError, match="'keep' must be a list of values, each a word; got 'sea'"):
        fit(LINES, keep="sea")
    with pytest.raises(OptionError, match="'max_vocab' must leave room for the 3 words"):
        fit(LINES, keep=["a", "sea", "is"], max_vocab=2)


def test_options_as_they_are_typed():
    known = {**options_of(find("cbow")[1]), **reading_options("text")}
    assert parse(known["keep"], "sea,ship, 7") == ("sea", "ship", "7")
    assert parse(known["tokens"], r"\w+") == r"\w+"
    assert parse(known["phrase_threshold"], "0.3") == 0.3
    assert known["keep"].metavar == "WORD,WORD,..."
    assert known["fixed_window"].is_switch
    for name in ("tokens", "keep", "phrase_threshold", "phrase_score", "fixed_window"):
        assert known[name].help, name


def test_phrases_by_score_and_threshold():
    lines = ["new york is big", "in new york", "big is new", "york in"] * 50
    assert "new_york" in fit(lines, phrases=1, phrase_threshold=0.1).words
    assert "new_york" not in fit(lines, phrases=1, phrase_threshold=0.99).words
    assert "new_york" in fit(lines, phrases=1, phrase_score="original", phrase_threshold=0.1).words
    with pytest.raises(OptionError, match="'phrase_score' must be one of 'npmi', 'original'"):
        fit(lines, phrase_score="pmi")


def declared(**options):
    """The declared problem on 50 evenly frequent words, and windows of a text of them."""
    ids = np.arange(200, dtype=np.int32) % 50
    form = TextForm.of([f"w{number}" for number in range(50)], np.full(50, 4))
    method = build(find("skipgram")[1](**{"sample": 0.0, "window": 4, **options}), Facts(form), 0)
    return method, Windows(ids, 4)[torch.arange(200)]


def test_a_fixed_window_reaches_as_far_for_every_word():
    rng = torch.Generator().manual_seed(0)
    method, x = declared(fixed_window=True)
    _, words, used = method.around(x, rng)
    inside = torch.cat([x[:, :4], x[:, 5:]], 1) >= 0
    assert torch.equal(used.bool(), inside)
    assert torch.equal(words[inside], torch.cat([x[:, :4], x[:, 5:]], 1)[inside])
    method, x = declared()
    _, _, used = method.around(x, rng)
    share = used[4:-4].mean(0)  # of a window drawn from 1 to 4, the word at distance d is in (5 - d) / 4
    assert share[[3, 4]].tolist() == [1, 1]
    assert share[[0, 7]].mean() == pytest.approx(0.25, abs=0.08)


@pytest.mark.parametrize("method", ["skipgram", "cbow"])
def test_both_solvers_follow_the_fixed_window(method):
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice([f"{topic}{i}" for i in range(10)], 12)) for topic in ("sea", "city") * 150]
    fast = fit(lines, method, fixed_window=True, window=4, epochs=20)
    slow = fit(lines, method, fixed_window=True, window=4, epochs=20, lr=2e-2, solver="sgd")
    assert fast.config["training"]["fixed_window"]
    assert fast.start["heldout"] == pytest.approx(slow.start["heldout"], rel=0.05)
    assert fast.history[-1]["heldout"] == pytest.approx(slow.history[-1]["heldout"], rel=0.1)
    if method == "skipgram":  # every window is full: 4 words on either side, where else there are 2.5
        nearer = fit(lines, method, window=4, epochs=1)
        assert fast.start["heldout"] / nearer.start["heldout"] > 1.3


SOURCES = {
    "generator of lists": lambda: (one for one in LISTS),
    "generator of texts": lambda: (" ".join(one) for one in LISTS),
    "tuple": lambda: tuple(LISTS),
    "array": lambda: np.array([" ".join(one) for one in LISTS]),
    "pandas": lambda: pd.DataFrame({"text": [" ".join(one) for one in LISTS], "n": 1}),
    "pandas with gaps": lambda: pd.DataFrame({"text": [None, *(" ".join(one) for one in LISTS), np.nan]}),
    "pandas lists": lambda: pd.DataFrame({"text": LISTS}),
    "polars": lambda: pl.DataFrame({"text": [None, *(" ".join(one) for one in LISTS)], "n": 1}),
    "polars lists": lambda: pl.DataFrame({"text": LISTS}),
    "series": lambda: pd.Series(LISTS),
    "datasets": lambda: datasets.Dataset.from_dict(
        {"text": [" ".join(one) for one in LISTS], "label": [0] * len(LISTS)}
    ),
    "datasets of splits": lambda: datasets.DatasetDict(train=datasets.Dataset.from_dict({"tokens": LISTS})),
    "streamed datasets": lambda: datasets.Dataset.from_dict({"text": LISTS}).to_iterable_dataset(),
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_kind_of_text_trains_the_same_vectors(name):
    found, expected = (fit(source, tokens="space") for source in (SOURCES[name](), LISTS))
    assert found.words == expected.words
    np.testing.assert_array_equal(found.vectors, expected.vectors)


def test_frames_without_a_clear_column():
    frame = pd.DataFrame({"a": ["x y"], "b": ["z"], "n": [1]})
    for data, column, said in (
        (frame, None, r"has 2 columns of text \(a, b\); choose one by column="),
        (frame, "c", "unknown column 'c'"),
        (frame, "n", "column 'n' holds values of type int, neither text nor lists of tokens"),
        (pd.DataFrame({"a": [None]}), None, "has no columns of text"),
        (SimpleNamespace(), None, "cannot read a SimpleNamespace as text"),
    ):
        with pytest.raises(DataError, match=said):
            fit(data, column=column)
