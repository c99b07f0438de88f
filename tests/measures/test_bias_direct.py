import itertools
import json
import math

import numpy as np
import pytest
from scipy.stats import spearmanr
from tests.tools.biased import HE, SHE, biased_vectors

from selfsup.errors import DataError, OptionError
from selfsup.measures.table import Table, wrong
from selfsup.measures.words.bias.direct import direct_bias, isotropic
from selfsup.measures.words.bias.indirect import indirect_bias
from selfsup.measures.words.bias.ratings import ratings
from selfsup.words import WordVectors
from selfsup.words.bias.direction import direction


def of_gender(rows, words=()):
    """Vectors in which *she* and *he* are the first axis (so that the direction is that one), and other words as given."""
    ends = np.zeros((2, rows.shape[1]))
    ends[:, 0] = 1, -1
    vectors = WordVectors(["she", "he", *words], np.concatenate([ends, rows]).astype(np.float32))
    return vectors, direction(vectors, [("she", "he")], method="difference", positive="she")


@pytest.fixture(scope="module")
def planted():
    vectors = biased_vectors()
    return vectors, direction(vectors)


# DirectBias


def test_the_closed_form_of_chance():
    assert isotropic(3) == pytest.approx(1 / 2)  # a coordinate on the sphere is even in [-1, 1]
    assert isotropic(2) == pytest.approx(2 / math.pi)
    assert [isotropic(dim, 2) for dim in (2, 10, 300)] == pytest.approx([1 / 2, 1 / 10, 1 / 300])
    assert isotropic(300) == pytest.approx(math.sqrt(2 / (math.pi * 300)), rel=2e-3)
    drawn = np.random.default_rng(0).normal(size=(200_000, 7))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    assert isotropic(7, 0.5) == pytest.approx((np.abs(drawn[:, 0]) ** 0.5).mean(), abs=2e-3)


@pytest.mark.parametrize("c", [1, 2, 0.5])
def test_the_mean_of_cosines_by_hand(c):
    vectors, gender = of_gender(np.array([[3, 4, 0], [0, 0, 2], [-1, 0, 0]]), ["nurse", "tree", "boss"])
    score = direct_bias(vectors, gender, ["nurse", "tree", "boss"], c)
    assert score.value == pytest.approx((0.6**c + 0 + 1) / 3, abs=1e-6)
    assert score.none == 0
    assert score.low <= score.value <= score.high
    assert (score.words, score.asked, score.missing) == (3, 3, ())


def test_chance_is_the_closed_form_where_words_lie_evenly_and_more_where_they_do_not():
    rng = np.random.default_rng(0)
    words = [f"w{n}" for n in range(2000)]
    even, gender = of_gender(rng.normal(size=(2000, 40)), words)
    score = direct_bias(even, gender, words[:300])
    assert score.chance == pytest.approx(isotropic(40), rel=0.03)
    assert score.value == pytest.approx(isotropic(40), rel=0.1)
    assert score.p > 0.02
    uneven = rng.normal(size=(2000, 40)) * np.linspace(3, 0.2, 40)
    assert direct_bias(*of_gender(uneven, words), words[:300]).chance > 1.2 * isotropic(40)


def test_words_by_definition_are_left_out_and_missing_ones_named(planted):
    vectors, gender = planted
    score = direct_bias(vectors, gender)
    every = direct_bias(vectors, gender, keep_specific=True)
    assert score.of == "occupations"
    assert score.words < every.words
    assert score.missing == ()
    assert "Left out" in score.note
    assert direct_bias(vectors, gender, [*SHE, "wizardess"]).missing == ("wizardess",)
    leaning = direct_bias(vectors, gender, [*SHE, *HE])
    assert leaning.value > 2 * leaning.chance
    assert leaning.p < 0.05
    assert leaning == direct_bias(vectors, gender, [*SHE, *HE])
    other = direct_bias(vectors, gender, [*SHE, *HE], seed=1)
    assert (other.value, other.low) != (leaning.value, leaning.low)


def test_nothing_is_left_where_the_direction_is_taken_out(planted):
    vectors, gender = planted
    rows = vectors.unit - np.outer(vectors.unit @ gender.vector, gender.vector)
    assert direct_bias(WordVectors(vectors.words, rows), gender).value < 1e-6


def test_variants_of_writing_count_as_the_word():
    vectors, gender = of_gender(np.array([[1, 1], [1, 0]]), ["fighter pilot", "boss"])
    assert direct_bias(vectors, gender, ["fighter_pilot", "Boss"]).words == 2


