"""Texts through a model of words: codes, what they are made with, evidence on labels, and vectors from elsewhere as a model."""

import inspect
import json
import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import selfsup
from selfsup.cli.main import main
from selfsup.data.text.labelled import open_labelled
from selfsup.errors import DataError, OptionError, RunError
from selfsup.measures.run import Features
from selfsup.measures.samples import knn, probe
from selfsup.model.words import NoWords
from selfsup.sklearn import Encoder
from selfsup.words.asking import Asking
from selfsup.words.texts import text_vectors

PLAIN = {"weights": "mean", "remove": 0, "unit": False}
SEA = ["sea", "ship", "wave", "sail", *(f"s{number}" for number in range(11))]
TOWN = ["town", "street", "house", "door", *(f"t{number}" for number in range(11))]
HOW = {"dim": 40, "min_count": 1, "sample": 0.0, "epochs": 3, "threads": 1, "evaluate": False, "progress": False}


def made(n, seed=0):
    """Texts of two topics and a few words of both, with their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    texts = [" ".join(rng.choice([*(TOWN if one else SEA), "the", "and"], 9)) for one in labels]
    return texts, labels


@pytest.fixture(scope="module")
def model():
    return selfsup.fit(made(400)[0], "skipgram", **HOW)


@pytest.fixture(scope="module")
def bare():
    """Vectors from elsewhere, without counts."""
    rng = np.random.default_rng(0)
    return selfsup.WordVectors([*SEA[:4], *TOWN[:4]], rng.normal(size=(8, 20)).astype(np.float32))


def test_the_default_and_its_parts(model):
    texts = made(50, seed=1)[0]
    vectors, held = model.word_vectors, model.form.encode(texts)
    np.testing.assert_array_equal(model.encode(texts, **PLAIN), text_vectors(vectors, held, unit=False))
    expected = text_vectors(vectors, held, model._weights("tfidf", held))
    axes = model.texts.components["tfidf"]
    np.testing.assert_allclose(model.encode(texts, remove=3), expected - expected @ axes[:3].T @ axes[:3], atol=1e-6)
    np.testing.assert_array_equal(model.encode(texts), model.encode(texts, weights="tfidf", remove=2))  # of 40 values
    small = selfsup.fit([" ".join(TOWN[:4])] * 50, "skipgram", **HOW)  # four words: their first axes are all there is
    np.testing.assert_array_equal(small.encode(["town door"]), small.encode(["town door"], remove=0))
    given = model.encode(texts, weights="sif", remove=1, components="given")
    assert np.abs(given @ np.linalg.svd(model.encode(texts, weights="sif", remove=0))[2][0]).max() < 1e-5


def test_a_code_depends_on_its_text_alone(model):
    texts = [*made(20, seed=2)[0], "", "unheard", "sea, SEA!"]
    alone = np.concatenate([model.encode([text]) for text in texts])
    np.testing.assert_array_equal(model.encode(texts[::-1])[::-1], alone)
    assert (alone[[20, 21]] == 0).all()
    assert np.isfinite(alone).all()


def test_a_text_without_a_known_word_is_counted(model, caplog):
    with caplog.at_level(logging.WARNING, "selfsup"):
        codes = model.encode(["unheard of", "sea ship"])
    assert "1 of 2 texts hold no word" in caplog.text
    assert (codes[0] == 0).all()
    assert codes[1].any()
    np.testing.assert_allclose(model.covered(["unheard of", "sea of", "", "sea"]), [0, 0.5, 0, 1])


def test_what_is_learnt_of_the_text_is_saved(model, tmp_path):
    texts = made(30, seed=3)[0]
    model.save(tmp_path / "run")
    again = selfsup.load(tmp_path / "run")
    np.testing.assert_array_equal(again.encode(texts), model.encode(texts))
    assert again.texts.sentences == 400
    (tmp_path / "run" / "texts.safetensors").write_bytes(b"nothing")
    with pytest.raises(RunError):
        selfsup.load(tmp_path / "run")


def test_what_cannot_be_had_is_said(model, bare):
    texts = ["sea ship", "town"]
    from_elsewhere = selfsup.model.pretrained.model_of(bare)
    for ask, said in (
        (lambda: model.encode(texts, weights="idf"), "weights"),
        (lambda: model.encode(texts, remove=40), "from 0 to 39"),
        (lambda: model.encode(texts, remove=21), "has 20 components"),
        (lambda: model.encode(texts, components="own"), "components"),
        (lambda: from_elsewhere.encode(texts, weights="sif"), "without counts"),
        (lambda: from_elsewhere.encode(texts, remove=1), "components='given'"),
    ):
        with pytest.raises(OptionError, match=said):
            ask()
    with pytest.raises(DataError, match="need more than 2 texts"):
        model.encode(texts, remove=2, components="given")
    image = selfsup.fit(np.random.default_rng(0).normal(size=(30, 4)), "linear", evaluate=False, progress=False)
    with pytest.raises(OptionError, match="weights"):
        image.encode(np.zeros((2, 4)), weights="sif")
    with pytest.raises(NoWords):
        image.covered(texts)


def test_tfidf_of_vectors_from_elsewhere_is_that_of_the_texts(bare):
    texts = ["sea ship", "sea town", "sea"]
    found = selfsup.model.pretrained.model_of(bare).encode(texts, weights="tfidf")
    idf = {"sea": 1, "ship": np.log(4 / 2) + 1}
    unit = {word: bare[word] / np.linalg.norm(bare[word]) for word in idf}
    expected = (unit["sea"] * idf["sea"] + unit["ship"] * idf["ship"]) / sum(idf.values())
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)
    np.testing.assert_allclose(found[2], unit["sea"], rtol=1e-5)


def test_a_model_has_every_verb_of_word_vectors(model):
    verbs = [name for name, _ in inspect.getmembers(Asking, inspect.isfunction) if not name.startswith("_")]
    assert {"most_similar", "similarity"} <= set(verbs)
    for name in verbs:
        assert inspect.signature(getattr(type(model), name)) == inspect.signature(getattr(selfsup.WordVectors, name))
        assert getattr(type(model), name).__doc__ == getattr(Asking, name).__doc__
    assert model.most_similar("sea", k=2) == model.word_vectors.most_similar("sea", k=2)
    assert "sea" in model
    assert len(model) == 32
    assert model.dim == 40


def test_a_file_of_vectors_is_a_model(bare, tmp_path):
    bare.save(tmp_path / "v.bin")
    loaded = selfsup.load(tmp_path / "v.bin")
    assert loaded.form.reading["lower"]
    assert not selfsup.model.pretrained.model_of(selfsup.WordVectors(["Sea"], np.ones((1, 3)))).form.reading["lower"]
    texts = ["Sea and ship", "a door"]
    np.testing.assert_allclose(loaded.encode(texts)[1], bare["door"] / np.linalg.norm(bare["door"]), rtol=1e-6)
    loaded.save(tmp_path / "run")
    again = selfsup.load(tmp_path / "run")
    np.testing.assert_array_equal(again.encode(texts), loaded.encode(texts))
    assert again.history == []
    np.testing.assert_array_equal(again.method.words().numpy(), bare.vectors)
    bare.save(tmp_path / "folder")
    assert selfsup.load(tmp_path / "folder").words == bare.words
    with pytest.raises(OptionError, match="no method"):
        selfsup.load(tmp_path / "v.bin", method="skipgram")
    with pytest.raises(OptionError, match="pretrained"):
        selfsup.fit(texts, "pretrained")
    with pytest.raises(OptionError, match="warm_start"):
        loaded.score_samples(texts)


def test_a_quantised_table_is_saved_as_it_is_meant(bare, tmp_path):
    small = selfsup.model.pretrained.model_of(bare.astype("int8"))
    small.save(tmp_path / "run")
    again = selfsup.load(tmp_path / "run")
    np.testing.assert_array_equal(again.encode(["sea door"]), small.encode(["sea door"]))
    np.testing.assert_array_equal(again.method.words().numpy(), small.rows(slice(None)))


def test_evidence_of_texts_with_labels(model, tmp_path):
    texts, labels = made(200, seed=4)
    found = selfsup.evaluate(model, texts, labels=labels)
    encoders = {row["encoder"] for row in found.rows("probe")}
    assert encoders == {"model", "raw input", "PCA", "plain mean", "random init"}
    best = {row["encoder"]: row for row in found.rows("probe") if row["labels_per_class"] == "all"}
    assert (best["model"]["width"], best["model"]["tested"], best["model"]["labels"]) == (40, 40, 160)
    assert best["plain mean"]["accuracy"] > 0.9
    pd.DataFrame({"review": texts, "other": range(200), "kind": np.where(labels, "town", "sea")}).to_csv(
        tmp_path / "t.csv", index=False
    )
    again = selfsup.evaluate(model, tmp_path / "t.csv", column="review", label_column="kind")
    assert [row["accuracy"] for row in again.rows("knn")] == [row["accuracy"] for row in found.rows("knn")]
    with pytest.raises(DataError, match="one class"):
        selfsup.evaluate(model, texts, labels=[1] * 200)
    with pytest.raises(DataError, match="no labels"):
        selfsup.evaluate(model, texts)


def test_evidence_and_report_of_vectors_from_elsewhere(bare, tmp_path, capsys):
    texts, labels = made(120, seed=5)
    (tmp_path / "t.txt").write_text("\n".join(f"{label} {text}" for label, text in zip(labels, texts, strict=True)))
    bare.save(tmp_path / "v.txt")
    told = str(tmp_path / "e.json")
    assert main(["evaluate", str(tmp_path / "v.txt"), "--data", str(tmp_path / "t.txt"), "--out", told]) == 0
    assert "plain mean" in capsys.readouterr().out
    assert "gap" not in json.loads((tmp_path / "e.json").read_text())["health"]
    loaded = selfsup.load(tmp_path / "v.txt")
    loaded.evaluation = selfsup.evaluate(loaded, tmp_path / "t.txt")
    loaded.save(tmp_path / "run")
    assert main(["report", str(tmp_path / "run")]) == 0
    assert "plain mean" in (tmp_path / "run" / "report.html").read_text()
    assert selfsup.load(tmp_path / "run").evaluation.to_dict() == loaded.evaluation.to_dict()


def test_sparse_rows_are_judged_like_dense_ones():
    rng = np.random.default_rng(0)
    from scipy.sparse import csr_array

    labels = rng.integers(0, 3, 90)
    dense = np.maximum(rng.normal(size=(90, 20)) + 2 * np.eye(3, 20)[labels], 0).astype(np.float32)
    sparse = csr_array(dense)
    rows = np.arange(60)
    for judge, least in ((knn.judge, 1.0), (probe.judge, 0.9)):  # the probe centres dense rows alone
        both = [judge(Features(x[:60], x[60:]), rows)(rows, labels[:60], 0).classes for x in (dense, sparse)]
        assert np.mean(both[0] == both[1]) >= least


@pytest.mark.parametrize(
    ("content", "name", "options", "classes"),
    [
        ("pos a b\nneg c d\npos e f\n", "t.txt", {}, ("neg", "pos")),
        ("10 a b\n9 c d\n10 e\n", "t.all", {}, ("9", "10")),
        ("__label__b x y\n__label__a z\n", "t.ft", {}, ("a", "b")),
        ('text,label\n"a, b",x\nNA,y\n', "t.csv", {}, ("x", "y")),
        ('text\tlabel\n"a quoted\t1\nwhole"\t2\n', "t.tsv", {}, ("1", "2")),
        ('{"t": "a", "y": 1}\n{"t": "b", "y": 0}\n', "t.jsonl", {"column": "t"}, ("0", "1")),
        ("a b\nc d\n", "t.txt", {"labels": ["u", "v"]}, ("u", "v")),
    ],
)
def test_labelled_texts_of_files(tmp_path, content, name, options, classes):
    (tmp_path / name).write_text(content)
    found = open_labelled(tmp_path / name, **options)
    assert found.classes == classes
    assert found.labels.dtype == np.int64
    assert all(isinstance(text, str) and text for text in found.texts)
    again = open_labelled(found)
    assert again.texts == found.texts
    np.testing.assert_array_equal(again.labels, found.labels)


def test_labelled_texts_of_a_folder_of_classes(tmp_path):
    for kind in ("neg", "pos"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "1.txt").write_text(f"a {kind}\ntext\n")
    found = open_labelled(tmp_path)
    assert (found.texts, found.labels.tolist(), found.classes) == (
        ["a neg\ntext", "a pos\ntext"],
        [0, 1],
        ("neg", "pos"),
    )


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (["a", None], {"labels": [0, 1]}, "row 1 .no text"),
        (["a", "b"], {"labels": [0, None]}, "row 1 .no label"),
        (["a", "b"], {"labels": [0]}, "1 labels for 2 texts"),
        (["a", "b"], {"labels": [0, 0.5]}, "not whole"),
        (["a", 3], {"labels": [0, 1]}, "no text but a int"),
        (["a"], {}, "no labels"),
        (b"ab", {}, "bytes"),
        (pd.DataFrame({"a": ["x"], "b": ["y"], "label": [1]}), {}, "2 columns of text"),
        (pd.DataFrame({"a": ["x"], "kind": [1]}), {}, "label_column="),
        (pd.DataFrame({"a": ["x"], "label": [1]}), {"column": "b"}, "unknown column"),
        ((["a"], [0]), {"labels": [1]}, "twice"),
    ],
)
def test_labelled_texts_that_cannot_be_read(data, options, said):
    with pytest.raises(DataError, match=said):
        open_labelled(data, **options)


def test_rows_without_a_label_are_left_out_where_asked(caplog):
    found = open_labelled(["a", None, "c"], labels=["x", "y", None], on_bad="skip")
    assert (found.texts, found.classes) == (["a"], ("x",))
    assert "2 of 3 rows" in caplog.text
    assert open_labelled(["a", "b"], labels=["y", "y"], classes=("x", "y")).labels.tolist() == [1, 1]


def test_texts_in_scikit_learn(model, tmp_path):
    texts, labels = made(80, seed=6)
    options = {key: value for key, value in HOW.items() if key in ("dim", "min_count", "sample", "threads")}
    learnt = make_pipeline(
        Encoder("skipgram", epochs=2, options=options, encode=PLAIN, random_state=0), LogisticRegression()
    )
    assert learnt.fit(texts, labels).score(np.array(texts), labels) > 0.9
    assert len(learnt[0].get_feature_names_out()) == 40
    ready = make_pipeline(Encoder(model=model.word_vectors), LogisticRegression())
    ways = [PLAIN, {"weights": "sif", "remove": 0}]
    search = GridSearchCV(ready, {"encoder__encode": ways, "logisticregression__C": [1, 10]}, cv=2)
    assert search.fit(texts, labels).best_score_ > 0.9
    assert search.best_params_["encoder__encode"] in ways
    model.save(tmp_path / "run")
    codes = clone(Encoder(model=str(tmp_path / "run"))).fit(texts).transform(pd.Series(texts))
    np.testing.assert_array_equal(codes, model.encode(texts))
    for bad, said in (("one", "in a list"), (["a", None], "row 1"), (np.zeros((2, 2)), "row 0"), ([], "not empty")):
        with pytest.raises(DataError, match=said):
            ready.fit(texts, labels).predict(bad)


def test_the_command_line(model, tmp_path, capsys):
    run, out = str(tmp_path / "run"), str(tmp_path / "codes.npy")
    model.save(run)
    texts = made(10, seed=7)[0]
    (tmp_path / "t.txt").write_text("\n".join(texts))
    for words, how in (
        ([], {}),
        (
            ["--weights", "sif", "--remove", "1", "--components", "given"],
            {"weights": "sif", "remove": 1, "components": "given"},
        ),
    ):
        assert main(["encode", run, str(tmp_path / "t.txt"), *words, "--out", out, "--overwrite"]) == 0
        np.testing.assert_array_equal(np.load(out), model.encode(texts, **how))
    assert main(["encode", run, str(tmp_path / "t.txt"), "--weights", "idf", "--out", out]) != 0
    assert "sif" in capsys.readouterr().err
