"""What cannot be shown, or only in part: a sentence each, never a traceback, a half-written file or a wrong map."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from PIL import Image

import selfsup
from selfsup import WordVectors
from selfsup.errors import DataError, MissingError, OptionError, RunError
from selfsup.explorer import gather, mapping
from selfsup.explorer.scene import Scene

RNG = np.random.default_rng(0)
RUN = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def words(n=40, dim=4, **how):
    return WordVectors([f"w{row}" for row in range(n)], RNG.normal(size=(n, dim)).astype(np.float32), **how)


def whole(scene: Scene) -> None:
    """A scene that any page can show: every plane finite, every column as long as the points."""
    assert all(np.isfinite(plane.points).all() for plane in scene.planes if plane.points is not None)
    assert all(plane.points.shape == (len(scene), 2) for plane in scene.planes if plane.points is not None)
    assert all(len(column.values) == len(scene) for column in scene.columns)
    assert all(len(space.vectors) == len(scene) for space in scene.spaces)
    assert all(np.isfinite(np.asarray(space.vectors, np.float64)).all() for space in scene.spaces)
    assert scene.total >= len(scene)


# Few points, or alike


@pytest.mark.parametrize(
    "x",
    [
        np.ones((1, 3)), np.eye(2), np.zeros((50, 4)), np.ones((40, 1)), RNG.normal(size=(40, 1)), RNG.normal(size=(29, 5)),
        np.repeat(RNG.normal(size=(5, 4)), 20, axis=0), np.where(RNG.random((40, 3)) < 0.3, np.nan, 1.5),
        RNG.normal(size=(60, 4)) * [1e15, 1, 1e-15, 0], RNG.integers(0, 255, (1, 3, 8, 8)).astype(np.uint8),
        RNG.normal(size=(3, 2000)),
    ],
)  # fmt: skip
def test_what_there_is_is_shown(x):
    scene = selfsup.explore(x).scene
    whole(scene)
    assert len(scene) == len(x)
    if len(np.unique(x, axis=0)) < 30:
        assert [plane.name for plane in scene.planes] == ["PCA"]


def test_points_that_are_all_the_same_are_said_to_be():
    scene = selfsup.explore(np.zeros((50, 4))).scene
    assert scene.planes[0].note == "all points are the same"
    assert not scene.planes[0].points.any()


@pytest.mark.parametrize("map", ["tsne", "umap"])
def test_neighbourhoods_of_few_points_are_refused_by_name(map):
    with pytest.raises(
        OptionError, match="at least 30 different points in two directions; these are 12 in 3: take map='pca'"
    ):
        selfsup.explore(RNG.normal(size=(12, 3)), map=map)
    with pytest.raises(OptionError, match="these are 1 in 0"):
        selfsup.explore(np.ones((100, 3)), map=map)


def test_umap_that_is_not_installed_names_its_extra(monkeypatch):
    monkeypatch.setattr("selfsup.lazy.find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"umap: pip install .*\[maps\]"):
        mapping.Planes([mapping.Vectors(RNG.normal(size=(60, 3)).astype(np.float32))], "umap", 0)


# Vectors that are none


def test_vectors_that_are_not_finite_are_refused_by_their_word():
    vectors = words()
    vectors.vectors[7, 2] = np.nan
    with pytest.raises(DataError, match="the vector of 'w7' is not finite and has no place on a map"):
        selfsup.explore(vectors)
    with pytest.raises(DataError, match="'w7' is not finite"):
        selfsup.explore(words(), beside=vectors)
    with pytest.raises(DataError, match="every value is missing"):
        selfsup.explore(np.full((40, 3), np.nan))


def test_vectors_of_zeros_lie_in_the_middle():
    vectors = words()
    vectors.vectors[3] = 0
    scene = selfsup.explore(vectors).scene
    whole(scene)
    assert not scene.spaces[0].vectors[3].any()
    whole(selfsup.explore(vectors.astype("int8")).scene)
    whole(selfsup.explore(WordVectors(["a", "b"], np.zeros((2, 3), np.float32))).scene)


def test_spaces_of_other_words_have_nothing_in_common():
    other = WordVectors(["other", "words"], np.eye(2, dtype=np.float32))
    with pytest.raises(DataError, match="before and after have no word in common: give vectors of the same words"):
        selfsup.explore(words(), beside=other)
    with pytest.raises(OptionError, match="option 'beside' must have vectors of words, as the first does; got 3"):
        selfsup.explore(words(), beside=3)


def test_word_vectors_take_no_options_of_data():
    for option, value in (("layer", "block1"), ("labels", [1] * 40), ("data", ["a text"]), ("label_column", "y")):
        with pytest.raises(
            OptionError, match=f"option '{option}' is for runs and for data; word vectors are shown as they are"
        ):
            selfsup.explore(words(), **{option: value})


@RUN
@given(
    names=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6), min_size=1, max_size=40, unique=True
    )
)
def test_words_of_any_characters_stay_as_they_are(names):
    scene = selfsup.explore(WordVectors(names, RNG.normal(size=(len(names), 3)).astype(np.float32)), map="pca").scene
    assert list(scene.names) == names
    whole(scene)


# Files


def test_files_that_hold_no_vectors_say_what_to_do(tmp_path):
    def said(name, content, match, kind=DataError):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(kind, match=match):
            selfsup.explore(tmp_path / name, out=tmp_path / "page.html")
        assert not (tmp_path / "page.html").exists()

    text = "a text is no vectors, and its words have none\n" * 20
    said(
        "book.txt",
        text.encode(),
        "book.txt is a text, and its words have no vectors yet; learn them.*--method skipgram",
    )
    said("empty.txt", b"", "is empty")
    said("half.txt", b"3 2\na 1 2\nb 1", "half.txt")
    said("gensim.model", b"\x80\x04\x95abc", "is a pickle.*never opened")
    said("vectors.npy", b"", "vectors.npy")
    said("words.zip", b"PK\x03\x04abc", "is a zip archive")
    said("table.csv", b"", "table.csv")
    said("photo.png", b"no picture", "photo.png")


def test_what_is_not_there_is_said_with_what_is_near(tmp_path):
    words().save(tmp_path / "vectors.txt")
    with pytest.raises(DataError, match="there is no data at .*vector.txt'; did you mean .*vectors.txt"):
        selfsup.explore(tmp_path / "vector.txt")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError, match="holds no image.*it is empty"):
        selfsup.explore(tmp_path / "nothing")
    with pytest.raises(DataError, match="the list is a text, and its words have no vectors yet"):
        selfsup.explore(["one text", "another"])
    with pytest.raises(DataError, match="cannot use a int as data"):
        selfsup.explore(3)


def test_photos_that_cannot_be_read_are_left_out_and_said(tmp_path):
    for number in range(3):
        Image.new("RGB", (9, 9), (number * 80, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    scene = selfsup.explore(tmp_path).scene
    assert list(scene.names) == ["0.png", "1.png", "2.png"]
    assert scene.notes == ("1 could not be read, the first: bad.png (not an image, or its header is damaged).",)
    with pytest.raises(DataError, match="1 of 4 images cannot be read"):
        selfsup.explore(tmp_path, on_bad="stop")


def test_names_that_are_equal_stay_so(tmp_path):
    for number in range(2):
        Image.new("RGB", (9, 9), (number * 80, 0, 0)).save(tmp_path / f"{number}.png")
    files = [str(tmp_path / "0.png"), str(tmp_path / "1.png"), str(tmp_path / "0.png")]
    scene = selfsup.explore(files).scene
    assert list(scene.names) == files
    assert scene.thumbnails([2])[0][0, 0].tolist() == [0, 0, 0]


def test_names_of_a_strangers_table_open_no_files(tmp_path):
    """A table with pictures in it may name any path: none of them is looked at."""
    import io

    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8), (255, 0, 0)).save(secret)
    with io.BytesIO() as file:
        Image.new("RGB", (8, 8), (0, 0, 255)).save(file, "PNG")
        held = file.getvalue()
    rows = [{"bytes": held, "path": str(secret)}, {"bytes": held, "path": "../secret.png"}]
    (tmp_path / "theirs").mkdir()
    pd.DataFrame({"image": rows, "caption": ["<b>one</b>", "two"]}).to_parquet(tmp_path / "theirs" / "photos.parquet")
    scene = selfsup.explore(tmp_path / "theirs" / "photos.parquet").scene
    for number in (0, 1):
        assert scene.thumbnails([number])[0][4, 4].tolist() == [0, 0, 255]
        assert scene.original(number).getpixel((40, 40)) == (0, 0, 255)
    assert [column.name for column in scene.columns] == ["caption"]


def test_many_points_are_drawn_and_said():
    x = np.broadcast_to(np.arange(10, dtype=np.float32), (300_000, 10))
    scene = selfsup.explore(np.array(x), limit=1000, map="pca").scene
    assert (len(scene), scene.total) == (1000, 300_000)
    assert scene.notes == ("1,000 of 300,000 are shown, drawn with seed 0.",)
    assert gather.Look().most(gather.WORDS, 100) == 1_000_000
    assert gather.Look().most(gather.WORDS, 4096) == 131_072


def test_rows_in_chunks_are_a_sample():
    chunks = (RNG.normal(size=(4000, 3)).astype(np.float32) for _ in range(5))
    scene = selfsup.explore(chunks, map="pca").scene
    assert len(scene) == 10_000
    assert scene.notes == ("These are 10,000 rows, drawn from 20,000.",)


# Runs


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    frame = pd.DataFrame(RNG.normal(size=(40, 4)), columns=list("abcd"))
    frame.to_csv(folder / "rows.csv", index=False)
    selfsup.fit(str(folder / "rows.csv"), "linear", n_components=2, out=folder / "run", evaluate=False, progress=False)
    return folder / "run"


def test_data_that_are_no_longer_there_are_asked_for(run, tmp_path):
    copy = shutil.copytree(run.parent, tmp_path / "copy")
    (run.parent / "rows.csv").rename(run.parent / "away.csv")
    try:
        with pytest.raises(
            DataError, match=r"are not at '.*rows.csv'; give data to be shown: data=, on the command line --data"
        ):
            selfsup.explore(copy / "run")
    finally:
        (run.parent / "away.csv").rename(run.parent / "rows.csv")
    given_in_memory = selfsup.fit(RNG.normal(size=(40, 4)), "linear", n_components=2, evaluate=False, progress=False)
    with pytest.raises(DataError, match="give data to be shown"):
        given_in_memory.explore()


def test_rows_that_lack_a_value_leave_with_all_their_columns(run):
    frame = pd.DataFrame(RNG.normal(size=(6, 4)), columns=list("abcd")).assign(
        note=[f"note {row} of it" for row in range(6)]
    )
    frame.loc[2, "b"] = np.nan
    with pytest.raises(DataError, match="1 value is missing"):
        selfsup.explore(run, frame)
    scene = selfsup.explore(run, frame, on_bad="skip", map="pca").scene
    whole(scene)
    note = next(column for column in scene.columns if column.name == "note")
    assert [note.classes[place] for place in note.values] == list(frame["note"].drop(2))
    assert scene.notes == ("1 could not be read, the first: row 2 (a value is missing).",)


def test_data_of_another_form_are_refused(run):
    with pytest.raises(DataError, match="the model takes"):
        selfsup.explore(run, RNG.normal(size=(9, 7)))
    with pytest.raises(OptionError, match="unknown layer 'nothing'"):
        selfsup.explore(run, layer="nothing")
    with pytest.raises(OptionError, match="option 'column' is for texts"):
        selfsup.explore(run, column="a")
    with pytest.raises(OptionError, match="option 'beside' must be a model here"):
        selfsup.load(run).explore(beside="elsewhere")
    with pytest.raises(OptionError, match="option 'map' must be one of"):
        selfsup.explore(run, map="isomap")
    with pytest.raises(OptionError, match="option 'limit' must be"):
        selfsup.explore(run, limit=0)
    with pytest.raises(OptionError, match="option 'data' is for runs and word vectors; the ndarray is data that no"):
        selfsup.explore(np.eye(3), data=np.eye(3))


def test_two_models_must_read_the_same_rows(run, tmp_path):
    frame = pd.DataFrame(RNG.normal(size=(40, 2)), columns=list("ab"))
    other = selfsup.fit(frame, "linear", n_components=2, evaluate=False, progress=False)
    scene = selfsup.explore(run, beside=other).scene  # columns are matched by name
    assert len(scene.spaces) == 2
    words_ = selfsup.load(_vectors(tmp_path))
    with pytest.raises(DataError, match="has no columns of text"):
        selfsup.explore(run, beside=words_)


def _vectors(tmp_path):
    words().save(tmp_path / "words.txt")
    return tmp_path / "words.txt"


def test_a_text_run_without_vectors_of_words_asks_for_texts(run):
    text = ["the cat sat on the mat", "the dog lay on the rug"] * 40
    model = selfsup.fit(text, "skipgram", dim=4, min_count=1, epochs=1, evaluate=False, progress=False)
    with pytest.raises(OptionError, match="option 'layer' is for codes of data"):
        model.explore(layer="block1")
    model.word_vectors = None
    with pytest.raises(DataError, match="this run has no vectors of words; give texts whose codes are shown"):
        model.explore()


def test_a_damaged_run_is_said_to_be(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"width": 3}))
    with pytest.raises(RunError, match="has changed since it was written"):
        selfsup.explore(copy)


def test_a_place_that_is_taken_is_said_before_anything_is_computed(tmp_path, monkeypatch):
    (tmp_path / "page.html").write_text("mine")
    monkeypatch.setattr(gather, "of_words", None)  # would be called
    with pytest.raises(RunError, match="page.html exists"):
        selfsup.explore(words(), out=tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == "mine"
