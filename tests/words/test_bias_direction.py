"""The direction of an attribute: against the paper's code written out, closed forms, what must not change it, and bad input."""

import json

import numpy as np
import pytest

from selfsup import WordVectors
from selfsup.errors import DataError, OptionError, SelfsupError
from selfsup.words.bias.attribute import Attribute
from selfsup.words.bias.direction import direction, subspace
from selfsup.words.bias.given import all_units, disjoint, found, found_pairs

PAIRS = [["woman", "man"], ["girl", "boy"], ["she", "he"], ["mother", "father"], ["queen", "king"]]
JOBS = ["nurse", "nanny", "clerk", "cook", "boss", "captain"]
LEAN = [2.0, 1.5, 0.4, -0.3, -1.6, -2.2]  # of the jobs along the planted axis


def planted(dim=12, noise=0.3, seed=0, extra=200):
    """Vectors whose pairs differ along the first axis, jobs that lean along it, and random words, most frequent last."""
    rng = np.random.default_rng(seed)
    words, rows = [], []
    for pair in PAIRS:
        base = rng.normal(size=dim)
        for word, side in zip(pair, (1, -1), strict=True):
            words.append(word)
            rows.append(base + noise * rng.normal(size=dim) + side * 2 * np.eye(dim)[0])
    for word, lean in zip(JOBS, LEAN, strict=True):
        words.append(word)
        rows.append(rng.normal(size=dim) * ([0] + [1] * (dim - 1)) + lean * np.eye(dim)[0])
    words += [f"w{number}" for number in range(extra)]
    rows += list(rng.normal(size=(extra, dim)))
    return WordVectors(words, np.array(rows, np.float32), np.arange(len(words)) + 1)


def reference(vectors, pairs):
    """As debiaswe does it: both words less their middle, all residuals, PCA by their covariance."""
    unit = {
        word: vectors[word].astype(np.float64) / np.linalg.norm(vectors[word].astype(np.float64)) for word in vectors
    }
    rows = []
    for a, b in pairs:
        middle = (unit[a] + unit[b]) / 2
        rows += [unit[a] - middle, unit[b] - middle]
    values, axes = np.linalg.eigh(np.cov(np.array(rows).T, bias=True))
    return axes[:, -1], values[::-1] / values.sum()


def test_it_is_that_of_the_papers_code():
    vectors = planted()
    found = direction(vectors, PAIRS, positive="she")
    axis, shares = reference(vectors, PAIRS)
    axis = axis * np.sign(axis[0])
    assert np.allclose(found.vector, axis, atol=1e-12)
    assert np.allclose(found.shares, shares[: len(found.shares)], atol=1e-12)
    assert found.share == found.shares[0]
    assert found.vector.dtype == np.float64
    assert abs(np.linalg.norm(found.vector) - 1) < 1e-12
    assert found.ends == ("she", "he")
    assert found.attribute == "pairs"
    assert not found.missing
    assert "from he to she" in str(found)
    assert "5 pairs" in repr(found)


def test_the_sign_is_the_named_words():
    vectors = planted()
    she, he = (direction(vectors, PAIRS, positive=word) for word in ("she", "he"))
    assert np.array_equal(she.vector, -he.vector)
    assert she.ends == ("she", "he")
    assert he.ends == ("he", "she")
    for method in ("pca", "difference", "mean"):
        first = direction(vectors, [pair[::-1] for pair in PAIRS], method=method, positive="nurse")
        assert first.project(["nurse"])[0] > 0
        assert first.ends[0] in ("woman", "she")
        assert direction(vectors, PAIRS, method=method, positive="boss").vector @ first.vector < 0
    assert direction(vectors, PAIRS).ends == ("woman", "man")  # without a name the first word of the first pair


