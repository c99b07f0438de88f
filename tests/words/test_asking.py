"""What one can ask word vectors: gensim 4.4's answers, slow references, and what is said about bad questions.

``gensim.json`` has what gensim's KeyedVectors answer about google_news_347.txt and 500 random vectors, and their public names.
"""

import itertools
import json
import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from selfsup.errors import DataError, OptionError
from selfsup.words import WordVectors
from selfsup.words.queries import GENSIM

GOLDEN = json.loads((Path(__file__).parent / "gensim.json").read_text())


def some(n=60, dim=8, seed=0, counts=False):
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return WordVectors([f"w{row}" for row in range(n)], vectors, np.arange(n, 0, -1) if counts else None)


def golden_vectors(name, shared_data):
    if name == "random":
        vectors = np.random.default_rng(3).standard_normal((500, 20)).astype(np.float32)
        return WordVectors([f"w{row}" for row in range(500)], vectors)
    path = shared_data / "words" / "google_news_347.txt"
    if not path.is_file():
        pytest.skip(f"no {path}")
    return WordVectors.load(path)


def answers(v, w):
    two = {"positive": [w[1], w[2]], "negative": [w[0]]}
    return {
        "similarity": v.similarity(w[0], w[1]),
        "distance": v.distance(w[0], w[1]),
        "most_similar": v.most_similar(w[0]),
        "mean": v.most_similar([w[0], w[1]]),
        "posneg": v.most_similar(**two),
        "weighted": v.most_similar(positive=[(w[1], 2.0), w[2]], negative=[(w[0], 0.5)]),
        "restrict": v.most_similar(w[0], 5, restrict=40),
        "cosmul": v.most_similar_cosmul(**two),
        "n_similarity": v.n_similarity(w[:3], w[3:5]),
        "mean_vector": v.get_mean_vector(w[:3], [1.0, -2.0, 0.5]).tolist()[:20],
        "mean_vector_raw": v.get_mean_vector(w[:3], pre_normalize=False, post_normalize=True).tolist()[:20],
        "centrality": v.rank_by_centrality(w[:6]),
        "centrality_raw": v.rank_by_centrality(w[:6], pre_normalize=False),
        "doesnt_match": v.doesnt_match(w[:6]),
        "closer_than": v.closer_than(w[0], w[3]),
        "rank": v.rank(w[0], w[3]),
        "given": v.most_similar_to_given(w[0], w[1:6]),
        "rcs": v.relative_cosine_similarity(w[0], w[1]),
        "distances": v.distances(w[0], w[1:6]).tolist(),
        "cosines": v.cosine_similarities(v[w[0]], v.vectors[:5]).tolist(),
        "for_all": list(v.vectors_for_all([w[3], "nope!", w[1], w[3]]).words),
        "wmd": v.wmdistance([*w[:4], w[0]], w[2:7]),
        "wmd_raw": v.wmdistance(w[:4], w[4:6], norm=False),
    }


def flat(value):
    return [leaf for item in value for leaf in flat(item)] if isinstance(value, list | tuple) else [value]


@pytest.mark.parametrize("name", ["random", "google"])
def test_the_answers_are_gensims(name, shared_data):
    words, expected = GOLDEN[name]
    found = answers(golden_vectors(name, shared_data), words)
    assert found.keys() == expected.keys()
    for verb, value in expected.items():
        ours, theirs = flat(found[verb]), flat(value)
        if verb == "closer_than":  # theirs are in the order of rows
            ours, theirs = sorted(ours), sorted(theirs)
        assert len(ours) == len(theirs), verb
        for a, b in zip(ours, theirs, strict=True):
            assert a == b if isinstance(b, str) else abs(a - b) < 1e-6, (verb, a, b)


def test_every_name_of_gensims_is_here_or_said():
    page = (Path(__file__).resolve().parents[2] / "docs" / "vectors.md").read_text()
    vectors = some(n=4)
    for name in GOLDEN["public"]:
        if name in GENSIM:
            with pytest.raises(AttributeError, match=f"'{name}' of gensim's; here it is"):
                getattr(vectors, name)
        assert hasattr(WordVectors, name) or hasattr(vectors, name) or f"`{name}`" in page, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = vectors.nothing


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_a_list_is_one_question_and_nearest_answers_many():
    vectors = some()
    unit = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    aim = unit[3] + unit[4]
    expected = sorted(
        (-cosine(row, aim), word) for word, row in zip(vectors.words, unit, strict=True) if word not in ("w3", "w4")
    )
    assert [word for word, _ in vectors.most_similar(["w3", "w4"], 5)] == [word for _, word in expected[:5]]
    found = {word for word, _ in vectors.most_similar(["w3", vectors["w4"]], 10)}
    assert "w4" in found
    assert "w3" not in found
    many = vectors.nearest(["w3", "w4", vectors["w5"]], 4)
    assert many.rows.shape == (3, 4)
    named = many.named(vectors.words)
    assert [word for word, _ in named[0]] == [word for word, _ in vectors.most_similar("w3", 4)]
    assert [word for word, _ in named[1]] == [word for word, _ in vectors.most_similar("w4", 4)]
    assert named[2][0] == ("w5", pytest.approx(1))  # a vector has its own word
    with pytest.raises(OptionError, match=r"nearest\(\['w3'\]\)"):
        vectors.nearest("w3")
    with pytest.raises(DataError, match=r"nearest\(vectors\) for an answer to each row"):
        vectors.most_similar(vectors.vectors[:3])


