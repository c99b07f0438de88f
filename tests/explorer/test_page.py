"""A scene as one HTML and as a folder: what is in it, whole or not there, and nothing of a stranger's in its elements."""

import base64
import errno
import hashlib
import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

import crash
import today
from scenes import EVIL, Page, pictures, scene
from selfsup.errors import RunError
from selfsup.explorer import Column, Plane, Space, document, folder, pieces, sprites, template
from selfsup.explorer.manifest import describe

TOOLS = Path(__file__).parents[1] / "tools"


def page(made):
    return Page(document.html(made))


# Pieces


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_int8_rows_times_their_scale_are_the_unit_vectors(dtype):
    vectors = np.random.default_rng(0).normal(size=(300, 50)).astype(dtype)
    vectors[7] = 0
    rows, scale = pieces.of_vectors("space.0", "scale.0", vectors)
    q = np.frombuffer(rows.part(0), np.int8).reshape(300, 50)
    unit = q * np.frombuffer(scale.part(0), "<f4")[:, None]
    assert not unit[7].any()
    true = vectors.astype(np.float64)
    true = np.delete(true / np.linalg.norm(true, axis=1, keepdims=True).clip(1e-9), 7, axis=0)
    unit = np.delete(unit, 7, axis=0)
    assert np.abs(unit - true).max() <= np.abs(true).max() / 254 + 1e-6
    assert (np.abs(np.delete(q, 7, axis=0)).max(axis=1) == 127).all()
    nearest = (true @ true.T - 2 * np.eye(299)).argmax(1)
    assert (nearest == (unit @ unit.T - 2 * np.eye(299)).argmax(1)).mean() > 0.98


def test_the_largest_and_the_smallest_floats_have_unit_vectors_too():
    vectors = np.array([[3e38, -3e38], [1e-38, 0], [np.nan, 1], [np.inf, 1]], np.float32)
    rows, scale = pieces.of_vectors("space.0", "scale.0", vectors)
    unit = np.frombuffer(rows.part(0), np.int8).reshape(4, 2) * np.frombuffer(scale.part(0), "<f4")[:, None]
    np.testing.assert_allclose(unit, [[0.5**0.5, -(0.5**0.5)], [1, 0], [0, 0], [0, 0]], rtol=1e-6)


def test_any_stretch_of_vectors_is_read_where_they_lie(tmp_path, monkeypatch):
    vectors = np.random.default_rng(0).normal(size=(1000, 7)).astype(np.float16)
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    whole = pieces.of_vectors("a", "b", vectors)[0].part(0)
    monkeypatch.setattr(pieces, "ROWS", 70)
    monkeypatch.setattr(pieces, "PART", 999)
    rows, scale = pieces.of_vectors("a", "b", mapped)
    assert (rows.parts, scale.parts) == (8, 5)
    assert b"".join(rows.part(number) for number in range(rows.parts)) == whole
    scales = b"".join(scale.part(number) for number in range(scale.parts))
    assert len(scales) == 4000
    assert rows.read(13, 15) == whole[13:15]


def test_an_array_is_not_copied():
    points = np.zeros((1000, 2), np.float32)
    piece = pieces.of_array("plane.0", points, "f4")
    points[3, 1] = 5
    assert np.frombuffer(piece.part(0), "<f4")[7] == 5


def test_words_that_are_too_long_are_cut_and_no_unicode_stands_as_its_code():
    words, places = pieces.of_words("names", ["a" * 9, "\ud800", "", "水"], 5)
    at = np.frombuffer(places.part(0), "<u4")
    found = [words.part(0)[a:b].decode() for a, b in zip(at, at[1:], strict=False)]
    assert found == ["aaaa…", "\\ud800", "", "水"]


# What a page holds


