"""The grid of pictures: the shape of an array says how it is drawn."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from selfsup.report import render
from selfsup.report.sections import pictures

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.random(shape).astype(np.float32)


def cell(grid, title, row=0):
    return str(grid.rows[row][grid.titles.index(title)])


def pixels(html):
    (code,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(code))))


def test_images_keep_their_pixels_and_are_clipped():
    clean, seen = noise(2, 1, 8, 8), noise(2, 1, 8, 8) * 4 - 2
    seen[0, 0, 0, 0] = np.nan
    grid = pictures.grid({"input": clean, "seen": seen, "guess": clean / 2, "answer": clean})
    assert grid.titles == ["what it saw", "what it guessed", "what was true"]  # the input is the answer
    np.testing.assert_array_equal(pixels(cell(grid, "what was true", 1)), np.rint(clean[1, 0] * 255))
    expected = np.rint(np.clip(np.nan_to_num(seen[0, 0]), 0, 1) * 255)
    np.testing.assert_array_equal(pixels(cell(grid, "what it saw")), expected)


def test_colour_and_bytes():
    image = RNG.integers(0, 256, (1, 3, 8, 6), dtype=np.uint8)
    shown = pixels(cell(pictures.grid({"seen": image}), "what it saw"))
    np.testing.assert_array_equal(shown, image[0].transpose(1, 2, 0))


def test_large_images_are_scaled_down():
    html = cell(pictures.grid({"seen": noise(1, 3, 400, 300)}), "what it saw")
    assert max(pixels(html).shape) == render.LARGEST
    assert "pixels" not in html


def test_views_lie_in_a_row():
    html = cell(pictures.grid({"seen": noise(3, 4, 1, 8, 8)}), "what it saw")
    assert html.count("<img") == 4
    assert "view 4" in html


def test_guessed_class_with_probability():
    guess = np.log(np.array([[0.02, 0.07, 0.91], [0.5, 0.3, 0.2]], np.float32))
    grid = pictures.grid({"seen": noise(2, 1, 8, 8), "guess": guess, "answer": np.array([2, 1])})
    assert "2 (91 %)" in cell(grid, "what it guessed", 0)
    assert "✓" in cell(grid, "what it guessed", 0)
    assert "0 (50 %)" in cell(grid, "what it guessed", 1)
    assert "wrong" in cell(grid, "what it guessed", 1)
    assert (grid.right, grid.guesses, grid.chance) == (1, 2, 1 / 3)
    assert ">2<" in cell(grid, "what was true", 0)


def test_scores_find_the_answer_of_their_field():
    scores = np.eye(3, dtype=np.float32)[[0, 1]] * 9
    arrays = {
        "guess.turn": scores,
        "guess.place": scores,
        "answer.turn": np.array([0, 1]),
        "answer.place": np.array([1, 0]),
    }
    grid = pictures.grid(arrays)
    assert (grid.right, grid.guesses) == (2, 4)
    assert "turn" in cell(grid, "what it guessed")


def test_scores_beyond_float_range():
    scores = np.array([[np.nan, np.inf, -np.inf]], np.float32)
    assert "1 (100 %)" in cell(pictures.grid({"guess": scores, "answer": np.array([1])}), "what it guessed")


def test_vectors_share_their_range():
    seen = np.array([[0.0, 10.0]], np.float32)
    grid = pictures.grid({"seen": seen, "guess": seen / 2, "answer": seen})
    heights = {title: [float(h) for h in re.findall(r'height="([\d.]+)"', cell(grid, title))] for title in grid.titles}
    assert heights["what it saw"][1] == pytest.approx(2 * heights["what it guessed"][1], abs=0.1)


def test_long_and_constant_vectors():
    grid = pictures.grid({"seen": noise(1, 5000), "guess": np.zeros((1, 40), np.float32), "answer": noise(1, 3, 40)})
    assert cell(grid, "what it saw").count(",") <= render.POINTS + 2
    assert cell(grid, "what was true").count("<polyline") == 3


def test_labels_as_text_and_many_views():
    grid = pictures.grid({"seen": np.arange(40).reshape(1, 40), "answer": np.array([7])})
    assert "and 32 more" in cell(grid, "what it saw")
    assert ">7<" in cell(grid, "what was true")


@pytest.mark.parametrize("shape", [(1, 2, 8, 8), (1, 2, 2, 8, 8), (1, 3, 0, 4), (1, 0), (1,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.bool_])
def test_other_shapes_are_drawn_somehow(shape, dtype):
    grid = pictures.grid({"guess": np.ones(shape, dtype), "answer": np.ones(shape, dtype), "unknown": np.ones(1)})
    assert len(grid.rows) == 1


def test_few_samples_and_none():
    assert len(pictures.grid({"seen": noise(20, 5), "answer": noise(9, 5)}).rows) == 8
    assert pictures.grid({"map": noise(9, 2)}) is None
    assert pictures.grid({"seen": noise(0, 5)}) is None
    assert pictures.grid({"input": noise(3, 5)}) is None


def test_field_names_are_escaped():
    html = cell(pictures.grid({"seen.<i>\"'": noise(1, 1, 8, 8)}), "what it saw")
    assert "<i>" not in html
    assert 'alt="sample 1, what it saw &lt;i&gt;&#34;&#39;"' in html
