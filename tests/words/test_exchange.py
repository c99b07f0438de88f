"""Word vectors of and for other libraries, and tables of float16 and int8."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from selfsup.errors import DataError, MissingError, OptionError
from selfsup.words import WordVectors
from selfsup.words.vocabulary import Words

WORDS = ["the", "sea", "new york", "naïve"]


def some(counts=True, dtype="float32") -> WordVectors:
    vectors = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    return WordVectors(WORDS, vectors, [9, 5, 3, 1] if counts else None).astype(dtype)


def same(a: WordVectors, b: WordVectors) -> None:
    assert list(a.words) == list(b.words)
    np.testing.assert_array_equal(a.rows(slice(None)), b.rows(slice(None)))
    assert (a.counts is None) == (b.counts is None)
    assert a.counts is None or np.array_equal(a.counts, b.counts)


# --- types of the table


def test_float16_and_int8_give_rows_of_float32():
    table = some()
    for dtype, far in (("float32", 0), ("float16", 2**-11), ("int8", 0.51 / 127)):
        small = table.astype(dtype)
        assert small.vectors.dtype == dtype
        assert (small.scale is not None) == (dtype == "int8")
        largest = np.abs(table.vectors).max(1, keepdims=True)
        for rows in (
            small.rows([2, 0, 2]),
            small.rows(np.array([2, 0, 2])),
            small.vectors_of(["new york", "the", "new york"]),
        ):
            assert rows.dtype == np.float32
            assert (np.abs(rows - table.vectors[[2, 0, 2]]) <= far * largest[[2, 0, 2]]).all()
        assert small.rows(slice(1, 3)).shape == (2, 5)
        assert small["sea"].dtype == np.float32
        np.testing.assert_array_equal(small["sea"], small.rows([1])[0])
        np.testing.assert_allclose(np.linalg.norm(small.unit, axis=1), 1, rtol=1e-6)
        np.testing.assert_allclose(small.unit, table.unit, atol=0.02)
        same(small.astype("float32"), small)
        assert small.astype(dtype) is small
    assert np.shares_memory(table.rows(slice(None)), table.vectors)


@settings(deadline=None, max_examples=60)
@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_int8_is_within_half_a_step(rows):
    small = WordVectors(["a", "b", "c"], rows).astype("int8")
    assert np.abs(small.vectors.astype(int)).max() <= 127
    largest = np.abs(rows.astype(np.float64)).max(1, keepdims=True)
    step = (
        largest / 127 * 0.51 + np.finfo(np.float32).smallest_subnormal * 128
    )  # of a tiny vector the scale is not exact
    assert (np.abs(small.rows(slice(None)).astype(np.float64) - rows) <= step).all()


def test_faults_of_types():
    table = some()
    with pytest.raises(OptionError, match="did you mean 'float16'"):
        table.astype("floats16")
    for vectors, dtype in (([[1e30]], "float16"), ([[np.nan]], "int8"), ([[np.inf]], "float16")):
        with pytest.raises(DataError, match="vector of 'a' is not finite"):
            WordVectors(["a"], np.array(vectors, np.float32)).astype(dtype)
    for scale in ([1.0, 2.0], [-1.0], [np.nan], [np.inf]):
        with pytest.raises(DataError, match="scale of int8 vectors is 1 numbers"):
            WordVectors(["a"], np.ones((1, 2), np.int8), scale=np.array(scale))
    with pytest.raises(DataError, match="only int8 vectors have a scale"):
        WordVectors(["a"], np.ones((1, 2)), scale=np.ones(1))


def test_other_numbers_become_float32():
    for given_ in (
        np.eye(2, dtype=np.float64),
        np.eye(2, dtype=np.int8),
        np.eye(2, dtype=">f4"),
        np.asfortranarray(np.eye(2)),
    ):
        vectors = WordVectors(["a", "b"], given_).vectors
        assert vectors.dtype == np.float32
        assert vectors.flags.c_contiguous
        np.testing.assert_array_equal(vectors, np.eye(2))


def test_words_may_be_one_text():
    table = some()
    lazy = WordVectors(Words.of(WORDS), table.vectors, table.counts)
    assert lazy.words is not WORDS
    same(table, lazy)
    assert "sea" in lazy
    assert lazy.index["naïve"] == 3
    assert lazy.index.get("nowhere") is None
    assert list(lazy.index) == WORDS
    assert dict(lazy.index) == table.index
    with pytest.raises(KeyError):
        lazy.index["nowhere"]
    assert lazy.most_similar("sea", 2) == table.most_similar("sea", 2)
    with pytest.raises(DataError, match="did you mean 'naïve'"):
        lazy["naive"]
    assert repr(lazy) == repr(table)


# --- torch


def test_an_embedding_and_back():
    table = some()
    for dtype in ("float32", "float16", "int8"):
        layer = table.astype(dtype).to_embedding()
        np.testing.assert_array_equal(layer(torch.tensor([1, 3])).numpy(), table.astype(dtype).rows([1, 3]))
        assert not layer.weight.requires_grad
    layer = table.to_embedding(frozen=False)
    assert layer.weight.requires_grad
    with torch.no_grad():
        layer.weight += 1
    assert not np.array_equal(layer.weight.detach().numpy(), table.vectors)  # a copy
    back = WordVectors.from_embedding(WORDS, layer)
    np.testing.assert_array_equal(back.vectors, table.vectors + 1)
    assert WordVectors.from_embedding(WORDS, layer.weight.detach().half()).vectors.dtype == np.float16
    assert WordVectors.from_embedding(WORDS, layer.weight.detach().bfloat16()).vectors.dtype == np.float32


@pytest.mark.parametrize(
    ("words", "given_", "told"),
    [
        (["a"], torch.zeros(2, 3), "1 words and an array"),
        (["a"], torch.zeros(3), r"tensor \(n, D\)"),
        (["a"], torch.zeros(1, 3, dtype=torch.int64), r"tensor \(n, D\)"),
        (["a"], "embedding", "got str"),
        (["a", "a"], torch.zeros(2, 3), "occurs more than once"),
        (["a", 7], torch.zeros(2, 3), "word 1 is 7"),
        (["a", "b"], torch.tensor([[1.0], [torch.nan]]), "vector of 'b' is not finite"),
    ],
)
def test_faults_of_embeddings(words, given_, told):
    with pytest.raises(DataError, match=told):
        WordVectors.from_embedding(words, given_)


# --- frames


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_pandas_and_back(counts, dtype):
    table = some(counts, dtype)
    frame = table.to_pandas()
    assert list(frame.index) == WORDS
    assert list(frame.columns) == (["count"] if counts else []) + list(range(5))
    same(table, WordVectors.from_pandas(frame))
    same(table, WordVectors.from_pandas(frame.reset_index()))
    single = pd.DataFrame({"word": WORDS, "vector": list(table.rows(slice(None)))})
    same(WordVectors(WORDS, table.rows(slice(None))), WordVectors.from_pandas(single))


@pytest.mark.parametrize("counts", [True, False])
def test_polars_and_back(counts):
    pl = pytest.importorskip("polars")
    table = some(counts)
    frame = table.to_polars()
    assert frame["word"].to_list() == WORDS
    assert frame.schema["vector"] == pl.Array(pl.Float32, 5)
    same(table, WordVectors.from_polars(frame))
    same(table, WordVectors.from_polars(frame.with_columns(pl.col("vector").cast(pl.List(pl.Float32)))))
    wide = pl.DataFrame({"word": WORDS, **{f"d{n}": table.vectors[:, n] for n in range(5)}})
    same(WordVectors(WORDS, table.vectors), WordVectors.from_polars(wide))
    with pytest.raises(DataError, match="needs a column 'word'; it has 'x'"):
        WordVectors.from_polars(pl.DataFrame({"x": [1]}))


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"word": ["a", None], "x": [1.0, 2.0]}, "word 1 is (None|nan)"),
        ({"word": ["a", "a"], "x": [1.0, 2.0]}, "occurs more than once"),
        ({"word": ["a", "b"], "x": [1.0, 2.0], "note": ["y", "z"]}, "column 'note' is not of numbers"),
        ({"word": ["a", "b"], "vector": [[1.0, 2.0], [3.0]]}, "as many numbers"),
        ({"word": ["a", "b"]}, "not|neither"),
        ({"word": ["a", "b"], "x": [1.0, float("nan")]}, "vector of 'b' is not finite"),
        ({"word": ["a", "b"], "x": [1.0, 2.0], "count": [1.5, 2]}, "whole numbers"),
        ({"word": ["a", "b"], "x": [1.0, 2.0], "count": [-1, 2]}, "whole numbers"),
    ],
)
def test_faults_of_frames(columns, told):
    with pytest.raises(DataError, match=told):
        WordVectors.from_pandas(pd.DataFrame(columns))


# --- gensim


class Keyed:
    """What gensim's KeyedVectors has."""

    def __init__(self, words, vectors, **more):
        self.index_to_key, self.vectors, self.expandos = words, vectors, {}
        self.__dict__.update(more)


