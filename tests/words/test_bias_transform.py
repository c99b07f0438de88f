"""A transform does what it says, comes back from its file as it was, and says what is wrong with another file."""

import json
import logging
import tracemalloc

import numpy as np
import pytest

from selfsup.errors import DataError, RunError, SelfsupError
from selfsup.store.arrays import write_arrays
from selfsup.words import WordVectors
from selfsup.words.bias.transform import FORMAT, VERSION, Transform, _digest


@pytest.fixture
def vectors():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(200, 8)).astype(np.float32) * rng.uniform(0.1, 9, (200, 1)).astype(np.float32)
    return WordVectors([f"w{row}" for row in range(200)], table, np.arange(200)[::-1])


@pytest.fixture
def basis():
    return np.linalg.qr(np.random.default_rng(1).normal(size=(8, 2)))[0].T


@pytest.fixture
def transform(basis):
    rng = np.random.default_rng(2)
    return Transform(
        "all", "gender", rng.normal(size=(8, 8)), rng.normal(size=8) / 9, basis, ["w1", "w2"], [["w3", "w4"], ["w5", "w6", "w7"]],
        facts={"n": 3, "words": ["é", "\ud800"]},
    )  # fmt: skip


def slow(transform, vectors):
    """The definition, a word at a time."""
    made = {}
    for word in vectors:
        x = vectors[word].astype(np.float64)
        x = x / np.linalg.norm(x) @ transform.matrix + transform.shift
        if word not in transform.kept and not any(word in words for words in transform.equalize):
            for axis in transform.basis:
                x = x - (x @ axis) * axis
        made[word] = x / np.linalg.norm(x)
    for words in transform.equalize:
        mean = np.mean([made[word] for word in words], axis=0)
        inside = sum((mean @ axis) * axis for axis in transform.basis)
        outside, old = mean - inside, {word: made[word] for word in words}
        for word, x in old.items():
            own = sum((x @ axis) * axis for axis in transform.basis) - inside
            made[word] = outside + np.sqrt(1 - outside @ outside) * own / np.linalg.norm(own)
    return np.array([made[word] for word in vectors])


def test_it_does_what_its_definition_says(transform, vectors):
    made = transform.apply(vectors)
    np.testing.assert_allclose(made.vectors, slow(transform, vectors), atol=1e-6)
    assert list(made) == list(vectors)
    assert (made.counts == vectors.counts).all()
    assert made.vectors.dtype == np.float32


def test_words_of_a_set_are_equally_far_from_what_is_neutral(transform, vectors):
    made = transform.apply(vectors).vectors.astype(np.float64)
    neutral = made[8:]
    assert np.abs(neutral @ transform.basis.T).max() < 1e-6
    for rows in ([3, 4], [5, 6, 7]):
        distances = np.linalg.norm(neutral[:, None] - made[rows], axis=2)  # (n, m)
        assert np.ptp(distances, axis=1).max() < 1e-6
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-6)


def test_kept_words_keep_their_direction(vectors, basis):
    made = Transform("hard", "gender", basis=basis, kept=["w9"]).apply(vectors)
    np.testing.assert_allclose(made["w9"], vectors["w9"] / np.linalg.norm(vectors["w9"]), atol=1e-6)


def test_without_unit_lengths_are_what_comes_out(vectors):
    made = Transform("half", "gender", matrix=np.eye(8) / 2, unit=False).apply(vectors)
    np.testing.assert_allclose(np.linalg.norm(made.vectors, axis=1), 0.5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_stored_in_few_bits_they_come_out_as_float32(transform, vectors, dtype):
    few = vectors.astype(dtype)
    made = transform.apply(few)
    assert made.vectors.dtype == np.float32
    np.testing.assert_allclose(made.vectors, slow(transform, few), atol=1e-6)


def test_a_vector_of_zeros_stays_one_and_is_told(transform, vectors, caplog):
    vectors.vectors[100] = 0
    with caplog.at_level(logging.WARNING, "selfsup"):
        made = transform.apply(vectors)
    assert not made.vectors[100].any()
    assert np.isfinite(made.vectors).all()
    assert "1 of 200 vectors are all zeros" in caplog.text


def test_words_that_others_lack_are_told(transform, vectors, caplog):
    keep = [row for row in range(200) if row not in (1, 3, 5)]
    others = WordVectors([vectors.words[row] for row in keep], vectors.vectors[keep])
    with caplog.at_level(logging.WARNING, "selfsup"):
        made = transform.apply(others)
    assert "3 of the 7 words that the transform keeps or equalizes are not here: 'w1', 'w3', 'w5'" in caplog.text
    distances = np.linalg.norm(made.vectors[10:, None] - made.vectors[[made.index["w6"], made.index["w7"]]], axis=2)
    assert np.ptp(distances, axis=1).max() < 1e-6  # the two that are left of a set of three


def test_it_comes_back_from_its_file(transform, vectors, tmp_path):
    path = tmp_path / "t.safetensors"
    transform.save(path)
    again = Transform.load(path)
    assert repr(again) == repr(transform)
    assert again.facts == transform.facts
    assert (again.apply(vectors).vectors == transform.apply(vectors).vectors).all()
    with pytest.raises(RunError, match="exists; choose another place, or set option 'overwrite'"):
        transform.save(path)
    transform.save(path, overwrite=True)


def test_a_damaged_byte_is_noticed_wherever_it_is(transform, tmp_path):
    path = tmp_path / "t.safetensors"
    transform.save(path)
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 4
        path.write_bytes(changed)
        with pytest.raises(DataError, match="t.safetensors"):
            Transform.load(path)
    for size in (0, 7, 100, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(DataError, match="damaged or truncated"):
            Transform.load(path)


def written(path, told, arrays):
    """A file that is whole, whatever it says."""
    text = told if isinstance(told, str) else json.dumps(told)
    about = {"format": FORMAT, "version": VERSION, "transform": text, "digest": _digest(text, arrays)}
    write_arrays(path, arrays, about)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kept": "w1"}, "words in kept, each a text; got 'w1'"),
        ({"kept": [1]}, "words in kept"),
        ({"equalize": [["a"]]}, "sets of two words or more"),
        ({"equalize": [["a", "b"], ["b", "c"]]}, "no word in two of them"),
        ({"equalize": ["ab"]}, "words in equalize"),
        ({"equalize": 3}, "damaged"),
        ({"unit": 1}, "unit is true or false"),
        ({"facts": []}, "facts by name"),
        ({"method": None}, "words in method and attribute"),
        ({"more": 1}, "does not say what it does"),
    ],
)
def test_a_whole_file_that_says_something_else_is_refused(tmp_path, basis, change, message):
    told = {"method": "a", "attribute": "b", "kept": [], "equalize": [], "unit": True, "facts": {}}
    path = tmp_path / "t.safetensors"
    written(path, told, {"basis": basis})
    Transform.load(path)
    written(path, {**told, **change}, {"basis": basis})
    with pytest.raises(DataError, match=message):
        Transform.load(path)


