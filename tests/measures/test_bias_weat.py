"""WEAT and SC-WEAT against slow references, published numbers and another library's."""

import itertools
import math
import time

import numpy as np
import pytest

from selfsup.errors import DataError, OptionError
from selfsup.measures.table import wrong
from selfsup.measures.words.bias import weat as room
from selfsup.measures.words.bias.bootstrap import interval
from selfsup.measures.words.bias.score import CAUTION, LOOK, Score, lines, or_withheld, table
from selfsup.measures.words.bias.weat import sc_weat, split_differences, weat, weat_tests
from selfsup.words import WordVectors
from selfsup.words.bias import lists

SETS = {name: [f"{name}{place}" for place in range(size)] for name, size in {"x": 5, "y": 5, "a": 4, "b": 3}.items()}
X, Y, A, B = SETS.values()


def made(seed=0, lean=0.0, extra=()):
    """Random vectors of the four sets' words; X and A lean one way together."""
    rng = np.random.default_rng(seed)
    words = [*X, *Y, *A, *B, *extra]
    array = rng.normal(size=(len(words), 12))
    array[:, 0] += [lean * (word[0] in "xa") for word in words]
    return WordVectors(words, array)


def cosine(vectors, a, b):
    a, b = (vectors[word].astype(np.float64) for word in (a, b))
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def association(vectors, word, A, B):
    return np.mean([cosine(vectors, word, a) for a in A]) - np.mean([cosine(vectors, word, b) for b in B])


def by_enumeration(values, size):
    """p of the paper's test, a split at a time."""
    n, own = len(values), values[:size].mean() - values[size:].mean()
    differences = []
    for some in itertools.combinations(range(n), size):
        others = [place for place in range(n) if place not in some]
        differences.append(values[list(some)].mean() - values[others].mean())
    return np.mean(np.array(differences) >= own - 1e-12), np.abs(differences).mean() / values.std(ddof=1)


@pytest.mark.parametrize("seed", range(4))
def test_effect_and_exact_p_are_those_of_loops(seed):
    vectors = made(seed, lean=0.5)
    found = weat(vectors, X, Y, A, B, permutations="exact")
    values = np.array([association(vectors, word, A, B) for word in X + Y])
    assert found.effect == pytest.approx((values[:5].mean() - values[5:].mean()) / values.std(ddof=1), abs=1e-9)
    assert found.statistic == pytest.approx(values[:5].sum() - values[5:].sum(), abs=1e-9)
    p, chance = by_enumeration(values, 5)
    assert (found.p, found.permutations, found.exact) == (pytest.approx(p, abs=1e-12), 252, True)
    assert found.chance == pytest.approx(chance, abs=1e-9)
    assert found.low < found.effect < found.high
    assert "n-1" in found.note


def test_few_splits_are_all_counted_and_many_are_drawn():
    vectors = made(1, lean=0.3)
    exact = weat(vectors, X, Y, A, B)
    assert exact == weat(vectors, X, Y, A, B, permutations="exact", seed=0)
    assert exact.exact
    assert exact.permutations == 252
    drawn = weat(vectors, X, Y, A, B, permutations=251)
    assert (drawn.exact, drawn.permutations) == (False, 251)
    assert drawn.p * 252 == pytest.approx(round(drawn.p * 252))
    assert drawn.p >= 1 / 252


def test_drawn_splits_are_permutations_and_follow_the_seed():
    for block in room._random_splits(9, 4, 2000, seed=3):
        assert all(len(set(row)) == 4 for row in block.tolist())
        assert np.bincount(block.ravel(), minlength=9) == pytest.approx(2000 * 4 / 9, rel=0.15)
    values = np.random.default_rng(0).normal(size=16)
    one, two, other = (split_differences(values, 8, 5000, seed)[0] for seed in (0, 0, 1))
    assert (one == two).all()
    assert (one != other).any()
    vectors = made(2, lean=0.3)
    assert weat(vectors, X, Y, A, B, permutations=200, seed=5) == weat(vectors, X, Y, A, B, permutations=200, seed=5)


