"""What later rooms ask of a data set: rows, moments, fingerprints, the form as JSON, memory."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from selfsup.data import Dataset, Form, Rows, open_data
from selfsup.data.facts import Asked
from selfsup.data.form import Field
from selfsup.errors import DataError
from selfsup.system import hashing, memory

RNG = np.random.default_rng(1)


@pytest.mark.parametrize("kind", ["uint8", "float", "table"])
def test_batches(kind):
    shape = (9, 4) if kind == "table" else (9, 3, 5, 6)
    x = RNG.integers(0, 200, shape).astype(np.uint8 if kind == "uint8" else np.float32)
    made = open_data(x - np.float32(10) if kind == "float" else x)
    samples = made.samples()
    assert len(samples) == 9
    expected = (made.x.astype(np.float32) - np.float32(made.form.low)) / np.float32(made.form.high - made.form.low)
    rows = torch.tensor([3, 3, 0])
    batch = samples[rows]
    assert batch.dtype == torch.float32
    np.testing.assert_array_equal(batch.numpy(), expected[rows.numpy()])
    before = made.x.copy()
    np.testing.assert_array_equal(samples[slice(2, 5)].numpy(), expected[2:5])
    np.testing.assert_array_equal(made.x, before)  # a view is never written into
    chosen = made.samples(np.asarray([8, 2, 5]))
    np.testing.assert_array_equal(chosen[torch.tensor([1, 0])].numpy(), expected[[2, 8]])
    np.testing.assert_array_equal(chosen[slice(1, 3)].numpy(), expected[[2, 5]])
    assert chosen.to(torch.device("cpu")) is chosen


def test_rows_copy_nothing():
    made = open_data(RNG.random((9, 4), np.float32))
    for rows in (None, np.arange(9), torch.arange(9), np.asarray([1, 2])):
        samples = made.samples(rows)
        assert samples.data.data_ptr() == made.x.ctypes.data
        assert (samples.rows is None) == (rows is None or len(rows) == 9)
    assert len(made.samples(np.asarray([], np.int64))) == 0
    with pytest.raises(DataError, match="0 to 8"):
        made.samples(np.asarray([9]))
    with pytest.raises(DataError, match="0 to 8"):
        made.samples(np.asarray([-1]))


def test_rows_move_to_a_device():
    made = open_data(RNG.integers(0, 255, (9, 3, 5, 6), dtype=np.uint8))
    moved = made.samples(np.asarray([4, 1])).to(torch.device("meta"))  # every device but the processor goes this way
    assert moved.data.shape == (2, 3, 5, 6)
    assert moved.data.device.type == "meta"
    assert moved.rows is None
    assert moved[torch.tensor([0])].shape == (1, 3, 5, 6)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and pytest -m cuda")
def test_rows_on_a_gpu(monkeypatch):
    made = open_data(RNG.integers(0, 255, (900, 3, 5, 6), dtype=np.uint8))
    samples = made.samples(np.arange(0, 900, 2))
    rows = torch.tensor([3, 1])
    for share in (0.5, 0.0):  # moved whole, or batch by batch
        monkeypatch.setattr("selfsup.data.arrays.rows.SHARE", share)
        moved = samples.to(torch.device("cuda"))
        assert moved.data.is_cuda == (share > 0)
        for index in (rows, rows.cuda()):
            torch.testing.assert_close(moved[index].cpu(), samples[rows])
            assert moved[index].is_cuda
        torch.testing.assert_close(moved[slice(0, 4)].cpu(), samples[slice(0, 4)])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), kind=st.sampled_from(["uint8", "float", "table"]), some=st.booleans())
def test_moments_are_those_of_the_batches(seed, kind, some):
    rng = np.random.default_rng(seed)
    x = rng.normal(5, 3, (40, 3) if kind == "table" else (40, 3, 4, 5))
    made = open_data((x.clip(0, 9) * 20).astype(np.uint8) if kind == "uint8" else x.astype(np.float32))
    rows = rng.permutation(40)[:17] if some else None
    moments = made.part(rows).fact("moments")
    batch = made.samples(rows)[slice(None)].double()
    axes = (0,) if kind == "table" else (0, 2, 3)
    np.testing.assert_allclose(moments.mean, batch.mean(axes).numpy(), rtol=1e-5)
    np.testing.assert_allclose(moments.std, batch.std(axes, correction=0).numpy(), rtol=1e-5)
    assert moments.mean.dtype == moments.std.dtype == np.float32
    assert moments.unit is bool((batch >= 0).all() and (batch <= 1).all())


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000), share=st.sampled_from([0.0, 0.02, 0.5, 0.98]), chunk=st.sampled_from([6, 50, 1 << 17])
)
def test_moments_leave_missing_values_out(seed, share, chunk):
    rng = np.random.default_rng(seed)
    x = (rng.normal(0, 1, (60, 3)) + [1e4, 0, -5]).astype(np.float32)
    x[rng.random(x.shape) < share] = np.nan
    x[rng.integers(60), :] = [1e4, 0.5, -5]  # no column is without a value
    before = x.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("selfsup.data.arrays.moments.CHUNK", chunk)
        moments = open_data(x).whole().fact("moments")
    np.testing.assert_allclose(moments.mean, np.nanmean(x.astype(np.float64), 0), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(moments.std, np.nanstd(x.astype(np.float64), 0), rtol=1e-5, atol=1e-5)
    assert moments.unit is False
    np.testing.assert_array_equal(x, before)


def test_moments_of_units_with_missing_values():
    moments = open_data(np.asarray([[0, np.nan], [1, 1], [0, 0]])).whole().fact("moments")
    assert moments.unit
    assert moments.binary
    nothing = open_data(np.asarray([[0.25, 1], [0.75, np.nan]])).part(np.asarray([1])).fact("moments")
    assert (nothing.mean.tolist(), nothing.std.tolist(), nothing.unit) == ([0.75, 0], [0, 0], True)


def test_moments_over_many_chunks_with_a_large_mean(monkeypatch):
    monkeypatch.setattr("selfsup.data.arrays.moments.CHUNK", 100)
    x = (RNG.normal(0, 1, (5000, 3)) + [1e4, 0, -1e4]).astype(np.float32)
    moments = open_data(x).whole().fact("moments")
    np.testing.assert_allclose(moments.std, x.astype(np.float64).std(0), rtol=1e-6)
    assert moments.unit is False
    constant = open_data(np.full((10, 2), 0.3)).whole().fact("moments")
    np.testing.assert_allclose(constant.std, 0, atol=1e-8)
    assert constant.unit is True


def test_facts_are_measured_only_when_asked_for_and_once(monkeypatch):
    asked = []
    monkeypatch.setattr("selfsup.data.dataset.measure", lambda samples: asked.append(len(samples)))
    about = Asked(open_data(np.zeros((4, 2))).part(np.asarray([0, 1])))
    assert (about.form.shape, about.form.kind, asked) == ((2,), "table", [])
    about.fact("moments")
    about.fact("moments")
    assert asked == [2]


def test_fingerprint_sees_every_value(monkeypatch):
    x = RNG.random((3000, 17), np.float32)
    first = open_data(x).fingerprint
    assert first == open_data(x.copy()).fingerprint
    assert first == open_data(x, labels=np.arange(3000)).fingerprint
    monkeypatch.setattr("selfsup.system.hashing.BLOCK", 64)
    sampled = hashing.of_array(x, most=640)
    for place in (0, 1234, 3000 * 17 - 1):
        y = x.copy()
        y.reshape(-1)[place] += 1
        assert hashing.of_array(y) != first
        assert hashing.of_array(y, most=640) != sampled
    assert hashing.of_array(x.reshape(17, 3000)) != first
    assert hashing.of_array(x.view(np.int32)) != first


def test_fingerprint_is_quick():
    x = np.zeros((60000, 784), np.float32)
    best = min(_time(lambda: hashing.of_array(x)) for _ in range(3))
    assert best < 2.0  # 0.07 s on two idle cores


def _time(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def number(name, **other):
    return {"name": name, "kind": "number", "values": []} | other


@pytest.mark.parametrize(
    "form",
    [
        Form("image", (3, 96, 96), 0.0, 255.0, None, 96),
        Form("table", (2,), columns=("a", "b")),
        Form("table", (784,)),
        Form("table", (784,), missing=True),
        Form(
            "table",
            (5,),
            columns=("a", "b", "c"),
            missing=True,
            fields=(
                Field("a", "number"),
                Field("b", "boolean", ("no", "yes")),
                Field("c", "category", ("x", "y", "z")),
            ),
        ),
    ],
)
def test_intake_goes_through_json(form):
    assert Form.from_dict(json.loads(json.dumps(form.to_dict()))) == form


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "sound"}, "'kind' cannot be 'sound'"),
        ({"shape": [0]}, "'shape'"),
        ({"shape": "12"}, "'shape'"),
        ({"shape": [1, 2]}, "'shape'"),
        ({"low": "0"}, "'low'"),
        ({"high": float("nan")}, "'high'"),
        ({"side": True}, "'side'"),
        ({"columns": [1]}, "'columns'"),
        ({"columns": ["a"]}, "1 columns"),
        ({"colums": None}, "did you mean 'columns'"),
        ({"missing": 1}, "'missing' cannot be 1"),
        ({"fields": []}, "'fields'"),
        ({"fields": ["a", "b"]}, "name, kind and values; got 'a'"),
        ({"fields": [number("a"), number("c")]}, "not those that 'columns' names"),
        ({"fields": [number("a"), number("b", kind="category", values=["u", "v"])]}, "take 3 values"),
        ({"fields": [number("a"), number("b", kind="category")]}, "'b' cannot be of kind 'category'"),
        ({"fields": [number("a"), number("b", kind="boolean", values=["u"])]}, "'b' cannot be of kind 'boolean'"),
        ({"fields": [number("a"), number("b", values=["u", "u"], kind="category")]}, "'b' cannot"),
        ({"fields": [number("a"), number("b", kind=["number"])]}, "'b' cannot"),
        ({"fields": [number("a"), number("b", kind="text")]}, "'b' cannot be of kind 'text'"),
    ],
)
def test_a_damaged_form_is_refused(change, words):
    plain = Form("table", (2,), columns=("a", "b")).to_dict()
    with pytest.raises(DataError, match=words):
        Form.from_dict(plain | change)
    del plain["side"]
    with pytest.raises(DataError, match="lacks 'side'"):
        Form.from_dict(plain)


def test_to_units():
    x = np.asarray([[0.0, 0.5, 1.0]], np.float32)
    assert Form("table", (3,)).to_units(x) is x
    assert Form("image", (1, 1, 3), -1.0, 3.0).to_units(x).tolist() == [[-1, 1, 3]]
    assert Form("image", (1, 1, 3), 0.0, 255.0).to_units(x).dtype == np.float32


def test_describe():
    def words(x, **other):
        return Dataset(x, Form("image" if x.ndim == 4 else "table", x.shape[1:]), "array", "", **other).describe()

    assert words(np.zeros((60000, 784), np.uint8)) == "60,000 vectors of 784 values"
    assert words(np.zeros((1, 1))) == "1 vector of 1 value"
    assert words(np.zeros((2, 3, 4, 5))) == "2 colour images of 4x5 (height x width)"
    assert words(np.zeros((2, 7, 4, 4))) == "2 images with 7 channels of 4x4"
    assert "short side" in words(np.zeros((2, 1, 4, 4)), note="short side resized to 4, centre crop")
    assert "Dataset: 2 vectors" in repr(open_data(np.zeros((2, 2))))


def test_too_little_memory(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 10)
    with pytest.raises(DataError, match=r"need 16 bytes of memory and 10 bytes are available; use --limit"):
        open_data(np.zeros((2, 2)))


def test_importing_the_room_leaves_the_heavy_ones_out():
    heavy = "{'datasets', 'pandas', 'sklearn', 'pyarrow', 'polars', 'psutil'} & set(sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, selfsup.data; print({heavy})"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_rows_are_samples():
    rows = Rows(torch.zeros(3, 2))
    assert len(rows) == 3
    assert rows.device.type == "cpu"