def test_weights_and_numbers():
    vectors = some()
    heavy = vectors.most_similar(positive=[("w1", 1000.0), "w2"], k=3)
    assert [word for word, _ in heavy] == [word for word, _ in vectors.most_similar("w1", 4) if word != "w2"][:3]
    assert vectors.most_similar(positive=("w1", 2.0)) == vectors.most_similar("w1")
    assert vectors.most_similar(vectors["w1"].tolist())[0][0] == "w1"
    with pytest.raises(OptionError, match="finite"):
        vectors.most_similar(positive=[("w1", float("nan"))])


@pytest.mark.parametrize("n", [60, 400])
def test_among_exclude_and_restrict(n):
    vectors = some(n=n, counts=True)
    everything = [word for word, _ in vectors.most_similar("w1", n)]
    assert len(everything) == n - 1  # k larger than there are words gives all
    assert [word for word, _ in vectors.most_similar("w1", 10**12)] == everything
    for among in (
        ["w9", "w3", "w5", "w9"],
        [f"w{row}" for row in range(20, 40)],
        [f"w{row}" for row in range(0, n, 2)],
    ):
        found = [word for word, _ in vectors.most_similar("w1", 7, among=among)]
        assert found == [word for word in everything if word in among][:7]
        assert vectors.nearest(["w1"], 7, among=among).named(vectors.words)[0] == vectors.most_similar(
            "w1", 7, among=among
        )
    found = [word for word, _ in vectors.most_similar("w1", 7, exclude=[everything[0], everything[2], "unheard of"])]
    assert found == [everything[1], *everything[3:9]]
    found = [word for word, _ in vectors.most_similar("w1", 7, restrict=30, among=["w2", "w50", "w29", "w30"])]
    assert sorted(found) == ["w2", "w29"]
    assert vectors.most_similar("w1", among=["w2", "w3"], exclude=["w2", "w3"]) == []
    assert vectors.most_similar("w1", among=["w50"], restrict=10) == []


@pytest.mark.parametrize("method", ["add", "mul"])
def test_analogies_are_the_plain_loop(method):
    vectors = some(n=40, dim=6)
    unit = dict(zip(vectors.words, vectors.unit.astype(float), strict=True))

    def score(word, a, b, c):
        if method == "add":
            return cosine(unit[word], unit[b] - unit[a] + unit[c])
        near = {other: (1 + unit[word] @ unit[other]) / 2 for other in (a, b, c)}
        return near[b] * near[c] / (near[a] + 0.001)

    threes = [("w1", "w2", "w3"), ("w4", "w5", "w1"), ("w9", "w2", "w2")]
    for three in threes:
        ranked = sorted(((score(word, *three), word) for word in vectors.words), reverse=True)
        without = [pair for pair in ranked if pair[1] not in three][:5]
        for kept, expected in ((True, without), (False, ranked[:5])):
            found = vectors.analogy(*three, k=5, method=method, exclude_query=kept)
            assert [word for word, _ in found] == [word for _, word in expected]
            np.testing.assert_allclose([s for _, s in found], [s for s, _ in expected], rtol=1e-4)
    together = vectors.analogy(*map(list, zip(*threes, strict=True)), k=5, method=method)
    for one, three in zip(together, threes, strict=True):
        assert [word for word, _ in one] == [word for word, _ in vectors.analogy(*three, k=5, method=method)]


def test_more_analogies_than_are_answered_together(monkeypatch):
    vectors = some(n=30)
    a, b, c = (
        list(side) for side in zip(*itertools.islice(itertools.permutations(vectors.words[:6], 3), 50), strict=True)
    )
    whole = vectors.analogy(a, b, c, k=2, method="mul")
    monkeypatch.setattr("selfsup.words.asking.TOGETHER", 7)
    assert vectors.analogy(a, b, c, k=2, method="mul") == whole


