"""The main job through its public words: `fit`, `load`, `evaluate`, and what they refuse."""

import errno
import json

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import selfsup
from broken import Collapsing, Coupled, Diverging
from conftest import pictures, reseal, table
from selfsup.errors import DataError, OptionError, RunError, TrainingError
from selfsup.methods import find

QUIET = {"progress": False}


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    return x.reshape(-1, 8, 8), y


@pytest.fixture(scope="module")
def run(tmp_path_factory, digits):
    out = tmp_path_factory.mktemp("runs") / "a"
    model = selfsup.fit((digits[0][:400], digits[1][:400]), epochs=2, out=out, **QUIET)
    return out, model


def test_the_public_words_are_few():
    assert set(dir(selfsup)) >= {"fit", "load", "evaluate", "methods", "Method", "Model"}
    assert [info.name for info in selfsup.methods()] == [
        "barlow", "byol", "cbow", "classifier", "colorization", "contractive", "denoising", "dino", "emp", "jepa", "jigsaw",
        "lejepa", "linear", "mae", "position", "rotation", "scarf", "simclr", "simsiam", "skipgram", "spans", "sparse",
        "undercomplete", "variational", "vicreg", "vime",
    ]  # fmt: skip
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        _ = selfsup.fitt


def test_fit_without_a_method_chooses_one_and_says_why(run):
    _, model = run
    assert model.config["method"] == "denoising"
    assert "small or grey images" in model.config["why"]
    assert selfsup.fit(pictures(8, 3, 32, 32), epochs=1, **QUIET).config["method"] == "rotation"
    assert selfsup.fit(table(30), epochs=1, **QUIET).config["method"] == "denoising"


def test_history_has_one_record_an_epoch(run):
    _, model = run
    assert [record["epoch"] for record in model.history] == [1, 2]
    assert set(model.history[0]) >= {"loss", "terms", "heldout", "gap", "seconds", "data_wait"}
    assert model.history[0]["loss"] == pytest.approx(sum(model.history[0]["terms"].values()))
    assert model.start["epoch"] == 0


def test_a_run_folder_holds_what_the_design_says(run):
    out, _ = run
    names = {path.name for path in out.iterdir()}
    assert names >= {
        "config.json",
        "model.safetensors",
        "metrics.jsonl",
        "evaluation.json",
        "report.html",
        "README.md",
        "log.txt",
    }
    assert not [path for path in out.rglob("*") if path.suffix in (".pkl", ".pt", ".bin", ".pickle")]
    found = json.loads((out / "evaluation.json").read_text())
    assert set(found) == {"verdict", "health", "tables", "notes"}
    assert found["verdict"]["kind"] in ("learning", "not learning", "collapsed", "no better than PCA")
    assert {row["encoder"] for row in found["tables"]["probe"]} == {"model", "raw input", "PCA", "random init"}
    assert "raw input" in (out / "README.md").read_text()
    assert not out.with_name("a.partial").exists()


def test_codes_after_loading_are_equal_to_the_bit(run, digits):
    out, model = run
    again = selfsup.load(out)
    assert np.array_equal(model.encode(digits[0]), again.encode(digits[0]))
    assert np.array_equal(model.decode(model.encode(digits[0][:9])), again.decode(again.encode(digits[0][:9])))
    assert again.history == model.history
    assert again.evaluation.to_dict() == model.evaluation.to_dict()


def test_saving_elsewhere_gives_the_same_model(run, digits, tmp_path):
    _, model = run
    again = selfsup.load(model.save(tmp_path / "copy"))
    assert np.array_equal(model.encode(digits[0]), again.encode(digits[0]))
    with pytest.raises(RunError, match="exists; choose another"):
        model.save(tmp_path / "copy")
    model.save(tmp_path / "copy", overwrite=True)


def test_decoded_images_are_in_the_units_of_the_data(digits):
    model = selfsup.fit(digits[0], "linear", n_components=64, evaluate=False, **QUIET)
    np.testing.assert_allclose(model.reconstruct(digits[0])[:, 0], digits[0], atol=1e-3)


def test_evaluate_after_loading_is_the_evaluation_of_fit(run, digits):
    out, model = run
    found = selfsup.evaluate(selfsup.load(out), (digits[0][:400], digits[1][:400]), **QUIET)
    assert (found.tables, found.notes) == (model.evaluation.tables, model.evaluation.notes)
    assert found.verdict["kind"] == model.evaluation.verdict["kind"]
    assert found.health["loss"] == pytest.approx(model.evaluation.health["loss"], rel=0.02)  # on more of the same rows
    assert "linear probe" in str(found)
    assert len(found.to_pandas()) == sum(len(table.rows) for table in found.tables)


