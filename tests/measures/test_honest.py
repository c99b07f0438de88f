"""Evidence that is not owed to units, to constants, or to other data than those that were given."""

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import selfsup
from selfsup.cli.main import main
from selfsup.data.open import open_data
from selfsup.errors import DataError
from selfsup.measures import health, verdict
from selfsup.method import Method, shuffle_gap
from selfsup.methods import find
from selfsup.training.baselines import Units

QUIET = {"progress": False}
CPU = torch.device("cpu")


@cache
def digits(rows=400):
    images, labels = load_digits(return_X_y=True)
    return images[:rows].reshape(-1, 8, 8).astype(np.float32), labels[:rows]


@cache
def made():
    """Twelve columns of unit scale, half of which tell the class, and a column of noise that is ten thousand times as wide."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1500, 13))
    labels = (x[:, :6].sum(1) > 0).astype(int)
    x[:, 12] *= 1e4
    return x.astype(np.float32), labels


def sentences(path, lines=300, seed=0, random=False):
    """A text in which a word is followed by one near it, or by any."""
    rng = np.random.default_rng(seed)
    words = [first + second for first in "abcdefghij" for second in "klmnopqrst"]
    rows = np.cumsum(rng.integers(-2, 3, (lines, 12)), 1) + rng.integers(0, 100, (lines, 1))
    rows = rng.zipf(1.3, rows.shape) if random else rows
    path.write_text("\n".join(" ".join(words[word % 100] for word in row) for row in rows.tolist()) + "\n")
    return path


WORDS = {"dim": 16, "min_count": 1, "sample": 0.0, "threads": 1, **QUIET}


# Tables are standardised by column


def accuracy(evaluation, encoder):
    rows = [row for row in evaluation.rows("probe") if row["encoder"] == encoder]
    return next(row["accuracy"] for row in rows if row["labels_per_class"] == "all")


def test_raw_input_of_a_table_is_what_a_scaler_makes_of_it():
    x, labels = made()
    found = selfsup.evaluate(selfsup.fit(x, "linear", **QUIET), (x, labels), **QUIET)
    order = np.random.default_rng(0).permutation(len(x))  # the evaluation's own split
    test, train = order[:300], order[300:]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[train], labels[train])
    reference = pipeline.score(x[test], labels[test])
    assert reference > 0.97
    assert accuracy(found, "raw input") == pytest.approx(reference, abs=0.015)
    assert accuracy(found, "PCA") == pytest.approx(reference, abs=0.015)  # as many components as columns: a rotation
    assert accuracy(found, "model") < 0.7, "linear itself takes the columns as they are"
    assert "raw input and PCA are standardised by column" in found.notes


def test_a_lead_that_is_owed_to_standardising_is_none():
    x, labels = made()
    found = selfsup.fit((x, labels), "undercomplete", epochs=5, hidden=(16,), **QUIET).evaluation
    assert found.verdict["because"]["lead_raw_input"] < 0.02
    assert found.verdict["kind"] in ("undecided", "no better than PCA")


def test_what_is_missing_is_filled_by_the_mean():
    x = np.array([[1, 100], [3, np.nan], [5, 300]], np.float32)
    part = open_data(x, progress=False).whole()
    units = Units(part, CPU)
    expected = [[-(1.5**0.5), -1], [0, 0], [1.5**0.5, 1]]
    np.testing.assert_allclose(units.raw(part.rows()[:])["raw"], expected, atol=1e-6)


def test_images_and_categories_have_one_unit_already():
    pixels = open_data(digits()[0], progress=False).whole()
    units = Units(pixels, CPU)
    assert torch.equal(units.raw(pixels.rows()[:])["raw"], pixels.rows()[:].flatten(1))
    assert units.notes == []
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"wide": [0.0, 2e4, 4e4, 6e4], "kind": ["a", "b", "a", "a"]})
    mixed = open_data(frame, progress=False).whole()
    found = Units(mixed, CPU).raw(mixed.rows()[:])["raw"]
    assert found[:, 0].std(correction=0).item() == pytest.approx(1)
    assert set(found[:, 1:].flatten().tolist()) == {0.0, 1.0}


# A constant in the loss, or in the codes, changes nothing


def and_a_thousand(cls):
    """The same method with a loss of a thousand more for each sample."""

    def loss(self, guess, answer):
        terms = dict(cls.loss(self, guess, answer))
        name = next(iter(terms))
        return terms | {name: terms[name] + 1000}

    return type("Costly", (cls,), {"loss": loss})


def and_far_away(cls):
    """The same method with codes that all lie a thousand further along every axis."""
    return type("Far", (cls,), {"encode": lambda self, x: cls.encode(self, x) + 1000})


@cache
def kind_of(name, change, seed=0):
    """What is said of a short run on the digits."""
    how = {"hidden": (8, 16)} if name == "rotation" else {"net": "mlp", "hidden": (32,)}
    return selfsup.fit(digits()[0], change(find(name)[1]), epochs=12, seed=seed, **how, **QUIET).evaluation.verdict[
        "kind"
    ]


def as_it_is(cls):
    return cls


@pytest.mark.parametrize("change", [and_a_thousand, and_far_away], ids=["loss", "codes"])
@pytest.mark.parametrize("name", ["undercomplete", "denoising", "sparse", "rotation"])
def test_a_constant_does_not_change_the_verdict(name, change):
    assert kind_of(name, as_it_is) == kind_of(name, change) == "learning"


class Constant(find("undercomplete")[1]):
    """Whatever it sees, the code is the same."""

    def code_of(self, seen):
        return 0 * super().code_of(seen) + 1.5


class Blind(find("rotation")[1]):
    """Whatever it sees, the guess is the same."""

    def predict(self, seen):
        guess = super().predict(seen)
        return guess.mean(0, keepdim=True).expand_as(guess)


@pytest.mark.parametrize(
    ("cls", "how", "kinds"),
    [
        (Constant, {"start": "random", "net": "mlp", "hidden": (32,)}, {"collapsed"}),
        (Blind, {"hidden": (8, 16)}, {"collapsed", "not learning"}),
        (find("denoising")[1], {"lr": 1e-12, "net": "mlp", "hidden": (32,)}, {"not learning"}),
        (find("rotation")[1], {"net": "conv", "hidden": (8, 16), "lr": 1e-12}, {"not learning"}),
    ],
    ids=["constant codes", "constant guesses", "denoising at no rate", "rotation at no rate"],
)
def test_a_constant_does_not_heal_a_sick_run(cls, how, kinds):
    for seed in range(3):
        runs = (
            selfsup.fit(digits()[0], change(cls), epochs=2, seed=seed, **how, **QUIET)
            for change in (as_it_is, and_a_thousand, and_far_away)
        )
        found = {run.evaluation.verdict["kind"] for run in runs}
        assert len(found) == 1, found
        assert found <= kinds


def test_words_that_hardly_moved_are_not_learning_and_those_of_a_random_text_neither(tmp_path):
    good, random = sentences(tmp_path / "good.txt"), sentences(tmp_path / "random.txt", random=True)
    for seed in range(3):
        for text, how, kinds in (
            (good, {"epochs": 8}, {"undecided"}),
            (good, {"epochs": 1, "lr": 1e-4}, {"not learning"}),
            (random, {"epochs": 8}, {"not learning", "collapsed"}),
        ):
            model = selfsup.fit(text, "skipgram", seed=seed, **how, **WORDS)
            assert model.evaluation.verdict["kind"] in kinds, (text, how)


def test_the_gap_is_beside_what_the_loss_fell():
    """At every constant, and in every unit."""
    codes = np.random.default_rng(0).standard_normal((50, 4))
    start, end = ({"loss": loss, "gap": gap, "gap_sd": 1e-4, "loss_sd": 0.1} for loss, gap in ((1.0, 0.0), (0.5, 0.3)))
    for unit in (1e-3, 1.0, 1e3):
        for more in (-5.0, 0.0, 1000.0):
            moved = [
                {key: unit * (value + (more if key == "loss" else 0)) for key, value in one.items()}
                for one in (start, end)
            ]
            found = verdict(health(codes, *({**one, "shuffled": one["loss"] + one["gap"]} for one in moved)))
            assert found["kind"] == "learning"
            assert found["because"]["gap_share"] == pytest.approx(0.6)
            assert found["because"]["fall"] == pytest.approx(0.5 * unit)


def test_dead_dimensions_are_told_after_centring():
    codes = np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32)
    codes[:, 3] = 0.5
    start = {"loss": 1.0, "gap": 0.0, "shuffled": 1.0}
    for shift in (0, 1000):
        found = health(codes + np.float32(shift), start, start)
        assert found["dead_dims"] == 1 / 8
        assert found["rank"] == pytest.approx(health(codes, start, start)["rank"], rel=1e-2)


class Told(Method):
    """A guess of three numbers and a constant loss, for `shuffle_gap` alone."""

    def hide(self, x, rng):
        return x, x

    def predict(self, seen):
        return seen if self.sees_it else seen.mean(0, keepdim=True).expand_as(seen)

    def loss(self, guess, answer):
        return {"error": (guess - answer).square().sum(1) + 1e4, "of the batch": torch.tensor(7.0)}


@pytest.mark.parametrize("sees_it", [True, False])
def test_the_gap_is_not_lost_beside_a_constant(sees_it):
    x = 1e-2 * torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
    method = Told()
    method.sees_it = sees_it
    found = shuffle_gap(method, x)
    assert found["loss"] == pytest.approx(10_007, abs=1e-2)
    if not sees_it:
        assert found["gap"] == found["stir"] == 0


# Evaluating on data that are given


@cache
def denoised():
    images, labels = digits()
    return selfsup.fit((images, labels), "denoising", epochs=40, net="mlp", hidden=(32,), **QUIET)


def test_evaluate_needs_no_labels_and_measures_on_what_it_is_given():
    model, others = denoised(), digits(700)[0][400:]
    found = selfsup.evaluate(model, others, **QUIET)
    assert found.verdict["kind"] == "learning"
    assert found.verdict["sentence"].startswith("On 300 rows of the data given, a guess depends on its own sample")
    assert found.tables == []
    assert found.health["rows"] == 300
    x = torch.from_numpy(others[:, None] / 16)
    assert found.health["loss"] == pytest.approx(shuffle_gap(model.method, x)["loss"], rel=1e-6)
    assert found.health["loss_start"] > 2 * found.health["loss"]
    assert found.health["loss"] != model.history[-1]["heldout"]


def test_noise_is_not_what_was_learnt():
    """The gap in the sentence was that of training, whatever the data were."""
    rng = np.random.default_rng(0)
    noise, labels = 16 * rng.random((300, 8, 8)).astype(np.float32), rng.integers(0, 3, 300)
    model = selfsup.fit(digits()[0], "rotation", hidden=(8, 16), epochs=12, **QUIET)
    assert model.evaluation.health["gap"] > 1
    for given in (noise, (noise, labels)):
        found = selfsup.evaluate(model, given, **QUIET)
        assert found.verdict["kind"] == "not learning"
        assert "of the data given" in found.verdict["sentence"]
        assert found.health["gap"] < 0.2
    # an auto-encoder rebuilds a little of anything; how little is measured too
    assert selfsup.evaluate(denoised(), noise, **QUIET).health["gap"] < 0.3 * denoised().evaluation.health["gap"]


def test_on_the_data_of_the_run_it_is_what_was_held_out():
    images, labels = digits()
    for given in (images, (images, labels)):
        found = selfsup.evaluate(denoised(), given, **QUIET)
        assert found.verdict["sentence"].startswith("On the 80 rows that were held out in training, ")
        assert found.health["loss"] == pytest.approx(denoised().history[-1]["heldout"], rel=0.05)
    assert found.tables == denoised().evaluation.tables
    closed = selfsup.fit(images, "linear", **QUIET)
    said = selfsup.evaluate(closed, images, **QUIET).verdict["sentence"]
    assert said.startswith("On 400 rows of the data given, which the model learnt from, ")


@pytest.mark.parametrize(
    ("rows", "labels", "said"),
    [
        (1, None, "at least 2 rows; got 1"),
        (3, [0, 1, 1], "at least 4 rows with labels; got 3"),
        (5, [0, 0, 0, 0, 0], "all of one class; give labels of at least 2 classes, or none"),
    ],
)
def test_too_little_to_judge_by_is_refused(rows, labels, said):
    with pytest.raises(DataError, match=said):
        selfsup.evaluate(denoised(), digits()[0][:rows], labels=labels, **QUIET)


def test_few_rows_are_enough():
    images = digits()[0]
    for rows in (2, 4, 7):
        assert selfsup.evaluate(denoised(), images[:rows], **QUIET).verdict["kind"]
    assert selfsup.evaluate(denoised(), images[:4], labels=[0, 1, 0, 1], **QUIET).health["rows"] == 2


def test_the_command_evaluates_without_labels(tmp_path, capsys):
    denoised().save(tmp_path / "run")
    np.save(tmp_path / "others.npy", digits(700)[0][400:])
    words = ["evaluate", str(tmp_path / "run"), "--data", str(tmp_path / "others.npy"), "--no-progress"]
    assert main([*words, "--out", str(tmp_path / "found.json")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "LEARNING. On 300 rows of the data given, a guess depends on its own sample" in said
    assert (tmp_path / "found.json").exists()


# After a warm start


def test_a_good_warm_start_that_stays_good_is_learning(tmp_path, capsys):
    images = digits()[0]
    how = {"net": "mlp", "hidden": (32,), **QUIET}
    first = selfsup.fit(images, "denoising", epochs=12, out=tmp_path / "first", **how)
    again = selfsup.fit(images, "denoising", epochs=1, lr=1e-12, warm_start=tmp_path / "first", **how)
    assert first.evaluation.verdict["kind"] == again.evaluation.verdict["kind"] == "learning"
    assert again.evaluation.verdict["sentence"].startswith(
        "Held beside random weights and not those of the warm start, a guess depends on its own sample"
    )
    assert again.evaluation.health["loss_start"] == pytest.approx(first.start["heldout"])
    assert again.start["heldout"] == pytest.approx(first.history[-1]["heldout"], rel=1e-3), "the curve is of this run"
    assert any(note.startswith("since the warm start: held-out loss ") for note in again.config["notes"])
    fit = ["fit", str(tmp_path / "x.npy"), "--method", "denoising", "--epochs", "1", "--net", "mlp", "--hidden", "32"]
    np.save(tmp_path / "x.npy", images)
    assert main([*fit, "--warm-start", str(tmp_path / "first"), "--out", str(tmp_path / "run"), "--no-progress"]) == 0
    assert " at the warm start, " in capsys.readouterr().out
    assert "before training" not in (tmp_path / "run" / "README.md").read_text().split("Held-out loss")[1]


def test_a_warm_start_of_nothing_is_not_learning(tmp_path):
    how = {"net": "mlp", "hidden": (32,), **QUIET}
    selfsup.fit(digits()[0], "denoising", epochs=0, out=tmp_path / "first", **how)
    again = selfsup.fit(digits()[0], "denoising", epochs=0, warm_start=tmp_path / "first", **how)
    assert again.evaluation.verdict["kind"] == "not learning"


def test_a_warm_start_is_not_taken_back_to_pca(tmp_path):
    """Where the method has a start of its own, too."""
    images = digits()[0]
    first = selfsup.fit(images, "undercomplete", n_components=8, epochs=5, out=tmp_path / "first", **QUIET)
    again = selfsup.fit(
        images, "undercomplete", n_components=8, epochs=1, lr=1e-12, warm_start=tmp_path / "first", **QUIET
    )
    for name, tensor in first.method.named_parameters():
        torch.testing.assert_close(dict(again.method.named_parameters())[name], tensor, rtol=0, atol=1e-6)
    assert again.config["start"] == {"name": "random", "words": f"goes on from {tmp_path / 'first'}"}
    assert not any("PCA" in note for note in again.config["notes"])


def test_words_that_were_learnt_before_are_said_to_be_learnt(tmp_path, capsys):
    """B1: what stood in the sentence was that another word's vector guesses as well, and that most words were never learnt."""
    big, small = sentences(tmp_path / "big.txt"), sentences(tmp_path / "small.txt", lines=60, seed=1)
    big.write_text(big.read_text() + "\n".join(f"only{n} here{n} only{n} here{n}" for n in range(200)) + "\n")
    selfsup.fit(big, "skipgram", epochs=8, out=tmp_path / "big", **WORDS)
    words = ["--dim", "16", "--min-count", "1", "--sample", "0", "--threads", "1", "--epochs", "1", "--lr", "0.001"]
    fit = ["fit", str(small), "--method", "skipgram", *words, "--warm-start", str(tmp_path / "big"), "--no-progress"]
    assert main([*fit, "--out", str(tmp_path / "run")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "UNDECIDED. Held beside random weights and not those of the warm start, learnt from" in said, said
    assert "never learnt" not in said
    assert "since the warm start" in said


def test_a_word_run_prints_its_verdict(tmp_path, capsys):
    text = sentences(tmp_path / "text.txt")
    words = ["--dim", "8", "--min-count", "1", "--sample", "0", "--threads", "1", "--no-progress"]
    for lr, kind in (("0.05", "UNDECIDED. "), ("1e-6", "NOT LEARNING. ")):
        fit = ["fit", str(text), "--method", "skipgram", "--epochs", "8", "--lr", lr, *words]
        assert main([*fit, "--out", str(tmp_path / lr)]) == 0
        assert f"\n{kind}Learnt from " in capsys.readouterr().out
