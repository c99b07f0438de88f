"""Fine-tuning: a classifier from a run and labels, beside the frozen net and the same net from scratch."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import selfsup
from conftest import pictures, reseal
from selfsup import store
from selfsup.data import open_data
from selfsup.errors import DataError, OptionError, RunError
from selfsup.measures.run import Attempt, Evidence, run
from selfsup.measures.samples import probe
from selfsup.measures.samples.efficiency import verdict
from selfsup.method import Method
from selfsup.solvers.sgd import Sgd
from selfsup.training.efficiency import Ways

QUIET = {"progress": False, "device": "cpu"}
NAMES = np.asarray(["ash", "birch", "cedar"])


def clusters(n=240, seed=0):
    """Vectors (n, 6) around a centre for each of three classes, and the classes (n,)."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    centres = np.random.default_rng(9).normal(size=(3, 6)) * 2
    return (centres[y] + rng.normal(size=(n, 6))).astype(np.float32), y


def bars(n=90):
    """Images (n, 1, 12, 12) with a bright bar on dark ground, of class 0, or dark on bright ground, of class 1."""
    x, y = pictures(n), np.arange(n) % 2
    x[y == 1] = 1 - x[y == 1]
    return x, y


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that learnt the clusters without labels."""
    out = tmp_path_factory.mktemp("runs") / "base"
    selfsup.fit(clusters()[0], "undercomplete", n_components=4, hidden=8, epochs=3, out=out, evaluate=False, **QUIET)
    return out


@pytest.fixture(scope="module")
def tuned(trained, tmp_path_factory):
    """It, taught the classes by name."""
    x, y = clusters()
    out = tmp_path_factory.mktemp("runs") / "tuned"
    return selfsup.finetune(trained, (x, NAMES[y]), out=out, epochs=12, curve=True, counts=(2, 10), draws=2, **QUIET)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.method.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_it_learns_the_classes_and_says_their_names(tuned):
    x, y = clusters(seed=1)
    assert (tuned.classes == NAMES).all()
    assert np.mean(tuned.predict(x) == NAMES[y]) > 0.85
    chances = tuned.predict_proba(x)
    assert chances.shape == (len(x), 3)
    np.testing.assert_allclose(chances.sum(1), 1, atol=1e-5)
    assert (NAMES[chances.argmax(1)] == tuned.predict(x)).all()


def test_loaded_it_predicts_the_same_bits_and_every_verb_works(tuned, tmp_path):
    x, y = clusters(seed=1)
    again = selfsup.load(tuned.folder)
    assert (again.predict_proba(x) == tuned.predict_proba(x)).all()
    assert (again.encode(x) == tuned.encode(x)).all()
    np.testing.assert_allclose(again.score_samples(x), np.log(tuned.predict_proba(x).max(1)), atol=1e-6)
    assert not store.faults(tuned.folder)
    assert again.evaluation.to_dict() == tuned.evaluation.to_dict()
    again.save(tmp_path / "copy")
    assert (selfsup.load(tmp_path / "copy").predict(x) == tuned.predict(x)).all()
    assert "10 classes" not in again.config["data"]["description"]
    assert again.config["data"]["description"].endswith("3 classes learnt")
    row = selfsup.evaluate(again, (x, NAMES[y]), progress=False).rows("label_efficiency")[0]
    assert row["way"] == "fine-tuned"
    assert row["labels"] == again.config["training"]["rows"] == 192


def test_the_evidence_is_of_the_rows_that_were_held_out(tuned):
    x, y = clusters()
    held = open_data((x, NAMES[y]), progress=False).split(None, 0)[1]
    rows = {(row["way"], row["labels_per_class"]): row for row in tuned.evaluation.rows("label_efficiency")}
    true = NAMES[held.labels]
    right = float(np.mean(tuned.predict(x[held.numbers]) == true))
    assert rows["fine-tuned", "all"]["accuracy"] == pytest.approx(right)
    assert rows["fine-tuned", "all"]["error"] == pytest.approx((right * (1 - right) / len(held)) ** 0.5)
    learnt = np.setdiff1d(np.arange(len(x)), held.numbers)
    frequent = np.bincount(y[learnt]).argmax()
    assert rows["most frequent class", "all"]["accuracy"] == pytest.approx(np.mean(held.labels == frequent))
    assert f"{100 * right:.1f} %" in tuned.evaluation.verdict["sentence"]
    same_rows = selfsup.evaluate(tuned, (x, NAMES[y]), progress=False).rows("label_efficiency")
    assert same_rows[0]["accuracy"] == pytest.approx(right)


def test_the_curve_has_every_way_at_every_number_of_labels(tuned):
    rows = tuned.evaluation.rows("label_efficiency")
    found = {(row["way"], row["labels_per_class"]): (row["labels"], row["draws"]) for row in rows}
    for way in ("fine-tuned", "frozen + probe", "from scratch"):
        assert [found[way, count] for count in (2, 10, "all")] == [(6, 2), (30, 2), (192, 1)]
    page = (tuned.folder / "report.html").read_text()
    assert "What is it worth with few labels?" in page
    assert "Accuracy on test rows over the number of labels" in page
    assert "The data had no labels" not in page
    card = (tuned.folder / "README.md").read_text()
    assert "| from scratch |" in card
    assert "learnt without labels, by hiding" not in card
    assert "from scratch" in str(tuned.evaluation)


def test_the_measure_is_mean_deviation_and_binomial_error():
    asked = np.arange(20) % 4
    half = np.where(np.arange(20) < 10, asked, -1)
    attempts = [
        Attempt("fine-tuned", 5, 20, asked),
        Attempt("fine-tuned", 5, 20, half),
        Attempt("other", "all", 99, half),
    ]
    rows = run(Evidence(attempts=attempts, y_test=asked))[0].rows
    assert rows[0] == {
        "way": "fine-tuned", "labels_per_class": 5, "labels": 20, "accuracy": 0.75, "spread": pytest.approx(0.5 / 2**0.5),
        "draws": 2, "error": pytest.approx((0.75 * 0.25 / 20) ** 0.5), "tested": 20,
    }  # fmt: skip
    assert rows[1]["spread"] == 0.0


def test_the_verdict_claims_no_more_than_was_measured():
    asked = np.arange(200) % 2
    health = dict.fromkeys(
        ("gap", "gap_start", "gap_sd", "loss", "loss_start", "loss_sd", "rank", "stir", "shuffled", "width"), 1.0
    )
    blind = Attempt("most frequent class", "all", 50, asked * 0)

    def said(guess, *more):
        table = run(Evidence(attempts=[Attempt("fine-tuned", "all", 50, guess), blind, *more], y_test=asked))[0]
        return verdict({**health, "spread": 0.5}, table)

    found = said(asked)
    assert found["kind"] == "learning"
    assert "scratch" not in found["sentence"]
    assert "frozen" not in found["sentence"]
    assert said(asked * 0)["kind"] == "not learning"
    level = said(asked, Attempt("from scratch", "all", 50, asked))
    assert "no clear difference to training from scratch" in level["sentence"]
    ahead = said(asked, Attempt("from scratch", "all", 50, np.where(np.arange(200) < 150, asked, 0)))
    assert "points ahead of training from scratch" in ahead["sentence"]


@pytest.mark.parametrize(
    ("labels", "kind"), [(np.asarray([7, 3, 5]), "i"), (NAMES, "U"), (np.asarray(["1", "01", "2"]), "U")]
)
def test_classes_come_back_as_they_were_given(trained, labels, kind):
    x, y = clusters(60)
    model = selfsup.finetune(trained, (x, labels[y]), epochs=1, evaluate=False, **QUIET)
    assert model.predict(x).dtype.kind == kind
    assert set(model.classes.tolist()) == set(labels.tolist())


def test_true_and_false_come_back_as_such(trained):
    x, y = clusters(60)
    assert selfsup.finetune(trained, (x, y == 1), epochs=1, evaluate=False, **QUIET).predict(x).dtype == bool


def test_a_frozen_net_does_not_move_a_bit(tmp_path):
    x, y = bars()
    base = selfsup.fit(x, "rotation", net="conv", hidden=(8, 8), epochs=1, evaluate=False, **QUIET)
    before = weights(base)
    still = selfsup.finetune(base, (x, y), backbone_rate=0.0, epochs=8, **QUIET)
    inner = {name.removeprefix("base."): one for name, one in weights(still).items() if name.startswith("base.")}
    assert same(inner, before)  # the statistics of its norms too
    moved = selfsup.finetune(base, (x, y), epochs=8, evaluate=False, **QUIET)
    after = {name.removeprefix("base."): one for name, one in weights(moved).items() if name.startswith("base.")}
    assert not torch.equal(after["backbone.blocks.0.0.weight"], before["backbone.blocks.0.0.weight"])
    turns = [name for name in before if not name.startswith(("backbone", "scale"))]
    assert turns
    assert all(torch.equal(after[name], before[name]) for name in turns)  # they have no part in the classes
    assert same(weights(base), before)  # and the run itself is left alone
    assert np.mean(moved.predict(x) == y) > 0.9
    assert set(moved.layers(x)) == {"block1", "block2"}
    assert moved.evaluation is None
    assert moved.history[-1]["measures"]["accuracy"] > 0.5
    still.save(tmp_path / "still")
    assert (selfsup.load(tmp_path / "still").predict_proba(x) == still.predict_proba(x)).all()


def test_the_net_learns_at_its_own_rate(trained):
    x, y = clusters(60)
    before = weights(selfsup.load(trained))
    ways = [
        selfsup.finetune(trained, (x, y), backbone_rate=rate, epochs=3, evaluate=False, weight_decay=0.0, **QUIET)
        for rate in (0.01, 1.0)
    ]
    steps = [
        max(float((weights(model)[f"base.{name}"] - one).abs().max()) for name, one in before.items()) for model in ways
    ]
    assert 0 < steps[0] < 0.02 * steps[1]


def test_training_only_shifts_and_mirrors(trained):
    x, y = bars()
    base = selfsup.fit(x, "rotation", net="conv", hidden=(8,), epochs=1, evaluate=False, **QUIET)
    method = selfsup.finetune(base, (x, y), epochs=1, shift=2, mirror=True, evaluate=False, **QUIET).method
    batch = method.view(open_data((x, y), progress=False))[:8]
    seen, labels = method.hide(batch, torch.Generator().manual_seed(0))
    assert torch.equal(seen, torch.from_numpy(x[:8]))
    assert labels.tolist() == y[:8].tolist()
    seen = method.train().hide(batch, torch.Generator().manual_seed(0))[0]
    assert not torch.equal(seen, torch.from_numpy(x[:8]))
    off = selfsup.finetune(base, (x, y), epochs=1, shift=0, evaluate=False, **QUIET).method.train()
    assert torch.equal(off.hide(batch, torch.Generator().manual_seed(0))[0], torch.from_numpy(x[:8]))  # grey: no mirror


def test_it_begins_with_the_linear_probe_of_the_labels(trained):
    x, y = clusters()
    for labels in (y, y > 0):
        model = selfsup.finetune(trained, (x, labels), epochs=0, evaluate=False, **QUIET)
        learnt = open_data((x, labels), progress=False).split(None, 0)[0].numbers
        codes = model.encode(x)
        with torch.no_grad():
            reached = model.method.standard(torch.from_numpy(codes[learnt]))
        np.testing.assert_allclose(reached.mean(0), 0, atol=1e-5)
        assert float(reached.square().mean()) == pytest.approx(1, abs=1e-4)
        train, every = probe.scale_features(codes[learnt], codes[learnt], codes)
        found = probe.fitted(train, labels[learnt].astype(np.int64), 0)[0].predict_proba(every)
        np.testing.assert_allclose(model.predict_proba(x), found, atol=0.02)


def test_a_class_without_a_label_begins_at_nothing():
    codes = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    weight, bias = probe.weights(codes, np.repeat([0, 3], 20), 4)[2:]
    assert weight.shape == (4, 5)
    assert not weight[1:3].any()
    assert not bias[1:3].any()
    np.testing.assert_allclose(weight[0], -weight[3])


def test_a_run_that_was_cut_goes_on_to_the_same_bits(trained, tmp_path, cut):
    x, y = clusters(60)
    how = {"epochs": 4, "checkpoint_every": 0.0, "batch_size": 16, **QUIET}
    with pytest.raises(KeyboardInterrupt):
        selfsup.finetune(trained, (x, y), out=tmp_path / "cut", **how)
    cut()
    other = selfsup.fit(x, "undercomplete", n_components=4, hidden=8, epochs=1, seed=5, evaluate=False, **QUIET)
    with pytest.raises(RunError, match="cannot resume .*the warm start is another"):
        selfsup.finetune(other, (x, y), out=tmp_path / "cut", resume=True, **how)
    whole = selfsup.finetune(trained, (x, y), out=tmp_path / "whole", **how)
    found = selfsup.finetune(trained, (x, y), out=tmp_path / "cut", resume=True, **how)
    assert same(weights(found), weights(whole))
    assert found.evaluation.to_dict() == whole.evaluation.to_dict()


def test_a_fine_tuned_run_is_gone_on_from_with_a_new_classifier(tuned):
    x, y = clusters()
    again = selfsup.finetune(tuned, (x, y > 0), epochs=0, evaluate=False, **QUIET)
    assert (again.encode(x) == tuned.encode(x)).all()
    assert again.classes.tolist() == [False, True]
    assert again.config["options"]["base"] == "undercomplete"


def test_a_test_part_of_its_own_is_what_it_is_measured_on(trained):
    (x, y), (other, asked) = clusters(120), clusters(60, seed=3)
    data = open_data((x, NAMES[y]), progress=False)
    test = open_data((other, NAMES[asked]), progress=False)
    model = selfsup.finetune(trained, replace(data, test=test), epochs=4, patience=2, **QUIET)
    row = model.evaluation.rows("label_efficiency")[0]
    assert row["tested"] == 60
    assert row["labels"] == 108  # a tenth is held out, for loss and patience
    assert row["accuracy"] == pytest.approx(np.mean(model.predict(other) == NAMES[asked]))
    assert {row["way"] for row in model.evaluation.rows("label_efficiency")} == {
        "fine-tuned", "frozen + probe", "from scratch", "most frequent class",
    }  # fmt: skip


def test_what_takes_long_is_not_done_again_unasked(trained, monkeypatch):
    monkeypatch.setattr("selfsup.training.efficiency.CHEAP", 0.0)
    model = selfsup.finetune(trained, clusters(60), epochs=1, **QUIET)
    assert "from scratch" not in {row["way"] for row in model.evaluation.rows("label_efficiency")}
    assert any("from scratch was not trained" in note for note in model.evaluation.notes)
    assert "scratch" not in model.evaluation.verdict["sentence"]


def test_labels_are_known_by_name_and_not_by_place(tuned):
    x, y = clusters(60, seed=4)
    some = y > 0  # the two last names: places 0 and 1 of these data
    rows = selfsup.evaluate(tuned, (x[some], NAMES[y[some]]), progress=False).rows("label_efficiency")
    assert rows[0]["accuracy"] > 0.8
    strange = np.where(y == 1, "elm", "oak")
    assert (tuned.encode((x, strange)) == tuned.encode(x)).all()
    assert (tuned.predict((x, strange)) == tuned.predict(x)).all()
    with pytest.raises(DataError, match="none of the classes that were learnt: ash, birch, cedar"):
        selfsup.evaluate(tuned, (x, strange), progress=False)
    with pytest.raises(DataError, match="no labels to hold the guesses against"):
        selfsup.evaluate(tuned, x, progress=False)


def test_what_cannot_be_taught_is_said(trained, tmp_path):
    x, y = clusters(60)

    def refused(error, match, labelled, run=trained, **options):
        with pytest.raises(error, match=match):
            selfsup.finetune(run, labelled, out=tmp_path / "none", **QUIET, **options)
        assert not (tmp_path / "none").exists()
        assert not (tmp_path / "none.partial").exists()

    refused(DataError, "fine-tuning needs labels, and there are none", x)
    refused(DataError, "all of one class, 'same'", (x, ["same"] * 60))
    rare = np.where(np.arange(60) == open_data(x, progress=False).split(None, 0)[1].numbers[0], "rare", "usual")
    refused(DataError, "none of them is of the class 'rare' \\(it has 1 in all; 12 rows are held out\\)", (x, rare))
    refused(DataError, "values", (x[:, :4], y))
    refused(OptionError, "'patience' would choose the epoch on the rows", (x, y), patience=2)
    refused(OptionError, "'holdout' is 0 and the data have no test part", (x, y), holdout=0.0)
    refused(OptionError, "did you mean 'backbone_rate'", (x, y), backbone_rat=1.0)
    refused(OptionError, "unknown layer 'cod'; did you mean 'code'", (x, y), layer="cod")
    refused(OptionError, "'counts' names no number of labels that fits", (x, y), curve=True, counts=(500,), epochs=1)
    refused(OptionError, "run folder or a model of images or tables; got a float", (x, y), run=0.5)
    refused(RunError, "there is no run folder", (x, y), run=tmp_path / "nowhere")


def test_a_run_of_words_is_refused(tmp_path):
    words = selfsup.fit([["a", "b"] * 30] * 3, "skipgram", dim=4, min_count=1, epochs=1, evaluate=False, **QUIET)
    with pytest.raises(OptionError, match="this run learnt from text"):
        selfsup.finetune(words, clusters(), **QUIET)
    with pytest.raises(OptionError, match="learns no classes; teach them"):
        words.predict(["a b"])


def test_a_net_of_ones_own_is_refused_and_a_method_of_ones_own_is_not(trained, tmp_path):
    x, y = clusters(60)
    own = selfsup.fit(x, "undercomplete", net=torch.nn.Linear(6, 5), epochs=1, evaluate=False, **QUIET)
    with pytest.raises(OptionError, match=r"trained with torch.nn.*Linear of yours as net"):
        selfsup.finetune(own, (x, y), **QUIET)
    base = selfsup.fit(x, Halves, epochs=1, evaluate=False, **QUIET)
    model = selfsup.finetune(base, (x, y), epochs=1, out=tmp_path / "own", **QUIET)
    with pytest.raises(RunError, match="Halves of yours as base; give it"):
        selfsup.load(tmp_path / "own")
    again = selfsup.load(tmp_path / "own", given={"base": Halves})
    assert (again.predict_proba(x) == model.predict_proba(x)).all()


class Halves(Method):
    """Predict half of the columns from the others.

    Parameters
    ----------
    width
        Of the code.
    """

    kinds, sees, hides = ("table",), "the first columns", "the last ones"

    def __init__(self, width: int = 5) -> None:
        super().__init__()
        self.width = width

    def build(self, about):
        self.net = torch.nn.Sequential(torch.nn.Linear(3, self.width), torch.nn.ReLU())
        self.guess = torch.nn.Linear(self.width, 3)

    def hide(self, x, rng):
        return x[:, :3], x[:, 3:]

    def predict(self, seen):
        return self.guess(self.net(seen))

    def loss(self, guess, answer):
        return {"error": (guess - answer).square().sum(1)}

    def encode(self, x):
        return self.net(x[:, :3])


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("facts", "classes", "names"), ["a"]),
        (("facts", "classes", "names"), ["a", "a", "b"]),
        (("facts", "classes", "names"), [1, 2, 3]),
        (("facts", "classes", "names"), [str(k) for k in range(200_000)]),
        (("facts", "classes"), None),
        (("facts",), {}),
        (("options", "base"), "os:system"),
        (("options", "base"), "classifier"),
        (("options", "base"), "skipgram"),
        (("options", "base_options"), {"n_components": 10**9}),
        (("options", "base_options"), {"hidden": [10**6, 10**6]}),
        (("options", "base_options"), {"net": "/etc/passwd:f"}),
        (("options", "base_options"), {"factor": 3}),
        (("options", "base_options"), [1]),
        (("options", "layer"), "block9"),
    ],
)
def test_a_strangers_configuration_is_refused(tuned, tmp_path, keys, value):
    out = Path(shutil.copytree(tuned.folder, tmp_path / "copy"))
    config = part = json.loads((out / store.CONFIG).read_text())
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    (out / store.CONFIG).write_text(json.dumps(config))
    reseal(out)
    with pytest.raises(RunError):
        selfsup.load(out)


def test_labels_stand_behind_the_samples_by_name():
    x, y = clusters(9)
    data = open_data((x, NAMES[y]), progress=False)
    found = data.whole().labelled(("cedar", "ash"))
    assert torch.equal(found[:], torch.from_numpy(np.column_stack([x, np.asarray([1, -1, 0])[y]]).astype(np.float32)))
    assert torch.equal(found[torch.tensor([4, 2])], found[:][[4, 2]])
    assert torch.equal(data.part(np.arange(3)).labelled()[:][:, -1], torch.arange(3.0))
    assert torch.equal(open_data(x, progress=False).labelled()[:], torch.from_numpy(x))  # without labels the plain rows


def test_few_labels_are_seen_more_often():
    plan = Sgd(batch_size=64).plan(
        Halves(), open_data(clusters(5400)[0], progress=False).whole(), 4, 0, torch.device("cpu")
    )
    ways = replace(Ways(*[None] * 10), plan={**plan, "precision": "float32"}, learnt=range(5400))
    assert ways.epochs(5400) == 4
    assert ways.epochs(200) == 85  # 4 batches, and 340 steps in all
    assert ways.epochs(10) == 300  # at most


def test_fit_trains_the_same_net_from_scratch_and_says_so():
    x, y = clusters()
    model = selfsup.fit((x, NAMES[y]), "classifier", base="undercomplete", epochs=12, **QUIET)
    assert [row["way"] for row in model.evaluation.rows("label_efficiency")] == ["from scratch", "most frequent class"]
    assert np.mean(model.predict(x) == NAMES[y]) > 0.8
    with pytest.raises(DataError, match="these data have none"):
        selfsup.fit(x, "classifier", **QUIET)


@pytest.mark.parametrize("name", ["denoising", "colorization", "position"])
def test_the_net_is_built_from_what_was_measured_for_it(name):
    """Other images have other colours, and the net must have as many of its own as when it was trained."""
    x = np.random.default_rng(0).random((24, 3, 32, 32)).astype(np.float32)
    base = selfsup.fit(x, name, epochs=1, batch_size=12, evaluate=False, **QUIET)
    other, y = np.clip(0.1 * x + 0.4, 0, 1), np.arange(24) % 2
    model = selfsup.finetune(base, (other, y), epochs=0, evaluate=False, **QUIET)
    assert {key: fact for key, fact in model.config["facts"].items() if key != "classes"} == base.config["facts"]
    last = list(base.layers(other))[-1]
    np.testing.assert_allclose(model.encode(other), base.layers(other)[last], atol=1e-6)
