"""Data in chunks: checked, never held whole, with a uniform sample from the same pass."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings, strategies as st

from selfsup.data import Stream
from selfsup.errors import DataError, OptionError

X = np.random.default_rng(0).normal(size=(1000, 3)).astype(np.float32)


def pieces(*sizes, x=X):
    start = 0
    for size in sizes:
        yield x[start : start + size]
        start += size


def whole(stream, **options):
    return np.concatenate(list(stream.chunks(**options)))


def test_sources_that_can_be_read_again(tmp_path):
    np.save(tmp_path / "x.npy", X)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.from_numpy(X)[:, :], torch.arange(1000)), 64
    )
    for source in (tmp_path / "x.npy", str(tmp_path / "x.npy"), lambda: pieces(700, 300), list(pieces(10, 0, 990)), X,
                   torch.from_numpy(X), loader):  # fmt: skip
        stream = Stream(source, chunk=128)
        assert stream.rows is None
        for _ in range(2):
            chunks = list(stream.chunks())
            assert all(len(chunk) <= 128 and chunk.dtype == np.float32 for chunk in chunks)
            np.testing.assert_array_equal(np.concatenate(chunks), X)
        assert stream.rows == 1000
        np.testing.assert_array_equal(stream.sample(2000).x, X)


def test_a_generator_is_read_once_and_sampled_on_the_way():
    stream = Stream(pieces(500, 500))
    np.testing.assert_array_equal(whole(stream, keep=50, seed=3), X)
    made = stream.sample(50)
    assert made.x.shape == (50, 3)
    assert made.describe() == "50 vectors of 3 values (sample of stream)"
    assert len(stream.sample(20).x) == 20
    with pytest.raises(DataError, match="has been read; give a function"):
        stream.chunks()
    with pytest.raises(DataError, match="kept 50 rows of it; use chunks"):
        stream.sample(51)
    begun = Stream(pieces(500, 500))
    next(begun.chunks())
    with pytest.raises(DataError, match="not reached its end"):
        begun.sample(5)
    assert len(Stream(pieces(500, 500)).sample(40).x) == 40


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=6), st.integers(1, 400), st.integers(1, 400), st.integers(0, 9)
)
def test_the_sample_does_not_depend_on_the_chunks(sizes, chunk, keep, seed):
    rows = sum(sizes)
    if rows == 0 or rows > 1000:
        return
    x = np.arange(rows, dtype=np.float32)[:, None]
    stream = Stream(pieces(*sizes, x=x), chunk=chunk)
    whole(stream, keep=keep, seed=seed)
    made = stream.sample(keep)
    assert len(made) == min(keep, rows)
    assert (np.diff(made.x[:, 0]) > 0).all()  # no row twice, in the order of the stream
    np.testing.assert_array_equal(made.x, Stream(x).sample(keep, seed=seed).x)


def test_the_sample_is_uniform():
    x = np.arange(60, dtype=np.float32)[:, None]
    counts = np.zeros(60)
    for seed in range(4000):
        stream = Stream(x, chunk=7)
        whole(stream, keep=12, seed=seed)
        counts[stream.sample(6, seed).x[:, 0].astype(int)] += 1
    expected = 4000 * 6 / 60
    assert ((counts - expected) ** 2 / expected).sum() < 110  # chi-square, 59 degrees: beyond 1 in 10,000


def test_parquet_with_labels(tmp_path):
    for number, part in enumerate(np.split(X, 4)):
        held = {"a": part[:, 0], "y": [f"c{row % 3}" for row in range(250)], "v": list(part[:, 1:])}
        pq.write_table(pa.table(held), tmp_path / f"p{number}.parquet", row_group_size=100)
    stream = Stream(tmp_path, chunk=64)
    np.testing.assert_array_equal(whole(stream), X)
    assert stream.columns == ("a", "v_0", "v_1")
    made = stream.sample(200, 1)
    assert made.form.columns == ("a", "v_0", "v_1")
    assert made.classes == ("c0", "c1", "c2")
    rows = [int(np.flatnonzero((row == X).all(1))[0]) for row in made.x]
    assert made.labels.tolist() == [row % 250 % 3 for row in rows]
    assert Stream(tmp_path / "p0.parquet", label_column="y").sample(5).labels is not None
    with pytest.raises(DataError, match="did you mean 'y'|unknown column 'yy'"):
        list(Stream(tmp_path / "p0.parquet", label_column="yy").chunks())
    with pytest.raises(DataError, match="column 'y' of p0.parquet holds no plain numbers"):
        list(Stream(tmp_path / "p0.parquet", label_column="a").chunks())
    pq.write_table(pa.table({"a": [1.0]}), tmp_path / "p9.parquet")
    with pytest.raises(DataError, match="have different columns"):
        list(Stream(tmp_path).chunks())
    pq.write_table(pa.table({"a": [1.0, 2.0]}), tmp_path / "train.parquet")
    assert whole(Stream(tmp_path)).tolist() == [[1], [2]]


def test_pairs_of_arrays_and_labels():
    stream = Stream(((X[at : at + 100], np.arange(at, at + 100) % 2) for at in range(0, 1000, 100)), chunk=30)
    np.testing.assert_array_equal(whole(stream), X)
    assert stream.sample(1000).labels.tolist() == [row % 2 for row in range(1000)]
    with pytest.raises(DataError, match="chunk 0 of the stream has 100 rows, but labels of shape"):
        list(Stream([(X[:100], [1, 2])]).chunks())
    with pytest.raises(DataError, match="chunk 1 of the stream has 3 columns and no labels; chunk 0 has 3 and labels"):
        list(Stream([(X[:2], [1, 2]), X]).chunks())


def test_what_is_wrong_is_named_with_its_place(tmp_path):
    x = X.copy()
    x[730, 2] = np.nan
    with pytest.raises(
        DataError, match=r"chunk 1 of stream, from its row 500 on: 1 value is .*row 230, column 2, is miss"
    ):
        list(Stream(pieces(500, 500, x=x), chunk=100).chunks())
    pq.write_table(pa.table({"a": x[:, 0], "b": x[:, 2]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"chunk 7 of x.parquet, from its row 700 on: .*row 30, column 'b', is missing"):
        list(Stream(tmp_path / "x.parquet", chunk=100).chunks())
    with pytest.raises(DataError, match="chunk 0 .*too large for float32"):
        list(Stream([np.full((2, 2), 1e300)]).chunks())
    with pytest.raises(DataError, match="chunk 1 of the stream has 2 columns and no labels; chunk 0 has 3"):
        list(Stream([X, X[:, :2]]).chunks())
    for wrong, words in (
        ([X[0]], r"chunk 0 of the stream: .*shape \(3,\)"),
        ([X[:, :, None]], r"chunk 0 of the stream must be an array \(b, d\)"),
        ([np.asarray([["a"]])], "chunk 0 of the stream: values must be numbers"),
        ([], "stream is empty"),
        ([X[:0]], "stream is empty"),
    ):
        with pytest.raises(DataError, match=words):
            list(Stream(wrong).chunks())


def test_sources_that_are_refused(tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\n")
    (tmp_path / "folder").mkdir()
    for source, words in (
        (tmp_path / "x.csv", "got 'x.csv'"),
        (tmp_path / "none.npy", "there is no file"),
        (tmp_path / "folder", "no parquet files"),
        (3, "int in chunks"),
    ):
        with pytest.raises(DataError, match=words):
            Stream(source)
    for name, content in (("d.npy", b"\x93NUMPY"), ("d.parquet", b"no")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"cannot read .*{name}"):
            list(Stream(tmp_path / name).chunks())
    np.save(tmp_path / "image.npy", np.zeros((2, 3, 4)))
    with pytest.raises(DataError, match=r"takes \(n, d\) vectors; .*image.npy holds \(2, 3, 4\)"):
        list(Stream(tmp_path / "image.npy").chunks())
    for source in (X, tmp_path / "image.npy"):
        with pytest.raises(DataError, match="no columns"):
            Stream(source, label_column="y")
    with pytest.raises(OptionError, match="chunk"):
        Stream(X, chunk=0)
    with pytest.raises(OptionError, match="at least 1 row"):
        Stream(X).sample(0)


def test_memory_is_bounded_by_chunk_and_sample():
    def read():
        for number in range(200):
            yield np.full((2000, 50), number, np.float32)  # 80 MB in all

    stream = Stream(read, chunk=1000)
    tracemalloc.start()
    for _ in stream.chunks(keep=1000):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert stream.rows == 400_000
    assert peak < 8 << 20  # a source's array, a chunk and the sample