def test_analogy_with_the_query_is_often_the_query():
    """Which is why it says so: of random vectors b or c are always nearest to b - a + c."""
    vectors = some(n=200, dim=50)
    assert {
        vectors.analogy("w1", "w2", "w3", 1, exclude_query=kept)[0][0] in ("w2", "w3") for kept in (True, False)
    } == {True, False}


def test_ranks_are_places_among_neighbours():
    vectors = some(n=30)
    order = [word for word, _ in vectors.most_similar("w0", 30)]
    assert [vectors.rank("w0", word) for word in order] == list(range(1, 30))
    assert vectors.closer_than("w0", order[4]) == order[:4]
    assert vectors.words_closer_than("w0", order[0]) == []


def test_the_odd_one_out():
    vectors = WordVectors(["a", "b", "c", "odd"], np.array([[1, 0.1], [1, 0], [1, -0.1], [-0.2, 1]]))
    assert vectors.doesnt_match(["a", "odd", "b", "c"]) == "odd"
    assert vectors.doesnt_match(["a", "odd", "b", "what"], ignore_missing=True) == "odd"
    for wrong, said in (
        (["a", "b"], "three or more"),
        (["a"], "two or more"),
        ([], "empty"),
        ("abc", r"use .split\(\)"),
    ):
        with pytest.raises(OptionError, match=said):
            vectors.doesnt_match(wrong)


def moved_slowly(a, b, cost):
    """Least cost where all words weigh the same: over all permutations."""
    return min(sum(cost[i, j] for i, j in enumerate(order)) for order in itertools.permutations(range(len(b)))) / len(a)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 5), shared=st.integers(0, 3))
def test_the_distance_of_words_moved_is_the_best_permutation(seed, size, shared):
    vectors = some(n=10, dim=3, seed=seed)
    a, b = vectors.words[:size], vectors.words[max(0, size - shared) : 2 * size - min(shared, size)]
    rows = [vectors.unit[[vectors.index[word] for word in side]].astype(float) for side in (a, b)]
    cost = np.linalg.norm(rows[0][:, None] - rows[1][None], axis=2)
    assert vectors.wmdistance(a, b) == pytest.approx(moved_slowly(a, b, cost), abs=1e-6)
    assert vectors.wmdistance(a, a) == 0
    assert vectors.wmdistance(a, ["unheard"]) == float("inf")


def test_parts_of_a_table_keep_what_they_have():
    vectors = some(n=20, counts=True)
    part = vectors.subset(["w7", "w3", "w7"])
    assert list(part.words) == ["w7", "w3"]
    assert part.counts.tolist() == [13, 17]
    np.testing.assert_array_equal(part.vectors, vectors.vectors[[7, 3]])
    small = vectors.astype("int8").subset(["w7", "w3"])
    assert small.vectors.dtype == np.int8
    np.testing.assert_allclose(small.rows([0, 1]), vectors.vectors[[7, 3]], atol=0.03)
    more = vectors.add_vectors(["new", "w3"], np.ones((2, 8)))
    assert list(more.words) == [*vectors.words, "new"]
    np.testing.assert_array_equal(more["w3"], vectors["w3"])
    np.testing.assert_array_equal(vectors.add_vectors(["w3"], [np.ones(8)], replace=True)["w3"], np.ones(8))
    assert "new" not in vectors
    for words, rows, said in ((["x"], np.ones((2, 8)), r"\(1, 8\)"), (["x", "x"], np.ones((2, 8)), "more than once")):
        with pytest.raises(DataError, match=said):
            vectors.add_vectors(words, rows)
    with pytest.raises(DataError, match="none of the 1 words is known"):
        vectors.vectors_for_all(["x"])


def test_all_unknown_words_are_named_at_once():
    vectors = WordVectors(["London", "management", "loyal", "apple"], np.eye(4))
    with pytest.raises(DataError) as error:
        vectors.most_similar(positive=["london", "loyal"], negative=["appel", "zzzzzzzz"])
    for said in ("'london', did you mean 'London'", "'appel', did you mean 'apple'", "'zzzzzzzz', no word"):
        assert said in str(error.value)
    assert "'loyal'," not in str(error.value)
    with pytest.raises(DataError, match="'mangement'.*'aple'"):
        vectors.analogy("London", "mangement", "aple")
    with pytest.raises(DataError, match="'Aple'"):
        vectors.most_similar("apple", among=["Aple"])
    with pytest.raises(DataError, match=r"vectors.words\[row\]"):
        vectors.most_similar([3, "apple"])
    with pytest.raises(DataError, match="'mangement'.*'aple'"):
        vectors.vectors_of(["London", "mangement", "aple"])
    with pytest.raises(DataError, match=r"vectors_of\(words\)"):
        vectors[["London", "apple"]]
    with pytest.raises(DataError, match="and 5 more"):
        vectors.most_similar([f"x{number}" for number in range(15)])


