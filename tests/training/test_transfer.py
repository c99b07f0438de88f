"""Transfer: vectors, or a net, used for a task in every way, on the same draws of labels."""

import json

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

import selfsup
from selfsup.data.text.form import TextForm
from selfsup.errors import DataError, OptionError
from selfsup.measures.run import Attempt, Evidence, run
from selfsup.measures.samples.efficiency import MAJORITY, RAW, SCRATCH, TUNED
from selfsup.measures.samples.transfer import (
    BOTH,
    FROZEN,
    KEPT,
    TFIDF,
    lead,
    verdict,
)
from selfsup.report.page import write_evaluation
from selfsup.training import choosing
from selfsup.training.bagnet import fine_tuned
from selfsup.training.bags import count, shares, tfidf
from selfsup.training.transfer import plan

GROUPS = {"good": 1.0, "bad": -1.0, "w": 0.0}


def vocabulary(size=50):
    return {name: [f"{name}{i}" for i in range(size)] for name in GROUPS}


@pytest.fixture(scope="module")
def vectors():
    """Vectors in which words of one kind lie together."""
    rng, words, rows = np.random.default_rng(0), [], []
    for name, sign in GROUPS.items():
        words += vocabulary()[name]
        rows.append(rng.normal(size=(50, 8)) * 0.5 + 2 * sign * np.eye(8)[0])
    return selfsup.WordVectors(words, np.concatenate(rows).astype(np.float32), np.arange(1, 151) ** 2)


def texts(n, seed=0):
    """Each has 3 of 50 words of its class among 6 that say nothing: few labels show few of them."""
    rng, words, y = np.random.default_rng(seed), vocabulary(), np.arange(n) % 2
    return [" ".join([*rng.choice(words["good" if c else "bad"], 3), *rng.choice(words["w"], 6)]) for c in y], y


def quick(vectors, data, **more):
    return selfsup.transfer(vectors, data, **{"counts": (10, 40), "draws": 2, "progress": False, **more})


def accuracies(found):
    return {(row["way"], row["labels"]): row["accuracy"] for row in found.rows("transfer")}


@pytest.fixture(scope="module")
def found(vectors):
    return quick(vectors, texts(200), test=texts(300, 1))


def test_vectors_help_where_there_are_few_labels(found):
    known = accuracies(found)
    assert {way for way, _ in known} == {FROZEN, TUNED, KEPT, SCRATCH, TFIDF, BOTH, MAJORITY}
    assert known[FROZEN, 10] > 0.95
    assert known[FROZEN, 10] > known[TFIDF, 10] + 0.1
    assert known[KEPT, 10] > known[TUNED, 10] + 0.05  # 10 labels show few of the 100 words that tell
    assert known[BOTH, "all"] >= known[TFIDF, "all"]
    assert known[SCRATCH, 10] < known[FROZEN, 10] - 0.1
    assert found.verdict["kind"] == "helps"
    assert "With 10 labels" in found.verdict["sentence"]
    row = next(row for row in found.rows("transfer") if (row["way"], row["labels"]) == (FROZEN, 10))
    assert row["draws"] == 2
    assert row["lead"] == pytest.approx(known[FROZEN, 10] - known[TFIDF, 10])
    assert row["lead_error"] > 0


def test_it_is_the_same_again(found, vectors):
    assert quick(vectors, texts(200), test=texts(300, 1)).to_dict() == found.to_dict()


def test_it_can_be_saved_and_shown(found, tmp_path):
    again = selfsup.Evaluation.from_dict(json.loads(json.dumps(found.to_dict())))
    assert str(again) == str(found)
    assert "10 labels" in str(found)
    page = write_evaluation(found, "transfer of <b> to c", tmp_path / "page.html").read_text()
    assert "<svg" in page
    assert TFIDF in page
    assert "&lt;b&gt;" in page
    assert "every word of the texts has a vector" in page.lower()


def test_the_test_rows_choose_nothing(vectors, monkeypatch):
    """Other labels of the test rows change scores, and no guess; other test rows change no model."""
    guessed = []
    from selfsup.training import textways

    plainly = textways.TextWays.guesses

    def kept(self, rows, seed):
        guessed.append((rows, plainly(self, rows, seed)))
        return guessed[-1][1]

    monkeypatch.setattr(textways.TextWays, "guesses", kept)
    words, y = texts(60, 1)
    for labels in (y, np.random.default_rng(0).permutation(y)):
        quick(vectors, texts(80), test=(words, labels), counts=(40,), draws=1)
    quick(vectors, texts(80), test=(words[:30], y[:30]), counts=(40,), draws=1)
    first, second, few = guessed[:2], guessed[2:4], guessed[4:]
    for (rows, one), (again, other), (_, part) in zip(first, second, few, strict=True):
        np.testing.assert_array_equal(rows, again)
        for way in one:
            np.testing.assert_array_equal(one[way], other[way])
            np.testing.assert_array_equal(one[way][:30], part[way])


