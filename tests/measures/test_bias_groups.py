"""RND, ECT, MAC, RIPA, SAME and RNSB against slow references, closed forms and another library's values."""

import json
import math
import warnings

import numpy as np
import pytest

from selfsup.errors import DataError, OptionError
from selfsup.measures.table import wrong
from selfsup.measures.words.bias.groups import bias_axes, ect, mac, ripa, rnd, same
from selfsup.measures.words.bias.rnsb import divergence, rnsb
from selfsup.measures.words.bias.score import Score, table
from selfsup.words import WordVectors
from selfsup.words.bias import lists
from selfsup.words.bias.direction import direction

FIRST, SECOND, WORDS = ([f"{name}{place}" for place in range(size)] for name, size in (("f", 4), ("s", 5), ("w", 12)))
THIRD, OTHERS = [f"t{place}" for place in range(4)], [f"o{place}" for place in range(30)]


def made(seed=0, dim=8):
    rng = np.random.default_rng(seed)
    words = [*FIRST, *SECOND, *WORDS, *THIRD, *OTHERS]
    array = rng.normal(0.2, 1, size=(len(words), dim)) * rng.uniform(0.5, 3, size=(len(words), 1))
    return WordVectors(words, array)


def unit(vectors, word):
    vector = vectors[word].astype(np.float64)
    return vector / np.linalg.norm(vector)


def mean(vectors, words):
    return np.mean([unit(vectors, word) for word in words], axis=0)


@pytest.fixture(scope="module")
def vectors():
    return made()


def every_measure(vectors, first=FIRST, second=SECOND, words=WORDS, **more):
    """All of this room, as functions of no arguments."""
    return {
        "rnd": lambda: rnd(vectors, first, second, words, **more),
        "ect": lambda: ect(vectors, first, second, words, **more),
        "mac": lambda: mac(vectors, words, [first, second], **more),
        "ripa": lambda: ripa(vectors, words, [(first[0], second[0])], **more),
        "same": lambda: same(vectors, words, [first, second], **more),
        "rnsb": lambda: rnsb(vectors, words, first, second, **more),
    }


MEASURES = tuple(every_measure(None))


# Each measure


def test_rnd_is_that_of_loops(vectors):
    one, two = mean(vectors, FIRST), mean(vectors, SECOND)
    slow = [np.linalg.norm(one - unit(vectors, w)) - np.linalg.norm(two - unit(vectors, w)) for w in WORDS]
    found = rnd(vectors, FIRST, SECOND, WORDS)
    assert found.value == pytest.approx(np.mean(slow), abs=1e-9)
    assert rnd(vectors, SECOND, FIRST, WORDS).value == pytest.approx(-found.value, abs=1e-9)
    splits = []
    rng = np.random.default_rng(1)
    for _ in range(400):
        order = rng.permutation(FIRST + SECOND)
        one, two = mean(vectors, order[:4]), mean(vectors, order[4:])
        splits.append(
            abs(
                np.mean(
                    [np.linalg.norm(one - unit(vectors, w)) - np.linalg.norm(two - unit(vectors, w)) for w in WORDS]
                )
            )
        )
    assert found.chance == pytest.approx(np.mean(splits), rel=0.15)
    assert found.none == 0


def test_ect_is_spearmans_correlation(vectors):
    from scipy.stats import spearmanr

    def cosines(group):
        centre = mean(vectors, group)
        return [centre @ unit(vectors, word) / np.linalg.norm(centre) for word in WORDS]

    found = ect(vectors, FIRST, SECOND, WORDS)
    assert found.value == pytest.approx(spearmanr(cosines(FIRST), cosines(SECOND)).statistic, abs=1e-9)
    assert found.none == 1
    assert -1 <= found.low <= found.high <= 1
    words = [*FIRST, *(f"copy{word}" for word in FIRST), *WORDS]
    rows = vectors.vectors_of([*FIRST, *FIRST, *WORDS])
    assert ect(WordVectors(words, rows), words[:4], words[4:8], WORDS).value == pytest.approx(1)


