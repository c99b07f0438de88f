"""search, duplicates, outliers: planted rows are found, in Python and on the command line, and bad input is a sentence."""

import csv
import io

import numpy as np
import pytest
from PIL import Image

import selfsup
from conftest import table
from selfsup.cli.main import main
from selfsup.errors import DataError, OptionError

SIDE, MANY = 32, 60
RNG = np.random.default_rng(0)


def photo(rng):
    """Colour that goes smoothly over the picture, and some squares."""
    small = rng.integers(0, 256, (4, 4, 3)).astype(np.uint8)
    image = np.asarray(Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC)).copy()
    for _ in range(3):
        top, left = rng.integers(0, SIDE - 8, 2)
        image[top : top + 8, left : left + 8] = rng.integers(0, 256, 3)
    return image  # (H, W, C)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photos, some of them again: the same file, as a worse JPEG, shifted by a pixel, mirrored; and two images of noise."""
    path, rng = tmp_path_factory.mktemp("data") / "photos", np.random.default_rng(1)
    path.mkdir()
    for number in range(MANY):
        Image.fromarray(photo(rng)).save(path / f"p{number:02d}.png")
    first = [np.asarray(Image.open(path / f"p{number:02d}.png")) for number in range(4)]
    Image.fromarray(first[0]).save(path / "same.png")
    Image.fromarray(first[1]).save(path / "jpeg.jpg", quality=80)
    Image.fromarray(np.roll(first[2], 1, axis=1)).save(path / "shifted.png")
    Image.fromarray(first[3][:, ::-1].copy()).save(path / "mirrored.png")
    for number in range(2):
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)).save(path / f"noise{number}.png")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory, folder):
    out = tmp_path_factory.mktemp("runs") / "a"
    selfsup.fit(folder, "linear", n_components=16, out=out, evaluate=False, progress=False)
    return out


@pytest.fixture(scope="module")
def model(run):
    return selfsup.load(run)


def asked(capsys, *words):
    """Exit code, standard output and standard error of a command."""
    code = main([*map(str, words), "--no-progress"])
    return code, *capsys.readouterr()


def test_search_finds_what_was_planted_and_leaves_the_query_out(model, folder):
    for query, twin in (("jpeg.jpg", "p01.png"), ("shifted.png", "p02.png")):
        found = model.search(folder / query, folder, k=5)
        assert found.names[0][0] == twin
        assert found.rows.shape == found.similarities.shape == (1, 5)
        assert (np.diff(found.similarities) <= 0).all()
        names = model.open(folder, progress=False).names
        assert [names[row] for row in found.itself[0]] == [query]
        assert query not in found.names[0]


def test_every_copy_of_the_query_is_left_out_and_named(model, folder):
    names = model.open(folder, progress=False).names
    found = model.search(folder / "p00.png", folder)
    assert [names[row] for row in found.itself[0]] == ["p00.png", "same.png"]
    assert not {"p00.png", "same.png"} & set(found.names[0])


def test_search_takes_arrays_and_several_queries(model, folder):
    x = model.open(folder, progress=False).x
    found = model.search(x[:3], x, k=4)
    assert found.rows.shape == (3, 4)
    assert found.names[0] == [str(row) for row in found.rows[0]]
    one = model.search(x[1:2], x, k=4)
    assert one.rows[0].tolist() == found.rows[1].tolist()


def test_fewer_rows_than_asked_for_are_all_given(model, folder):
    x = model.open(folder, progress=False).x
    assert model.search(x[:1], x[:4], k=9).rows.shape == (1, 3)
    with pytest.raises(DataError, match="nothing but the query itself"):
        model.search(x[:1], x[:1])


def test_duplicates_tell_the_same_from_the_near(model, folder):
    found = model.duplicates(folder)
    pairs = [tuple(found.names[row] for row in pair) for pair in found.rows.tolist()]
    told = dict(zip(map(frozenset, pairs), found.exact.tolist(), strict=True))
    assert told[frozenset(("p00.png", "same.png"))]
    assert told[frozenset(("p01.png", "jpeg.jpg"))] is False
    assert sum(told.values()) == 1
    assert len(pairs) <= 3  # of 66 rows: those that were planted
    assert 0.5 < found.above < 1
    assert {frozenset(group) for group in found.groups} >= {
        frozenset(model.open(folder, progress=False).names.index(name) for name in ("p00.png", "same.png"))
    }


def test_a_threshold_that_is_asked_for_is_kept(model, folder):
    wide, narrow = model.duplicates(folder, 0.4), model.duplicates(folder, 0.999)
    assert len(wide.rows) > len(narrow.rows) >= 1
    assert (wide.similarities >= 0.4).all()
    assert {"p02.png", "shifted.png"} in [{wide.names[row] for row in pair} for pair in wide.rows.tolist()]


def test_many_rows_of_the_same_values_are_pairs_with_the_first(model):
    x = np.zeros((400, 3, SIDE, SIDE), np.uint8)
    x[0] = 255
    found = model.duplicates(x)
    assert found.exact.sum() == 398
    assert set(found.rows[found.exact][:, 0].tolist()) == {1}
    assert found.groups[0] == list(range(1, 400))


