"""Arrays, tensors, .npy, .npz and labels as data."""

import pickle

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings, strategies as st

from selfsup.data import Form, open_data
from selfsup.data.arrays.arrays import channels_last
from selfsup.data.labels import encode
from selfsup.errors import DataError, OptionError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "uint8", "int32", "uint16", "int64", "bool"]
)
def test_vectors_of_any_real_dtype_become_float32(dtype):
    x = RNG.integers(0, 2, (5, 3)).astype(dtype)
    made = open_data(x)
    assert made.x.dtype == np.float32
    assert made.form == Form("table", (3,))
    np.testing.assert_array_equal(made.x, x.astype(np.float32))


def test_float32_is_used_without_a_copy():
    x = RNG.random((5, 3), np.float32)
    assert np.shares_memory(open_data(x).x, x)
    t = torch.rand(5, 3)
    assert open_data(t).x.ctypes.data == t.data_ptr()
    assert open_data(t).samples().data.data_ptr() == t.data_ptr()
    images = RNG.integers(0, 255, (4, 3, 8, 8), dtype=np.uint8)
    assert np.shares_memory(open_data(images).x, images)
    x.flags.writeable = False
    assert np.shares_memory(open_data(x).x, x)


def test_tensors_with_a_gradient_and_bfloat16():
    made = open_data(torch.ones(2, 3, dtype=torch.bfloat16, requires_grad=True))
    assert made.x.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_lists_sparse_matrices_and_strided_arrays():
    assert open_data([[1, 2], [3, 4]]).x.tolist() == [[1, 2], [3, 4]]
    assert open_data(((1, 2), (3, 4))).x.shape == (2, 2)
    assert open_data(scipy.sparse.csr_matrix(np.eye(3))).x.tolist() == np.eye(3).tolist()
    strided = np.asfortranarray(RNG.random((6, 4), np.float32))[::2]
    made = open_data(strided)
    assert made.x.flags.c_contiguous
    np.testing.assert_array_equal(made.x, strided)


@pytest.mark.parametrize(
    ("shape", "last"),
    [
        ((9, 28, 28, 1), True), ((9, 28, 28, 3), True), ((9, 28, 28, 4), True), ((9, 1, 28, 28), False),
        ((9, 3, 28, 28), False), ((9, 3, 5, 3), True), ((9, 1, 3, 3), False), ((9, 3, 3, 3), True),
        ((9, 13, 64, 64), False), ((9, 64, 64, 13), True), ((9, 64, 8, 8), False), ((9, 3, 28, 4), False),
        ((9, 28, 20, 3), True), ((9, 1, 1, 1), True),
    ],
)  # fmt: skip
def test_layout_of_images(shape, last):
    assert channels_last(shape) is last
    x = RNG.integers(0, 255, shape, dtype=np.uint8)
    np.testing.assert_array_equal(open_data(x).x, x.transpose(0, 3, 1, 2) if last else x)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 4), h=st.integers(5, 9), w=st.integers(5, 9), c=st.sampled_from([1, 3]), as_float=st.booleans())
def test_both_layouts_give_the_same_images(n, h, w, c, as_float):
    x = np.random.default_rng(n * h * w).integers(0, 255, (n, c, h, w), dtype=np.uint8)
    x = x.astype(np.float64) if as_float else x
    first, last = open_data(x), open_data(np.moveaxis(x, 1, 3))
    np.testing.assert_array_equal(first.x, last.x)
    assert first.form == last.form
    assert first.form.shape == (c, h, w)
    assert first.fingerprint == last.fingerprint


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [((0, 0.5), 0, 1), ((0, 16), 0, 16), ((-1, 1), -1, 1), ((-3, -3), -3, -2), ((0, 0), 0, 1)],
)
def test_range_of_float_images(values, low, high):
    x = np.resize(np.asarray(values, np.float32), (2, 4, 4))
    made = open_data(x)
    assert made.x.shape == (2, 1, 4, 4)
    assert (made.form.low, made.form.high) == (low, high)
    batch = made.samples()[torch.arange(2)]
    assert float(batch.min()) >= 0
    assert float(batch.max()) <= 1
    np.testing.assert_allclose(made.form.to_units(batch.numpy()), made.x, atol=1e-5)