def test_draws_keep_the_proportions_and_lie_within_one_another():
    labels = np.repeat([0, 1, 2], [70, 25, 5])
    tasks, left = plan(labels, (2, 10, 40, 100), 3, 0)
    assert left == [2, 100]  # too few for the classes; no fewer than all
    assert [task.per_class for task in tasks] == [10, 40, "all"]
    assert len(tasks[-1].draws) == 1
    for small, large in zip(tasks[0].draws, tasks[1].draws, strict=True):
        assert len(small) == len(set(small)) == 10
        assert set(small) <= set(large)
        assert np.bincount(labels[small], minlength=3).min() >= 1
        assert np.abs(np.bincount(labels[large]) - [28, 10, 2]).max() <= 1
    assert not np.array_equal(tasks[0].draws[0], tasks[0].draws[1])


def test_bags_and_tfidf_are_those_of_scikit_learn():
    some, _ = texts(30)
    form = TextForm.of(["good1"])
    counted = count(["", *some], form)
    assert counted.single.shape == (31, len(counted.words))
    assert counted.single[[0]].nnz == counted.pairs[[0]].nnz == 0
    for table, size in ((counted.single, (1, 1)), (counted.pairs, (2, 2))):
        theirs = CountVectorizer(ngram_range=size).fit_transform(["", *some])
        assert (table.toarray().sum(1) == theirs.toarray().sum(1)).all()
        np.testing.assert_array_equal(np.sort(table.toarray().sum(0)), np.sort(theirs.toarray().sum(0)))
    theirs = CountVectorizer(vocabulary=counted.words).fit_transform(["", *some])
    for sublinear in (False, True):
        ours = tfidf(counted.single[:20], counted.single, sublinear=sublinear)[1].toarray()
        scale = TfidfTransformer(sublinear_tf=sublinear).fit(theirs[:20])
        seen = theirs[:20].toarray().any(0)
        known = theirs.multiply(seen).tocsr()
        known.eliminate_zeros()
        expected = scale.transform(known).toarray()
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_pairs_do_not_cross_texts():
    counted = count(["a b", "c", "d e f"], TextForm.of(["a"]))
    assert counted.pairs.shape == (3, 3)
    np.testing.assert_array_equal(counted.pairs.sum(axis=1), [1, 0, 2])


def test_shares_add_up_to_one():
    counted = count(["a b b", "", "c"], TextForm.of(["a"]))
    found = shares(counted.single, np.array([1, 2, 0], np.float32)).toarray()
    twice = 2 * (1 + np.log(2))  # b stands there twice
    np.testing.assert_allclose(found, [[1 / (1 + twice), twice / (1 + twice), 0], [0, 0, 0], [0, 0, 0]], atol=1e-6)


def test_nothing_is_chosen_by_too_few_labels():
    usual = choosing.Choice(0, 1.0)
    labels = np.arange(10) % 2
    assert choosing.choose([], (0.1, 1.0), usual, labels, 0) == usual
    parts = choosing.folds(np.arange(40) % 2, 0)
    assert len(parts) == 5
    assert sorted(np.concatenate([held for _, held in parts])) == list(range(40))


def test_features_that_tell_are_chosen():
    rng, y = np.random.default_rng(0), np.arange(60) % 2
    noise, good = rng.normal(size=(60, 3)), np.column_stack([y, y, y]) + 0.1 * rng.normal(size=(60, 3))
    makes = [lambda fit, held, x=x: (x[fit], x[held]) for x in (noise, good)]
    assert choosing.choose(makes, (0.1, 1.0, 10.0), choosing.Choice(0, 1.0), y, 0).features == 1


def test_a_net_that_is_not_trained_is_its_probe(vectors, monkeypatch):
    monkeypatch.setattr("selfsup.training.bagnet.EPOCHS", 0)
    some, y = texts(60)
    counted = count(some, TextForm.of(vectors.words))
    table = vectors.vectors_of(counted.words)
    parts = shares(counted.single, np.ones(len(counted.words), np.float32))
    net = fine_tuned(parts, table, y, 2, 0)
    np.testing.assert_allclose(net.table, table, atol=1e-5)
    guessed = (parts @ net.word_scores() + net.bias).argmax(1)
    assert (guessed == y).mean() > 0.95


def test_the_lead_has_the_error_of_pairs():
    mine, other = np.array([[1.0, 1, 0, 1]]), np.array([[1.0, 0, 0, 1]])
    size, error = lead(mine, other)
    assert size == 0.25
    assert error == pytest.approx(np.std([0, 1, 0, 0], ddof=1) / 2)
    two, wide = lead(np.repeat(mine, 2, 0), np.array([[1.0, 1, 0, 1], [1, 0, 0, 0]]))
    assert two == 0.25
    assert wide > 0.25  # the draws differ by half