def test_drawn_p_is_near_the_exact_one_and_does_not_depend_on_blocks(monkeypatch):
    values = np.random.default_rng(4).normal(size=14)
    values[:7] += 0.7
    exact = room.split_test(values, 7, permutations="exact")
    drawn = room.split_test(values, 7, permutations=3000, seed=0)
    assert drawn.p == pytest.approx(exact.p, abs=4 * math.sqrt(exact.p * (1 - exact.p) / 3000) + 1 / 3000)
    monkeypatch.setattr(room, "BLOCK", 70)
    assert room.split_test(values, 7, permutations="exact") == pytest.approx(exact)
    assert room.split_test(values, 7, permutations=3000, seed=0) == pytest.approx(drawn)


def test_p_of_no_bias_is_uniform():
    """Under the null p <= level with about that probability, and never more: what drawing with replacement breaks."""
    rng = np.random.default_rng(0)
    ps = [room.split_test(rng.normal(size=12), 6, permutations=99, seed=seed).p for seed in range(400)]
    assert min(ps) >= 0.01
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(ps) <= level) == pytest.approx(level, abs=0.07)


def test_ties_count_as_at_least_as_large():
    assert room.split_test(np.array([0.1, 0.1, 0.2, 0.1]), 2, permutations="exact").p == 1.0
    assert room.split_test(np.array([0.3, 0.3, 0.1, 0.1]), 2, permutations="exact").p == pytest.approx(1 / 6)


def test_words_that_associate_alike_have_no_effect_size():
    array = np.vstack([np.tile([1.0, 0, 0], (10, 1)), np.tile([0, 1.0, 0], (4, 1)), np.tile([0, 0, 1.0], (3, 1))])
    found = weat(WordVectors([*X, *Y, *A, *B], array), X, Y, A, B)
    assert (found.effect, found.p, found.low, found.chance) == (None, None, None, None)
    assert "alike" in found.withheld
    assert found.statistic == 0
    assert wrong(table([found])) is None


def test_10_000_permutations_of_8_and_8_words_take_less_than_half_a_second():
    rng = np.random.default_rng(0)
    words = [f"w{place}" for place in range(32)]
    vectors = WordVectors(words, rng.normal(size=(32, 300)))
    began = time.process_time()
    found = weat(vectors, words[:8], words[8:16], words[16:24], words[24:], permutations=10_000)
    assert time.process_time() - began < 0.5
    assert (found.permutations, found.exact) == (10_000, False)


# Bad input


def test_sets_of_unequal_size_have_no_permutation():
    vectors = made()
    with pytest.raises(OptionError, match=r"equal size; got 4 and 5 .*permutations=0"):
        weat(vectors, X[:4], Y, A, B)
    found = weat(vectors, X[:4], Y, A, B, permutations=0)
    assert found.p is None
    assert found.effect is not None
    assert found.permutations == 0


def test_a_set_that_lost_a_fifth_of_its_words_is_refused_by_name():
    vectors = made()
    with pytest.raises(DataError, match="gone1.*gone2.*allow_missing=True"):
        weat(vectors, [*X, "gone1", "gone2"], [*Y, "z", "zz"], A, B)
    with pytest.raises(DataError, match="gone1"):
        weat(vectors, [*X, "gone1", "gone2"], [*Y, "z", "zz"], A, B, permutations=0)


def test_sets_that_became_unequal_have_p_over_splits_of_what_is_left():
    vectors = made(3, lean=0.4)
    found = weat(vectors, X, [*Y[:4], "gone"], A, B)
    assert (found.missing, found.words, found.asked, found.permutations) == (("gone",), 16, 17, 126)
    values = np.array([association(vectors, word, A, B) for word in X + Y[:4]])
    assert found.p == pytest.approx(by_enumeration(values, 5)[0])
    assert "5 and 4 words left" in found.note
    allowed = weat(vectors, [*X[:2], "g1", "g2", "g3"], Y, A, B, allow_missing=True)
    assert allowed.missing == ("g1", "g2", "g3")
    assert allowed.permutations == 21


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"X": "flowers"}, "one long string"),
        ({"X": []}, "empty"),
        ({"X": [1, 2]}, "list of words"),
        ({"Y": X}, "overlap"),
        ({"A": [*A[:3], X[0]]}, "overlap"),
        ({"A": B}, "overlap"),
        ({"X": X[:1], "Y": Y[:1]}, "at least 2 words"),
        ({"permutations": -1}, "0 to"),
        ({"permutations": "all"}, "'exact'"),
        ({"permutations": True}, "'exact'"),
        ({"permutations": 1.5}, "'exact'"),
        ({"permutations": 10**12}, "10,000,000"),
        ({"seed": -1}, "seed"),
        ({"seed": "one"}, "seed"),
    ],
)
def test_bad_input_has_clear_errors(change, says):
    with pytest.raises((DataError, OptionError), match=says):
        weat(made(), **({"X": X, "Y": Y, "A": A, "B": B} | change))


