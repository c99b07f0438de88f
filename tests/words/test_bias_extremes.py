"""The words farthest along a direction: sorted, counted, named, shown, and as evidence."""

import json

import numpy as np
import pytest

from selfsup import WordVectors
from selfsup.errors import SelfsupError
from selfsup.measures.table import is_plain
from selfsup.measures.words.bias.extremes import columns, extremes
from selfsup.words.bias.direction import direction
from selfsup.words.bias.lists import Occupation

PAIRS = [["woman", "man"], ["girl", "boy"], ["she", "he"], ["mother", "father"], ["queen", "king"]]
JOBS = ["nurse", "nanny", "clerk", "cook", "boss", "captain"]
LEAN = [2.0, 1.5, 0.4, -0.3, -1.6, -2.2]  # of the jobs along the planted axis


def planted(dim=12):
    """Vectors whose pairs differ along the first axis, jobs that lean along it."""
    rng = np.random.default_rng(0)
    words, rows = [], []
    for pair in PAIRS:
        base = rng.normal(size=dim)
        for word, side in zip(pair, (1, -1), strict=True):
            words.append(word)
            rows.append(base + 0.3 * rng.normal(size=dim) + side * 2 * np.eye(dim)[0])
    for word, lean in zip(JOBS, LEAN, strict=True):
        words.append(word)
        rows.append(rng.normal(size=dim) * ([0] + [1] * (dim - 1)) + lean * np.eye(dim)[0])
    words += [f"w{number}" for number in range(20)]
    rows += list(rng.normal(size=(20, dim)))
    return WordVectors(words, np.array(rows, np.float32), np.arange(len(words)) + 1)


PLANTED = planted()


def test_extremes_are_sorted_counted_and_named():
    vectors = PLANTED
    gender = direction(vectors, PAIRS, positive="she")
    listed = [*(Occupation(job, False) for job in JOBS), Occupation("queen", True), Occupation("harpist", False)]
    most = extremes(vectors, gender, listed, 2)
    assert [word for word, _ in most.positive] == ["nurse", "nanny"]
    assert [word for word, _ in most.negative] == [
        "captain",
        "boss",
    ]
    assert most.positive[0][1] == pytest.approx(gender.project(["nurse"])[0])
    assert most.negative[0][1] < most.negative[1][1] < 0
    assert (most.asked, most.found, most.missing, most.left_out) == (8, 6, ("harpist",), ("queen",))
    assert list(most.projections) == sorted(most.projections, key=most.projections.get, reverse=True)
    kept = extremes(vectors, gender, listed, 2, keep_specific=True)
    assert kept.left_out == ()
    assert kept.found == 7
    assert "queen" in kept.projections
    # a pair's own words say nothing of a bias, whoever lists them
    assert extremes(vectors, gender, [*JOBS, "Queen", "boy"]).left_out == ("Queen", "boy")
    lines = str(most).splitlines()
    assert lines[0] == "6 of 8 words compared"
    assert "extreme she" in lines[1]
    assert "extreme he" in lines[1]
    assert "nurse" in lines[2]
    assert "captain" in lines[2]
    assert "##########" in lines[2]
    assert any(line.startswith("she |") and line.endswith("| he") for line in lines)
    assert lines[-2].endswith("(1): queen")
    assert lines[-1] == "not in the vectors (1): harpist"


def test_no_word_is_extreme_to_both_sides():
    vectors = PLANTED
    gender = direction(vectors, PAIRS)
    for words in (JOBS, JOBS[:3], JOBS[:1]):
        most = extremes(vectors, gender, words, 12)
        both = [word for word, _ in (*most.positive, *most.negative)]
        assert sorted(both) == sorted(words)
        assert str(most)


def test_extremes_as_evidence():
    vectors = PLANTED
    table = extremes(vectors, direction(vectors, PAIRS, positive="she"), [*JOBS, "nix"], 2).table("after")
    assert table.name == "bias_extremes"
    assert [row["side"] for row in table.rows] == ["she", "she", "he", "he"]
    assert [row["rank"] for row in table.rows] == [1, 2, 1, 2]
    assert {row["stage"] for row in table.rows} == {"after"}
    assert table.rows[0]["missing"] == ["nix"]
    assert sum(table.rows[0]["strip"]) == 6
    assert all(is_plain(value) or all(map(is_plain, value)) for row in table.rows for value in row.values())
    assert json.loads(json.dumps(table.rows)) == table.rows
    assert "after" in columns(table)[0]


def test_words_of_several_parts_are_looked_for_as_people_write_them():
    names = ["fighter_pilot", "dog walker", "flight-attendant"]
    base = PLANTED
    vectors = WordVectors([*base.words, *names], np.concatenate([base.vectors, np.eye(12)[[0, 1, 2]]]))
    gender = direction(vectors, PAIRS)
    most = extremes(vectors, gender, ["fighter_pilot", "dog_walker", "Flight_attendant", "dog walker"])
    assert set(most.projections) == set(names)
    assert most.missing == ()


@pytest.mark.parametrize(
    ("words", "n", "told"),
    [
        ("occupation", 12, "did you mean 'occupations'"),
        ("nurse boss", 12, "unknown word list"),
        (["nix"], 12, "at least 1 of the words.*'nix'"),
        (["she", "he"], 12, "all 2 words of words have the attribute by definition; keep_specific=True"),
        (JOBS, 0, "n must be a whole number of 1 or more; got 0"),
        (JOBS, True, "n must be"),
        ({"word": []}, 12, "unknown key 'word'; did you mean 'words'"),
        ({"name": "x"}, 12, "has no 'words'"),
        ([3], 12, "got 3 in it"),
    ],
)
def test_extremes_of_bad_lists(words, n, told):
    vectors = PLANTED
    with pytest.raises(SelfsupError, match=told):
        extremes(vectors, direction(vectors, PAIRS), words, n)