def test_order_length_and_place_of_pairs_change_nothing():
    vectors = planted()
    whole = direction(vectors, PAIRS, positive="she")
    turned = direction(vectors, [pair[::-1] for pair in PAIRS[::-1]], positive="she")
    assert np.allclose(whole.vector, turned.vector, atol=1e-12)
    assert np.allclose(whole.shares, turned.shares)
    longer = vectors.vectors * np.random.default_rng(1).uniform(0.1, 9, (len(vectors), 1)).astype(np.float32)
    stretched = direction(WordVectors(vectors.words, longer), PAIRS, positive="she")
    assert np.allclose(whole.vector, stretched.vector, atol=1e-6)
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(12, 12)))[0]
    rotated = whole.of(WordVectors(vectors.words, (vectors.vectors @ rotation).astype(np.float32)))
    assert np.allclose(rotated.vector, whole.vector @ rotation, atol=1e-6)
    assert rotated.ends == whole.ends
    assert np.allclose(direction(vectors, PAIRS * 2, positive="she").shares, whole.shares)  # each pair once


def test_differences_of_one_and_of_all_pairs():
    vectors = planted()
    unit = {word: vectors[word] / np.linalg.norm(vectors[word].astype(np.float64)) for word in vectors}
    one = direction(vectors, PAIRS, method="difference", positive="she")
    raw = unit["she"] - unit["he"]
    assert np.allclose(one.vector, raw / np.linalg.norm(raw), atol=1e-7)
    assert one.ends == ("she", "he")
    mean = direction(vectors, PAIRS, method="mean")
    differences = np.array([unit[a] - unit[b] for a, b in PAIRS])
    middle = differences.mean(axis=0) / np.linalg.norm(differences.mean(axis=0))
    assert np.allclose(mean.vector, middle, atol=1e-7)
    assert mean.share == pytest.approx(((differences @ middle) ** 2).sum() / (differences**2).sum(), abs=1e-7)
    single = direction(vectors, [["she", "he"]], method="difference")
    assert single.share == pytest.approx(1)
    assert single.leave_one_out() == []
    assert (
        direction(vectors, PAIRS, positive="she").share >= mean.share > 0.5
    )  # no direction has a larger share than PCA's


@pytest.mark.parametrize("method", ["pca", "difference", "mean"])
def test_without_each_pair(method):
    vectors = planted()
    whole = direction(vectors, PAIRS, method=method, positive="she")
    for place, left in enumerate(whole.leave_one_out()):
        rest = PAIRS[:place] + PAIRS[place + 1 :]
        if method != "difference":
            again = direction(vectors, rest, method=method)
            assert left["share"] == pytest.approx(again.share, abs=1e-12)
            assert left["cosine"] == pytest.approx(abs(again.vector @ whole.vector), abs=1e-12)
        assert left["pair"] == PAIRS[place]
        assert 0 < left["cosine"] <= 1 + 1e-12
    assert len(whole.leave_one_out()) == len(PAIRS)


@pytest.mark.parametrize("method", ["pca", "difference", "mean"])
def test_random_pairs_are_what_singular_values_say(method):
    """Each draw by itself, from its vectors, against the batches of products."""
    vectors = planted()
    whole = direction(vectors, PAIRS, method=method, positive="she")
    null = whole.null(draws=40, seed=3, restrict=100)
    rng, rows, shares = np.random.default_rng(3), vectors.frequent(100), []
    assert set(rows.tolist()) == set(range(116, 216))  # by count, and these rise
    for _ in range(40):
        chosen = vectors.vectors[rows[rng.choice(100, 10, replace=False)]].astype(np.float64)
        chosen /= np.linalg.norm(chosen, axis=1, keepdims=True)
        differences = chosen[::2] - chosen[1::2]
        axis = np.linalg.svd(differences)[2][0]
        axis = {"pca": axis, "difference": differences[0], "mean": differences.mean(axis=0)}[method]
        shares.append(((differences @ axis) ** 2).sum() / (axis @ axis) / (differences**2).sum())
    assert null.mean == pytest.approx(np.mean(shares))
    assert null.draws == 40
    assert null.restrict == 100
    assert (null.low, null.high) == pytest.approx(tuple(np.quantile(shares, (0.025, 0.975))))
    assert null.p == (sum(share >= whole.share for share in shares) + 1) / 41
    assert null == whole.null(draws=40, seed=3, restrict=100) != whole.null(draws=40, seed=4, restrict=100)