def test_bad_questions_of_direct_bias_are_named(planted):
    vectors, gender = planted
    for c in (0, -1, math.nan, math.inf, "1", True):
        with pytest.raises(OptionError, match="above 0"):
            direct_bias(vectors, gender, ["nurse"], c)
    for words, said in [("nurse boss", "word list"), ([], "empty"), (["zzz", "yyy"], "zzz"), ([1], "words")]:
        with pytest.raises((DataError, OptionError), match=said):
            direct_bias(vectors, gender, words)
    with pytest.raises(DataError, match="keep_specific"):
        direct_bias(vectors, gender, {"words": ["actress"], "specific": ["actress"]})
    with pytest.raises(OptionError, match="a direction is"):
        direct_bias(vectors, gender.vector, ["nurse"])
    with pytest.raises(DataError, match="of 3-d"):
        direct_bias(vectors, of_gender(np.eye(3), list("abc"))[1], ["nurse"])


# Indirect bias


def beta(w, v, g):
    """The formula of section 5.3, word for word."""
    w, v, g = (one / np.linalg.norm(one) for one in (w, v, g))
    w2, v2 = w - (w @ g) * g, v - (v @ g) * g
    return (w @ v - (w2 @ v2) / (np.linalg.norm(w2) * np.linalg.norm(v2))) / (w @ v)


def test_beta_is_the_formula(planted):
    vectors, gender = planted
    asked = [("nurse", "homemaker"), ("nurse", "boss"), ("captain", "boss")]
    made = indirect_bias(vectors, gender, asked)
    for one, (a, b) in zip(made.pairs, asked, strict=True):
        w, v = vectors[a].astype(float), vectors[b].astype(float)
        assert (one.word, one.other) == (a, b)
        assert one.beta == pytest.approx(beta(w, v, gender.vector), abs=1e-9)
        assert one.cosine == pytest.approx(vectors.similarity(a, b), abs=1e-6)
    assert indirect_bias(vectors, gender, ("nurse", "boss")).beta == pytest.approx(made.pairs[1].beta)
    assert made.pairs[0].beta == pytest.approx(indirect_bias(vectors, gender, ("homemaker", "nurse")).beta)
    with pytest.raises(OptionError, match="3 pairs"):
        _ = made.beta


def test_beta_of_two_words_that_share_the_direction_alone_is_1_and_of_others_0():
    rows = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 0], [0, 1, 0, 0]])
    vectors, gender = of_gender(rows, list("wvxy"))
    assert indirect_bias(vectors, gender, ("w", "v")).beta == pytest.approx(1)
    assert indirect_bias(vectors, gender, ("x", "y")).beta == pytest.approx(0, abs=1e-9)


def test_beta_that_is_not_defined_says_why_and_is_no_number():
    vectors, gender = of_gender(np.array([[1, 1, 0], [0, 0, 1], [0.5, 1, 0]]), list("wvx"))
    across, along = indirect_bias(vectors, gender, [("w", "v"), ("she", "x")]).pairs
    assert across.beta is None
    assert "cosine is 0" in across.note
    assert along.beta is None
    assert "she lies on the direction" in along.note
    assert (
        wrong(Table("bias_indirect", indirect_bias(vectors, gender, [("w", "v"), ("she", "x")]).table().rows)) is None
    )


def test_a_word_rests_on_the_neighbours_that_owe_most_to_the_direction(planted):
    vectors, gender = planted
    made = indirect_bias(vectors, gender, "nurse", n=8)
    found = [one.beta for one in made.pairs]
    assert len(found) == 8
    assert found == sorted(found, reverse=True)
    assert all(one.word == "nurse" and one.cosine > 0 for one in made.pairs)
    near = [word for word, _ in vectors.most_similar("nurse", 100)]
    best = max(
        near, key=lambda other: beta(vectors["nurse"].astype(float), vectors[other].astype(float), gender.vector)
    )
    assert made.pairs[0].other == best
    some = indirect_bias(vectors, gender, "nurse", ["boss", "captain"])
    assert [one.other for one in some.pairs] == ["boss", "captain"]
    assert "nurse" in str(some)


def test_bad_questions_of_indirect_bias_are_named(planted):
    vectors, gender = planted
    for words, said in [
        ([("nurse", "zzz")], "zzz"),
        ("zzz", "zzz"),
        (("nurse", "nurse"), "one word twice"),
        ([], "empty"),
        (5, "list of pairs"),
        (["nurse", "boss", "captain"], "pairs of two words"),
    ]:
        with pytest.raises((DataError, OptionError), match=said):
            indirect_bias(vectors, gender, words)
    with pytest.raises(OptionError, match="one word"):
        indirect_bias(vectors, gender, [("nurse", "boss")], ["captain"])
    with pytest.raises(OptionError, match="whole number"):
        indirect_bias(vectors, gender, "nurse", n=0)


# Ratings


def test_the_correlation_is_spearmans_and_its_sign_that_of_the_direction(planted):
    vectors, gender = planted
    rng = np.random.default_rng(0)
    words = [*SHE, *HE, "baker", "teacher"]
    people = {word: float(np.round(gender.project([word])[0] + 0.3 * rng.normal(), 1)) for word in words}
    score = ratings(vectors, gender, people)
    assert score.value == pytest.approx(spearmanr(gender.project(words), list(people.values())).statistic)
    assert score.value > 0.5
    assert score.low < score.value < score.high
    assert score.p < 0.01
    assert "toward 'she'" in score.note
    assert ratings(vectors, gender, {word: -number for word, number in people.items()}).value == pytest.approx(
        -score.value
    )


