"""Neighbours, duplicates and outliers of codes, against slow references."""

import numpy as np
import pytest

from selfsup.errors import DataError
from selfsup.measures import search

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def unit():
    return search.units(RNG.normal(size=(60, 7)).astype(np.float32))


@pytest.fixture
def small_blocks(monkeypatch):
    """A few rows at a time."""
    monkeypatch.setattr(search, "CHUNK", 7 * 60)


def test_neighbours_are_those_of_a_sort(unit, small_blocks):
    asked = search.units(RNG.normal(size=(23, 7)).astype(np.float32))
    found = search.neighbours(asked, unit, 5)
    for row, question in enumerate(asked):
        cosines = unit @ question
        assert found.rows[row].tolist() == np.argsort(-cosines)[:5].tolist()
        np.testing.assert_allclose(found.similarities[row], np.sort(cosines)[::-1][:5], atol=2e-6)


def test_rows_that_are_left_out_are_not_found(unit, small_blocks):
    all_of = search.neighbours(unit, unit, 1)
    assert all_of.rows[:, 0].tolist() == list(range(60))
    without = [np.array([row]) for row in range(60)]
    found = search.neighbours(unit, unit, 59, without)
    assert all(row not in near for row, near in enumerate(found.rows.tolist()))


def test_of_equals_the_first_comes_first(small_blocks):
    x = search.units(np.repeat(RNG.normal(size=(3, 7)), 20, axis=0).astype(np.float32))
    found = search.neighbours(x[[0, 20, 40]], x, 20)
    assert found.rows.tolist() == [list(range(start, start + 20)) for start in (0, 20, 40)]


def test_the_space_is_mahalanobis_with_a_ridge():
    codes = (RNG.normal(size=(200, 5)) * [1, 2, 3, 10, 0.1] + 7).astype(np.float32)
    placed = search.Space(codes).place(codes[:20])
    centred = codes - codes.mean(0, dtype=np.float64)
    spread = centred.T @ centred / len(codes)
    inner = centred[:20] @ np.linalg.inv(spread + np.trace(spread) / 5 * np.eye(5)) @ centred[:20].T
    np.testing.assert_allclose(placed @ placed.T, inner, rtol=1e-4, atol=1e-5)


def test_the_space_knows_no_shift_no_turn_and_no_scale():
    codes = RNG.normal(size=(100, 6)).astype(np.float32) * [1, 1, 4, 1, 9, 1]
    turn = np.linalg.qr(RNG.normal(size=(6, 6)))[0]
    before, after = (search.Space(x).place(x) for x in (codes, (3 * codes @ turn + 5).astype(np.float32)))
    np.testing.assert_allclose(before @ before.T, after @ after.T, atol=1e-4)


def test_collapsed_codes_have_no_neighbours_that_mean_something():
    codes = np.ones((10, 4), np.float32)
    placed = search.Space(codes).place(codes)
    assert not placed.any()
    assert not search.neighbours(search.units(placed), search.units(placed), 3).similarities.any()
    assert not search.loneliness(placed, 3).any()


def test_pairs_are_those_of_two_loops(unit, small_blocks):
    for above in (0.6, -0.2):
        found = search.pairs(unit, above)
        cosines = unit @ unit.T
        wanted = {(a, b) for a in range(60) for b in range(a + 1, 60) if cosines[a, b] >= above}
        assert set(map(tuple, found.rows.tolist())) == wanted
        assert (np.diff(found.similarities) <= 0).all()
    assert search.pairs(unit, 1.0).rows.shape == (0, 2)


def test_pairs_without_end_are_refused(unit, monkeypatch):
    monkeypatch.setattr(search, "MOST_PAIRS", 100)
    with pytest.raises(DataError, match="tell hardly anything apart; raise option 'above'"):
        search.pairs(unit, -1.0)


def test_groups_are_connected_rows():
    assert search.groups(np.array([[0, 3], [5, 9], [3, 8], [9, 2]])) == [[0, 3, 8], [2, 5, 9]]
    assert search.groups(np.empty((0, 2), np.int64)) == []
    chain = np.stack([np.arange(999), np.arange(1, 1000)], 1)
    assert search.groups(RNG.permutation(chain)) == [list(range(1000))]


def test_equal_rows_point_to_the_first():
    x = RNG.integers(0, 255, (6, 3, 4, 4)).astype(np.uint8)
    x[4], x[5] = x[1], x[1]
    x[3] = x[0]
    x[3, 0, 0, 0] += 1
    assert search.firsts(x).tolist() == [0, 1, 2, 3, 1, 1]


def test_loneliness_is_the_mean_distance_to_the_nearest(monkeypatch):
    x = RNG.normal(size=(40, 5)).astype(np.float32)
    monkeypatch.setattr(search, "CHUNK", 40 * 7)
    apart = np.linalg.norm(x[:, None] - x, axis=2)
    wanted = np.sort(apart, axis=1)[:, 1:4].mean(1)
    np.testing.assert_allclose(search.loneliness(x, 3), wanted, rtol=1e-4)


def test_the_usual_similarity_is_a_tenth_of_the_usual_distance(unit):
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -9)
    assert search.usual(unit) == pytest.approx(1 - 0.1 * np.median(1 - cosines.max(1)), abs=1e-5)