@pytest.mark.parametrize("method", ["pca", "difference", "mean"])
def test_random_pairs_of_equal_vectors_share_nothing(method):
    """Words with one vector are no number that is none."""
    base = planted(extra=0)
    rows = np.concatenate([base.vectors[:10], np.ones((60, 12), np.float32)])
    vectors = WordVectors([*base.words[:10], *(f"w{number}" for number in range(60))], rows, np.arange(70) + 1)
    null = direction(vectors, PAIRS, method=method).null(50, restrict=60)
    assert (null.mean, null.low, null.high, null.p) == (0, 0, 0, 1 / 51)


def test_chance_is_told_from_what_pairs_share():
    vectors = planted(dim=40)
    assert direction(vectors, PAIRS).null(200).p == 1 / 201
    by_chance = direction(vectors, [[f"w{2 * i}", f"w{2 * i + 1}"] for i in range(5)]).null(200)
    assert by_chance.p > 0.02
    assert by_chance.low < by_chance.mean < by_chance.high


def test_projections():
    vectors = planted()
    gender = direction(vectors, PAIRS, positive="she")
    cosine = vectors["nurse"].astype(np.float64) @ gender.vector / np.linalg.norm(vectors["nurse"].astype(np.float64))
    assert gender.project(["nurse", "Nurse", "boss", "nurse"])[[0, 1, 3]] == pytest.approx([cosine] * 3)
    assert gender.project(word for word in ("nurse", "boss")).shape == (2,)
    everything = gender.all()
    assert everything.shape == (len(vectors),)
    assert everything[vectors.index["nurse"]] == pytest.approx(cosine)
    assert np.allclose(everything, gender.of_rows(np.arange(len(vectors))))
    with pytest.raises(DataError, match="unknown word 'nurze'.*did you mean 'nurse'"):
        gender.project(["nurse", "nurze"])
    with pytest.raises(OptionError, match="one long string"):
        gender.project("nurse")
    with pytest.raises(DataError, match="12-d vectors; got vectors of 3-d"):
        gender.along(WordVectors(["a"], np.ones((1, 3))), np.array([0]))


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_stored_with_fewer_bits_it_is_nearly_the_same(dtype):
    vectors = planted()
    exact, coarse = direction(vectors, PAIRS), direction(vectors.astype(dtype), PAIRS)
    assert exact.vector @ coarse.vector > 0.999
    assert coarse.all().shape == (len(vectors),)