def test_p_agrees_with_all_permutations(planted):
    vectors, gender = planted
    words = [*SHE[:3], *HE[:3], "teacher"]
    people = dict(zip(words, [3, 1, 4, 1, 5, 0, 2], strict=True))
    score = ratings(vectors, gender, people)
    projected = gender.project(words).argsort().argsort()
    numbers = [np.mean([n for n, one in enumerate(sorted(people.values())) if one == two]) for two in people.values()]
    every = [abs(np.corrcoef(projected, one)[0, 1]) for one in itertools.permutations(numbers)]
    exact = np.mean(np.array(every) >= abs(score.value) - 1e-9)
    assert score.p == pytest.approx(exact, abs=0.02)
    assert score == ratings(vectors, gender, people)


def test_files_of_ratings_as_they_are_published(planted, tmp_path):
    vectors, gender = planted
    rows = [[word, float(n % 3), n / 10] for n, word in enumerate([*SHE, *HE])]
    (tmp_path / "p.json").write_text(json.dumps(rows))
    (tmp_path / "object.json").write_text(json.dumps({word: last for word, _, last in rows}))
    (tmp_path / "h.csv").write_text("\n".join(["word,definitional,stereotype", *(f"{a},{b},{c}" for a, b, c in rows)]))
    (tmp_path / "h.tsv").write_text("\n".join(["# by people", *(f"{a}\t{b}\t{c}" for a, b, c in rows)]))
    wanted = ratings(vectors, gender, {word: last for word, _, last in rows})
    for name, column, told in [
        ("p.json", 2, "column 2"),
        ("object.json", None, ""),
        ("h.csv", "stereotype", "stereotype"),
        ("h.csv", 2, "stereotype"),
        ("h.tsv", "2", "column 2"),
    ]:
        score = ratings(vectors, gender, tmp_path / name, column=column)
        assert (score.value, score.p, score.words) == (wanted.value, wanted.p, wanted.words)
        assert score.of == (f"{name}, {told}" if told else name)
    with pytest.raises(OptionError, match="several columns of numbers"):
        ratings(vectors, gender, tmp_path / "p.json")
    with pytest.raises(OptionError, match="did you mean 'stereotype'"):
        ratings(vectors, gender, tmp_path / "h.csv", column="stereotypes")
    for column in (0, 3, True, 1.5):
        with pytest.raises(OptionError, match="column of numbers"):
            ratings(vectors, gender, tmp_path / "p.json", column=column)


def test_a_word_written_otherwise_keeps_its_number(planted):
    vectors, gender = planted
    words = [*SHE[:5], *HE[:5]]
    upper = {word.title(): n for n, word in enumerate(words)}
    assert (
        ratings(vectors, gender, upper).value
        == ratings(vectors, gender, dict(zip(words, range(10), strict=True))).value
    )


def test_ratings_are_withheld_where_there_is_nothing_to_correlate(planted):
    vectors, gender = planted
    for people in ({"nurse": 1, "boss": 2, "zzz": 3}, dict.fromkeys(SHE, 1.0), {"zzz": 1}):
        score = ratings(vectors, gender, people)
        assert score.value is None
        assert "known" in score.withheld
        assert score.asked == len(people)
    rows = vectors.unit - np.outer(
        vectors.unit @ gender.vector, gender.vector
    )  # what is left is rounding, which has ranks too
    people = {word: n for n, word in enumerate([*SHE, *HE])}
    assert "one projection" in ratings(WordVectors(vectors.words, rows), gender, people).withheld


def test_bad_ratings_are_named(planted, tmp_path):
    vectors, gender = planted
    for given, said in [
        ({"nurse": math.nan}, "column of numbers"),
        ({"boss": 1, "nurse": math.inf}, "finite number"),
        ([["nurse", 1], ["nurse", 2]], "two ratings"),
        ([["nurse", 1], ["boss"]], "in it"),
        ([["nurse", 1], ["boss", "much"]], "'much'"),
        ([["nurse", 1], "boss"], "boss"),
        ({}, "empty"),
        ([["word", "number"]], "headings only"),
        (5, "int"),
    ]:
        with pytest.raises((DataError, OptionError), match=said):
            ratings(vectors, gender, given)
    for name, content, said in [
        ("a.json", "[1, 2]", "in it"),
        ("b.json", '"nurse"', "str"),
        ("c.json", "{", "not JSON"),
        ("d.csv", "nurse\nboss\n", "between them"),
        ("e.csv", b"\xff\xfe,1", "UTF-8"),
        ("f.csv", "", "empty"),
    ]:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(DataError, match=said):
            ratings(vectors, gender, tmp_path / name)
    with pytest.raises(DataError, match="nothing.csv"):
        ratings(vectors, gender, tmp_path / "nothing.csv")