def test_uint8_images_stay_and_uint16_become_float():
    assert open_data(np.full((2, 4, 4), 7, np.uint8)).form == Form("image", (1, 4, 4), 0.0, 255.0)
    made = open_data(np.full((2, 4, 4), 60000, np.uint16))
    assert made.x.dtype == np.float32
    assert made.form.high == 60000


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (np.zeros(5), "reshape"),
        (np.zeros((0, 5)), "empty"),
        (np.zeros((5, 0)), "empty"),
        (np.zeros((1, 1, 1, 1, 1)), "expected"),
        (np.zeros((2, 2), complex), "complex"),
        (np.asarray([[1, "a"]], object), "numbers; got an array of object, such as str 'a'"),
        (np.asarray([["a"]]), "numbers"),
        ([[1, 2], [3]], "not of one length"),
        (np.ma.masked_array(np.zeros((2, 2)), [[0, 1], [0, 0]]), "1 masked"),
        (3, "int as data"),
        (iter([1]), "chunk 0 of the stream"),
        (None, "NoneType"),
    ],
)
def test_arrays_that_are_refused(source, words):
    with pytest.raises(DataError, match=words):
        open_data(source)


def test_missing_values_of_vectors_are_kept():
    x = RNG.random((1000, 50), np.float32)
    x[700, 3] = x[800, 1] = np.nan
    made = open_data(x)
    assert np.shares_memory(made.x, x)
    assert made.form == Form("table", (50,), missing=True)
    assert made.form.missing
    assert made.missing_words() == "2 values are missing (NaN), the first in row 700, column 3"
    np.testing.assert_array_equal(made.samples(np.asarray([700]))[slice(None)].numpy(), x[[700]])
    assert open_data(x[:700]).missing_words() == ""
    like = open_data(x[:700]).form
    assert open_data(x, like=like).form == made.form
    assert open_data(made, like=like) is made
    x[:, 7] = np.nan
    with pytest.raises(DataError, match="column 7: every value is missing"):
        open_data(x)
    assert open_data(x, like=like).form.missing  # a model fills it in
    assert open_data(np.asarray([[1, np.nan], [2, 3]]), limit=1, like=Form("table", (2,))).form.missing


def test_values_that_are_not_finite_are_named():
    x = RNG.random((1000, 50), np.float32)
    x[700, 3] = np.inf
    with pytest.raises(DataError, match=r"1 value is .*row 700, column 3, is infinite"):
        open_data(x)
    x[800, 1], x[0, 0] = -np.inf, np.nan
    with pytest.raises(DataError, match="2 values .*row 700"):
        open_data(x)
    with pytest.raises(DataError, match=r"row 0, is missing \(NaN\)"):
        open_data(np.full((2, 4, 4), np.nan))
    with pytest.raises(DataError, match="too large for float32"):
        open_data(np.full((2, 2), 1e300))


def test_large_finite_values_are_fine_up_to_where_squares_overflow():
    assert len(open_data(np.full((4, 4), 1e16, np.float32))) == 4
    for x in (np.full((4, 4), 3e38, np.float32), np.full((4, 1, 4, 4), -3e38, np.float32)):
        with pytest.raises(DataError, match="largest value is 3e.38 in size.*take up to 1e.16"):
            open_data(x)