@pytest.mark.parametrize("method", ["denoising", "rotation", "linear"])
def test_labels_never_reach_training(digits, method):
    x, y = digits[0][:300], digits[1][:300]
    settings = {"epochs": 2, "evaluate": False, **QUIET}
    with_labels = selfsup.fit((x, y), method, **settings)
    shuffled = selfsup.fit((x, np.random.default_rng(0).permutation(y)), method, **settings)
    without = selfsup.fit(x, method, **settings)
    for key, value in without.method.state_dict().items():
        assert torch.equal(value, with_labels.method.state_dict()[key])
        assert torch.equal(value, shuffled.method.state_dict()[key])


def test_a_collapsed_method_is_called_collapsed(digits):
    model = selfsup.fit((digits[0], digits[1]), Collapsing, **QUIET)
    assert model.history[-1]["loss"] < 0.02  # the prettiest loss of all
    assert model.evaluation.verdict["kind"] == "collapsed"


@pytest.mark.parametrize("method", ["denoising", "rotation", "linear"])
def test_an_untrained_method_is_called_not_learning(digits, method):
    model = selfsup.fit((digits[0], digits[1]), method, epochs=0, solver="sgd", **QUIET)
    assert model.history == []
    assert model.evaluation.verdict["kind"] == "not learning"


def test_rotation_on_digits_is_said_not_to_help(digits):
    model = selfsup.fit((digits[0], digits[1]), "rotation", hidden=(16, 32, 32), epochs=8, **QUIET)
    assert model.history[-1]["gap"] > 0.5  # the task itself is learnt
    assert model.evaluation.verdict["kind"] == "no better than PCA"


def test_linear_says_itself_that_it_is_pca(digits):
    model = selfsup.fit((digits[0], digits[1]), "linear", **QUIET)
    assert model.evaluation.verdict["kind"] == "no better than PCA"


def test_a_net_of_ones_own_fits_and_is_needed_again(digits, tmp_path):
    def net():
        return nn.Sequential(nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU()), nn.Linear(20, 10))

    model = selfsup.fit(digits[0][:200], "denoising", net=net(), epochs=1, out=tmp_path / "own", **QUIET)
    with pytest.raises(RunError, match="give one: load"):
        selfsup.load(tmp_path / "own")
    again = selfsup.load(tmp_path / "own", given={"net": net()})
    assert np.array_equal(model.encode(digits[0]), again.encode(digits[0]))
    with pytest.raises(OptionError, match="does not take samples of shape"):
        selfsup.fit(digits[0][:200], "denoising", net=nn.Linear(7, 3), epochs=1, **QUIET)


def test_resnet18_and_its_stem():
    model = selfsup.fit(pictures(6, 3, 32, 32), "rotation", net="resnet18", hidden=(4, 4, 8, 8), epochs=1, **QUIET)
    assert "resnet18" in model.config["net"]
    assert [d.shape[1] for d in model.layers(pictures(3, 3, 32, 32)).values()] == [4, 4, 8, 8]
    assert model.method.backbone.maps[0] == (4, 32, 32)
    large = selfsup.fit(pictures(4, 3, 96, 96), "rotation", net="resnet18", hidden=(4, 4, 8, 8), epochs=1, **QUIET)
    assert large.method.backbone.maps[0] == (4, 24, 24)