def test_ect_of_words_without_an_order_is_withheld():
    array = np.vstack([np.tile([1.0, 0, 0], (9, 1)), np.tile([0, 1.0, 0], (12, 1))])
    found = ect(WordVectors([*FIRST, *SECOND, *WORDS], array), FIRST, SECOND, WORDS)
    assert (found.value, found.low, found.high) == (None, None, None)
    assert "no order" in found.withheld
    rows = np.vstack([[1, 0], [-1, 0], [1, 1], np.random.default_rng(0).normal(size=(12, 2))])
    opposite = WordVectors(["a", "b", "c", *WORDS], rows)
    with pytest.raises(DataError, match="cancel"):
        ect(opposite, ["a", "b"], ["c"], WORDS)
    with pytest.raises(DataError, match="at least 3"):
        ect(made(), FIRST, SECOND, WORDS[:2])


def test_mac_is_that_of_loops_over_sets_and_words(vectors):
    groups = [FIRST, SECOND, THIRD]
    slow = [np.mean([1 - unit(vectors, w) @ unit(vectors, a) for a in group]) for w in WORDS for group in groups]
    found = mac(vectors, WORDS, groups)
    assert found.value == pytest.approx(np.mean(slow), abs=1e-9)
    chance = [
        np.mean([1 - unit(vectors, w) @ unit(vectors, a) for a in group]) for w in vectors.words for group in groups
    ]
    assert found.chance == pytest.approx(np.mean(chance), abs=1e-9)
    assert mac(vectors, WORDS, {"a": FIRST, "b": SECOND, "c": THIRD}) == found
    at_right_angles = WordVectors(["w", "x", "a", "b"], np.eye(4))
    assert mac(at_right_angles, ["w", "x"], [["a"], ["b"]]).value == mac(vectors, WORDS, [FIRST]).none == 1


def test_ripa_is_the_product_of_vectors_as_they_are(vectors):
    difference = vectors[FIRST[0]].astype(np.float64) - vectors[SECOND[0]]
    slow = [vectors[word] @ difference / np.linalg.norm(difference) for word in WORDS]
    found = ripa(vectors, WORDS, [(FIRST[0], SECOND[0])])
    assert found.value == pytest.approx(np.mean(slow), abs=1e-6)
    assert ripa(vectors, WORDS, [(SECOND[0], FIRST[0])]).value == pytest.approx(-found.value, abs=1e-9)
    assert f"{np.abs(slow).mean():.4g}" in found.note
    pairs = list(zip(FIRST, SECOND, strict=False))
    differences = np.array([vectors[a].astype(np.float64) - vectors[b] for a, b in pairs])
    values, axes = np.linalg.eigh(differences.T @ differences)
    axis = axes[:, np.argmax(values)] * np.sign((differences @ axes[:, np.argmax(values)]).sum())
    several = ripa(vectors, WORDS, pairs)
    assert several.value == pytest.approx(np.mean([vectors[word] @ axis for word in WORDS]), abs=1e-6)
    assert several.words == len(WORDS) + 8
    given = direction(vectors, pairs)
    assert ripa(vectors, WORDS, given).value == pytest.approx(
        np.mean([vectors[word] @ given.vector for word in WORDS]), abs=1e-6
    )
    with pytest.raises(DataError, match=r"8-d .* 5-d"):
        ripa(made(dim=5), WORDS, given)


def test_same_of_two_groups_is_the_mean_cosine_with_their_difference(vectors):
    axis = mean(vectors, SECOND) - mean(vectors, FIRST)
    cosines = [unit(vectors, word) @ axis / np.linalg.norm(axis) for word in WORDS]
    found = same(vectors, WORDS, [FIRST, SECOND])
    assert found.value == pytest.approx(np.abs(cosines).mean(), abs=1e-9)
    assert f"skew {np.mean(cosines):.4g}, stereotype {np.std(cosines):.4g}" in found.note
    assert found.chance == pytest.approx(
        np.mean([abs(unit(vectors, word) @ axis) / np.linalg.norm(axis) for word in vectors.words]), abs=1e-9
    )
    assert same(vectors, WORDS, [SECOND, FIRST]).value == pytest.approx(found.value, abs=1e-9)


