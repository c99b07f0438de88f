"""`fit` on text: the fast solver solves the declared problem, a run folder holds it, and what is wrong is said."""

import gzip
import json

import numpy as np
import pytest
import torch

import selfsup
from selfsup.cli.main import main
from selfsup.data.facts import Facts
from selfsup.data.text.form import TextForm
from selfsup.data.text.windows import Windows
from selfsup.errors import DataError, OptionError, TrainingError
from selfsup.method import shuffle_gap, step
from selfsup.methods import find
from selfsup.model.encode import build
from selfsup.training.measure import probe_of
from selfsup.words.texts import tfidf_weights

SMALL = {"dim": 16, "min_count": 1, "sample": 0.0, "progress": False}


def sentences(n=600, seed=0):
    """Two topics whose words never meet: neighbours must be of one topic."""
    rng = np.random.default_rng(seed)
    topics = [[f"{name}{number}" for number in range(10)] for name in ("sea", "city")]
    return [list(rng.choice(topics[number % 2], 12)) for number in range(n)]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "corpus.txt"
    path.write_text("\n".join(" ".join(line) for line in sentences()))
    return path


def test_windows_end_with_their_sentence():
    ids = np.array([3, 1, 4, -1, 1, 5], np.int32)
    found = Windows(ids, 2)[torch.arange(5)].tolist()
    assert found == [[-1, -1, 3, 1, 4], [-1, 3, 1, 4, -1], [3, 1, 4, -1, -1], [-1, -1, 1, 5, -1], [-1, 1, 5, -1, -1]]


@pytest.mark.parametrize("method", ["skipgram", "cbow"])
def test_neighbours_share_a_topic_and_the_declared_loss_falls(text, tmp_path, method):
    model = selfsup.fit(text, method, epochs=20, out=tmp_path / "run", threads=2, **SMALL)
    for word in ("sea3", "city7"):
        assert all(other[:3] == word[:3] for other, _ in model.most_similar(word, 5))
    assert model.history[-1]["heldout"] < 0.9 * model.start["heldout"]
    assert model.history[-1]["gap"] > 0.1 > abs(model.start["gap"])
    again = selfsup.load(tmp_path / "run")
    with pytest.raises(OptionError, match="are a table"):
        selfsup.export_onnx(again, tmp_path / "m.onnx")
    with pytest.raises(DataError, match="no data at 'digits'"):
        selfsup.evaluate(again, "digits")
    assert again.words == model.words
    assert np.array_equal(again.vectors, model.vectors)
    assert again.counts.sum() == 600 * 12
    files = {path.name for path in (tmp_path / "run").iterdir()}
    words = {"model.safetensors", "texts.safetensors", "vectors.safetensors", "vocabulary.jsonl"}
    assert words | {"config.json", "metrics.jsonl", "evaluation.json", "README.md", "report.html"} <= files


def test_both_solvers_solve_one_problem(text):
    fast = selfsup.fit(text, "skipgram", epochs=20, threads=1, **SMALL)
    slow = selfsup.fit(text, "skipgram", epochs=30, lr=2e-2, solver="sgd", **SMALL)
    losses = [model.history[-1]["heldout"] for model in (fast, slow)]
    assert losses[0] == pytest.approx(losses[1], rel=0.1)
    assert fast.start["heldout"] == pytest.approx(slow.start["heldout"], rel=0.05)


def test_the_full_softmax_is_a_log_likelihood():
    form = TextForm.of([f"w{number}" for number in range(9)], np.full(9, 10))
    own = find("skipgram")[1](dim=4, sample=0.0, objective="softmax", window=2)
    method = build(own, Facts(form), 0)
    torch.nn.init.normal_(method.output)
    x = torch.tensor([[1, 2, 3, 4, 5], [-1, -1, 6, 7, 8]])
    rng = torch.Generator().manual_seed(0)
    terms, guess, answer = step(method, x, rng)
    expected = []
    for vector, words, used in zip(guess, answer.words, answer.used, strict=True):
        p = (method.output @ vector).softmax(0)
        expected.append(-(p[words].log() * used).sum())
    torch.testing.assert_close(terms["neighbours"], torch.stack(expected))
    assert shuffle_gap(method, x)["loss"] > 0


def test_deterministic_runs_do_not_depend_on_threads(text):
    runs = [selfsup.fit(text, "skipgram", epochs=2, deterministic=True, threads=n, **SMALL) for n in (1, 3)]
    assert np.array_equal(runs[0].vectors, runs[1].vectors)


