"""The explorer in a browser: quiet, readable, and right: what mouse and keys do is compared with numpy."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from browsing import SCHEMES, WIDTHS, browser, findings, launched  # noqa: F401
from made_explorers import FILES, MAKERS, explored  # noqa: F401
from made_pages import EVIL
from matplotlib.path import Path as Outline

from today import ALL

ROUNDED = 0.02  # what 8 bits a number may change a cosine by
PERFORMANCE = "GL Driver Message (OpenGL, Performance"  # of software GL, not of the page
INJECTED = "img[src=x], #injected, i:not(.bar > i), iframe, object, [onerror], [onload], svg[onload]"

LOSE = """const made = [];
for (const { prototype } of [OffscreenCanvas, HTMLCanvasElement]) {
    const make = prototype.getContext;
    prototype.getContext = function (...how) { made.push(make.apply(this, how)); return made.at(-1); };
}
window.lose = () => made.forEach(one => one?.getExtension?.('WEBGL_lose_context')?.loseContext());"""


def state(page):
    return page.evaluate("selfsupExplorer.state()")


def place(page, index, space=0):
    """Where a point is in the window."""
    box = page.locator(f"#map-{space}").bounding_box()
    x, y = page.evaluate("([index, space]) => selfsupExplorer.place(index, space)", [index, space])
    return box["x"] + x, box["y"] + y


def places(page, n, space=0):
    """Points (n, 2) in pixels of their map."""
    script = "([n, space]) => Array.from({length: n}, (_, index) => selfsupExplorer.place(index, space))"
    return np.array(page.evaluate(script, [n, space]))


def tab(page, name):
    page.locator(f'[role=tab][data-panel="{name}"]').click()


def listed(page, label=""):
    """Names in the lists of the panel that is open, one list a space."""
    lists = page.locator(f'[role=tabpanel]:not([hidden]) ol.points-list[aria-label^="{label}"]')
    return [lists.nth(k).locator(".name").all_inner_texts() for k in range(lists.count())]


def complaints(heard):
    return [line for line in heard.said if PERFORMANCE not in line]


def check_quiet(heard, *own: str):
    assert complaints(heard) == []
    assert [url for url in heard.requests if not url.startswith(("blob:", *own))] == []
    assert state(heard.page)["errors"] == []
    assert heard.page.locator(INJECTED).count() == 0


@pytest.mark.parametrize("delivery", ["file", "folder", "server"])
@pytest.mark.parametrize("name", MAKERS)
def test_it_opens_quietly_and_fits(browser, explored, name, delivery):  # noqa: F811
    made = explored(name)
    with made.on(browser, delivery, width=WIDTHS[0]) as heard:
        page = heard.page
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate("selfsupExplorer.select(0)")
        page.wait_for_function("selfsupExplorer.state().theme === 'dark'")
        now = state(page)
        assert (now["n"], now["renderer"], now["theme"]) == (len(made.scene), "webgl", "dark")
        assert len(now["maps"]) == len(made.scene.spaces)
        own = {"file": made.file.as_uri(), "folder": made.folder.parent.as_uri()}
        check_quiet(heard, own.get(delivery, "http://127.0.0.1:"))
        if delivery == "file":
            assert len([url for url in heard.requests if not url.startswith("blob:")]) == 1


@pytest.mark.parametrize(("place", "name"), list(enumerate(MAKERS)))
def test_axe_finds_nothing_serious(browser, explored, place, name):  # noqa: F811
    made = explored(name)
    narrow, wide = SCHEMES if place % 2 else SCHEMES[::-1]
    with made.on(browser, width=WIDTHS[0], scheme=narrow, bypass_csp=True) as heard:
        page = heard.page
        page.evaluate("selfsupExplorer.select(1)")
        assert findings(page) == []
        page.set_viewport_size({"width": WIDTHS[1], "height": 900})
        page.emulate_media(color_scheme=wide)
        page.wait_for_function("theme => selfsupExplorer.state().theme === theme", arg=wide)
        page.wait_for_timeout(300)  # colours change slowly
        page.evaluate("selfsupExplorer.take([1, 2, 3])")
        assert findings(page) == []
        panels = ["find", "axes", *(["analogies"] if made.scene.words else []), "about"]
        for panel in panels:
            tab(page, panel)
            rules = ("color-contrast", "label", "scrollable-region-focusable", "aria-required-children")
            assert findings(page, *(() if ALL else rules)) == []
        for width, scheme in ((WIDTHS[0], wide), (WIDTHS[1], narrow)) if ALL else ():
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function("theme => selfsupExplorer.state().theme === theme", arg=scheme)
            page.wait_for_timeout(300)
            for panel in panels:
                tab(page, panel)
                assert findings(page) == []


# Search, click, lasso, zoom, axes, analogies, columns, files.


def test_a_click_shows_the_neighbours_that_numpy_finds(browser, explored):  # noqa: F811
    made = explored("words")
    index = made.at("nurse")
    with made.on(browser) as heard:
        page = heard.page
        page.evaluate("index => selfsupExplorer.zoom('point', index)", index)
        page.mouse.click(*place(page, index))
        page.wait_for_function("selfsupExplorer.state().near.length === 2")
        found = state(page)
        assert made.scene.names[found["point"]] == "nurse"
        assert page.locator("[role=tabpanel]:not([hidden]) h2").inner_text() == "nurse"
        for space, names in enumerate(listed(page, "Neighbours of nurse")):
            cosine = made.unit(space) @ made.unit(space)[index]
            cosine[index] = -1
            last = np.sort(cosine)[-len(names)]
            assert len(names) >= 10
            assert all(cosine[made.at(name)] >= last - ROUNDED for name in names)
        check_quiet(heard, made.file.as_uri())


def test_the_lasso_holds_the_points_within_and_saves_them(browser, explored):  # noqa: F811
    made = explored("table")
    with made.on(browser) as heard:
        page, box = heard.page, heard.page.locator("#map-0").bounding_box()
        points = places(page, len(made.scene))
        middle, span = np.median(points, axis=0), np.ptp(points, axis=0) / 3
        corners = middle + span * np.array([(-1, -0.7), (0.9, -1), (0.6, 0.1), (1, 0.8), (-0.8, 1)])
        window = corners + [box["x"], box["y"]]
        page.keyboard.down("Shift")
        page.mouse.move(*window[0])
        page.mouse.down()
        for corner in (*window[1:], window[0]):
            page.mouse.move(*corner)
        page.mouse.up()
        page.keyboard.up("Shift")
        inside = np.flatnonzero(Outline(corners).contains_points(points))
        assert 5 < len(inside) < len(points)
        assert state(page)["selection"] == len(inside)
        with page.expect_download() as saved:
            page.locator('[data-do="save-csv"]').click()
        head, *rows = csv.reader(io.StringIO(Path(saved.value.path()).read_text(encoding="utf-8-sig")))
        assert {column.name for column in made.scene.columns} <= set(head)
        sizes = next(column for column in made.scene.columns if column.name == "height in cm")
        found = [float(row[head.index("height in cm")]) for row in rows]
        assert np.allclose(found, sizes.values[inside], rtol=1e-5)
        labels = next(column for column in made.scene.columns if column.name == "label")
        assert [row[head.index("label")] for row in rows] == [labels.classes[kind] for kind in labels.values[inside]]
        check_quiet(heard, made.file.as_uri())


def test_search_by_name_and_by_value(browser, explored):  # noqa: F811
    made = explored("table")
    mass = next(column for column in made.scene.columns if column.name == "mass")
    with made.on(browser) as heard:
        page = heard.page
        page.locator("body").press("/")
        page.keyboard.type("mass > 0.5")
        page.keyboard.press("Enter")
        page.wait_for_function("selfsupExplorer.state().hits > 0")
        assert state(page)["hits"] == int((mass.values > 0.5).sum())
        page.locator("#search").fill("row 14")
        page.keyboard.press("Enter")
        expected = [name for name in made.scene.names if "row 14" in name]
        page.wait_for_function("n => selfsupExplorer.state().hits === n", arg=len(expected))
        assert listed(page, "Found") == [expected]
        page.locator("ol.points-list button").first.click()
        page.wait_for_function("selfsupExplorer.state().point !== null")
        assert made.scene.names[state(page)["point"]] == expected[0]
        page.keyboard.press("Escape")
        page.wait_for_function("selfsupExplorer.state().point === null")


def test_pictures_appear_when_few_points_are_in_view(browser, explored):  # noqa: F811
    made = explored("photos")
    with made.on(browser) as heard:
        page = heard.page
        assert state(page)["maps"][0]["sprites"] == 0
        page.mouse.move(*place(page, 7))
        for _ in range(4):
            page.mouse.wheel(0, -240)
        page.wait_for_function("selfsupExplorer.state().maps[0].sprites > 0")
        view = state(page)["maps"][0]
        assert 0 < view["inView"] < len(made.scene)
        points = places(page, len(made.scene))
        inside = ((points >= 0) & (points <= [view["width"], view["height"]])).all(1).sum()
        assert abs(view["inView"] - inside) <= 0.1 * inside + 2
        page.locator('[data-do="all"]').click()
        page.wait_for_function("selfsupExplorer.state().maps[0].sprites === 0")


def test_an_axis_of_ones_own_orders_the_words_as_numpy_does(browser, explored):  # noqa: F811
    made = explored("words")
    with made.on(browser) as heard:
        page = heard.page
        tab(page, "axes")
        page.locator("#group-A").fill("he, man")
        page.locator("#group-B").fill("she, woman")
        page.get_by_role("button", name="Put on x").click()
        page.wait_for_function("selfsupExplorer.state().axis.x !== null")
        for space in range(2):
            unit = made.unit(space)
            low, high = (unit[[made.at(word) for word in words]].mean(0) for words in (("he", "man"), ("she", "woman")))
            along = unit @ (high - low) / np.linalg.norm(high - low)
            shown = places(page, len(made.scene), space)[:, 0]
            slope, start = np.polyfit(along, shown, 1)
            assert slope > 0
            assert np.abs(shown - slope * along - start).max() < ROUNDED * slope
        page.get_by_role("button", name="Back to the map").first.click()
        assert state(page)["axis"] == {"x": None, "y": None}


def test_an_axis_between_two_classes(browser, explored):  # noqa: F811
    made = explored("photos")
    label = next(column for column in made.scene.columns if column.name == "label")
    with made.on(browser) as heard:
        page = heard.page
        tab(page, "axes")
        for side, kind in (("A", 0), ("B", 1)):
            page.get_by_label(f"Class for group {side}").select_option(label=label.classes[kind])
        page.get_by_role("button", name="Put on x").click()
        page.wait_for_function("selfsupExplorer.state().axis.x !== null")
        shown = places(page, len(made.scene))[:, 0]
        assert shown[label.values == 0].max() < shown[label.values == 1].min()


def test_analogies(browser, explored):  # noqa: F811
    made = explored("words")
    with made.on(browser) as heard:
        page = heard.page
        tab(page, "analogies")
        for field, word in (("#word-a", "man"), ("#word-b", "he"), ("#word-c", "woman")):
            page.locator(field).fill(word)
        page.get_by_role("button", name="is to ?").click()
        page.locator("ol.points-list >> visible=true").first.wait_for()
        for space, names in enumerate(listed(page, "Nearest to")):
            unit = made.unit(space)
            cosine = unit @ (unit[made.at("he")] - unit[made.at("man")] + unit[made.at("woman")])
            cosine /= np.linalg.norm(unit[made.at("he")] - unit[made.at("man")] + unit[made.at("woman")])
            cosine[[made.at(word) for word in ("he", "man", "woman")]] = -2
            assert cosine[made.at(names[0])] >= cosine.max() - ROUNDED
        assert names
        page.locator("#sum").fill("he - nosuchword")
        page.get_by_role("button", name="Nearest", exact=True).click()
        page.get_by_text("nosuchword", exact=False).last.wait_for()
        check_quiet(heard, made.file.as_uri())


def test_colour_and_plane_are_switched(browser, explored):  # noqa: F811
    made = explored("table")
    with made.on(browser) as heard:
        page = heard.page
        before = places(page, len(made.scene))
        page.locator("#plane").select_option(label="t-SNE")
        page.wait_for_function("selfsupExplorer.state().plane === 't-SNE'")
        page.wait_for_function("([x]) => selfsupExplorer.place(0)[0] !== x", arg=[before[0, 0]])
        flat = next(plane.points for plane in made.scene.planes if plane.name == "t-SNE")
        shown = places(page, len(made.scene)) * [1, -1]
        assert np.corrcoef(flat[:, 0], shown[:, 0])[0, 1] > 0.999
        assert abs(np.corrcoef(flat[:, 1], shown[:, 1])[0, 1]) > 0.999
        for column in ("mass", EVIL[0], "colour"):
            page.locator("#colour").select_option(label=column)
            assert state(page)["colour"] == column
            page.locator(".legend").get_by_text(column, exact=True).first.wait_for()
        check_quiet(heard, made.file.as_uri())


def test_the_map_is_used_by_keys(browser, explored):  # noqa: F811
    made = explored("words")
    with made.on(browser) as heard:
        page = heard.page
        page.locator("#map-0").focus()
        first = state(page)["maps"][0]
        page.keyboard.press("+")
        page.keyboard.press("ArrowRight")
        moved = state(page)["maps"][0]
        assert moved["scale"] > first["scale"]
        assert moved["x"] != first["x"]
        page.keyboard.press("Enter")
        page.wait_for_function("selfsupExplorer.state().point !== null")
        page.keyboard.press("Escape")
        page.keyboard.press("0")
        assert state(page)["maps"][0]["scale"] == pytest.approx(first["scale"])


# What can go wrong.


@pytest.mark.parametrize("name", MAKERS)
def test_strangers_names_stay_text(browser, explored, name):  # noqa: F811
    made = explored(name)
    names = list(made.scene.names)
    with made.on(browser) as heard:
        page = heard.page
        evil = [names.index(one) for one in names if Path(one).name in FILES or one in EVIL] or [1]
        for index in evil:
            page.evaluate("index => selfsupExplorer.select(index)", index)
            assert page.locator("[role=tabpanel]:not([hidden]) h2").inner_text().strip() == names[index]
        page.evaluate("indices => selfsupExplorer.take(indices)", evil)
        for text in ("<img", "</script", "injected"):
            page.locator("#search").fill(text)
            page.keyboard.press("Enter")
            page.wait_for_timeout(50)
        page.evaluate("([a, b]) => selfsupExplorer.axis([a], [b])", [evil[0], 0])
        check_quiet(heard, made.file.as_uri())


def test_without_webgl_the_density_is_shown_and_said(browser, explored):  # noqa: F811
    made = explored("words")
    with launched(browser.browser_type, "--disable-3d-apis") as plain, made.on(plain) as heard:
        page = heard.page
        assert state(page)["renderer"] == "canvas"
        page.get_by_text("draws no WebGL", exact=False).first.wait_for()
        assert painted(page) > 200
        page.evaluate("index => selfsupExplorer.select(index)", made.at("nurse"))
        page.locator("ol.points-list >> visible=true").first.wait_for()
        assert complaints(heard) == []


def test_a_lost_context_falls_back(browser, explored):  # noqa: F811
    made = explored("table")
    with made.on(browser, "file", "#canvas") as heard:
        assert state(heard.page)["renderer"] == "canvas"
        check_quiet(heard, made.file.as_uri())
    with made.on(browser) as heard:
        page = heard.page
        page.add_init_script(LOSE)
        page.reload()
        page.evaluate("selfsupExplorer.ready")
        assert state(page)["renderer"] == "webgl"
        page.evaluate("lose()")
        page.get_by_text("draws no WebGL", exact=False).first.wait_for()
        page.wait_for_function("selfsupExplorer.state().renderer === 'canvas'")
        assert painted(page) > 100


def painted(page) -> int:
    """Pixels of the first map that are not its ground."""
    picture = page.locator("#map-0").screenshot()
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    return int((np.abs(pixels - pixels[3, pixels.shape[1] // 2]).sum(-1) > 60).sum())
