"""Image folders: every format and mode, sizes, labels, splits, damage, cache."""

import io
import logging
import os
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

from selfsup.data import BadFile, Form, open_data
from selfsup.data.images import decode, images
from selfsup.data.images.decode import Canvas
from selfsup.errors import DataError
from selfsup.system import cache

RNG = np.random.default_rng(2)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("SELFSUP_CACHE", str(tmp_path_factory.mktemp("cache")))


def picture(height=16, width=16, mode="RGB", seed=0):
    values = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values).convert(mode)


def fill(root, names, **form):
    for place, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(seed=place, **form).save(root / name)


def opened(root, **options):
    return open_data(root, **{"progress": False, **options})


@pytest.mark.parametrize("suffix", ["png", "PNG", "bmp", "tif", "tiff", "jpg", "JPEG", "webp"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_formats(tmp_path, suffix, mode):
    image = picture(mode=mode)
    lossless = {"lossless": True} if suffix == "webp" else {}
    image.save(tmp_path / f"a.{suffix}", **lossless)
    made = opened(tmp_path)
    grey = mode == "L" and suffix != "webp"  # webp has no grey mode
    assert made.x.shape == (1, 1 if grey else 3, 16, 16)
    assert made.x.dtype == np.uint8
    expected = np.asarray(Image.open(tmp_path / f"a.{suffix}"))
    np.testing.assert_array_equal(made.x[0, 0], expected if expected.ndim == 2 else expected[..., 0])
    assert made.names == [f"a.{suffix}"]
    assert (made.form.low, made.form.high) == (0.0, 255.0)


def decoded(image, channels, suffix="png", **options):
    file = io.BytesIO()
    image.save(file, {"png": "PNG", "tif": "TIFF", "gif": "GIF", "jpg": "JPEG"}[suffix], **options)
    out = np.empty((channels, image.size[1], image.size[0]), np.uint8)
    decode.decode(file.getvalue(), Canvas(*out.shape), out)
    return out, decode.head(file.getvalue())


def test_mode_1():
    image = Image.fromarray(RNG.integers(0, 2, (8, 8)).astype(bool))
    out, head = decoded(image, 1)
    assert head.grey
    np.testing.assert_array_equal(out[0], np.asarray(image) * 255)


def test_transparency_is_laid_over_white():
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    assert (decoded(clear, 3)[0] == 255).all()
    assert abs(int(decoded(half, 3)[0][0, 0, 0]) - 127) <= 1
    out, head = decoded(Image.new("LA", (4, 4), (0, 0)), 1)
    assert head.grey
    assert (out == 255).all()
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    assert decoded(palette, 3)[0][:, 0, 0].tolist() == [10, 20, 30]
    assert (decoded(palette, 3, transparency=0)[0] == 255).all()
    assert (decoded(Image.new("RGB", (4, 4), (1, 2, 3)), 3, transparency=(1, 2, 3))[0] == 255).all()
    assert (decoded(Image.new("L", (4, 4), 9), 1, transparency=9)[0] == 255).all()


def test_cmyk():
    out, head = decoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), 3, "jpg")
    assert not head.grey
    assert out[0].mean() > 240
    assert out[1].mean() < 15


def test_16_bits_and_floats():
    ramp = (np.arange(64, dtype=np.uint32).reshape(8, 8) * 1040).astype(np.uint16)
    for suffix in ("png", "tif"):
        out, head = decoded(Image.fromarray(ramp), 1, suffix)
        assert head.grey
        np.testing.assert_array_equal(out[0], np.round(ramp / 257).astype(np.uint8))
    out, _ = decoded(Image.fromarray(ramp.astype(np.int32)), 1, "tif")
    np.testing.assert_allclose(out[0], ramp / 257, atol=0.51)
    unit = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    for scale in (1, 255, 1e6):
        out, head = decoded(Image.fromarray(unit * np.float32(scale)), 1, "tif")
        assert head.grey
        np.testing.assert_allclose(out[0], unit * 255, atol=0.51)
    with pytest.raises(decode.Unreadable, match="not finite"):
        decoded(Image.fromarray(np.full((4, 4), np.nan, np.float32)), 1, "tif")


def test_gif_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert opened(tmp_path).x[0, :, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, orientation, suffix):
    upright = np.zeros((16, 24), np.uint8)
    upright[:8, :8] = 250  # the top left is light
    upright[8:, 16:] = 120
    turns = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.T,
        6: np.rot90(upright, 1), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1),
    }  # fmt: skip
    exif = Image.Exif()
    exif[274] = orientation
    options = {"quality": 100} if suffix in ("jpg", "webp") else {}
    image = Image.fromarray(np.ascontiguousarray(turns[orientation]))
    image.save(tmp_path / f"a.{suffix}", exif=exif, **options)
    made = opened(tmp_path)
    assert made.x.shape[2:] == (16, 24)
    np.testing.assert_allclose(made.x[0, 0].astype(int), upright, atol=12)


