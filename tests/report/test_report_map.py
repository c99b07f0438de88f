"""The map with pictures, what is near what, and what a unit does: arrays in, pages out, and nothing that overlaps."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from selfsup.data import open_data
from selfsup.report import page, plane, render
from selfsup.report.run import Run
from selfsup.report.sections import decoded, nearest
from selfsup.report.values import columns_of
from selfsup.training.pictures import nearest_of, thumbnails
from test_report_runs import EVIL, Reader, cloud, config, digit_images, evaluation, history, write

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def plain_map(monkeypatch):
    """The first two values of a code are its place: t-SNE takes seconds."""
    monkeypatch.setattr("selfsup.report.sections.codemap.flat_map", lambda codes, limit: codes[:, :2])


def arrays(rows=600):
    codes, labels = cloud()
    shown = np.rint(255 * digit_images()[:rows]).astype(np.uint8)
    return {"map_codes": codes, "map_labels": labels, "map_pictures": shown, "map_pictured": np.arange(rows)}


def part(html, title):
    return html[html.index(f"<h2>{title}") :].partition("</section>")[0]


def test_pictures_on_the_map_never_overlap_and_are_few(tmp_path):
    html = part(page(write(tmp_path / "run", config(), history(), evaluation(), arrays())), "Map of the codes")
    at = [tuple(map(int, found)) for found in re.findall(r'<image x="(-?\d+)" y="(-?\d+)" width="(\d+)"', html)]
    assert 40 < len(at) <= plane.MOST
    for place, (x, y, side) in enumerate(at):
        assert all(abs(x - a) >= side or abs(y - b) >= side for a, b, _ in at[:place])
    assert html.count("<path") == 600 - len(at)  # all others are dots
    assert html.count("<rect") == len(at)  # frames have the colour of the class
    assert len(html.encode()) < 250_000
    right, below = map(int, re.search(r'viewBox="0 0 (\d+) (\d+)"', html).groups())
    assert all(x + side <= right and y + side <= below for x, y, side in at)


def test_the_map_is_told_to_those_who_cannot_see_it(tmp_path):
    seen = Reader(page(write(tmp_path / "run", config(), history(), evaluation(), arrays())))
    (svg,) = [attrs for tag, attrs in seen.elements if tag == "svg" and attrs.get("class") == "thumbmap"]
    assert svg["role"] == "img"
    assert svg["aria-label"].startswith("600 samples on a plane, ")
    assert EVIL in svg["aria-label"]
    assert "so that none hides another" in seen.words


@pytest.mark.parametrize(
    "change",
    [{"map_pictures": np.zeros((3, 2, 8, 8), np.uint8)}, {"map_pictured": np.arange(5)}, {"map_pictured": np.full(600, 9e9)},
     {"map_pictures": np.zeros((600, 1, 8, 8), np.float32)}, {"map_pictured": np.full(600, 7_000)}],
)  # fmt: skip
def test_pictures_that_do_not_fit_leave_the_dots(tmp_path, change):
    html = page(write(tmp_path / "run", config(), history(), evaluation(), arrays() | change))
    assert "thumbmap" not in part(html, "Map of the codes")
    assert part(html, "Map of the codes").count("<use") == 600


def test_points_in_one_place_are_one_picture():
    points = np.zeros((5, 2), np.float32)
    svg = plane.draw([("a", np.arange(5))], points, {place: np.zeros((1, 4, 4), np.uint8) for place in range(5)})
    assert svg.count("<image") == 1
    assert svg.count("<path") == 4


def test_many_points_take_larger_cells():
    at = RNG.uniform(0, 500, (20_000, 2))
    shown, side = plane.snapped(at, np.arange(len(at)))
    assert len(shown) <= plane.MOST
    assert side > plane.SIDES[0]


def test_colour_pictures_take_the_shorter_of_two_formats():
    noise = RNG.integers(0, 255, (3, 28, 28)).astype(np.uint8)
    assert len(render.smallest(noise)) <= len(render.png(noise / np.float32(255)))
    assert render.smallest(noise).startswith("data:image/webp")
    assert render.smallest(noise[:1]).startswith("data:image/png")


def _part(x, labels):
    return open_data(x if labels is None else (x, labels)).whole()


def test_nearest_are_those_of_the_largest_cosine_and_never_itself():
    x, labels = RNG.normal(size=(40, 6)).astype(np.float32), np.arange(40) % 4
    codes = RNG.normal(size=(40, 3)).astype(np.float32)
    found = nearest_of(_part(x, labels), codes, torch.device("cpu"))
    asked = np.linspace(0, 39, 6).round().astype(int)
    np.testing.assert_array_equal(found["near_asked"], x[asked])
    unit = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    alike = unit[asked] @ unit.T
    alike[np.arange(6), asked] = -2
    order = np.argsort(-alike, axis=1)[:, :5]
    np.testing.assert_array_equal(found["near_codes"], x[order])
    np.testing.assert_allclose(found["near_codes_alike"], np.take_along_axis(alike, order, 1), rtol=1e-4)
    np.testing.assert_array_equal(found["near_labels"][:, 1:6], labels[order])
    assert found["near_raw"].shape == (6, 5, 6)


def test_thumbnails_are_small_and_of_images_alone():
    images = RNG.integers(0, 255, (30, 3, 64, 40)).astype(np.uint8)
    found = thumbnails(_part(images, None))
    assert found["map_pictures"].shape == (30, 3, 28, 18)
    assert found["map_pictures"].dtype == np.uint8
    assert thumbnails(_part(RNG.normal(size=(30, 4)).astype(np.float32), None)) == {}


def near(shape, dtype=np.uint8, labels=True):
    shapes = {"near_asked": (4, *shape), "near_codes": (4, 5, *shape), "near_raw": (4, 5, *shape)}
    made = {name: (255 * RNG.random(one)).astype(dtype) for name, one in shapes.items()}
    made |= {f"{name}_alike": RNG.random((4, 5)).astype(np.float32) for name in ("near_codes", "near_raw")}
    return made | ({"near_labels": RNG.integers(0, 3, (4, 11))} if labels else {})


def test_neighbours_stand_beside_their_sample_and_say_whether_they_are_alike():
    found = near((1, 8, 8))
    html = nearest.html(Run(config(), [], {}, found))
    assert html.count("<img") == 4 * 11
    same = int((found["near_labels"][:, 1:] == found["near_labels"][:, :1]).sum())
    assert html.count("the same label") == same
    assert html.count("another label") == 40 - same
    assert "by the codes" in html
    assert nearest.html(Run(config(), [], {}, near((1, 8, 8), labels=False))).count("label</span>") == 0


def test_neighbours_of_rows_are_values_by_the_names_of_columns():
    fields = [{"name": EVIL, "kind": "number", "values": []}, {"name": "colour", "kind": "category", "values": ["red", "blue"]},
              {"name": "paid", "kind": "boolean", "values": []}]  # fmt: skip
    form = {"kind": "table", "shape": [4], "columns": [EVIL, "colour", "paid"], "fields": fields}
    found = near((4,), np.float32)
    found["near_asked"][0] = [12.5, 0, 1, np.nan]
    words = Reader(nearest.html(Run(config("linear", form=form), [], {}, found)))
    assert EVIL in words.words
    assert " 12.5 blue missing " in words.words
    assert not [1 for tag, _ in words.elements if tag in ("img", "script")]


@pytest.mark.parametrize("name", ["near_asked", "near_codes", "near_raw", "near_codes_alike", "near_labels"])
def test_neighbours_that_do_not_fit_are_left_out(name):
    found = near((1, 8, 8)) | {name: np.zeros((2, 2), np.float32)}
    html = nearest.html(Run(config(), [], {}, found))
    assert html is None if name != "near_labels" else "the same label" not in html


def test_values_of_a_table_are_words():
    fields = [{"name": "when", "kind": "number", "values": [], "dates": {"first": "2024-01-30"}},
              {"name": "yes", "kind": "boolean", "values": ["no way", "of course"]}]  # fmt: skip
    run = Run({"form": {"fields": fields}}, [], {})
    assert [column.read(np.array([3.0, 1.0])) for column in columns_of(run, 2)] == ["2024-02-02", "of course"]
    assert [column.read(np.array([1e30, 0.0])) for column in columns_of(run, 2)] == ["1e+30", "no way"]
    assert [column.name for column in columns_of(run, 3)] == ["value 1", "value 2", "value 3"]


def test_units_of_a_table_are_told_by_column_from_where_to_where():
    steps = np.zeros((2, 8, 3), np.float32)
    steps[0, :, 0], steps[0, :, 2] = np.linspace(11.8, 14.1, 8), np.linspace(1300, 400, 8)
    steps[1, :, 1] = np.linspace(0.0006, 0.99, 8)
    found = {"traversal": steps, "traversal_units": np.array([3, 5])}
    (block,) = decoded.blocks(found, columns=True, names=["alcohol", "hue", "proline"])
    assert block.told
    assert block.strips[0].label == "unit 3: proline 1,300 to 400, alcohol 11.8 to 14.1"
    assert block.strips[1].label == "unit 5: hue 0 to 0.99"


def test_units_of_images_have_a_picture_of_what_changes():
    steps = np.zeros((2, 8, 1, 4, 4), np.float32)
    steps[0, :, 0, 1, 1] = np.linspace(0, 1, 8)
    (block,) = decoded.blocks({"traversal": steps}, columns=False)
    assert [len(strip.cells) for strip in block.strips] == [9, 9]
    assert block.strips[0].cells[-1][1] == "change"
    assert block.strips[0].cells[-1][0] != block.strips[1].cells[-1][0]


def test_atoms_of_a_table_name_what_they_add():
    atoms = np.array([[0.9, 0, -0.4], [0, 0, 0]], np.float32)
    (block,) = decoded.blocks({"atoms": atoms, "atoms_units": np.array([7, 8])}, columns=True, names=["a", "b", "c"])
    assert [caption for _, caption in block.strips[0].cells] == ["7: + a, − c", "8"]
