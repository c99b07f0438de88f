"""Exact search from tables as they are stored: every half, quantised tables beside brute force, blocks, and compiled code."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from selfsup.errors import DataError
from selfsup.words import WordVectors, search
from selfsup.words.search import Space, unit_rows

RUN = settings(max_examples=60, deadline=None)


@pytest.fixture
def compiled(monkeypatch):
    """Small tables are searched by compiled code, too."""
    monkeypatch.setattr(search, "LARGE", 1)
    return search.kernels


def brute(space_rows, units, k, rows=None, without=()):
    """Cosines in float64, sorted; rows of zeros are left out."""
    rows = np.arange(len(space_rows)) if rows is None else rows
    table = space_rows[rows].astype(np.float64)
    lengths = np.linalg.norm(table, axis=1)
    keep = (lengths > 0) & ~np.isin(rows, without)
    cosines = units.astype(np.float64) @ (table[keep] / lengths[keep, None]).T
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return rows[keep][order], np.take_along_axis(cosines, order, axis=1)


def agree(found, expected, tolerance=2e-6):
    """The same cosines in order; the same rows but where cosines are equal."""
    rows, cosines = expected
    assert found.rows.shape == rows.shape
    np.testing.assert_allclose(found.cosines, cosines, atol=tolerance)
    for ours, theirs, values in zip(found.rows, rows, cosines, strict=True):
        for a, b, place in zip(ours.tolist(), theirs.tolist(), range(len(values)), strict=True):
            near = np.abs(values - values[place]) < 2 * tolerance
            assert a == b or near.sum() > 1 or place == len(values) - 1


def quantised(table, kind):
    if kind == "int8":
        scale = np.abs(table).max(axis=1) / 127
        return np.rint(table / np.where(scale > 0, scale, 1)[:, None]).astype(np.int8), scale
    return table.astype(kind), None


@st.composite
def questions(draw):
    n, dim = draw(st.integers(1, 120)), draw(st.integers(1, 40))
    seed, m = draw(st.integers(0, 1000)), draw(st.integers(1, 20))
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n, dim)).astype(np.float32)
    table[rng.random(n) < draw(st.sampled_from([0, 0.1]))] = 0
    rows = np.flatnonzero(rng.random(n) < draw(st.sampled_from([0.05, 0.5, 1]))) if draw(st.booleans()) else None
    without = rng.integers(0, n, 3) if draw(st.booleans()) else None
    return table, unit_rows(rng.normal(size=(m, dim)).astype(np.float32)), draw(st.integers(1, 12)), rows, without


@pytest.mark.parametrize("large", [1, 1 << 24])
@pytest.mark.parametrize("kind", ["float32", "float16", "int8"])
@RUN
@given(
    asked=questions(),
    blocks=st.sampled_from([1 << 22, 1 << 7]),
    shallow=st.sampled_from([1, 256]),
    deep=st.sampled_from([5, 4096]),
)
def test_search_is_brute_force_on_what_the_table_says(kind, large, asked, blocks, shallow, deep):
    table, units, k, rows, without = asked
    stored, scale = quantised(table, kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "LARGE", large)
        patch.setattr(search, "SCORES", blocks)
        patch.setattr(search, "FLOATS", blocks)
        patch.setattr(search, "SHALLOW", shallow)
        patch.setattr(search, "DEEP", deep)
        found = Space(stored, scale).nearest(units, k, rows=rows, without=without)
    said = stored.astype(np.float32) * (1 if scale is None else scale[:, None])
    agree(found, brute(said, units, k, rows, () if without is None else without))


def test_every_half_is_itself(compiled):
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(256, 256)
    wide, expected = compiled.widened(halves), halves.astype(np.float32)
    np.testing.assert_array_equal(np.isfinite(wide), np.isfinite(expected))
    real = np.isfinite(expected)
    np.testing.assert_array_equal(wide[real].view(np.uint32), expected[real].view(np.uint32))


@RUN
@given(
    table=hnp.arrays(
        np.float16, st.tuples(st.integers(1, 9), st.integers(1, 70)), elements=st.floats(-65504, 65504, width=16)
    ),
    seed=st.integers(0, 99),
)
def test_products_of_halves(table, seed):
    vector = np.random.default_rng(seed).normal(size=table.shape[1]).astype(np.float32)
    rows, products = search.kernels.nearest(table, vector, np.ones(len(table), np.float32), len(table))
    assert sorted(rows.tolist()) == list(range(len(table)))
    expected = table.astype(np.float64) @ vector.astype(np.float64)
    room = np.abs(table).astype(np.float64) @ np.abs(vector).astype(np.float64)
    assert (np.abs(products - expected[rows]) <= 1e-6 * room[rows] + 1e-12).all()
    assert (np.diff(products) <= 0).all()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("k", [1, 4, 200])
def test_compiled_code_has_the_first_of_equal_rows_and_threads_share_them(compiled, monkeypatch, threads, k):
    monkeypatch.setattr("selfsup.words.kernels.EACH", 50)
    monkeypatch.setattr("selfsup.words.kernels.cores", lambda: threads)
    rng = np.random.default_rng(0)
    vector = rng.integers(-2, 3, 7).astype(np.float32)
    factors = np.where(rng.random(101) < 0.1, np.nan, 1).astype(np.float32)
    for table in (rng.integers(-2, 3, (101, 7)).astype(np.float16), rng.integers(-2, 3, (101, 7)).astype(np.int8)):
        products = table.astype(np.float32) @ vector  # whole numbers, many of them equal
        order = np.argsort(-products, kind="stable")
        rows, found = compiled.nearest(table, vector, factors, k)
        assert rows.tolist() == [row for row in order.tolist() if np.isfinite(factors[row])][:k]
        np.testing.assert_array_equal(found, products[rows])


@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_a_memory_map_is_not_copied_and_compiled_once(compiled, tmp_path, kind):
    table, scale = quantised(np.random.default_rng(0).normal(size=(300, 24)).astype(np.float32), kind)
    table.tofile(tmp_path / "table")
    mapped = np.memmap(tmp_path / "table", table.dtype, "r", shape=table.shape)
    kernel = {"float16": compiled._of_halves, "int8": compiled._of_bytes}[kind]
    units = unit_rows(np.random.default_rng(1).normal(size=(2, 24)).astype(np.float32))
    spaces = [Space(rows, scale) for rows in (table, mapped)]
    assert np.shares_memory(spaces[1]._vectors, mapped)
    a, b = (space.nearest(units, 5) for space in spaces)
    np.testing.assert_array_equal(a.rows, b.rows)
    assert len(kernel.signatures) == 1


@pytest.mark.parametrize(("kind", "least"), [("float16", 0.99), ("int8", 0.95)])
def test_quantised_words_find_the_same_neighbours(kind, least):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(100, 60))
    table = (centres[rng.integers(0, 100, 4000)] + 0.6 * rng.normal(size=(4000, 60))).astype(np.float32)
    vectors = WordVectors([f"w{row}" for row in range(4000)], table)
    asked = vectors.words[:100]
    exact, found = (v.nearest(asked, 10).rows for v in (vectors, vectors.astype(kind)))
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact.tolist(), found.tolist(), strict=True)]) >= least


def test_a_negative_or_missing_scale():
    """A scale of zero makes a vector of zeros, and a negative one turns it round."""
    space = Space(np.array([[1, 0], [1, 0], [1, 0]], np.int8), np.float32([2, -1, 0]))
    found = space.nearest(np.float32([[1, 0]]), 5)
    assert found.rows.tolist() == [[0, 1]]
    assert found.cosines.tolist() == [[1, -1]]
    assert space.nearest(np.float32([[1, 0]]), 5, rows=np.array([1, 2])).cosines.tolist() == [[-1]]


@pytest.mark.parametrize("large", [1, 1 << 24])
def test_halves_that_are_not_finite(monkeypatch, large):
    monkeypatch.setattr(search, "LARGE", large)
    table = np.ones((5, 3), np.float16)
    table[3, 1] = np.inf
    with pytest.raises(DataError, match="row 3 is not finite"):
        Space(table).nearest(np.float32([[1, 0, 0]]), 1)


def test_of_equal_cosines_the_first_row_comes_first_over_blocks(monkeypatch):
    monkeypatch.setattr(search, "SCORES", 64)
    table = np.ones((1000, 4), np.float32)
    table[500:] *= 2
    for m in (1, 3, 20):
        found = Space(table).nearest(unit_rows(np.ones((m, 4), np.float32)), 3)
        assert (np.diff(found.rows, axis=1) > 0).all()


def test_scores_that_rise_with_the_rows(monkeypatch):
    """The worst order: each block has better ones than all before."""
    monkeypatch.setattr(search, "SCORES", 4096)
    angles = np.linspace(1.5, 0, 5000)
    table = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = Space(table).nearest(np.float32([[1, 0]] * 20), 4)
    np.testing.assert_allclose(found.cosines, np.cos(angles[[-1, -2, -3, -4]])[None].repeat(20, 0), atol=1e-6)