def test_pairs_labels_and_limit():
    x = RNG.random((4, 2), np.float32)
    made = open_data((x, ["b", "a", "b", "c"]))
    assert made.classes == ("a", "b", "c")
    assert made.labels.dtype == np.int64
    assert made.labels.tolist() == [1, 0, 1, 2]
    assert open_data(x, labels=torch.tensor([10, 9, 10, 9])).classes == ("9", "10")
    assert open_data(x, labels=np.asarray([[1.0], [0.0], [1.0], [1.0]])).labels.tolist() == [1, 0, 1, 1]
    small = open_data(x, labels=[1, 0, 1, 0], limit=3)
    assert len(small) == 3
    assert small.labels.tolist() == [1, 0, 1]
    assert np.shares_memory(small.x, x)
    assert len(open_data(x[:1])) == 1


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([1, 2], "2 labels for 4 rows"),
        ([1.5, 1, np.inf, 3], "row 2 is infinite"),
        ([1, np.nan, 2, 3], "row 1 is missing"),
        (["a", None, "b", "c"], "row 1 is missing"),
        (np.zeros((4, 2, 2)), "one value a row"),
        ([[1], 2, [3, 4], [5]], "one value a row"),
        (np.zeros(4, complex), "whole numbers or strings"),
        ([(1,), {}, 3, 4], "whole numbers or strings|one value"),
    ],
)
def test_labels_that_are_refused(labels, words):
    with pytest.raises(DataError, match=words):
        open_data(np.zeros((4, 2)), labels=labels)


def test_labels_in_a_file(tmp_path):
    np.save(tmp_path / "y.npy", np.asarray([3, 1]))
    (tmp_path / "y.txt").write_text("cat\ndog\n")
    assert open_data(np.zeros((2, 2)), labels=tmp_path / "y.npy").labels.tolist() == [1, 0]
    assert open_data(np.zeros((2, 2)), labels=str(tmp_path / "y.txt")).classes == ("cat", "dog")
    with pytest.raises(DataError, match="cannot read the labels"):
        open_data(np.zeros((2, 2)), labels="nowhere.npy")


def test_options_that_are_refused():
    x = np.zeros((2, 2))
    with pytest.raises(DataError, match="twice"):
        open_data((x, [0, 1]), labels=[0, 1])
    with pytest.raises(DataError, match="not both"):
        open_data(x, labels=[0, 1], label_column="y")
    with pytest.raises(DataError, match="no columns"):
        open_data(x, label_column="y")
    with pytest.raises(DataError, match="image files"):
        open_data(x, size=8)
    with pytest.raises(OptionError, match="limit"):
        open_data(x, limit=0)
    with pytest.raises(OptionError, match="size"):
        open_data(x, size=0)
    with pytest.raises(OptionError, match="on_bad"):
        open_data(x, on_bad="ignore")


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(st.integers(-99, 99)), min_size=1), st.booleans())
def test_encoding_labels_can_be_undone(values, as_words):
    given_labels = [f"c{value}" for value in values] if as_words else values
    codes, classes = encode(given_labels)
    assert codes.dtype == np.int64
    assert set(codes.tolist()) == set(range(len(classes)))
    assert [classes[code] for code in codes] == [str(value) for value in given_labels]
    assert list(classes) == [str(value) for value in sorted(set(given_labels))]
    again, _ = encode(given_labels[::-1], classes)
    assert again.tolist() == codes[::-1].tolist()


def test_npy(tmp_path):
    x = RNG.random((20, 4), np.float32)
    np.save(tmp_path / "x.npy", x)
    made = open_data(tmp_path / "x.npy")
    np.testing.assert_array_equal(made.x, x)
    assert made.describe() == "20 vectors of 4 values (x.npy)"
    np.save(tmp_path / "o.npy", np.asarray([{}, 1], object), allow_pickle=True)
    (tmp_path / "p.npy").write_bytes(pickle.dumps([1]))
    for name in ("o.npy", "p.npy"):
        with pytest.raises(DataError, match="never unpickled"):
            open_data(tmp_path / name)
    whole = (tmp_path / "x.npy").read_bytes()
    for length in (0, 4, 40, len(whole) - 8):
        (tmp_path / "t.npy").write_bytes(whole[:length])
        with pytest.raises(DataError, match="t.npy"):
            open_data(tmp_path / "t.npy")


def test_a_large_npy_is_memory_mapped(tmp_path, monkeypatch):
    x = RNG.random((20, 4), np.float32)
    np.save(tmp_path / "x.npy", x)
    monkeypatch.setattr("selfsup.system.memory.available", lambda: 400)
    made = open_data(tmp_path / "x.npy")
    assert isinstance(made.x.base, np.memmap)
    np.testing.assert_array_equal(made.x, x)