def test_the_verdict_says_what_wins():
    y = np.arange(100) % 2
    wrong = np.where(np.arange(100) < 40, 1 - y, y)
    attempts = [Attempt(FROZEN, "all", 50, wrong), Attempt(TFIDF, "all", 50, y)]
    (table,) = run(Evidence(transferred=attempts, y_test=y), ("transfer",))
    said = verdict(table)
    assert said["kind"] == "no help"
    assert "TF-IDF wins: TF-IDF 100.0 % beside frozen codes 60.0" in said["sentence"]
    (same,) = run(
        Evidence(transferred=[Attempt(w, "all", 50, wrong) for w in (FROZEN, TFIDF)], y_test=y), ("transfer",)
    )
    assert "nothing clearly wins" in verdict(same)["sentence"]


def test_words_without_a_vector_are_told(vectors):
    some, y = texts(60)
    some = [text + " strange" * (place % 2 + 1) + " rare" * (place == 0) for place, text in enumerate(some)]
    said = quick(vectors, (some, y), counts=(40,), draws=1).notes[0]
    assert "2 different ones, most often strange (90), rare (1)" in said
    assert said.startswith("14.4 %")


def test_words_that_only_their_ngrams_give_are_covered():
    words = [word for name in GROUPS for word in vocabulary(6)[name]]
    model = selfsup.fit([words] * 40, "skipgram", subwords=True, min_count=1, sample=0, dim=4, epochs=1, threads=1,
                        buckets=2000, evaluate=False, progress=False)  # fmt: skip
    some = [f"{'good1' if c else 'bad2'} goodish{c}" for c in np.arange(40) % 2]
    assert quick(model, (some, np.arange(40) % 2), counts=()).notes == ["every word of the texts has a vector"]


def test_a_run_of_samples(tmp_path):
    rng, y = np.random.default_rng(0), np.arange(240) % 3
    x = (np.random.default_rng(9).normal(size=(3, 6))[y] * 2 + rng.normal(size=(240, 6))).astype(np.float32)
    model = selfsup.fit(x, "undercomplete", n_components=4, hidden=8, epochs=2, evaluate=False, progress=False)
    found = selfsup.transfer(model, (x, y), counts=(9, 30), draws=2, epochs=4, progress=False)
    known = accuracies(found)
    assert {way for way, _ in known} == {"frozen + probe", TUNED, SCRATCH, RAW, MAJORITY}
    assert {labels for _, labels in known} == {9, 30, "all"}
    assert known[RAW, "all"] > 0.8
    assert "raw input" in found.verdict["sentence"]
    with pytest.raises(OptionError, match="for word vectors and texts"):
        selfsup.transfer(model, (x, y), test=(x, y))
    with pytest.raises(OptionError, match="option of finetune"):
        selfsup.transfer(model, (x, y), lauer=3)


@pytest.mark.parametrize(
    ("data", "more", "error", "match"),
    [
        ((["a"] * 9, [1] * 9), {}, DataError, "all of one class"),
        ((["good1 w1"] * 9, [1, 0, None] * 3), {}, DataError, "no label"),
        (["good1 w1"] * 9, {}, DataError, "no labels"),
        ((["xx yy", "zz"] * 9, [1, 0] * 9), {}, DataError, r"no word of these texts has a vector \(xx, yy, zz\)"),
        ((["", ""] * 9, [1, 0] * 9), {}, DataError, "they have no words"),
        ((["good1", "bad1"] * 9, [1, 0] * 9), {"test": (["w1"], [2])}, DataError, "classes that the training part lacks: '2'"),
        ((["good1", "bad1"] * 9, [1, 0] * 9), {"test": (["w1"], [1]), "holdout": 0.1}, OptionError, "not both"),
        ((["good1", "bad1", "w1"], [1, 0, 2]), {"holdout": 0.5}, DataError, "left to learn from"),
        ((["good1", "bad1"] * 9, [1, 0] * 9), {"counts": (1,)}, OptionError, "counts"),
        ((["good1", "bad1"] * 9, [1, 0] * 9), {"epochs": 3}, OptionError, "option of transfer 'epochs'"),
    ],
)  # fmt: skip
def test_bad_input(vectors, data, more, error, match):
    with pytest.raises(error, match=match):
        quick(vectors, data, **more)


def test_what_is_no_source_of_vectors():
    with pytest.raises(OptionError, match="got a int"):
        selfsup.transfer(3, texts(20))
    with pytest.raises(selfsup.SelfsupError, match="nowhere"):
        selfsup.transfer("nowhere.bin", texts(20))
