import numpy as np
import pytest
from tests.tools.biased import biased_vectors

from selfsup.errors import DataError, OptionError
from selfsup.measures.table import Table, plain, wrong
from selfsup.measures.words.bias import generated as module
from selfsup.measures.words.bias.generated import answered, generated, lines
from selfsup.words import WordVectors
from selfsup.words.bias.direction import direction


def letters(n):
    """Words of letters alone: aaa, baa, ..."""
    return ["".join(chr(97 + n // 26**place % 26) for place in range(3)) for n in range(n)]


@pytest.fixture(scope="module")
def cloud():
    """300 words around 40 centres in 12 dimensions, so that many are near to each other."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(40, 12))
    rows = centres[rng.integers(40, size=300)] + 0.45 * rng.normal(size=(300, 12))
    return WordVectors(letters(300), rows.astype(np.float32))


def slow(vectors, a, b, n, delta=1.0):
    """Every pair of words, by differences in float64, then the best one after the other, as debiaswe's we.py does."""
    unit = vectors.vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    along = unit[vectors.index[a]] - unit[vectors.index[b]]
    along /= np.linalg.norm(along)
    scored = []
    for x in range(len(unit)):
        for y in range(len(unit)):
            difference = unit[x] - unit[y]
            distance = np.linalg.norm(difference)
            if 0.01 < distance <= delta:
                scored.append((float(difference @ along / distance), x, y))
    found, left, right = [], set(), set()
    for score, x, y in sorted(scored, reverse=True):
        if score > 1e-3 and x not in left and y not in right and len(found) < n:
            left.add(x), right.add(y)
            found.append((vectors.words[x], vectors.words[y], score))
    return found


def of(analogies):
    return [(pair.x, pair.y) for pair in analogies.pairs]


@pytest.mark.parametrize("delta", [1.0, 0.8])
def test_pairs_are_those_of_a_slow_search_through_all_differences(cloud, delta):
    a, b = cloud.words[0], cloud.words[1]
    wanted = slow(cloud, a, b, 40, delta)
    made = generated(cloud, (a, b), 40, delta=delta, restrict=None)
    assert of(made) == [pair[:2] for pair in wanted]
    np.testing.assert_allclose([pair.score for pair in made.pairs], [pair[2] for pair in wanted], atol=1e-5)


def test_few_candidates_and_small_blocks_give_the_same_pairs(cloud, monkeypatch):
    whole = generated(cloud, (cloud.words[0], cloud.words[1]), 100, restrict=None)
    monkeypatch.setattr(module, "CANDIDATES", 25)  # so that several passes are needed
    monkeypatch.setattr(module, "TALL", 37)
    monkeypatch.setattr(module, "WIDE", 64)
    monkeypatch.setattr(module, "TOGETHER", 7)
    small = generated(cloud, (cloud.words[0], cloud.words[1]), 100, restrict=None)
    assert of(small) == of(whole)
    assert [pair[3:] for pair in small.pairs] == [pair[3:] for pair in whole.pairs]


def test_each_word_stands_once_on_each_side_and_pairs_are_near(cloud):
    made = generated(cloud, (cloud.words[0], cloud.words[1]), 80, restrict=None)
    scores = [pair.score for pair in made.pairs]
    assert len(made.pairs) == 80
    assert scores == sorted(scores, reverse=True)
    assert len({pair.x for pair in made.pairs}) == len({pair.y for pair in made.pairs}) == 80
    assert all(cloud.similarity(pair.x, pair.y) >= 0.5 - 1e-6 for pair in made.pairs)


def test_answers_and_ranks_are_those_of_the_analogies_of_the_vectors(cloud):
    a, b = cloud.words[2], cloud.words[3]
    for pair in generated(cloud, (a, b), 30, restrict=None).pairs:
        free = [word for word, _ in cloud.analogy(a, b, pair.x, k=300, exclude_query=False)]
        bound = [word for word, _ in cloud.analogy(a, b, pair.x, k=300)]
        assert pair.unrestricted == free[0]
        assert pair.restricted == bound[0]
        assert pair.unrestricted_rank == 1 + free.index(pair.y)
        assert pair.restricted_rank == (None if pair.y in (a, b, pair.x) else 1 + bound.index(pair.y))


def test_a_direction_is_followed_and_words_by_definition_are_marked():
    vectors = biased_vectors()
    gender = direction(vectors)
    made = generated(vectors, gender, 60, delta=2)  # its pairs stand far apart
    assert (made.a, made.b) == ("she", "he")
    assert "gender" in made.along
    assert made.searched < len(vectors)  # filler0 and the like are no words of letters
    best = made.pairs[0]
    assert best.specific
    assert best.score > 0.9
    assert gender.project([best.x])[0] > gender.project([best.y])[0]
    assert not any(pair.specific for pair in generated(vectors, gender, 60, delta=2, specific=()).pairs)


def test_nothing_is_generated_along_a_direction_that_no_word_has():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 8))
    rows[2:, 0] = 0
    rows[:2] = [[1, 1, 0, 0, 0, 0, 0, 0], [-1, 1, 0, 0, 0, 0, 0, 0]]
    rows[2:, 1] = 0  # far from the two
    made = generated(WordVectors(letters(60), rows), letters(2))
    assert made.pairs == ()
    assert "0 pairs" in made.note
    assert str(made)


def test_only_words_of_letters_are_looked_among(cloud):
    names = [
        *cloud.words[:5],
        *(f"{word}1" for word in cloud.words[5:100]),
        *(word.upper() for word in cloud.words[100:]),
    ]
    vectors = WordVectors(names, cloud.vectors)
    assert generated(vectors, (names[0], names[1])).searched == 5
    assert generated(vectors, (names[0], names[1]), letters=False).searched == 300
    assert generated(vectors, (names[0], names[1]), letters=False, restrict=50).searched == 50
    counts = np.arange(300)  # the last word is the most frequent one
    last = generated(WordVectors(names, cloud.vectors, counts), names[:2], letters=False, restrict=50)
    assert {pair.x for pair in last.pairs} <= set(names[250:])


def test_words_of_the_same_vector_and_of_none_are_passed_over(cloud):
    rows = np.concatenate([cloud.vectors, cloud.vectors[:50], np.zeros((2, 12), np.float32)])
    twice = WordVectors([*cloud.words, *("z" + word for word in letters(52))], rows)
    made = generated(twice, (cloud.words[0], cloud.words[1]), 60, restrict=None)
    assert made.searched == 350
    for pair in made.pairs:
        assert np.linalg.norm(twice.unit[twice.index[pair.x]] - twice.unit[twice.index[pair.y]]) > 0.01


def test_the_table_is_plain_and_says_what_the_arithmetic_answers(cloud):
    made = generated(cloud, (cloud.words[0], cloud.words[1]), 25, restrict=None)
    table = made.table("after")
    assert table.name == "bias_analogies"
    assert len(table.rows) == 25
    assert wrong(Table(table.name, table.rows)) is None
    assert {row["stage"] for row in table.rows} == {"after"}
    text = str(made)
    assert "restricted" in text
    assert "and 5 more" in text
    assert made.pairs[0].x in text
    assert plain(table)
    firsts = sum(pair.restricted_rank == 1 for pair in made.pairs)
    itself = sum(pair.unrestricted == pair.x for pair in made.pairs)
    assert answered(table.rows).startswith(
        f"Of 25 pairs the arithmetic x - {made.a} + {made.b} answers y first for {firsts} if"
    )
    assert f"for {itself} it then answers x itself" in answered(table.rows)
    both = Table.of(table.name, [*made.table().rows, *table.rows])
    assert sum(line.endswith(("before", "after")) for line in lines(both)) == 2


def test_bad_questions_are_named(cloud):
    a, b = cloud.words[:2]
    for given, said in [
        ("she he", "one long string"),
        ((a, "nobody"), "nobody"),
        ((a, a), "at least 2"),
        ((a, b, cloud.words[2]), "two words"),
    ]:
        with pytest.raises((DataError, OptionError), match=said):
            generated(cloud, given)
    for options, said in [
        ({"n": 0}, "n must"),
        ({"delta": 0}, "delta"),
        ({"delta": 3}, "delta"),
        ({"restrict": 0}, "restrict"),
    ]:
        with pytest.raises(OptionError, match=said):
            generated(cloud, (a, b), **options)
    with pytest.raises(DataError, match="letters=False"):
        generated(WordVectors(["A1", "B2", "C3"], np.eye(3)), ("A1", "B2"))
    with pytest.raises(DataError, match="same vector"):
        generated(WordVectors(["aa", "bb", "cc"], np.array([[1, 0], [2, 0], [0, 1]])), ("aa", "bb"))
    broken = np.array(cloud.vectors)
    broken[7] = np.nan
    with pytest.raises(DataError, match="not finite"):
        generated(WordVectors(cloud.words, broken), (a, b))
    with pytest.raises(DataError, match="of 60-d"):
        generated(cloud, direction(biased_vectors()))
