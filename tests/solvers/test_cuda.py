"""What runs on a GPU: `pytest -m cuda`. The other tests are of the processor."""

import numpy as np
import pandas as pd
import pytest
import torch

import selfsup
from selfsup.errors import RunError, TrainingError
from selfsup.testing import pictures, table

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and pytest -m cuda"),
]
QUIET = {"progress": False, "evaluate": False}
METHODS = {
    "undercomplete": {},
    "denoising": {},
    "variational": {},
    "contractive": {},
    "sparse": {},
    "sparse topk": {"activation": "topk", "k": 4},
    "sparse batchtopk": {"activation": "batchtopk", "k": 4},
    "sparse jumprelu": {"activation": "jumprelu"},
    "linear": {"solver": "sgd"},
    "linear exact": {},
    "rotation": {},
    "denoising conv": {"net": "conv"},
}
SENTENCES = [f"w{i % 40} w{i % 40 + 1} w{(i * 7) % 40} w{i % 40 + 2}" for i in range(800)]


def data_of(name):
    return pictures(200, 1, 8, 8) if name in ("rotation", "denoising conv") else table(200)


def run(name, device="cuda", **more):
    settings = {"epochs": 3} if name != "linear exact" else {}
    return selfsup.fit(data_of(name), name.split()[0], device=device, **QUIET | settings | METHODS[name] | more)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_learns_as_on_the_cpu_and_its_codes_are_the_same_there(name, tmp_path):
    here, there = run(name, "cpu"), run(name, out=tmp_path / "run")
    assert there.device.type == "cuda"
    one, other = (model.history[-1]["heldout"] for model in (here, there))
    assert other == pytest.approx(one, rel=0.15, abs=0.05)  # a GPU draws other numbers
    again, home = selfsup.load(tmp_path / "run", device="cuda"), selfsup.load(tmp_path / "run")
    codes = there.encode(data_of(name))
    np.testing.assert_array_equal(again.encode(data_of(name)), codes)
    assert home.device.type == "cpu"
    np.testing.assert_allclose(home.encode(data_of(name)), codes, rtol=1e-4, atol=1e-4 * np.abs(codes).max())


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "auto"])
@pytest.mark.parametrize("method", ["undercomplete", "denoising", "variational", "sparse", "contractive"])
def test_a_table_of_all_kinds_with_gaps(method, precision):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=300), "b": rng.random(300) > 0.5, "c": rng.choice(["x", "y", "z"], 300)})
    frame.loc[::7, "a"] = np.nan
    model = selfsup.fit(frame, method, device="cuda", epochs=2, precision=precision, **QUIET)
    assert np.isfinite(model.encode(frame)).all()
    assert len(model.reconstruct(frame)) == 300


@pytest.mark.parametrize("options", [{}, {"objective": "hierarchical"}, {"objective": "softmax"}, {"subwords": True}],
                         ids=["negative", "hierarchical", "softmax", "subwords"])  # fmt: skip
@pytest.mark.parametrize("method", ["skipgram", "cbow"])
def test_text_by_descent(method, options):
    model = selfsup.fit(
        SENTENCES, method, solver="sgd", device="cuda", epochs=2, dim=16, min_count=1, sample=0, **QUIET, **options
    )
    assert model.history[-1]["heldout"] < model.history[0]["heldout"]
    assert np.isfinite(model.word_vectors.vectors).all()


@pytest.mark.parametrize("solver", ["sgd", "batched"])
def test_a_second_text_joins_the_first(solver, tmp_path):
    shared = {"solver": solver, "device": "cuda", "epochs": 1, "dim": 8, "min_count": 1, **QUIET}
    selfsup.fit(
        [f"old{line}" for line in SENTENCES[:200]] + SENTENCES[:400], "skipgram", out=tmp_path / "first", **shared
    )
    model = selfsup.fit(SENTENCES[400:], "skipgram", warm_start=tmp_path / "first", **shared)
    assert any(word.startswith("old") for word in model.word_vectors.words)


SAME = ["undercomplete", "variational", "contractive", "sparse topk", "sparse batchtopk", "sparse jumprelu", "rotation",
        "denoising conv"]  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_a_run_that_was_cut_goes_on_to_the_same_bits(name, tmp_path, cut):
    whole = run(name, epochs=4, batch_size=16)
    with pytest.raises(KeyboardInterrupt):
        run(name, epochs=4, batch_size=16, out=tmp_path / "run", checkpoint_every=0)
    cut()
    resumed = run(name, epochs=4, batch_size=16, out=tmp_path / "run", resume=True)
    for (key, one), other in zip(whole.method.state_dict().items(), resumed.method.state_dict().values(), strict=True):
        assert torch.equal(one, other), key


def test_a_run_goes_on_on_the_kind_of_device_that_it_began_on(tmp_path, cut):
    with pytest.raises(KeyboardInterrupt):
        run("undercomplete", epochs=4, out=tmp_path / "run", checkpoint_every=0)
    cut()
    with pytest.raises(RunError, match="device was 'cuda', now 'cpu'"):
        run("undercomplete", "cpu", epochs=4, out=tmp_path / "run", resume=True)


def test_the_callers_own_generators_stay_as_they_were():
    torch.cuda.manual_seed(5)
    expected = torch.rand(3, device="cuda")
    torch.cuda.manual_seed(5)
    run("undercomplete")
    assert torch.equal(torch.rand(3, device="cuda"), expected)


def test_what_is_not_finite_is_named():
    with pytest.raises(TrainingError, match=r"'reconstruction' is not finite in epoch \d+, batch \d+.*option 'clip'"):
        selfsup.fit(table(200), "undercomplete", device="cuda", lr=1e30, **QUIET)


def test_a_batch_that_does_not_fit_is_said_in_a_sentence():
    try:
        torch.cuda.set_per_process_memory_fraction(0.01)
        with pytest.raises(TrainingError, match=r"no memory left for this; lower option 'batch_size'"):
            selfsup.fit(pictures(6000, 3, 32, 32), "rotation", net="resnet18", device="cuda", epochs=1, batch_size=6000,
                        precision="float32", holdout=0.1, **QUIET)  # fmt: skip
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
