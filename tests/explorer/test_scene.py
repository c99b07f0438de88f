"""What an explorer page shows: planes against slow references, points and their values, of every kind of thing."""

import os
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import selfsup
from selfsup import WordVectors
from selfsup.explorer import columns, gather, mapping, planes
from selfsup.explorer.planes import Vectors

RNG = np.random.default_rng(0)
NUMBERS = st.floats(-(2.0**40), 2.0**40, width=32)


def clusters(n, dim=6, groups=4, seed=0):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    return (4 * rng.normal(size=(groups, dim))[group] + rng.normal(size=(n, dim))).astype(np.float32), group


def words(n=60, dim=6, seed=0, counts=True):
    named = [*["he", "she", "man", "woman"], *(f"w{row}" for row in range(n - 4))]
    return WordVectors(named, clusters(n, dim, seed=seed)[0], np.arange(n, 0, -1) if counts else None)


# Planes


@settings(max_examples=40, deadline=None)
@given(x=hnp.arrays(np.float32, st.tuples(st.integers(1, 40), st.integers(1, 8)), elements=NUMBERS))
def test_pca_is_that_of_a_singular_value_decomposition(x):
    axes = planes.principal(Vectors(x), 2)
    flat = planes.flat(Vectors(x), axes)
    assert flat.shape == (len(x), 2)
    assert flat.dtype == np.float32
    assert np.isfinite(flat).all()
    size = float(np.abs(x).max()) or 1.0
    exact = x.astype(np.float64) / size
    sizes = np.linalg.svd(exact - exact.mean(0), compute_uv=False)[:2]
    mine = np.sort(np.linalg.norm((flat - flat.mean(0)).astype(np.float64), axis=0))[::-1] / (axes.scale * size)
    np.testing.assert_allclose(mine[: len(sizes)], sizes, atol=2e-3 * max(1.0, sizes[0]))
    assert axes.shares.sum() <= 1 + 1e-6


def test_pca_of_many_chunks_and_of_float16(monkeypatch):
    x = clusters(500, 9)[0] + 100
    whole = planes.flat(Vectors(x), planes.principal(Vectors(x), 2))
    monkeypatch.setattr(planes, "ROWS", 33)
    np.testing.assert_allclose(planes.flat(Vectors(x), planes.principal(Vectors(x), 2)), whole, atol=1e-2)
    half = Vectors(x.astype(np.float16), unit=True)
    placed = planes.flat(half, planes.principal(half, 2))
    assert placed.dtype == np.float32
    assert half.table.dtype == np.float16


def test_wide_rows_have_the_axes_of_a_sample(monkeypatch):
    x = clusters(300, 40)[0]
    exact = planes.principal(Vectors(x), 2)
    monkeypatch.setattr(planes, "WIDEST", 10)
    monkeypatch.setattr(planes, "SAMPLE", 250)
    about = planes.principal(Vectors(x), 2)
    assert np.abs(np.linalg.svd(exact.axes @ about.axes.T, compute_uv=False)).min() > 0.98


def test_tsne_keeps_groups_apart_and_is_the_same_again():
    x, group = clusters(150)
    placed = planes.near(x, "t-SNE", 0)
    np.testing.assert_array_equal(placed, planes.near(x, "t-SNE", 0))
    nearest = np.square(placed[:, None] - placed[None]).sum(2) + np.diag(np.full(len(x), np.inf))
    assert (group[nearest.argmin(1)] == group).mean() > 0.97


def test_of_many_rows_some_are_placed_and_the_others_beside_them(monkeypatch):
    x, group = clusters(400)
    monkeypatch.setitem(planes.LANDMARKS, "t-SNE", 120)
    placed = planes.near(x, "t-SNE", 0)
    some = planes.landmarks(400, "t-SNE", 0)
    assert len(some) == 120
    assert (np.diff(some) > 0).all()
    centres = np.stack([placed[some][group[some] == one].mean(0) for one in range(4)])
    others = np.setdiff1d(np.arange(400), some)
    nearest = np.square(placed[others, None] - centres).sum(2).argmin(1)
    assert (nearest == group[others]).mean() > 0.97


