"""INLP and LEACE: closed forms and slow references, what they promise on the words fitted on, and what cannot be asked."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from tests.tools.biased import biased_vectors

from selfsup.errors import DataError, OptionError
from selfsup.words import WordVectors
from selfsup.words.bias.direction import direction
from selfsup.words.bias.given import units
from selfsup.words.bias.inlp import inlp
from selfsup.words.bias.labelled import biased, of_direction
from selfsup.words.bias.leace import erasure, leace
from selfsup.words.bias.transform import Transform

N = 300


@pytest.fixture(scope="module")
def vectors():
    return biased_vectors()


@pytest.fixture(scope="module")
def gender(vectors):
    return direction(vectors)


@pytest.fixture(scope="module")
def nullified(vectors, gender):
    return inlp(vectors, gender, n=N)


@pytest.fixture(scope="module")
def erased(vectors, gender):
    return leace(vectors, gender, n=N)


def fitted(vectors, transform):
    """Vectors (m, D) of the words that a transform was fitted on, and their side (m,)."""
    sides = [transform.facts["positive"], transform.facts["negative"]]
    return vectors.vectors_of(sides[0] + sides[1]).astype(np.float64), np.repeat([0, 1], [len(side) for side in sides])


def linear(x, labels):
    return LogisticRegression(max_iter=1000).fit(x, labels).score(x, labels)


def test_the_most_biased_words_are_those_of_the_largest_projections(vectors, gender):
    positive, negative, middle = biased(vectors, gender, 50, restrict=1000)
    cosines = gender.of_rows(np.arange(1000))
    np.testing.assert_array_equal(np.sort(positive), np.sort(np.argsort(-cosines)[:50]))
    np.testing.assert_array_equal(np.sort(negative), np.sort(np.argsort(cosines)[:50]))
    np.testing.assert_array_equal(np.sort(middle), np.sort(np.argsort(np.abs(cosines))[:50]))


def test_the_same_words_are_held_out_for_the_same_seed(vectors, gender):
    one, two, other = (of_direction(vectors, gender, n=N, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.held, two.held)
    assert (one.held != other.held).any()
    assert one.held.sum() == 2 * round(0.3 * N)
    assert one.facts(vectors)["fitted"] == dict.fromkeys(gender.ends, N - round(0.3 * N))


def test_inlp_projects_orthogonally_and_stops_at_chance(vectors, nullified):
    after, transform = nullified
    facts, p = transform.facts, transform.matrix
    np.testing.assert_allclose(p @ p, p, atol=1e-12)
    np.testing.assert_allclose(p, p.T, atol=1e-12)
    assert round(np.trace(p)) == vectors.dim - facts["rank"]
    assert 0 < facts["rank"] <= 35
    assert facts["accuracy"][0] > 0.95
    assert facts["accuracy"][-1] <= facts["chance"] + (facts["chance"] * (1 - facts["chance"]) / (0.6 * N)) ** 0.5
    assert len(facts["accuracy"]) == facts["rank"] + 1  # two classes: a dimension each
    before = fitted(vectors, transform)
    before[0][:] /= np.linalg.norm(before[0], axis=1, keepdims=True)
    np.testing.assert_allclose(fitted(after, transform)[0], before[0] @ p, atol=1e-6)


def test_inlp_is_the_published_algorithm(vectors, gender):
    """Algorithm 1 as it stands: a classifier, the projection onto the nullspaces of all so far, again."""
    named = of_direction(vectors, gender, n=N)
    x, p, weights = units(vectors, named.rows), np.eye(vectors.dim), []
    for _ in range(4):
        weights.append(
            LinearSVC(dual=False, random_state=0).fit((x @ p)[~named.held], named.classes[~named.held]).coef_[0]
        )
        _, sizes, rows = np.linalg.svd(np.stack(weights))
        p = np.eye(vectors.dim) - rows[: len(sizes)].T @ rows[: len(sizes)]
    _, transform = inlp(vectors, gender, n=N, iterations=4)
    np.testing.assert_allclose(transform.matrix, p, atol=1e-6)


def test_inlp_and_leace_are_at_chance_for_a_linear_probe_on_the_words_fitted_on(vectors, nullified, erased):
    for after, transform in (nullified, erased):
        x, labels = fitted(vectors, transform)
        assert linear(x, labels) > 0.95
        x, labels = fitted(after, transform)
        chance = linear(x, np.random.default_rng(0).permutation(labels))  # what it learns of shuffled labels
        assert linear(x, labels) < chance + 0.05
    assert linear(*fitted(erased[0], erased[1])) == pytest.approx(0.5, abs=0.01)  # an equality, not a matter of luck


def test_inlp_is_the_same_for_the_same_seed_and_knows_a_third_class(vectors, gender, nullified):
    again = inlp(vectors, gender, n=N)[1]
    np.testing.assert_array_equal(again.matrix, nullified[1].matrix)
    three = inlp(vectors, gender, n=N, neutral=True)[1].facts
    assert list(three["fitted"]) == [*gender.ends, "neither"]
    assert three["chance"] == pytest.approx(1 / 3)
    assert three["accuracy"][-1] < 0.45


def test_leace_makes_class_means_equal_and_the_cross_covariance_zero(erased):
    x, labels = fitted(*erased)
    assert np.abs(x[labels == 0].mean(axis=0) - x[labels == 1].mean(axis=0)).max() < 1e-6
    cross = (x - x.mean(axis=0)).T @ (np.eye(2)[labels] - 0.5) / len(x)
    assert np.abs(cross).max() < 1e-6
    assert erased[1].facts["rank"] == 1
    assert erased[1].facts["difference"] < 1e-12


def test_leace_is_theorem_4_3(vectors, gender):
    """With the matrix square roots of the theorem, by scipy."""
    from scipy.linalg import orth, pinv, sqrtm

    named = of_direction(vectors, gender, n=N)
    x, labels = units(vectors, named.rows), named.classes
    z = np.eye(2)[labels]
    centred = x - x.mean(axis=0)
    whitening = pinv(np.real(sqrtm(centred.T @ centred / len(x))))
    columns = orth(whitening @ (centred.T @ (z - z.mean(axis=0)) / len(x)), rcond=1e-6)
    theirs = np.eye(x.shape[1]) - pinv(whitening) @ columns @ columns.T @ whitening
    matrix, centre, rank = erasure(x, labels)
    np.testing.assert_allclose(matrix.T, theirs, atol=1e-8)
    np.testing.assert_allclose(centre, x.mean(axis=0))
    assert rank == 1


def test_no_other_change_that_hides_the_class_is_smaller(vectors, gender):
    """Theorem 4.2: of all affine maps with equal class means its mean square change is the least."""
    named = of_direction(vectors, gender, n=N)
    x, labels = units(vectors, named.rows), named.classes
    matrix, centre, _ = erasure(x, labels)
    change = (((x - centre) @ (matrix - np.eye(len(centre)))) ** 2).sum()
    gap = x[labels == 0].mean(axis=0) - x[labels == 1].mean(axis=0)
    rng = np.random.default_rng(0)
    for step in (0.0, 0.1, 1.0):  # oblique projections along other directions, which take the gap away, too
        along = gap / np.linalg.norm(gap) + step * rng.standard_normal(len(gap)) / len(gap) ** 0.5
        other = np.outer(along, gap) / (along @ gap)
        assert (((x - centre) @ other) ** 2).sum() >= change


def test_leace_of_words_and_several_classes(vectors):
    fillers = [f"filler{n}" for n in range(600)]
    x = vectors.vectors.copy()
    at = np.array([vectors.index[word] for word in fillers])
    classes = np.arange(600) % 3
    x[at, 10] += 0.8 * (classes == 1)
    x[at, 11] += 0.8 * (classes == 2)
    after, transform = leace(WordVectors(vectors.words, x), fillers, [f"class {one}" for one in classes])
    made = after.vectors[at].astype(np.float64)
    means = np.stack([made[classes == one].mean(axis=0) for one in range(3)])
    assert np.abs(means - means[0]).max() < 1e-6
    assert transform.facts["rank"] == 2
    assert sum(transform.facts["fitted"].values()) == 600


def test_fewer_words_than_dimensions(vectors):
    she, he = [f"filler{n}" for n in range(12)], [f"filler{n}" for n in range(12, 24)]
    after, transform = leace(vectors, she + he, [0] * 12 + [1] * 12)
    x = after.vectors_of(she + he).astype(np.float64)
    assert np.isfinite(after.vectors).all()
    assert transform.facts["rank"] == 1
    assert np.abs(x[:12].mean(axis=0) - x[12:].mean(axis=0)).max() < 1e-6
    after, transform = inlp(vectors, she, he, iterations=35)
    assert np.isfinite(after.vectors).all()
    assert transform.facts["rank"] < vectors.dim


def test_words_of_few_dimensions_keep_one():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3))
    x[:100] += 2
    x[100:] -= 2
    words = [f"w{n}" for n in range(200)]
    after, transform = inlp(WordVectors(words, x), words[:100], words[100:], held_out=0.3)
    assert transform.facts["rank"] <= 2
    assert np.linalg.matrix_rank(transform.matrix) >= 1
    assert np.isfinite(after.vectors).all()


def test_transforms_are_saved_and_applied_to_others(vectors, nullified, erased, tmp_path):
    for name, (after, transform) in (("inlp", nullified), ("leace", erased)):
        transform.save(tmp_path / name)
        read = Transform.load(tmp_path / name)
        assert read.facts == transform.facts
        assert not read.unit
        np.testing.assert_array_equal(read.apply(vectors).vectors, after.vectors)


def test_what_cannot_be_done_is_said(vectors, gender):
    fillers = [f"filler{n}" for n in range(40)]
    she, he = fillers[:20], fillers[20:]
    cases = [
        (OptionError, "iterations", lambda: inlp(vectors, gender, iterations=0)),
        (OptionError, "held_out", lambda: inlp(vectors, gender, held_out=1)),
        (OptionError, "n must be", lambda: inlp(vectors, gender, n=0)),
        (DataError, "to fit on", lambda: inlp(vectors, gender, n=1)),
        (OptionError, "restrict", lambda: leace(vectors, gender, restrict=0)),
        (OptionError, "seed", lambda: inlp(vectors, gender, seed=-1)),
        (OptionError, "held_out", lambda: leace(vectors, gender, held_out="half")),
        (OptionError, "words must be a list", lambda: leace(vectors, 5, [0])),
        (OptionError, "classes must be a list", lambda: leace(vectors, she, 5)),
        (OptionError, "direction has its own", lambda: inlp(vectors, gender, he)),
        (OptionError, "words of both classes", lambda: inlp(vectors, she)),
        (OptionError, "list of words; True", lambda: inlp(vectors, she, he, neutral=True)),
        (OptionError, "one long string", lambda: inlp(vectors, "she", he)),
        (OptionError, "one long string", lambda: leace(vectors, "she", [0])),
        (OptionError, "classes must be a list", lambda: leace(vectors, she, "he")),
        (OptionError, "class of each", lambda: leace(vectors, she)),
        (OptionError, "class of their own", lambda: leace(vectors, she, [0, 1] * 10, neutral=True)),
        (OptionError, "its sides", lambda: leace(vectors, gender, he)),
        (DataError, "40 words and 20 classes", lambda: leace(vectors, fillers, [0] * 20)),
        (DataError, "two classes", lambda: leace(vectors, she, [0] * 20)),
        (DataError, "overlap", lambda: inlp(vectors, she, he + she[:1])),
        (DataError, "unheard", lambda: inlp(vectors, she[:2] + ["unheard"], he)),
        (DataError, "to fit on", lambda: inlp(vectors, she[:3], he, held_out=0.9)),
        (DataError, "of length 60; got 5", lambda: leace(WordVectors(["a", "b"], np.eye(2, 5)), gender)),
    ]
    for kind, told, call in cases:
        with pytest.raises(kind, match=told):
            call()
    assert leace(vectors, [*she[:2], "unheard", *he], [0] * 3 + [1] * 20, allow_missing=True)[1].facts["missing"] == [
        "unheard"
    ]


def test_words_that_nothing_tells_apart_are_left_as_they_are():
    x = np.array([[1.0, 0], [0, 1], [1, 0], [0, 1], [1, 1]])
    after, transform = leace(WordVectors(list("abcde"), x), list("abcd"), [0, 0, 1, 1])
    assert transform.facts["rank"] == 0
    np.testing.assert_allclose(after.vectors, x / np.linalg.norm(x, axis=1)[:, None], atol=1e-7)


def test_words_that_are_all_alike_give_no_nan():
    x = np.tile([0.6, 0.8, 0.0], (8, 1))
    made = WordVectors(list("abcdefgh"), x)
    for after, transform in (leace(made, list("abcd"), [0, 0, 1, 1]), inlp(made, list("ab"), list("cd"), held_out=0)):
        np.testing.assert_allclose(after.vectors, x, atol=1e-6)
        assert transform.facts["rank"] == 0