def test_early_stopping_takes_the_best_epochs_weights(digits):
    model = selfsup.fit(digits[0][:200], "denoising", epochs=60, lr=0.05, patience=2, **QUIET)
    losses = [record["heldout"] for record in model.history]
    assert len(losses) < 60
    assert min(losses) == losses[-3]
    from selfsup.method import shuffle_gap

    rows = model.open(digits[0][:200]).cut(40, 0)[1].rows()[:]
    assert shuffle_gap(model.method, rows, draws=1)["loss"] == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "rotaton"}, "did you mean 'rotation'"),
        ({"method": "rotation", "n_component": 3}, "unknown option of method 'rotation' 'n_component'"),
        ({"method": "denoising", "n_component": 3}, "did you mean 'n_components'"),
        ({"method": "denoising", "level": -1.0}, "'level' must be a number at least 0; got -1.0"),
        ({"method": "denoising", "level": 2.0, "corruption": "masking"}, "'level' is a share"),
        ({"method": "denoising", "corruption": "fog"}, "one of 'gaussian', 'masking', 'salt-and-pepper'"),
        ({"method": "denoising", "hidden": (8, 0)}, "'hidden' must be"),
        ({"method": "denoising", "hidden": ()}, "at least one width for net 'conv'"),
        ({"method": "denoising", "net": "vgg"}, "'net' must be"),
        ({"method": "linear", "n_components": 65}, "at most 64"),
        ({"method": "linear", "n_components": True}, "'n_components' must be a whole number"),
        ({"method": "denoising", "solver": "exact"}, "has no closed form"),
        ({"method": "rotation", "block": 9}, "'block' must be at most 3"),
        ({"epochs": 1.5}, "'epochs' must be a whole number at least 0 or none; got 1.5"),
        ({"epochs": -1}, "'epochs'"),
        ({"batch_size": 1}, "'batch_size'"),
        ({"lr": 0}, "'lr' must be a number greater than 0"),
        ({"lr": float("nan")}, "'lr'"),
        ({"seed": "one"}, "'seed'"),
        ({"holdout": 1.0}, "'holdout'"),
        ({"device": "gpu9"}, "'device'"),
        ({"method": "nowhere:Nothing"}, "cannot import the method"),
        ({"method": "json:JSONDecoder"}, "not a subclass of selfsup.Method"),
        ({"method": dict}, "not a subclass of selfsup.Method"),
    ],
)
def test_bad_options_are_named(digits, settings, message):
    with pytest.raises(OptionError, match=message):
        selfsup.fit(digits[0][:50], **{"epochs": 1, **QUIET, **settings})


def test_rotation_refuses_vectors():
    with pytest.raises(OptionError, match="learns from images"):
        selfsup.fit(table(20), "rotation", **QUIET)


def test_one_sample_is_too_few():
    with pytest.raises(DataError, match="at least 2"):
        selfsup.fit(table(1), **QUIET)


def test_constant_columns_are_survived_and_constant_data_refused():
    x = table(40)
    x[:, 2] = 7
    for method in ("linear", "denoising"):
        assert np.isfinite(selfsup.fit(x, method, epochs=2, **QUIET).encode(x)).all()
        with pytest.raises(DataError, match="all 20 samples are the same, to the bit: there is nothing to learn"):
            selfsup.fit(np.full((20, 4), 3.0), method, epochs=2, **QUIET)


def test_one_class_is_said():
    with pytest.raises(DataError, match="2 classes"):
        selfsup.evaluate(selfsup.fit(table(30), epochs=1, **QUIET), (table(30), np.zeros(30)), **QUIET)
    model = selfsup.fit((table(30), np.zeros(30)), epochs=1, **QUIET)  # training itself needs no labels
    assert model.evaluation.rows("probe") == []
    assert any("2 classes" in note for note in model.evaluation.notes)


def test_a_diverging_loss_names_term_and_batch(digits):
    with pytest.raises(TrainingError, match="loss term 'oddity' is not finite in epoch 2, batch 1.*'clip' to 1"):
        selfsup.fit(digits[0][:200], Diverging, epochs=2, **QUIET)


def test_a_coupled_loss_trains_in_one_process(digits):
    model = selfsup.fit(digits[0][:200], Coupled, epochs=3, **QUIET)
    assert model.history[-1]["gap"] > model.start["gap"]


def test_an_existing_folder_is_not_overwritten_unasked(run, digits, tmp_path):
    out, _ = run
    with pytest.raises(RunError, match="exists; choose another place"):
        selfsup.fit(digits[0][:50], epochs=1, out=out, **QUIET)
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter1.txt").write_text("precious")
    with pytest.raises(RunError, match="not a run folder of selfsup"):
        selfsup.fit(digits[0][:50], epochs=1, out=foreign, overwrite=True, **QUIET)
    assert (foreign / "chapter1.txt").read_text() == "precious"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "metrics.jsonl"])
def test_a_missing_or_truncated_file_is_named(run, tmp_path, name):
    import shutil

    out, _ = run
    shutil.copytree(out, copy := tmp_path / "copy")
    whole = (copy / name).read_bytes()
    (copy / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match=f"{name} "):
        selfsup.load(copy)
    (copy / name).unlink()
    with pytest.raises(RunError, match=f"{name} is missing"):
        selfsup.load(copy)