def test_the_command_line_from_text_to_scores(text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus.txt.gz").write_bytes(gzip.compress(text.read_bytes()))
    fit = ["fit", "corpus.txt.gz", "--dim", "16", "--min-count", "1", "--epochs", "5", "--sample", "0", "--out", "run"]
    assert main([*fit, "--no-progress"]) == 0
    out = capsys.readouterr().out
    assert "near     " in out
    assert "gap to the guesses of other words" in out
    (tmp_path / "pairs.tsv").write_text("sea1\tsea2\t9\nsea1\tcity2\t1\ncity3\tcity4\t8\n")
    (tmp_path / "questions.txt").write_text(": topic\nsea1 sea2 city1 city2\n")
    files = ["--similarity", "pairs.tsv", "--analogies", "questions.txt"]
    assert main(["evaluate", "run", *files, "--out", "scores.json"]) == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["tables"]["similarity"][0]["covered"] == 3
    kept = json.loads((tmp_path / "run/evaluation.json").read_text())
    assert kept == scores
    assert kept["tables"]["neighbours"]
    assert selfsup.load("run").evaluation.rows("similarity")[0]["covered"] == 3
    assert main(["evaluate", "run"]) == 2


def test_texts_are_encoded_on_the_command_line(text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = selfsup.fit(text, "skipgram", epochs=1, evaluate=False, out=tmp_path / "run", **SMALL)
    (tmp_path / "texts.txt").write_text("Sea1 sea2, and nothing known\ncity3\n\nof strangers only\n")
    assert main(["encode", "run", "texts.txt", "--out", "codes.npy"]) == 0
    told = capsys.readouterr()
    assert "4 codes of 16 values in codes.npy" in told.out
    assert told.err == "selfsup: 2 of 4 texts hold no word of the vocabulary: their codes are 0\n"
    codes = np.load("codes.npy")
    idf = tfidf_weights(model.texts.frequencies, model.texts.sentences)[[model.index["sea1"], model.index["sea2"]]]
    sea1, sea2, city3 = model.unit[[model.index[word] for word in ("sea1", "sea2", "city3")]]
    expected = [(idf[0] * sea1 + idf[1] * sea2) / idf.sum(), city3, np.zeros(16), np.zeros(16)]
    np.testing.assert_allclose(codes, expected, rtol=1e-5)
    texts = ["Sea1 sea2, and nothing known", "city3", "", "of strangers"]
    assert np.array_equal(codes, selfsup.load("run").encode(texts))
    assert main(["encode", "run", "texts.txt", "--out", "codes.parquet"]) == 0
    assert main(["encode", "run", "nowhere.txt", "--out", "other.npy"]) == 1
    assert "nowhere.txt" in capsys.readouterr().err
    assert not (tmp_path / "other.npy").exists()


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"window": 0}, OptionError, "'window' must be"),
        ({"dim": 0}, OptionError, "'dim' must be"),
        ({"min_count": 10_000}, DataError, "min_count"),
        ({"size": 8}, OptionError, "'size' means nothing for texts; it is for images and tables"),
        ({"objective": "softmax", "solver": "hogwild"}, OptionError, "hogwild has no objective 'softmax'; use sgd"),
        (
            {"threads": 2, "solver": "sgd"},
            OptionError,
            "'threads' is for the solver hogwild or primed; .* is solved by sgd here",
        ),
        ({"deterministic": True, "solver": "batched"}, OptionError, "'deterministic' is for the solver hogwild"),
        ({"lr": 1e30, "epochs": 50}, TrainingError, "lr"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left(text, tmp_path, options, error, said):
    with pytest.raises(error, match=said):
        selfsup.fit(text, "skipgram", out=tmp_path / "run", **(SMALL | {"epochs": 1} | options))
    assert not list(tmp_path.glob("run*"))


def test_an_interrupted_run_goes_on(text, tmp_path, in_slices, cut):
    arguments = {"epochs": 60, "deterministic": True, "threads": 1, **SMALL}
    whole = selfsup.fit(text, "skipgram", **arguments)
    arguments |= {"out": tmp_path / "run", "checkpoint_every": 0.0}
    with pytest.raises(KeyboardInterrupt):
        selfsup.fit(text, "skipgram", **arguments)
    cut()
    resumed = selfsup.fit(text, "skipgram", resume=True, **arguments)
    np.testing.assert_array_equal(resumed.vectors, whole.vectors)
    np.testing.assert_array_equal(*(model.method.tables()[1].detach() for model in (resumed, whole)))


def test_how_much_is_read_and_how_much_is_held_out(text):
    model = selfsup.fit(text, "skipgram", epochs=1, holdout=0.25, **SMALL)
    training = model.config["training"]
    assert training["heldout_rows"] == pytest.approx(0.25 * 7200, rel=0.01)
    assert training["rows"] + training["heldout_rows"] == 7200
    assert not model.config["notes"]
    for share in (0.0, None):  # a hundredth is too little here
        model = selfsup.fit(text, "skipgram", epochs=1, holdout=share, **SMALL)
        assert (model.config["training"]["rows"], model.config["training"]["heldout_rows"]) == (7200, 0)
        assert model.config["notes"] == ["nothing was held out: loss and gap are of what was learnt from"]
    model = selfsup.fit(text, "skipgram", epochs=1, limit=100, **SMALL)
    assert model.config["data"]["rows"] == model.counts.sum() == 1200


@pytest.mark.parametrize("more", [{"threads": 1}, {"solver": "sgd"}], ids=str)
def test_patience_ends_with_the_best_vectors(tmp_path, in_slices, more):
    """Of a text without structure nothing can be learnt but by heart."""
    rng = np.random.default_rng(0)
    lines = [[f"w{number}" for number in rng.integers(0, 200, 12)] for _ in range(200)]
    arguments = SMALL | {"dim": 64, "holdout": 0.25, "epochs": 400, "patience": 2} | more
    model = selfsup.fit(lines, "skipgram", out=tmp_path / "run", evaluate=False, **arguments)
    losses = [record["heldout"] for record in model.history]
    best = min(range(len(losses)), key=losses.__getitem__)
    assert 2 <= model.history[-1]["epoch"] - model.history[best]["epoch"] < 398
    held = model.open(lines).split(0.25)[1]
    probe = probe_of(model.method, model.open(lines), held, torch.device("cpu"))
    assert shuffle_gap(model.method, probe)["loss"] == pytest.approx(losses[best], rel=1e-5)
    assert np.array_equal(selfsup.load(tmp_path / "run").vectors, model.vectors)


def test_the_solver_of_words_is_for_words():
    with pytest.raises(OptionError, match="hogwild is for word vectors"):
        selfsup.fit(np.zeros((20, 3)), "denoising", solver="hogwild")


def test_text_is_read_in_parts_whether_asked_or_not(tmp_path):
    (tmp_path / "t.txt").write_text("a b c\n" * 200)
    asked, not_asked = (
        selfsup.fit(
            tmp_path / "t.txt", "skipgram", dim=4, min_count=1, threads=1, epochs=1, stream=stream, progress=False
        )
        for stream in (True, False)
    )
    assert np.array_equal(asked.vectors, not_asked.vectors)


class Bag(selfsup.Method):
    """Sentences to one number a word, without word vectors that come out."""

    kinds, sees, hides = ("text",), "a sentence", "its words"
    recipe = {"epochs": 1, "batch_size": 32}

    def view(self, data):
        return data.sequences(4)

    def build(self, about):
        self.table = torch.nn.Embedding(about.form.size, 3)

    def hide(self, x, rng):
        return x, x

    def predict(self, seen):
        return self.encode(seen)

    def loss(self, guess, answer):
        return {"size": guess.square().sum(1)}

    def encode(self, x):
        there = (x >= 0).float()[..., None]
        return (self.table(x.clamp(min=0)) * there).sum(1) / there.sum(1).clamp(min=1)


def test_a_text_has_one_code_whatever_the_view(tmp_path):
    """Also a text longer than the view, and one without a known word."""
    (tmp_path / "t.txt").write_text("a b c d e\n" * 100)
    model = selfsup.fit(tmp_path / "t.txt", Bag, min_count=1, progress=False)
    codes = model.encode(["a", "a b c d e a b c d", "unknown", "b"])
    assert codes.shape == (4, 3)
    assert not codes[2].any()
    np.testing.assert_allclose(codes[3], model.encode(["b"])[0])
    with pytest.raises(DataError, match="no text holds a word"):
        model.encode(["unknown"])