def test_unknown_words_that_are_left_out_are_counted(caplog):
    vectors = some(n=5)
    with caplog.at_level(logging.WARNING, "selfsup"):
        mean = vectors.get_mean_vector(["w1", "x", "y"], pre_normalize=False)
    np.testing.assert_allclose(mean, vectors["w1"], rtol=1e-6)
    assert "2 of 3 words are unknown and left out" in caplog.text
    assert not vectors.get_mean_vector(["x"]).any()
    with pytest.raises(DataError, match="unknown word 'x'"):
        vectors.get_mean_vector(["w1", "x"], ignore_missing=False)
    with pytest.raises(DataError, match="all zeros"):
        vectors.n_similarity(["w1"], ["x"])


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda v: v.most_similar("w1", topn=3), "most_similar has no 'topn'; here it is k="),
        (lambda v: v.most_similar("w1", restrict_vocab=3), "here it is restrict="),
        (lambda v: v.most_similar("w1", amnog=["w2"]), "did you mean 'among'"),
        (lambda v: v.nearest(["w1"], topn=3), "here it is k="),
        (lambda v: v.analogy("w1", "w2", "w3", topn=3), "here it is k="),
        (lambda v: v.analogy("w1", "w2", "w3", method="mull"), "did you mean 'mul'"),
        (lambda v: v.analogy(["w1", "w4"], ["w2"], ["w3"]), "as many each; got 2, 1, 1"),
        (lambda v: v.most_similar("w1", 0), "k must be"),
        (lambda v: v.most_similar("w1", 2.5), "k must be"),
        (lambda v: v.most_similar("w1", among=[]), "among must be a list of one word or more"),
        (lambda v: v.most_similar("w1", among="w2"), "among must be a list of words"),
        (lambda v: v.most_similar_cosmul(negative=["w1"]), "needs a word or a vector in positive"),
        (lambda v: v.get_mean_vector(["w1", "w2"], [1.0]), "weights are 2 finite numbers"),
        (lambda v: v.most_similar(np.full(8, np.nan)), "not finite"),
        (lambda v: v.most_similar(np.zeros(8)), "all zeros"),
        (lambda v: v.nearest(np.zeros((2, 8))), "vector 0 of 2 is all zeros"),
        (lambda v: v.nearest(np.ones((2, 7))), r"\(m, 8\)"),
        (lambda v: v.similarity("w1", "zero"), "'zero' is all zeros"),
        (lambda v: v.most_similar(positive=["w1"], negative=["w1"]), "cancel out"),
        (lambda v: v.cosine_similarities(np.zeros(3), np.ones((2, 3))), "all zeros"),
        (lambda v: v.cosine_similarities(np.ones(3), np.ones((2, 4))), r"\(m, D\)"),
    ],
)
def test_bad_questions_are_said(ask, said):
    table = some(n=8)
    vectors = WordVectors([*table.words, "zero"], np.concatenate([table.vectors, np.zeros((1, 8), np.float32)]))
    with pytest.raises((OptionError, DataError), match=said):
        ask(vectors)


def test_an_analogy_that_cancels_out():
    vectors = WordVectors(["a", "b", "c"], np.array([[1, 0], [0.5, 0.75**0.5], [0.5, -(0.75**0.5)]]))
    with pytest.raises(DataError, match="question 1 is all zeros"):
        vectors.analogy(["b", "a"], ["a", "b"], ["c", "c"])


def test_words_of_zeros_are_never_answers():
    vectors = WordVectors(["a", "zero", "b", "c"], np.array([[1.0, 0], [0, 0], [-1, 0], [-1, 0.1]]))
    assert [word for word, _ in vectors.most_similar("a")] == ["c", "b"]
    assert vectors.nearest(["a"], 9).rows.tolist() == [[3, 2]]
    assert vectors.closer_than("a", "c") == []
    np.testing.assert_allclose(vectors.distances("a"), [0, 1, 2, 1.995], atol=1e-3)
    assert vectors.most_similar("a", among=["zero"]) == []


def test_lengths_beyond_the_squares_of_float32():
    rows = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    lengths = np.float32([1e37, 1e-38, 1e20, 1e-25, 1] * 10)[:, None]
    plain, far = (WordVectors([f"w{i}" for i in range(50)], table) for table in (rows, rows * lengths))
    for word in ("w0", "w1", "w2", "w33"):
        found, expected = far.most_similar(word, 10), plain.most_similar(word, 10)
        assert [other for other, _ in found] == [other for other, _ in expected]
        np.testing.assert_allclose([c for _, c in found], [c for _, c in expected], atol=1e-5)