def test_a_row_of_zeros_is_no_matter_until_it_is_asked_for():
    vectors = planted()
    rows = vectors.vectors.copy()
    rows[-1] = 0
    vectors = WordVectors(vectors.words, rows, vectors.counts)
    gender = direction(vectors, PAIRS)
    assert gender.all()[-1] == 0
    assert np.isfinite(gender.null(50, restrict=20).mean)
    with pytest.raises(DataError, match="'w199' is all zeros"):
        gender.project(["w199"])
    with pytest.raises(DataError, match="'she' is all zeros"):
        direction(WordVectors(["she", "he", "girl", "boy"], np.eye(4)[[3, 1, 2, 0]] * [[0], [1], [1], [1]]), PAIRS)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_named(bad):
    rows = planted().vectors.copy()
    rows[3] = bad
    vectors = WordVectors(planted().words, rows)
    with pytest.raises(DataError, match="'boy' is not finite"):
        direction(vectors, PAIRS)
    with pytest.raises(DataError, match="'boy' is not finite"):
        list(all_units(vectors))


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ("she he", "unknown attribute 'she he'.*gender"),
        ("gendr", "did you mean 'gender'"),
        ("x" * 5000, "unknown attribute"),
        (b"she", "one long string"),
        (7, "list of pairs"),
        ([], "empty list"),
        ([["she", "he"], "ab"], "pairs of two words; got 'ab'"),
        ([["she", "he", "it"]], "pairs of two words"),
        ([["she", 1]], "got 1 in it"),
        ([["she", "she"], ["girl", "boy"]], "one word twice"),
        ([["She", "she"], ["girl", "boy"]], "is one word of the vectors"),
        ([["she", "he"], ["nix", "nox"]], "at least 2 pairs.*got 1 of 2; missing: 'nix', 'nox'"),
        ([["nix", "nox"]], "got 0 of 1"),
        ({"pair": PAIRS}, "unknown key 'pair'; did you mean 'pairs'"),
        ({"name": "x"}, "neither 'pairs' nor 'classes'"),
        ({"pairs": PAIRS, "name": ["x"]}, "'name' of the attribute pairs is a text"),
        ({"pairs": "she he"}, "one long string"),
        ({"classes": [["a", "b", "c"]]}, "has no pairs, only classes"),
    ],
)
def test_pairs_of_another_shape(pairs, told):
    with pytest.raises(SelfsupError, match=told):
        direction(planted(), pairs)


def test_other_bad_input():
    vectors = planted()
    rows = vectors.vectors.copy()
    rows[5] = 3 * rows[4]  # he, of she
    with pytest.raises(DataError, match="vectors of 'she' and 'he' are identical"):
        direction(WordVectors(vectors.words, rows), PAIRS)
    with pytest.raises(OptionError, match="unknown method 'pcs'; did you mean 'pca'"):
        direction(vectors, PAIRS, method="pcs")
    with pytest.raises(DataError, match="unknown word 'sheep'"):
        direction(vectors, PAIRS, positive="sheep")
    with pytest.raises(OptionError, match="vectors must be WordVectors; got dict"):
        direction({"she": [1.0]}, PAIRS)
    with pytest.raises(OptionError, match="draws must be a whole number of 1 or more; got 0"):
        direction(vectors, PAIRS).null(draws=0)
    with pytest.raises(DataError, match="need 10 words; got 4"):
        direction(vectors, PAIRS).null(restrict=4)
    opposite = WordVectors(["a", "b", "c", "d"], np.array([[1, 0], [0, 1], [0, 1], [1, 0]]))
    with pytest.raises(DataError, match="cancel out"):
        direction(opposite, [["a", "b"], ["c", "d"]], method="mean")


def test_words_are_found_or_named():
    vectors = planted()
    one = found(vectors, ["Nurse", "nurse", "boss", "nix"], "jobs", lost=0.5)
    assert one.words == ("nurse", "boss")
    assert one.missing == ("nix",)
    assert one.asked == ("Nurse", "nurse", "boss", "nix")
    assert [vectors.words[row] for row in one.rows] == ["nurse", "boss"]
    assert one.rows.dtype == np.int64
    with pytest.raises(DataError, match="jobs: 1 of 4 words.*20%.*'nix'.*allow_missing=True.*--allow-missing"):
        found(vectors, ["nurse", "boss", "cook", "nix"], "jobs")
    assert found(vectors, ["nurse", "boss", "cook", "clerk", "nix"], "jobs").missing == ("nix",)  # 20 % may be
    assert found(vectors, ["nix"], "jobs", lost=None, least=0).rows.shape == (0,)
    with pytest.raises(DataError, match="at least 2 of the words"):
        found(vectors, ["nurse", "nix"], "jobs", lost=None, least=2)
    for bad, told in (
        ("nurse", "one long string"),
        ([], "empty"),
        ([1], "got 1 in it"),
        ({"a": 1}, "got dict"),
        (3, "int"),
    ):
        with pytest.raises(OptionError, match=told):
            found(vectors, bad, "jobs")
    with pytest.raises(DataError, match="A and B overlap: 'nurse'"):
        disjoint(A=found(vectors, ["nurse", "boss"], "A"), B=found(vectors, ["Nurse", "cook"], "B"))
    pairs = found_pairs(vectors, [("She", "He"), ("he", "she"), ("queen", "king"), ("x", "king")])
    assert pairs.pairs == (("she", "he"), ("queen", "king"))
    assert pairs.missing == ("x",)
    assert pairs.rows.shape == (2, 2)


