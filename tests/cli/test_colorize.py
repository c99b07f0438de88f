"""Painting: arrays by `model.colorize`, photos by `selfsup colorize`, whole or not at all."""

import os
import stat

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import selfsup
from selfsup.cli.colorize import staged, targets
from selfsup.cli.main import main
from selfsup.data.images.decode import Canvas, decode
from selfsup.errors import DataError, OptionError, RunError
from selfsup.hide.lab import lightness, to_lab
from selfsup.model.colour import _bands
from selfsup.testing import pictures


def colours(n, side=16, seed=0):
    x = pictures(n, 3, side, side, seed)
    x[:, 2] *= 0.4  # yellowish
    return (x * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("colour") / "run"
    selfsup.fit(colours(60), "colorization", out=folder, epochs=3, hidden=(8, 8), evaluate=False, progress=False)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    folder = tmp_path_factory.mktemp("other") / "run"
    selfsup.fit(colours(60), "rotation", out=folder, epochs=1, hidden=(8, 8), evaluate=False, progress=False)
    return folder


@pytest.fixture
def photos(tmp_path):
    """A colour JPEG, a grey PNG, one with a palette in a sub-folder, and one that is turned."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (50, 70, 3), np.uint8)).save(folder / "one.jpg")
    Image.fromarray(rng.integers(0, 256, (33, 20), np.uint8)).save(folder / "two.png")
    Image.fromarray(rng.integers(0, 256, (24, 24), np.uint8)).convert("P").save(folder / "sub" / "three.gif")
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8)).save(folder / "four.jpeg", exif=exif)
    return folder


def lightness_of(rgb):
    return lightness(torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None].float() / 255)[0, 0].numpy()


# arrays


def test_the_lightness_is_kept_and_colours_are_guessed(run):
    model = selfsup.load(run)
    x = colours(5)
    made = model.colorize(x)
    assert made.shape == (5, 3, 16, 16)
    assert made.dtype == np.float32
    assert made.min() >= 0
    assert 1 < made.max() <= 255  # in the units of the data
    before, after = (lightness(torch.from_numpy(np.asarray(a, np.float32)) / 255) for a in (x, made))
    inside = np.all((made > 1) & (made < 254), 1)  # where nothing was clipped
    assert np.abs((before - after).numpy()[:, 0][inside]).max() < 0.1
    assert to_lab(torch.from_numpy(made) / 255)[:, 2].mean() > 3  # yellow, as everything it saw


def test_grey_images_of_one_channel_or_three_and_channels_last(run):
    model = selfsup.load(run)
    grey = colours(4)[:, :1]
    made = model.colorize(grey)
    assert np.allclose(made, model.colorize(grey[:, 0]), atol=1e-3)
    assert np.allclose(made, model.colorize(np.repeat(grey, 3, 1)), atol=0.5)
    assert np.allclose(made, model.colorize(np.repeat(grey, 3, 1).transpose(0, 2, 3, 1)), atol=0.5)
    assert np.allclose(made, model.colorize(grey.astype(np.float32)), atol=1e-3)


@pytest.mark.parametrize("sides", [(16, 16), (40, 24), (8, 8), (17, 90), (3, 200)])
def test_images_of_any_size(run, sides):
    model = selfsup.load(run)
    made = model.colorize(np.random.default_rng(0).integers(0, 256, (2, 3, *sides), np.uint8))
    assert made.shape == (2, 3, *sides)
    assert np.isfinite(made).all()


def test_a_model_of_floats_gives_floats():
    model = selfsup.fit(
        colours(40) / np.float32(255), "colorization", epochs=1, hidden=(8, 8), evaluate=False, progress=False
    )
    made = model.colorize(colours(3) / np.float32(255))
    assert made.max() <= 1
    assert np.allclose(made, model.colorize(colours(3)), atol=1e-3)  # bytes are known for what they are


def test_what_is_no_image_or_no_painter_is_refused(run, other):
    model = selfsup.load(run)
    with pytest.raises(DataError, match="1 or 3 channels"):
        model.colorize(np.zeros((2, 5)))
    with pytest.raises(DataError, match="1 or 3 channels"):
        model.colorize(np.zeros((2, 5, 9, 9)))
    with pytest.raises(OptionError, match="'rotation' guesses no colours: .* train a model by method 'colorization'"):
        selfsup.load(other).colorize(colours(2))


def test_bands_are_what_interpolation_gives(monkeypatch):
    monkeypatch.setattr("selfsup.model.colour.BAND", 100)
    ab = torch.randn(1, 2, 7, 5)
    made = torch.cat([part for _, part in _bands(ab, 50, 37)], 2)
    assert torch.allclose(made, F.interpolate(ab, (50, 37), mode="bilinear", align_corners=False), atol=1e-5)
    assert [rows for rows, _ in _bands(ab, 50, 37)][:2] == [slice(0, 2), slice(2, 4)]


# photos


def test_photos_are_painted_at_their_own_size(run, photos, tmp_path, capsys):
    out = tmp_path / "deep" / "coloured"
    assert main(["colorize", str(run), str(photos), "--out", str(out)]) == 0
    assert "4 photos painted" in capsys.readouterr().out
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert names == ["four.png", "one.png", "sub/three.png", "two.png"]
    for name, source, size in [
        ("one.png", "one.jpg", (70, 50)),
        ("two.png", "two.png", (20, 33)),
        ("four.png", "four.jpeg", (30, 40)),
    ]:
        with Image.open(out / name) as image:
            assert image.size == size
            assert image.mode == "RGB"
            made = np.asarray(image)
        original = np.empty((3, size[1], size[0]), np.uint8)
        decode(photos / source, Canvas(3, size[1], size[0]), original)
        inside = np.all((made > 2) & (made < 253), 2)
        apart = np.abs(lightness_of(made) - lightness_of(original.transpose(1, 2, 0)))
        assert apart[inside].max() < 1.5
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        assert stat.S_IMODE(out.stat().st_mode) == 0o777 & ~mask
    assert [path.name for path in out.parent.iterdir()] == ["coloured"]


def test_one_photo(run, photos, tmp_path, capsys):
    assert main(["colorize", str(run), str(photos / "one.jpg"), "--out", str(tmp_path / "c")]) == 0
    assert "1 photo painted" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["one.png"]


def test_a_folder_that_exists_is_not_written_into_unasked(run, photos, tmp_path, capsys):
    out = tmp_path / "c"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    (out / "one.png").write_text("old")
    words = ["colorize", str(run), str(photos), "--out", str(out)]
    assert main(words) == 1
    assert "exists; choose another place, or set option 'overwrite'" in capsys.readouterr().err
    assert (out / "one.png").read_text() == "old"
    assert main([*words, "--overwrite"]) == 0
    assert (out / "mine.txt").read_text() == "mine"
    assert Image.open(out / "one.png").size == (70, 50)
    assert (out / "sub" / "three.png").is_file()


def test_bad_photos_are_named_and_nothing_is_written(run, photos, tmp_path, capsys):
    (photos / "broken.jpg").write_bytes((photos / "one.jpg").read_bytes()[:400])
    (photos / "empty.png").write_bytes(b"")
    out = tmp_path / "c"
    words = ["colorize", str(run), str(photos), "--out", str(out)]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "2 of 6 photos cannot be read; mend or remove them, or leave them out with --on-bad skip" in said
    assert "broken.jpg: damaged" in said
    assert "empty.png: empty file" in said
    assert not out.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]
    assert main([*words, "--on-bad", "skip"]) == 0
    said = capsys.readouterr().out
    assert "4 photos painted" in said
    assert "2 files could not be read and were left out: broken.jpg, empty.png" in said
    assert len(list(out.rglob("*.png"))) == 4


def test_photos_are_never_written_over(run, photos, tmp_path, capsys):
    for place in (photos, photos / "sub", photos / "new"):
        assert main(["colorize", str(run), str(photos), "--out", str(place), "--overwrite"]) == 1
        assert "choose another place" in capsys.readouterr().err
    assert main(["colorize", str(run), str(photos / "two.png"), "--out", str(photos), "--overwrite"]) == 1
    assert main(["colorize", str(run), str(photos / "two.png"), "--out", str(photos / "one.jpg")]) == 1
    assert "is a file" in capsys.readouterr().err
    assert Image.open(photos / "two.png").mode == "L"


def test_wrong_words(run, other, photos, tmp_path, capsys):
    out = str(tmp_path / "c")
    for words, said in [
        ([str(other), str(photos)], "guesses no colours"),
        ([str(run), str(tmp_path / "photo")], "did you mean"),
        ([str(run), str(run / "config.json")], "is no photo"),
        ([str(run), str(run)], "holds no photo"),
        ([str(tmp_path / "nothing"), str(photos)], "there is no run folder"),
    ]:
        assert main(["colorize", *words, "--out", out]) in (1, 2)
        assert said in capsys.readouterr().err
    assert not os.path.exists(out)


def test_names_that_would_be_the_same_keep_their_suffix():
    assert targets(["a.jpg", "b/c.PNG"]) == ["a.png", "b/c.png"]
    assert targets(["a.jpg", "a.png", "b.gif"]) == ["a.jpg.png", "a.png.png", "b.png"]
    assert targets(["a.jpg", "a.png", "a.jpg.png"]) == ["a.jpg.png", "a.png.png", "a.jpg.png.png"]


def test_what_was_begun_is_gone_if_anything_goes_wrong(tmp_path):
    def interrupted():
        with staged(tmp_path / "c") as made:
            (made / "x").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write"), staged(tmp_path / "file" / "c"):
        pass