def test_a_landmark_stays_where_it_was_placed():
    known, placed = RNG.normal(size=(50, 3)).astype(np.float32), RNG.normal(size=(50, 2)).astype(np.float32)
    np.testing.assert_allclose(planes._beside(known, known, placed), placed, atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(angle=st.floats(0, 6.3), mirror=st.booleans(), size=st.floats(0.1, 10), seed=st.integers(0, 99))
def test_a_plane_is_turned_back(angle, mirror, size, seed):
    plane = np.random.default_rng(seed).normal(size=(20, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * [1, -1 if mirror else 1]
    np.testing.assert_allclose(planes.turned(size * plane @ turn + [3, -2], plane), plane, atol=1e-4)


def test_two_spaces_of_the_same_axes_are_projected_alike():
    x = clusters(200, 10)[0]
    moved = x.copy()
    moved[7] += 5
    found = mapping.Planes([Vectors(x), Vectors(moved)], "pca", 0)
    first, second = (plane.points for plane in found.planes)
    apart = np.linalg.norm(first - second, axis=1)
    assert apart[7] > 0.5
    assert np.delete(apart, 7).max() < 1e-4
    other = mapping.Planes([Vectors(x), Vectors(x[:, ::-1][:, :5].copy())], "pca", 0)
    assert "turned to lie on the other" in other.planes[1].note
    assert other.planes[1].space == 1


def test_the_second_tsne_begins_from_the_first():
    x = clusters(120)[0]
    found = mapping.Planes([Vectors(x), Vectors(x.copy())], "auto", 0)
    assert [(plane.name, plane.space, plane.points is None) for plane in found.planes] == [
        ("PCA", 0, False), ("PCA", 1, False), ("t-SNE", 0, True), ("t-SNE", 1, True),
    ]  # fmt: skip
    second, first = found.later(3), found.later(2)  # in any order
    assert np.linalg.norm(first - second, axis=1).max() < 0.2 * np.ptp(first, axis=0).max()


# Words


def test_words_are_shown_the_most_frequent_first():
    vectors = words(60)
    turned = WordVectors(list(vectors.words)[::-1], vectors.vectors[::-1].copy(), vectors.counts[::-1].copy())
    scene = selfsup.explore(turned, map="pca", limit=50).scene
    assert scene.names[:5] == ["he", "she", "man", "woman", "w0"]
    assert len(scene) == 50
    assert scene.total == 60
    assert scene.words
    assert scene.pairs == (("woman", "man"), ("she", "he"))
    assert scene.notes == ("The 50 most frequent of 60 words are shown.",)
    np.testing.assert_array_equal(scene.spaces[0].vectors, vectors.vectors[:50])
    rank, count = scene.columns
    assert (rank.name, count.name) == ("frequency rank", "count")
    assert scene.colour == "frequency rank"
    np.testing.assert_array_equal(count.values, np.arange(60, 10, -1))


def test_words_stay_as_they_are_stored_and_are_not_copied():
    vectors = words(40, counts=False)
    assert selfsup.explore(vectors, map="pca").scene.spaces[0].vectors.base is vectors.vectors.base or np.shares_memory(
        selfsup.explore(vectors, map="pca").scene.spaces[0].vectors, vectors.vectors
    )
    half = selfsup.explore(vectors.astype("float16"), map="pca").scene
    assert half.spaces[0].vectors.dtype == np.float16
    eighth = selfsup.explore(vectors.astype("int8"), map="pca").scene
    assert eighth.spaces[0].vectors.dtype == np.float16
    for one in (half, eighth):  # the same directions
        mine = one.spaces[0].vectors.astype(np.float64)
        cosines = (
            (mine * vectors.vectors).sum(1) / np.linalg.norm(mine, axis=1) / np.linalg.norm(vectors.vectors, axis=1)
        )
        assert cosines.min() > 0.999


def test_before_and_after_are_of_the_words_in_common(tmp_path):
    before = words(50)
    direction = before["she"] - before["he"]
    direction /= np.linalg.norm(direction)
    after = before.vectors - np.outer(before.vectors @ direction, direction)
    file = tmp_path / "after.safetensors"
    WordVectors([*before.words[2:][::-1], "new"], np.vstack([after[2:][::-1], after[:1]])).save(file)
    scene = selfsup.explore(before, beside=file, map="pca").scene
    assert scene.names == list(before.words[2:])
    assert [space.name for space in scene.spaces] == ["before", "after"]
    np.testing.assert_array_equal(scene.spaces[1].vectors, after[2:])
    assert scene.notes == ("The 48 words that both have are shown; before has 50, after 49.",)
    assert [plane.space for plane in scene.planes] == [0, 1]


def test_words_from_a_file_a_folder_and_a_run(tmp_path):
    vectors = words(40)
    vectors.save(tmp_path / "words.txt")
    vectors.save(tmp_path / "words")
    for name in ("words.txt", "words"):
        scene = selfsup.explore(tmp_path / name, map="pca").scene
        assert scene.names == list(vectors.words)
        assert scene.title == name
    scene = selfsup.explore(selfsup.load(tmp_path / "words"), map="pca").scene
    assert scene.words
    assert len(scene) == 40


# Data without a model


def test_rows_of_a_table_come_with_all_columns(tmp_path):
    n = 60
    frame = pd.DataFrame({
        "id": [f"p{row}" for row in range(n)], "age": RNG.normal(40, 9, n), "sex": RNG.choice(["m", "f"], n),
        "day": pd.date_range("2024-01-01", periods=n).strftime("%Y-%m-%d"), "well": RNG.choice([True, False], n),
        "note": [f"a sentence, number {row}" for row in range(n)], "label": RNG.choice(["x", "y"], n),
    })  # fmt: skip
    frame.loc[3, "age"] = np.nan
    frame.to_csv(tmp_path / "people.csv", index=False)
    scene = selfsup.explore(tmp_path / "people.csv", map="pca").scene
    kinds = {column.name: column.kind for column in scene.columns}
    assert kinds == {
        "label": "class", "age": "number", "sex": "class", "day (days since 2024-01-01)": "number", "well": "class",
        "id": "text", "note": "text",
    }  # fmt: skip
    assert (scene.sample, scene.samples, scene.colour) == ("row", "rows", "label")
    assert scene.names == list(frame["id"])
    assert scene.title == "people.csv"
    age = next(column for column in scene.columns if column.name == "age")
    np.testing.assert_allclose(np.delete(age.values, 3), frame["age"].drop(3), rtol=1e-6)
    assert np.isnan(age.values[3])
    assert np.isfinite(scene.spaces[0].vectors).all()
    sex = next(column for column in scene.columns if column.name == "sex")
    assert [sex.classes[place] for place in sex.values] == list(frame["sex"])


def test_arrays_with_labels_of_every_kind():
    x = clusters(40)[0]
    classes = selfsup.explore((x, ["a", "b"] * 20), map="pca").scene.columns[0]
    assert classes.classes == ("a", "b")
    assert classes.values.tolist() == [0, 1] * 20
    number = selfsup.explore(x, labels=RNG.normal(size=40), map="pca").scene.columns[0]
    assert number.kind == "number"
    several = selfsup.explore(x, labels=RNG.random((40, 3)) > 0.5, map="pca").scene.columns
    assert [column.classes for column in several[:3]] == [("no", "yes")] * 3


def test_more_rows_than_are_shown_are_drawn_the_same_again():
    x = clusters(300)[0]
    scene, again = (selfsup.explore((x, np.arange(300) % 2), limit=40, map="pca", seed=3).scene for _ in range(2))
    assert scene.names == again.names
    assert len(scene) == 40
    assert scene.total == 300
    assert scene.notes == ("40 of 300 are shown, drawn with seed 3.",)
    rows = [int(name.split()[1]) for name in scene.names]
    np.testing.assert_array_equal(scene.columns[1].values, x[rows, 0].astype(np.float64))
    np.testing.assert_array_equal(scene.columns[0].values, np.arange(300)[rows] % 2)


@pytest.fixture
def photos(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(4):
            shade = 60 + 40 * number
            Image.new("RGB", (40, 20), (shade, 0, 200 if name == "cat" else 0)).save(
                tmp_path / "photos" / name / f"{number}.png"
            )
    return tmp_path / "photos"


def test_photos_have_thumbnails_of_their_own_shape_and_originals(photos):
    scene = selfsup.explore(photos, map="pca", thumbnail=32).scene
    assert scene.names[0] == "cat/0.png"
    assert scene.columns[0].classes == ("cat", "dog")
    small = scene.thumbnails([0, 5])
    assert [picture.shape for picture in small] == [(16, 32, 3)] * 2
    assert small[0][8, 16].tolist() == [60, 0, 200]
    assert small[1][8, 16].tolist() == [100, 0, 0]
    assert scene.original(0).size == (40, 20)


def test_a_picture_that_has_moved_is_the_one_that_was_decoded(photos):
    scene = selfsup.explore(photos, map="pca").scene
    (photos / "cat" / "0.png").unlink()
    (photos / "dog" / "0.png").write_bytes(b"no picture")
    for number in (0, 4):
        assert scene.thumbnails([number])[0] is not None
        assert scene.original(number) is not None
    data = gather.some(selfsup.data.open.open_data(photos / "cat"), np.arange(3))
    (photos / "cat" / "2.png").unlink()
    told = gather.of_samples(data, "photos", gather.Look("pca")).notes
    assert told == (f"1 file is no longer in {photos / 'cat'}: its picture is the one that was decoded before.",)


def test_arrays_of_images_have_pictures_of_every_kind():
    for shape in ((9, 1, 8, 8), (9, 3, 8, 8), (9, 2, 8, 8)):
        scene = selfsup.explore(RNG.random(shape).astype(np.float32), map="pca").scene
        picture = scene.thumbnails([0])[0]
        assert picture.dtype == np.uint8
        assert picture.shape == ((8, 8, 3) if shape[1] == 3 else (8, 8))
        assert scene.original(0).size == (256, 256)
        assert scene.names[1] == "image 1"
    large = selfsup.explore(RNG.integers(0, 255, (4, 3, 80, 60)).astype(np.uint8), map="pca").scene
    assert large.thumbnails([0])[0].shape == (48, 36, 3)


def test_pixels_are_pooled_to_means():
    x = RNG.random((3, 1, 50, 20)).astype(np.float32)
    name, pooled = gather.own_values(selfsup.data.open.open_data(x))
    assert name == "pixels, 13 x 5"
    np.testing.assert_allclose(pooled[1].reshape(13, 5)[2, 3], x[1, 0, 8:12, 12:16].mean(), rtol=1e-5)
    np.testing.assert_allclose(pooled[1].reshape(13, 5)[12, 4], x[1, 0, 48:, 16:].mean(), rtol=1e-5)


# Runs


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    x, group = clusters(80, 5)
    frame = pd.DataFrame(x, columns=list("abcde")).assign(label=np.asarray(["u", "v", "w", "x"])[group])
    frame.assign(id=[f"row-{row}" for row in range(80)]).to_csv(folder / "rows.csv", index=False)
    selfsup.fit(
        str(folder / "rows.csv"),
        "linear",
        n_components=2,
        drop=("id",),
        out=folder / "run",
        evaluate=False,
        progress=False,
    )
    return folder / "run"


def test_a_run_shows_the_codes_of_what_it_learnt_from(run):
    scene = selfsup.explore(run, map="pca").scene
    model = selfsup.load(run)
    data = model.open(run.parent / "rows.csv")
    assert scene.names[0] == "row-0"
    assert len(scene) == 80
    assert scene.title == "linear: rows.csv"
    np.testing.assert_array_equal(
        np.linalg.norm(
            planes.flat(Vectors(model.encode(data)), planes.principal(Vectors(model.encode(data)), 2)), axis=1
        ),
        np.linalg.norm(scene.planes[0].points, axis=1),
    )
    assert [column.name for column in scene.columns][:2] == ["label", "score (higher: more normal)"]
    np.testing.assert_array_equal(scene.columns[1].values, model.score_samples(data))
    found = model.search(run.parent / "rows.csv", run.parent / "rows.csv", 1)
    unit = scene.spaces[0].vectors / np.linalg.norm(scene.spaces[0].vectors, axis=1, keepdims=True)
    mine = (unit @ unit.T - 2 * np.eye(80)).argmax(1)
    assert (mine == found.rows[:, 0]).mean() > 0.95  # the page's neighbours are those of `selfsup search`


def test_two_runs_side_by_side_and_a_layer(run):
    scene = selfsup.load(run).explore(beside=selfsup.load(run), limit=30, map="pca").scene
    assert [space.name for space in scene.spaces] == ["first: run", "second: run"]
    assert len(scene) == 30
    assert [plane.space for plane in scene.planes] == [0, 1]
    assert len(selfsup.explore(run, beside=run, map="pca").scene.spaces) == 2


def test_other_data_for_a_run_and_rows_in_chunks(run):
    frame = pd.read_csv(run.parent / "rows.csv").iloc[:7]
    scene = selfsup.explore(run, frame, map="pca").scene
    assert len(scene) == 7
    assert scene.title == "linear: table"


def test_a_finetuned_run_shows_what_it_guesses(run):
    x, group = clusters(60, 5)
    frame = pd.DataFrame(x, columns=list("abcde")).assign(label=group)
    base = selfsup.fit(frame, "undercomplete", epochs=1, evaluate=False, progress=False)
    tuned = selfsup.finetune(base, frame, epochs=2, evaluate=False, progress=False)
    scene = tuned.explore(frame, map="pca").scene
    told = {column.name: column for column in scene.columns}
    assert told["predicted"].classes == ("0", "1", "2", "3")
    np.testing.assert_array_equal(told["predicted"].values, tuned.predict(frame))
    assert told["prediction"].classes == ("wrong", "right")
    assert ((told["predicted"].values == group) == told["prediction"].values).all()


def test_a_run_of_text_shows_words_and_with_texts_their_codes(tmp_path):
    text = ["the cat sat on the mat", "the dog lay on the rug", "a bird sang in the tree"] * 30
    model = selfsup.fit(text, "skipgram", dim=6, min_count=1, epochs=1, evaluate=False, progress=False)
    assert selfsup.explore(model, map="pca").scene.names[0] == "the"
    scene = model.explore(text[:3], map="pca").scene
    assert scene.names == text[:3]
    assert (scene.sample, scene.words, scene.thumbnails) == ("text", False, None)
    labelled = model.explore(text[:4], labels=["x", "y", "x", "y"], map="pca").scene
    assert labelled.columns[0].classes == ("x", "y")


# What is given back


def test_an_explorer_is_saved_shown_and_told(tmp_path):
    made = selfsup.explore(words(40), map="pca", out=tmp_path / "page.html")
    assert made.path == tmp_path / "page.html"
    assert made.path.stat().st_size > 10_000
    assert repr(made).endswith("40 words, PCA>")
    shown = made._repr_html_()
    assert shown.startswith("<iframe ")
    assert 'sandbox="allow-scripts allow-downloads"' in shown
    assert "<script" not in shown
    assert os.path.isdir(selfsup.explore(words(40), map="pca", out=tmp_path / "page").path)


# Columns


def test_columns_of_anything():
    assert columns.named("n", [1, 2]).kind == "number"
    few = columns.named("few", np.asarray(["a", None, "b", "a"], object))
    assert few.kind == "class"
    assert few.values.tolist() == [0, -1, 1, 0]
    many = columns.named("many", [f"word {row}" for row in range(60)])
    assert many.kind == "text"
    assert many.values[3] == "word 3"
    assert columns.named("none", [None, None]).kind == "text"
    kept, left = columns.distinct([few, few, columns.named("n", [1])] * 100)
    assert len({column.name for column in kept}) == len(kept) == columns.MOST
    assert left == 300 - columns.MOST


def test_umap_is_asked_for_the_same_map_again(monkeypatch):
    """Umap-learn itself takes half a minute to compile: here it is what it is asked for that is looked at."""
    asked = []

    class Made:
        def __init__(self, **how):
            asked.append(how)

        def fit_transform(self, rows):
            return rows[:, :2]

    monkeypatch.setattr(planes, "umap", SimpleNamespace(UMAP=Made))
    x = clusters(60)[0]
    found = mapping.Planes([Vectors(x), Vectors(x)], "umap", 5)
    assert [plane.name for plane in found.planes] == ["PCA", "PCA", "UMAP", "UMAP"]
    assert found.later(3).dtype == np.float32
    assert [how["random_state"] for how in asked] == [5, 5]
    assert asked[0]["init"] == "pca"
    np.testing.assert_array_equal(asked[1]["init"], found.later(2))