def test_noise_among_photos_is_an_outlier(folder):
    net = selfsup.fit(folder, "rotation", net="conv", hidden=(8, 16), epochs=2, evaluate=False, progress=False)
    for layer in (None, "block1"):
        found = net.outliers(folder, k=5, layer=layer)
        assert (np.diff(found.distances) <= 0).all()
        assert sorted(found.rows.tolist()) == list(range(MANY + 6))
        assert {"noise0.png", "noise1.png"} <= set(found.names[:4])
    assert net.outliers(folder, k=10_000).k == MANY + 5


def test_tables_have_lists(tmp_path, capsys):
    x = table(80)
    x[7], x[9] = x[3], x[3] + 1e-4
    x[11] = 25.0
    model = selfsup.fit(x, "linear", out=tmp_path / "t", evaluate=False, progress=False)
    found = model.duplicates(x)
    assert found.rows[found.exact].tolist() == [[3, 7]]
    assert [3, 9] in found.rows.tolist()
    assert model.outliers(x).rows[0] == 11
    np.save(tmp_path / "x.npy", x)
    code, _, err = asked(capsys, "outliers", tmp_path / "t", tmp_path / "x.npy", "--out", tmp_path / "o.png")
    assert code == 2
    assert "a sheet (.png) shows grey and colour images" in err
    code, _, err = asked(capsys, "duplicates", tmp_path / "t", tmp_path / "x.npy", "--out", tmp_path / "d.csv")
    assert code == 0, err
    rows = list(csv.DictReader(io.StringIO((tmp_path / "d.csv").read_text())))
    assert rows[0] == {"first": "3", "second": "7", "similarity": "1.0", "kind": "same"}


def test_the_command_line_lists_and_draws(run, folder, tmp_path, capsys):
    sheet = tmp_path / "near.png"
    code, out, err = asked(capsys, "search", run, folder / "jpeg.jpg", "--among", folder, "-k", 4, "--out", sheet)
    assert code == 0, err
    assert out.splitlines()[0] == f"jpeg.jpg: the 4 most similar of {MANY + 6}"
    assert out.splitlines()[1].split()[1] == "p01.png"
    assert "left out, as the same: jpeg.jpg" in out
    assert Image.open(sheet).size[0] > 5 * 128
    assert asked(capsys, "search", run, folder / "jpeg.jpg", "--among", folder, "--k", 4)[1] in out
    code, out, err = asked(capsys, "duplicates", run, folder, "--out", tmp_path / "d.png")
    assert code == 0, err
    assert "1 of 66 are the same as one before" in out
    assert "chosen from these data" in out
    Image.open(tmp_path / "d.png").verify()
    code, out, err = asked(capsys, "outliers", run, folder, "-k", 5, "--out", tmp_path / "o.csv")
    assert code == 0, err
    assert len((tmp_path / "o.csv").read_text().splitlines()) == MANY + 7


def test_a_fit_of_photos_says_how_to_search_them(folder, tmp_path, capsys):
    how = ("--method", "linear", "--n-components", 4, "--no-evaluate", "--out", tmp_path / "r")
    code, out, err = asked(capsys, "fit", folder, *how)
    assert code == 0, err
    command = out.splitlines()[-1].split()
    assert command[:3] == ["selfsup", "search", str(tmp_path / "r")]
    code, out, err = asked(capsys, *command[1:-1], tmp_path / "nearest.png")  # as it stands there, but for the place
    assert code == 0, err
    assert (tmp_path / "nearest.png").is_file()


def test_bad_input_is_a_sentence(run, model, folder, tmp_path, capsys):
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    among = ("--among", folder)
    for words, code, said in (
        (("search", run, tmp_path / "broken.jpg", *among), 1, "broken.jpg: not an image"),
        (("search", run, tmp_path / "gone.jpg", *among), 1, "gone.jpg"),
        (("search", run, folder / "p00.png"), 2, "missing: --among"),
        (("search", run, folder / "p00.png", *among, "-k", 0), 2, "must be a whole number at least 1"),
        (("search", run, folder / "p00.png", *among, "-k"), 2, "needs a value"),
        (("search", run, folder / "p00.png", *among, "--layer", "cod"), 2, "did you mean 'code'"),
        (("search", run, folder / "p00.png", *among, "--out", tmp_path / "x.jpg"), 2, "--out must end in .png"),
        (("duplicates", run, folder / "p00.png"), 1, "at least 2 are needed"),
        (("outliers", run, folder / "p00.png"), 1, "at least 2 are needed"),
        (("duplicates", run, folder, "--above", 2), 2, "'--above' must be a number from -1 to 1"),
    ):
        got, _, err = asked(capsys, *words)
        assert got == code, err
        assert said in err
        assert "Traceback" not in err
    assert not list(tmp_path.glob("*.png"))
    with pytest.raises(OptionError, match="'k' must be a whole number at least 1; got 0"):
        model.outliers(folder, k=0)
    with pytest.raises(DataError):
        model.search(table(3), folder)


def test_a_run_of_words_says_where_to_ask(tmp_path):
    words = selfsup.fit(
        ["the sea is wide", "the ship is on the sea"] * 40, dim=4, epochs=1, min_count=1, progress=False
    )
    for ask in (
        lambda: words.search(["sea"], ["ship"]),
        lambda: words.duplicates(["a"]),
        lambda: words.outliers(["a"]),
    ):
        with pytest.raises(OptionError, match="most_similar"):
            ask()