def test_same_of_more_groups_adds_what_is_orthogonal(vectors):
    one = mean(vectors, SECOND) - mean(vectors, FIRST)
    one /= np.linalg.norm(one)
    other = mean(vectors, THIRD) - mean(vectors, FIRST)
    other -= (other @ one) * one
    slow = [abs(unit(vectors, word) @ one) + abs(unit(vectors, word) @ other) for word in WORDS]
    assert same(vectors, WORDS, [FIRST, SECOND, THIRD]).value == pytest.approx(np.mean(slow), abs=1e-9)
    axes = bias_axes([np.zeros(3), np.array([2.0, 0, 0]), np.array([5.0, 3, 0]), np.array([1.0, 1, 0])])
    assert axes.T.tolist() == [[1, 0, 0], [0, 3, 0], [0, 0, 0]]  # a group that others are made of adds nothing
    twins = WordVectors(["a", "b", "w", "x"], np.array([[1, 0], [1, 0], [0, 1], [1, 1]], float))
    with pytest.raises(DataError, match="same mean"):
        same(twins, ["w", "x"], [["a"], ["b"]])


def test_rnsb_is_the_divergence_of_a_logistic_regressions_probabilities(vectors):
    from scipy.stats import entropy
    from sklearn.linear_model import LogisticRegression

    rows = np.stack([unit(vectors, word) for word in FIRST + SECOND])
    fitted = LogisticRegression(max_iter=2000).fit(rows, [0] * 4 + [1] * 5)
    probabilities = fitted.predict_proba(np.stack([unit(vectors, word) for word in WORDS]))[:, 1]
    found = rnsb(vectors, WORDS, FIRST, SECOND)
    assert found.value == pytest.approx(entropy(probabilities / probabilities.sum(), np.full(12, 1 / 12)), abs=1e-6)
    assert WORDS[int(np.argmax(probabilities))] in found.note
    assert found == rnsb(vectors, WORDS, FIRST, SECOND)
    assert divergence(np.array([[0.2, 0.2], [0.0, 0.9]])) == pytest.approx([0, math.log(2)])
    with pytest.raises(DataError, match="at least 2"):
        rnsb(vectors, WORDS[:1], FIRST, SECOND)