def test_a_page_holds_what_the_scene_does():
    made = scene()
    seen = page(made)
    manifest = seen.manifest
    assert (manifest["delivery"], manifest["n"], manifest["total"], manifest["colour"]) == ("inline", 40, 40, "label")
    assert manifest["planes"] == [
        {"name": "PCA", "note": "29 % of the variance", "space": 0, "piece": "plane.0", "ready": True}
    ]
    np.testing.assert_array_equal(np.frombuffer(seen.piece("plane.0"), "<f4").reshape(-1, 2), made.planes[0].points)
    assert seen.names() == made.names
    size, label, said = manifest["columns"]
    values = np.frombuffer(seen.piece(size["piece"]), "<f4")
    np.testing.assert_allclose(values, made.columns[0].values, rtol=1e-6)
    assert (size["low"], size["high"]) == (float(values.min()), float(values.max()))
    places = np.frombuffer(seen.piece(label["piece"]), "<u2").astype(int)
    np.testing.assert_array_equal(np.where(places == 65535, -1, places), made.columns[1].values)
    assert label["classes"] == ["cat", "dog", "sea"]
    assert seen.names(said["piece"], said["offsets"]) == list(made.columns[2].values)
    assert manifest["spaces"] == [{"name": "codes", "dim": 6, "piece": "space.0", "scale": "scale.0"}]
    assert len(seen.piece("space.0")) == 240
    assert (manifest["sprites"], manifest["originals"]) == (None, False)


def test_what_is_seen_first_comes_first():
    order = list(dict.fromkeys(part.rsplit(".", 1)[0] for part in page(scene(thumbnails=pictures)).parts))
    assert order == [
        "plane.0", "column.1", "names", "names.offsets", "column.0", "column.2", "column.2.offsets", "sprites.missing",
        "sheet.0", "scale.0", "space.0",
    ]  # fmt: skip


def test_a_large_piece_is_cut(monkeypatch):
    monkeypatch.setattr(pieces, "PART", 100)
    seen = page(scene())
    assert seen.manifest["pieces"]["plane.0"] == {"bytes": 320, "parts": 4}
    assert len(seen.piece("plane.0")) == 320


def test_numbers_that_float32_lacks_are_cut_and_what_is_not_finite_is_missing():
    values = np.array([1e300, -1e300, np.nan, np.inf])
    seen = page(scene(4, columns=(Column("x", "number", values),), colour=None))
    kept = np.frombuffer(seen.piece("column.0"), "<f4")
    assert np.isnan(kept).tolist() == [False, False, True, True]
    assert seen.manifest["columns"][0]["high"] == pytest.approx(3.4e38, rel=0.01)
    nothing = page(scene(3, columns=(Column("x", "number", np.full(3, np.nan)),), colour=None)).manifest["columns"][0]
    assert (nothing["low"], nothing["high"]) == (0, 0)


def test_more_classes_than_there_are_numbers_for_are_words():
    classes = tuple(f"c{number}" for number in range(65_535))
    seen = page(scene(3, columns=(Column("id", "class", np.array([0, -1, 65_534]), classes),), colour="id"))
    (about,) = seen.manifest["columns"]
    assert about["kind"] == "text"
    assert seen.names(about["piece"], about["offsets"]) == ["c0", "", "c65534"]


def test_a_plane_to_come_is_computed_for_a_page_and_said_if_nobody_can():
    late = (*scene().planes, Plane("t-SNE", None))
    seen = page(scene(planes=late, later=lambda number: np.full((40, 2), number)))
    assert np.frombuffer(seen.piece("plane.1"), "<f4").tolist() == [1.0] * 80
    seen = page(scene(planes=late))
    assert [plane["name"] for plane in seen.manifest["planes"]] == ["PCA"]
    assert seen.manifest["notes"] == ["t-SNE was not computed."]


# Sheets


def test_a_sheet_has_each_picture_in_its_place():
    made = sprites.Sheets(scene(thumbnails=pictures))
    assert (made.tile, made.count) == (48, 1)
    content, missing = made.make(0)
    assert missing.tolist() == [number % 7 == 3 for number in range(40)]
    sheet = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))
    assert sheet.shape == (96, 32 * 48, 4)
    alpha = sheet[:48, :48, 3]  # of a picture that is wider than high
    assert alpha[24].all()
    assert not alpha[:7].any()
    assert sheet[:48, 3 * 48 : 4 * 48, 3].all()  # a cross
    assert not sheet[48:, 8 * 48 :, 3].any()  # behind the last