def test_a_damaged_exif_block_is_ignored(tmp_path):
    picture().save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    assert len(opened(tmp_path)) == 1


def test_grey_only_if_all_are(tmp_path):
    fill(tmp_path, ["a.png"], mode="L")
    assert opened(tmp_path).x.shape[1] == 1
    fill(tmp_path, ["b.png"], mode="RGB")
    made = opened(tmp_path)
    assert made.x.shape == (2, 3, 16, 16)
    assert (made.x[0, 0] == made.x[0, 2]).all()


@pytest.mark.parametrize(
    ("sizes", "size", "expected", "note"),
    [
        ([(20, 30), (20, 30)], None, (20, 30), ""),
        ([(128, 40)], None, (128, 40), ""),
        ([(129, 40)], None, (40, 40), "short side resized to 40"),
        ([(300, 200), (210, 250)], None, (96, 96), "short side resized to 96, centre crop"),
        ([(20, 30), (43, 31)], None, (16, 16), "short side resized to 16"),
        ([(6, 6), (7, 7)], None, (16, 16), "short side resized to 16"),
        ([(20, 30)], 10, (10, 10), "short side resized to 10"),
        ([(20, 20)], 20, (20, 20), ""),
    ],
)
def test_sizes(tmp_path, sizes, size, expected, note):
    for place, (height, width) in enumerate(sizes):
        picture(height, width).save(tmp_path / f"{place}.png")
    made = opened(tmp_path, size=size)
    assert made.x.shape[2:] == expected
    assert made.form.side == size
    assert made.note.startswith(note)
    assert bool(made.note) == bool(note)
    assert made.note in made.describe()


def test_resizing_keeps_the_centre(tmp_path):
    values = np.zeros((40, 80, 3), np.uint8)
    values[:, 20:60] = 255
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values).resize((400, 200)).save(tmp_path / "b.jpg", quality=95)
    made = opened(tmp_path, size=40)
    assert (made.x[0] == 255).all()  # a cut without resampling
    assert made.x[1].mean() > 240
    assert made.x[1][:, :, 2:-2].min() > 200


def test_labels_are_the_sub_folders(tmp_path):
    fill(tmp_path, ["dog/b.png", "cat/deep/x.PNG", "dog/a.jpg", "cat/y.png"])
    (tmp_path / "readme.txt").write_text("no image")
    (tmp_path / "cat/.hidden.png").write_bytes(b"no image")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/x.png").write_bytes(b"no image")
    made = opened(tmp_path)
    assert made.names == ["cat/deep/x.PNG", "cat/y.png", "dog/a.jpg", "dog/b.png"]
    assert made.classes == ("cat", "dog")
    assert made.labels.tolist() == [0, 0, 1, 1]
    assert made.labels.dtype == np.int64
    assert "2 classes used for evaluation only" in made.describe()
    limited = opened(tmp_path, limit=2)  # evenly spread, so that both classes are met
    assert limited.names == ["cat/deep/x.PNG", "dog/a.jpg"]
    given = opened(tmp_path, labels=[5, 6, 7, 8], limit=2)
    assert given.classes == ("5", "7")
    with pytest.raises(DataError, match="3 labels for 4 rows"):
        opened(tmp_path, labels=[1, 2, 3])
    with pytest.raises(DataError, match="names of the sub-folders"):
        opened(tmp_path, label_column="label")


def test_no_labels_from_one_sub_folder_or_loose_images(tmp_path):
    fill(tmp_path / "one", ["all/a.png", "all/b.png"])
    assert opened(tmp_path / "one").labels is None
    fill(tmp_path / "loose", ["cat/a.png", "dog/b.png", "c.png"])
    assert opened(tmp_path / "loose").labels is None