def test_numbers_and_shapes_of_a_file_are_looked_at(tmp_path, basis):
    told = {"method": "a", "attribute": "b", "kept": [], "equalize": [], "unit": True, "facts": {}}
    path = tmp_path / "t.safetensors"
    for arrays, message in (
        ({}, "one of them at least; got none"),
        ({"basis": basis * 2}, "vectors of length 1"),
        ({"basis": basis[0]}, "basis must be"),
        ({"basis": basis.astype(np.float32)}, "basis must be"),
        ({"basis": basis, "shift": np.ones(7)}, "a shift"),
        ({"matrix": np.full((8, 8), np.nan)}, "finite"),
        ({"matrix": np.ones((8, 7))}, "a matrix"),
        ({"basis": basis, "code": np.ones(3)}, "not what was written"),
    ):
        written(path, told, arrays)
        with pytest.raises(DataError, match=message):
            Transform.load(path)
    for text in ("{", "[]", "NaN", "[" * 5000, json.dumps({**told, "facts": {"n": float("nan")}})):
        written(path, text, {"basis": basis})
        with pytest.raises(DataError, match="damaged"):
            Transform.load(path)


def test_vectors_are_no_transform_and_a_transform_no_vectors(tmp_path, vectors, transform):
    vectors.save(tmp_path / "v.safetensors")
    transform.save(tmp_path / "t.safetensors")
    with pytest.raises(DataError, match="no transform of selfsup"):
        Transform.load(tmp_path / "v.safetensors")
    with pytest.raises(DataError, match="no words in it"):
        WordVectors.load(tmp_path / "t.safetensors")
    with pytest.raises(DataError, match="cannot read"):
        Transform.load(tmp_path / "none.safetensors")


def test_what_cannot_be_applied_is_said(vectors, basis, transform):
    with pytest.raises(DataError, match="for vectors of length 8; got 3"):
        transform.apply(WordVectors(["a"], np.ones((1, 3))))
    with pytest.raises(DataError, match="nothing is left of the vector of 'a' by the transform hard; keep the word"):
        Transform("hard", "gender", basis=basis).apply(WordVectors(["b", "a"], np.stack([np.ones(8), basis[0]])))
    with pytest.raises(DataError, match="too large for float32"):
        Transform("soft", "gender", matrix=np.full((8, 8), 1e300)).apply(vectors)
    vectors.vectors[4] = vectors.vectors[3]
    with pytest.raises(DataError, match="w3, w4 cannot be equalized"):
        transform.apply(vectors)
    vectors.vectors[77, 2] = np.inf
    with pytest.raises(DataError, match="'w77' is not finite"):
        transform.apply(vectors)


def test_facts_that_are_no_json_leave_no_file(tmp_path, basis):
    for facts in ({"n": float("inf")}, {"n": object()}):
        with pytest.raises(SelfsupError, match="what JSON can hold"):
            Transform("hard", "gender", basis=basis, facts=facts).save(tmp_path / "t.safetensors")
    assert not list(tmp_path.iterdir())


def test_memory_is_that_of_one_new_table():
    n, dim = 60_000, 100
    vectors = WordVectors(
        [str(row) for row in range(n)], np.random.default_rng(0).normal(size=(n, dim)).astype(np.float32)
    )
    assert vectors.index
    transform = Transform("soft", "gender", matrix=np.eye(dim), basis=np.eye(1, dim), kept=["1"])
    tracemalloc.start()
    try:
        transform.apply(vectors)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < vectors.vectors.nbytes + 6 * 8192 * dim * 8  # and a few blocks in float64