def test_small_pictures_have_small_tiles_and_all_sheets_come_in_order():
    def squares(numbers):
        return [np.full((28, 28), number // 10, np.uint8) for number in numbers]

    made = sprites.Sheets(scene(2_500, thumbnails=squares))
    assert (made.tile, made.count) == (28, 3)
    greys = []
    for content, missing in made.all():
        image = Image.open(io.BytesIO(content))
        assert image.mode == "RGB"  # nothing is transparent but beyond the last, on the last sheet
        greys.append(np.asarray(image)[14, 14, 0])
        assert not missing.any()
        if len(greys) == 2:
            break
    np.testing.assert_allclose(greys, [0, 102], atol=3)


def test_sheets_are_in_the_page(tmp_path):
    seen = page(scene(thumbnails=pictures))
    about = seen.manifest["sprites"]
    assert about == {
        "tile": 48, "across": 32, "per_sheet": 1024, "count": 1, "type": "image/webp", "missing": "sprites.missing",
    }  # fmt: skip
    assert Image.open(io.BytesIO(seen.piece("sheet.0"))).format == "WEBP"
    assert np.frombuffer(seen.piece("sprites.missing"), np.uint8).sum() == 6


# Strangers


def ours():
    """Elements of the page of a scene in which nothing is strange."""
    return [(tag, attrs.get("id")) for tag, attrs in page(scene()).elements]


def evil_scene(words):
    n = len(words)
    return scene(
        n,
        title=words[0],
        sample=words[0],
        samples=words[-1],
        names=words,
        notes=tuple(words),
        pairs=((words[0], words[-1]),),
        spaces=(Space(words[0], np.ones((n, 2), np.float32)),),
        planes=(Plane(words[0], np.ones((n, 2), np.float32), 0, words[-1]),),
        columns=(
            Column(words[0], "class", np.zeros(n, np.int64), tuple(words)),
            Column(words[-1], "text", np.array(words, object)),
            Column("x", "number", np.zeros(n)),
        ),
        colour=words[0],
    )


def check_strange(words):
    html = document.html(evil_scene(words))
    html.encode()
    seen = Page(html)
    assert [(tag, attrs.get("id")) for tag, attrs in seen.elements] == ours()
    manifest = seen.manifest
    assert manifest["title"] == words[0]
    assert manifest["notes"] == words
    assert manifest["columns"][0]["classes"] == words
    shown = [pieces._cut(word, 1_000).encode(errors="backslashreplace").decode() for word in words]
    assert seen.names() == shown
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069]", html)


def test_strings_of_a_stranger_stay_text():
    check_strange(EVIL)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=())) | st.sampled_from(EVIL), min_size=1, max_size=6))
def test_any_strings_stay_text(words):
    check_strange(words)


def test_the_policy_lets_our_script_run_and_nothing_else():
    for delivery in ("inline", "folder", "server"):
        before, after = template.around(describe(scene(), delivery)[0])
        seen = Page((before + after).decode())
        (policy,) = [attrs["content"] for tag, attrs in seen.elements if "http-equiv" in attrs]
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        running = [text for attrs, text in seen.scripts if attrs.get("type") in (None, "text/javascript")]
        (script,) = running
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert rules["default-src"] == "'none'"
        assert f"'sha256-{digest}'" in rules["script-src"]
        assert "unsafe-inline" not in rules["script-src"]
        assert ("file:" in rules["script-src"]) == (delivery == "folder")
        assert rules["connect-src"] == ("'self'" if delivery == "server" else "'none'")
        assert "http" not in policy
        assert not [name for _, attrs in seen.elements for name in attrs if name.startswith("on")]
        sources = [attrs[name] for _, attrs in seen.elements for name in ("src", "href") if name in attrs]
        assert all(source.startswith(("data:", "#")) for source in sources)