def test_vectors_of_zeros_and_of_no_numbers_are_refused_by_name():
    for value, says in ((0.0, "zeros"), (np.nan, "not finite"), (np.inf, "not finite")):
        vectors = made()
        vectors.vectors[2] = value
        with pytest.raises(DataError, match=f"'x2'.*{says}"):
            weat(vectors, X, Y, A, B)


def test_too_many_splits_to_enumerate_are_an_error():
    with pytest.raises(OptionError, match=r"155,117,520 splits.*permutations=10000"):
        room.split_test(np.arange(30.0), 15, permutations="exact")


# SC-WEAT


def test_sc_weat_is_that_of_loops():
    vectors = made(5, extra=["word", "other"])
    found = sc_weat(vectors, "word", A, B)
    cosines = np.array([cosine(vectors, "word", other) for other in A + B])
    assert found.effect == pytest.approx((cosines[:4].mean() - cosines[4:].mean()) / cosines.std(ddof=1), abs=1e-9)
    assert found.p == pytest.approx(by_enumeration(cosines, 4)[0])
    assert (found.permutations, found.words, found.asked) == (35, 8, 8)
    assert found.low <= found.effect <= found.high
    several = sc_weat(vectors, ["other", "gone", "word"], A, B)
    assert [one.of for one in several] == ["other", "gone", "word"]
    assert several[2] == found
    assert several[1].value is None
    assert several[1].missing == ("gone",)


def test_sc_weat_refuses_what_it_cannot_measure():
    vectors = made()
    with pytest.raises(DataError, match="gone"):
        sc_weat(vectors, "gone", A, B)
    with pytest.raises(DataError, match="overlap"):
        sc_weat(vectors, A[0], A, B)
    with pytest.raises(DataError, match="overlap"):
        sc_weat(vectors, "x0", A, [*B, A[0]])
    with pytest.raises(OptionError, match="'exact'"):
        sc_weat(vectors, "x0", A, B, permutations=-3)


# Scores and their table


def test_a_score_says_why_it_has_no_value_and_is_never_not_a_number():
    with pytest.raises(DataError, match="withheld"):
        Score("WEAT", "a")
    with pytest.raises(DataError, match="finite"):
        Score("WEAT", "a", float("nan"))
    with pytest.raises(DataError, match="high"):
        Score("WEAT", "a", 1.0, 0.0, math.inf)


def test_the_table_names_what_is_withheld():
    vectors = made()
    test = lists.WeatTest("t", tuple(X), tuple(Y), tuple(A), (*B, "g1", "g2"), "some", "others", "good", "bad", "")
    scores = weat_tests(vectors, {"t": test, "u": test._replace(name="u", B=tuple(B))})
    assert (scores[0].value, scores[0].missing, scores[0].words, scores[0].asked) == (None, ("g1", "g2"), 17, 19)
    assert scores[1].of == "u: some / others, good / bad"
    assert scores[1].value is not None
    allowed = weat_tests(vectors, [test], allow_missing=True)[0]
    assert (allowed.value, allowed.missing) == (scores[1].value, ("g1", "g2"))
    made_table = table(scores, "after")
    assert wrong(made_table) is None
    assert made_table.columns == LOOK.columns
    assert [row["stage"] for row in made_table.rows] == ["after", "after"]
    shown = lines(made_table)
    assert any("withheld" in line for line in shown)
    assert any("'g1', 'g2'" in line for line in shown)
    assert shown[-1] == CAUTION
    assert "17 of 17 words" in str(scores[1])


def test_a_test_of_unequal_sets_has_no_p_in_a_table():
    test = lists.WeatTest("t", tuple(X), tuple(Y[:3]), tuple(A), tuple(B), "some", "others", "good", "bad", "")
    (score,) = weat_tests(made(), [test])
    assert score.value is not None
    assert score.p is None
    assert "no p" in score.note