# All of them


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_has_an_interval_chance_and_the_value_of_no_bias(vectors, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, again = every_measure(vectors)[name](), every_measure(vectors)[name]()
        other = every_measure(vectors, seed=1)[name]()
    assert found == again
    assert (other.low, other.high) != (found.low, found.high)
    assert other.value == found.value
    assert found.low <= found.value <= found.high
    assert found.chance is not None
    assert found.none is not None
    assert found.words == found.asked > 0
    assert found.note
    made_table = table([found])
    assert wrong(made_table) is None
    json.dumps(made_table.rows, allow_nan=False)


@pytest.mark.parametrize("name", MEASURES)
def test_what_is_missing_is_named_and_too_much_of_it_refused(vectors, name):
    gone = ("gone1", "gone2", "gone3", "gone4")
    words = [*WORDS, *gone]
    with pytest.raises(DataError, match="gone1.*gone2.*allow_missing"):
        every_measure(vectors, words=words)[name]()
    allowed = every_measure(vectors, words=words, allow_missing=True)[name]()
    assert allowed.missing == gone
    assert allowed.value == every_measure(vectors)[name]().value
    few = every_measure(vectors, words=[*WORDS, "gone"])[name]()
    assert (few.missing, few.asked - few.words) == (("gone",), 1)


@pytest.mark.parametrize("name", MEASURES)
def test_bad_sets_are_errors_that_say_so(vectors, name):
    for change, says in (
        ({"words": "a long string"}, "one long string"),
        ({"words": []}, "empty"),
        ({"words": [None]}, "list of words"),
        ({"words": ["nothing", "known"]}, "at least"),
        ({"seed": -1}, "seed"),
    ):
        with pytest.raises((DataError, OptionError), match=says):
            every_measure(vectors, **change)[name]()
    if name != "ripa":
        for change in ({"words": [*WORDS, FIRST[0]]}, {"second": [*SECOND, FIRST[1]]}):
            with pytest.raises(DataError, match="overlap.*f[01]"):
                every_measure(vectors, **change)[name]()
    with pytest.raises(OptionError, match="WordVectors"):
        every_measure({"a": [1]})[name]()
    for value, says in ((0.0, "zeros"), (np.nan, "not finite")):
        broken = made()
        broken.vectors[broken.index["w2"]] = value
        with pytest.raises(DataError, match=f"'w2'.*{says}"):
            every_measure(broken)[name]()


@pytest.mark.parametrize("name", MEASURES)
def test_groups_of_one_word_give_numbers(vectors, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = every_measure(vectors, FIRST[:1], SECOND[:1], WORDS)[name]()
    assert found.value is not None
    if name in ("rnd", "ect"):
        assert found.chance is None  # a split of two words is the same two words


@pytest.mark.parametrize("function", [mac, same])
def test_sets_that_are_no_lists_of_words_are_errors(vectors, function):
    for sets, says in (
        ("abc", "one long string"),
        (3, "list of lists"),
        ([], "or more"),
        (["abc", "def"], "one long string"),
    ):
        with pytest.raises(OptionError, match=says):
            function(vectors, WORDS, sets)
    with pytest.raises(OptionError, match="target words"):
        function(vectors, WORDS, {"target words": FIRST, "b": SECOND})


def test_rotations_and_lengths_change_nothing_but_ripa(vectors):
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    turned = WordVectors(vectors.words, vectors.vectors @ rotation)
    longer = WordVectors(vectors.words, vectors.vectors * np.random.default_rng(1).uniform(0.5, 2, (len(vectors), 1)))
    for name in MEASURES:
        value = every_measure(vectors)[name]().value
        assert every_measure(turned)[name]().value == pytest.approx(value, abs=1e-5)
        if name != "ripa":
            assert every_measure(longer)[name]().value == pytest.approx(value, abs=1e-5)


# WEFE 1.0.1 with these vectors and words, normalize=True (RIPA: False, as the paper's are not of length 1; MAC: its default)
WEFE = {
    "math": {
        "rnd": -0.02215997874736786,
        "ect": 0.9047619047619048,
        "ripa": 0.08827956020832062,
        "mac": 0.9637149622102354,
    },
    "arts": {
        "rnd": 0.001366451382637024,
        "ect": 0.6904761904761906,
        "ripa": 0.26823580265045166,
        "mac": 0.9018414495546209,
    },
    "both": {
        "rnd": -0.010396763682365417,
        "ect": 0.8911764705882352,
        "ripa": 0.17825767397880554,
        "mac": 0.9327782058824281,
    },
    "family": {
        "rnd": -0.0192452073097229,
        "ect": 0.9235294117647058,
        "ripa": 0.1469823122024536,
        "mac": 0.841641521042575,
    },
}


@pytest.mark.parametrize("name", WEFE)
def test_values_on_google_news_are_those_of_wefe(shared_data, name):
    path = shared_data / "words" / "google_news_347.txt"
    if not path.is_file():
        pytest.skip(f"no word vectors at {path}")
    google, test, career = WordVectors.load(path), lists.weat()["math_arts"], lists.weat()["career_family"]
    words = {"math": test.X, "arts": test.Y, "both": test.X + test.Y, "family": career.A + career.B}[name]
    found = {
        "rnd": rnd(google, test.A, test.B, words),
        "ect": ect(google, test.A, test.B, words),
        "ripa": ripa(google, words, [("she", "he")]),
        "mac": mac(google, words, [test.A, test.B]),
    }
    for measure, value in WEFE[name].items():
        assert found[measure].value == pytest.approx(value, abs=1e-5)


def test_an_interval_holds_its_value():
    """Where draws all lie to one side of the value, at the end of a measure's range, the interval reaches to the value."""
    above = Score("ECT", "words", 0.99, 0.75, 0.97, words=3, asked=3)
    below = Score("SAME", "words", 0.01, 0.02, 0.05, words=3, asked=3)
    assert (above.low, above.high, below.low, below.high) == (0.75, 0.99, 0.01, 0.05)