def test_our_script_can_stand_in_a_page():
    script = template._file("explorer.js")
    assert "</style" not in template._file("explorer.css").lower()
    assert "</script" not in script.lower()
    assert "<!--" not in script


# Files


def parts_of(made):
    """Parts of a folder, as its scripts hand them over."""
    found = {}
    for file in (made / "data").glob("*.js"):
        name, coded = re.fullmatch(r'selfsupPart\("([^"]+)","([^"]*)"\)\n', file.read_text()).groups()
        assert file.name == f"{name}.js"
        found[name] = base64.b64decode(coded)
    return found


def test_a_name_says_what_is_written(tmp_path):
    made = scene(thumbnails=pictures)
    assert document.write(made, tmp_path / "deep" / "page.html") == tmp_path / "deep" / "page.html"
    seen = Page((tmp_path / "deep" / "page.html").read_text("utf8"))
    assert seen.manifest["delivery"] == "inline"
    at = document.write(made, tmp_path / "page")
    assert sorted(path.name for path in at.iterdir()) == ["data", "index.html"]
    folded = Page((at / "index.html").read_text("utf8"))
    assert folded.manifest["delivery"] == "folder"
    assert folded.manifest["sprites"]["missing"] == "sprites.missing"
    assert not folded.parts
    parts = parts_of(at)
    assert set(parts) == {f"{name}.0" for name in folded.manifest["pieces"]}
    assert all(parts[f"{name}.0"] == seen.piece(name) for name in folded.manifest["pieces"])
    assert (at / "data" / "sheet.0.webp").read_bytes() == seen.piece("sheet.0")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "page"]


@pytest.mark.parametrize("name", ["page.html", "page"])
def test_what_is_there_is_replaced_only_if_asked(tmp_path, name):
    at = document.write(scene(), tmp_path / name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match="exists; choose another place, or set option 'overwrite'"):
        document.write(scene(5), at)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    document.write(scene(5), at, overwrite=True)
    held = at if at.is_file() else at / "index.html"
    assert Page(held.read_text("utf8")).manifest["n"] == 5
    assert [path.name for path in tmp_path.iterdir()] == [name]