def test_a_subspace_of_classes():
    """Three classes that differ in two planted axes: those are found, and sets with an unknown word are named."""
    rng, words, rows = np.random.default_rng(0), [], []
    for number in range(4):
        base = np.concatenate([np.zeros(2), rng.normal(size=8)])
        for name, place in zip("abc", ([1, 0], [-0.5, 0.8], [-0.5, -0.8]), strict=True):
            words.append(f"{name}{number}")
            rows.append(base / np.linalg.norm(base) + np.concatenate([place, np.zeros(8)]))
    vectors = WordVectors(words, np.array(rows))
    sets = [[f"{name}{number}" for name in "abc"] for number in range(4)]
    span = subspace(vectors, [*sets, ["a9", "b0", "c0"]])
    assert span.basis.shape == (2, 10)
    assert np.allclose(span.basis @ span.basis.T, np.eye(2), atol=1e-12)
    assert np.linalg.svd(span.basis[:, :2])[1].min() > 0.95
    assert span.shares.sum() > 0.95
    assert span.missing == ("a9",)
    assert len(span.sets) == 4
    assert span.names == ("a0", "b0", "c0")
    assert subspace(vectors, sets, k=1).basis.shape == (1, 10)
    two = subspace(vectors, [one[:2] for one in sets])  # of two classes it is the direction
    assert abs(two.basis[0] @ direction(vectors, [one[:2] for one in sets]).vector) == pytest.approx(1)
    for bad, told in (
        ([["a0", "b0"], ["a1", "b1", "c1"]], "same 2 or more classes"),
        ([["a0", "a0", "b0"]], "words of a set differ"),
        ([["x", "y", "z"]], "at least 1 with all words.*missing: 'x', 'y', 'z'"),
        (["abc"], "one long string"),
        ([], "list of sets"),
    ):
        with pytest.raises(SelfsupError, match=told):
            subspace(vectors, bad)
    with pytest.raises(OptionError, match="from 1 to"):
        subspace(vectors, sets, k=40)
    same = WordVectors(["x", "y", "z"], np.ones((3, 4)))
    with pytest.raises(DataError, match="span nothing"):
        subspace(same, [["x", "y", "z"]])


def test_real_vectors_have_a_gender_direction(shared_data):
    """347 words of the Google-News vectors hold some of the pairs; what they share is far above random pairs of these words."""
    path = shared_data / "words" / "google_news_347.txt"
    if not path.is_file():
        pytest.skip(f"no word vectors at {path}")
    gender = direction(WordVectors.load(path))
    assert len(gender.pairs) >= 5
    assert gender.ends == ("she", "he")
    assert gender.share > gender.null(300).high
    assert all(one["cosine"] > 0.9 for one in gender.leave_one_out())


def test_attributes_are_read_from_anything(tmp_path):
    path = tmp_path / "age.json"
    path.write_text(json.dumps({"pairs": PAIRS, "positive": "he", "specific": ["pope"]}), encoding="utf-8")
    age = Attribute.read(path)
    assert age.name == "age"
    assert age.pairs[2] == ("she", "he")
    assert age.specific == ("pope",)
    assert age.sets == age.pairs
    assert Attribute.read(age) is age
    assert Attribute.read(str(path)) == age
    path.write_text(json.dumps(PAIRS), encoding="utf-8")
    assert Attribute.read(path).pairs == age.pairs
    assert direction(planted(), path).attribute == "age"
    assert Attribute.read({"name": "own", "pairs": PAIRS}).name == "own"
