"""The options compile and precision of gradient descent, where the machine can and where it cannot."""

import functools
import logging

import pytest
import torch

import selfsup
from selfsup.errors import Interrupted, OptionError
from selfsup.solvers import precision
from selfsup.testing import pictures
from selfsup.training.loop import Loop

QUIET = {"progress": False, "evaluate": False}
OPTIONS = {
    "net": "conv",
    "hidden": (4, 4),
    "epochs": 2,
    "batch_size": 7,
    **QUIET,
}  # 16 rows are learnt from: 6, 5 and 5


@pytest.fixture(scope="module")
def images():
    return pictures(20, 1, 8, 8)


@pytest.fixture
def captured(monkeypatch):
    """Let torch capture and run graphs, but make no code of them, which takes a C++ compiler half a minute."""
    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager", fullgraph=True))


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.method.parameters(), b.method.parameters(), strict=True))


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("method", ["rotation", "denoising"])
def test_a_compiled_run_does_the_same(images, captured, caplog, method):
    compiled = selfsup.fit(images, method, compile=True, **OPTIONS)
    plain = selfsup.fit(images, method, **OPTIONS)
    assert (compiled.config["training"]["compile"], plain.config["training"]["compile"]) == (True, False)
    assert same(compiled, plain)
    assert not warnings(caplog)


def test_what_cannot_be_compiled_is_done_uncompiled_with_one_sentence(images, monkeypatch, caplog):
    def fails(*_):
        raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found.\n\nSet TORCHDYNAMO_VERBOSE=1")

    monkeypatch.setattr(torch, "compile", lambda function, **_: fails)
    model = selfsup.fit(images, "rotation", compile=True, **OPTIONS)
    assert model.config["training"]["compile"] is False
    (said,) = warnings(caplog)
    assert "No working C++ compiler found" in said
    assert "uncompiled" in said
    assert "\n" not in said
    assert same(model, selfsup.fit(images, "rotation", **OPTIONS))


def interrupted(images, out, monkeypatch):
    def stops(self, task, pause):
        if pause.epoch >= 1:
            self._stop.set()
        told(self, task, pause)

    told = Loop._pause
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_pause", stops)
        with pytest.raises(Interrupted):
            selfsup.fit(images, "rotation", compile=True, out=out, **OPTIONS)


def test_resuming_is_exact(images, captured, monkeypatch, tmp_path):
    interrupted(images, tmp_path / "run", monkeypatch)
    resumed = selfsup.fit(images, "rotation", compile=True, out=tmp_path / "run", resume=True, **OPTIONS)
    assert resumed.config["training"]["compile"] is True
    assert same(resumed, selfsup.fit(images, "rotation", compile=True, **OPTIONS))


def test_a_run_goes_on_as_it_was_begun(images, captured, monkeypatch, tmp_path, caplog):
    with monkeypatch.context() as patch:
        patch.setattr("selfsup.solvers.sgd.compiles", lambda *_: False)
        interrupted(images, tmp_path / "run", monkeypatch)
    resumed = selfsup.fit(images, "rotation", compile=True, out=tmp_path / "run", resume=True, **OPTIONS)
    assert resumed.config["training"]["compile"] is False
    interrupted(images, tmp_path / "compiled", monkeypatch)
    monkeypatch.setattr("selfsup.solvers.sgd.compiles", lambda *_: False)
    selfsup.fit(images, "rotation", compile=True, out=tmp_path / "compiled", resume=True, **OPTIONS)
    assert any("begun compiled" in said for said in warnings(caplog))


def test_bfloat16_where_a_gpu_has_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "Tesla P100")
    with pytest.raises(OptionError, match="'precision': Tesla P100 does not multiply bfloat16; use auto or float32"):
        precision.resolved("bfloat16", torch.device("cuda"))
    assert precision.resolved("auto", torch.device("cuda")) == "float32"


def test_bfloat16_where_a_processor_has_none_is_slower_and_said(images, monkeypatch, caplog):
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda: False)
    model = selfsup.fit(images, "rotation", precision="bfloat16", **OPTIONS)
    assert model.config["training"]["precision"] == "bfloat16"
    assert any("no instructions for bfloat16" in said for said in warnings(caplog))
    assert torch.isfinite(torch.cat([p.flatten() for p in model.method.parameters()])).all()