def strangers(tmp_path):
    """Folders that are no page of ours, or more than one."""
    document.write(scene(), tmp_path / "more")
    (tmp_path / "more" / "thesis.txt").write_text("mine")
    document.write(scene(), tmp_path / "within")
    (tmp_path / "within" / "data" / "thesis.txt").write_text("mine")
    (tmp_path / "site" / "data").mkdir(parents=True)
    (tmp_path / "site" / "index.html").write_text("<html>")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    document.write(scene(), tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    return ["more", "within", "site", "empty", "file", "link"]


def test_a_folder_of_something_else_is_never_touched(tmp_path):
    for name in strangers(tmp_path):
        with pytest.raises(RunError, match="is not a page of selfsup, so it is left as it is"):
            document.write(scene(), tmp_path / name, overwrite=True)
    assert (tmp_path / "more" / "thesis.txt").read_text() == "mine"
    assert (tmp_path / "within" / "data" / "thesis.txt").read_text() == "mine"
    (tmp_path / "page.html").mkdir()
    with pytest.raises(RunError, match="exists and is a folder"):
        document.write(scene(), tmp_path / "page.html", overwrite=True)
    for name in ("", "..", "/"):
        with pytest.raises(RunError, match="give it a name"):
            document.write(scene(), name, overwrite=True)
    with pytest.raises(RunError, match="Not a directory"):
        document.write(scene(), tmp_path / "file" / "page")


@pytest.mark.parametrize("name", ["page.html", "page"])
def test_a_full_disk_leaves_nothing_and_what_was_there(tmp_path, name, monkeypatch):
    at = document.write(scene(), tmp_path / name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for place in (at, tmp_path / f"new-{name}"):
        with pytest.raises(RunError, match=f"cannot write {re.escape(str(place))}: No space left on device; free some"):
            document.write(scene(5), place, overwrite=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


KILLED = """
import os, sys, time
sys.path.insert(0, sys.argv[2])
from scenes import scene
from selfsup.explorer import document
def slow(numbers):
    print("reading", flush=True)
    time.sleep(60)
document.write(scene(2000, thumbnails=lambda n: [None] * len(n) if len(n) < 100 else slow(n)), sys.argv[1])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
@pytest.mark.parametrize("name", ["page.html", "page"])
def test_killed_in_the_middle_nothing_is_there_and_the_next_removes_the_rest(tmp_path, name):
    at = tmp_path / name
    process = subprocess.Popen([sys.executable, "-c", KILLED, at, TOOLS], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"reading\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not at.exists()
    document.write(scene(), at)
    assert [path.name for path in tmp_path.iterdir()] == [name]


AGAIN = """
import sys
sys.path.insert(0, {tools!r})
from scenes import pictures, scene
from selfsup.explorer import document
document.write(scene({n}, thumbnails=pictures), {name!r}, overwrite=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the harness forks, and reads /proc")
def test_killed_at_any_call_a_page_is_the_old_one_or_the_new_one_or_none(tmp_path):
    with crash.Server() as server:
        for name in ("page.html", "page"):
            code = AGAIN.format(tools=str(TOOLS), n=5, name=name)
            old, whole = tmp_path / "old" / name, tmp_path / "whole" / name
            document.write(scene(thumbnails=pictures), old)
            shutil.copytree(old.parent, whole.parent)
            ended = server.run(whole.parent, code)
            assert (ended.code, ended.err) == (0, "")
            wanted = [digests(place) for place in (old, whole)]
            assert wanted[0] != wanted[1]
            points = ended.points()
            some = points if today.ALL else random.Random(f"{today.SEED} {name}").sample(points, 10)
            for number, point in enumerate(some):
                here = tmp_path / f"{number}-{name}"
                shutil.copytree(old.parent, here)
                assert server.run(here, code, kill=point).code == crash.KILLED
                left = digests(here / name)
                left.pop("/lock", None)  # of a process that was killed behind the last rename
                assert left in wanted or (left == {} and name == "page"), ended.call(point)
                assert server.run(here, code).code == 0
                assert digests(here) == {f"{name}{path}": digest for path, digest in wanted[1].items()}, ended.call(
                    point
                )
                shutil.rmtree(here)
            shutil.rmtree(old.parent)
            shutil.rmtree(whole.parent)


def digests(place):
    """Every file below a place, or at it."""
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    return {
        str(file)[len(str(place)) :].removeprefix("/" if place.name != "page" else ""): file.read_bytes()
        for file in files
    }


def test_a_folder_that_another_is_writing_is_left_to_it(tmp_path):
    busy = tmp_path / ".page.0123abcd.tmp"
    held = folder.Lock(busy)
    document.write(scene(), tmp_path / "page")
    assert busy.is_dir()
    held.release(busy)
    document.write(scene(), tmp_path / "page", overwrite=True)
    assert not busy.exists()


def test_a_page_that_is_very_large_suggests_a_folder(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(document, "LARGE", 1_000)
    document.write(scene(), tmp_path / "page.html")
    assert "a folder loads what is looked at only: give a name without .html" in caplog.text


def test_a_page_is_never_whole_in_memory(tmp_path, monkeypatch):
    """Of a page of 27 MB a few parts of 1 MB."""
    monkeypatch.setattr(pieces, "PART", 1_000_000)
    monkeypatch.setattr(pieces, "ROWS", 1 << 18)
    made = scene(200, spaces=(Space("codes", np.ones((200, 100_000), np.float16)),))
    tracemalloc.start()
    try:
        document.write(made, tmp_path / "page.html")
        assert (tmp_path / "page.html").stat().st_size > 26_000_000
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