def test_gensims_attributes_are_enough():
    table = some()
    keyed = Keyed(list(WORDS), table.vectors, expandos={"count": np.array([9, 5, 3, 1])})
    found = WordVectors.from_gensim(keyed)
    same(table, found)
    assert np.shares_memory(found.vectors, table.vectors)

    class Model:
        wv = keyed

    same(table, WordVectors.from_gensim(Model()))
    keys, twice = Keyed([1, 2, 3, 4], table.vectors), Keyed(["a"] * 4, table.vectors)
    for wrong, told in ((7, "got int"), (keys, "word 0 is 1"), (twice, "more than once")):
        with pytest.raises(DataError, match=told):
            WordVectors.from_gensim(wrong)


def test_gensim_and_back(tmp_path):
    gensim = pytest.importorskip("gensim")
    table = some()
    keyed = table.to_gensim()
    assert keyed.get_vecattr("sea", "count") == 5
    assert [word for word, _ in keyed.most_similar("sea")] == [word for word, _ in table.most_similar("sea")]
    same(table, WordVectors.from_gensim(keyed))
    keyed.save_word2vec_format(str(tmp_path / "theirs.bin"), binary=True)
    keyed.add_vectors(["more"], [np.ones(5)])
    assert len(keyed) == 5
    assert len(table) == 4
    text = [["alpha", "beta", "naïve"]] * 10
    learnt = gensim.models.FastText(text, vector_size=6, min_count=1, bucket=100, workers=1)
    found = WordVectors.from_gensim(learnt)
    assert found.counts.tolist() == [10, 10, 10]
    for word in ("alpha", "alphabet", "naïveté"):
        np.testing.assert_allclose(found[word], learnt.wv[word], rtol=1e-6, atol=1e-7)


def test_what_is_missing_is_said():
    code = (
        "import sys; sys.modules['gensim'] = sys.modules['polars'] = None; import numpy as np\n"
        "from selfsup import WordVectors\nfrom selfsup.errors import MissingError\n"
        "table = WordVectors(['a'], np.eye(1))\n"
        "for make in (table.to_gensim, table.to_polars):\n"
        "    try: make()\n"
        "    except MissingError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        f"this needs the package {name}: pip install '{name}'" for name in ("gensim", "polars")
    ]
    assert issubclass(MissingError, ImportError)