def test_a_foreign_or_tampered_folder_runs_no_code(run, tmp_path):
    import shutil

    out, _ = run
    shutil.copytree(out, copy := tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"method": "antigravity:Method"}))
    reseal(copy)
    with pytest.raises(RunError, match="not selfsup's own"):
        selfsup.load(copy)
    (copy / "config.json").write_text(json.dumps({"hello": 1}))
    with pytest.raises(RunError, match="not a configuration of selfsup"):
        selfsup.load(copy)
    (copy / "config.json").write_text(json.dumps(config | {"options": config["options"] | {"hidden": [8, 8]}}))
    with pytest.raises(RunError, match="config.json is damaged: it has changed since it was written"):
        selfsup.load(copy)
    reseal(copy)
    with pytest.raises(RunError, match="does not belong to this configuration"):
        selfsup.load(copy)


def test_a_full_disk_leaves_nothing_half_written(digits, tmp_path, monkeypatch):
    from selfsup.system import files

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(RunError, match="No space left on device; free some space"):
        selfsup.fit(digits[0][:60], epochs=1, out=tmp_path / "run", **QUIET)
    assert not (tmp_path / "run").exists()
    monkeypatch.undo()
    model = selfsup.fit(digits[0][:60], epochs=1, out=tmp_path / "run", resume=True, **QUIET)
    assert np.isfinite(selfsup.load(tmp_path / "run").encode(digits[0][:60])).all()
    assert model.folder == tmp_path / "run"
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]


def test_resume_refuses_other_settings(digits, tmp_path, monkeypatch):
    from selfsup.store.checkpoint import Checkpoint

    monkeypatch.setattr(Checkpoint, "due", lambda self: True)
    partial = tmp_path / "run"

    def stop(self, *_):
        raise RunError("stopped here")

    with monkeypatch.context() as patched:
        patched.setattr(selfsup.Model, "write", stop)
        with pytest.raises(RunError, match="stopped here"):
            selfsup.fit(digits[0][:60], epochs=2, out=partial, **QUIET)
    with pytest.raises(RunError, match="lr was 0.002, now 0.5"):
        selfsup.fit(digits[0][:60], epochs=2, lr=0.5, out=partial, resume=True, **QUIET)
    with pytest.raises(RunError, match="the data are others, or are read another way"):
        selfsup.fit(digits[0][:70], epochs=2, out=partial, resume=True, **QUIET)
    with pytest.raises(RunError, match="unfinished run; continue it with option 'resume'"):
        selfsup.fit(digits[0][:60], epochs=2, out=partial, **QUIET)
    assert selfsup.fit(digits[0][:60], epochs=2, out=partial, resume=True, **QUIET).folder == partial
    assert (
        selfsup.fit(digits[0][:60], epochs=2, out=partial, resume=True, **QUIET).folder == partial
    )  # finished: loaded


def test_labels_after_the_data_are_labels():
    """As scikit-learn's users write it: `fit(X, y)`."""
    x = table(80)
    y = (x[:, 0] > 0).astype(int)
    found, expected = selfsup.fit(x, y, epochs=1, **QUIET), selfsup.fit(x, labels=y, epochs=1, **QUIET)
    assert found.config["method"] == expected.config["method"] == "denoising"
    assert found.config["data"]["classes"] == ["0", "1"]
    assert found.evaluation.rows("probe") == expected.evaluation.rows("probe") != []
    assert selfsup.fit(x, y.tolist(), **QUIET, epochs=1).config["data"]["classes"] == ["0", "1"]
    with pytest.raises(OptionError, match="labels are given twice"):
        selfsup.fit(x, y, labels=y)
    with pytest.raises(OptionError, match="by its name or class, and its options to fit; got a made Denoising"):
        selfsup.fit(x, find("denoising")[1]())
    with pytest.raises(DataError, match="got 79 labels for 80 rows"):
        selfsup.fit(x, y[1:])
    with pytest.raises(OptionError, match="'labels' means nothing for texts"):
        selfsup.fit(["a b c"] * 20, [1, 0] * 10)


def test_decode_refuses_codes_of_the_wrong_width(run):
    _, model = run
    with pytest.raises(DataError, match=r"takes codes of shape \(n, "):
        model.decode(np.zeros((2, 3)))


def test_encode_refuses_data_of_another_shape(run):
    _, model = run
    with pytest.raises(DataError, match="8"):
        model.encode(np.zeros((3, 9, 9)))
    assert model.encode(np.zeros((1, 8, 8))).shape == (1, model.config["width"])