def test_withheld_scores_do_not_hide_wrong_options():
    with pytest.raises(OptionError):
        or_withheld(lambda: weat(made(), X, Y, A, B, permutations=-1), "WEAT", "of", made(), X)


# The bootstrap


def test_an_interval_of_a_mean_is_that_of_the_normal_distribution():
    values = np.random.default_rng(0).normal(size=400)
    low, high = interval(lambda rows: values[rows[0]].mean(), [400], draws=2000)
    error = values.std() / 20
    normal = pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.2 * error)
    assert (low, high) == normal
    assert (low, high) == interval(lambda rows: values[rows[0]].mean(), [400], draws=2000)
    assert (low, high) != interval(lambda rows: values[rows[0]].mean(), [400], draws=2000, seed=1)


def test_draws_without_a_value_are_left_out_and_too_many_of_them_withhold_the_interval():
    def ratio(rows):
        return np.float64(1) / np.float64(len(set(rows[0].tolist())) - 1)  # 1 / 0 where all words drawn are one

    low, high = interval(ratio, [3])
    assert (low, high) == (0.5, 1.0)
    assert interval(lambda rows: float("nan"), [5]) == (None, None)
    assert interval(lambda rows: 1.0, [1, 1]) == (None, None)
    with pytest.raises(OptionError, match="draw"):
        interval(ratio, [3], draws=0)
    with pytest.raises(OptionError, match="level"):
        interval(ratio, [3], level=1.0)


def test_weats_own_interval_is_that_of_the_loop():
    vectors = made(6, lean=0.5)
    units = np.stack([vectors[word] / np.linalg.norm(vectors[word]) for word in X + Y + A + B]).astype(np.float64)
    cosines = units[:10] @ units[10:].T

    def effect(rows):
        x, y, a, b = rows
        values = cosines[:, a].mean(axis=1) - cosines[:, 4 + b].mean(axis=1)
        first, second = values[x], values[5 + y]
        return (first.mean() - second.mean()) / np.concatenate([first, second]).std(ddof=1)

    found = weat(vectors, X, Y, A, B)
    assert (found.low, found.high) == pytest.approx(interval(effect, [5, 5, 4, 3]), abs=1e-6)


# Google News: real vectors, published effects and WEFE's


@pytest.fixture(scope="module")
def google(shared_data):
    path = shared_data / "words" / "google_news_347.txt"
    if not path.is_file():
        pytest.skip(f"no word vectors at {path}")
    return WordVectors.load(path)


# WEFE 1.0.1, WEAT().run_query(..., normalize=True)["effect_size"] of these vectors; it divides by n.
WEFE = {
    "flowers_insects": 1.5549757258211847,
    "instruments_weapons": 1.6448022737159897,
    "career_family": 1.9518473160011138,
    "math_arts": 0.9981079972424579,
    "science_arts": 1.284647972821391,
    "disease": 1.4368294598300981,
    "age": -0.04597041307063874,
}


def test_effects_on_google_news_are_the_known_ones(google):
    tests = lists.weat()
    scores = dict(zip(tests, weat_tests(google, tests), strict=True))
    known = {"flowers_insects": 1.54, "career_family": 1.89, "math_arts": 0.97, "science_arts": 1.24}
    for name, effect in known.items():
        assert (scores[name].missing, scores[name].value) == ((), pytest.approx(effect, abs=0.02))
    weapons = scores["instruments_weapons"]
    assert (weapons.missing, weapons.value) == (("axe",), pytest.approx(1.64, abs=0.02))
    for name, effect in WEFE.items():
        n = sum(word in google for word in (*tests[name].X, *tests[name].Y))
        assert scores[name].value * math.sqrt(n / (n - 1)) == pytest.approx(effect, abs=1e-5)
    assert scores["math_arts"].p == pytest.approx(
        weat(google, *tests["math_arts"][1:5], permutations="exact").p, abs=0.005
    )
    withheld = {name for name, one in scores.items() if one.value is None}
    assert withheld == {"names_1", "names_2", "names_3"}
    assert "Tyrone" in scores["names_2"].missing
    assert "'Tyrone'" in scores["names_2"].withheld
    assert wrong(table(list(scores.values()))) is None
