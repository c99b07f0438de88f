"""The approximate index: what it misses is measured as said, and its file belongs to its vectors."""

import re
import sys

import numpy as np
import pytest

from selfsup.errors import DataError, MissingError, OptionError, RunError
from selfsup.store.arrays import mapped, write_arrays
from selfsup.words import WordVectors

pytest.importorskip("usearch")


def some(n=1500, dim=12, seed=0):
    rng = np.random.default_rng(seed)
    table = (rng.normal(size=(40, dim))[rng.integers(0, 40, n)] + 0.5 * rng.normal(size=(n, dim))).astype(np.float32)
    table[3] = 0
    return WordVectors([f"w{row}" for row in range(n)], table)


@pytest.fixture(scope="module")
def vectors():
    return some()


@pytest.fixture(scope="module")
def index(vectors):
    return vectors.approximate()


def shared(a, b):
    return np.mean([len(set(x) & set(y)) / len(y) for x, y in zip(a.tolist(), b.tolist(), strict=True)])


def test_most_neighbours_are_found_with_their_exact_cosines(vectors, index):
    asked = [word for word in vectors.words[:200] if word != "w3"]
    exact, found = vectors.nearest(asked, 10), index.nearest(asked, 10)
    assert found.rows.shape == (199, 10)
    assert shared(found.rows, exact.rows) > 0.95
    for question, (rows, cosines) in enumerate(zip(found.rows, found.cosines, strict=True)):
        own = vectors.index[asked[question]]
        assert own not in rows.tolist()
        np.testing.assert_allclose(cosines, vectors.unit[rows] @ vectors.unit[own], atol=1e-5)
        assert (np.diff(cosines) <= 0).all()


def test_recall_is_measured_and_said(vectors, index):
    poor = vectors.approximate(links=2, build=2, search=2)
    asked = [word for word in vectors.words if word != "w3"]
    for one in (index, poor):
        true = shared(one.nearest(asked, 10).rows, vectors.nearest(asked, 10).rows)
        assert one.recall == pytest.approx(true, abs=0.12)  # of a sample of 200
        assert re.match(rf"Approximate\(1,499 words, recall@10 {one.recall:.3f} of 200", repr(one))
    assert poor.recall < index.recall


def test_vectors_have_their_own_words(vectors, index):
    found = index.nearest(vectors.vectors[5:7], 3)
    assert found.rows[:, 0].tolist() == [5, 6]
    assert found.named(vectors.words)[0][0][0] == "w5"
    assert index.nearest(np.empty((0, 12), np.float32), 3).rows.shape == (0, 3)


def test_more_than_there_are():
    few = some(n=6)
    found = few.approximate().nearest(["w0"], 50)
    assert len(found.named(few.words)[0]) == 4  # not itself, nor the zeros
    assert sorted(few.approximate().nearest(few.vectors[:1], 50).rows[0].tolist()) == [0, 1, 2, 4, 5]


@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_quantised_tables(vectors, kind):
    small = vectors.astype(kind)
    index = small.approximate()
    assert index.recall > 0.9
    assert len(index) == 1499


def test_a_saved_index_is_that_of_its_vectors(tmp_path, vectors, index):
    path = tmp_path / "words.index"
    index.save(path)
    again = vectors.load_approximate(path)
    assert (again.recall, again.how) == (index.recall, index.how)
    np.testing.assert_array_equal(again.nearest(["w1", "w2"], 5).rows, index.nearest(["w1", "w2"], 5).rows)
    with pytest.raises(RunError, match="overwrite=True"):
        index.save(path)
    index.save(path, overwrite=True)
    with pytest.raises(DataError, match="other vectors than these"):
        some(seed=1).load_approximate(path)


def test_damaged_files_are_not_given_to_usearch(tmp_path, vectors, index):
    path = tmp_path / "words.index"
    index.save(path)
    arrays, about = mapped(path, {"graph": ("U8", 1)})
    graph = np.array(arrays["graph"])
    graph[len(graph) // 2] ^= 1
    write_arrays(tmp_path / "turned", {"graph": graph}, about)
    write_arrays(tmp_path / "nameless", {"graph": graph}, {"links": "16"})
    (tmp_path / "short").write_bytes(path.read_bytes()[:-100])
    (tmp_path / "text").write_text("a 1 2\n")
    for name, said in (
        ("turned", "not what was written"),
        ("nameless", "no index of words"),
        ("short", "damaged or truncated"),
        ("text", "damaged or truncated"),
        ("none", "there is no file"),
    ):
        with pytest.raises(RunError, match=said):
            vectors.load_approximate(tmp_path / name)


def test_bad_questions(vectors, index):
    with pytest.raises(OptionError, match="2 or more"):
        vectors.approximate(links=1)
    with pytest.raises(OptionError, match="k must be"):
        index.nearest(["w1"], 0)
    with pytest.raises(OptionError, match="list of questions"):
        index.nearest("w1")
    with pytest.raises(DataError, match="unknown word 'x1'"):
        index.nearest(["x1"])


def test_without_usearch_the_install_line_is_said(vectors, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "usearch"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Gone(), *sys.meta_path])
    with pytest.raises(MissingError, match=r"needs the package usearch: pip install .*\[search\]"):
        vectors.approximate()


class Gone:
    """Finds no usearch."""

    def find_spec(self, name, *_):
        if name.split(".")[0] == "usearch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