def test_npz(tmp_path):
    x, y = RNG.random((6, 4)), np.arange(6) % 2
    path = tmp_path / "x.npz"
    np.savez(path, x=x, y=y)
    assert open_data(path).labels.tolist() == y.tolist()
    np.savez(path, whatever=x, meaning=y)
    assert open_data(path).labels is None
    assert open_data(path, label_column="meaning").labels.tolist() == y.tolist()
    with pytest.raises(DataError, match="did you mean 'meaning'"):
        open_data(path, label_column="meanin")
    np.savez(path, a=x, b=x)
    with pytest.raises(DataError, match=r"'a' \(6, 4\), 'b' \(6, 4\).*unclear"):
        open_data(path)
    np.savez(path, x_train=x, y_train=y, x_test=x[:2], y_test=y[:2])
    made = open_data(path)
    assert len(made.test) == 2
    assert made.test.labels.tolist() == [0, 1]
    assert made.describe() == "6 vectors of 4 values (x.npz), 2 classes used for evaluation only, + 2 test"
    np.savez(path, x=np.asarray([{}], object))
    with pytest.raises(DataError, match="never unpickled"):
        open_data(path)
    np.savez(path, x=x)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="damaged or truncated"):
        open_data(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="damaged or truncated"):
        open_data(path)


def test_like_holds_arrays_to_the_trained_form(caplog):
    like = open_data(np.full((3, 4, 4), 16.0)).form
    assert open_data(np.ones((2, 4, 4)), like=like).form == like
    with pytest.raises(DataError, match=r"takes grey images of 4x4, shape \(n, 1, 4, 4\); got grey images of 5x5"):
        open_data(np.ones((2, 5, 5)), like=like)
    with pytest.raises(DataError, match="got vectors of 16 values"):
        open_data(np.ones((2, 16)), like=like)
    raw = open_data(np.full((2, 4, 4), 8, np.uint8), like=like)  # the units of the training
    assert float(raw.samples()[torch.tensor([0])].max()) == 0.5
    assert not caplog.records
    open_data(np.ones((2, 4, 4)) * 0.5, like=Form("image", (1, 4, 4), 0, 255))
    assert "units" in caplog.text


def test_a_dataset_passes_through():
    made = open_data((RNG.random((6, 2)), list("aabbcc")))
    assert open_data(made) is made
    assert open_data(made, like=made.form) is made
    small = open_data(made, limit=4)
    assert small.classes == ("a", "b", "c")
    assert small.labels.tolist() == [0, 0, 1, 1]
    assert np.shares_memory(small.x, made.x)
    assert open_data(made, labels=range(6)).classes == tuple("012345")
    with pytest.raises(DataError, match="takes vectors of 3 values"):
        open_data(made, like=Form("table", (3,)))


def test_digits():
    made = open_data("digits")
    assert made.describe() == "1,797 grey images of 8x8 (scikit-learn digits), 10 classes used for evaluation only"
    assert made.form == Form("image", (1, 8, 8), 0.0, 16.0)
    assert made.x.shape == (1797, 1, 8, 8)
    assert len(open_data("digits", limit=5)) == 5


def test_paths_that_do_not_exist(tmp_path, monkeypatch):
    (tmp_path / "flowers").mkdir()
    with pytest.raises(DataError, match=r"no data at '.*flower'; did you mean '.*flowers'\?.*a folder of images"):
        open_data(tmp_path / "flower")
    with pytest.raises(DataError, match=r"did you mean '.*flowers'\?"):
        open_data(tmp_path / "flowrs" / "train" / "x.csv")
    with pytest.raises(DataError, match="the path is empty"):
        open_data("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"did you mean 'digits'\?"):
        open_data("digts")
    (tmp_path / "x.pkl").write_bytes(b"")
    with pytest.raises(DataError, match="cannot tell what"):
        open_data("x.pkl")
    (tmp_path / "x.png").write_bytes(b"")
    with pytest.raises(DataError, match="empty file"):
        open_data("x.png")