def test_links_that_go_in_circles(tmp_path):
    fill(tmp_path, ["a/a.png"])
    (tmp_path / "a/again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "b").symlink_to(tmp_path / "a", target_is_directory=True)
    assert opened(tmp_path).names == ["a/a.png"]


@pytest.mark.parametrize("word", ["test", "val", "valid", "validation", "Test"])
def test_train_and_test(tmp_path, word):
    fill(tmp_path, ["train/cat/a.png", "train/dog/b.png"], mode="L", height=20, width=20)
    fill(tmp_path, [f"{word}/cat/c.png", f"{word}/dog/d.png", f"{word}/dog/e.png"], height=40, width=40)
    made = opened(tmp_path, limit=1)
    assert made.names == ["cat/a.png"]
    assert made.test.x.shape == (3, 1, 20, 20)  # in the form of the training part
    assert made.test.classes == made.classes == ("cat", "dog")
    assert made.test.labels.tolist() == [0, 1, 1]
    assert made.test.form == made.form
    assert made.describe().endswith("+ 3 test")


def test_splits_that_do_not_match(tmp_path):
    fill(tmp_path, ["train/cat/a.png", "train/dog/b.png", "test/cow/c.png", "test/cat/d.png"])
    with pytest.raises(DataError, match="has classes that .*train lacks: cow"):
        opened(tmp_path)
    fill(tmp_path / "flat", ["train/cat/a.png", "train/dog/b.png", "test/1.png", "val/cat/c.png", "val/dog/d.png"])
    assert len(opened(tmp_path / "flat").test) == 2  # the labelled one of the two
    fill(tmp_path / "none", ["train/a.png", "test/b.png"])
    made = opened(tmp_path / "none")
    assert made.test.labels is None
    assert made.labels is None


def damaged(root):
    """Five good files and four bad ones."""
    fill(root, [f"good{place}.png" for place in range(5)])
    (root / "a_empty.png").write_bytes(b"")
    (root / "b_text.jpg").write_text("<html>not found</html>")
    file = io.BytesIO()
    picture(64, 64).save(file, "JPEG")
    (root / "c_short.jpg").write_bytes(file.getvalue()[: len(file.getvalue()) // 2])
    whole = bytearray((root / "good1.png").read_bytes())
    whole[60:80] = b"\0" * 20
    (root / "good9_damaged.png").write_bytes(whole)


def test_bad_files_stop_with_a_list(tmp_path):
    damaged(tmp_path)
    with pytest.raises(DataError) as caught:
        opened(tmp_path)
    text = str(caught.value)
    assert "4 of 9 images cannot be read" in text
    assert "--on-bad skip" in text
    assert "a_empty.png: empty file" in text
    assert "b_text.jpg: not an image" in text
    assert "c_short.jpg: damaged: image file is truncated" in text
    assert "good9_damaged.png: damaged" in text
    with pytest.raises(DataError) as again:  # from the cache
        opened(tmp_path)
    assert str(again.value) == text


def test_bad_files_are_skipped(tmp_path):
    damaged(tmp_path)
    for use_cache in (False, True, True):
        made = opened(tmp_path, on_bad="skip", cache=use_cache, labels=range(9), size=16)
        assert made.names == [f"good{place}.png" for place in range(5)]
        assert [file.name for file in made.bad] == ["a_empty.png", "b_text.jpg", "c_short.jpg", "good9_damaged.png"]
        assert made.bad[0] == BadFile("a_empty.png", "empty file")
        assert len(made.x) == 5
        assert made.labels.tolist() == [3, 4, 5, 6, 7]
        for place in range(5):
            np.testing.assert_array_equal(made.x[place].transpose(1, 2, 0), np.asarray(picture(seed=place)))
        assert "4 unreadable files skipped" in made.describe()


def test_only_five_bad_files_are_named(tmp_path):
    for place in range(7):
        (tmp_path / f"{place}.png").write_bytes(b"")
    for on_bad in ("stop", "skip"):
        with pytest.raises(DataError, match=r"7 of 7 images cannot be read; none is left(.|\n)*and 2 more") as caught:
            opened(tmp_path, on_bad=on_bad)
        assert str(caught.value).count("empty file") == 5


def test_decompression_bomb(tmp_path):
    def chunk(kind, content):
        return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)

    for name, side in (("a.png", 20_000), ("b.png", 12_000)):
        header = side.to_bytes(4) + side.to_bytes(4) + bytes([8, 2, 0, 0, 0])
        body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    fill(tmp_path, ["c.png"])
    with pytest.raises(DataError, match=r"a.png: more than 100 million pixels(.|\n)*b.png: .*12,000 x 12,000"):
        opened(tmp_path)


def test_programs_are_never_started(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(DataError, match="not an image"):
        opened(tmp_path)


def test_empty_folders(tmp_path):
    with pytest.raises(DataError, match="holds no image .*it is empty"):
        opened(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError, match="it holds notes.txt"):
        opened(tmp_path, reader="samples")
    (tmp_path / "x.npy").write_bytes(b"")
    with pytest.raises(DataError, match="did you mean .*x.npy"):
        opened(tmp_path)


def test_too_little_memory(tmp_path, monkeypatch):
    fill(tmp_path, ["a.png"])
    monkeypatch.setattr("selfsup.system.memory.available", lambda: 500)
    with pytest.raises(DataError, match=r"1 images of 16x16 need 768 bytes .* 500 bytes .*--size, or --limit"):
        opened(tmp_path)


def test_the_cache_is_used_and_follows_the_files(tmp_path, monkeypatch):
    fill(tmp_path, ["a.png", "b.png"])
    first = opened(tmp_path)
    calls = []
    real = images.decode
    monkeypatch.setattr(images, "decode", lambda *given: (calls.append(1), real(*given)))
    again = opened(tmp_path)
    assert not calls
    assert again.fingerprint == first.fingerprint
    np.testing.assert_array_equal(again.x, first.x)
    assert again.samples()[slice(None)].shape == (2, 3, 16, 16)
    opened(tmp_path, cache=False)
    assert len(calls) == 2
    os.utime(tmp_path / "a.png", (1, 1))
    assert opened(tmp_path).fingerprint != first.fingerprint
    assert len(calls) == 4
    opened(tmp_path, size=8)
    opened(tmp_path, limit=1)
    assert len(calls) == 7
    assert not [path for path in cache.folder().iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("harm", ["values", "truncate", "words", "foreign", "missing"])
def test_a_damaged_cache_is_made_anew(tmp_path, caplog, harm):
    fill(tmp_path, ["a.png", "b.png"])
    first = opened(tmp_path)
    values = next(cache.folder().glob("*.npy"))
    words = values.with_suffix(".json")
    whole = bytearray(values.read_bytes())
    whole[-1] ^= 1
    if harm == "values":
        values.write_bytes(whole)
    elif harm == "truncate":
        values.write_bytes(whole[:200])
    elif harm == "words":
        words.write_text('{"bad": ')
    elif harm == "foreign":
        words.write_text("[]")
    else:
        values.unlink()
    np.testing.assert_array_equal(opened(tmp_path).x, first.x)
    assert ("damaged" in caplog.text) == (harm != "missing")
    caplog.clear()
    np.testing.assert_array_equal(opened(tmp_path).x, first.x)
    assert not caplog.records


def test_a_cache_that_cannot_be_written_is_only_a_warning(tmp_path, monkeypatch, caplog):
    fill(tmp_path, ["a.png"])
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SELFSUP_CACHE", str(tmp_path / "file"))
    assert len(opened(tmp_path)) == 1
    assert "they are used all the same" in caplog.text
    assert caplog.records[-1].levelno == logging.WARNING

    def full(*given, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("SELFSUP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(np, "save", full)
    assert len(opened(tmp_path)) == 1
    assert "No space left" in caplog.text
    assert not list((tmp_path / "cache").iterdir())


def test_the_default_cache_folder(monkeypatch):
    monkeypatch.delenv("SELFSUP_CACHE")
    assert "selfsup" in str(cache.folder())


def test_an_interrupt_leaves_nothing_behind(tmp_path, monkeypatch):
    fill(tmp_path, [f"{place}.png" for place in range(50)])

    def interrupt(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(images.Progress, "due", interrupt)
    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("selfsup-decode")]
    assert not cache.folder().exists() or not list(cache.folder().iterdir())


def test_progress_is_one_line(tmp_path, monkeypatch, capsys):
    fill(tmp_path, [f"{place}.png" for place in range(8)])
    monkeypatch.setattr("selfsup.system.progress.Progress.due", lambda self: self.enabled)
    open_data(tmp_path, cache=False)
    told = capsys.readouterr().err
    assert "decoding 8 of 8 images, " in told
    assert "/s, 0 s left" in told
    open_data(tmp_path, cache=False, progress=False)
    assert capsys.readouterr().err == ""


def test_like_brings_files_to_the_trained_form(tmp_path):
    fill(tmp_path, ["a.png"], height=30, width=50)
    made = opened(tmp_path, like=Form("image", (1, 20, 28), 0.0, 1.0))
    assert made.x.shape == (1, 1, 20, 28)
    assert made.form == Form("image", (1, 20, 28), 0.0, 255.0)  # files are always black 0 to white 255
    fill(tmp_path / "grey", ["a.png"], mode="L")
    assert opened(tmp_path / "grey", like=Form("image", (3, 16, 16), 0.0, 255.0, None, 16)).x.shape == (1, 3, 16, 16)
    with pytest.raises(DataError, match="takes vectors of 5 values; these are images"):
        opened(tmp_path, like=Form("table", (5,)))
    with pytest.raises(DataError, match="7 channels"):
        opened(tmp_path, like=Form("image", (7, 16, 16)))
