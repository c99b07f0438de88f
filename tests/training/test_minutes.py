"""How long a training takes is said before it starts, and held, without a change to the result."""

import json
import logging
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import selfsup
from conftest import pictures, table
from selfsup.data.form import Form
from selfsup.errors import OptionError
from selfsup.methods import default
from selfsup.solvers import pace
from selfsup.solvers.sgd import Sgd
from selfsup.system.progress import roughly
from selfsup.training import loop

HOW = {"method": "denoising", "hidden": (8,), "batch_size": 16, "evaluate": False, "progress": False}


def weights(model):
    return {name: tensor.clone() for name, tensor in model.method.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture
def paced(monkeypatch):
    """An epoch takes so many seconds, as far as the solver says."""
    return lambda seconds: monkeypatch.setattr(Sgd, "pace", lambda *_, **__: seconds)


def test_a_look_ahead_changes_nothing(monkeypatch, caplog):
    x = pictures(100, 3, 8, 8)
    how = HOW | {"net": "conv", "batch_size": 4, "epochs": 11}  # 20 batches an epoch: 220 steps
    monkeypatch.setattr(loop, "SHORT", 0.0)
    caplog.set_level(logging.INFO, "selfsup")
    told = selfsup.fit(x, **how)
    assert any("for 11 epochs" in record.message for record in caplog.records)
    monkeypatch.setattr(Sgd, "pace", lambda *_, **__: None)
    silent = selfsup.fit(x, **how)
    assert same(weights(told), weights(silent))
    assert [record["heldout"] for record in told.history] == [record["heldout"] for record in silent.history]


def test_a_short_training_is_not_told(caplog):
    caplog.set_level(logging.INFO, "selfsup")
    selfsup.fit(table(60), **HOW, epochs=2)
    assert not any("about" in record.message for record in caplog.records)


def test_a_look_ahead_takes_a_fiftieth_of_the_steps(monkeypatch):
    now, done = [0.0], []
    monkeypatch.setattr(pace, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    def step(number):
        done.append(number)
        now[0] += 0.05 if number == 0 else 0.01

    cpu = torch.device("cpu")
    assert pace.seconds_a_step(step, 1000, 1.0, cpu) == pytest.approx(0.01)
    assert done == list(range(20))
    assert pace.seconds_a_step(step, 10, 1.0, cpu) is None  # the first step says that the whole is short
    assert pace.seconds_a_step(step, 100_000, 1.0, cpu) == pytest.approx(0.01)
    assert now[0] == pytest.approx(0.05 + 0.19 + 0.05 + 0.05 + pace.LONG, abs=0.02)


def test_epochs_are_planned_from_the_time_there_is(paced, caplog):
    paced(6.0)
    caplog.set_level(logging.INFO, "selfsup")
    model = selfsup.fit(table(60), **HOW, minutes=1, epochs=20)
    planned = model.config["training"]["epochs"]
    assert planned == 8  # .9 of a minute, less a little for measuring
    assert model.history[-1]["epoch"] == 8
    assert model.history[-1]["lr"] == pytest.approx(0.0, abs=1e-9)  # the rate has run its whole course
    assert model.config["training"]["minutes"] == 1
    assert "8 epochs of 20 were planned, as many as fit into 1 min" in model.config["notes"]
    assert any("8 of 20 epochs, as many as fit into 1 min" in record.message for record in caplog.records)
    assert same(weights(model), weights(selfsup.fit(table(60), **HOW, epochs=8)))


def test_time_for_all_epochs_changes_nothing(paced):
    paced(0.1)
    model = selfsup.fit(table(60), **HOW, minutes=5, epochs=3)
    assert model.config["training"]["epochs"] == 3
    assert not any("planned" in note for note in model.config["notes"])


def test_a_part_of_an_epoch_is_a_whole_course(paced):
    paced(100.0)
    model = selfsup.fit(table(200), **HOW, minutes=1)  # 160 rows: 10 steps an epoch
    assert 0.4 < model.config["training"]["epochs"] <= 0.54
    (record,) = model.history
    assert record["epoch"] == model.config["training"]["epochs"]
    assert record["lr"] == pytest.approx(0.0, abs=1e-9)
    assert record["loss"] == pytest.approx(sum(record["terms"].values()))
    assert 0.2 < record["loss"] / model.start["heldout"] < 5  # a mean over the rows that were met
    paced(1e9)
    assert selfsup.fit(table(200), **HOW, minutes=1).history  # one step at least


def test_a_training_slower_than_planned_ends_when_the_time_is_over(paced, monkeypatch):
    paced(1e-6)
    monkeypatch.setattr(loop, "PLANNED", 1e9)
    began = time.perf_counter()
    model = selfsup.fit(table(60), **HOW, minutes=0.005, epochs=100_000)
    assert time.perf_counter() - began < 20
    last = model.history[-1]
    assert 0 < last["epoch"] < 100_000
    assert last["heldout"] > 0
    assert any("min were over at epoch" in note for note in model.config["notes"])


def test_what_was_decided_is_kept_when_a_run_goes_on(tmp_path, paced, cut, monkeypatch):
    paced(9.0)
    whole = selfsup.fit(table(60), **HOW, minutes=1, epochs=50)
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        selfsup.fit(table(60), **HOW, minutes=1, epochs=50, out=out, checkpoint_every=0)
    cut()
    monkeypatch.setattr(Sgd, "pace", lambda *_, **__: pytest.fail("it was decided already"))
    model = selfsup.fit(table(60), **HOW, minutes=1, epochs=50, out=out, resume=True)
    assert model.config["training"]["epochs"] == whole.config["training"]["epochs"] == 5
    assert same(weights(model), weights(whole))
    assert json.loads((out / "config.json").read_text())["training"]["minutes"] == 1


def test_a_run_whose_time_was_over_is_over_when_it_is_resumed(tmp_path, paced, monkeypatch):
    paced(1e-6)
    monkeypatch.setattr(loop, "PLANNED", 1e9)
    out, write = tmp_path / "run", selfsup.Model.write
    monkeypatch.setattr(selfsup.Model, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    late = HOW | {"minutes": 0.005, "epochs": 100_000, "out": out, "checkpoint_every": 0}
    with pytest.raises(KeyboardInterrupt):
        selfsup.fit(table(60), **late)
    monkeypatch.setattr(selfsup.Model, "write", write)
    before = len((tmp_path / "run.partial" / "metrics.jsonl").read_text().splitlines())
    model = selfsup.fit(table(60), **late, resume=True)
    assert len(model.history) + 1 == before
    assert any("min were over at epoch" in note for note in model.config["notes"])


@pytest.mark.parametrize(("method", "said"), [("linear", "solved in one pass"), ("skipgram", "give option 'epochs'")])
def test_what_cannot_be_held_says_so(method, said):
    data = table(30) if method == "linear" else ["a sentence of words"] * 30
    with pytest.raises(OptionError, match=said):
        selfsup.fit(data, method, minutes=1, progress=False)


def test_minutes_are_a_positive_number():
    for wrong in (0, -1, float("nan")):
        with pytest.raises(OptionError, match="minutes"):
            selfsup.fit(table(30), minutes=wrong, progress=False)


def test_estimates_are_rough():
    assert [roughly(s) for s in (0.2, 12.4, 43, 94, 100, 725, 8000)] == [
        "1 s", "12 s", "40 s", "90 s", "2 min", "12 min", "2.2 h",
    ]  # fmt: skip


def test_few_photos_get_a_small_net_and_few_epochs():
    photo = Form("image", (3, 96, 96), 0.0, 255.0, None)
    few = default(photo, 140)
    assert (few.name, dict(few.options)) == ("rotation", {"net": "conv", "epochs": 60})
    assert "140 are few" in few.why
    assert "start" in few.why
    assert default(photo, 10).options["epochs"] == 100
    assert not default(photo, 5_000).options
    assert not default(photo).options
    how = {"evaluate": False, "progress": False}
    model = selfsup.fit(pictures(840, 3, 32, 32), limit=24, epochs=1, **how)
    assert (model.options["net"], model.config["training"]["epochs"]) == ("conv", 1)  # what is asked for goes first
    assert selfsup.fit(pictures(24, 3, 32, 32), hidden=(4,), epochs=1, **how).options["net"] == "auto"


def test_an_epoch_of_no_step_is_none():
    x = np.random.default_rng(0).normal(size=(40, 5))
    assert selfsup.fit(x, **HOW, epochs=0, minutes=1).history == []
